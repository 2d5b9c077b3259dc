#![allow(clippy::unwrap_used)]

use plumb_model::{
    BridgePort, CtEntry, CtStatus, FdbEntry, Host, IpFamily, Link, Mac, Namespace, NamespaceId,
    NeighbourState, Owner, PolicyAction, PolicyRule, Prefix, Protocol, Read, Route, RouteKind, Snapshot,
    Socket, SocketState, Tuple,
};
use plumb_nft::{
    BaseChain, Bytes, Chain, ChainType, CmpOp, Data, Element, Expr, Family, Hook, MetaKey, PayloadBase,
    Register, Rule, Ruleset, Set, Table, Verdict,
};
use plumb_trace::Network;
use plumb_trace::event::{RouteRef, SetRef};
use plumb_trace::state::{ChainPlace, RuleRef};
use serde_json::json;

use super::*;
use crate::report::Layer;

pub(crate) fn snapshot(namespaces: Vec<Namespace>) -> Snapshot {
    Snapshot { version: 1, taken_at: 0, host: Host::default(), namespaces, gaps: Vec::new(), redacted: false }
}

pub(crate) fn link(index: u32, name: &str) -> Link {
    Link { index, name: name.into(), flags: Link::UP, mtu: 1500, ..Link::default() }
}

fn verdict(v: Verdict) -> Expr {
    Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(v) }
}

fn bytes(b: &[u8]) -> Bytes {
    b.to_vec().into()
}

fn rule_of(handle: u64, exprs: Vec<Expr>) -> Rule {
    Rule { handle, exprs, userdata: Bytes::default(), compat: None }
}

/// `tcp dport 8080 counter drop`
pub(crate) fn drop_8080(handle: u64) -> Rule {
    let r = Register(1);
    let exprs = vec![
        Expr::Meta { key: MetaKey::L4proto, dreg: r },
        Expr::Cmp { sreg: r, op: CmpOp::Eq, data: bytes(&[6]) },
        Expr::Payload { dreg: r, base: PayloadBase::Transport, offset: 2, len: 2 },
        Expr::Cmp { sreg: r, op: CmpOp::Eq, data: bytes(&8080u16.to_be_bytes()) },
        Expr::Counter { packets: 7, bytes: 420 },
        verdict(Verdict::Drop),
    ];
    rule_of(handle, exprs)
}

fn base(kind: ChainType, hook: Hook, priority: i32, devices: &[&str]) -> BaseChain {
    let devices = devices.iter().map(|d| (*d).to_owned()).collect();
    BaseChain { kind, hook, priority, policy: Verdict::Accept, devices, counters: None }
}

pub(crate) fn chain_with(name: &str, base: Option<BaseChain>, rules: Vec<Rule>) -> Chain {
    Chain { name: name.into(), handle: 1, base, flags: 0, userdata: Bytes::default(), rules }
}

pub(crate) fn table_with(family: Family, name: &str, chains: Vec<Chain>, sets: Vec<Set>) -> Table {
    Table {
        family,
        name: name.into(),
        handle: 1,
        flags: 0,
        userdata: Bytes::default(),
        chains,
        sets,
        objects: Vec::new(),
        flowtables: Vec::new(),
        unknown_attributes: Vec::new(),
    }
}

fn blocked() -> Set {
    let element = |key: [u8; 4], flags| Element { key: bytes(&key), flags, ..Element::default() };
    Set {
        name: "blocked".into(),
        handle: 3,
        flags: Set::INTERVAL,
        key_type: 7,
        key_len: 4,
        data_type: None,
        data_len: None,
        object_type: None,
        policy: None,
        size: None,
        field_lens: Vec::new(),
        timeout_ms: None,
        gc_interval_ms: None,
        userdata: Bytes::default(),
        exprs: Vec::new(),
        elements: vec![
            element([10, 20, 9, 1], Element::INTERVAL_END),
            element([10, 20, 9, 0], 0),
            element([10, 20, 1, 8], Element::INTERVAL_END),
            element([10, 20, 1, 0], 0),
        ],
    }
}

