//! Sysctls, and the others that change with them (net/ipv4/devinet.c, net/ipv6/addrconf.c, nf_conntrack_core.c).

use super::ChangeError;
use super::address::{flush, follow, kernel_routes, link_local};
use super::link::drop_routes;
use crate::{IpFamily, Namespace, NamespaceId, Read, Snapshot};

pub(super) fn set(
    snapshot: &mut Snapshot,
    id: NamespaceId,
    name: &str,
    value: &str,
) -> Result<(), ChangeError> {
    let ns = snapshot.namespace_mut(id).ok_or(ChangeError::NoNamespace(id))?;
    match ns.sysctls.0.get(name) {
        Some(Read::Absent { feature }) => {
            return Err(ChangeError::NotFound(format!("sysctl {name}: {feature} is not there")));
        }
        Some(_) => {}
        // A snapshot holds what the walk reads, not every sysctl: only a device's tells whether it can be there.
        None => {
            if let Some((_, device, _)) = device_part(name)
                && !matches!(device, "all" | "default")
                && ns.link_by_name(device).is_none()
            {
                return Err(ChangeError::NotFound(format!("sysctl {name}: there is no device `{device}`")));
            }
        }
    }
    let value = value.trim();
    put(ns, name, value);
    match name {
        "net.ipv4.ip_forward" | "net.ipv4.conf.all.forwarding" => {
            put(ns, "net.ipv4.ip_forward", value);
            every_device(ns, "net.ipv4.conf.", "forwarding", value);
            // A router does not take redirects (`inet_forward_change`).
            let accept = if value == "0" { "1" } else { "0" };
            put_known(ns, "net.ipv4.conf.all.accept_redirects", accept);
        }
        "net.ipv6.conf.all.forwarding" => every_device(ns, "net.ipv6.conf.", "forwarding", value),
        "net.ipv6.conf.all.disable_ipv6" => {
            every_device(ns, "net.ipv6.conf.", "disable_ipv6", value);
            let devices: Vec<u32> = ns.links.items().iter().map(|l| l.index).collect();
            devices.into_iter().for_each(|index| v6_switch(ns, index, value != "0"));
        }
        "net.netfilter.nf_conntrack_max" | "net.nf_conntrack_max" => {
            // One limit for all namespaces, under two names.
            let limit = value.parse().ok();
            for ns in &mut snapshot.namespaces {
                put_known(ns, "net.netfilter.nf_conntrack_max", value);
                put_known(ns, "net.nf_conntrack_max", value);
                if let Some(table) = ns.conntrack.value_mut() {
                    table.max = limit;
                }
            }
        }
        _ => {
            if let Some(("net.ipv6.conf.", device, "disable_ipv6")) = device_part(name)
                && let Some(index) = ns.link_by_name(device).map(|l| l.index)
            {
                v6_switch(ns, index, value != "0");
            }
        }
    }
    Ok(())
}

/// Splits `net.ipv4.conf.eth0.100.rp_filter` to its tree, device and key; a device's name may hold dots.
pub(crate) fn device_part(name: &str) -> Option<(&str, &str, &str)> {
    const TREES: [&str; 5] =
        ["net.ipv4.conf.", "net.ipv6.conf.", "net.ipv4.neigh.", "net.ipv6.neigh.", "net.mpls.conf."];
    TREES.iter().find_map(|tree| {
        let rest = name.strip_prefix(tree)?;
        let (device, key) = rest.rsplit_once('.')?;
        Some((*tree, device, key))
    })
}

fn put(ns: &mut Namespace, name: &str, value: &str) {
    ns.sysctls.0.insert(name.to_owned(), Read::Got(value.to_owned()));
}

fn put_known(ns: &mut Namespace, name: &str, value: &str) {
    if let Some(Read::Got(old)) = ns.sysctls.0.get_mut(name) {
        value.clone_into(old);
    }
}

fn every_device(ns: &mut Namespace, tree: &str, key: &str, value: &str) {
    for name in ["all", "default"] {
        put(ns, &format!("{tree}{name}.{key}"), value);
    }
    let names: Vec<String> = ns.links.items().iter().map(|l| format!("{tree}{}.{key}", l.name)).collect();
    let has_v6 = |n: &str| ns.sysctls.0.contains_key(n);
    // A device without IPv6 has no such entry; where nothing was read about a device, it is written.
    let known: Vec<String> = names.into_iter().filter(|n| tree == "net.ipv4.conf." || has_v6(n)).collect();
    known.iter().for_each(|n| put(ns, n, value));
}

/// A device loses IPv6 with all its addresses and routes, or gets its link-local address back.
fn v6_switch(ns: &mut Namespace, index: u32, off: bool) {
    if off {
        flush(ns, index, |a| a.prefix.addr.is_ipv6());
        drop_routes(ns, index, IpFamily::V6, true);
    } else if let Some(link) = ns.link(index).filter(|l| l.is_up() && l.carrier != Some(false)) {
        let Some(address) = link_local(ns, link) else { return };
        let before = kernel_routes(ns, index);
        if let Some(all) = ns.addresses.value_mut() {
            all.push(address);
        }
        follow(ns, index, &before);
    }
}
