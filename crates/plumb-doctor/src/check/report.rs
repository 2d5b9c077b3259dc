//! The answer of `check`, as it is printed with `-o json` (version 1).

use serde::{Deserialize, Serialize};

use crate::report::{Assumption, Evidence, Layer, PathReport, Place, Remedy, RuledOut, UnknownReport};

/// How bad it is. The order is that of `--severity`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A fact that may be meant.
    Info,
    /// It will break something, or breaks some of it.
    Warning,
    /// It breaks something now.
    Error,
}

/// What found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FoundBy {
    /// A pair that should connect was walked and does not.
    Reach,
    /// Something that the kernel holds is wrong in itself.
    State,
    /// Counters rose between two readings.
    Motion,
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Scope {
    /// Nodes, where any are known.
    pub nodes: Vec<String>,
    /// Network namespaces.
    pub namespaces: usize,
    /// Pairs of a source namespace, a destination address and a port that were answered for.
    pub pairs: u64,
    /// Of these, pairs that do not connect, or late.
    pub pairs_broken: u64,
    /// Of these, pairs whose answer an unknown or something that no snapshot covers leaves open.
    pub pairs_unknown: u64,
    /// Of these, pairs that NetworkPolicies forbid: that they do not connect is as it should be.
    #[serde(default)]
    pub pairs_forbidden: u64,
    /// Walks that answered for them.
    pub walks: u64,
    /// Where it is known from what should connect: `expect`, `objects`, `topology`, `model` (pods and nodes of the
    /// snapshot), `host` (nobody's intention is known).
    pub yardstick: Vec<String>,
    /// Seconds between the two readings of counters; null where there was one.
    pub interval_s: Option<f64>,
    /// What could not be looked at, and why.
    pub not_covered: Vec<String>,
}

/// How many pairs one cause breaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Pairs {
    /// So many.
    pub broken: u64,
    /// Of all that were asked.
    pub of: u64,
    /// The first of them: from, to, outcome.
    pub first: [String; 3],
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckFinding {
    /// Number in the catalogue of faults; null for a rule or route that only its place describes.
    pub fault: Option<String>,
    /// Stable slug of the kind; names the page under `docs/faults/`.
    pub id: String,
    /// How bad.
    pub severity: Severity,
    /// What people see: an outcome of `diagnose`, or `slow`, `reset`.
    pub symptom: String,
    /// Where.
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    pub place: Place,
    /// Part of the machine.
    pub layer: Layer,
    /// One sentence.
    pub summary: String,
    /// What supports it.
    pub evidence: Vec<Evidence>,
    /// What it does to traffic.
    pub effect: String,
    /// Pods, nodes, Services that it affects, by name; the first of many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affects: Vec<String>,
    /// Ways to mend it, the smallest first.
    pub remedy: Vec<Remedy>,
    /// The pairs that it breaks, where reach was asked.
    pub pairs: Option<Pairs>,
    /// What found it.
    pub found_by: FoundBy,
    /// The way of the first pair that it breaks, as far as it gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathReport>,
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckReport {
    /// Version of this document: 1.
    pub version: u32,
    /// What was looked at.
    pub scope: Scope,
    /// What is wrong, worst first.
    pub findings: Vec<CheckFinding>,
    /// What could decide and is not known.
    pub unknowns: Vec<UnknownReport>,
    /// What no snapshot covers.
    pub assumptions: Vec<Assumption>,
    /// What was looked at and is in order, in the order of looking.
    pub ruled_out: Vec<RuledOut>,
    /// Whether something that was needed could not be read, or an expectation's answer is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
}

impl CheckReport {
    /// Exit status: 0 nothing at or above the severity, 1 findings, 3 something needed could not be read (findings or
    /// not: whoever gets 1 may take the list for whole).
    #[must_use]
    pub fn exit_status(&self, severity: Severity) -> u8 {
        let found = self.findings.iter().any(|f| f.severity >= severity);
        match (self.incomplete, found) {
            (true, _) => 3,
            (false, true) => 1,
            (false, false) => 0,
        }
    }
}
