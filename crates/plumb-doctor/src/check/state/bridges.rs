//! Bridges and their ports.

use plumb_model::{Action, Change, Link, Namespace};

use super::Look;
use super::segments::{Device, veth_end};
use crate::check::told::{Observation, Seen};
use crate::place;

/// L04: a pod's link ends in a device that is in no bridge, while the links of others in the same network are in one.
pub(super) fn detached(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    let read = |n: &Namespace| n.routes.value().is_some() && n.addresses.value().is_some();
    for (ns, n) in look.namespaces().filter(|(_, n)| read(n)) {
        for l in n.links.items().iter().filter(|l| l.master.is_none()) {
            let Some(pod) = veth_end(look.net, l).filter(|p| p.0 != ns && look.is_station(*p)) else {
                continue;
            };
            // A routed link has an address of its own or a route into it; one with a bridge on the other side is no pod's.
            let routed = n.routes.items().iter().any(|r| {
                r.dst.len > 0 && !link_local(r.dst.addr) && r.next_hops.iter().any(|h| h.oif == Some(l.index))
            });
            if routed || n.addresses.items().iter().any(|a| a.index == l.index && a.scope == 0) {
                continue;
            }
            let Some(bridge) = bridge_of_siblings(look, ns, l, pod) else { continue };
            let action = Action::SetMaster { device: l.name.clone(), master: Some(bridge.name.clone()) };
            found.push(
                Observation::new(
                    "bridge-port-detached",
                    place::device(look.net, ns, l.index, "master", "none"),
                )
                .with("device", &l.name)
                .with("bridge", &bridge.name)
                .with("pod", look.name(pod.0))
                .seen(Seen::new(
                    "master",
                    "none",
                    bridge.name.clone(),
                    n.command(&format!("ip link show {}", l.name)),
                ))
                .affects([look.name(pod.0)])
                .change(vec![Change { namespace: n.id, action }]),
            );
        }
    }
    found
}

fn link_local(addr: std::net::IpAddr) -> bool {
    match addr {
        std::net::IpAddr::V4(a) => a.is_link_local(),
        std::net::IpAddr::V6(a) => a.is_unicast_link_local() || a.is_multicast(),
    }
}

/// The bridge of a namespace that leads to the network of a pod, and that two others of that network are at.
fn bridge_of_siblings<'a>(look: &Look<'a>, ns: usize, link: &Link, pod: Device) -> Option<&'a Link> {
    /// Fewer siblings than this could be meant to be alone.
    const SIBLINGS: usize = 2;
    let n = look.ns(ns);
    let networks: Vec<_> = look.addresses(pod).map(|a| a.prefix).filter(|p| !p.is_host()).collect();
    let in_network =
        |d: Device| look.addresses(d).any(|a| networks.iter().any(|p| p.contains(a.prefix.addr)));
    n.links.items().iter().filter(|b| b.kind == "bridge" && b.is_up() && in_network((ns, b.index))).find(
        |b| {
            let ports = n.links.items().iter().filter(|l| l.master == Some(b.index) && l.index != link.index);
            ports.filter_map(|l| veth_end(look.net, l)).filter(|d| in_network(*d)).count() >= SIBLINGS
        },
    )
}

/// L05: a port does not forward though nothing keeps it from it: no spanning tree runs, its device is up.
pub(super) fn state(look: &Look<'_>) -> Vec<Observation> {
    /// `BR_STATE_FORWARDING`, and the words of `bridge link`.
    const FORWARDING: u8 = 3;
    const WORDS: [&str; 5] = ["disabled", "listening", "learning", "forwarding", "blocking"];
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        for l in n.links.items().iter().filter(|l| l.is_up() && l.carrier == Some(true)) {
            let (Some(port), Some(bridge)) = (&l.port, l.master.and_then(|m| n.link(m))) else { continue };
            let no_tree = bridge.bridge.as_ref().is_some_and(|b| b.stp_state == 0);
            if port.state == FORWARDING || !no_tree || !bridge.is_up() {
                continue;
            }
            let word = WORDS.get(usize::from(port.state)).copied().unwrap_or("unknown");
            found.push(setting(look, (ns, l.index), "bridge-port-state", "state", word, "forwarding", "3"));
        }
    }
    found
}

/// L07: a port neither floods nor learns, and no entry leads to who is behind it.
pub(super) fn no_flood(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        for l in n.links.items() {
            let Some(port) = l.port.as_ref().filter(|p| !p.flood && !p.learning) else { continue };
            let Some(behind) = veth_end(look.net, l).filter(|d| look.is_station(*d)) else { continue };
            let mac = look.link(behind).and_then(|l| l.mac);
            let known = n.fdb.items().iter().any(|e| e.index == l.index && Some(e.lladdr) == mac);
            if known || n.fdb.value().is_none() || port.locked || port.neigh_suppress {
                continue;
            }
            found.push(
                setting(look, (ns, l.index), "bridge-port-no-flood", "flood", "off", "on", "on")
                    .affects([look.name(behind.0)]),
            );
        }
    }
    found
}

fn setting(
    look: &Look<'_>,
    (ns, index): Device,
    id: &'static str,
    attribute: &str,
    seen: &str,
    right: &str,
    value: &str,
) -> Observation {
    let n = look.ns(ns);
    let name = n.link_name(index);
    let bridge = n.link(index).and_then(|l| l.master).map_or_else(String::new, |m| n.link_name(m));
    let action = Action::SetBridgePort {
        device: name.clone(),
        attribute: attribute.to_owned(),
        value: value.to_owned(),
    };
    Observation::new(id, place::port(look.net, ns, index, attribute, seen))
        .with("device", &name)
        .with("bridge", bridge)
        .with("value", seen)
        .seen(Seen::new(
            "port-setting",
            format!("{attribute} {seen}"),
            format!("{attribute} {right}"),
            n.command(&format!("bridge -d link show dev {name}")),
        ))
        .change(vec![Change { namespace: n.id, action }])
}
