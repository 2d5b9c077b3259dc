//! The explanation as data. Sentences are not in it: a [`Meaning`] is an id and what belongs into its sentence.

use std::fmt;

use plumb_api::address::IpFamily;
use plumb_intent::{Hint, Why};
use serde::{Serialize, Serializer};

use super::meaning::Meaning;

/// What implements a Service on a node, field of the manifest by field.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `namespace/name`.
    pub service: String,
    /// Name of the node.
    pub node: String,
    /// Whether the kernel holds what the objects say.
    pub verdict: Verdict,
    /// The table of each family, as far as all Services share it.
    pub tables: Vec<TableState>,
    /// Fields, in the order of a manifest.
    pub fields: Vec<Field>,
    /// The endpoints that slices tell, for each port and family.
    pub endpoints: Vec<PortState>,
    /// What is still there for addresses and ports that the Service no longer has.
    pub left_over: Vec<FrontendState>,
}

/// Whether the kernel holds what the objects say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Verdict {
    /// All of it, and nothing else.
    InForce,
    /// A proxy has nothing to do for this Service, and the kernel holds nothing of it.
    NothingToDo,
    /// Not so.
    NotInForce {
        /// How much is not there.
        missing: usize,
        /// How much is there that should not be.
        stale: usize,
    },
}

/// What all Services share in a family.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableState {
    /// Family.
    pub family: IpFamily,
    /// `ip plumb`.
    pub table: String,
    /// It is there.
    pub found: bool,
    /// How the rules there tell pods from others.
    pub detector: Detector,
    /// Chains, rules and sets that are not there or not as they were written.
    pub missing: Vec<Item>,
    /// Chains and sets that nobody wrote; cluster IPs and endpoints that may reach themselves of no Service.
    pub stale: Vec<Item>,
}

/// How the rules tell pods from others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "by", content = "value")]
pub enum Detector {
    /// They cannot.
    #[default]
    Nothing,
    /// By ranges of addresses.
    Ranges(Vec<String>),
    /// By the bridge that they are behind.
    Bridge(String),
    /// By the beginning of their devices' names.
    Prefix(String),
}

/// A field of the Service.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// `spec.ports[0].nodePort`
    pub path: String,
    /// Its value, on one line.
    pub value: String,
    /// What it does, or why it does nothing here.
    pub meaning: Vec<Meaning>,
    /// What the kernel holds because of it, frontends aside.
    pub held: Vec<Held>,
    /// What packets are addressed to because of it.
    pub frontends: Vec<FrontendState>,
    /// What should be held and is not.
    pub missing: Vec<Item>,
    /// What is held and should not be.
    pub stale: Vec<Item>,
}

impl Field {
    /// Without anything in the kernel.
    pub(crate) fn new(path: impl Into<String>, value: impl fmt::Display, meaning: Vec<Meaning>) -> Self {
        Self {
            path: path.into(),
            value: value.to_string(),
            meaning,
            held: Vec::new(),
            frontends: Vec::new(),
            missing: Vec::new(),
            stale: Vec::new(),
        }
    }
}

/// An element of a set, or a set of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Set or map.
    pub set: String,
    /// The element as `nft` prints it, its comment left out; `nft get element` takes it.
    pub element: String,
    /// Where rules look the set up, and where that leads.
    pub leads: Vec<Lead>,
}

/// A rule that looks up a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lead {
    /// Chain of the rule.
    pub chain: String,
    /// Chain that it leads to, else what it does: `drop`, `reject`, `dnat`, `masquerade`, `mark`.
    pub to: String,
    /// What is *not* in the set goes there.
    pub unless: bool,
}

/// Something of the table that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Item {
    /// The whole table.
    Table {
        /// `ip plumb`.
        name: String,
    },
    /// The table was made by somebody else.
    OtherTable {
        /// Its name.
        name: String,
    },
    /// A chain.
    Chain {
        /// Its name.
        name: String,
    },
    /// A chain whose rules or hook are others.
    OtherChain {
        /// Its name.
        name: String,
    },
    /// A set or map.
    Set {
        /// Its name.
        name: String,
    },
    /// A set of another type.
    OtherSet {
        /// Its name.
        name: String,
    },
    /// A frontend that another Service has.
    Claimed {
        /// Address, protocol and port.
        frontend: String,
        /// Who has it.
        owner: String,
    },
    /// An element.
    Element {
        /// Set or map.
        set: String,
        /// The element as `nft` prints it.
        element: String,
    },
}