/// `router` with an nft table with a set, a table of iptables-nft, and a netdev table.
pub(crate) fn router() -> Namespace {
    let mut ns = Namespace::empty(NamespaceId(1), "router");
    ns.path = Some("/run/netns/router".into());
    ns.links = Read::Got(vec![link(1, "lo"), link(2, "c0"), link(3, "s0")]);
    let r = Register(1);
    let from_set = vec![
        Expr::Meta { key: MetaKey::Nfproto, dreg: r },
        Expr::Cmp { sreg: r, op: CmpOp::Eq, data: bytes(&[2]) },
        Expr::Payload { dreg: r, base: PayloadBase::Network, offset: 12, len: 4 },
        Expr::Lookup { set: "blocked".into(), set_id: None, sreg: r, dreg: None, inverted: false },
        Expr::Counter { packets: 0, bytes: 0 },
        verdict(Verdict::Drop),
    ];
    let iifindex = vec![
        Expr::Meta { key: MetaKey::Iif, dreg: r },
        Expr::Cmp { sreg: r, op: CmpOp::Eq, data: bytes(&2u32.to_ne_bytes()) },
        verdict(Verdict::Accept),
    ];
    let forward = base(ChainType::Filter, Hook::Forward, 0, &[]);
    let nft_rules = vec![rule_of(4, from_set), drop_8080(12), rule_of(13, iifindex)];
    let masquerade = rule_of(
        5,
        vec![
            Expr::Counter { packets: 1, bytes: 60 },
            Expr::Masq { flags: 0, port_min: None, port_max: None },
        ],
    );
    let notrack = rule_of(6, vec![Expr::Notrack]);
    let from_host = vec![
        Expr::Payload { dreg: r, base: PayloadBase::Network, offset: 12, len: 4 },
        Expr::Cmp { sreg: r, op: CmpOp::Eq, data: bytes(&[10, 0, 0, 1]) },
        Expr::Counter { packets: 3, bytes: 180 },
        verdict(Verdict::Drop),
    ];
    ns.nft = Read::Got(Ruleset {
        generation: 1,
        tables: vec![
            table_with(
                Family::Inet,
                "guard",
                vec![chain_with("forward", Some(forward.clone()), nft_rules)],
                vec![blocked()],
            ),
            table_with(
                Family::Ip,
                "filter",
                vec![chain_with("FORWARD", Some(forward), vec![rule_of(7, from_host)])],
                vec![],
            ),
            table_with(
                Family::Netdev,
                "early",
                vec![chain_with(
                    "in",
                    Some(base(ChainType::Filter, Hook::Ingress, 0, &["c0"])),
                    vec![drop_8080(2)],
                )],
                vec![],
            ),
            table_with(
                Family::Ip,
                "nat",
                vec![
                    chain_with(
                        "post",
                        Some(base(ChainType::Nat, Hook::Postrouting, 100, &[])),
                        vec![masquerade],
                    ),
                    chain_with(
                        "raw",
                        Some(base(ChainType::Filter, Hook::Prerouting, -300, &[])),
                        vec![notrack],
                    ),
                ],
                vec![],
            ),
        ],
    });
    ns
}

pub(crate) fn rule_ref(table: u32, rule: u32) -> RuleRef {
    RuleRef { ns: 0, table, chain: 0, rule }
}

pub(crate) fn route_to(dst: &str, table: u32, kind: RouteKind) -> Route {
    Route {
        family: IpFamily::V4,
        table,
        kind,
        dst: dst.parse::<Prefix>().unwrap(),
        src: None,
        tos: 0,
        priority: 0,
        protocol: 3,
        scope: 0,
        prefsrc: None,
        next_hops: Vec::new(),
        nexthop_id: None,
        flags: 0,
        pref: 0,
        metrics: std::collections::BTreeMap::new(),
        unknown_attributes: Vec::new(),
    }
}

