//! A snapshot with addresses and names in every corner, redacted.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

use plumb_nft::{
    BaseChain, BitwiseOp, Chain, ChainType, CmpOp, Data, Element, Expr, Family, Hook, MetaKey, NatRange,
    PayloadBase, Register, Rule, Ruleset, Set, Table, Verdict,
};

use super::values::{octets, to_address};
use super::*;
use crate::{Host, IpFamily, Link, Namespace, NamespaceId, Owner, Process, Read};

const R1: Register = Register(1);
const R2: Register = Register(2);

fn saddr() -> Expr {
    Expr::Payload { dreg: R1, base: PayloadBase::Network, offset: 12, len: 4 }
}

fn cmp(op: CmpOp, data: &[u8]) -> Expr {
    Expr::Cmp { sreg: R1, op, data: data.to_vec().into() }
}

fn load(dreg: Register, data: &[u8]) -> Expr {
    Expr::Immediate { dreg, data: Data::Value(data.to_vec().into()) }
}

fn rule(exprs: Vec<Expr>) -> Rule {
    // A comment: type 0, length 7, text.
    Rule { handle: 1, exprs, userdata: b"\x00\x07secret\x00".to_vec().into(), compat: None }
}

fn set(name: &str, flags: u32, key_type: u32, key_len: u32, elements: Vec<Element>) -> Set {
    Set {
        name: name.into(),
        handle: 0,
        flags,
        key_type,
        key_len,
        data_type: None,
        data_len: None,
        object_type: None,
        policy: None,
        size: None,
        field_lens: vec![],
        timeout_ms: None,
        gc_interval_ms: None,
        userdata: b"\x07\x07secret\x00\x00\x04\x01\x00\x00\x00".to_vec().into(),
        exprs: vec![],
        elements,
    }
}

fn element(key: &[u8]) -> Element {
    Element { key: key.to_vec().into(), ..Element::default() }
}

fn end(key: &[u8]) -> Element {
    Element { flags: Element::INTERVAL_END, ..element(key) }
}

fn machine(rules: Vec<Rule>, sets: Vec<Set>) -> Snapshot {
    let mut ns = Namespace::empty(NamespaceId(7), "customer-a");
    ns.path = Some("/run/netns/customer-a".into());
    ns.aliases = vec!["/var/lib/secret/ns".into(), "customer-b".into()];
    let process = Process {
        pid: 1,
        comm: "postgres".into(),
        container: Some("c0ffee".into()),
        pod_uid: Some("uid-1".into()),
        serving: None,
    };
    ns.processes = vec![process];
    ns.owner = Some(Owner::Pod { node: "node-7".into(), namespace: "shop".into(), name: "web-0".into() });
    let mut link = Link { index: 2, name: "veth-shop".into(), kind: "veth".into(), ..Link::default() };
    link.mac = "02:00:00:aa:bb:cc".parse().ok();
    link.settings.insert("local".into(), "10.1.2.3".into());
    link.settings.insert("psk".into(), "a/b:c".into());
    ns.links = Read::Got(vec![link]);
    ns.sysctls.0.insert("net.ipv4.conf.veth-shop.rp_filter".into(), Read::Got("1".into()));
    ns.sysctls.0.insert("net.ipv6.conf.veth-shop.key".into(), Read::Got("fd00::dead".into()));
    ns.other_engines = vec!["tcx ingress of veth-shop: BPF program 7".into(), "odd customer-a".into()];
    let base = BaseChain {
        kind: ChainType::Filter,
        hook: Hook::Forward,
        priority: 0,
        policy: Verdict::Accept,
        devices: vec!["veth-shop".into()],
        counters: None,
    };
    let chain = Chain {
        name: "shop-rules".into(),
        handle: 1,
        base: Some(base),
        flags: 0,
        userdata: Vec::new().into(),
        rules,
    };
    let table = Table {
        family: Family::Ip,
        name: "shop".into(),
        handle: 1,
        flags: 0,
        userdata: Vec::new().into(),
        chains: vec![chain],
        sets,
        objects: vec![],
        flowtables: vec![],
        unknown_attributes: vec![],
    };
    ns.nft = Read::Got(Ruleset { generation: 1, tables: vec![table] });
    Snapshot {
        version: 1,
        taken_at: 0,
        host: Host {
            hostname: "db-1.example.org".into(),
            kernel: "6.18".into(),
            node: Some("node-7".into()),
            ..Host::default()
        },
        namespaces: vec![ns],
        gaps: vec!["customer-a: cannot read /home/secret".into()],
        redacted: false,
    }
}

