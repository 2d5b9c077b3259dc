//! Questions of `--expect`: what should connect and what should not, in the words of `diagnose`.

use plumb_model::Snapshot;
use plumb_trace::session::{Outcome, attempt};
use plumb_trace::{Network, Walker};

use crate::check::report::{CheckFinding, FoundBy, Pairs, Severity};
use crate::check::told::{self, Observation};
use crate::check::yardstick::{Expectation, Yardstick};
use crate::diagnose::{self, Question};
use crate::messages::{self, Lang};
use crate::place;

/// A finding for each cause of an expectation that does not hold, and whether the answer to any is not known.
pub(super) fn expectations(
    snapshot: &Snapshot,
    net: &Network,
    yardstick: &Yardstick,
    lang: Lang,
) -> (Vec<CheckFinding>, bool) {
    let all: Vec<CheckFinding> =
        yardstick.expectations.iter().flat_map(|e| unmet(snapshot, net, e, lang)).collect();
    let open = all.iter().any(|f| f.symptom == Outcome::Unknown.name());
    (all, open)
}

fn unmet(snapshot: &Snapshot, net: &Network, e: &Expectation, lang: Lang) -> Vec<CheckFinding> {
    let walker = Walker::new(net, false);
    let a = attempt(&walker, &e.flow);
    let met = match e.outcome {
        Some(wanted) => a.outcome == wanted,
        None => a.outcome != Outcome::Connects,
    };
    // What cannot be told is not met either: it is said, and by no cause.
    let open = a.outcome == Outcome::Unknown || diagnose::is_open(&a);
    if met && !open {
        return Vec::new();
    }
    let outcome = if open { Outcome::Unknown } else { a.outcome };
    let pairs = Pairs { broken: 1, of: 1, first: [e.from.clone(), e.to.clone(), outcome.name().to_owned()] };
    if open || a.outcome == Outcome::Connects || e.outcome.is_none_or(|o| o != Outcome::Connects) {
        let wanted = e.outcome.map_or_else(
            || messages::heading(lang, messages::Heading::NotConnects).to_owned(),
            |o| messages::outcome(lang, o.name()),
        );
        let mut finding = told::finding(
            lang,
            Observation::new("expectation-unmet", place::namespace(net, e.flow.origin.ns()))
                .with("from", &e.from)
                .with("to", &e.to)
                .with("wanted", wanted)
                .with("outcome", messages::outcome(lang, outcome.name())),
            FoundBy::Reach,
        );
        outcome.name().clone_into(&mut finding.symptom);
        finding.pairs = Some(pairs);
        return vec![finding];
    }
    let question = Question { flow: e.flow, from: e.from.clone(), lang };
    diagnose::causes(snapshot, &question)
        .into_iter()
        .map(|d| CheckFinding {
            fault: d.fault.map(str::to_owned),
            id: d.cause.id,
            severity: Severity::Error,
            symptom: a.outcome.name().to_owned(),
            place: d.cause.place,
            layer: d.cause.layer,
            summary: d.cause.summary,
            evidence: d.cause.evidence,
            effect: d.cause.effect,
            affects: vec![e.to.clone()],
            remedy: d.cause.remedy,
            pairs: Some(pairs.clone()),
            found_by: FoundBy::Reach,
            path: None,
        })
        .collect()
}
