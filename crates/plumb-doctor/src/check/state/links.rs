//! Devices.

use plumb_model::{Action, Change, Link, Mac};

use super::Look;
use super::segments::{Device, veth_end};
use crate::check::told::{Observation, Seen};
use crate::place;

/// L01, L02: a device that has addresses, or behind which somebody waits, is administratively down.
pub(super) fn down(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let has_addresses = |index: u32| n.addresses.items().iter().any(|a| a.index == index && a.scope == 0);
        for l in n.links.items().iter().filter(|l| !l.is_up() && !l.is_loopback()) {
            let behind = waiting_behind(look, l);
            if !has_addresses(l.index) && behind.is_none() {
                continue;
            }
            let up =
                Change { namespace: n.id, action: Action::SetLinkUp { device: l.name.clone(), up: true } };
            let affected = behind.map_or(ns, |(other, _)| other);
            let found_here =
                Observation::new("link-down", place::device(look.net, ns, l.index, "state", "DOWN"))
                    .with("device", &l.name)
                    .seen(Seen::new(
                        "device-state",
                        "DOWN",
                        "UP",
                        n.command(&format!("ip link show {}", l.name)),
                    ))
                    .affects([look.name(affected)])
                    .change(vec![up]);
            found.push(if behind.is_some() { found_here.fault("L02") } else { found_here });
        }
    }
    found
}

/// The other end of a veth pair, where it is up, has addresses and has no carrier for this end.
fn waiting_behind(look: &Look<'_>, link: &Link) -> Option<Device> {
    let end = veth_end(look.net, link)?;
    let waits = look.link(end).is_some_and(|l| l.carrier != Some(true));
    (waits && look.is_station(end)).then_some(end)
}

/// L02: a device that is up and in use has no carrier, and no device that is down explains it.
pub(super) fn no_carrier(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        for l in n.links.items().iter().filter(|l| l.is_up() && l.carrier == Some(false)) {
            let device = (ns, l.index);
            // A socket that nobody plugged a cable into is not a fault; routes by a gateway behind it are.
            let used = match l.kind.as_str() {
                "veth" => look.is_station(device),
                "" => look.is_station(device) && leads_to_gateway(look, device),
                _ => false,
            };
            let explained = veth_end(look.net, l).and_then(|end| look.link(end)).is_some_and(|l| !l.is_up());
            if !used || explained {
                continue;
            }
            let place = place::device(look.net, ns, l.index, "carrier", "off");
            found.push(
                Observation::new("link-no-carrier", place)
                    .with("device", &l.name)
                    .seen(Seen::new("carrier", "off", "on", n.command(&format!("ip link show {}", l.name))))
                    .affects([look.name(ns)]),
            );
        }
    }
    found
}

fn leads_to_gateway(look: &Look<'_>, device: Device) -> bool {
    let hops = look.ns(device.0).routes.items().iter().flat_map(|r| &r.next_hops);
    hops.into_iter().any(|h| h.oif == Some(device.1) && h.gateway.is_some())
}

/// A09: the loopback device of a namespace that somebody lives in is down: it does not reach its own addresses.
pub(super) fn loopback_down(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        // `ip netns add` leaves it down: nobody is hurt as long as nothing listens there and nobody has an address.
        let lives = n.sockets.items().iter().any(plumb_model::Socket::is_listening)
            && n.addresses.items().iter().any(|a| a.scope == 0);
        for l in n.links.items().iter().filter(|l| l.is_loopback() && !l.is_up() && lives) {
            let up =
                Change { namespace: n.id, action: Action::SetLinkUp { device: l.name.clone(), up: true } };
            found.push(
                Observation::new("loopback-down", place::device(look.net, ns, l.index, "state", "DOWN"))
                    .seen(Seen::new(
                        "device-state",
                        "DOWN",
                        "UP",
                        n.command(&format!("ip link show {}", l.name)),
                    ))
                    .affects([look.name(ns)])
                    .change(vec![up]),
            );
        }
    }
    found
}

