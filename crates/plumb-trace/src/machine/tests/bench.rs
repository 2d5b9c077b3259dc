//! How long a rule takes.

use std::time::Instant;

use super::*;

/// `cargo test --release -p plumb-trace bench -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn hundred_rules() {
    let one = |i: u8| {
        vec![
            daddr(R1),
            cmp(CmpOp::Eq, &[10, 0, 1, i]),
            Expr::Meta { key: MetaKey::L4proto, dreg: R1 },
            cmp(CmpOp::Eq, &[6]),
            dport(R1),
            cmp(CmpOp::Eq, &[0, i]),
            Expr::Counter { packets: 0, bytes: 0 },
            verdict(Verdict::Accept),
        ]
    };
    let other = |i: u8| {
        vec![
            Expr::Meta { key: MetaKey::L4proto, dreg: R1 },
            cmp(CmpOp::Eq, &[6]),
            dport(R1),
            cmp(CmpOp::Eq, &[1, i]),
            verdict(Verdict::Drop),
        ]
    };
    let rules = (0..50).flat_map(|i| [one(i), other(i)]).collect();
    let ns = namespace(vec![table(vec![base("in", Verdict::Accept, rules)], vec![])]);
    let nf = Netfilter::compile(0, &ns);
    let unknowns = RefCell::default();
    let env = Env {
        ns: 0,
        namespace: &ns,
        family: IpFamily::V4,
        hook: Hook::Input,
        iif: Some(2),
        oif: None,
        next_hop: None,
        physin: None,
        physout: None,
        lookups: &NoLookups,
        record: false,
        unknowns: &unknowns,
    };
    let chain = nf.base_chains(Path::Ip, Hook::Input)[0].clone();
    let rounds: u32 = 20_000;
    for _ in 0..3 {
        let start = Instant::now();
        let mut accepted = 0;
        for _ in 0..rounds {
            let ends = nf.run(&env, &chain, state(syn()));
            accepted += usize::from(ends[0].1 == ChainEnd::Accept);
        }
        let took = start.elapsed().as_secs_f64() * 1e9 / f64::from(rounds);
        assert_eq!(accepted, rounds as usize);
        println!("{took:.0} ns a chain of 100 rules, {:.1} ns a rule", took / 100.0);
    }
}
