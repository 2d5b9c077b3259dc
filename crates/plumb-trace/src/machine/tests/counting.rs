//! What counts packets and remembers it: a packet's world is the next one's.

use plumb_model::{RecentEntry, RecentList};

use super::*;

/// Whether each of these packets, at these milliseconds, matches a rule with this expression.
fn matched(ns: &Namespace, times: &[u64]) -> Vec<bool> {
    let mut world = crate::state::World::default();
    let mut out = Vec::new();
    for at in times {
        let mut state = state(syn());
        state.world = world.clone();
        state.world.meters.clock = *at;
        let mut run = run_in(ns, state);
        out.push(run.accepts());
        world = run.ends.remove(0).0.world;
    }
    out
}

fn namespace_with(expr: Expr) -> Namespace {
    namespace(vec![table(
        vec![base("in", Verdict::Drop, vec![vec![expr, verdict(Verdict::Accept)]])],
        vec![],
    )])
}

#[test]
fn a_bucket_runs_dry_and_fills_up() {
    let limit = |over| Expr::Limit(Limit { rate: 1, unit: 10, burst: 2, bytes: false, over });
    let times = [0, 0, 0, 9_999, 10_000, 10_001];
    assert_eq!(matched(&namespace_with(limit(false)), &times), [true, true, false, false, true, false]);
    assert_eq!(matched(&namespace_with(limit(true)), &times), [false, false, true, true, false, true]);
    // struct xt_rateinfo: 1/10,000 s between packets, at once.
    let mut info = vec![0; 40];
    info[..4].copy_from_slice(&100_000_u32.to_le_bytes());
    info[4..8].copy_from_slice(&2_u32.to_le_bytes());
    let xt = Expr::Match { name: "limit".into(), revision: 0, info: info.into() };
    assert_eq!(matched(&namespace_with(xt), &times), [true, true, false, false, true, false]);
}

#[test]
fn a_quota_is_used_up() {
    // Two SYNs of 60 bytes.
    let ns = namespace_with(Expr::Quota { bytes: 130, consumed: 10, flags: 0 });
    assert_eq!(matched(&ns, &[0, 0, 0]), [true, true, false]);
}

/// struct xt_recent_mtinfo_v1
fn recent(flags: u8, seconds: u32, hits: u32) -> Expr {
    let mut info = vec![0; 232];
    info[..4].copy_from_slice(&seconds.to_le_bytes());
    info[4..8].copy_from_slice(&hits.to_le_bytes());
    info[8] = flags;
    info[10..13].copy_from_slice(b"web");
    info[212..216].fill(255);
    Expr::Match { name: "recent".into(), revision: 1, info: info.into() }
}

const CHECK: u8 = 1;
const SET: u8 = 2;
const UPDATE: u8 = 4;
const REMOVE: u8 = 8;

fn listed(ages_ms: Option<Vec<u64>>) -> Read<Vec<RecentList>> {
    let entry = RecentEntry { addr: syn().src, ttl: 64, hits: 2, ages_ms };
    Read::Got(vec![RecentList { name: "web".into(), entries: vec![entry] }])
}

#[test]
fn a_list_counts_within_its_seconds() {
    let rules = vec![vec![recent(UPDATE, 60, 3), verdict(Verdict::Drop)], vec![recent(SET, 0, 0)]];
    let mut ns = namespace(vec![table(vec![base("in", Verdict::Accept, rules)], vec![])]);
    ns.recent = Read::Got(Vec::new());
    assert_eq!(
        matched(&ns, &[0, 0, 0, 0, 1000, 61_001, 62_000]),
        [true, true, true, false, false, true, true]
    );
}

#[test]
fn a_list_of_the_snapshot() {
    let mut ns = namespace_with(recent(CHECK, 5, 2));
    ns.recent = listed(Some(vec![4_000, 1_000]));
    // It grows old.
    assert_eq!(matched(&ns, &[0, 1_000, 1_001]), [true, true, false]);
    ns.recent = listed(Some(vec![6_000, 1_000]));
    assert_eq!(matched(&ns, &[0]), [false]);
    let mut ns = namespace_with(recent(REMOVE, 0, 0));
    ns.recent = listed(None);
    assert_eq!(matched(&ns, &[0, 0]), [true, false], "taken off");
}