/// What packets are addressed to, and what the kernel does with them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendState {
    /// `10.96.0.10:80 TCP`
    pub frontend: String,
    /// Family.
    pub family: IpFamily,
    /// Name of the port; empty where it has none.
    pub port: String,
    /// What senders get, list of endpoints by list.
    pub lists: Vec<List>,
    /// What senders get that may not use any of them.
    pub refusal: Option<Refused>,
    /// Elements of sets and maps.
    pub held: Vec<Held>,
    /// Elements that should be held.
    pub missing: Vec<Item>,
    /// Elements that should not.
    pub stale: Vec<Item>,
}

/// What packets get for which there is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// `reject` or `drop`.
    pub with: String,
    /// Who gets it.
    pub senders: Senders,
    /// Chains on the kernel's hooks that the way begins at.
    pub hooks: Vec<String>,
    /// Chains from there on, one after the other.
    pub way: Vec<String>,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Senders {
    /// Anybody.
    Any,
    /// Pods, as the rules tell them, and the node itself.
    PodsAndNode,
    /// The node itself: the rules cannot tell pods.
    Node,
    /// Anybody else.
    Outside,
}

/// A list of endpoints as the kernel draws from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct List {
    /// Who gets it.
    pub senders: Senders,
    /// Chains on the kernel's hooks that the way begins at; none where nothing leads here.
    pub hooks: Vec<String>,
    /// Chains from there on, one after the other.
    pub way: Vec<String>,
    /// Slots that are drawn from; `None` where clients come back to their endpoint.
    pub slots: Option<u32>,
    /// Endpoints that the kernel holds.
    pub endpoints: Vec<EndpointState>,
    /// What the draws leave over, where slots are empty.
    pub rest: Option<Rest>,
}

/// An endpoint that the kernel holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointState {
    /// `10.244.1.2:8080`
    pub address: String,
    /// It is on this node; `None` where no slice tells it.
    pub local: Option<bool>,
    /// Share of new connections; where there is a rest, of those that it leaves.
    pub share: Share,
    /// Slots that it is in.
    pub slots: Vec<u32>,
    /// Clients that the kernel remembers for it.
    pub clients: Option<usize>,
}

/// An exact fraction in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Above the line.
    pub numerator: u64,
    /// Below it.
    pub denominator: u64,
}

impl Share {
    /// Nothing.
    pub const NONE: Self = Self { numerator: 0, denominator: 1 };
    /// Everything.
    pub const ALL: Self = Self { numerator: 1, denominator: 1 };

    /// In lowest terms; nothing where `denominator` is 0.
    #[must_use]
    pub fn new(numerator: u64, denominator: u64) -> Self {
        if denominator == 0 {
            return Self::NONE;
        }
        let (mut a, mut b) = (numerator, denominator);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let divisor = a.max(1);
        Self { numerator: numerator / divisor, denominator: denominator / divisor }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            d => write!(f, "{}/{d}", self.numerator),
        }
    }
}

/// Draws that all hit empty slots: the share `(empty / slots) ^ draws`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rest {
    /// Slots without an endpoint.
    pub empty: u32,
    /// All slots.
    pub slots: u32,
    /// How often is drawn.
    pub draws: u32,
    /// The fraction as a decimal number.
    pub share: f64,
    /// Who gets it: the endpoint in slot 0. `None`: nobody, such packets are not translated.
    pub to: Option<String>,
}

/// The endpoints of a port as slices tell them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PortState {
    /// Name of the port; empty where it has none.
    pub port: String,
    /// `TCP`
    pub protocol: String,
    /// Family.
    pub family: IpFamily,
    /// How many are ready.
    pub ready: usize,
    /// How many answer.
    pub serving: usize,
    /// How many are about to end.
    pub terminating: usize,
    /// Hints that are followed.
    #[serde(serialize_with = "hint")]
    pub hints: Hint,
    /// Endpoints.
    pub endpoints: Vec<Told>,
    /// Those of this node that may reach themselves by way of the Service, in the kernel.
    pub held: Vec<Held>,
    /// Of those, what is not there.
    pub missing: Vec<Item>,
}

fn hint<S: Serializer>(hint: &Hint, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(match hint {
        Hint::Node => "nodes",
        Hint::Zone => "zones",
        Hint::Ignored => "none",
    })
}

/// An endpoint as slices tell it, and what this node makes of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// `10.244.1.2:8080`
    pub address: String,
    /// Node that it runs on.
    pub node: Option<String>,
    /// It is this node.
    pub local: bool,
    /// New connections are welcome.
    pub ready: bool,
    /// It answers.
    pub serving: bool,
    /// It is about to end.
    pub terminating: bool,
    /// Zones and nodes that its hints name.
    pub hints: Vec<String>,
    /// Used or not, for traffic that may go to any node.
    #[serde(serialize_with = "why")]
    pub cluster: Why,
    /// Used or not, for traffic that must stay on this node.
    #[serde(serialize_with = "why")]
    pub local_only: Why,
}

fn why<S: Serializer>(why: &Why, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(why)
}
