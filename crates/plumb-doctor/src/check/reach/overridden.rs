//! Rules of NetworkPolicies that an administrator's policy leaves without effect.

use std::collections::{BTreeMap, BTreeSet};

use plumb_api::policy::Verdict;

use super::answers::Answer;
use super::causes::affected;
use super::forbidden::object;
use super::pairs::Asked;
use crate::check::policies::Judges;
use crate::check::report::{CheckFinding, FoundBy, Pairs, Severity};
use crate::check::told::{self, Observation, Seen, at_name};
use crate::messages::Lang;
use crate::place;

/// A finding for each NetworkPolicy that lets in (or out) by name whom an administrator's policy denies. It is as it should be that the
/// administrator's holds; that all of what the other was written for is denied may surprise whoever wrote it.
pub(super) fn overridden(
    judges: &Judges,
    asked: &Asked,
    answers: &[Answer],
    lang: Lang,
) -> Vec<CheckFinding> {
    // Administrator's and NetworkPolicy → pairs; NetworkPolicy → how many pairs it lets in at all.
    let mut denied: BTreeMap<(Verdict, Verdict), BTreeSet<usize>> = BTreeMap::new();
    let mut meant: BTreeMap<Verdict, u64> = BTreeMap::new();
    for (i, ask) in asked.asks.iter().enumerate().take(answers.len()) {
        let target = &asked.targets[ask.target];
        let Some(judge) = judges.cluster(&target.cluster).filter(|j| j.policies.has_admin()) else {
            continue;
        };
        if target.member.is_none() {
            continue;
        }
        for grant in judge.granted(ask.source, target.address, target.transport, target.port) {
            *meant.entry(grant.clone()).or_default() += ask.count;
            let by = asked.expected(i).forbidding();
            for deny in by.filter(|v| !v.policy.is_network_policy() && v.direction == grant.direction) {
                denied.entry((deny.clone(), grant.clone())).or_default().insert(i);
            }
        }
    }
    let of = asked.asks.iter().map(|a| a.count).sum();
    let finding = |((deny, grant), pairs): ((Verdict, Verdict), BTreeSet<usize>)| {
        let &first = pairs.first()?;
        let ask = &asked.asks[first];
        let broken: u64 = pairs.iter().map(|&i| asked.asks[i].count).sum();
        let all = meant.get(&grant).copied().unwrap_or_default();
        let (from, to) = (&asked.sources[ask.source].0, &asked.targets[ask.target].name);
        let mut at = at_name(&grant.policy.name.namespace);
        place::set(&mut at, "object", object(&deny.policy, deny.direction.fields().0));
        let severity = if broken == all { Severity::Warning } else { Severity::Info };
        let observation = Observation::new("policy-overridden", at)
            .severity(severity)
            .with("policy", grant.policy.to_string())
            .with("admin", deny.policy.to_string())
            .with("from", from)
            .with("to", to)
            .seen(
                Seen::new("pairs-denied", broken, serde_json::Value::Null, deny.policy.read_with())
                    .unit("pairs"),
            )
            .seen(
                Seen::new("pairs-let-in", all, serde_json::Value::Null, grant.policy.read_with())
                    .unit("pairs"),
            );
        let mut finding = told::finding(lang, observation, FoundBy::Reach);
        finding.affects = affected(asked, &pairs);
        let outcome = answers[first].outcome.name().to_owned();
        finding.pairs = Some(Pairs { broken, of, first: [from.clone(), to.clone(), outcome] });
        Some(finding)
    };
    denied.into_iter().filter_map(finding).collect()
}
