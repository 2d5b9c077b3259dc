//! Other engines that hold something in a namespace and that are not read: named, so that they are not passed over.

use std::fs;

/// Of the calling thread's namespace.
pub(super) fn read() -> Vec<String> {
    let mut engines = Vec::new();
    if let Ok(names) = fs::read_to_string("/proc/thread-self/net/arp_tables_names") {
        engines.extend(names.split_ascii_whitespace().map(|name| format!("arptables {name}")));
    }
    // Two lines of head, then a line for each service and each destination.
    if let Ok(services) = fs::read_to_string("/proc/thread-self/net/ip_vs") {
        let count = services.lines().skip(3).filter(|l| !l.trim_start().starts_with("->")).count();
        if count > 0 {
            engines.push(format!("IPVS: {count} services"));
        }
    }
    // The tables of ebtables-legacy are modules; they name their rules nowhere but to a caller that may create them.
    for table in ["ebtable_filter", "ebtable_nat", "ebtable_broute"] {
        if fs::exists(format!("/sys/module/{table}")).unwrap_or(false) {
            engines.push(format!("ebtables-legacy ({table} is loaded)"));
        }
    }
    engines
}
