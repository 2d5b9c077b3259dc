//! What is said of a namespace's files, and what a cluster's objects answer.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

use plumb_api::Object;
use plumb_dns::Zone;
use plumb_model::{
    Address, HostsEntry, IpFamily, Link, Namespace, NamespaceId, NextHop, Owner, PolicyRule, Protocol, Read,
    ResolvConf, Resolver, Route, RouteKind, Snapshot, Socket, SocketState,
};
use plumb_trace::Network;
use plumb_trace::session::{Flow, Origin, Transport};
use serde_json::json;

use super::state::{findings, local_owner};
use super::{Cluster, NameQuestion, Told, diagnose};
use crate::messages::Lang;
use crate::place::tests::{link, route_to, snapshot};
use crate::report::Report;

/// A pod with a loopback device and nothing else, whose resolv.conf says this.
fn pod(conf: &str, listens: &[&str]) -> Namespace {
    let mut n = Namespace::empty(NamespaceId(1), "pod-1");
    n.links = Read::Got(vec![Link { flags: Link::UP | Link::LOOPBACK | Link::RUNNING, ..link(1, "lo") }]);
    n.addresses = Read::Got(vec![Address {
        index: 1,
        prefix: "127.0.0.1/8".parse().unwrap(),
        peer: None,
        scope: 254,
        flags: 0x80,
        label: None,
        broadcast: None,
        preferred: true,
    }]);
    n.rules = Read::Got(PolicyRule::defaults());
    let hop = NextHop { gateway: None, oif: Some(1), weight: 1, flags: 0 };
    n.routes = Read::Got(vec![Route {
        scope: 254,
        prefsrc: Some([127, 0, 0, 1].into()),
        next_hops: vec![hop],
        ..route_to("127.0.0.0/8", Route::TABLE_LOCAL, RouteKind::Local)
    }]);
    let socket = |at: &&str| Socket {
        family: IpFamily::V4,
        protocol: Protocol::UDP,
        state: SocketState::Close,
        src: at.parse().unwrap(),
        sport: 53,
        dst: [0, 0, 0, 0].into(),
        dport: 0,
        bound_dev: None,
        receive_queue: 0,
        send_queue: 0,
        v6only: None,
        uid: 0,
        inode: 1,
        timer: None,
        receive_buffer: None,
        drops: None,
        transparent: None,
        mark: None,
    };
    n.sockets = Read::Got(listens.iter().map(socket).collect());
    n.resolver = Read::Got(Resolver {
        conf: Read::Got(ResolvConf::parse(conf).0),
        hosts: Read::Got(HostsEntry::parse_all("127.0.0.1 localhost\n").0),
        order: Read::Absent { feature: "hosts".into() },
        domain: None,
        paths: ["resolv.conf", "hosts", "nsswitch.conf"].map(|f| format!("/proc/7/root/etc/{f}")),
        odd: vec![],
        others: vec![],
    });
    n
}

fn ids(n: Namespace) -> Vec<&'static str> {
    let s = snapshot(vec![n]);
    findings(&Network::compile(&s), 0).iter().map(|f| f.finding.id()).collect()
}

#[test]
fn of_files_alone() {
    let pods = "nameserver 10.96.0.10\nsearch a.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";
    assert_eq!(ids(pod(pods, &[])), [""; 0], "every pod's is no finding");
    let long = pods.replace("search", "search x.example y.example");
    assert_eq!(ids(pod(&long, &[])), ["dns-search-explosion"]);
    let four: String = (1..5).map(|i| format!("nameserver 10.0.0.{i}\n")).collect();
    assert_eq!(ids(pod(&four, &[])), ["dns-servers-beyond-three"]);
    let loopback = "nameserver 127.0.0.53\n";
    assert_eq!(ids(pod(loopback, &[])), ["dns-server-local-down"]);
    for listens in ["127.0.0.53", "0.0.0.0"] {
        assert_eq!(ids(pod(loopback, &[listens])), [""; 0], "{listens}");
    }
    // Whose files they are nobody knows, or whether sockets are there.
    let mut nobody = pod(loopback, &[]);
    nobody.resolver.value_mut().unwrap().paths[0] = "/etc/resolv.conf".into();
    assert_eq!(ids(nobody), [""; 0]);
    let mut unread = pod(loopback, &[]);
    unread.sockets = Read::Denied { capability: "CAP_NET_ADMIN".into() };
    assert_eq!(ids(unread), [""; 0]);
}

