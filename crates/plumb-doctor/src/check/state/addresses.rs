//! Addresses.

use std::net::IpAddr;

use plumb_model::{Action, Address, Change, IpFamily, Prefix, Protocol};

use super::Look;
use super::segments::Device;
use crate::check::told::{Observation, Seen};
use crate::place;

/// A01: two on one segment have one address. One hardware address for both is a gateway that is made to be everywhere.
pub(super) fn twice(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for segment in look.segments.all() {
        let stations: Vec<Device> = segment.iter().copied().filter(|d| look.is_station(*d)).collect();
        for (i, &second) in stations.iter().enumerate() {
            for a in look.addresses(second) {
                let has_it = |d: &&Device| {
                    d.0 != second.0
                        && look.addresses(**d).any(|b| b.prefix.addr == a.prefix.addr)
                        && look.link(**d).map(|l| l.mac) != look.link(second).map(|l| l.mac)
                };
                let Some(&first) = stations[..i].iter().find(has_it) else { continue };
                // Who serves it is its owner.
                let (copy, owner) = if serves(look, second) && !serves(look, first) {
                    (first, second)
                } else {
                    (second, first)
                };
                found.extend(duplicate(look, copy, owner, a.prefix.addr));
            }
        }
    }
    found
}

fn serves(look: &Look<'_>, device: Device) -> bool {
    let sockets = look.ns(device.0).sockets.items();
    sockets.iter().any(|s| s.is_listening() && s.protocol == Protocol::TCP && !s.src.is_loopback())
}

fn duplicate(look: &Look<'_>, copy: Device, owner: Device, addr: IpAddr) -> Option<Observation> {
    if !look.yardstick.looks_at(copy.0) {
        return None;
    }
    let n = look.ns(copy.0);
    let address = look.addresses(copy).find(|a| a.prefix.addr == addr)?;
    let device = n.link_name(copy.1);
    let delete = Action::DeleteAddress { device: device.clone(), address: address.clone() };
    let mut changes = vec![Change { namespace: n.id, action: delete }];
    // Whoever holds the copy's hardware address must ask again.
    let mac = look.link(copy)?.mac;
    for m in &look.snapshot.namespaces {
        for e in m.neighbours.items().iter().filter(|e| e.addr == addr && e.lladdr == mac && mac.is_some()) {
            let action = Action::DeleteNeighbour { device: m.link_name(e.index), address: addr };
            changes.push(Change { namespace: m.id, action });
        }
    }
    Some(
        Observation::new("duplicate-address", place::address(look.net, copy.0, copy.1, addr))
            .with("device", &device)
            .with("address", addr.to_string())
            .with("other", look.name(owner.0))
            .seen(Seen::new("owners-of-address", 2, 1, n.command(&format!("ip address show {device}"))))
            .affects([look.name(copy.0), look.name(owner.0)])
            .change(changes),
    )
}

/// A04: duplicate address detection found another owner, and the address is not used (`addrconf_dad_failure`).
pub(super) fn dad_failed(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        for a in n.addresses.items().iter().filter(|a| a.flags & Address::DADFAILED != 0) {
            let device = n.link_name(a.index);
            found.push(
                Observation::new("address-dad-failed", place::address(look.net, ns, a.index, a.prefix.addr))
                    .with("device", &device)
                    .with("address", a.prefix.addr.to_string())
                    .seen(Seen::new(
                        "address-flags",
                        "dadfailed",
                        "",
                        n.command(&format!("ip -6 address show {device}")),
                    ))
                    .affects([look.name(ns)]),
            );
        }
    }
    found
}

