//! Clusters as snapshots, made out of nothing: so many nodes with so many pods, without a namespace.
//!
//! Pods hang on routed links (a host route each, 169.254.1.1 answered by proxy ARP, as Calico wires them), nodes share one
//! network, have a route to each other's range and a firewall of some rules. What each file holds is of the size that a
//! real node's has: the sysctls of every device, a listener a pod.

use std::collections::BTreeMap;

use plumb_model::{
    Address, Conntrack, Host, IpFamily, Link, Mac, Namespace, NamespaceId, NextHop, Owner, Peer, PolicyRule,
    Prefix, Protocol, Read, Route, RouteKind, Snapshot, Socket, SocketState, Sysctls, join,
};
use plumb_nft::{
    BaseChain, Bytes, Chain, ChainType, CmpOp, Data, Expr, Family, Hook, PayloadBase, Register, Rule,
    Ruleset, Table, Verdict,
};

/// Inode of the first network namespace; pods' follow.
const HOST: NamespaceId = NamespaceId(4_026_531_840);
/// Rules of each node's forward chain.
const RULES: u16 = 50;

/// The snapshot of one of several nodes, as `plumb snapshot --node node-N` writes it.
#[must_use]
pub fn node(number: u8, nodes: u8, pods: u8) -> Snapshot {
    node_with_rules(number, nodes, pods, RULES)
}

/// The same with so many rules in its forward chain.
#[must_use]
pub fn node_with_rules(number: u8, nodes: u8, pods: u8, rules: u16) -> Snapshot {
    let mut host = namespace(HOST, "host");
    host.own = true;
    let mut links = vec![loopback(), link(2, "eth0", "", [2, 1, 0, 0, 0, number], None)];
    let mut routes = vec![
        route(RouteKind::Local, Route::TABLE_LOCAL, &format!("172.20.0.{number}/32"), None, 2),
        route(RouteKind::Unicast, Route::TABLE_MAIN, "172.20.0.0/24", None, 2),
        // Without a way there, the node does not answer for 169.254.1.1 (`arp_process`).
        route(RouteKind::Unicast, Route::TABLE_MAIN, "0.0.0.0/0", Some("172.20.0.254"), 2),
    ];
    for other in (1..=nodes).filter(|o| *o != number) {
        let gateway = format!("172.20.0.{other}");
        routes.push(route(
            RouteKind::Unicast,
            Route::TABLE_MAIN,
            &format!("10.{other}.0.0/16"),
            Some(&gateway),
            2,
        ));
    }
    let mut devices = vec!["eth0".to_owned()];
    let mut all = Vec::with_capacity(usize::from(pods) + 1);
    for p in 0..pods {
        let id = NamespaceId(HOST.0 + 1000 + u64::from(p));
        let (name, index) = (format!("cali{number}x{p}"), 10 + u32::from(p));
        let peer = Some(Peer { namespace: id, index: 2 });
        links.push(link(index, &name, "veth", [2, 2, 0, 0, number, p], peer));
        routes.push(route(
            RouteKind::Unicast,
            Route::TABLE_MAIN,
            &format!("10.{number}.{p}.2/32"),
            None,
            index,
        ));
        devices.push(name);
        all.push(pod(number, p, id, index));
    }
    host.links = Read::Got(links);
    host.addresses = Read::Got(vec![address(2, &format!("172.20.0.{number}/24"))]);
    host.routes = Read::Got(routes);
    host.sysctls = sysctls(&devices);
    for device in devices.iter().filter(|d| *d != "eth0") {
        host.sysctls.0.insert(format!("net.ipv4.conf.{device}.proxy_arp"), Read::Got("1".into()));
    }
    host.nft = Read::Got(Ruleset { generation: 1, tables: vec![firewall(rules)] });
    all.insert(0, host);
    Snapshot {
        version: Snapshot::VERSION,
        taken_at: 1_700_000_000,
        host: Host {
            hostname: format!("node-{number}"),
            kernel: "6.18.0".into(),
            node: Some(format!("node-{number}")),
            ..Host::default()
        },
        namespaces: all,
        gaps: Vec::new(),
        redacted: false,
    }
}

/// All nodes as one network.
///
/// # Panics
/// Never: nothing of it is redacted.
#[must_use]
pub fn cluster(nodes: u8, pods: u8) -> Snapshot {
    let all = (1..=nodes).map(|n| node(n, nodes, pods)).collect();
    join(all).unwrap_or_else(|e| panic!("{e}")).snapshot
}

fn pod(node: u8, p: u8, id: NamespaceId, peer: u32) -> Namespace {
    let mut n = namespace(id, &format!("cni-{node}-{p}"));
    let own = format!("10.{node}.{p}.2/32");
    let peer = Some(Peer { namespace: HOST, index: peer });
    n.links = Read::Got(vec![loopback(), link(2, "eth0", "veth", [2, 3, 0, 0, node, p], peer)]);
    n.addresses = Read::Got(vec![address(2, &own)]);
    n.routes = Read::Got(vec![
        route(RouteKind::Local, Route::TABLE_LOCAL, &own, None, 2),
        route(RouteKind::Unicast, Route::TABLE_MAIN, "169.254.1.1/32", None, 2),
        route(RouteKind::Unicast, Route::TABLE_MAIN, "0.0.0.0/0", Some("169.254.1.1"), 2),
    ]);
    n.sockets = Read::Got(vec![listener(8080)]);
    n.sysctls = sysctls(&["eth0".to_owned()]);
    n.owner = Some(Owner::Pod {
        node: format!("node-{node}"),
        namespace: "default".into(),
        name: format!("pod-{node}-{p}"),
    });
    n
}

