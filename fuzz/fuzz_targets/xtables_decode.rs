//! Structures of xtables extensions: decoded, printed as iptables does, and encoded again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_xtables::{Match, NoSetNames, Target, XtFamily};

fuzz_target!(|data: &[u8]| {
    let [which, revision, family, info @ ..] = data else { return };
    let family = if family % 2 == 0 { XtFamily::Ip } else { XtFamily::Ip6 };
    let revision = u32::from(revision % 8);
    let at = usize::from(*which);
    let name = Match::NAMES[at % Match::NAMES.len()];
    let m = Match::decode(name, revision, family, info);
    let _ = m.options(&NoSetNames);
    if let Ok(bytes) = m.encode(revision, family) {
        assert_eq!(Match::decode(name, revision, family, &bytes), m, "{name} revision {revision}");
    }
    let name = Target::NAMES[at % Target::NAMES.len()];
    let t = Target::decode(name, revision, family, info);
    let _ = t.options(&NoSetNames);
    if let Ok(bytes) = t.encode(revision, family) {
        assert_eq!(Target::decode(name, revision, family, &bytes), t, "{name} revision {revision}");
    }
});