#[test]
fn whose_a_server_near_by_is() {
    let owner = |address: &str, node: &str| {
        let mut client = pod("", &[]);
        client.owner = Some(Owner::Pod { namespace: "a".into(), name: "pod-1".into(), node: node.into() });
        let mut own = pod("", &[]);
        (own.id, own.name) = (NamespaceId(2), "node-1".into());
        own.owner = Some(Owner::Node { node: "node-1".into() });
        own.addresses.value_mut().unwrap()[0].prefix = "169.254.20.10/32".parse().unwrap();
        let s = snapshot(vec![client, own]);
        local_owner(&Network::compile(&s), 0, address.parse().unwrap())
    };
    assert_eq!(owner("127.0.0.53", "node-1"), Some(0));
    assert_eq!(owner("169.254.20.10", "node-1"), Some(1));
    // Another node's is somebody else's.
    assert_eq!(owner("169.254.20.10", "node-2"), None);
    assert_eq!(owner("10.96.0.10", "node-1"), None);
}

fn asked(s: &Snapshot, name: &str, servers: &[IpAddr]) -> Report {
    let object = |name: &str, ip: &str| {
        let spec = json!({"clusterIP": ip, "clusterIPs": [ip], "ports": [{"port": 80}]});
        let metadata = json!({"name": name, "namespace": "shop"});
        Object::from_json(json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}))
            .unwrap()
    };
    let objects = [object("web", "127.0.0.1"), object("none", "None")];
    let zone = Zone::new("cluster.local", &objects);
    let flow = Flow {
        origin: Origin::Process { ns: 0, source: None },
        transport: Transport::Udp,
        dst: [0, 0, 0, 0].into(),
        port: 53,
        source_port: None,
        uid: 0,
        gid: 0,
        connections: 1,
        bytes: None,
    };
    let q = NameQuestion { name: name.into(), flow, from: "netns:pod-1".into(), lang: Lang::En };
    let told = Told { cluster: Some(Cluster { zone: &zone, servers }), ask: None };
    diagnose(s, &Network::compile(s), &q, told).unwrap()
}

#[test]
fn the_objects_answer_in_place_of_the_clusters_servers() {
    let conf = "nameserver 127.0.0.1\nsearch shop.svc.cluster.local svc.cluster.local\noptions ndots:5\n";
    let s = snapshot(vec![pod(conf, &["127.0.0.1"])]);
    let cluster: [IpAddr; 1] = [[127, 0, 0, 1].into()];
    for name in ["web", "web.shop", "web.shop.svc.cluster.local"] {
        let report = asked(&s, name, &cluster);
        let resolution = report.resolution.unwrap();
        assert_eq!((report.outcome.as_str(), report.flow.destination.as_str()), ("connects", "127.0.0.1"));
        assert_eq!(resolution.source.as_deref(), Some("objects"), "{name}");
    }
    let cause = |r: &Report| (r.errno.clone().unwrap_or_default(), r.causes[0].id.clone());
    let absent = asked(&s, "wob.shop.svc.cluster.local.", &cluster);
    assert_eq!(cause(&absent), ("EAI_NONAME".into(), "dns-name-not-found".into()));
    let headless = asked(&s, "none.shop.svc.cluster.local.", &cluster);
    assert_eq!(cause(&headless), ("EAI_NODATA".into(), "dns-name-without-address".into()));
    // The server answers, and is another.
    let other = asked(&s, "web", &[[10, 96, 0, 10].into()]);
    assert_eq!(cause(&other), ("EAI_NONAME".into(), "dns-server-not-the-clusters".into()));
    assert_eq!(other.causes[0].place["line"], "nameserver 127.0.0.1");
    // Names from outside are asked of others, whose answers nobody knows.
    assert_eq!(asked(&s, "example.org.", &cluster).outcome, "unknown");
    // Nobody listens: the look-up fails, and the flow that would follow by the same fault, told once.
    let dead = snapshot(vec![pod(conf, &[])]);
    let report = asked(&dead, "web", &cluster);
    let found: Vec<&str> = report.causes.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(found, ["dns-server-unreachable"]);
    assert_eq!((report.outcome.as_str(), report.errno.as_deref()), ("local_error", Some("EAI_AGAIN")));
    // Without files nothing is known.
    let mut old = pod(conf, &[]);
    old.resolver = Read::Absent { feature: "not read".into() };
    assert_eq!(asked(&snapshot(vec![old]), "web", &cluster).exit_status(), 3);
}
