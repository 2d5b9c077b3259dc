//! Text of what no recorded ruleset has: things that the recording kernel lacked, that run out, or that are unknown.

#![allow(clippy::unwrap_used, missing_docs)]

use plumb_nft::*;

fn table() -> Table {
    Table { handle: 1, ..Table::new(Family::Inet, "t") }
}

fn line(exprs: Vec<Expr>) -> String {
    text::rule(&table(), &Rule { handle: 0, exprs, userdata: Bytes::default(), compat: None })
}

const REG: Register = Register(1);

#[test]
fn queues() {
    let queue = |num, total, flags, sreg| Expr::Queue { num, total, flags, sreg };
    assert_eq!(line(vec![queue(Some(1), Some(1), 0, None)]), "queue to 1");
    assert_eq!(line(vec![queue(Some(1), Some(3), 3, None)]), "queue flags bypass,fanout to 1-3");
    let hash = Expr::Symhash { dreg: REG, modulus: 4, offset: 2 };
    assert_eq!(
        line(vec![hash, queue(None, None, 1, Some(REG))]),
        "queue flags bypass to symhash mod 4 offset 2"
    );
}

#[test]
fn what_is_unknown_is_named_with_its_bytes() {
    let unknown = Expr::Unknown { name: "inner".to_owned(), data: Bytes(vec![1, 2]) };
    assert_eq!(line(vec![unknown, Expr::Notrack]), "# unknown expression inner 0x0102 notrack");
    let lookup = Expr::Lookup { set: "gone".to_owned(), set_id: None, sreg: REG, dreg: None, inverted: true };
    assert_eq!(line(vec![Expr::Meta { key: MetaKey::Mark, dreg: REG }, lookup]), "meta mark != @gone");
    let cmp = Expr::Cmp { sreg: REG, op: CmpOp::Eq, data: Bytes(vec![0, 0, 0, 1]) };
    assert_eq!(
        line(vec![Expr::Meta { key: MetaKey::Unknown(99), dreg: REG }, cmp.clone()]),
        "meta key99 16777216"
    );
    assert_eq!(line(vec![cmp]), "reg1 0x1");
}

#[test]
fn interfaces_by_name() {
    let rule = Rule {
        handle: 0,
        exprs: vec![
            Expr::Meta { key: MetaKey::Iif, dreg: REG },
            Expr::Cmp { sreg: REG, op: CmpOp::Eq, data: Bytes(7u32.to_ne_bytes().to_vec()) },
        ],
        userdata: Bytes::default(),
        compat: None,
    };
    assert_eq!(text::rule(&table(), &rule), "iif 7");
    let options = text::Options { links: [(7, "eth0".to_owned())].into(), ..text::Options::default() };
    assert_eq!(text::rule_with(&table(), &rule, &options), "iif \"eth0\"");
}

#[test]
fn extensions_of_xtables() {
    let target = Expr::Target { name: "MASQUERADE".to_owned(), revision: 0, info: Bytes::default() };
    let rule = Rule { handle: 0, exprs: vec![target], userdata: Bytes::default(), compat: None };
    assert_eq!(text::rule(&table(), &rule), "xt target MASQUERADE");
    let write = |e: &Expr| match e {
        Expr::Target { name, .. } => Some(format!("-j {name}")),
        _ => None,
    };
    let options = text::Options { xt: Some(write), ..text::Options::default() };
    assert_eq!(text::rule_with(&table(), &rule, &options), "-j MASQUERADE");
}

#[test]
fn elements_that_run_out() {
    let mut table = table();
    table.sets.push(Set {
        name: "s".to_owned(),
        handle: 2,
        flags: Set::TIMEOUT,
        key_type: 7,
        key_len: 4,
        data_type: None,
        data_len: None,
        object_type: None,
        policy: None,
        size: None,
        field_lens: Vec::new(),
        timeout_ms: Some(10_800_000),
        gc_interval_ms: None,
        userdata: Bytes::default(),
        exprs: Vec::new(),
        elements: vec![Element {
            key: Bytes(vec![10, 0, 0, 1]),
            timeout_ms: Some(93_784_000),
            expires_ms: Some(61_996),
            ..Element::default()
        }],
    });
    let listing = |counters| text::table(&table, &text::Options { counters, ..text::Options::default() });
    let head = "table inet t {\n\tset s {\n\t\ttype ipv4_addr\n\t\ttimeout 3h\n";
    let element = "\t\telements = { 10.0.0.1 timeout 1d2h3m4s";
    assert_eq!(listing(true), format!("{head}{element} expires 1m1s996ms }}\n\t}}\n}}\n"));
    assert_eq!(listing(false), format!("{head}{element} }}\n\t}}\n}}\n"));
}

#[test]
fn flowtables() {
    let mut table = table();
    let devices = vec!["eth0".to_owned(), "eth1".to_owned()];
    table.flowtables.push(Flowtable { name: "ft".to_owned(), handle: 3, priority: 0, devices, flags: 2 });
    assert_eq!(
        text::table(&table, &text::Options::default()),
        "table inet t {\n\tflowtable ft {\n\t\thook ingress priority filter\n\t\tdevices = { \"eth0\", \"eth1\" }\n\t\tcounter\n\t}\n}\n"
    );
    assert_eq!(line(vec![Expr::FlowOffload { flowtable: "ft".to_owned() }]), "flow add @ft");
}

#[test]
fn chains_that_jump_to_themselves_come_to_an_end() {
    let mut table = table();
    let jump = Data::Verdict(Verdict::Jump(ChainRef::Name("loop".to_owned())));
    let rule = Rule {
        handle: 1,
        exprs: vec![Expr::Immediate { dreg: Register::VERDICT, data: jump }],
        userdata: Bytes::default(),
        compat: None,
    };
    table.chains.push(Chain {
        name: "loop".to_owned(),
        handle: 1,
        base: None,
        flags: 4,
        userdata: Bytes::default(),
        rules: vec![rule.clone()],
    });
    assert!(text::rule(&table, &rule).contains("# loop again"));
}

#[test]
fn registers_that_feed_each_other_stay_short() {
    let hash = |n: u32| Expr::Jhash {
        sreg: Register(8),
        dreg: Register(8 + n % 4),
        len: 16,
        modulus: 2,
        seed: None,
        offset: 0,
    };
    let mut exprs: Vec<Expr> =
        (0..4).map(|n| Expr::Numgen { dreg: Register(8 + n), modulus: 2, random: true, offset: 0 }).collect();
    exprs.extend((0..120).map(hash));
    exprs.push(Expr::MetaSet { key: MetaKey::Mark, sreg: Register(8) });
    assert!(line(exprs).len() < 200_000);
}
