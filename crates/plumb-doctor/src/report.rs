//! The answer of `diagnose`, as it is printed with `-o json` (version 1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Part of the machine or cluster that a cause belongs to; follows its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the field's own")]
pub enum Layer {
    Link,
    Neighbour,
    Bridge,
    Addressing,
    Routing,
    Netfilter,
    ServiceNat,
    Conntrack,
    Overlay,
    Socket,
    Sysctl,
    Tc,
    Dns,
    Policy,
    Object,
}

/// A place: keys with text, numbers or null. `namespace` is always there.
pub type Place = BTreeMap<String, serde_json::Value>;

/// The flow that was asked about, as far as it was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FlowReport {
    /// As asked: `netns:client`.
    pub from: String,
    /// Source address that the kernel chooses.
    pub source: Option<String>,
    /// Address that was dialled.
    pub destination: String,
    /// Port; null for an echo.
    pub port: Option<u16>,
    /// `tcp`, `udp`, `icmp`
    pub protocol: String,
    /// Payload, where it was asked about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<BytesReport>,
}

/// A payload, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BytesReport {
    /// From client to server.
    pub up: u32,
    /// From server to client.
    pub down: u32,
}

/// Something seen that supports a cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Evidence {
    /// What was looked at.
    pub what: String,
    /// What was seen there.
    pub seen: serde_json::Value,
    /// What would be right, where that is known.
    pub right: serde_json::Value,
    /// By how much it rose while the probe sent its packets.
    pub delta: Option<i64>,
    /// Unit of a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Command that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_with: Option<String>,
}

/// A way to mend a cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Remedy {
    /// The command; several joined by ` && `. For advice: a sentence.
    pub command: String,
    /// Outcome in the model with this and all earlier first remedies applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tried_in_model: Option<String>,
    /// Whether a lab ran a remedy of this kind for such a cause for real, and the symptom was gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tried_in_lab: bool,
    /// It was not tried, or cannot be: advice only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub advice: bool,
}

impl Remedy {
    /// A command that nobody tried yet.
    #[must_use]
    pub fn of(command: String) -> Self {
        Self { command, tried_in_model: None, tried_in_lab: false, advice: false }
    }
}

/// One cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cause {
    /// Stable slug of the kind of fault.
    pub id: String,
    /// Share of all attempts that this cause alone breaks.
    pub share: f64,
    /// Layer.
    pub layer: Layer,
    /// Where.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub place: Place,
    /// One sentence.
    pub summary: String,
    /// What supports it.
    pub evidence: Vec<Evidence>,
    /// What it does to traffic.
    pub effect: String,
    /// Ways to mend it, the smallest first.
    pub remedy: Vec<Remedy>,
    /// Mean delay of the attempts that it delays and that still connect, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_s: Option<f64>,
}

/// Something that the walk does not know and that could decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UnknownReport {
    /// Where.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub place: Place,
    /// What it is.
    pub reason: String,
    /// Outcome if it lets the packet pass.
    pub if_passes: String,
}

/// Something that no snapshot covers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Assumption {
    /// What is assumed.
    pub what: String,
    /// Why it is not known.
    pub why: String,
    /// How it could be proved.
    pub prove_with: String,
}

/// The real connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProbeReport {
    /// What the client saw.
    pub outcome: String,
    /// Whether that is what the walk says can happen.
    pub agrees: bool,
    /// Seconds that it took.
    pub seconds: f64,
    /// Error that the client got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno: Option<String>,
}

/// Something that an engineer would have looked at next and need not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RuledOut {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// A step on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Hop {
    /// Namespace.
    pub namespace: String,
    /// `request`, `reply`, `error`; of a payload `payload` (from the client), `answer`, `acknowledgement`
    pub packet: String,
    /// Kind of step: `route`, `rule`, `neighbour`, `device`, `bridge`, `nat`, `socket`, `verdict` …
    pub step: String,
    /// What was looked up, what was found.
    pub text: String,
    /// Where it stands, for steps that have a place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub place: Place,
}

/// A branch of the walk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PathReport {
    /// Share of the attempts.
    pub share: f64,
    /// How it ends.
    pub outcome: String,
    /// Steps.
    pub hops: Vec<Hop>,
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Report {
    /// Version of this document: 1.
    pub version: u32,
    /// The flow.
    pub flow: FlowReport,
    /// How its destination was looked up, where a name was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<crate::names::report::ResolutionReport>,
    /// What the client sees.
    pub outcome: String,
    /// Where a failing attempt fails.
    pub stage: Option<String>,
    /// Share of attempts that connect.
    pub success: f64,
    /// The error that the client gets.
    pub errno: Option<String>,
    /// Why.
    pub causes: Vec<Cause>,
    /// What could decide and is not known.
    pub unknowns: Vec<UnknownReport>,
    /// What no snapshot covers.
    pub assumptions: Vec<Assumption>,
    /// The real connection, where it was asked for.
    pub probe: Option<ProbeReport>,
    /// What need not be looked at.
    pub ruled_out: Vec<RuledOut>,
    /// The ways that the flow takes.
    pub paths: Vec<PathReport>,
}

impl Report {
    /// Exit status: 0 connects, 1 it does not or not always, 3 could not tell.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self.outcome.as_str() {
            "connects" => 0,
            "unknown" => 3,
            _ => 1,
        }
    }
}
