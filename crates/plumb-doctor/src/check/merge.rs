//! One cause is one finding, however many pairs or counters show it.

use std::cmp::Reverse;

use serde_json::Value;

use super::report::{CheckFinding, FoundBy};
use crate::report::Place;

/// Findings of all three kinds of looking, each cause once, worst first.
pub(super) fn merge(
    reach: Vec<CheckFinding>,
    state: Vec<CheckFinding>,
    motion: Vec<CheckFinding>,
) -> Vec<CheckFinding> {
    let mut all: Vec<CheckFinding> = Vec::new();
    // What pairs show comes first: it knows whom it breaks. Counters come last: they support what is known already.
    for (rank, found) in [reach, state, motion].into_iter().enumerate() {
        for finding in found {
            let known = all.iter_mut().find(|k| same_cause(k, &finding, rank));
            match known {
                Some(known) => join(known, finding),
                None => all.push(finding),
            }
        }
    }
    all.sort_by_key(|f| (Reverse(f.severity), Reverse(f.pairs.as_ref().map_or(0, |p| p.broken))));
    all
}

/// Whether two findings tell of one cause: the same place; for counters of a whole namespace, the same fault there.
fn same_cause(known: &CheckFinding, other: &CheckFinding, rank: usize) -> bool {
    if known.id == other.id && same_place(&known.place, &other.place) {
        return true;
    }
    if known.id == "routing-loop" && other.id == "routing-loop" && destination(known) == destination(other) {
        return true;
    }
    // An address that a pod has, too, is a source that its owner takes for its own.
    let twice = |f: &CheckFinding| matches!(f.id.as_str(), "duplicate-address" | "martian-own-source");
    if twice(known) && twice(other) && same_place(&known.place, &other.place) {
        return true;
    }
    let same_fault = known.fault.is_some() && known.fault == other.fault;
    if same_fault && same_place(&known.place, &other.place) {
        return true;
    }
    const MOTION: usize = 2;
    let namespace = |f: &CheckFinding| f.place.get("namespace").cloned();
    rank == MOTION && same_fault && namespace(known) == namespace(other)
}

/// Destination of the route at a finding's place. A loop stands in the routes of all its routers.
fn destination(finding: &CheckFinding) -> Option<&str> {
    finding.place.get("route")?.as_str()?.split_whitespace().next()
}

/// Keys that tell how a place came to be known or how full it is, not which place it is.
const NOT_THE_PLACE: [&str; 3] = ["via", "value", "rule_pref"];

