//! Draws: split where they are looked at, grouped by result, merged again.

use super::*;

#[test]
fn three_endpoints_are_three_thirds() {
    let mut map =
        set("m", Set::MAP, 4, (0..3_u32).map(|i| value(&i.to_le_bytes(), &(i + 1).to_le_bytes())).collect());
    map.data_len = Some(4);
    let rules = vec![vec![random(3), lookup("m", Some(R2)), Expr::MetaSet { key: MetaKey::Mark, sreg: R2 }]];
    let third = Share::new(1, 3);
    assert_eq!(
        run(vec![base("in", Verdict::Accept, rules)], vec![map]).marks(),
        [(1, third), (2, third), (3, third)]
    );
}

#[test]
fn grouped_by_result() {
    // numgen random mod 100 < 30, in network order for the comparison as nft writes it.
    let hton = Expr::Byteorder { sreg: R1, dreg: R1, hton: true, len: 4, size: 4 };
    let rules = vec![vec![random(100), hton, cmp(CmpOp::Lt, &30_u32.to_be_bytes()), verdict(Verdict::Drop)]];
    let out = run(vec![base("in", Verdict::Accept, rules)], vec![]);
    assert_eq!(out.ends.len(), 2);
    assert_eq!(out.dropped(), Share::new(3, 10));
}

#[test]
fn concatenated_with_what_is_known() {
    let key = |slot: u32| [&[10, 0, 0, 2][..], &slot.to_le_bytes()].concat();
    let mut map = set(
        "m",
        Set::MAP | Set::CONCAT,
        8,
        vec![value(&key(0), &[1, 0, 0, 0]), value(&key(1), &[1, 0, 0, 0])],
    );
    map.data_len = Some(4);
    let numgen = Expr::Numgen { dreg: Register(9), modulus: 4, random: true, offset: 0 };
    let rules = vec![
        vec![daddr(R1), numgen, lookup("m", Some(R2)), Expr::MetaSet { key: MetaKey::Mark, sreg: R2 }],
        vec![Expr::Meta { key: MetaKey::Mark, dreg: R1 }, cmp(CmpOp::Eq, &[0; 4]), verdict(Verdict::Drop)],
    ];
    let out = run(vec![base("in", Verdict::Accept, rules)], vec![map]);
    assert_eq!(out.ends.len(), 2, "both endpoints with the same data are one branch");
    assert_eq!(out.dropped(), Share::new(1, 2));
}

#[test]
fn equal_states_merge_even_over_jumps() {
    let half = |then: Expr| vec![random(2), cmp(CmpOp::Eq, &[0; 4]), then];
    let chains = vec![
        base("in", Verdict::Accept, vec![half(jump("a")), half(goto("b")), mark(9)]),
        chain("a", vec![half(verdict(Verdict::Return)), half(jump("b"))]),
        chain("b", vec![vec![Expr::Counter { packets: 0, bytes: 0 }]]),
    ];
    let out = run(chains, vec![]);
    assert_eq!(out.marks(), [(0, Share::new(1, 2)), (9, Share::new(1, 2))]);
}

#[test]
fn thirty_draws_stay_small() {
    let rules = (0..30)
        .map(|_| vec![random(2), cmp(CmpOp::Eq, &[0; 4]), Expr::Counter { packets: 0, bytes: 0 }])
        .collect();
    let out = run(vec![base("in", Verdict::Accept, rules)], vec![]);
    assert_eq!(out.ends.len(), 1);
}

#[test]
fn a_draw_keeps_what_a_comparison_told() {
    let rules = vec![vec![
        random(4),
        cmp(CmpOp::Neq, &[0; 4]),
        cmp(CmpOp::Neq, &[1, 0, 0, 0]),
        cmp(CmpOp::Neq, &[2, 0, 0, 0]),
        cmp(CmpOp::Neq, &[3, 0, 0, 0]),
        verdict(Verdict::Drop),
    ]];
    assert!(run(vec![base("in", Verdict::Accept, rules)], vec![]).accepts());
}

#[test]
fn large_moduli_are_not_gone_through() {
    let hton = Expr::Byteorder { sreg: R1, dreg: R1, hton: true, len: 4, size: 4 };
    let meta = Expr::Meta { key: MetaKey::Prandom, dreg: R1 };
    let rules =
        vec![vec![meta, hton, cmp(CmpOp::Lte, &0x3fff_ffff_u32.to_be_bytes()), verdict(Verdict::Drop)]];
    let out = run(vec![base("in", Verdict::Accept, rules)], vec![]);
    assert_eq!(out.dropped(), Share::new(1, 4));
    let rules = vec![vec![random(1_000_000), cmp(CmpOp::Eq, &[5, 0, 0, 0]), verdict(Verdict::Drop)]];
    assert_eq!(run(vec![base("in", Verdict::Accept, rules)], vec![]).dropped(), Share::new(1, 1_000_000));
}

#[test]
fn an_incrementing_number_counts_on() {
    let inc = || Expr::Numgen { dreg: R1, modulus: 3, random: false, offset: 0 };
    let rules = vec![vec![inc(), Expr::MetaSet { key: MetaKey::Mark, sreg: R1 }]];
    let t = || vec![table(vec![base("in", Verdict::Accept, rules.clone())], vec![])];
    let first = run_state(t(), state(syn()));
    assert_eq!(first.ends.len(), 3);
    for (mut s, _) in first.ends {
        let before = s.packet.mark;
        s.share = Share::ONE;
        let second = run_state(t(), s);
        assert_eq!(second.marks(), [((before + 1) % 3, Share::ONE)]);
    }
}

#[test]
fn a_symmetric_hash_stays_the_same_for_a_flow() {
    let hash = Expr::Symhash { dreg: R1, modulus: 2, offset: 0 };
    let rules = vec![vec![hash, Expr::MetaSet { key: MetaKey::Mark, sreg: R1 }]];
    let t = || vec![table(vec![base("in", Verdict::Accept, rules.clone())], vec![])];
    let first = run_state(t(), state(syn()));
    assert_eq!(first.ends.len(), 2);
    for (mut s, _) in first.ends {
        s.share = Share::ONE;
        let before = s.packet.mark;
        std::mem::swap(&mut s.packet.src, &mut s.packet.dst);
        std::mem::swap(&mut s.packet.sport, &mut s.packet.dport);
        assert_eq!(run_state(t(), s).marks(), [(before, Share::ONE)]);
    }
}