/// L09: two on one segment have one hardware address. A bridge that took its port's address is none of them, since ports
/// have no addresses; neither are devices that share their parent's by design.
pub(super) fn duplicate_mac(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for segment in look.segments.all() {
        let own = |d: &Device| look.link(*d).and_then(|l| l.mac).filter(|m| m.0 != [0; 6]);
        let stations: Vec<Device> = segment.iter().copied().filter(|d| look.is_station(*d)).collect();
        for (i, &copy) in stations.iter().enumerate() {
            let Some(mac) = own(&copy) else { continue };
            let other = stations[..i].iter().find(|d| own(d) == Some(mac) && !seen_twice(look, **d, copy));
            let Some(&first) = other else { continue };
            // The copy is the one that gets the frames, where the bridge knows.
            let swapped = gets_frames(look, first, mac) && !gets_frames(look, copy, mac);
            let (first, copy) = if swapped { (copy, first) } else { (first, copy) };
            if !look.yardstick.looks_at(copy.0) {
                continue;
            }
            let n = look.ns(copy.0);
            let name = n.link_name(copy.1);
            let taken: Vec<Mac> = segment.iter().filter_map(own).collect();
            let action = Action::SetMac { device: name.clone(), mac: free(mac, &taken) };
            let place = place::device(look.net, copy.0, copy.1, "address", &mac.to_string());
            found.push(
                Observation::new("duplicate-mac", place)
                    .with("device", &name)
                    .with("mac", mac.to_string())
                    .with("other", look.name(first.0))
                    .seen(Seen::new("owners-of-mac", 2, 1, n.command(&format!("ip link show {name}"))))
                    .affects([look.name(copy.0), look.name(first.0)])
                    .change(vec![Change { namespace: n.id, action }]),
            );
        }
    }
    found
}

/// Whether the bridge behind a device's veth pair has learnt a hardware address there.
fn gets_frames(look: &Look<'_>, device: Device, mac: Mac) -> bool {
    let end = look.link(device).and_then(|l| veth_end(look.net, l));
    end.is_some_and(|(host, port)| {
        look.ns(host).fdb.items().iter().any(|e| e.index == port && e.lladdr == mac)
    })
}

/// Whether two devices of a whole made of several snapshots are one: the nodes of a lab stand on one machine, and each
/// one's snapshot may show the others.
fn seen_twice(look: &Look<'_>, a: Device, b: Device) -> bool {
    let joined = |d: Device| look.ns(d.0).node.is_some();
    let held = |d: Device| {
        let mut all: Vec<_> = look.addresses(d).map(|a| a.prefix).collect();
        all.sort_unstable();
        (look.ns(d.0).link_name(d.1), all)
    };
    joined(a) && joined(b) && held(a) == held(b)
}

/// A locally administered unicast address near this one that nobody has.
fn free(mac: Mac, taken: &[Mac]) -> Mac {
    let mut next = mac;
    next.0[0] = (next.0[0] | 2) & !1;
    for _ in 0..=taken.len() {
        next.0[5] = next.0[5].wrapping_add(1);
        if !taken.contains(&next) {
            break;
        }
    }
    next
}

/// M02: the two ends of a veth pair take packets of different sizes. The end with the smaller MTU drops what is larger,
/// and tells nobody (`veth_forward_skb`, `is_skb_forwardable` in net/core/dev.c).
pub(super) fn mtu_differs(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        for l in n.links.items().iter().filter(|l| l.is_up()) {
            let Some(end) = veth_end(look.net, l) else { continue };
            let Some(other) = look.link(end).filter(|o| o.is_up() && l.mtu < o.mtu) else { continue };
            let set = |namespace, device: &str, mtu| {
                let device = device.to_owned();
                vec![Change { namespace, action: Action::SetMtu { device, mtu } }]
            };
            let lower = set(look.ns(end.0).id, &other.name, l.mtu);
            let raise = set(n.id, &l.name, other.mtu);
            // What others send by a bridge would still be too large for its port.
            let bridged = l.master.is_some() || other.master.is_some();
            let (first, second) = if bridged { (raise, lower) } else { (lower, raise) };
            found.push(
                Observation::new(
                    "mtu-differs",
                    place::device(look.net, ns, l.index, "mtu", &l.mtu.to_string()),
                )
                .with("device", &l.name)
                .with("mtu", l.mtu.to_string())
                .with("peer", &other.name)
                .with("other", look.ns(end.0).name.clone())
                .with("larger", other.mtu.to_string())
                .seen(
                    Seen::new("mtu", l.mtu, other.mtu, n.command(&format!("ip link show {}", l.name)))
                        .unit("bytes"),
                )
                .affects([look.name(ns), look.name(end.0)])
                .change(first)
                .change(second),
            );
        }
    }
    found
}
