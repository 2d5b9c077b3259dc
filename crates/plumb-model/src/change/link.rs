//! A device goes up or down, and what hangs on it: its routes, the other end of a veth pair, the bridge it is a port
//! of, devices that stand on it (net/core/dev.c, net/ipv4/fib_semantics.c, net/ipv6/addrconf.c, drivers/net/veth.c).

use std::net::IpAddr;

use super::address::{flush, follow, kernel_routes, link_local};
use super::{ChangeError, bridge};
use crate::{
    Address, IpFamily, Link, Mac, Namespace, NamespaceId, NeighbourState, NextHop, Peer, Route, Snapshot,
};

/// `IF_OPER_*`
const OPER_DOWN: u8 = 2;
const OPER_LOWER_DOWN: u8 = 3;
const OPER_UP: u8 = 6;

pub(super) fn set_up(
    snapshot: &mut Snapshot,
    id: NamespaceId,
    device: &str,
    up: bool,
) -> Result<(), ChangeError> {
    let ns = snapshot.namespace_mut(id).ok_or(ChangeError::NoNamespace(id))?;
    let index = ns.device(device)?;
    if ns.link(index).is_none_or(|l| l.is_up() == up) {
        // As for the kernel: asking for what is so already is no error.
        return Ok(());
    }
    if up {
        come_up(ns, index);
    } else {
        go_down(ns, index);
    }
    settle(snapshot, Peer { namespace: id, index });
    Ok(())
}

fn come_up(ns: &mut Namespace, index: u32) {
    let before = kernel_routes(ns, index);
    if let Some(link) = ns.link_mut(index) {
        link.flags |= Link::UP;
    }
    follow(ns, index, &before);
    each_hop(ns, index, |hop| hop.flags &= !NextHop::DEAD);
}

fn go_down(ns: &mut Namespace, index: u32) {
    let keep = |device: &str| {
        ["all", device]
            .iter()
            .any(|d| ns.sysctls.number(&format!("net.ipv6.conf.{d}.keep_addr_on_down")).unwrap_or(0) > 0)
    };
    let keeps = ns.link(index).is_some_and(|l| keep(&l.name));
    flush(ns, index, |a| match a.prefix.addr {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => !keeps || a.flags & Address::PERMANENT == 0 || v6.is_unicast_link_local(),
    });
    if let Some(link) = ns.link_mut(index) {
        link.flags &= !Link::UP;
    }
    drop_routes(ns, index, IpFamily::V4, false);
    drop_routes(ns, index, IpFamily::V6, true);
    if let Some(all) = ns.neighbours.value_mut() {
        all.retain(|n| n.index != index);
    }
    if let Some(all) = ns.fdb.value_mut() {
        // What the port learnt; its own and static entries stay.
        let fixed = NeighbourState::PERMANENT.0 | NeighbourState::NOARP.0;
        all.retain(|e| e.index != index || e.state.0 & fixed != 0);
    }
}

/// Routes that lead out of a device go, those to this machine's own addresses stay unless `all`: a multipath route
/// loses the hop, and goes with the last one.
pub(super) fn drop_routes(ns: &mut Namespace, index: u32, family: IpFamily, all: bool) {
    let Some(routes) = ns.routes.value_mut() else { return };
    let stays = |r: &Route| r.family != family || (!all && r.kind == crate::RouteKind::Local);
    for route in routes.iter_mut().filter(|r| !stays(r)) {
        for hop in route.next_hops.iter_mut().filter(|h| h.oif == Some(index)) {
            hop.flags |= NextHop::DEAD | NextHop::LINKDOWN;
        }
    }
    routes.retain(|r| {
        stays(r) || r.next_hops.is_empty() || !r.next_hops.iter().all(|h| h.flags & NextHop::DEAD != 0)
    });
}

fn each_hop(ns: &mut Namespace, index: u32, f: impl Fn(&mut NextHop)) {
    let routes = ns.routes.value_mut().into_iter().flatten();
    let hops = routes.filter(|r| r.kind != crate::RouteKind::Local).flat_map(|r| &mut r.next_hops);
    hops.filter(|h| h.oif == Some(index)).for_each(f);
}

/// Works out the carrier of a device and of all that follows from it, until nothing changes any more.
pub(super) fn settle(snapshot: &mut Snapshot, start: Peer) {
    let mut work = vec![start];
    // Each device changes its carrier at most a few times; the bound is against loops of bad data.
    let mut left = 16 + 4 * snapshot.namespaces.iter().map(|n| n.links.items().len()).sum::<usize>();
    while let Some(at) = work.pop() {
        if left == 0 {
            return;
        }
        left -= 1;
        let Some(carrier) = carrier(snapshot, at) else { continue };
        let Some(ns) = snapshot.namespace_mut(at.namespace) else { continue };
        let is_start = at == start;
        if !set_carrier(ns, at.index, carrier) && !is_start {
            continue;
        }
        work.extend(dependents(snapshot, at));
    }
}