#[test]
fn rules_as_their_own_tool_lists_them() {
    let s = snapshot(vec![router()]);
    let net = Network::compile(&s);
    assert_eq!(
        json!(rule(&net, rule_ref(0, 1), &["mark 0x8 set in nat PRE".to_owned()])),
        json!({
            "node": null, "namespace": "router", "backend": "nft", "family": "inet", "table": "guard",
            "chain": "forward", "rule": "tcp dport 8080 counter drop", "handle": 12, "via": "mark 0x8 set in nat PRE"
        })
    );
    let xt = rule(&net, rule_ref(1, 0), &[]);
    assert_eq!(xt["backend"], "xtables-nft");
    assert_eq!(xt["rule"], "-A FORWARD -s 10.0.0.1/32 -j DROP");
    assert_eq!((&xt["family"], &xt["handle"]), (&json!("ip"), &json!(7)));
    let netdev = rule(&net, rule_ref(2, 0), &[]);
    assert_eq!((&netdev["family"], &netdev["device"]), (&json!("netdev"), &json!("c0")));
    assert_eq!(rule_text(&net, rule_ref(0, 2)), "iif \"c0\" accept");
}

#[test]
fn the_element_that_decided() {
    let s = snapshot(vec![router()]);
    let net = Network::compile(&s);
    let set = SetRef { ns: 0, table: 0, set: 0 };
    let place = rule_by_element(&net, rule_ref(0, 0), set, Some(3), &[]);
    assert_eq!(place["rule"], "ip saddr @blocked counter drop");
    assert_eq!((&place["set"], &place["element"]), (&json!("blocked"), &json!("10.20.1.0/29")));
    assert_eq!(element_text(&net, set, 1).unwrap(), "10.20.9.0");
    assert_eq!(element_text(&net, set, 99), None);
}

#[test]
fn policies_and_rules_that_are_not_there() {
    let s = snapshot(vec![router()]);
    let net = Network::compile(&s);
    let at = ChainPlace { ns: 0, table: 1, chain: 0 };
    let place = policy(&net, at);
    assert_eq!((&place["backend"], &place["rule"]), (&json!("xtables-nft"), &json!("policy")));
    assert!(!place.contains_key("handle"));
    let missing = missing_rule(&net, at, "-A FORWARD -p tcp -m tcp --dport 80 -j ACCEPT");
    assert_eq!(missing["missing"], "-A FORWARD -p tcp -m tcp --dport 80 -j ACCEPT");
    assert!(!missing.contains_key("rule") && !missing.contains_key("handle"));
    // A reference that points nowhere names what it can and does not panic.
    let nowhere = rule(&net, RuleRef { ns: 9, table: 9, chain: 9, rule: 9 }, &[]);
    assert_eq!(nowhere["namespace"], "namespace 9");
}

#[test]
fn routes_and_policy_rules() {
    let mut ns = Namespace::empty(NamespaceId(1), "server");
    ns.routes = Read::Got(vec![
        route_to("0.0.0.0/0", 77, RouteKind::Blackhole),
        route_to("10.9.0.0/16", Route::TABLE_MAIN, RouteKind::Unreachable),
    ]);
    let rule = PolicyRule {
        family: IpFamily::V4,
        priority: 100,
        action: PolicyAction::ToTable(77),
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
    };
    ns.rules = Read::Got(vec![rule]);
    let s = snapshot(vec![ns]);
    let net = Network::compile(&s);
    let found = |route, rule_pref| RouteRef { ns: 0, route, hop: 0, rule_pref, rule: None };
    assert_eq!(
        json!(route(&net, found(0, 100))),
        json!({ "node": null, "namespace": "server", "table": "77", "route": "blackhole default", "rule_pref": 100 })
    );
    let main = route(&net, found(1, 32766));
    assert_eq!((&main["table"], &main["route"]), (&json!("main"), &json!("unreachable 10.9.0.0/16")));
    assert!(!main.contains_key("rule_pref"));
    let none = missing_route(&net, 0, 254, "10.1.0.1".parse().unwrap());
    assert_eq!(
        json!(none),
        json!({
            "node": null, "namespace": "server", "table": "main", "address": "10.1.0.1", "missing": "route"
        })
    );
    assert_eq!(policy_rule(&net, 0, 0)["rule_pref"], 100);
    for place in [main, none, policy_rule(&net, 0, 0)] {
        assert_eq!(layer(&net, &place), Layer::Routing);
    }
}

