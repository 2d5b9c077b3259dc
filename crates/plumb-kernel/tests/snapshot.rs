//! What is written is read back, in namespaces of the test's own. Runs as root.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Net, of, read, route};
use plumb_kernel::{NewLink, NewLinkKind, VethPeer, in_namespace, probe};
use plumb_model::{
    FdbEntry, IpFamily, Neighbour, NeighbourState, PolicyAction, PolicyRule, PortRange, Protocol, Read,
    RouteKind, SocketState,
};

fn rule(family: IpFamily, priority: u32, action: PolicyAction) -> PolicyRule {
    PolicyRule {
        family,
        priority,
        action,
        invert: false,
        src: None,
        dst: None,
        iifname: None,
        oifname: None,
        fwmark: None,
        tos: 0,
        uid_range: None,
        ip_proto: None,
        sport: None,
        dport: None,
        suppress_prefixlen: None,
        suppress_ifgroup: None,
        l3mdev: false,
        protocol: 0,
        unknown_attributes: Vec::new(),
    }
}

#[test]
fn veth_ends_find_each_other() {
    let (mut a, mut b, c) = (Net::new("a"), Net::new("b"), Net::new("c"));
    // Equal indices on all sides, so that the likely peer is not always the true one.
    a.join("to-b", &b, "to-a");
    a.join("to-c", &c, "to-a");
    b.join("to-c", &c, "to-b");
    let peer = VethPeer { name: "y", ..VethPeer::default() };
    b.writer.add_link(&NewLink::new("x", NewLinkKind::Veth(peer))).unwrap();
    let snapshot = read(&[&a, &b, &c]);
    for (from, name, to, far) in
        [(&a, "to-b", &b, "to-a"), (&a, "to-c", &c, "to-a"), (&b, "to-c", &c, "to-b"), (&b, "x", &b, "y")]
    {
        let peer = of(&snapshot, from).link_by_name(name).unwrap().peer.unwrap();
        assert_eq!(peer.namespace, to.handle.id(), "{name}");
        assert_eq!(of(&snapshot, to).link(peer.index).unwrap().name, far);
        let back = of(&snapshot, to).link_by_name(far).unwrap().peer.unwrap();
        assert_eq!(back.namespace, from.handle.id());
    }
    assert_eq!(of(&snapshot, &a).path.as_deref(), Some(format!("/run/netns/{}", a.name).as_str()));
}

