//! Network namespaces with names that no other process uses, removed when their guard goes.

use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Failure, Result};
use crate::shell;

/// First part of every namespace name made here; the process id follows.
const PREFIX: &str = "plumbtest";

/// Settings every namespace starts with, so that what is measured does not depend on the machine's defaults.
///
/// ICMP errors are never held back (`spec` of the report: limits count as unspent), reverse path filters are
/// off until a scenario sets one, IPv6 addresses are usable at once, and echo needs no raw socket. Bridged
/// packets do not visit the IP hooks unless a scenario says so. Keys that a kernel lacks are skipped.
const SETTINGS: &[&str] = &[
    "net.ipv4.icmp_ratelimit=0",
    "net.ipv4.icmp_msgs_per_sec=100000",
    "net.ipv4.icmp_msgs_burst=100000",
    "net.ipv6.icmp.ratelimit=0",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    "net.ipv6.conf.all.disable_ipv6=0",
    "net.ipv6.conf.default.disable_ipv6=0",
    "net.ipv6.conf.all.accept_dad=0",
    "net.ipv6.conf.default.accept_dad=0",
    "net.ipv6.conf.default.accept_ra=0",
    "net.ipv6.conf.default.router_solicitations=0",
    "net.ipv4.ping_group_range=0 2147483647",
    "net.bridge.bridge-nf-call-iptables=0",
    "net.bridge.bridge-nf-call-ip6tables=0",
    "net.bridge.bridge-nf-call-arptables=0",
];

static RUNS: AtomicU32 = AtomicU32::new(0);
static SWEPT: Once = Once::new();

/// A network namespace that lives as long as this value.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes the namespace, sets its loopback up and [its settings](SETTINGS).
    pub fn create(name: String) -> Result<Self> {
        shell::run(
            &format!("making namespace {name}"),
            r#"ip netns add "$name""#,
            &[("name".into(), name.clone())],
        )?;
        let made = Self { name };
        let settings = SETTINGS.iter().map(|s| format!("'{s}'")).collect::<Vec<_>>().join(" ");
        let script =
            format!("ip -n \"$name\" link set lo up\nip netns exec \"$name\" sysctl -qew {settings}");
        shell::run(
            &format!("setting up namespace {}", made.name),
            &script,
            &[("name".into(), made.name.clone())],
        )?;
        Ok(made)
    }

    /// Its name under `/run/netns`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(failure) = shell::try_run("ip", &["netns", "del", &self.name]) {
            eprintln!("removing namespace {}: {failure}", self.name);
        }
    }
}

/// The first part of the namespace names of one built network; differs for every call in every process.
pub fn unique_prefix() -> String {
    SWEPT.call_once(sweep);
    format!("{PREFIX}{}x{}-", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed))
}

/// Removes labs and namespaces of earlier test processes that were ended before they could.
fn sweep() {
    for lab in plumb_lab::labs().into_iter().filter(|name| left_behind(name)) {
        if let Err(error) = plumb_lab::down(&lab) {
            eprintln!("removing lab {lab}: {error}");
        }
    }
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return };
    for name in entries.flatten().filter_map(|e| e.file_name().into_string().ok()) {
        if left_behind(&name) {
            drop(Namespace { name });
        }
    }
}

/// Whether a name is of a test process that is gone.
fn left_behind(name: &str) -> bool {
    let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('x')).map(|(pid, _)| pid);
    owner.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists())
}

/// Fails with a clear word where the process may not make namespaces.
pub fn need_root() -> Result<()> {
    let uid = rustix::process::geteuid().as_raw();
    if uid == 0 { Ok(()) } else { Err(Failure::NotRoot { uid }) }
}
