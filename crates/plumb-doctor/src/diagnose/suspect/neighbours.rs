//! Hardware addresses that are wrong, and questions for them that nobody answers.

use std::net::IpAddr;

use plumb_model::{Action, Mac, NeighbourState};
use plumb_trace::event::{BridgeHow, Event, NeighbourHow};
use plumb_trace::state::NsIndex;

use super::{Case, Suspect, disabled, links, nat, owners, proxies, routes};
use crate::finding::{Finding, Shown, ShownWhat};
use crate::place;
use crate::report::Layer;

/// Who has the address keeps silent because of a sysctl.
pub(super) fn ignored(case: &Case, ns: NsIndex, name: &str, value: &str, addr: IpAddr) -> Suspect {
    let finding = Finding::NoNeighbourAnswer {
        namespace: case.name(ns),
        sysctl: name.to_owned(),
        value: value.to_owned(),
        address: addr.to_string(),
    };
    let mut alternatives = vec![vec![case.set_sysctl(ns, name, "0")]];
    // The larger of `all` and the device's holds: both may have to go.
    if let Some((family, key)) = name
        .strip_prefix("net.")
        .and_then(|n| n.split_once(".conf."))
        .and_then(|(f, k)| Some((f, k.rsplit_once('.')?.1)))
    {
        let all = format!("net.{family}.conf.all.{key}");
        if all != name {
            alternatives.push(vec![case.set_sysctl(ns, name, "0"), case.set_sysctl(ns, &all, "0")]);
        }
    }
    let read_with = case.command(ns, &format!("sysctl {name}"));
    let shown = Shown::new(ShownWhat::Sysctl, value, "0", read_with);
    Suspect::new(finding, place::sysctl(case.net, ns, name, value), Layer::Sysctl, alternatives).show([shown])
}

/// Nobody answers. `lost`: the question itself ended somewhere, and that is asked about elsewhere.
pub(super) fn nobody(case: &Case, ns: NsIndex, device: u32, addr: IpAddr, lost: bool) -> Vec<Suspect> {
    let mut out = Vec::new();
    out.extend(owners::not_used(case, addr));
    out.extend(astray_translation(case, addr));
    for owner in case.net.owners_of(addr) {
        let n = case.net.namespace(owner);
        for a in n.addresses.items().iter().filter(|a| a.prefix.addr == addr) {
            out.extend(detached(case, owner, a.index, addr));
        }
    }
    out.extend(detached(case, ns, device, addr));
    out.extend(too_wide(case, ns, device, addr));
    out.extend(disabled::asked_for(case, ns, device, addr));
    out.extend(routes::astray(case, ns, addr, case.failure.packet));
    if lost {
        return out;
    }
    out.extend(proxies::gateway(case, ns, device, addr));
    out.extend(proxies::routers(case, ns, device, addr));
    let finding = Finding::NeighbourMissing {
        namespace: case.name(ns),
        device: case.net.device_name(ns, device),
        address: addr.to_string(),
    };
    let entry = place::neighbour(case.net, ns, device, addr, None);
    out.push(Suspect::new(finding, entry, Layer::Neighbour, Vec::new()));
    out
}

fn astray_translation(case: &Case, addr: IpAddr) -> Option<Suspect> {
    (!case.is_owned(addr)).then(|| nat::to_nobody(case, addr)).flatten()
}

/// A link ends in a device that is down, or that no bridge has though one leads to the address.
fn detached(case: &Case, ns: NsIndex, device: u32, addr: IpAddr) -> Vec<Suspect> {
    let mut out = Vec::new();
    let Some(link) = case.net.namespace(ns).link(device) else { return out };
    if !link.is_up() {
        out.push(links::down(case, ns, link.index));
    }
    let Some((host, end)) = link.peer.and_then(|p| Some((case.net.index_of(p.namespace)?, p.index))) else {
        return out;
    };
    let h = case.net.namespace(host);
    let Some(end) = h.link(end) else { return out };
    if !end.is_up() {
        out.push(links::down(case, host, end.index));
    }
    let routed = h.addresses.items().iter().any(|x| x.index == end.index && x.scope != 253);
    if end.master.is_some() || routed {
        return out;
    }
    for bridge in h.links.items().iter().filter(|l| l.kind == "bridge") {
        let leads_there =
            h.addresses.items().iter().any(|x| x.index == bridge.index && x.prefix.contains(addr));
        let has_ports = h.links.items().iter().any(|l| l.master == Some(bridge.index));
        if !(leads_there || has_ports) {
            continue;
        }
        let finding = Finding::NotInBridge {
            namespace: case.name(host),
            device: end.name.clone(),
            bridge: bridge.name.clone(),
        };
        let action = Action::SetMaster { device: end.name.clone(), master: Some(bridge.name.clone()) };
        let place = place::device(case.net, host, end.index, "master", "none");
        out.push(Suspect::new(finding, place, Layer::Link, vec![vec![case.change(host, action)]]));
    }
    out
}

