//! How many connections a rule has counted: at most the live ones that can have come so far in it.

use plumb_model::{Conntrack, CtEntry, CtStatus};

use super::*;

/// A live connection from a host of 10.0.0.0/24 to a port of 10.0.0.2.
fn live(host: u8, dport: u16) -> CtEntry {
    let original = Tuple {
        src: [10, 0, 0, host].into(),
        dst: [10, 0, 0, 2].into(),
        protocol: Protocol::TCP,
        sport: 50_000,
        dport,
        icmp: None,
    };
    let reply = crate::network::inverse(&original);
    CtEntry {
        original,
        reply,
        status: CtStatus::default(),
        timeout: 100,
        tcp_state: Some(3),
        mark: 0,
        zone: 0,
        zone_direction: None,
        labels: Bytes::default(),
        helper: None,
        id: 0,
        counters: None,
    }
}

/// What becomes of a SYN to port 80: whether it passes, and how many unknown things are named.
fn passes(rule: Vec<Expr>, entries: Vec<CtEntry>) -> (bool, usize) {
    let rules = vec![[rule, vec![verdict(Verdict::Drop)]].concat()];
    let mut ns = namespace(vec![table(vec![base("in", Verdict::Accept, rules)], vec![])]);
    ns.conntrack = Read::Got(Conntrack { entries, ..Conntrack::default() });
    let out = run_in(&ns, state(syn()));
    (out.accepts(), out.ends.iter().map(|(s, _)| s.world.unknowns.len()).sum())
}

fn over(count: u32) -> Expr {
    Expr::Connlimit { count, flags: 1 }
}

fn to_port(port: u16) -> [Expr; 2] {
    [dport(R1), cmp(CmpOp::Eq, &port.to_be_bytes())]
}

#[test]
fn within_the_limit_whatever_was_counted() {
    assert_eq!(passes(vec![over(1)], vec![]), (true, 0));
    assert_eq!(passes(vec![over(3)], vec![live(7, 80), live(8, 80)]), (true, 0));
    assert_eq!(passes(vec![over(0)], vec![]), (false, 0), "this one is too many");
}

#[test]
fn what_may_be_over_the_limit_is_named() {
    assert_eq!(passes(vec![over(2)], vec![live(7, 80), live(8, 80)]), (true, 1));
}

#[test]
fn closed_connections_do_not_count() {
    let closed = |state| CtEntry { tcp_state: Some(state), ..live(7, 80) };
    assert_eq!(passes(vec![over(1)], vec![closed(7), closed(8)]), (true, 0));
    assert_eq!(passes(vec![over(1)], vec![closed(4)]), (true, 1));
}

#[test]
fn what_the_rule_does_not_let_so_far_does_not_count() {
    let rule = |count| [to_port(80).to_vec(), vec![over(count)]].concat();
    let elsewhere = vec![live(7, 443), live(8, 22), live(9, 80)];
    assert_eq!(passes(rule(2), elsewhere.clone()), (true, 0));
    assert_eq!(passes(rule(1), elsewhere), (true, 1));
    // Translated on its way: port 8080 as it came, port 80 behind the rule.
    let mut translated = live(7, 8080);
    translated.reply.sport = 80;
    assert_eq!(passes(rule(1), vec![translated]), (true, 1));
}

#[test]
fn xtables_count_by_network() {
    // struct xt_connlimit_info: mask, limit, flags, data.
    let connlimit = |mask: [u8; 4], limit: u32| {
        let mut info = vec![0; 32];
        info[..4].copy_from_slice(&mask);
        info[16..20].copy_from_slice(&limit.to_le_bytes());
        vec![Expr::Match { name: "connlimit".into(), revision: 1, info: info.into() }]
    };
    let others = vec![live(7, 80), live(8, 80)];
    assert_eq!(passes(connlimit([255; 4], 1), others.clone()), (true, 0), "other hosts");
    assert_eq!(passes(connlimit([255, 255, 255, 0], 1), others), (true, 1), "the same network");
}