#[test]
fn sockets_entries_devices() {
    let mut ns = Namespace::empty(NamespaceId(1), "node");
    ns.owner = Some(Owner::Pod { node: "node-1".into(), namespace: "default".into(), name: "web-0".into() });
    let mut v2 = link(4, "v2");
    v2.master = Some(3);
    v2.port = Some(BridgePort { flood: false, ..BridgePort::default() });
    let vxlan = Link { kind: "vxlan".into(), ..link(5, "flannel.1") };
    ns.links = Read::Got(vec![link(2, "eth0"), Link { kind: "bridge".into(), ..link(3, "br0") }, v2, vxlan]);
    ns.sockets = Read::Got(vec![Socket {
        family: IpFamily::V6,
        protocol: Protocol::TCP,
        state: SocketState::Listen,
        src: "::".parse().unwrap(),
        sport: 6379,
        dst: "::".parse().unwrap(),
        dport: 0,
        bound_dev: None,
        receive_queue: 0,
        send_queue: 128,
        v6only: Some(false),
        uid: 0,
        inode: 0,
        timer: None,
        receive_buffer: None,
        drops: None,
        transparent: None,
        mark: None,
    }]);
    let tuple = Tuple {
        src: "10.0.0.1".parse().unwrap(),
        dst: "10.0.0.2".parse().unwrap(),
        protocol: Protocol::UDP,
        sport: 40000,
        dport: 53,
        icmp: None,
    };
    let entry = CtEntry {
        original: tuple,
        reply: Tuple { src: tuple.dst, dst: tuple.src, sport: 53, dport: 40000, ..tuple },
        status: CtStatus(0),
        timeout: 30,
        tcp_state: None,
        mark: 0,
        zone: 5,
        zone_direction: None,
        labels: Bytes::default(),
        helper: None,
        id: 1,
        counters: None,
    };
    let table = plumb_model::Conntrack { entries: vec![entry], count: Some(1), max: Some(10) };
    ns.conntrack = Read::Got(table);
    let mac: Mac = "02:00:00:00:00:02".parse().unwrap();
    ns.fdb = Read::Got(vec![FdbEntry {
        index: 4,
        lladdr: mac,
        master: Some(3),
        vlan: None,
        state: NeighbourState::NOARP,
        flags: 4,
        dst: None,
        vni: None,
        port: None,
    }]);
    let s = snapshot(vec![ns]);
    let net = Network::compile(&s);
    assert_eq!(
        json!(socket(&net, 0, 0)),
        json!({ "node": "node-1", "namespace": "node", "socket": "tcp *:6379" })
    );
    let missing = missing_socket(&net, 0, Protocol::TCP, "fd00::5".parse().unwrap(), 6379);
    assert_eq!((&missing["socket"], &missing["missing"]), (&json!("tcp [fd00::5]:6379"), &json!("listener")));
    let entry = ct_entry(&net, 0, 0);
    assert_eq!(
        entry["entry"],
        "src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=53 src=10.0.0.2 dst=10.0.0.1 sport=53 dport=40000"
    );
    assert_eq!(entry["zone"], 5);
    let flood = port(&net, 0, 4, "flood", "off");
    assert_eq!(
        json!(flood),
        json!({
            "node": "node-1", "namespace": "node", "device": "v2", "master": "br0", "attribute": "flood", "value": "off"
        })
    );
    let at: std::net::IpAddr = "10.0.0.2".parse().unwrap();
    let layers = [
        (socket(&net, 0, 0), Layer::Socket),
        (missing, Layer::Socket),
        (entry, Layer::Conntrack),
        (flood, Layer::Bridge),
        (device(&net, 0, 2, "mtu", "1400"), Layer::Link),
        (device(&net, 0, 5, "dstport", "4789"), Layer::Overlay),
        (neighbour(&net, 0, 2, at, Some(mac)), Layer::Neighbour),
        (fdb(&net, 0, 4, mac, None, false), Layer::Bridge),
        (fdb(&net, 0, 5, mac, Some(at), true), Layer::Overlay),
        (address(&net, 0, 2, at), Layer::Addressing),
        (traffic_control(&net, 0, 2, "clsact", "ingress", Some(7)), Layer::Tc),
        (sysctl(&net, 0, "net.ipv4.ip_forward", "0"), Layer::Sysctl),
        (sysctl(&net, 0, "net.netfilter.nf_conntrack_max", "10"), Layer::Conntrack),
        (sysctl(&net, 0, "net.core.somaxconn", "1"), Layer::Socket),
    ];
    for (place, expected) in layers {
        assert_eq!(layer(&net, &place), expected, "{place:?}");
    }
}