/// The asker's own prefix covers an address that is not on its link: narrowed to what its neighbours have, the packet
/// would go by a router.
fn too_wide(case: &Case, ns: NsIndex, device: u32, addr: IpAddr) -> Vec<Suspect> {
    let n = case.net.namespace(ns);
    let mut out = Vec::new();
    for own in n.addresses.items().iter().filter(|a| a.index == device && a.prefix.contains(addr)) {
        let mut narrower: Vec<u8> = case
            .net
            .snapshot
            .namespaces
            .iter()
            .flat_map(|m| m.addresses.items())
            .filter(|a| a.prefix.len > own.prefix.len && !a.prefix.is_host())
            .filter(|a| a.prefix.contains(own.prefix.addr) && !a.prefix.contains(addr))
            .map(|a| a.prefix.len)
            .collect();
        narrower.sort_unstable();
        narrower.dedup();
        let device = n.link_name(device);
        let cures = narrower.into_iter().map(|len| {
            let right = plumb_model::Address {
                prefix: plumb_model::Prefix::new(own.prefix.addr, len),
                broadcast: None,
                ..own.clone()
            };
            vec![
                case.change(ns, Action::AddAddress { device: device.clone(), address: right }),
                case.change(ns, Action::DeleteAddress { device: device.clone(), address: own.clone() }),
            ]
        });
        let finding = Finding::PrefixTooWide {
            namespace: case.name(ns),
            device: device.clone(),
            prefix: own.prefix.to_string(),
            address: addr.to_string(),
        };
        let place = place::address(case.net, ns, own.index, own.prefix.addr);
        out.push(Suspect::new(finding, place, Layer::Addressing, cures.collect()).must_connect());
    }
    out
}

/// A frame came to a device with another hardware address: the neighbour entry it was sent by, or the forwarding
/// entry that sent it there, is wrong.
pub(super) fn other_host(case: &Case, _ns: NsIndex) -> Vec<Suspect> {
    let lladdr = case.failure.state.packet.eth_dst;
    let out = wrong_fdb(case, lladdr);
    let entry = stale_entry(case, lladdr);
    let asked = case.last(|e| match e {
        Event::Neighbour { ns, device, addr, lladdr: Some(l), .. } if Some(*l) == lladdr => {
            Some((*ns, *device, *addr))
        }
        _ => None,
    });
    match asked.filter(|(_, _, addr)| has_mac(case, *addr, lladdr)) {
        // The hardware address is its owner's: then the bridge sends it the wrong way, or the link no longer ends at it.
        Some((ns, device, addr)) => {
            let mut all = detached(case, ns, device, addr);
            all.extend(out);
            all.extend(entry);
            all
        }
        None => entry.into_iter().chain(out).collect(),
    }
}

fn has_mac(case: &Case, addr: IpAddr, lladdr: Option<Mac>) -> bool {
    case.net.owners_of(addr).into_iter().any(|o| {
        let n = case.net.namespace(o);
        n.addresses
            .items()
            .iter()
            .filter(|a| a.prefix.addr == addr)
            .any(|a| n.link(a.index).is_some_and(|l| l.mac == lladdr))
    })
}

/// The neighbour entry that a frame to this hardware address was sent by.
pub(super) fn stale_entry(case: &Case, lladdr: Option<Mac>) -> Vec<Suspect> {
    let found = case.last(|e| match e {
        Event::Neighbour { ns, device, addr, lladdr: Some(l), how: NeighbourHow::Entry(_) }
            if Some(*l) == lladdr =>
        {
            Some((*ns, *device, *addr, *l))
        }
        _ => None,
    });
    let Some((ns, device, addr, l)) = found else { return Vec::new() };
    if has_mac(case, addr, Some(l)) {
        return Vec::new();
    }
    let device_name = case.net.device_name(ns, device);
    let finding = Finding::NeighbourWrong {
        namespace: case.name(ns),
        device: device_name.clone(),
        address: addr.to_string(),
        lladdr: l.to_string(),
    };
    let cure = case.change(ns, Action::DeleteNeighbour { device: device_name, address: addr });
    let place = place::neighbour(case.net, ns, device, addr, Some(l));
    let right = case
        .net
        .owners_of(addr)
        .first()
        .and_then(|o| {
            let n = case.net.namespace(*o);
            let a = n.addresses.items().iter().find(|a| a.prefix.addr == addr)?;
            n.link(a.index)?.mac
        })
        .map(|m| m.to_string());
    let read_with = case.command(ns, &format!("ip neigh show {addr}"));
    let shown = Shown::new(ShownWhat::Neighbour, l.to_string(), right, read_with);
    vec![Suspect::new(finding, place, Layer::Neighbour, vec![vec![cure]]).show([shown])]
}

/// A static entry of a bridge that led a frame astray.
fn wrong_fdb(case: &Case, lladdr: Option<Mac>) -> Vec<Suspect> {
    let Some(lladdr) = lladdr else { return Vec::new() };
    let by_entry = case.last(|e| match e {
        Event::Bridge { ns, bridge, to: Some(port), how: BridgeHow::Fdb, .. } => Some((*ns, *bridge, *port)),
        _ => None,
    });
    let Some((ns, bridge, port)) = by_entry else { return Vec::new() };
    let n = case.net.namespace(ns);
    let entry = n
        .fdb
        .items()
        .iter()
        .find(|e| e.lladdr == lladdr && e.index == port && e.state.0 & NeighbourState::PERMANENT.0 == 0);
    let Some(entry) = entry else { return Vec::new() };
    let device = case.net.device_name(ns, port);
    let finding = Finding::FdbWrong {
        namespace: case.name(ns),
        bridge: case.net.device_name(ns, bridge),
        device: device.clone(),
        lladdr: lladdr.to_string(),
    };
    let cure = case.change(ns, Action::DeleteFdb { device, entry: entry.clone() });
    let place = place::fdb(case.net, ns, port, lladdr, None, false);
    vec![Suspect::new(finding, place, Layer::Bridge, vec![vec![cure]])]
}
