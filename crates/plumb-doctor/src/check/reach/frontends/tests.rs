//! Which addresses and ports rules name, as the engines write them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use plumb_model::{IpFamily, Protocol};
use plumb_nft::{
    BaseChain, BitwiseOp, Bytes, Chain, ChainRef, ChainType, CmpOp, Data, Element, Expr, Family, Hook,
    MetaKey, NatRange, PayloadBase, Register, Rule, Set, Table, Verdict,
};
use plumb_trace::state::RuleRef;

use super::{Frontend, Frontends, add_aim, aims};

const R1: Register = Register(1);
const OWN: [IpAddr; 2] =
    [IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1))];

fn bytes(b: &[u8]) -> Bytes {
    Bytes(b.to_vec())
}

fn equals(data: &[u8]) -> Expr {
    Expr::Cmp { sreg: R1, op: CmpOp::Eq, data: bytes(data) }
}

fn load(base: PayloadBase, offset: u32, len: u32, dreg: Register) -> Expr {
    Expr::Payload { dreg, base, offset, len }
}

fn tcp() -> Vec<Expr> {
    vec![Expr::Meta { key: MetaKey::L4proto, dreg: R1 }, equals(&[6])]
}

fn dport() -> Expr {
    load(PayloadBase::Transport, 2, 2, R1)
}

fn dnat() -> Expr {
    Expr::Dnat { family: Family::Ip, range: NatRange::default() }
}

fn chain(name: &str, base: bool, rules: Vec<Vec<Expr>>) -> Chain {
    let base = base.then(|| BaseChain {
        kind: ChainType::Nat,
        hook: Hook::Prerouting,
        priority: -100,
        policy: Verdict::Accept,
        devices: Vec::new(),
        counters: None,
    });
    let rules = rules
        .into_iter()
        .map(|exprs| Rule { handle: 1, exprs, userdata: Bytes::default(), compat: None })
        .collect();
    Chain { name: name.to_owned(), handle: 1, base, flags: 0, userdata: Bytes::default(), rules }
}

/// What is asked for a table, as `address:port`, with `*` where the port stands for a range.
fn asked(chains: Vec<Chain>, sets: Vec<Set>, served: &[u16]) -> Vec<String> {
    let table = Table { chains, sets, ..Table::new(Family::Ip, "nat") };
    let served: BTreeSet<(Protocol, u16)> = served.iter().map(|p| (Protocol::TCP, *p)).collect();
    let mut all = Frontends::new();
    let mut budget = 10_000;
    for aim in aims::aims(&table, IpFamily::V4, &mut budget) {
        add_aim((0, 0), &aim, (&OWN, IpFamily::V4), &served, &mut all);
    }
    assert!(budget > 0);
    assert!(aims::aims(&table, IpFamily::V6, &mut budget).is_empty(), "a table of IPv4");
    let text = |(f, naming): (&Frontend, &BTreeSet<RuleRef>)| {
        format!("{}:{}{}", f.address, f.port, if naming.is_empty() { "*" } else { "" })
    };
    all.iter().map(text).collect()
}

#[test]
fn a_port_of_whatever_address_is_asked_of_each_of_ones_own() {
    let rule = [tcp(), vec![dport(), equals(&[0x1f, 0x90]), dnat()]].concat();
    assert_eq!(asked(vec![chain("pre", true, vec![rule])], vec![], &[]), ["10.0.0.1:8080", "192.0.2.1:8080"]);
}