#[test]
fn bridge_addresses_routes_rules_and_neighbours() {
    let (mut n, pod) = (Net::new("node"), Net::new("pod"));
    n.writer
        .add_link(&NewLink { up: true, ..NewLink::new("br0", NewLinkKind::Bridge { vlan_filtering: false }) })
        .unwrap();
    n.join("v0", &pod, "eth0");
    n.writer.set_master("v0", Some("br0")).unwrap();
    n.writer.set_bridge_port("v0", "hairpin", "on").unwrap();
    n.writer.set_bridge_port("v0", "flood", "0").unwrap();
    n.writer.set_bridge("br0", "nf_call_iptables", "1").unwrap();
    n.address("br0", "10.9.0.1/24");
    n.address("br0", "10.9.0.1/24");
    n.address("br0", "fd09::1/64");
    n.writer.set_mtu("br0", 1400).unwrap();
    let br0 = n.writer.index("br0").unwrap();
    for (dst, via) in [("10.20.0.0/16", "10.9.0.2"), ("fd20::/32", "fd09::2")] {
        let mut r = route(dst, Some(via), None);
        r.table = 1234;
        r.metrics.insert(2, 1300);
        n.writer.add_route(&r).unwrap();
        assert_eq!(n.writer.add_route(&r).unwrap_err().errno(), Some(libc_eexist()));
        let mut r = route("fd30::/32", Some("fd09::3"), Some(br0));
        if via.contains('.') {
            r = route("10.30.0.0/16", Some("10.9.0.3"), Some(br0));
        }
        let mut second = r.next_hops[0].clone();
        second.gateway = Some(via.parse().unwrap());
        second.weight = 5;
        r.next_hops.push(second);
        n.writer.add_route(&r).unwrap();
    }
    let mut black = route("10.40.0.0/16", None, None);
    black.kind = RouteKind::Blackhole;
    n.writer.add_route(&black).unwrap();
    let full = PolicyRule {
        fwmark: Some((0x10, 0xf0)),
        src: Some("10.9.0.0/24".parse().unwrap()),
        iifname: Some("br0".into()),
        ip_proto: Some(6),
        dport: Some(PortRange { first: 80, last: 90 }),
        suppress_prefixlen: Some(8),
        uid_range: Some((0, 99)),
        invert: true,
        protocol: 4,
        ..rule(IpFamily::V4, 500, PolicyAction::ToTable(1234))
    };
    n.writer.add_rule(&full).unwrap();
    n.writer.add_rule(&rule(IpFamily::V6, 600, PolicyAction::Prohibit)).unwrap();
    let neighbour = Neighbour {
        index: br0,
        addr: "10.9.0.9".parse().unwrap(),
        lladdr: Some("02:00:00:00:00:09".parse().unwrap()),
        state: NeighbourState::PERMANENT,
        flags: 0,
    };
    n.writer.set_neighbour("br0", &neighbour).unwrap();
    let proxy = Neighbour {
        addr: "fd09::99".parse().unwrap(),
        lladdr: None,
        flags: Neighbour::PROXY,
        ..neighbour.clone()
    };
    n.writer.set_neighbour("br0", &proxy).unwrap();
    let entry = FdbEntry {
        index: n.writer.index("v0").unwrap(),
        lladdr: "02:00:00:00:00:0a".parse().unwrap(),
        master: Some(br0),
        vlan: None,
        state: NeighbourState::NOARP,
        flags: 0,
        dst: None,
        vni: None,
        port: None,
    };
    n.writer.add_fdb("v0", &entry).unwrap();
    n.writer.set_sysctl("net.ipv4.conf.br0.rp_filter", "2").unwrap();

    let snapshot = read(&[&n, &pod]);
    let node = of(&snapshot, &n);
    let v0 = node.link_by_name("v0").unwrap();
    let port = v0.port.as_ref().unwrap();
    assert!(port.hairpin && !port.flood && port.learning);
    assert_eq!(v0.master, Some(br0));
    let bridge = node.link(br0).unwrap();
    assert_eq!(bridge.mtu, 1400);
    let settings = bridge.bridge.as_ref().unwrap();
    assert!(!settings.vlan_filtering && settings.nf_call_iptables && !settings.nf_call_ip6tables);
    assert!(node.links.items().iter().all(|l| l.unknown_attributes.is_empty()), "{:?}", node.links);
    let addresses: Vec<_> = node.addresses.items().iter().filter(|a| a.index == br0).collect();
    assert!(addresses.iter().any(|a| a.prefix.to_string() == "10.9.0.1/24"));
    assert!(addresses.iter().any(|a| a.prefix.to_string() == "fd09::1/64" && a.peer.is_none()));

    let find = |dst: &str| node.routes.items().iter().find(|r| r.dst.to_string() == dst).unwrap();
    for (dst, via) in [("10.20.0.0/16", "10.9.0.2"), ("fd20::/32", "fd09::2")] {
        let r = find(dst);
        assert_eq!((r.table, r.protocol, r.metrics[&2]), (1234, 3, 1300));
        assert_eq!(r.next_hops[0].gateway, Some(via.parse().unwrap()));
        assert_eq!(r.next_hops[0].oif, Some(br0));
    }
    for dst in ["10.30.0.0/16", "fd30::/32"] {
        let mut weights: Vec<_> = find(dst).next_hops.iter().map(|h| h.weight).collect();
        weights.sort_unstable();
        assert_eq!(weights, [1, 5], "{dst}");
    }
    assert_eq!(find("10.40.0.0/16").kind, RouteKind::Blackhole);
    assert!(node.routes.items().iter().any(|r| r.table == 255 && r.kind == RouteKind::Local));
    let read_rule = node.rules.items().iter().find(|r| r.priority == 500).unwrap();
    assert_eq!(*read_rule, full);
    assert!(node.rules.items().iter().any(|r| r.priority == 600 && r.action == PolicyAction::Prohibit));
    assert!(node.neighbours.items().contains(&neighbour), "{:?}", node.neighbours);
    assert!(node.neighbours.items().iter().any(|x| x.addr == proxy.addr && x.flags & Neighbour::PROXY != 0));
    assert!(node.fdb.items().iter().any(|e| e.lladdr == entry.lladdr && e.state == NeighbourState::NOARP));
    assert_eq!(node.sysctls.number("net.ipv4.conf.br0.rp_filter"), Some(2));
    assert!(node.counters["Ip"].contains_key("InReceives"));

    // What was read is enough to take it away again.
    assert!(n.writer.delete_route(find("10.20.0.0/16")).unwrap());
    assert!(!n.writer.delete_route(find("10.20.0.0/16")).unwrap());
    assert!(n.writer.delete_route(find("fd20::/32")).unwrap());
    assert!(n.writer.delete_route(find("10.30.0.0/16")).unwrap());
    assert!(n.writer.delete_route(find("fd30::/32")).unwrap());
    assert!(n.writer.delete_route(find("10.40.0.0/16")).unwrap());
    assert!(n.writer.delete_rule(read_rule).unwrap());
    assert!(!n.writer.delete_rule(read_rule).unwrap());
    assert!(n.writer.delete_neighbour("br0", neighbour.addr).unwrap());
    assert!(n.writer.delete_neighbour("br0", proxy.addr).unwrap());
    assert!(n.writer.delete_fdb("v0", &entry).unwrap());
    let v4 = addresses.iter().find(|a| a.prefix.addr.is_ipv4()).unwrap();
    assert!(n.writer.delete_address("br0", v4).unwrap());
    assert!(!n.writer.delete_address("br0", v4).unwrap());
    assert!(n.writer.delete_link("v0").unwrap());
    assert!(!n.writer.delete_link("v0").unwrap());
}