fn namespace(id: NamespaceId, name: &str) -> Namespace {
    let mut n = Namespace::empty(id, name);
    n.rules = Read::Got(PolicyRule::defaults());
    n.neighbours = Read::Got(Vec::new());
    n.fdb = Read::Got(Vec::new());
    n.sockets = Read::Got(Vec::new());
    n.nft = Read::Got(Ruleset::default());
    n.legacy = Read::Got(Vec::new());
    n.conntrack = Read::Got(Conntrack::default());
    n.qdiscs = Read::Got(Vec::new());
    n.filters = Read::Got(Vec::new());
    n
}

fn link(index: u32, name: &str, kind: &str, mac: [u8; 6], peer: Option<Peer>) -> Link {
    Link {
        index,
        name: name.into(),
        kind: kind.into(),
        hardware_type: 1,
        flags: Link::UP | Link::LOWER_UP | Link::RUNNING | Link::BROADCAST,
        mac: Some(Mac(mac)),
        mtu: 1500,
        carrier: Some(true),
        operstate: 6,
        peer,
        ..Link::default()
    }
}

fn loopback() -> Link {
    Link {
        index: 1,
        name: "lo".into(),
        hardware_type: 772,
        flags: Link::UP | Link::LOWER_UP | Link::RUNNING | Link::LOOPBACK,
        mac: Some(Mac([0; 6])),
        mtu: 65536,
        carrier: Some(true),
        ..Link::default()
    }
}

/// A literal of this file.
fn prefix(text: &str) -> Prefix {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn address(index: u32, text: &str) -> Address {
    Address::permanent(index, prefix(text))
}

fn route(kind: RouteKind, table: u32, dst: &str, gateway: Option<&str>, oif: u32) -> Route {
    let gateway = gateway.map(|g| prefix(g).addr);
    Route {
        family: IpFamily::V4,
        table,
        kind,
        dst: prefix(dst),
        src: None,
        tos: 0,
        priority: 0,
        protocol: 2,
        scope: if gateway.is_some() { 0 } else { 253 },
        prefsrc: None,
        next_hops: vec![NextHop { gateway, oif: Some(oif), weight: 1, flags: 0 }],
        nexthop_id: None,
        flags: 0,
        pref: 0,
        metrics: BTreeMap::new(),
        unknown_attributes: Vec::new(),
    }
}

fn listener(port: u16) -> Socket {
    let any = IpFamily::V4.unspecified();
    Socket {
        family: IpFamily::V4,
        protocol: Protocol::TCP,
        state: SocketState::Listen,
        src: any,
        sport: port,
        dst: any,
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

/// Sysctls of every device, as many as are read of a real namespace.
fn sysctls(devices: &[String]) -> Sysctls {
    const BY_DEVICE: [(&str, &str); 14] = [
        ("accept_local", "0"),
        ("accept_redirects", "0"),
        ("arp_announce", "0"),
        ("arp_filter", "0"),
        ("arp_ignore", "0"),
        ("forwarding", "1"),
        ("log_martians", "0"),
        ("proxy_arp", "0"),
        ("route_localnet", "0"),
        ("rp_filter", "0"),
        ("secure_redirects", "1"),
        ("send_redirects", "0"),
        ("shared_media", "1"),
        ("src_valid_mark", "0"),
    ];
    let mut all = BTreeMap::new();
    let mut set = |name: String, value: &str| all.insert(name, Read::Got(value.to_owned()));
    set("net.ipv4.ip_forward".to_owned(), "1");
    set("net.ipv4.ip_local_port_range".to_owned(), "32768\t60999");
    set("net.ipv4.tcp_syn_retries".to_owned(), "6");
    set("net.ipv4.tcp_syn_linear_timeouts".to_owned(), "4");
    for device in devices.iter().map(String::as_str).chain(["all", "default", "lo"]) {
        for (name, value) in BY_DEVICE {
            // What is `all` adds to every device.
            let value =
                if matches!(device, "all" | "default" | "lo") && name == "forwarding" { "0" } else { value };
            set(format!("net.ipv4.conf.{device}.{name}"), value);
        }
    }
    Sysctls(all)
}

/// A forward chain that drops what comes from some networks that no pod is in.
fn firewall(count: u16) -> Table {
    let mut table = Table::new(Family::Ip, "filter");
    let rules = (0..count)
        .map(|i| Rule {
            handle: u64::from(i) + 2,
            exprs: vec![
                Expr::Payload { dreg: Register(1), base: PayloadBase::Network, offset: 12, len: 3 },
                Expr::Cmp {
                    sreg: Register(1),
                    op: CmpOp::Eq,
                    data: Bytes(vec![192, 168 + i.to_be_bytes()[0], i.to_be_bytes()[1]]),
                },
                Expr::Counter { packets: u64::from(i) * 7, bytes: u64::from(i) * 420 },
                Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(Verdict::Drop) },
            ],
            userdata: Bytes::default(),
            compat: None,
        })
        .collect();
    table.chains.push(Chain {
        name: "forward".into(),
        handle: 1,
        base: Some(BaseChain {
            kind: ChainType::Filter,
            hook: Hook::Forward,
            priority: 0,
            policy: Verdict::Accept,
            devices: Vec::new(),
            counters: None,
        }),
        flags: 1,
        userdata: Bytes::default(),
        rules,
    });
    table
}