fn same_place(a: &Place, b: &Place) -> bool {
    let keys = |p: &Place| -> Vec<(String, Value)> {
        let held = p.iter().filter(|(k, v)| !NOT_THE_PLACE.contains(&k.as_str()) && !v.is_null());
        held.map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    keys(a) == keys(b)
}

/// Adds what another finding of the same cause knows.
fn join(known: &mut CheckFinding, mut other: CheckFinding) {
    // That the owner drops what comes from the address is what the second owner does to it: the address is the cause.
    if known.id == "martian-own-source" && other.id == "duplicate-address" {
        known.fault = other.fault.take();
        known.id = std::mem::take(&mut other.id);
        known.summary = std::mem::take(&mut other.summary);
        known.effect = std::mem::take(&mut other.effect);
    }
    // One kind has several numbers, and who looked at the state saw which: of one listener among others, say.
    if known.id == other.id && other.found_by == FoundBy::State && other.fault.is_some() {
        known.fault = other.fault.take();
    }
    known.severity = known.severity.max(other.severity);
    for e in other.evidence {
        if !known.evidence.iter().any(|k| k.what == e.what && k.seen == e.seen) {
            known.evidence.push(e);
        }
    }
    for name in other.affects {
        if !known.affects.contains(&name) {
            known.affects.push(name);
        }
    }
    if known.remedy.iter().all(|r| r.advice) && other.remedy.iter().any(|r| !r.advice) {
        known.remedy = other.remedy;
    }
    match (&mut known.pairs, other.pairs) {
        (Some(k), Some(o)) => k.broken += o.broken,
        (k @ None, o) => *k = o,
        (Some(_), None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::report::Severity;
    use crate::report::Layer;

    fn finding(fault: &str, id: &str, place: &[(&str, &str)], found_by: FoundBy) -> CheckFinding {
        CheckFinding {
            fault: Some(fault.to_owned()),
            id: id.to_owned(),
            severity: Severity::Warning,
            symptom: "times_out".to_owned(),
            place: place.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect(),
            layer: Layer::Socket,
            summary: String::new(),
            evidence: Vec::new(),
            effect: String::new(),
            affects: vec![id.to_owned()],
            remedy: Vec::new(),
            pairs: None,
            found_by,
            path: None,
        }
    }

    #[test]
    fn a_counter_supports_what_is_known_of_its_namespace() {
        let socket = [("namespace", "a"), ("socket", "tcp *:80")];
        let reach = finding("K01", "accept-queue-full", &socket, FoundBy::Reach);
        let motion = finding("K01", "accept-queue-overflows", &[("namespace", "a")], FoundBy::Motion);
        let elsewhere = finding("K01", "accept-queue-overflows", &[("namespace", "b")], FoundBy::Motion);
        let merged = merge(vec![reach], Vec::new(), vec![motion, elsewhere]);
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[0].affects.len(), 2);
    }

    #[test]
    fn who_looked_at_the_state_knows_which_of_several_faults_it_is() {
        let socket = [("namespace", "a"), ("socket", "tcp *:80")];
        let reach = finding("K01", "accept-queue-full", &socket, FoundBy::Reach);
        let state = finding("T10", "accept-queue-full", &socket, FoundBy::State);
        let merged = merge(vec![reach], vec![state], Vec::new());
        assert_eq!((merged.len(), merged[0].fault.as_deref()), (1, Some("T10")));
    }

    #[test]
    fn the_value_is_not_the_place() {
        let place = |value: &str| {
            [("namespace", "a"), ("sysctl", "x"), ("value", value)].map(|(k, v)| (k, v.to_owned()))
        };
        let as_refs = |p: &[(&'static str, String); 3]| -> Vec<(&'static str, String)> { p.to_vec() };
        let (a, b) = (as_refs(&place("1")), as_refs(&place("2")));
        let to = |p: &[(&'static str, String)]| {
            let pairs: Vec<(&str, &str)> = p.iter().map(|(k, v)| (*k, v.as_str())).collect();
            finding("R07", "rp", &pairs, FoundBy::State)
        };
        assert_eq!(merge(vec![to(&a)], vec![to(&b)], Vec::new()).len(), 1);
        let looped = |ns, route| {
            finding("R06", "routing-loop", &[("namespace", ns), ("route", route)], FoundBy::State)
        };
        let (here, there) =
            (looped("a", "10.9.0.1 via 10.0.0.2 dev x"), looped("b", "10.9.0.1 via 10.0.0.1 dev y"));
        assert_eq!(merge(vec![here.clone()], vec![there], Vec::new()).len(), 1, "one loop in two routers");
        let elsewhere = looped("b", "10.9.0.2 via 10.0.0.1 dev y");
        assert_eq!(merge(vec![here], vec![elsewhere], Vec::new()).len(), 2);
        let place = [("namespace", "a"), ("address", "10.0.0.1")];
        let source = finding("R08", "martian-own-source", &place, FoundBy::Reach);
        let address = finding("A01", "duplicate-address", &place, FoundBy::State);
        let merged = merge(vec![source], vec![address], Vec::new());
        assert_eq!((merged.len(), merged[0].fault.as_deref()), (1, Some("A01")));
        let other = finding("R07", "rp", &[("namespace", "a"), ("sysctl", "y")], FoundBy::State);
        assert_eq!(merge(vec![to(&a)], vec![other], Vec::new()).len(), 2);
    }
}