#[test]
fn conditions_limit_and_exceptions_leave_out() {
    let not_22 = Expr::Cmp { sreg: R1, op: CmpOp::Neq, data: bytes(&[0, 22]) };
    // ip daddr 192.0.2.0/24 as nft loads it, tcp dport != 22: a port below and one above stand for all, beside those served.
    let network = vec![load(PayloadBase::Network, 16, 3, R1), equals(&[192, 0, 2])];
    let rule = [network, tcp(), vec![dport(), not_22, dnat()]].concat();
    let all = asked(vec![chain("pre", true, vec![rule])], vec![], &[22, 443]);
    assert_eq!(all, ["192.0.2.1:1*", "192.0.2.1:80*", "192.0.2.1:443*"]);
    // -d 10.0.0.0/31 as iptables-nft masks it.
    let mask = BitwiseOp::Bool { mask: bytes(&[255, 255, 255, 254]), xor: bytes(&[0; 4]) };
    let masked = vec![
        load(PayloadBase::Network, 16, 4, R1),
        Expr::Bitwise { sreg: R1, dreg: R1, len: 4, op: mask },
        equals(&[10, 0, 0, 0]),
    ];
    let rule = [masked, tcp(), vec![dport(), equals(&[0, 80]), dnat()]].concat();
    assert_eq!(asked(vec![chain("pre", true, vec![rule])], vec![], &[]), ["10.0.0.1:80"]);
}

#[test]
fn a_map_names_its_keys_and_intervals_stand_for_themselves() {
    let key = |port: u16, flags| Element {
        key: Bytes(port.to_be_bytes().to_vec()),
        flags,
        data: (flags == 0).then(|| Data::Value(bytes(&[10, 0, 0, 9]))),
        ..Element::default()
    };
    let set = Set {
        name: "ports".to_owned(),
        flags: Set::MAP | Set::INTERVAL,
        key_len: 2,
        data_len: Some(4),
        // 443, 8000-8009
        elements: vec![key(0, 1), key(443, 0), key(444, 1), key(8000, 0), key(8010, 1)],
        ..Set::default()
    };
    let lookup =
        Expr::Lookup { set: "ports".to_owned(), set_id: None, sreg: R1, dreg: Some(R1), inverted: false };
    let here = vec![load(PayloadBase::Network, 16, 4, R1), equals(&[203, 0, 113, 7])];
    let rule = [here, tcp(), vec![dport(), lookup, dnat()]].concat();
    let all = asked(vec![chain("pre", true, vec![rule])], vec![set], &[8005, 9000]);
    assert_eq!(all, ["203.0.113.7:443", "203.0.113.7:8000*", "203.0.113.7:8005*"]);
}

#[test]
fn a_verdict_map_leads_each_key_to_its_chain() {
    // ip daddr . meta l4proto . th dport vmap { 10.96.0.10 . tcp . 443 : goto svc }
    let set = Set {
        name: "services".to_owned(),
        flags: Set::MAP,
        key_len: 12,
        elements: vec![Element {
            key: bytes(&[10, 96, 0, 10, 6, 0, 0, 0, 1, 187, 0, 0]),
            data: Some(Data::Verdict(Verdict::Goto(ChainRef::Name("svc".to_owned())))),
            ..Element::default()
        }],
        ..Set::default()
    };
    let (first, second, third) = (Register(8), Register(9), Register(10));
    let rule = vec![
        load(PayloadBase::Network, 16, 4, first),
        Expr::Meta { key: MetaKey::L4proto, dreg: second },
        load(PayloadBase::Transport, 2, 2, third),
        Expr::Lookup {
            set: set.name.clone(),
            set_id: None,
            sreg: first,
            dreg: Some(Register(0)),
            inverted: false,
        },
    ];
    let chains = vec![chain("pre", true, vec![rule]), chain("svc", false, vec![vec![dnat()]])];
    assert_eq!(asked(chains, vec![set], &[]), ["10.96.0.10:443"]);
}

#[test]
fn rules_that_no_packet_gets_to_name_nothing() {
    let rule = [tcp(), vec![dport(), equals(&[0, 80]), dnat()]].concat();
    let after = vec![Expr::Immediate { dreg: Register(0), data: Data::Verdict(Verdict::Accept) }, dnat()];
    let chains = vec![chain("pre", true, vec![after]), chain("alone", false, vec![rule])];
    assert_eq!(asked(chains, vec![], &[]), Vec::<String>::new());
}