const KEY: Key = [9; 16];

/// The redacted rules and sets, the warnings, and the map of addresses that was used.
fn redacted(rules: Vec<Rule>, sets: Vec<Set>) -> (Vec<Vec<Expr>>, Vec<Set>, Vec<String>) {
    let out = machine(rules, sets).redact(KEY).unwrap();
    let Read::Got(ruleset) = out.snapshot.namespaces[0].nft.clone() else { unreachable!() };
    let table = ruleset.tables[0].clone();
    (table.chains[0].rules.iter().map(|r| r.exprs.clone()).collect(), table.sets, out.warnings)
}

fn host(text: &str) -> Vec<u8> {
    octets(Addresses::new(KEY).host(text.parse().unwrap()))
}

#[test]
fn nothing_of_the_original_is_left() {
    let rules = vec![rule(vec![saddr(), cmp(CmpOp::Eq, &[10, 1, 2, 3])])];
    let out = machine(rules, vec![]).redact(KEY).unwrap();
    let json = serde_json::to_string(&out.snapshot).unwrap();
    for text in [
        "customer", "postgres", "c0ffee", "uid-1", "node-7", "shop", "web-0", "secret", "10.1.2.3",
        "0a010203", "aa:bb:cc", "a/b:c", "dead", "db-1", "example", "home",
    ] {
        assert!(!json.contains(text), "{text} in {json}");
    }
    for kept in
        ["veth1", "tcx ingress of veth1: BPF program 7", "/run/netns/ns1", "net.ipv4.conf.veth1.rp_filter"]
    {
        assert!(json.contains(kept), "{kept} in {json}");
    }
    assert!(out.snapshot.redacted && out.warnings.iter().any(|w| w.contains("psk")), "{:?}", out.warnings);
    // The same key, the same answer; another key, another.
    assert_eq!(
        machine(vec![], vec![]).redact(KEY).unwrap().snapshot,
        machine(vec![], vec![]).redact(KEY).unwrap().snapshot
    );
}

