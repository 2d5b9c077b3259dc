//! Changes to a small machine: `host` with a bridge and two veth pairs into `a` and `b`.
#![allow(clippy::unwrap_used)]

mod commands;
mod legacy;
mod links;
mod nft;
mod routes;

use std::collections::BTreeMap;

use crate::{
    Action, Address, BridgePort, Change, Host, Link, Mac, Namespace, NamespaceId, NextHop, Peer, Read, Route,
    Snapshot, fmt_route,
};

const HOST: NamespaceId = NamespaceId(1);
const A: NamespaceId = NamespaceId(2);

fn link(index: u32, name: &str, kind: &str, peer: Option<(NamespaceId, u32)>) -> Link {
    Link {
        index,
        name: name.into(),
        kind: kind.into(),
        mac: Some(Mac([2, 0, 0, 0, 0, index as u8])),
        mtu: 1500,
        flags: Link::UP | Link::RUNNING | Link::LOWER_UP,
        operstate: 6,
        carrier: Some(true),
        peer: peer.map(|(namespace, index)| Peer { namespace, index }),
        ..Link::default()
    }
}

fn address(text: &str) -> Address {
    Address::permanent(0, text.parse().unwrap())
}

fn route(dst: &str, via: &str, oif: u32) -> Route {
    let dst: crate::Prefix = dst.parse().unwrap();
    Route {
        family: dst.family(),
        table: 254,
        kind: crate::RouteKind::Unicast,
        dst,
        src: None,
        tos: 0,
        priority: 0,
        protocol: 3,
        scope: 0,
        prefsrc: None,
        next_hops: vec![NextHop {
            gateway: via.parse().ok(),
            oif: Some(oif).filter(|o| *o != 0),
            weight: 1,
            flags: 0,
        }],
        nexthop_id: None,
        flags: 0,
        pref: 0,
        metrics: BTreeMap::new(),
        unknown_attributes: Vec::new(),
    }
}

fn empty(id: NamespaceId, name: &str) -> Namespace {
    let mut ns = Namespace::empty(id, name);
    ns.path = Some(format!("/run/netns/{name}"));
    ns.addresses = Read::Got(vec![]);
    ns.routes = Read::Got(vec![]);
    ns.rules = Read::Got(vec![]);
    ns.neighbours = Read::Got(vec![]);
    ns.fdb = Read::Got(vec![]);
    ns.sockets = Read::Got(vec![]);
    let off = |n: &str| (n.to_owned(), Read::Got("0".to_owned()));
    ns.sysctls.0.extend(
        ["net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv4.conf.default.forwarding"].map(off),
    );
    ns
}

fn machine() -> Snapshot {
    let mut host = empty(HOST, "host");
    host.own = true;
    host.path = None;
    let mut br = link(2, "br0", "bridge", None);
    br.bridge = Some(crate::Bridge::default());
    let mut port = link(3, "v0", "veth", Some((A, 2)));
    (port.master, port.port) = (Some(2), Some(BridgePort::default()));
    let mut lo = link(1, "lo", "", None);
    lo.flags |= Link::LOOPBACK;
    host.links = Read::Got(vec![lo.clone(), br, port, link(4, "up.100", "vlan", None)]);
    let mut a = empty(A, "a");
    a.links = Read::Got(vec![lo, link(2, "eth0", "veth", Some((HOST, 3)))]);
    for device in ["all", "default", "lo", "eth0"] {
        a.sysctls.0.insert(format!("net.ipv6.conf.{device}.disable_ipv6"), Read::Got("0".into()));
        a.sysctls.0.insert(format!("net.ipv6.conf.{device}.forwarding"), Read::Got("0".into()));
    }
    Snapshot {
        version: 1,
        taken_at: 0,
        host: Host::default(),
        namespaces: vec![host, a],
        gaps: vec![],
        redacted: false,
    }
}

fn change(namespace: NamespaceId, action: Action) -> Change {
    Change { namespace, action }
}

fn add_address(s: &mut Snapshot, text: &str) {
    let action = Action::AddAddress { device: "eth0".into(), address: address(text) };
    change(A, action).apply(s).unwrap();
}

/// Every route of `a` as `ip route show table T` prints it, `T: ` in front where it is not main.
fn routes(s: &Snapshot) -> Vec<String> {
    let ns = s.namespace(A).unwrap();
    let show = |r: &Route| match r.table {
        254 => fmt_route(r, ns),
        t => format!("{}: {}", Route::table_name(t), fmt_route(r, ns)),
    };
    ns.routes.items().iter().map(show).collect()
}
