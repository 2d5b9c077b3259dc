//! What is not known: followed both ways, named only where it matters.

use super::*;

/// A condition that nobody can decide.
fn open() -> Vec<Expr> {
    vec![payload(R1, PayloadBase::Transport, 4, 4), cmp(CmpOp::Eq, &[1, 2, 3, 4])]
}

fn then(v: Expr) -> Vec<Expr> {
    [open(), vec![v]].concat()
}

fn named(o: &Outcome) -> usize {
    o.ends.iter().map(|(s, _)| s.world.unknowns.len()).sum()
}

#[test]
fn a_dropping_rule_does_not_match_and_is_named() {
    let out = run(vec![base("in", Verdict::Accept, vec![then(verdict(Verdict::Drop))])], vec![]);
    assert!(out.accepts());
    assert_eq!(named(&out), 1);
    assert_eq!(out.unknowns[0].rule.unwrap().rule, 0);
}

#[test]
fn an_accepting_rule_matches_and_is_named() {
    let out = run(vec![base("in", Verdict::Drop, vec![then(verdict(Verdict::Accept))])], vec![]);
    assert!(out.accepts());
    assert_eq!(named(&out), 1);
}

#[test]
fn nothing_is_said_where_both_answers_end_alike() {
    for policy in [Verdict::Accept, Verdict::Drop] {
        let out = run(vec![base("in", policy.clone(), vec![then(verdict(policy.clone()))])], vec![]);
        assert_eq!(named(&out), 0);
        assert_eq!(out.accepts(), policy == Verdict::Accept);
    }
    let out =
        run(vec![base("in", Verdict::Accept, vec![then(Expr::Counter { packets: 0, bytes: 0 })])], vec![]);
    assert_eq!(named(&out), 0);
    let chains = vec![
        base("in", Verdict::Accept, vec![then(jump("a"))]),
        chain("a", vec![then(verdict(Verdict::Return))]),
    ];
    assert_eq!(named(&run(chains, vec![])), 0);
}

#[test]
fn a_sure_drop_makes_doubts_void() {
    let rules = vec![then(verdict(Verdict::Drop)), vec![verdict(Verdict::Drop)]];
    let out = run(vec![base("in", Verdict::Accept, rules)], vec![]);
    assert_eq!(out.dropped(), Share::ONE);
    assert_eq!(named(&out), 0);
}

#[test]
fn five_hundred_unknown_drops_are_followed_in_time() {
    let rules = (0..500).map(|_| then(verdict(Verdict::Drop))).collect();
    let out = run(vec![base("in", Verdict::Accept, rules)], vec![]);
    assert!(out.accepts());
    assert_eq!(named(&out), 500);
    let rules = (0..60_u32).map(|i| [open(), mark(i + 1)].concat()).collect();
    assert!(run(vec![base("in", Verdict::Accept, rules)], vec![]).accepts());
}

#[test]
fn queues_and_unknown_expressions_pass_and_are_named() {
    let queue = Expr::Queue { num: Some(0), total: None, flags: 0, sreg: None };
    let out = run(vec![base("in", Verdict::Drop, vec![vec![queue]])], vec![]);
    assert!(out.accepts());
    assert_eq!(named(&out), 1);
    let strange = Expr::Unknown { name: "inner".into(), data: Bytes::default() };
    let out = run(vec![base("in", Verdict::Accept, vec![vec![strange, verdict(Verdict::Drop)]])], vec![]);
    assert!(out.accepts());
    assert_eq!(out.unknowns[0].what, "expression \"inner\"");
}

#[test]
fn the_other_words_of_a_key_may_rule_it_out() {
    let key = vec![daddr(R1), payload(Register(9), PayloadBase::Network, 4, 2)];
    let s = |first: &[u8]| set("s", Set::CONCAT, 8, vec![element(&[first, &[0, 1, 0, 0]].concat())]);
    let rules = vec![[key, vec![lookup("s", None), verdict(Verdict::Drop)]].concat()];
    let out = run(vec![base("in", Verdict::Accept, rules.clone())], vec![s(&[10, 0, 0, 9])]);
    assert_eq!(named(&out), 0);
    let out = run(vec![base("in", Verdict::Accept, rules)], vec![s(&[10, 0, 0, 2])]);
    assert_eq!(named(&out), 1);
}

/// Whether something unknown is named where a rule with these expressions would drop the packet.
pub(super) fn is_named(exprs: Vec<Expr>) -> bool {
    let rules = vec![[exprs, vec![verdict(Verdict::Drop)]].concat()];
    let out = run(vec![base("in", Verdict::Accept, rules)], vec![]);
    out.ends.iter().any(|(s, _)| !s.world.unknowns.is_empty())
}
