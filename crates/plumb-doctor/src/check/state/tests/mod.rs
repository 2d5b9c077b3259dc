#![allow(clippy::unwrap_used)]
//! Each check on a snapshot that is broken, and on one that looks like it and is not.

mod addresses;
mod links;
mod overlay;
mod policies;
mod routes;
mod rules;
mod sockets;

use std::net::IpAddr;

use plumb_model::{
    Address, Bridge, BridgePort, Conntrack, Host, IpFamily, Link, Mac, Namespace, NamespaceId, NextHop, Peer,
    Prefix, Read, Route, RouteKind, Snapshot, Socket, SocketState,
};
use plumb_nft::Ruleset;

use super::*;

/// Index of the bridge, and of the first port less its number.
pub(super) const BRIDGE: u32 = 1;
/// Index of a pod's device.
pub(super) const ETH0: u32 = 2;

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(super) fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

pub(super) fn address(index: u32, text: &str) -> Address {
    Address::permanent(index, prefix(text))
}

pub(super) fn route(dst: &str, gateway: Option<&str>, oif: u32) -> Route {
    let dst: Prefix = prefix(dst);
    let hop = NextHop { gateway: gateway.map(ip), oif: Some(oif), weight: 1, flags: 0 };
    Route {
        family: IpFamily::of(dst.addr),
        table: Route::TABLE_MAIN,
        kind: RouteKind::Unicast,
        dst,
        src: None,
        tos: 0,
        priority: 0,
        protocol: 4,
        scope: 0,
        prefsrc: None,
        next_hops: vec![hop],
        nexthop_id: None,
        flags: 0,
        pref: 0,
        metrics: Default::default(),
        unknown_attributes: Vec::new(),
    }
}

pub(super) fn sysctl(n: &mut Namespace, name: &str, value: &str) {
    n.sysctls.0.insert(name.to_owned(), Read::Got(value.to_owned()));
}

pub(super) fn listener(port: u16) -> Socket {
    Socket {
        family: IpFamily::V4,
        protocol: plumb_model::Protocol::TCP,
        state: SocketState::Listen,
        src: ip("0.0.0.0"),
        sport: port,
        dst: ip("0.0.0.0"),
        dport: 0,
        bound_dev: None,
        receive_queue: 0,
        send_queue: 128,
        v6only: None,
        uid: 0,
        inode: 0,
        timer: None,
        receive_buffer: None,
        drops: None,
        transparent: None,
        mark: None,
    }
}

fn namespace(id: u64, name: &str) -> Namespace {
    let mut n = Namespace::empty(NamespaceId(id), name);
    n.links = Read::Got(Vec::new());
    n.addresses = Read::Got(Vec::new());
    n.routes = Read::Got(Vec::new());
    n.rules = Read::Got(Vec::new());
    n.neighbours = Read::Got(Vec::new());
    n.fdb = Read::Got(Vec::new());
    n.nft = Read::Got(Ruleset::default());
    n.legacy = Read::Got(Vec::new());
    n.conntrack = Read::Got(Conntrack::default());
    n.sockets = Read::Got(vec![listener(80)]);
    n
}

pub(super) fn link(index: u32, name: &str, kind: &str) -> Link {
    let last = u8::try_from(index).unwrap();
    Link {
        index,
        name: name.to_owned(),
        kind: kind.to_owned(),
        mac: Some(Mac([2, 0, 0, 0, 0, last])),
        flags: Link::UP | Link::LOWER_UP,
        carrier: Some(true),
        operstate: 6,
        mtu: 1500,
        ..Link::default()
    }
}

