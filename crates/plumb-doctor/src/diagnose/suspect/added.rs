//! Routes that somebody could add.

use std::net::IpAddr;

use plumb_model::{Action, Change, IpFamily, Link, Namespace, NextHop, Prefix, Route, RouteKind};
use plumb_trace::event::Event;
use plumb_trace::state::NsIndex;

use super::Case;

/// Routes that could be added: by the device whose other end has the address, and through every neighbour machine on every
/// network of the namespace, the one that the flow came from first; `down`: a device that will be set up before.
pub(super) fn added_routes(
    case: &Case,
    ns: NsIndex,
    table: u32,
    addr: IpAddr,
    down: Option<u32>,
) -> Vec<Vec<Change>> {
    let n = case.net.namespace(ns);
    let family = IpFamily::of(addr);
    let dst = network_of(case, addr);
    let came_from: Vec<NsIndex> = case
        .failure
        .request_events
        .iter()
        .filter_map(|e| match e {
            Event::Leaves { ns, .. } | Event::Enters { ns, .. } => Some(*ns),
            _ => None,
        })
        .collect();
    let mut candidates: Vec<(usize, IpAddr, u32)> = Vec::new();
    for own in n.addresses.items().iter().filter(|a| IpFamily::of(a.prefix.addr) == family) {
        if n.link(own.index).is_none_or(|l| l.is_loopback() || (!l.is_up() && down != Some(l.index))) {
            continue;
        }
        if own.prefix.contains(addr) {
            // On the link: a connected route is what is missing.
            candidates.push((0, addr, own.index));
        }
        if own.prefix.is_host() {
            continue;
        }
        for (other, m) in case.net.snapshot.namespaces.iter().enumerate().filter(|(i, _)| *i != ns) {
            let owns = m.addresses.items().iter().any(|a| a.prefix.addr == addr);
            if !owns && !forwards(m, family) {
                continue;
            }
            for a in m.addresses.items() {
                let link_local = matches!(a.prefix.addr, IpAddr::V6(x) if x.is_unicast_link_local());
                if own.prefix.contains(a.prefix.addr) && !link_local {
                    let rank = came_from
                        .iter()
                        .rposition(|n| *n == other)
                        .map_or(1000, |at| 1 + came_from.len() - at);
                    candidates.push((rank, a.prefix.addr, own.index));
                }
            }
        }
    }
    candidates
        .extend(gateways_at_other_end(case, ns, family).map(|(gateway, device)| (2000, gateway, device)));
    candidates.sort_by_key(|c| c.0);
    candidates.dedup();
    let by_device = at_other_end(case, ns, addr, down).map(|device| (Prefix::host(addr), addr, device));
    by_device
        .chain(candidates.into_iter().map(|(_, gateway, device)| (dst, gateway, device)))
        .take(8)
        .map(|(dst, gateway, device)| {
            let gateway = (gateway != addr).then_some(gateway);
            vec![case.change(ns, Action::AddRoute(plain(table, dst, gateway, device)))]
        })
        .collect()
}

fn forwards(n: &Namespace, family: IpFamily) -> bool {
    let sysctl = match family {
        IpFamily::V4 => "net.ipv4.ip_forward",
        IpFamily::V6 => "net.ipv6.conf.all.forwarding",
    };
    n.sysctls.number(sysctl).is_some_and(|value| value != 0)
}

/// Addresses of routers at the other end of a device that are on the link though no network says so: link-local ones, and
/// those that a route by the device alone leads to.
fn gateways_at_other_end<'a>(
    case: &'a Case,
    ns: NsIndex,
    family: IpFamily,
) -> impl Iterator<Item = (IpAddr, u32)> + 'a {
    let n = case.net.namespace(ns);
    let on_link = move |addr: IpAddr, device: u32| {
        let by_device = |r: &Route| {
            r.dst == Prefix::host(addr)
                && r.next_hops.iter().any(|h| h.gateway.is_none() && h.oif == Some(device))
        };
        n.routes.items().iter().any(by_device)
    };
    let plain = n.links.items().iter().filter(|l| l.master.is_none() && l.is_up());
    plain.filter_map(|l| Some((l.index, l.peer?))).flat_map(move |(device, peer)| {
        let router = case.net.index_of(peer.namespace).map(|other| case.net.namespace(other));
        let router = router.filter(|m| forwards(m, family));
        let all = router.map(|m| m.addresses.items()).unwrap_or_default();
        all.iter()
            .filter(move |a| IpFamily::of(a.prefix.addr) == family)
            .filter(move |a| match a.prefix.addr {
                IpAddr::V6(x) if x.is_unicast_link_local() => a.index == peer.index,
                addr => on_link(addr, device),
            })
            .map(move |a| (a.prefix.addr, device))
    })
}

/// Devices whose other end has an address: where nodes know their pods by a route to each alone, and the links have no
/// network.
fn at_other_end(case: &Case, ns: NsIndex, addr: IpAddr, down: Option<u32>) -> impl Iterator<Item = u32> {
    let plain = move |l: &&Link| l.master.is_none() && (l.is_up() || down == Some(l.index));
    let has = move |l: &&Link| {
        let end = l.peer.and_then(|p| Some((case.net.index_of(p.namespace)?, p.index)));
        end.is_some_and(|(other, index)| {
            let all = case.net.namespace(other).addresses.items();
            other != ns && all.iter().any(|a| a.index == index && a.prefix.addr == addr)
        })
    };
    case.net.namespace(ns).links.items().iter().filter(plain).filter(has).map(|l| l.index)
}

/// A route as somebody would add it by hand.
pub(super) fn plain(table: u32, dst: Prefix, gateway: Option<IpAddr>, device: u32) -> Route {
    Route {
        family: dst.family(),
        table,
        kind: RouteKind::Unicast,
        dst,
        src: None,
        tos: 0,
        priority: 0,
        protocol: 3,
        scope: if gateway.is_some() { 0 } else { 253 },
        prefsrc: None,
        next_hops: vec![NextHop { gateway, oif: Some(device), weight: 1, flags: 0 }],
        nexthop_id: None,
        flags: 0,
        pref: 0,
        metrics: std::collections::BTreeMap::new(),
        unknown_attributes: Vec::new(),
    }
}

/// The network that an address belongs to where it lives, else the address alone.
fn network_of(case: &Case, addr: IpAddr) -> Prefix {
    case.net
        .snapshot
        .namespaces
        .iter()
        .flat_map(|n| n.addresses.items())
        .find(|a| a.prefix.addr == addr && !a.prefix.is_host())
        .map_or(Prefix::host(addr), |a| a.prefix.masked())
}
