//! Neighbour entries, and questions for hardware addresses that nobody answers.

use std::net::IpAddr;

use plumb_model::{Action, Change, Link, Neighbour, NeighbourState};

use super::Look;
use super::segments::{Device, veth_end};
use crate::check::told::{Observation, Seen};
use crate::place;

/// N02: a permanent entry leads to a hardware address that nobody near has, while the owner of the IP address is there
/// with another.
pub(super) fn wrong(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let permanent = |e: &&Neighbour| {
            e.state == NeighbourState::PERMANENT && e.flags & Neighbour::PROXY == 0 && e.lladdr.is_some()
        };
        for e in n.neighbours.items().iter().filter(permanent) {
            let device = (ns, e.index);
            let owner = look.owner_near(device, e.addr);
            let Some(owner) = owner.filter(|o| o.0 != ns && !look.is_assumed(o.0)) else { continue };
            let Some(right) = look.link(owner).and_then(|l| l.mac) else { continue };
            // An address of a virtual router belongs to another device of the same machine.
            let near = look.segments.around(device).iter();
            let known = near.flat_map(|d| look.ns(d.0).links.items()).any(|l| l.mac == e.lladdr);
            if known || Some(right) == e.lladdr {
                continue;
            }
            let name = n.link_name(e.index);
            let action = Action::DeleteNeighbour { device: name.clone(), address: e.addr };
            let place = place::neighbour(look.net, ns, e.index, e.addr, e.lladdr);
            found.push(
                Observation::new("neighbour-wrong", place)
                    .with("device", &name)
                    .with("address", e.addr.to_string())
                    .with("lladdr", e.lladdr.map(|m| m.to_string()).unwrap_or_default())
                    .with("right", right.to_string())
                    .with("owner", look.name(owner.0))
                    .seen(Seen::new(
                        "lladdr",
                        e.lladdr.map(|m| m.to_string()),
                        right.to_string(),
                        n.command(&format!("ip neigh show {}", e.addr)),
                    ))
                    .affects([look.name(ns)])
                    .change(vec![Change { namespace: n.id, action }]),
            );
        }
    }
    found
}

/// N04: somebody asked for an address and got no answer, since its owner never answers (`arp_ignore`).
pub(super) fn no_answer(look: &Look<'_>) -> Vec<Observation> {
    /// Answers nobody (`arp_ignore` in net/ipv4/arp.c).
    const NEVER: i64 = 8;
    let mut found: Vec<Observation> = Vec::new();
    for (ns, n) in look.namespaces() {
        for l in n.links.items().iter().filter(|l| look.is_station((ns, l.index))) {
            let keys =
                [format!("net.ipv4.conf.{}.arp_ignore", l.name), "net.ipv4.conf.all.arp_ignore".to_owned()];
            // The larger of both holds.
            let value = |key: &str| n.sysctls.number(key).unwrap_or(0);
            let Some(key) = keys.iter().find(|k| value(k) == NEVER) else { continue };
            if keys.iter().any(|k| value(k) > NEVER) {
                continue;
            }
            let Some((asker, address)) = asked_in_vain(look, (ns, l.index)) else { continue };
            let zero = |k: &String| Change {
                namespace: n.id,
                action: Action::SetSysctl { name: k.clone(), value: "0".to_owned() },
            };
            let changes = keys.iter().filter(|k| value(k) == NEVER).map(zero).collect();
            found.push(
                Observation::new("neighbour-no-answer", place::sysctl(look.net, ns, key, "8"))
                    .with("sysctl", key)
                    .with("value", "8")
                    .with("address", address.to_string())
                    .with("asker", look.name(asker))
                    .seen(Seen::new("sysctl", "8", "0", n.command(&format!("sysctl {key}"))))
                    .affects([look.name(asker)])
                    .change(changes),
            );
        }
    }
    found
}

/// Somebody on the segment whose entry for an IPv4 address of this device failed.
fn asked_in_vain(look: &Look<'_>, device: Device) -> Option<(usize, IpAddr)> {
    let failed = NeighbourState::FAILED.0 | NeighbourState::INCOMPLETE.0;
    look.segments.around(device).iter().filter(|d| d.0 != device.0).find_map(|&(ns, index)| {
        look.ns(ns)
            .neighbours
            .items()
            .iter()
            .filter(|e| e.index == index && e.addr.is_ipv4() && e.state.0 & failed != 0)
            .find(|e| look.addresses(device).any(|a| a.prefix.addr == e.addr))
            .map(|e| (ns, e.addr))
    })
}

/// N05: a pod's gateway is a link-local address that nobody has, and the node's end of its link, which should answer for
/// it, has `proxy_arp` off.
pub(super) fn proxy_off(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (pod, p) in look.snapshot.namespaces.iter().enumerate() {
        for r in p.routes.items().iter().filter(|r| r.dst.len == 0) {
            let [hop] = r.next_hops.as_slice() else { continue };
            let (Some(IpAddr::V4(gateway)), Some(oif)) = (hop.gateway, hop.oif) else { continue };
            let Some(end) = p.link(oif).and_then(|l| veth_end(look.net, l)) else { continue };
            let known = p.neighbours.items().iter().any(|e| {
                e.index == oif && e.addr == IpAddr::V4(gateway) && e.state.is_valid() && e.lladdr.is_some()
            });
            let unread = p.neighbours.value().is_none() || look.ns(end.0).addresses.value().is_none();
            if !gateway.is_link_local() || known || unread || !look.yardstick.looks_at(end.0) {
                continue;
            }
            found.extend(silent_end(look, pod, end, gateway.into()));
        }
    }
    found
}

fn silent_end(look: &Look<'_>, pod: usize, end: Device, gateway: IpAddr) -> Option<Observation> {
    let n = look.ns(end.0);
    let l: &Link = look.link(end).filter(|l| l.is_up() && l.master.is_none())?;
    let on = |device: &str| n.sysctls.number(&format!("net.ipv4.conf.{device}.proxy_arp"));
    let has_it = n.addresses.items().iter().any(|a| a.prefix.addr == gateway);
    let proxies = n.neighbours.items().iter().any(|e| e.flags & Neighbour::PROXY != 0 && e.addr == gateway);
    if on(&l.name) != Some(0) || on("all").unwrap_or(0) != 0 || has_it || proxies {
        return None;
    }
    let key = format!("net.ipv4.conf.{}.proxy_arp", l.name);
    let action = Action::SetSysctl { name: key.clone(), value: "1".to_owned() };
    Some(
        Observation::new("neighbour-no-answer", place::sysctl(look.net, end.0, &key, "0"))
            .fault("N05")
            .with("sysctl", &key)
            .with("value", "0")
            .with("address", gateway.to_string())
            .with("asker", look.name(pod))
            .seen(Seen::new("sysctl", "0", "1", n.command(&format!("sysctl {key}"))))
            .affects([look.name(pod)])
            .change(vec![Change { namespace: n.id, action }]),
    )
}
