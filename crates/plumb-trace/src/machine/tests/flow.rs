//! Verdicts, jumps and the order of base chains.

use super::*;

#[test]
fn policy_and_verdicts() {
    assert!(run(vec![base("in", Verdict::Accept, vec![])], vec![]).accepts());
    assert_eq!(run(vec![base("in", Verdict::Drop, vec![])], vec![]).dropped(), Share::ONE);
    let accept = vec![base("in", Verdict::Drop, vec![vec![verdict(Verdict::Accept)]])];
    assert!(run(accept, vec![]).accepts());
}

#[test]
fn return_from_a_base_chain_is_its_policy() {
    let rules = vec![vec![verdict(Verdict::Return)], vec![verdict(Verdict::Accept)]];
    assert_eq!(run(vec![base("in", Verdict::Drop, rules)], vec![]).dropped(), Share::ONE);
}

#[test]
fn jump_comes_back_and_goto_does_not() {
    let mut after = vec![vec![jump("a")]];
    after.push([mark(1), vec![verdict(Verdict::Accept)]].concat());
    let chains = |first: Expr| {
        vec![
            base("in", Verdict::Drop, vec![vec![first], [mark(1), vec![verdict(Verdict::Accept)]].concat()]),
            chain("a", vec![]),
        ]
    };
    assert_eq!(run(chains(jump("a")), vec![]).marks(), [(1, Share::ONE)]);
    let out = run(chains(goto("a")), vec![]);
    assert_eq!(out.dropped(), Share::ONE, "goto from a base chain ends at its policy");
    let _ = after;
}

#[test]
fn goto_within_a_called_chain_returns_to_the_caller() {
    let out = run(
        vec![
            base("in", Verdict::Drop, vec![vec![jump("a")], mark(7), vec![verdict(Verdict::Accept)]]),
            chain("a", vec![vec![goto("b")], vec![verdict(Verdict::Drop)]]),
            chain("b", vec![mark(3), vec![verdict(Verdict::Return)], vec![verdict(Verdict::Drop)]]),
        ],
        vec![],
    );
    assert_eq!(out.marks(), [(7, Share::ONE)]);
    assert!(out.accepts());
    assert_eq!(out.rules(), [(0, 0), (1, 0), (2, 0), (2, 1), (0, 1), (0, 2)]);
}

#[test]
fn a_stack_of_sixteen_and_no_more() {
    let nest = |depth: usize| {
        let mut chains = vec![base("in", Verdict::Accept, vec![vec![jump("c0")]])];
        for i in 0..depth {
            let next = format!("c{}", i + 1);
            chains.push(chain(&format!("c{i}"), vec![vec![jump(&next)]]));
        }
        chains.push(chain(&format!("c{depth}"), vec![vec![verdict(Verdict::Accept)]]));
        run(chains, vec![])
    };
    assert!(nest(15).accepts());
    assert_eq!(nest(16).dropped(), Share::ONE);
}

#[test]
fn a_loop_in_a_damaged_snapshot_ends() {
    let out = run(
        vec![base("in", Verdict::Accept, vec![vec![goto("a")]]), chain("a", vec![vec![goto("a")]])],
        vec![],
    );
    assert!(matches!(out.ends[0].1, ChainEnd::Stop(Stop::Unmodelled { .. })));
}

#[test]
fn later_of_equal_priority_runs_first() {
    let mut second = base("b", Verdict::Accept, vec![]);
    let mut third = base("c", Verdict::Accept, vec![]);
    third.base.as_mut().unwrap().priority = -1;
    second.base.as_mut().unwrap().priority = 0;
    let ns = namespace(vec![table(vec![base("a", Verdict::Accept, vec![]), second, third], vec![])]);
    let nf = Netfilter::compile(0, &ns);
    let order: Vec<u32> = nf.base_chains(Path::Ip, Hook::Input).iter().map(|c| c.place.chain).collect();
    assert_eq!(order, [2, 1, 0]);
    assert!(nf.base_chains(Path::Ip6, Hook::Input).is_empty());
}

#[test]
fn dormant_tables_are_not_hooked() {
    let mut t = table(vec![base("a", Verdict::Drop, vec![])], vec![]);
    t.flags = 1;
    let nf = Netfilter::compile(0, &namespace(vec![t]));
    assert!(nf.base_chains(Path::Ip, Hook::Input).is_empty());
}

#[test]
fn reject_codes() {
    let out = run(
        vec![base(
            "in",
            Verdict::Accept,
            vec![vec![Expr::Reject { kind: RejectType::IcmpxUnreach, code: 3 }]],
        )],
        vec![],
    );
    let ChainEnd::Stop(Stop::Rejected { answer, .. }) = &out.ends[0].1 else { panic!("not rejected") };
    assert_eq!(*answer, crate::event::Answer::Icmp { kind: 3, code: 13 });
}