/// The carrier that a device has in the present state of its surroundings.
fn carrier(snapshot: &Snapshot, at: Peer) -> Option<bool> {
    let ns = snapshot.namespace(at.namespace)?;
    let link = ns.link(at.index)?;
    if !link.is_up() {
        return Some(false);
    }
    let other = link.peer.and_then(|p| snapshot.namespace(p.namespace)?.link(p.index));
    Some(match link.kind.as_str() {
        "bridge" => {
            let ports = ns.links.items().iter().filter(|l| l.master == Some(link.index));
            ports.into_iter().any(|p| p.is_up() && p.carrier != Some(false))
        }
        "veth" => match other {
            Some(peer) => peer.is_up(),
            None => was(link),
        },
        "vlan" | "macvlan" | "macvtap" | "ipvlan" | "ipvtap" => match other {
            Some(lower) => lower.is_up() && lower.carrier != Some(false),
            None => was(link),
        },
        // A cable is taken to be where it was.
        "" if !link.is_loopback() => was(link),
        _ => true,
    })
}

fn was(link: &Link) -> bool {
    // A device that is down says that it has no carrier, whatever the cable.
    link.carrier != Some(false) || link.operstate == OPER_DOWN
}

/// Whether that was a change.
fn set_carrier(ns: &mut Namespace, index: u32, on: bool) -> bool {
    let Some(link) = ns.link_mut(index) else { return false };
    let had = link.carrier == Some(true) && link.flags & Link::LOWER_UP != 0;
    link.carrier = Some(on);
    link.operstate = match (on, link.is_up()) {
        (true, _) if link.is_loopback() => 0,
        (true, _) => OPER_UP,
        (false, true) => OPER_LOWER_DOWN,
        (false, false) => OPER_DOWN,
    };
    let bits = Link::RUNNING | Link::LOWER_UP;
    link.flags = if on { link.flags | bits } else { link.flags & !bits };
    if had == on {
        bridge::settle_port(ns, index);
        return false;
    }
    each_hop(ns, index, |hop| {
        hop.flags = if on { hop.flags & !NextHop::LINKDOWN } else { hop.flags | NextHop::LINKDOWN };
    });
    bridge::settle_port(ns, index);
    if on && let Some(address) = ns.link(index).and_then(|l| link_local(ns, l)) {
        let before = kernel_routes(ns, index);
        if let Some(all) = ns.addresses.value_mut() {
            all.push(address);
        }
        follow(ns, index, &before);
    }
    true
}

/// Devices whose carrier depends on this one.
fn dependents(snapshot: &Snapshot, at: Peer) -> Vec<Peer> {
    let Some(link) = snapshot.namespace(at.namespace).and_then(|n| n.link(at.index)) else { return vec![] };
    let master = link.master.map(|index| Peer { namespace: at.namespace, index });
    let others = snapshot.namespaces.iter().flat_map(|n| {
        let on_it = n.links.items().iter().filter(|l| l.peer == Some(at));
        on_it.map(|l| Peer { namespace: n.id, index: l.index })
    });
    master.into_iter().chain(others).collect()
}

pub(super) fn set_mtu(ns: &mut Namespace, device: &str, mtu: u32) -> Result<(), ChangeError> {
    /// Smallest MTU of IPv4 (RFC 791) and IPv6 (RFC 8200).
    const MIN_V4: u32 = 68;
    const MIN_V6: u32 = 1280;
    let index = ns.device(device)?;
    let refused =
        |why: String| ChangeError::Refused { what: format!("setting the MTU of `{device}` to {mtu}"), why };
    if mtu < MIN_V4 {
        return Err(refused(format!("it is smaller than {MIN_V4}")));
    }
    if let Some(lower) = ns.link(index).filter(|l| l.kind == "vlan").and_then(|l| l.peer)
        && lower.namespace == ns.id
        && let Some(lower) = ns.link(lower.index)
        && mtu > lower.mtu
    {
        return Err(refused(format!("the device below, `{}`, has {}", lower.name, lower.mtu)));
    }
    if let Some(link) = ns.link_mut(index) {
        link.mtu = mtu;
    }
    // `addrconf_notify`: IPv6 takes over the device's.
    let name = format!("net.ipv6.conf.{device}.mtu");
    if ns.sysctls.number(&name).is_some() {
        ns.sysctls.0.insert(name, crate::Read::Got(mtu.to_string()));
    }
    if mtu < MIN_V6 {
        // The kernel takes IPv6 away from a device that is too small for it.
        flush(ns, index, |a| a.prefix.addr.is_ipv6());
        drop_routes(ns, index, IpFamily::V6, true);
    }
    Ok(())
}

pub(super) fn set_mac(ns: &mut Namespace, device: &str, mac: Mac) -> Result<(), ChangeError> {
    let index = ns.device(device)?;
    if mac.is_multicast() || mac == Mac::default() {
        return Err(ChangeError::Refused {
            what: format!("giving `{device}` the address {mac}"),
            why: "it is no unicast address".to_owned(),
        });
    }
    let old = ns.link_mut(index).and_then(|link| link.mac.replace(mac));
    if let Some(all) = ns.fdb.value_mut() {
        let own = |e: &&mut crate::FdbEntry| {
            e.index == index && Some(e.lladdr) == old && e.state == NeighbourState::PERMANENT
        };
        for entry in all.iter_mut().filter(own) {
            entry.lladdr = mac;
        }
    }
    Ok(())
}
