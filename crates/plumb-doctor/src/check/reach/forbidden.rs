//! Pairs that NetworkPolicies forbid and that connect, and pairs that policies leave open.

use std::collections::{BTreeMap, BTreeSet};

use plumb_api::PolicyType;
use plumb_api::policy::{Doubt, PolicyRef, Verdict};
use plumb_trace::Network;
use plumb_trace::session::Outcome;

use super::answers::Answer;
use super::causes::affected;
use super::pairs::{Ask, Asked};
use crate::check::policies::Expected;
use crate::check::report::{CheckFinding, FoundBy, Pairs};
use crate::check::told::{self, Observation, Seen};
use crate::messages::{self, Lang};
use crate::place;
use crate::report::{Assumption, Place, UnknownReport};

/// A finding for each policy that forbids pairs which connect.
pub(super) fn not_enforced(
    net: &Network,
    asked: &Asked,
    answers: &[Answer],
    lang: Lang,
) -> Vec<CheckFinding> {
    let mut by_policy: BTreeMap<Verdict, BTreeSet<usize>> = BTreeMap::new();
    for i in (0..answers.len()).filter(|&i| answers[i].leaks) {
        // Where several forbid it none of them is heeded: one is enough to name.
        if let Some(verdict) = asked.expected(i).forbidding().next() {
            by_policy.entry(verdict.clone()).or_default().insert(i);
        }
    }
    let of = asked.asks.iter().map(|a| a.count).sum();
    let finding = |(verdict, pairs): (Verdict, BTreeSet<usize>)| {
        let ask = &asked.asks[*pairs.iter().next()?];
        let (from, to) = (&asked.sources[ask.source], &asked.targets[ask.target]);
        let broken: u64 = pairs.iter().map(|&i| asked.asks[i].count).sum();
        let policy = &verdict.policy;
        let observation = Observation::new("policy-not-enforced", at(net, asked, ask, &verdict))
            .with("policy", policy.to_string())
            .with("from", &from.0)
            .with("to", &to.name)
            .seen(Seen::new("forbidden-pairs", broken, 0, policy.read_with()).unit("pairs"));
        let mut finding = told::finding(lang, observation, FoundBy::Reach);
        finding.affects = affected(asked, &pairs);
        let outcome = Outcome::Connects.name().to_owned();
        finding.pairs = Some(Pairs { broken, of, first: [from.0.clone(), to.name.clone(), outcome] });
        Some(finding)
    };
    by_policy.into_iter().filter_map(finding).collect()
}

/// The namespace where the policy should hold, and the policy's list.
pub(super) fn at(net: &Network, asked: &Asked, ask: &Ask, verdict: &Verdict) -> Place {
    let target = asked.targets[ask.target].member.map(|m| asked.sources[m].1);
    let ns = match verdict.direction {
        PolicyType::Ingress => target.unwrap_or(asked.sources[ask.source].1),
        PolicyType::Egress => asked.sources[ask.source].1,
    };
    let mut place = place::namespace(net, ns);
    place::set(&mut place, "object", object(&verdict.policy, verdict.direction.fields().0));
    place
}

/// As `kind/namespace/name` and the field.
pub(in crate::check) fn object(policy: &PolicyRef, field: &str) -> String {
    format!("{}/{} spec.{field}", policy.kind, policy.name)
}

/// What is not known of pairs by policies: which of them hang on what, and echoes that no policy defines.
pub(super) fn left_open(
    asked: &Asked,
    answers: &[Answer],
    lang: Lang,
) -> (Vec<UnknownReport>, Vec<Assumption>) {
    let mut open: BTreeMap<&PolicyRef, Open> = BTreeMap::new();
    let mut undefined = 0;
    for (i, ask) in asked.asks.iter().enumerate().take(answers.len()) {
        if *asked.expected(i) == Expected::Undefined {
            undefined += ask.count;
        }
        let mut counted = BTreeSet::new();
        for (verdict, doubt) in asked.expected(i).doubts() {
            let entry = open.entry(&verdict.policy).or_insert_with(|| Open {
                place: place_of(asked, ask, verdict),
                doubts: BTreeSet::new(),
                pairs: 0,
                first: (&asked.sources[ask.source].0, &asked.targets[ask.target].name),
            });
            entry.doubts.insert(*doubt);
            if counted.insert(&verdict.policy) {
                entry.pairs += ask.count;
            }
        }
    }
    let unknowns = open.into_iter().map(|(policy, o)| UnknownReport {
        place: o.place,
        reason: messages::policy_open(lang, &policy.to_string(), &o.doubts, o.pairs, o.first),
        if_passes: "unknown".to_owned(),
    });
    let assumptions = (undefined > 0).then(|| messages::echoes_undefined(lang, undefined));
    (unknowns.collect(), assumptions.into_iter().collect())
}

/// What is open by one policy.
struct Open<'a> {
    place: Place,
    doubts: BTreeSet<Doubt>,
    pairs: u64,
    first: (&'a str, &'a str),
}

fn place_of(asked: &Asked, ask: &Ask, verdict: &Verdict) -> Place {
    let name = match verdict.direction {
        PolicyType::Ingress => &asked.targets[ask.target].name,
        PolicyType::Egress => &asked.sources[ask.source].0,
    };
    let mut place = told::at_name(name);
    place::set(&mut place, "object", object(&verdict.policy, verdict.direction.fields().0));
    place
}
