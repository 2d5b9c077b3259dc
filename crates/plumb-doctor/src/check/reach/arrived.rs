//! Clients that arrive under another address than their own, where policies let in the one and not the other.
//!
//! The API does not say whether policies see an address before or after its translation ("Network Policies" among the concepts of the
//! documentation: what is rewritten on the way in). A verdict that hangs on it is none.

use std::collections::{BTreeMap, BTreeSet};

use plumb_api::policy::{Doubt, Verdict};
use plumb_trace::Network;

use super::answers::{Answer, some};
use super::causes::affected;
use super::forbidden::at;
use super::pairs::{Asked, expected_as};
use crate::check::policies::{Expected, Judges};
use crate::check::report::{CheckFinding, FoundBy, Pairs};
use crate::check::told::{self, Observation, Seen};
use crate::check::yardstick::Yardstick;
use crate::messages::Lang;

/// Judges again what the walk says arrives from another address. What is judged otherwise then becomes not known; where it is let in by
/// its own address alone and a rule keeps it away, that is told.
pub(super) fn revise(
    net: &Network,
    who: (&Yardstick, &Judges),
    asked: &mut Asked,
    answers: &mut [Answer],
    lang: Lang,
) -> Vec<CheckFinding> {
    if asked.expected.is_empty() {
        return Vec::new();
    }
    let mut again = Vec::new();
    let mut kept_out: BTreeMap<Verdict, BTreeSet<usize>> = BTreeMap::new();
    for (i, answer) in answers.iter().enumerate() {
        let Some(seen) = answer.bears else { continue };
        let own = asked.expected(i);
        let other = expected_as(net, who, asked, &asked.asks[i], Some(seen));
        if *own == other {
            continue;
        }
        let mut open: Vec<(Verdict, Doubt)> = own.doubts().chain(other.doubts()).cloned().collect();
        let forbidding = own.forbidding().chain(other.forbidding());
        open.extend(forbidding.map(|v| (v.clone(), Doubt::Translated)));
        if *own == Expected::Connects && other.is_forbidden() && answer.by_rule {
            let first = other.forbidding().next();
            first.map(|v| kept_out.entry(v.clone()).or_default().insert(i));
        }
        open.dedup();
        again.push((i, Expected::Unknown(open)));
    }
    let which: Vec<usize> = again.iter().map(|(i, _)| *i).collect();
    for (i, expected) in again {
        asked.expected[i] = expected;
    }
    for (i, answer) in which.iter().zip(some(net, asked, &which, &|_, _| {})) {
        answers[*i] = answer;
    }
    kept_out.into_iter().filter_map(|(v, pairs)| finding(net, asked, answers, &v, &pairs, lang)).collect()
}

fn finding(
    net: &Network,
    asked: &Asked,
    answers: &[Answer],
    verdict: &Verdict,
    pairs: &BTreeSet<usize>,
    lang: Lang,
) -> Option<CheckFinding> {
    let &first = pairs.first()?;
    let ask = &asked.asks[first];
    let (from, to) = (&asked.sources[ask.source].0, &asked.targets[ask.target].name);
    let seen = answers[first].bears?.to_string();
    let observation = Observation::new("policy-sees-translated", at(net, asked, ask, verdict))
        .with("policy", verdict.policy.to_string())
        .with("from", from)
        .with("to", to)
        .with("seen", &seen)
        .seen(Seen::new("address-that-arrives", seen, serde_json::Value::Null, verdict.policy.read_with()));
    let mut finding = told::finding(lang, observation, FoundBy::Reach);
    finding.affects = affected(asked, pairs);
    finding.pairs = Some(Pairs {
        broken: pairs.iter().map(|&i| asked.asks[i].count).sum(),
        of: asked.asks.iter().map(|a| a.count).sum(),
        first: [from.clone(), to.clone(), answers[first].outcome.name().to_owned()],
    });
    Some(finding)
}