#[test]
fn a_list_that_was_not_read_is_named() {
    let unknowns = |ns: &Namespace| -> usize {
        run_in(ns, state(syn())).ends.iter().map(|(s, _)| s.world.unknowns.len()).sum()
    };
    let mut ns = namespace_with(recent(CHECK, 60, 0));
    assert_eq!(unknowns(&ns), 1);
    ns.recent = listed(None);
    assert_eq!(unknowns(&ns), 1, "the times are not known");
    ns.recent = listed(Some(vec![1]));
    assert_eq!(unknowns(&ns), 0);
}

#[test]
fn each_element_has_a_bucket_of_its_own() {
    let limit = Expr::Limit(Limit { rate: 1, unit: 60, burst: 1, bytes: false, over: false });
    let add = Expr::Dynset {
        set: "clients".into(),
        set_id: None,
        op: 0,
        sreg_key: R1,
        sreg_data: None,
        timeout: None,
        exprs: vec![limit],
        flags: 0,
    };
    let load = payload(R1, PayloadBase::Network, 12, 4);
    let rules = vec![vec![load, add, verdict(Verdict::Accept)]];
    let clients = set("clients", Set::EVAL, 4, vec![]);
    let ns = namespace(vec![table(vec![base("in", Verdict::Drop, rules)], vec![clients])]);
    assert_eq!(matched(&ns, &[0, 0, 60_000]), [true, false, true]);
    // Another client finds its own bucket full.
    let first = run_in(&ns, state(syn())).ends.remove(0).0;
    let mut other = state(Packet { src: "10.0.0.77".parse().unwrap(), ..syn() });
    other.world = first.world;
    assert!(run_in(&ns, other).accepts());
}

/// struct xt_hashlimit_mtinfo3: so many microseconds between packets, so many at once.
fn hashlimit(micros: u64, burst: u64, above: bool) -> Expr {
    let mut info = vec![0; 320];
    info[..3].copy_from_slice(b"web");
    info[256..264].copy_from_slice(&micros.to_le_bytes());
    info[264..272].copy_from_slice(&burst.to_le_bytes());
    // XT_HASHLIMIT_HASH_DIP, XT_HASHLIMIT_INVERT
    let mode = 1_u32 | if above { 16 } else { 0 };
    info[272..276].copy_from_slice(&mode.to_le_bytes());
    info[288..292].copy_from_slice(&60_000_u32.to_le_bytes());
    (info[296], info[297]) = (32, 32);
    Expr::Match { name: "hashlimit".into(), revision: 3, info: info.into() }
}

#[test]
fn rules_that_name_one_table_share_its_buckets() {
    let rules = |second: Expr| {
        let rules = vec![
            vec![hashlimit(10_000_000, 2, true), verdict(Verdict::Drop)],
            vec![second, verdict(Verdict::Accept)],
        ];
        namespace(vec![table(vec![base("in", Verdict::Drop, rules)], vec![])])
    };
    // Both take a token of each packet.
    let same = rules(hashlimit(10_000_000, 2, false));
    assert_eq!(matched(&same, &[0, 0]), [true, false]);
    let unknowns = |ns: &Namespace, packets: usize| -> usize {
        let mut world = crate::state::World::default();
        let mut named = 0;
        for _ in 0..packets {
            let mut s = state(syn());
            s.world = world.clone();
            s.world.unknowns = Default::default();
            let run = run_in(ns, s);
            named = run.ends.iter().map(|(s, _)| s.world.unknowns.len()).sum();
            world = run.ends[0].0.world.clone();
        }
        named
    };
    assert_eq!(unknowns(&same, 2), 0);
    // Nothing tells which rule came first; for the first packet it is all the same.
    let other = rules(hashlimit(10_000_000, 9, false));
    assert_eq!(unknowns(&other, 1), 0);
    assert_eq!(unknowns(&other, 2), 2, "at both rules");
}