/// A02: one on a segment has another prefix length than all others, and an address that is in use falls on the wrong side.
pub(super) fn prefixes(look: &Look<'_>) -> Vec<Observation> {
    /// So many others must agree on the right length.
    const MAJORITY: usize = 2;
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        for a in
            n.addresses.items().iter().filter(|a| a.scope == 0 && a.peer.is_none() && !a.prefix.is_host())
        {
            let device = (ns, a.index);
            if !look.is_station(device) {
                continue;
            }
            let others: Vec<Prefix> = look
                .stations(device)
                .filter(|d| *d != device)
                .flat_map(|d| look.addresses(d))
                .map(|b| b.prefix)
                .filter(|p| !p.is_host() && p.family() == a.prefix.family() && overlap(*p, a.prefix))
                .collect();
            let Some(len) = others.first().map(|p| p.len).filter(|len| *len != a.prefix.len) else {
                continue;
            };
            if others.len() < MAJORITY || others.iter().any(|p| p.len != len) {
                continue;
            }
            let right = Prefix::new(a.prefix.addr, len);
            let (id, hurt) = if a.prefix.len < len {
                ("prefix-too-wide", taken_for_neighbour(look, device, a.prefix, right))
            } else {
                let outside = others.iter().map(|p| p.addr).find(|p| !a.prefix.contains(*p));
                ("prefix-too-narrow", outside)
            };
            let Some(address) = hurt else { continue };
            let name = n.link_name(a.index);
            let corrected = Address { prefix: right, broadcast: None, ..a.clone() };
            let change = |action| Change { namespace: n.id, action };
            found.push(
                Observation::new(id, place::address(look.net, ns, a.index, a.prefix.addr))
                    .with("device", &name)
                    .with("prefix", a.prefix.to_string())
                    .with("length", len.to_string())
                    .with("address", address.to_string())
                    .seen(Seen::new(
                        "prefix-length",
                        a.prefix.len,
                        len,
                        n.command(&format!("ip address show {name}")),
                    ))
                    .affects([look.name(ns)])
                    .change(vec![
                        change(Action::AddAddress { device: name.clone(), address: corrected }),
                        change(Action::DeleteAddress { device: name.clone(), address: a.clone() }),
                    ]),
            );
        }
    }
    found
}

fn overlap(a: Prefix, b: Prefix) -> bool {
    a.contains(b.addr) || b.contains(a.addr)
}

/// An address that the wide prefix takes for a neighbour though its owner is on another segment.
fn taken_for_neighbour(look: &Look<'_>, device: Device, wide: Prefix, right: Prefix) -> Option<IpAddr> {
    let near = look.segments.around(device);
    // Somebody who answers for others makes it right.
    let proxied = near.iter().any(|d| {
        let sysctls = &look.ns(d.0).sysctls;
        let name = look.ns(d.0).link_name(d.1);
        ["all", &name]
            .iter()
            .any(|dev| sysctls.number(&format!("net.ipv4.conf.{dev}.proxy_arp")).unwrap_or(0) != 0)
    });
    if proxied {
        return None;
    }
    look.snapshot.namespaces.iter().enumerate().find_map(|(ns, n)| {
        let elsewhere = |a: &&Address| {
            a.scope == 0
                && wide.contains(a.prefix.addr)
                && !right.contains(a.prefix.addr)
                && !near.contains(&(ns, a.index))
                && !n.link(a.index).is_some_and(plumb_model::Link::is_loopback)
        };
        n.addresses.items().iter().find(elsewhere).map(|a| a.prefix.addr)
    })
}

/// H-04: IPv6 is off on one device while it is on for all others of its segment.
pub(super) fn ipv6_disabled(look: &Look<'_>) -> Vec<Observation> {
    /// So many others must have IPv6.
    const MAJORITY: usize = 2;
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let off = |device: &str| {
            n.sysctls.number(&format!("net.ipv6.conf.{device}.disable_ipv6")).unwrap_or(0) != 0
        };
        if off("all") || off("default") {
            continue;
        }
        for l in n.links.items().iter().filter(|l| off(&l.name) && look.is_station((ns, l.index))) {
            let device = (ns, l.index);
            let others: Vec<Device> = look.stations(device).filter(|d| d.0 != ns).collect();
            let networks: Vec<Vec<Prefix>> = others.iter().map(|d| v6_networks(look, *d)).collect();
            let all_have = others.len() >= MAJORITY && networks.iter().all(|n| !n.is_empty());
            if !all_have {
                continue;
            }
            let key = format!("net.ipv6.conf.{}.disable_ipv6", l.name);
            let action = Action::SetSysctl { name: key.clone(), value: "0".to_owned() };
            found.push(
                Observation::new("ipv6-disabled", place::sysctl(look.net, ns, &key, "1"))
                    .with("device", &l.name)
                    .with("network", networks.concat()[0].masked().to_string())
                    .seen(Seen::new("sysctl", "1", "0", n.command(&format!("sysctl {key}"))))
                    .affects([look.name(ns)])
                    .change(vec![Change { namespace: n.id, action }]),
            );
        }
    }
    found
}

fn v6_networks(look: &Look<'_>, device: Device) -> Vec<Prefix> {
    look.addresses(device).map(|a| a.prefix).filter(|p| p.family() == IpFamily::V6).collect()
}
