//! Rules as iptables-nft writes them.

use super::*;

fn m(name: &str, revision: u32, info: &[u8]) -> Expr {
    Expr::Match { name: name.into(), revision, info: info.into() }
}

fn t(name: &str, revision: u32, info: &[u8]) -> Expr {
    Expr::Target { name: name.into(), revision, info: info.into() }
}

fn matches(expr: Expr) -> bool {
    run(vec![base("in", Verdict::Drop, vec![vec![expr, verdict(Verdict::Accept)]])], vec![]).accepts()
}

#[test]
fn tcp_ports() {
    // struct xt_tcp: sport 0:65535, dport 80:90, option, mask, flags, inversion.
    assert!(matches(m("tcp", 0, &[0, 0, 255, 255, 80, 0, 90, 0, 0, 0, 0, 0])));
    assert!(!matches(m("tcp", 0, &[0, 0, 255, 255, 81, 0, 90, 0, 0, 0, 0, 0])));
}

#[test]
fn marks() {
    let set = t("MARK", 2, &[0, 0x40, 0, 0, 0, 0x40, 0, 0]);
    let is = m("mark", 1, &[0, 0x40, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0]);
    let rules = vec![vec![set], vec![is, verdict(Verdict::Drop)]];
    let out = run(vec![base("in", Verdict::Accept, rules)], vec![]);
    assert_eq!(out.dropped(), Share::ONE);
    assert_eq!(out.marks(), [(0x4000, Share::ONE)]);
}

#[test]
fn statistic_as_kube_proxy_writes_it() {
    // mode random, no flags, probability 2^31 / 4.
    let mut info = vec![0; 24];
    info[4..8].copy_from_slice(&(1_u32 << 29).to_le_bytes());
    let rules = vec![vec![m("statistic", 0, &info), verdict(Verdict::Drop)]];
    assert_eq!(run(vec![base("in", Verdict::Accept, rules)], vec![]).dropped(), Share::new(1, 4));
}

#[test]
fn every_third_packet() {
    let mut info = vec![0; 24];
    info[0] = 1;
    info[4..8].copy_from_slice(&2_u32.to_le_bytes());
    let rules = vec![vec![m("statistic", 0, &info), verdict(Verdict::Drop)]];
    let tables = || vec![table(vec![base("in", Verdict::Accept, rules.clone())], vec![])];
    let mut states: Vec<State> = run_state(tables(), state(syn())).ends.into_iter().map(|(s, _)| s).collect();
    assert_eq!(states.len(), 3);
    // Whatever it started at: of three packets in a row one is dropped.
    for s in &mut states {
        let mut drops = 0;
        for _ in 0..3 {
            s.share = Share::ONE;
            let mut out = run_state(tables(), s.clone());
            drops += usize::from(out.dropped().is_one());
            *s = out.ends.remove(0).0;
        }
        assert_eq!(drops, 1);
    }
}

#[test]
fn what_is_not_read_is_named() {
    let rules = vec![vec![m("bpf", 9, &[]), verdict(Verdict::Drop)]];
    let out = run(vec![base("in", Verdict::Accept, rules)], vec![]);
    assert!(out.accepts());
    assert!(out.unknowns[0].what.contains("xt match \"bpf\""), "{:?}", out.unknowns);
    let out = run(vec![base("in", Verdict::Accept, vec![vec![t("STRANGE", 0, &[])]])], vec![]);
    assert!(out.unknowns[0].what.contains("STRANGE"));
}
