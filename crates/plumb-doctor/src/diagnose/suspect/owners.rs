//! Two who have one address: hardware addresses, and IPv6 addresses that the kernel found taken.

use std::collections::BTreeSet;

use plumb_model::{Action, Address, Change, FdbEntry, Mac, NeighbourState};
use plumb_trace::event::Event;
use plumb_trace::state::NsIndex;

use super::{Case, Suspect};
use crate::finding::Finding;
use crate::place;
use crate::report::Layer;

/// Machines that the failing packet, or what was asked for it, reached by a hardware address that another on the link has
/// too. Bridges deliver to whoever of the two spoke last.
pub(super) fn same_mac(case: &Case) -> Vec<Suspect> {
    let mut reached: Vec<(NsIndex, u32)> = Vec::new();
    for event in case.failure.all_events() {
        if let Event::Enters { ns, device } = event
            && !reached.contains(&(*ns, *device))
        {
            reached.push((*ns, *device));
        }
    }
    reached.into_iter().rev().filter_map(|at| copied(case, at)).collect()
}

fn mac(case: &Case, (ns, device): (NsIndex, u32)) -> Option<Mac> {
    let link = case.net.namespace(ns).link(device)?;
    // A port has no address of its own on the link; devices that share their parent's do so by design.
    let own = link.master.is_none() && !matches!(link.kind.as_str(), "macvlan" | "ipvlan" | "vlan");
    link.mac.filter(|m| own && m.0 != [0; 6])
}

fn copied(case: &Case, at: (NsIndex, u32)) -> Option<Suspect> {
    let mac_here = mac(case, at)?;
    let (ns, device) = at;
    let others = case.net.snapshot.namespaces.iter().enumerate().flat_map(|(i, n)| {
        let has_address = |index| n.addresses.items().iter().any(|a| a.index == index && a.scope == 0);
        n.links.items().iter().filter(move |l| l.is_up() && has_address(l.index)).map(move |l| (i, l.index))
    });
    let twin = |other: &(NsIndex, u32)| {
        *other != at && mac(case, *other) == Some(mac_here) && case.on_one_link(at, *other)
    };
    let (other, _) = others.into_iter().find(twin)?;
    let n = case.net.namespace(ns);
    let name = n.link_name(device);
    let mut changes =
        vec![case.change(ns, Action::SetMac { device: name.clone(), mac: unused(case, mac_here) })];
    changes.extend(unlearnt(case, at, mac_here));
    let finding = Finding::DuplicateMac {
        namespace: case.name(ns),
        device: name,
        mac: mac_here.to_string(),
        other: case.name(other),
    };
    let place = place::device(case.net, ns, device, "address", &mac_here.to_string());
    Some(Suspect::new(finding, place, Layer::Addressing, vec![changes]).must_connect())
}

/// A locally administered unicast address near this one that nobody has.
fn unused(case: &Case, mac: Mac) -> Mac {
    let links = case.net.snapshot.namespaces.iter().flat_map(|n| n.links.items());
    let taken: BTreeSet<[u8; 6]> = links.filter_map(|l| l.mac.map(|m| m.0)).collect();
    let mut next = mac;
    next.0[0] = (next.0[0] | 2) & !1;
    for _ in 0..=u8::MAX {
        next.0[5] = next.0[5].wrapping_add(1);
        if !taken.contains(&next.0) {
            break;
        }
    }
    next
}

/// What others know of the copy, and would go on by: entries of the bridges on the way, their entries for its addresses.
fn unlearnt(case: &Case, (ns, device): (NsIndex, u32), mac: Mac) -> Vec<Change> {
    let n = case.net.namespace(ns);
    let mut changes = Vec::new();
    let mut bridges: Vec<(NsIndex, u32)> = Vec::new();
    for event in case.failure.all_events() {
        if let Event::Bridge { ns, bridge, .. } = event
            && !bridges.contains(&(*ns, *bridge))
        {
            bridges.push((*ns, *bridge));
        }
    }
    for (host, bridge) in bridges {
        let h = case.net.namespace(host);
        let learnt = |e: &&FdbEntry| {
            e.master == Some(bridge) && e.lladdr == mac && e.state.0 & NeighbourState::PERMANENT.0 == 0
        };
        for entry in h.fdb.items().iter().filter(learnt) {
            let action = Action::DeleteFdb { device: h.link_name(entry.index), entry: entry.clone() };
            changes.push(case.change(host, action));
        }
    }
    let addresses = n.addresses.items().iter().filter(|a| a.index == device);
    let addresses: Vec<_> = addresses.map(|a| a.prefix.addr).collect();
    for (i, m) in case.net.snapshot.namespaces.iter().enumerate() {
        let known = m.neighbours.items().iter();
        let known = known.filter(|e| e.lladdr == Some(mac) && addresses.contains(&e.addr));
        for e in known.filter(|e| case.on_one_link((ns, device), (i, e.index))) {
            let action = Action::DeleteNeighbour { device: m.link_name(e.index), address: e.addr };
            changes.push(case.change(i, action));
        }
    }
    changes
}

/// Devices that would have an address, had duplicate address detection not found it taken.
pub(super) fn not_used(case: &Case, address: std::net::IpAddr) -> Vec<Suspect> {
    let all = case.net.snapshot.namespaces.iter().enumerate();
    all.flat_map(|(ns, n)| n.addresses.items().iter().map(move |a| (ns, a)))
        .filter(|(_, a)| a.prefix.addr == address)
        .filter_map(|(ns, a)| failed(case, ns, a))
        .collect()
}

/// Senders that take another source, since their own address was found taken.
pub(super) fn other_source(case: &Case) -> Vec<Suspect> {
    if case.flow.dst.is_ipv4() {
        return Vec::new();
    }
    let senders: BTreeSet<NsIndex> = case.senders().collect();
    senders
        .into_iter()
        .flat_map(|ns| case.net.namespace(ns).addresses.items().iter().map(move |a| (ns, a)))
        .filter(|(_, a)| a.scope == 0)
        .filter_map(|(ns, a)| failed(case, ns, a))
        .map(Suspect::must_connect)
        .collect()
}

/// An address that failed, and that nobody else has by now: it can be used once it is given again.
fn failed(case: &Case, ns: NsIndex, a: &Address) -> Option<Suspect> {
    // Other networks of the machine may use the same addresses.
    let others = case.net.snapshot.namespaces.iter().enumerate().any(|(o, n)| {
        let same = n.addresses.items().iter().filter(|b| b.prefix.addr == a.prefix.addr);
        let mut used = same.filter(|b| b.flags & Address::DADFAILED == 0);
        o != ns && used.any(|b| case.on_one_link((ns, a.index), (o, b.index)))
    });
    if a.flags & Address::DADFAILED == 0 || others {
        return None;
    }
    let device = case.net.device_name(ns, a.index);
    let flags = a.flags & !(Address::DADFAILED | Address::TENTATIVE) | Address::NODAD;
    let again = Address { flags, ..a.clone() };
    let cure = vec![
        case.change(ns, Action::DeleteAddress { device: device.clone(), address: a.clone() }),
        case.change(ns, Action::AddAddress { device: device.clone(), address: again }),
    ];
    let finding = Finding::DadFailed { namespace: case.name(ns), device, address: a.prefix.addr.to_string() };
    let place = place::address(case.net, ns, a.index, a.prefix.addr);
    Some(Suspect::new(finding, place, Layer::Addressing, vec![cure]))
}
