//! Look-ups in sets of every kind.

use super::*;

fn hit(set_: Set, key: Vec<Expr>) -> bool {
    let name = set_.name.clone();
    let rule = [key, vec![lookup(&name, None), verdict(Verdict::Accept)]].concat();
    run(vec![base("in", Verdict::Drop, vec![rule])], vec![set_]).accepts()
}

fn port(n: u16) -> Vec<Expr> {
    vec![imm(R1, &n.to_be_bytes())]
}

#[test]
fn exact() {
    let s = || set("s", 0, 2, vec![element(&[0, 80]), element(&[0, 81])]);
    assert!(hit(s(), vec![dport(R1)]));
    assert!(!hit(s(), port(82)));
}

#[test]
fn intervals_in_any_order_with_ends() {
    // 10–19, 20–29 (adjacent), 100 to the end; as a dump has them, from the largest down.
    let s = || {
        set(
            "s",
            Set::INTERVAL,
            2,
            vec![
                element(&[0, 100]),
                end(&[0, 30]),
                element(&[0, 20]),
                end(&[0, 20]),
                element(&[0, 10]),
                end(&[0, 0]),
            ],
        )
    };
    for (n, expected) in [
        (0, false),
        (9, false),
        (10, true),
        (19, true),
        (20, true),
        (29, true),
        (30, false),
        (99, false),
        (100, true),
        (65535, true),
    ] {
        assert_eq!(hit(s(), port(n)), expected, "{n}");
    }
}

#[test]
fn concatenated_ranges() {
    let s = || {
        let mut range = element(&[10, 0, 0, 0, 0, 80, 0, 0]);
        range.key_end = Some(vec![10, 0, 0, 9, 0, 90, 0, 0].into());
        let mut s = set("s", Set::INTERVAL | Set::CONCAT, 8, vec![range]);
        s.field_lens = vec![4, 2];
        s
    };
    let key = |last: u8, port: u16| vec![imm(R1, &[10, 0, 0, last]), imm(Register(9), &port.to_be_bytes())];
    assert!(hit(s(), key(5, 85)));
    assert!(hit(s(), key(9, 90)));
    assert!(!hit(s(), key(10, 85)));
    assert!(!hit(s(), key(5, 91)));
    assert!(!hit(s(), key(5, 79)));
}

#[test]
fn verdict_map_with_catchall() {
    let mut any = to(&[], Verdict::Jump(ChainRef::Name("other".into())));
    any.flags = Element::CATCHALL;
    let mut map = set("m", Set::MAP, 2, vec![to(&[0, 80], Verdict::Jump(ChainRef::Name("web".into()))), any]);
    map.data_type = Some(0xffff_ff00);
    let chains = |port: Vec<Expr>| {
        vec![
            base(
                "in",
                Verdict::Drop,
                vec![
                    [port, vec![lookup("m", Some(Register::VERDICT))]].concat(),
                    vec![verdict(Verdict::Accept)],
                ],
            ),
            chain("web", vec![mark(1)]),
            chain("other", vec![mark(2)]),
        ]
    };
    assert_eq!(run(chains(vec![dport(R1)]), vec![map.clone()]).marks(), [(1, Share::ONE)]);
    assert_eq!(run(chains(port(443)), vec![map]).marks(), [(2, Share::ONE)]);
}

#[test]
fn map_data_and_inverted_lookup() {
    let mut map = set("m", Set::MAP, 4, vec![value(&[10, 0, 0, 2], &[5, 0, 0, 0])]);
    map.data_len = Some(4);
    let rules = vec![vec![daddr(R1), lookup("m", Some(R2)), Expr::MetaSet { key: MetaKey::Mark, sreg: R2 }]];
    assert_eq!(run(vec![base("in", Verdict::Accept, rules)], vec![map.clone()]).marks(), [(5, Share::ONE)]);
    let inverted = Expr::Lookup { set: "m".into(), set_id: None, sreg: R1, dreg: None, inverted: true };
    let rules = vec![vec![daddr(R1), inverted, verdict(Verdict::Drop)]];
    assert!(run(vec![base("in", Verdict::Accept, rules)], vec![map]).accepts());
}

#[test]
fn a_packet_finds_what_it_added() {
    let add = Expr::Dynset {
        set: "s".into(),
        set_id: None,
        op: 0,
        sreg_key: R1,
        sreg_data: None,
        timeout: None,
        exprs: vec![],
        flags: 0,
    };
    let mut s = set("s", Set::EVAL, 4, vec![]);
    s.size = Some(1);
    let rules = vec![
        vec![daddr(R1), add.clone()],
        vec![daddr(R1), lookup("s", None), Expr::Counter { packets: 0, bytes: 0 }],
        vec![payload(R1, PayloadBase::Network, 12, 4), add, verdict(Verdict::Drop)],
        vec![daddr(R1), lookup("s", None), verdict(Verdict::Accept)],
    ];
    let out = run(vec![base("in", Verdict::Drop, rules)], vec![s]);
    assert!(out.accepts(), "the second does not fit, the first is found");
    assert_eq!(out.ends[0].0.world.dynamic.len(), 1);
}
