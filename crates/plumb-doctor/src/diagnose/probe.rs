//! The real connection held against the walk: does it agree, and which counters rose?

use plumb_model::Snapshot;
use plumb_trace::session::{Errno, Outcome};
use serde_json::Value;

use crate::finding::Unit;
use crate::messages::{self, Lang};
use crate::report::{Evidence, ProbeReport, Report};

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
        let text = |k: &str| cause.place.get(k).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = (text("namespace"), text("family"), text("table"), text("chain"));
        let handle = cause.place.get("handle").and_then(Value::as_u64);
        let delta = counted(after, &key, handle).zip(counted(before, &key, handle)).map(|(a, b)| a - b);
        let packets = [Lang::En, Lang::Zh].map(|lang| messages::unit(lang, Unit::Packets));
        let counts = |e: &&mut Evidence| e.unit.as_deref().is_some_and(|u| packets.contains(&u));
        if let Some(e) = cause.evidence.first_mut().filter(counts) {
            e.delta = delta;
        }
    }
    report
}

/// Packets that a rule (or, without handle, a policy) counted.
fn counted(s: &Snapshot, key: &(String, String, String, String), handle: Option<u64>) -> Option<i64> {
    let (namespace, family, table, chain) = key;
    let rules = s.namespace_by_name(namespace)?.nft.value()?;
    let table = rules.tables.iter().find(|t| t.name == *table && t.family.word() == Some(family))?;
    let chain = table.chain(chain)?;
    let packets = match handle {
        Some(h) => chain.rule(h)?.exprs.iter().find_map(|e| match e {
            plumb_nft::Expr::Counter { packets, .. } => Some(*packets),
            _ => None,
        })?,
        None => chain.base.as_ref()?.counters?.0,
    };
    i64::try_from(packets).ok()
}
