//! The walk against the kernel: every case that once differed, and 200 random ones.
//!
//! `PLUMB_FUZZ_SEED` is the seed of the first random one (default 1), `PLUMB_FUZZ_COUNT` how many there are.
#![allow(clippy::unwrap_used)]

use plumb_tests::fuzz::network::pin_to_one_processor;
use plumb_tests::fuzz::run::{Load, Outcome};
use plumb_tests::fuzz::{Case, Network, generate, regression};

/// Why a case does not hold, if it does not.
fn failure(network: &mut Network, case: &Case) -> Option<String> {
    let load = if case.seed.is_multiple_of(4) { Load::Encoded } else { Load::Nft };
    // What a busy machine only did late is no failure.
    let mut outcome = network.run(case, load).unwrap();
    if matches!(outcome, Outcome::Disagrees(_)) {
        outcome = network.run_slowly(case, load).unwrap();
    }
    match outcome {
        Outcome::Disagrees(d) => {
            let flow = case.flows.get(d.flow);
            let differences = d.differences.join("\n  ");
            Some(format!("{flow:?}, packet {}:\n  {differences}\n  the walk: {}", d.packet, d.story))
        }
        Outcome::Agrees(_) | Outcome::Refused(_) | Outcome::Unknown(_) => None,
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

#[test]
fn what_once_differed() {
    pin_to_one_processor().unwrap();
    let mut network = Network::build().unwrap();
    let mut failures = Vec::new();
    for (name, r) in regression::all().unwrap() {
        if let Some(why) = failure(&mut network, &r.case) {
            failures.push(format!("{name} ({}): {why}", r.what));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Rules of iptables-nft and iptables-legacy, and ipsets.
#[test]
fn random_xtables() {
    pin_to_one_processor().unwrap();
    let mut network = Network::build().unwrap();
    let (first, count) = (number("PLUMB_FUZZ_SEED", 1), number("PLUMB_FUZZ_COUNT", 200));
    let (mut failures, mut refused, mut agreed) = (Vec::new(), Vec::new(), 0);
    for seed in first..first + count {
        let case = generate::xtables_case(seed);
        match network.run(&case, Load::Nft).unwrap() {
            Outcome::Agrees(_) => agreed += 1,
            Outcome::Unknown(what) => println!("seed {seed}: {what}"),
            Outcome::Refused(said) => refused.push(format!("seed {seed}: {said}")),
            // What a busy machine only did late is no failure.
            Outcome::Disagrees(_) => {
                if let Outcome::Disagrees(d) = network.run_slowly(&case, Load::Nft).unwrap() {
                    let flow = case.flows.get(d.flow);
                    let differences = d.differences.join("\n  ");
                    failures.push(format!(
                        "seed {seed}: {flow:?}, packet {}:\n  {differences}\n  the walk: {}",
                        d.packet, d.story
                    ));
                }
            }
        }
    }
    println!("{agreed} of {count} agree, {} are refused", refused.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(refused.len() as u64 * 10 <= count, "{}", refused.join("\n"));
}

#[test]
fn random_rulesets() {
    pin_to_one_processor().unwrap();
    let mut network = Network::build().unwrap();
    let (first, count) = (number("PLUMB_FUZZ_SEED", 1), number("PLUMB_FUZZ_COUNT", 200));
    println!("seed {first} and the {} that follow", count.saturating_sub(1));
    let mut failures = Vec::new();
    for seed in first..first + count {
        let case = generate::case(seed);
        if let Some(why) = failure(&mut network, &case) {
            failures.push(format!("seed {seed}: {why}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