/// `node` with the bridge `br0` (10.0.8.1/24, fd08::1/64), and `pod1` … `pod3` at it with .2 … .4.
pub(super) fn bridged() -> Snapshot {
    let mut node = namespace(1, "node");
    let mut bridge = link(BRIDGE, "br0", "bridge");
    bridge.bridge = Some(Bridge::default());
    let mut links = vec![bridge];
    let mut all = Vec::new();
    for i in 1..=3_u32 {
        let mut pod = namespace(1 + u64::from(i), &format!("pod{i}"));
        let mut port = link(BRIDGE + i, &format!("v{i}"), "veth");
        port.master = Some(BRIDGE);
        port.port = Some(BridgePort::default());
        port.peer = Some(Peer { namespace: pod.id, index: ETH0 });
        links.push(port);
        let mut eth0 = link(ETH0, "eth0", "veth");
        eth0.mac = Some(Mac([2, 0, 0, 0, 1, u8::try_from(i).unwrap()]));
        eth0.peer = Some(Peer { namespace: node.id, index: BRIDGE + i });
        pod.links = Read::Got(vec![eth0]);
        pod.addresses = Read::Got(vec![
            address(ETH0, &format!("10.0.8.{}/24", i + 1)),
            address(ETH0, &format!("fd08::{}/64", i + 1)),
        ]);
        pod.routes =
            Read::Got(vec![route("10.0.8.0/24", None, ETH0), route("0.0.0.0/0", Some("10.0.8.1"), ETH0)]);
        for (name, value) in [("rp_filter", "0"), ("forwarding", "0"), ("arp_ignore", "0")] {
            sysctl(&mut pod, &format!("net.ipv4.conf.eth0.{name}"), value);
        }
        sysctl(&mut pod, "net.ipv6.conf.eth0.disable_ipv6", "0");
        all.push(pod);
    }
    node.links = Read::Got(links);
    node.addresses = Read::Got(vec![address(BRIDGE, "10.0.8.1/24"), address(BRIDGE, "fd08::1/64")]);
    node.routes = Read::Got(vec![route("10.0.8.0/24", None, BRIDGE)]);
    sysctl(&mut node, "net.ipv4.ip_forward", "1");
    sysctl(&mut node, "net.ipv4.conf.br0.forwarding", "1");
    all.insert(0, node);
    Snapshot {
        version: 1,
        taken_at: 0,
        host: Host::default(),
        namespaces: all,
        gaps: Vec::new(),
        redacted: false,
    }
}

pub(super) fn ns<'a>(s: &'a mut Snapshot, name: &str) -> &'a mut Namespace {
    s.namespaces.iter_mut().find(|n| n.name == name).unwrap()
}

pub(super) fn device<'a>(s: &'a mut Snapshot, namespace: &str, name: &str) -> &'a mut Link {
    let links = ns(s, namespace).links.value_mut().unwrap();
    links.iter_mut().find(|l| l.name == name).unwrap()
}

/// What every check together finds.
pub(super) fn found(s: &Snapshot) -> Vec<CheckFinding> {
    let net = Network::compile(s);
    let yardstick = Yardstick::of_snapshot(&net, None);
    findings(s, &net, &yardstick, Lang::En)
}

/// Id, namespace, and whether the first remedy clears it in the model.
pub(super) fn told(s: &Snapshot) -> Vec<(String, String, bool)> {
    let all = found(s).into_iter().map(|f| {
        assert!(!f.summary.contains('{') && !f.effect.contains('{'), "{}: {}", f.id, f.summary);
        assert!(!f.evidence.is_empty(), "{} has no evidence", f.id);
        let cleared = f.remedy.first().is_some_and(|r| r.tried_in_model.as_deref() == Some("cleared"));
        (f.id, f.place["namespace"].as_str().unwrap().to_owned(), cleared)
    });
    all.collect()
}

#[track_caller]
pub(super) fn finds(s: &Snapshot, id: &str, namespace: &str, cleared: bool) {
    assert_eq!(told(s), [(id.to_owned(), namespace.to_owned(), cleared)]);
}

#[track_caller]
pub(super) fn is_silent(s: &Snapshot) {
    assert_eq!(told(s), []);
}

#[test]
fn a_healthy_bridge_has_no_findings() {
    is_silent(&bridged());
}

#[test]
fn segments_hold_a_bridge_and_who_is_at_it() {
    let mut s = bridged();
    let around = |s: &Snapshot| Segments::new(&Network::compile(s)).around((1, ETH0)).len();
    assert_eq!(around(&s), 7);
    device(&mut s, "node", "br0").bridge = Some(Bridge { vlan_filtering: true, ..Bridge::default() });
    assert_eq!(around(&s), 2, "VLANs tell the ports apart");
}

#[test]
fn every_check_has_kinds_that_exist() {
    for id in CHECKS.iter().flat_map(|c| c.kinds) {
        assert_eq!(crate::check::kinds::get(id).id, *id);
    }
}
