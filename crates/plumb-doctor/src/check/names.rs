//! What is wrong with how a namespace looks names up, as findings of a check.

use plumb_trace::Network;

use super::report::{CheckFinding, FoundBy, Severity};
use super::yardstick::Yardstick;
use crate::messages::{self, Lang};
use crate::names::{NameFinding, state};
use crate::report::{Layer, Remedy};

/// Of every namespace that is looked at.
pub(super) fn findings(net: &Network, yardstick: &Yardstick, lang: Lang) -> Vec<CheckFinding> {
    let here = (0..net.snapshot.namespaces.len()).filter(|ns| yardstick.looks_at(*ns));
    here.flat_map(|ns| state::findings(net, ns)).map(|found| finding(found, lang)).collect()
}

fn finding(found: state::Found, lang: Lang) -> CheckFinding {
    let f = &found.finding;
    let (severity, symptom) = match f {
        // Nobody asks the fourth: a mistake that hurts once the first three are gone.
        NameFinding::ServersBeyondThree { .. } => (Severity::Warning, "connects"),
        // Five dots are what every Pod has: it costs questions, not answers.
        NameFinding::SearchExplosion { .. } => (Severity::Info, "slow"),
        _ => (Severity::Error, "local_error"),
    };
    CheckFinding {
        fault: f.fault().map(str::to_owned),
        id: f.id().to_owned(),
        severity,
        symptom: symptom.to_owned(),
        place: found.place,
        layer: Layer::Dns,
        summary: messages::name_summary(lang, f),
        evidence: Vec::new(),
        effect: messages::name_effect(lang, f),
        affects: Vec::new(),
        remedy: vec![Remedy { advice: true, ..Remedy::of(messages::name_advice(lang, f)) }],
        pairs: None,
        found_by: FoundBy::State,
        path: None,
    }
}
