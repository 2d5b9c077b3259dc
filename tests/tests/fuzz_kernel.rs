//! The walk against the kernel: every case that once differed, and some random ones of each kind.
//!
//! `PLUMB_FUZZ_SEED` is the seed of the first random one (default 1), `PLUMB_FUZZ_COUNT` how many there are of each kind.
#![allow(clippy::unwrap_used)]

use plumb_tests::fuzz::network::pin_to_one_processor;
use plumb_tests::fuzz::run::{Disagreement, Load, Outcome};
use plumb_tests::fuzz::{Case, Kind, Networks, generate, regression};

/// How a case came out. What a busy machine only did late is no failure.
fn outcome(networks: &mut Networks, case: &Case) -> Outcome {
    let (network, load) = (networks.of(case).unwrap(), Load::of(case.seed));
    match network.run(case, load).unwrap() {
        Outcome::Disagrees(_) => network.run_slowly(case, load).unwrap(),
        other => other,
    }
}

/// Why a case does not hold.
fn difference(case: &Case, d: &Disagreement) -> String {
    let flow = case.flows.get(d.flow);
    format!("{flow:?}, packet {}:\n  {}\n  the walk: {}", d.packet, d.differences.join("\n  "), d.story)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

#[test]
fn what_once_differed() {
    pin_to_one_processor().unwrap();
    let mut networks = Networks::default();
    let mut failures = Vec::new();
    for (name, r) in regression::all().unwrap() {
        if let Outcome::Disagrees(d) = outcome(&mut networks, &r.case) {
            failures.push(format!("{name} ({}): {}", r.what, difference(&r.case, &d)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Random cases of a kind. A generator that the tools refuse, or whose cases all meet something unknown, shows nothing.
fn random(kind: Kind, default: u64) {
    pin_to_one_processor().unwrap();
    let mut networks = Networks::default();
    let (first, count) = (number("PLUMB_FUZZ_SEED", 1), number("PLUMB_FUZZ_COUNT", default));
    let (mut failures, mut refused, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for seed in first..first + count {
        let case = generate::case(kind, seed);
        match outcome(&mut networks, &case) {
            Outcome::Agrees(_) => {}
            Outcome::Unknown(what) => unknown.push(format!("seed {seed}: {what}")),
            Outcome::Refused(said) => refused.push(format!("seed {seed}: {said}")),
            Outcome::Disagrees(d) => failures.push(format!("seed {seed}: {}", difference(&case, &d))),
        }
    }
    println!("{kind}: {count} cases, {} refused, {} unknown", refused.len(), unknown.len());
    assert!(failures.is_empty(), "{kind}:\n{}", failures.join("\n"));
    for few in [refused, unknown] {
        assert!(few.len() as u64 * 5 <= count, "{kind}:\n{}", few.join("\n"));
    }
}

#[test]
fn random_nft() {
    random(Kind::Nft, 120);
}

#[test]
fn random_iptables_nft() {
    random(Kind::IptablesNft, 60);
}

#[test]
fn random_iptables_legacy() {
    random(Kind::IptablesLegacy, 60);
}

#[test]
fn random_mixed() {
    random(Kind::Mixed, 60);
}