#[test]
fn the_layer_of_a_rule_is_what_it_does() {
    let s = snapshot(vec![router()]);
    let net = Network::compile(&s);
    let at = |table, chain| RuleRef { ns: 0, table, chain, rule: 0 };
    assert_eq!(layer(&net, &rule(&net, at(0, 0), &[])), Layer::Netfilter);
    assert_eq!(layer(&net, &rule(&net, at(3, 0), &[])), Layer::ServiceNat);
    assert_eq!(layer(&net, &rule(&net, at(3, 1), &[])), Layer::Conntrack);
    let post = ChainPlace { ns: 0, table: 3, chain: 0 };
    assert_eq!(layer(&net, &missing_rule(&net, post, "ip saddr 10.0.0.0/8 masquerade")), Layer::ServiceNat);
    assert_eq!(
        layer(&net, &missing_rule(&net, post, "ip saddr 10.0.0.0/8 jump masquerade")),
        Layer::Netfilter
    );
    assert_eq!(layer(&net, &missing_rule(&net, post, "-A PREROUTING -j CT --zone 5")), Layer::Conntrack);
    assert_eq!(layer(&net, &policy(&net, post)), Layer::Netfilter);
}

#[test]
fn how_many_rules_a_packet_may_meet() {
    let jump = |to: &str| rule_of(1, vec![verdict(Verdict::Jump(plumb_nft::ChainRef::Name(to.into())))]);
    let chains = vec![
        chain_with(
            "in",
            Some(base(ChainType::Filter, Hook::Input, 0, &[])),
            vec![jump("a"), jump("a"), jump("b")],
        ),
        chain_with("a", None, vec![drop_8080(2), jump("b")]),
        chain_with("b", None, vec![drop_8080(3)]),
        chain_with("unused", None, vec![drop_8080(4)]),
    ];
    let mut ns = Namespace::empty(NamespaceId(1), "n");
    let tables = vec![table_with(Family::Inet, "t", chains, Vec::new())];
    ns.nft = Read::Got(Ruleset { generation: 1, tables });
    let s = snapshot(vec![ns]);
    let net = Network::compile(&s);
    assert_eq!(chain_size(&net, ChainPlace { ns: 0, table: 0, chain: 0 }), 6);
    assert_eq!(chain_length(&net, ChainPlace { ns: 0, table: 0, chain: 0 }), 3);
}