#[test]
fn comparisons_are_replaced_by_their_meaning() {
    let masked = |mask: [u8; 4]| {
        let op = BitwiseOp::Bool { mask: mask.to_vec().into(), xor: vec![0; 4].into() };
        Expr::Bitwise { sreg: R1, dreg: R1, len: 4, op }
    };
    let three = Expr::Payload { dreg: R1, base: PayloadBase::Network, offset: 12, len: 3 };
    let port = Expr::Payload { dreg: R1, base: PayloadBase::Transport, offset: 2, len: 2 };
    let (rules, _, warnings) = redacted(
        vec![
            rule(vec![saddr(), cmp(CmpOp::Eq, &[10, 1, 2, 3])]),
            rule(vec![saddr(), masked([255, 255, 240, 0]), cmp(CmpOp::Neq, &[10, 1, 16, 0])]),
            rule(vec![three, cmp(CmpOp::Eq, &[10, 1, 2])]),
            rule(vec![port, cmp(CmpOp::Eq, &[0, 80])]),
            rule(vec![Expr::Meta { key: MetaKey::Mark, dreg: R1 }, cmp(CmpOp::Eq, &[10, 1, 2, 3])]),
        ],
        vec![],
    );
    let data = |i: usize| match rules[i].last().unwrap() {
        Expr::Cmp { data, .. } => data.0.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(data(0), host("10.1.2.3"));
    let network = Addresses::new(KEY).prefix("10.1.16.0/20".parse().unwrap());
    assert_eq!(data(1), octets(network.addr));
    assert_eq!(data(2), host("10.1.2.3")[..3]);
    assert_eq!((data(3), data(4)), (vec![0, 80], vec![10, 1, 2, 3]));
    assert!(!warnings.iter().any(|w| w.starts_with("table")), "{warnings:?}");
}

#[test]
fn devices_are_matched_as_before() {
    let name = || Expr::Meta { key: MetaKey::Iifname, dreg: R1 };
    let mut padded = b"veth-shop".to_vec();
    padded.resize(16, 0);
    let mut physdev = vec![0; 72];
    physdev[..5].copy_from_slice(b"veth-");
    physdev[16..21].fill(0xff);
    let xt = Expr::Match { name: "physdev".into(), revision: 0, info: physdev.into() };
    let (rules, _, _) = redacted(
        vec![
            rule(vec![name(), cmp(CmpOp::Eq, &padded)]),
            rule(vec![name(), cmp(CmpOp::Eq, b"veth-")]),
            rule(vec![name(), cmp(CmpOp::Eq, b"ve")]),
            rule(vec![name(), cmp(CmpOp::Eq, b"eth")]),
            rule(vec![xt]),
        ],
        vec![],
    );
    let data = |i: usize| match rules[i].last().unwrap() {
        Expr::Cmp { data, .. } => data.0.clone(),
        Expr::Match { info, .. } => info.0.clone(),
        other => panic!("{other:?}"),
    };
    let (device, long, short, other) = (data(0), data(1), data(2), data(3));
    assert_eq!(device.len(), 16);
    assert!(device.starts_with(&long) && long.starts_with(&short) && !device.starts_with(&other));
    let info = data(4);
    let ones = info[16..32].iter().filter(|b| **b == 0xff).count();
    assert_eq!(info[..ones], long);
}

#[test]
fn intervals_hold_what_they_held() {
    let sets = vec![
        set(
            "ranges",
            Set::INTERVAL,
            7,
            4,
            vec![
                end(&[192, 168, 1, 10]),
                element(&[192, 168, 1, 3]),
                end(&[11, 0, 0, 0]),
                element(&[10, 0, 0, 0]),
            ],
        ),
        set(
            "both",
            Set::INTERVAL | Set::CONCAT,
            7 << 6 | 13,
            8,
            vec![Element {
                key_end: Some(vec![10, 1, 0, 200, 0, 90, 0, 0].into()),
                ..element(&[10, 1, 0, 100, 0, 80, 0, 0])
            }],
        ),
    ];
    let snapshot = machine(vec![], sets);
    let mut redactor = Redactor {
        addresses: Addresses::new(KEY),
        names: Names::default(),
        warnings: vec![],
        first_pass: true,
    };
    redactor.snapshot(&mut snapshot.clone());
    let map = redactor.addresses;
    let (_, sets, warnings) =
        redacted(vec![], snapshot.namespaces[0].nft.value().unwrap().tables[0].sets.clone());
    let contains = |a: IpAddr| {
        let key = octets(a);
        // The nearest edge at or below the key is a start.
        let below = sets[0].elements.iter().filter(|e| e.key.0 <= key);
        below.max_by_key(|e| (e.key.clone(), !e.is_interval_end())).is_some_and(|e| !e.is_interval_end())
    };
    for (text, inside) in [
        ("192.168.1.3", true),
        ("192.168.1.9", true),
        ("192.168.1.2", false),
        ("192.168.1.10", false),
        ("10.0.0.0", true),
        ("10.255.255.255", true),
        ("11.0.0.0", false),
        ("9.255.255.255", false),
    ] {
        assert_eq!(contains(map.host(text.parse().unwrap())), inside, "{text}");
    }
    let both = &sets[1].elements[0];
    let (from, to) = (&both.key, both.key_end.as_ref().unwrap());
    assert_eq!((&from[4..], &to[4..]), (&[0, 80, 0, 0][..], &[0, 90, 0, 0][..]));
    for (text, inside) in
        [("10.1.0.100", true), ("10.1.0.200", true), ("10.1.0.99", false), ("10.1.0.201", false)]
    {
        let key = octets(map.host(text.parse().unwrap()));
        assert_eq!(from[..4] <= key[..] && key[..] <= to[..4], inside, "{text}");
    }
    assert!(!warnings.iter().any(|w| w.starts_with("table")), "{warnings:?}");
    // Comments are gone, what nft needs to print the set is not.
    assert_eq!(sets[0].userdata.0, b"\x00\x04\x01\x00\x00\x00");
}

#[test]
fn translations_and_maps() {
    let dnat = |min, max| Expr::Dnat {
        family: Family::Ip,
        range: NatRange { addr_min: Some(min), addr_max: max, port_min: None, port_max: None, flags: 1 },
    };
    let mut xt = vec![0; 48];
    xt[0] = 1;
    xt[4..8].copy_from_slice(&[10, 1, 2, 3]);
    xt[20..24].copy_from_slice(&[10, 1, 2, 3]);
    let target = Expr::Target { name: "DNAT".into(), revision: 2, info: xt.into() };
    let odd = Expr::Match { name: "u32".into(), revision: 0, info: vec![10, 1, 2, 3].into() };
    let mut map = set(
        "map",
        Set::MAP,
        13,
        2,
        vec![Element {
            data: Some(Data::Value(vec![10, 1, 2, 3, 0x1f, 0x90, 0, 0].into())),
            ..element(&[0, 80])
        }],
    );
    (map.data_type, map.data_len) = (Some(7 << 6 | 13), Some(8));
    let (rules, sets, warnings) = redacted(
        vec![
            rule(vec![load(R1, &[10, 1, 2, 3]), dnat(R1, None)]),
            rule(vec![load(R1, &[10, 1, 2, 3]), load(R2, &[10, 1, 2, 9]), dnat(R1, Some(R2))]),
            rule(vec![target]),
            rule(vec![odd]),
            rule(vec![load(R1, &[10, 1, 2, 3]), Expr::MetaSet { key: MetaKey::Mark, sreg: R1 }]),
        ],
        vec![map],
    );
    let value = |e: &Expr| match e {
        Expr::Immediate { data: Data::Value(b), .. } => b.0.clone(),
        Expr::Target { info, .. } | Expr::Match { info, .. } => info.0.clone(),
        other => panic!("{other:?}"),
    };
    let (first, last) = (value(&rules[1][0]), value(&rules[1][1]));
    let span = |a: &[u8], b: &[u8]| {
        let bits = |x: &[u8]| match to_address(IpFamily::V4, x) {
            IpAddr::V4(a) => a.to_bits(),
            IpAddr::V6(_) => 0,
        };
        bits(b) - bits(a)
    };
    assert_eq!(span(&first, &last), 6);
    // One address, one replacement, in every place.
    let one = value(&rules[0][0]);
    assert_ne!(one, [10, 1, 2, 3]);
    assert_eq!(
        (value(&rules[2][0])[4..8].to_vec(), value(&rules[2][0])[20..24].to_vec()),
        (one.clone(), one.clone())
    );
    let Some(Data::Value(data)) = &sets[0].elements[0].data else { unreachable!() };
    assert_eq!((data[..4].to_vec(), &data[4..]), (one, &[0x1f, 0x90, 0, 0][..]));
    assert_eq!(value(&rules[3][0]), [0; 4]);
    assert!(warnings.iter().any(|w| w.contains("u32")), "{warnings:?}");
    assert_eq!(value(&rules[4][0]), [10, 1, 2, 3]);
}

#[test]
fn lists_of_recent_change_with_what_they_name() {
    use crate::{RecentEntry, RecentList};
    let entry =
        |addr: &str| RecentEntry { addr: addr.parse().unwrap(), ttl: 64, hits: 1, ages_ms: Some(vec![7]) };
    let list = |name: &str, addrs: &[&str]| RecentList {
        name: name.into(),
        entries: addrs.iter().map(|a| entry(a)).collect(),
    };
    let mut snapshot = machine(vec![], vec![]);
    snapshot.namespaces[0].recent = Read::Got(vec![
        list("secret", &["10.1.2.3", "fd00::7"]),
        list("networks", &["10.1.2.0", "10.1.3.0"]),
    ]);
    let out = snapshot.redact(KEY).unwrap();
    let lists = out.snapshot.namespaces[0].recent.items();
    assert_ne!(lists[0].name, "secret");
    assert_eq!(lists[0].entries[0].addr, out.replacements.address("10.1.2.3".parse().unwrap()));
    assert_ne!(lists[0].entries[1].addr, entry("fd00::7").addr);
    let last = |at: usize| octets(lists[1].entries[at].addr)[3];
    assert_eq!((last(0), last(1)), (0, 0), "under a mask");
}

#[test]
fn names_resolve_as_before() {
    let mut machine = machine(vec![], vec![]);
    let (conf, _) = crate::ResolvConf::parse(
        "nameserver 10.1.2.3\nnameserver fe80::1%veth-shop\nsearch shop.svc.cluster.local corp.example\noptions ndots:5\nodd secret-line\n",
    );
    let (hosts, odd) =
        crate::HostsEntry::parse_all("10.1.2.9 DB.corp.example db\n127.0.0.1 localhost\nx secret\n");
    machine.namespaces[0].resolver = Read::Got(crate::Resolver {
        conf: Read::Got(conf),
        hosts: Read::Got(hosts),
        order: Read::Absent { feature: "x".into() },
        domain: Some("corp.example".into()),
        paths: ["resolv.conf", "hosts", "nsswitch.conf"].map(|f| format!("/etc/netns/customer-a/{f}")),
        odd,
        others: vec![],
    });
    let redacted = machine.redact([9; 16]).unwrap();
    let Read::Got(r) = &redacted.snapshot.namespaces[0].resolver else { unreachable!() };
    let (conf, hosts) = (r.configuration().unwrap(), r.hosts.items());
    // The name that ends in the second domain of the list is still one that does; dots, options and loopback stay.
    assert_eq!(hosts[0].names[0], format!("{}.{}", hosts[0].names[1], conf.search[1]));
    assert_eq!(r.domain.as_ref(), Some(&conf.search[1]));
    assert!(conf.search[0].ends_with(".svc.cluster.local") && conf.options.ndots == 5);
    assert_eq!(hosts[1].names, ["localhost"]);
    assert_eq!(redacted.replacements.host_name("db.corp.example").as_ref(), Some(&hosts[0].names[0]));
    assert_eq!(conf.nameservers[0].address, redacted.replacements.address("10.1.2.3".parse().unwrap()));
    assert_eq!(conf.nameservers[1].scope.as_deref(), redacted.replacements.device("veth-shop"));
    let text = serde_json::to_string(&redacted.snapshot).unwrap();
    for secret in ["corp", "example", "shop", "secret", "customer"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn rules_of_iptables_legacy_and_elements_of_ipsets_are_replaced() {
    use crate::{IpSet, IpSetElement, LegacyTable};
    let wanted = [10, 1, 2, 0];
    let mask = Expr::Bitwise {
        sreg: R1,
        dreg: R1,
        len: 4,
        op: BitwiseOp::Bool { mask: vec![255, 255, 255, 0].into(), xor: vec![0; 4].into() },
    };
    let mut snapshot = machine(vec![rule(vec![saddr(), mask, cmp(CmpOp::Eq, &wanted)])], vec![]);
    let ns = &mut snapshot.namespaces[0];
    let table = ns.nft.value().unwrap().tables[0].clone();
    ns.legacy = Read::Got(vec![LegacyTable {
        family: IpFamily::V4,
        name: "filter".into(),
        valid_hooks: 14,
        hook_entry: [0; 5],
        underflow: [0; 5],
        num_entries: 4,
        entries: Default::default(),
        only_accepts: false,
        table: Some(Table { name: "filter".into(), ..table }),
        problem: None,
    }]);
    let element = IpSetElement {
        ip: Some(IpAddr::from(wanted)),
        cidr: Some(24),
        iface: Some("veth-shop".into()),
        comment: Some("customer".into()),
        ..IpSetElement::default()
    };
    ns.ipsets = Read::Got(vec![IpSet {
        name: "customer-a".into(),
        kind: "hash:net,iface".into(),
        elements: vec![element],
        ..IpSet::default()
    }]);
    let out = snapshot.redact(KEY).unwrap();
    let ns = &out.snapshot.namespaces[0];
    let network = octets(Addresses::new(KEY).network(IpAddr::from(wanted), 24));
    let table = ns.legacy.items()[0].table.as_ref().unwrap();
    assert_eq!(table.name, "filter");
    assert!(table.chains[0].rules[0].exprs.contains(&cmp(CmpOp::Eq, &network)));
    let set = &ns.ipsets.items()[0];
    assert_ne!(set.name, "customer-a");
    assert_eq!(set.elements[0].ip.map(octets), Some(network));
    assert_eq!(set.elements[0].iface.as_deref(), Some(ns.links.items()[0].name.as_str()));
    assert_eq!(set.elements[0].comment.as_deref(), Some(""));
}
