//! Whether the kernel has a subsystem already, so that asking for it loads nothing.
//!
//! A module that is loaded has a folder in /sys/module. One that is built in may have none; then the list of built-in
//! modules tells, and where that is missing the kernel's symbols. A kernel that can load no modules may be asked freely.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Subsystems whose mere asking may load a module, with a symbol that only they have.
const KNOWN: &[(&str, &str)] = &[
    ("nfnetlink", "nfnetlink_rcv"),
    ("nf_tables", "nf_tables_newrule"),
    ("nf_conntrack_netlink", "ctnetlink_dump_table"),
    ("inet_diag", "inet_diag_dump"),
    ("tcp_diag", "tcp_diag_dump"),
    ("udp_diag", "udp_diag_dump"),
    ("ip_set", "ip_set_dump_start"),
    ("nfnetlink_hook", "nfnl_hook_dump"),
];

/// What may be asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Features {
    present: BTreeSet<&'static str>,
    /// BPF programs that every process of the machine passes.
    pub(crate) programs: Vec<String>,
}

impl Features {
    /// Looks once.
    pub(crate) fn detect() -> Self {
        if loads_nothing() {
            return Self { present: KNOWN.iter().map(|(name, _)| *name).collect(), programs: Vec::new() };
        }
        let mut present: BTreeSet<_> =
            KNOWN.iter().map(|(name, _)| *name).filter(|name| is_loaded(name)).collect();
        if present.len() < KNOWN.len() {
            present.extend(built_in());
        }
        Self { present, programs: Vec::new() }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.present.contains(name)
    }
}

/// No support for modules at all, or loading was switched off for good.
fn loads_nothing() -> bool {
    let switched_off = fs::read_to_string("/proc/sys/kernel/modules_disabled").is_ok_and(|v| v.trim() == "1");
    switched_off || (Path::new("/proc/self").exists() && !Path::new("/proc/modules").exists())
}

fn is_loaded(name: &str) -> bool {
    let folder = Path::new("/sys/module").join(name);
    // A module that is being loaded or unloaded is not there yet, or no more.
    folder.exists() && fs::read_to_string(folder.join("initstate")).map_or(true, |s| s.trim() == "live")
}

fn built_in() -> Vec<&'static str> {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let list = fs::read_to_string(format!("/lib/modules/{release}/modules.builtin"));
    if let Ok(list) = list {
        return in_list(&list);
    }
    fs::read("/proc/kallsyms").map(|s| in_symbols(&String::from_utf8_lossy(&s))).unwrap_or_default()
}

/// Lines such as `kernel/net/netfilter/nf_tables.ko`.
fn in_list(list: &str) -> Vec<&'static str> {
    let names: BTreeSet<&str> =
        list.lines().filter_map(|l| l.rsplit('/').next()?.strip_suffix(".ko")).collect();
    // File names may have a dash where the module has an underscore.
    let has = |name: &str| names.contains(name) || names.contains(name.replace('_', "-").as_str());
    KNOWN.iter().map(|(name, _)| *name).filter(|name| has(name)).collect()
}

/// Lines such as `ffffffff81fa1aa0 t ctnetlink_dump_table`; a module's own have its name in brackets behind.
fn in_symbols(text: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace().skip(2);
        let Some(symbol) = words.next() else { continue };
        if words.next().is_some() {
            continue;
        }
        found.extend(KNOWN.iter().filter(|(_, s)| *s == symbol).map(|(name, _)| *name));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_by_list_or_symbol() {
        assert_eq!(in_list("kernel/net/netfilter/nf_tables.ko\nkernel/x/y.ko\n"), ["nf_tables"]);
        let symbols =
            "0000000000000000 t ctnetlink_dump_table\n0000000000000000 t udp_diag_dump\t[udp_diag]\n";
        assert_eq!(in_symbols(symbols), ["nf_conntrack_netlink"]);
    }
}