fn libc_eexist() -> i32 {
    17
}

#[test]
fn sockets_and_probes() {
    let (mut client, mut server) = (Net::new("client"), Net::new("server"));
    client.join("eth0", &server, "eth0");
    client.address("eth0", "10.8.0.1/24");
    client.address("eth0", "fd08::1/64");
    server.address("eth0", "10.8.0.2/24");
    server.address("eth0", "fd08::2/64");
    let (tcp, udp) = in_namespace(format!("/run/netns/{}", server.name), || {
        (
            std::net::TcpListener::bind("[::]:8080").unwrap(),
            std::net::UdpSocket::bind("10.8.0.2:5353").unwrap(),
        )
    })
    .unwrap();
    let snapshot = read(&[&server]);
    let sockets = of(&snapshot, &server).sockets.items();
    let listener = sockets.iter().find(|s| s.sport == 8080).unwrap();
    assert_eq!(
        (listener.state, listener.v6only, listener.family),
        (SocketState::Listen, Some(false), IpFamily::V6)
    );
    assert!(listener.is_listening() && listener.send_queue > 0);
    assert!(sockets.iter().any(|s| s.sport == 5353 && s.protocol == Protocol::UDP && s.is_listening()));

    let patience = probe::Patience { datagram: std::time::Duration::from_millis(300), ..Default::default() };
    let ask = |protocol, dst: &str, port| {
        let flow = probe::Flow::new(protocol, dst.parse().unwrap(), port);
        probe::connect(&client.handle, &flow, &patience).unwrap()
    };
    for dst in ["10.8.0.2", "fd08::2"] {
        let seen = ask(Protocol::TCP, dst, 8080);
        assert!(seen.connects, "{seen:?}");
        let refused = ask(Protocol::TCP, dst, 8081);
        assert_eq!((refused.connects, refused.errno), (false, Some(111)), "{refused:?}");
        let echo = if dst.contains(':') { Protocol::ICMPV6 } else { Protocol::ICMP };
        assert!(ask(echo, dst, 0).connects);
    }
    assert_eq!(ask(Protocol::TCP, "10.99.0.1", 80).errno, Some(101));
    assert_eq!(ask(Protocol::UDP, "10.8.0.2", 9999).errno, Some(111));
    assert_eq!(ask(Protocol::UDP, "10.8.0.2", 5353).errno, Some(110));
    let answer = std::thread::spawn(move || {
        let mut buffer = [0; 64];
        // The datagram of the probe before this one waits first.
        for _ in 0..2 {
            let (n, from) = udp.recv_from(&mut buffer).unwrap();
            assert_eq!(n, 16);
            udp.send_to(b"hello", from).unwrap();
        }
    });
    let flow = probe::Flow {
        source_port: Some(4321),
        uid: Some(12345),
        ..probe::Flow::new(Protocol::UDP, "10.8.0.2".parse().unwrap(), 5353)
    };
    let seen = probe::connect(&client.handle, &flow, &patience).unwrap();
    assert_eq!((seen.connects, seen.reply.as_slice()), (true, b"hello".as_slice()));
    assert_eq!(seen.local.unwrap().to_string(), "10.8.0.1:4321");
    answer.join().unwrap();
    drop(tcp);
}

#[test]
#[allow(clippy::zombie_processes, reason = "that it ends by itself is what is tested")]
fn a_child_lives_in_the_namespace_and_dies_with_its_thread() {
    let net = Net::new("child");
    let handle = net.handle.try_clone().unwrap();
    let pid = std::thread::spawn(move || {
        let child = plumb_kernel::spawn(std::process::Command::new("sleep").arg("60"), &handle).unwrap();
        let link = std::fs::read_link(format!("/proc/{}/ns/net", child.id())).unwrap();
        assert_eq!(link.to_str().unwrap(), handle.id().to_string());
        child.id()
    })
    .join()
    .unwrap();
    let stat = format!("/proc/{pid}/stat");
    let ended = || std::fs::read_to_string(&stat).map_or(true, |s| s.contains(") Z"));
    for _ in 0..100 {
        if ended() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("the child outlived its thread");
}

#[test]
fn reading_creates_nothing() {
    let net = Net::new("still");
    let tables = || {
        in_namespace(format!("/run/netns/{}", net.name), || {
            std::fs::read_to_string("/proc/thread-self/net/ip_tables_names").unwrap_or_default()
        })
        .unwrap()
    };
    assert_eq!(tables(), "");
    let snapshot = read(&[&net]);
    assert_eq!(tables(), "");
    let n = of(&snapshot, &net);
    assert!(matches!(&n.legacy, Read::Got(list) if list.is_empty()) || n.legacy.is_absent());
    assert!(n.nft.value().is_none_or(|r| r.tables.is_empty()));
}
