//! resolv.conf, the hosts file, nsswitch.conf.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_model::{HostsEntry, HostsSource, ResolvConf};

fuzz_target!(|text: &str| {
    let (conf, odd) = ResolvConf::parse(text);
    assert!(conf.options.ndots <= 15 && conf.options.timeout <= 30 && conf.options.attempts <= 5);
    assert!(odd.iter().all(|o| o.line >= 1 && o.line <= text.lines().count()));
    let (hosts, _) = HostsEntry::parse_all(text);
    assert!(hosts.iter().all(|h| !h.names.is_empty()));
    let (order, _) = HostsSource::parse_order(text);
    for source in order.iter().flatten() {
        assert!(!source.name.is_empty());
        let _ = source.ends_when_not_found();
    }
});
