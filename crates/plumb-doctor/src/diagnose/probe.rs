//! The real connection held against the walk: does it agree, and which counters rose?

use plumb_model::Snapshot;
use plumb_trace::session::{Errno, Outcome};
use serde_json::Value;

use crate::finding::Unit;
use crate::messages::{self, Lang};
use crate::place;
use crate::report::{Evidence, Place, ProbeReport, Report};

/// What the client of a real connection saw.
#[derive(Clone, Debug)]
pub struct ProbeSeen {
    /// Outcome as reports spell it.
    pub outcome: String,
    /// Error.
    pub errno: Option<String>,
    /// Seconds that it took.
    pub seconds: f64,
}

impl ProbeSeen {
    /// From what a client's socket said: whether it connected, else its errno.
    #[must_use]
    pub fn new(connects: bool, errno: Option<i32>, seconds: f64) -> Self {
        let known = errno.and_then(Errno::from_number);
        let outcome = match (connects, known) {
            (true, _) => Outcome::Connects,
            (false, Some(e)) => Outcome::of(e),
            (false, None) => Outcome::LocalError,
        };
        let name = |e: i32| known.map_or_else(|| format!("errno {e}"), |k| k.name().to_owned());
        Self { outcome: outcome.name().to_owned(), errno: errno.map(name), seconds }
    }
}

/// Adds a probe to a report: `after` was read when the connection had ended.
#[must_use]
pub fn with_probe(mut report: Report, before: &Snapshot, after: &Snapshot, seen: &ProbeSeen) -> Report {
    let possible = |o: &str| {
        report.outcome == o || report.paths.iter().any(|p| p.outcome == o) || report.outcome == "unknown"
    };
    report.probe = Some(ProbeReport {
        outcome: seen.outcome.clone(),
        agrees: possible(&seen.outcome),
        seconds: (seen.seconds * 1000.0).round() / 1000.0,
        errno: seen.errno.clone(),
    });
    for cause in &mut report.causes {
        let delta = counted(after, &cause.place).zip(counted(before, &cause.place)).map(|(a, b)| a - b);
        let packets = [Lang::En, Lang::Zh].map(|lang| messages::unit(lang, Unit::Packets));
        let counts = |e: &&mut Evidence| e.unit.as_deref().is_some_and(|u| packets.contains(&u));
        if let Some(e) = cause.evidence.first_mut().filter(counts) {
            e.delta = delta;
        }
    }
    report
}

/// Packets that the rule or policy of a place counted.
fn counted(s: &Snapshot, place: &Place) -> Option<i64> {
    let text = |k: &str| place.get(k).and_then(Value::as_str);
    let n = s.namespace_by_name(text("namespace")?)?;
    let (table, chain) = place::chain_of(n, place)?;
    let packets = match (text("rule")?, place.get("handle").and_then(Value::as_u64)) {
        ("policy", None) => chain.base.as_ref()?.counters?.0,
        (rule, handle) => {
            place::rule_of(n, table, chain, rule, handle)?.exprs.iter().find_map(|e| match e {
                plumb_nft::Expr::Counter { packets, .. } => Some(*packets),
                _ => None,
            })?
        }
    };
    i64::try_from(packets).ok()
}
