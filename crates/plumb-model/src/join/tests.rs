#![allow(clippy::unwrap_used)]
use super::*;
use crate::{Address, Host, Link, Mac, NextHop, Peer, Read, Route, RouteKind};

const HOST: NamespaceId = NamespaceId(4_026_531_840);
const POD: NamespaceId = NamespaceId(4_026_532_000);

fn link(index: u32, name: &str, kind: &str) -> Link {
    let flags = Link::UP | Link::LOWER_UP | Link::RUNNING;
    let mac = Some(Mac([2, 0, 0, 0, 0, index as u8]));
    Link {
        index,
        name: name.into(),
        kind: kind.into(),
        flags,
        mac,
        mtu: 1500,
        carrier: Some(true),
        ..Link::default()
    }
}

fn address(index: u32, text: &str) -> Address {
    let prefix = text.parse().unwrap();
    Address { index, prefix, peer: None, scope: 0, flags: 0, label: None, broadcast: None, preferred: true }
}

/// A node with one pod; every kernel counts its inodes from the same number.
fn node(name: &str, uplink: &str, pod: &str, gateway: Option<&str>) -> Snapshot {
    let mut host = Namespace::empty(HOST, "host");
    host.own = true;
    host.nsids.insert(0, POD);
    let to_pod = Link { peer: Some(Peer { namespace: POD, index: 2 }), ..link(3, "veth0", "veth") };
    host.links = Read::Got(vec![link(2, "eth0", ""), to_pod]);
    host.addresses = Read::Got(vec![address(2, uplink)]);
    let hop = NextHop { gateway: gateway.map(|g| g.parse().unwrap()), oif: Some(2), weight: 1, flags: 0 };
    host.routes = Read::Got(vec![Route {
        family: crate::IpFamily::V4,
        table: Route::TABLE_MAIN,
        kind: RouteKind::Unicast,
        dst: "0.0.0.0/0".parse().unwrap(),
        src: None,
        tos: 0,
        priority: 0,
        protocol: 3,
        scope: 0,
        prefsrc: None,
        next_hops: vec![hop],
        nexthop_id: None,
        flags: 0,
        pref: 0,
        metrics: BTreeMap::new(),
        unknown_attributes: Vec::new(),
    }]);
    let mut inside = Namespace::empty(POD, "cni-1");
    inside.links =
        Read::Got(vec![Link { peer: Some(Peer { namespace: HOST, index: 3 }), ..link(2, "eth0", "veth") }]);
    inside.addresses = Read::Got(vec![address(2, pod)]);
    Snapshot {
        version: Snapshot::VERSION,
        taken_at: 1000,
        host: Host { hostname: name.into(), kernel: "6.18".into(), ..Host::default() },
        namespaces: vec![host, inside],
        gaps: vec!["cni-1: sockets".into(), "something else".into()],
        redacted: false,
    }
}

#[test]
fn ids_and_names_stay_apart() {
    let joined = join(vec![
        node("a", "10.0.0.1/24", "10.1.1.2/24", None),
        node("b", "10.0.0.2/24", "10.1.2.2/24", None),
    ])
    .unwrap();
    let all = &joined.snapshot.namespaces;
    let names: Vec<&str> = all.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["a", "cni-1", "b", "b/cni-1", UNDERLAY]);
    let ids: BTreeSet<NamespaceId> = all.iter().map(|n| n.id).collect();
    assert_eq!(ids.len(), 5);
    // Ends of links stay with their own node.
    for n in &all[..4] {
        for peer in n.links.items().iter().filter_map(|l| l.peer).filter(|p| p.namespace != NamespaceId(0)) {
            assert!(all.iter().any(|m| m.id == peer.namespace && m.node == n.node), "{} → {peer:?}", n.name);
        }
    }
    assert_eq!(
        joined.snapshot.gaps,
        ["cni-1: sockets", "a: something else", "b/cni-1: sockets", "b: something else"]
    );
}

#[test]
fn uplinks_of_one_network_are_one_segment() {
    let files = vec![
        node("a", "10.0.0.1/24", "10.1.1.2/24", Some("10.0.0.254")),
        node("b", "10.0.0.2/24", "10.1.2.2/24", Some("10.0.0.254")),
        node("c", "10.9.0.2/24", "10.1.3.2/24", Some("10.9.0.254")),
    ];
    let joined = join(files).unwrap();
    let [segment] = &joined.between.segments[..] else { panic!("{:?}", joined.between.segments) };
    assert_eq!(segment.prefix.to_string(), "10.0.0.0/24");
    assert_eq!(segment.uplinks, [("a".into(), "eth0".into()), ("b".into(), "eth0".into())]);
    let between = joined.snapshot.namespace_by_name(UNDERLAY).unwrap();
    let addresses: Vec<String> = between.addresses.items().iter().map(|a| a.prefix.to_string()).collect();
    assert_eq!(addresses, ["10.0.0.254/24"]);
    assert!(joined.between.notes.contains(&JoinNote::Alone { node: "c".into(), device: "eth0".into() }));
    let a = joined.snapshot.namespace_by_name("a").unwrap().link_by_name("eth0").unwrap();
    assert_eq!(a.peer.unwrap().namespace, between.id);
}

#[test]
fn what_makes_the_whole_less_true_is_told() {
    let (mut a, mut b) =
        (node("a", "10.0.0.1/24", "10.1.1.2/24", None), node("b", "10.0.0.2/24", "10.1.2.2/24", None));
    a.taken_at = 0;
    b.host.kernel = "5.15".into();
    let joined = join(vec![a.clone(), b.clone(), b.clone()]).unwrap();
    assert!(joined.between.notes.contains(&JoinNote::FarApart(1000)));
    assert!(joined.between.notes.contains(&JoinNote::Twice("b".into())));
    assert!(joined.between.notes.iter().any(|n| matches!(n, JoinNote::Kernels(k) if k.len() == 2)));
    a.redacted = true;
    assert_eq!(join(vec![a, b]), Err(JoinError::Redacted("a".into())));
}
