//! Pods that are not seen under their own address.

use std::collections::{BTreeMap, BTreeSet};

use plumb_trace::event::{Event, NatKind};
use plumb_trace::session::{Outcome, attempt};
use plumb_trace::{Network, Walker};

use super::answers::Answer;
use super::causes::affected;
use super::pairs::Asked;
use crate::check::report::{CheckFinding, FoundBy, Pairs};
use crate::check::told::{self, Observation};
use crate::messages::Lang;
use crate::place;

/// Pods that reach pods under another address than their own.
pub(super) fn translated(net: &Network, asked: &Asked, answers: &[Answer], lang: Lang) -> Vec<CheckFinding> {
    // A namespace of a node that nobody's name is known of is a pod, by all that can be told.
    let is_pod = |name: &str| name.starts_with("pod:") || name.starts_with("netns:");
    let direct = |i: usize| {
        let (source, target) = (asked.asks[i].source, &asked.targets[asked.asks[i].target]);
        is_pod(&asked.sources[source].0) && is_pod(&target.name) && target.member.is_some()
    };
    let all: Vec<usize> = (0..answers.len()).filter(|&i| answers[i].seen_as.is_some() && direct(i)).collect();
    let mut by_rule: BTreeMap<String, (Observation, BTreeSet<usize>)> = BTreeMap::new();
    for &i in &all {
        let Some(seen) = answers[i].seen_as else { continue };
        let walker = Walker::new(net, true);
        let a = attempt(&walker, &asked.flow(&asked.asks[i]));
        let Some(exchange) = a.branches.first().and_then(|b| b.packets.last()) else { continue };
        let rule = exchange.request.state.history.events().into_iter().find_map(|e| match e {
            Event::Nat { rule: Some(rule), kind: NatKind::Source, .. } => Some(*rule),
            _ => None,
        });
        // An entry made before the rules were as they are now translates, too: then only the client's place is known.
        let from = asked.sources[asked.asks[i].source].1;
        let at = rule.map_or_else(|| place::namespace(net, from), |rule| place::rule(net, rule, &[]));
        let key = serde_json::to_string(&at).unwrap_or_default();
        let text = at.get("rule").and_then(|r| r.as_str()).unwrap_or_default().to_owned();
        let entry = by_rule.entry(key).or_insert_with(|| {
            let observation = Observation::new("source-translated", at)
                .with("rule", text)
                .with("from", &asked.sources[asked.asks[i].source].0)
                .with("to", &asked.targets[asked.asks[i].target].name)
                .with("seen", seen.to_string());
            (observation, BTreeSet::new())
        });
        entry.1.insert(i);
    }
    let of = asked.asks.iter().map(|a| a.count).sum();
    by_rule
        .into_values()
        .map(|(observation, pairs)| {
            let first = pairs.iter().next().map(|&i| &asked.asks[i]);
            let mut finding = told::finding(lang, observation, FoundBy::Reach);
            finding.affects = affected(asked, &pairs);
            finding.pairs = first.map(|ask| Pairs {
                broken: pairs.iter().map(|&i| asked.asks[i].count).sum(),
                of,
                first: [
                    asked.sources[ask.source].0.clone(),
                    asked.targets[ask.target].name.clone(),
                    Outcome::Connects.name().to_owned(),
                ],
            });
            finding
        })
        .collect()
}
