#![allow(clippy::unwrap_used)]

use plumb_model::{Host, LegacyTable, Link, Namespace, NamespaceId, Protocol, Read, Snapshot};
use plumb_nft::*;

use super::{At, Walker};
use crate::network::Network;
use crate::session::blank;
use crate::state::State;

/// A table with a chain on the forward hook at priority 0, of one rule.
fn table(name: &str, rule: Vec<Expr>) -> Table {
    let base = BaseChain {
        kind: ChainType::Filter,
        hook: Hook::Forward,
        priority: 0,
        policy: Verdict::Accept,
        devices: Vec::new(),
        counters: None,
    };
    let rule = Rule { handle: 1, exprs: rule, userdata: Bytes::default(), compat: None };
    let chain = Chain {
        name: "FORWARD".into(),
        handle: 0,
        base: Some(base),
        flags: 1,
        userdata: Bytes::default(),
        rules: vec![rule],
    };
    Table {
        family: Family::Ip,
        name: name.into(),
        handle: 0,
        flags: 0,
        userdata: Bytes::default(),
        chains: vec![chain],
        sets: Vec::new(),
        objects: Vec::new(),
        flowtables: Vec::new(),
        unknown_attributes: Vec::new(),
    }
}

const R1: Register = Register(1);

fn set_mark(mark: u32) -> Vec<Expr> {
    let data = Data::Value(Bytes::from(&mark.to_ne_bytes()[..]));
    vec![Expr::Immediate { dreg: R1, data }, Expr::MetaSet { key: MetaKey::Mark, sreg: R1 }]
}

fn drop_marked(mark: u32) -> Vec<Expr> {
    vec![
        Expr::Meta { key: MetaKey::Mark, dreg: R1 },
        Expr::Cmp { sreg: R1, op: CmpOp::Eq, data: Bytes::from(&mark.to_ne_bytes()[..]) },
        Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(Verdict::Drop) },
    ]
}

/// Marks of what passes, how many branches end, and what was unknown.
fn run(legacy: Vec<Expr>, nft: Vec<Expr>) -> (Vec<u32>, usize, Vec<String>) {
    let mut n = Namespace::empty(NamespaceId(1), "t");
    n.links = Read::Got(vec![Link { index: 1, name: "lo".into(), flags: 8, ..Link::default() }]);
    n.nft = Read::Got(Ruleset { generation: 1, tables: vec![table("t", nft)] });
    n.legacy = Read::Got(vec![LegacyTable {
        family: plumb_model::IpFamily::V4,
        name: "filter".into(),
        valid_hooks: 1 << 2,
        hook_entry: [0; 5],
        underflow: [0; 5],
        num_entries: 1,
        entries: Bytes::default(),
        only_accepts: false,
        table: Some(table("filter", legacy)),
        problem: None,
    }]);
    let snapshot = Snapshot {
        version: Snapshot::VERSION,
        taken_at: 0,
        host: Host::default(),
        namespaces: vec![n],
        gaps: Vec::new(),
        redacted: false,
    };
    let net = Network::compile(&snapshot);
    let walker = Walker::new(&net, true);
    let packet = blank([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), Protocol::UDP, 64);
    let at = At { ns: 0, iif: Some(1), physin: None, bound: None, depth: 0 };
    let mut ends = Vec::new();
    let passed = walker.hook(at, Hook::Forward, Some(1), None, None, State::new(packet), &mut ends);
    let unknowns = walker.unknowns().into_iter().map(|u| u.what).collect();
    (passed.iter().map(|s| s.packet.mark).collect(), ends.len(), unknowns)
}

#[test]
fn nothing_is_said_where_the_order_is_the_same() {
    assert_eq!(run(drop_marked(1), drop_marked(2)), (vec![0], 0, vec![]));
    assert_eq!(run(drop_marked(0), drop_marked(0)), (vec![], 1, vec![]));
    assert_eq!(run(set_mark(3), drop_marked(2)), (vec![3], 0, vec![]));
}

#[test]
fn an_order_that_decides_is_named() {
    let (passed, ended, unknowns) = run(set_mark(3), drop_marked(3));
    // The order that lets it pass goes on: nftables had looked before the mark was set.
    assert_eq!((passed, ended), (vec![3], 0));
    assert!(unknowns[0].contains("table filter of iptables-legacy or table t of nftables"), "{unknowns:?}");
    let (passed, _, unknowns) = run(set_mark(3), set_mark(4));
    assert_eq!((passed, unknowns.len()), (vec![4], 1));
}
