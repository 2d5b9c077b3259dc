//! The scenario format: what a file under `scenarios/` says. `scenarios/README.md` explains it to a writer.

use std::collections::BTreeMap;
use std::fmt;

use plumb_lab::Topology;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One scenario: a network, a fault (or a decoy), and what clients then see.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The file's name without `.yaml`; also the name of its tests.
    pub name: String,
    /// One line for a list of scenarios.
    pub title: String,
    /// What a reader learns from it: why it looks the way it does, and what it is easily taken for.
    pub teaches: String,
    /// Subjects, for search.
    #[serde(default)]
    pub tags: Vec<String>,
    /// A file under `scenarios/networks/` (without `.yaml`) that is built first.
    #[serde(default)]
    pub network: Option<String>,
    /// A lab that is brought up instead of namespaces built by shell: a topology as `plumb lab up` takes it. Each
    /// lab gets a name of its own.
    #[serde(default)]
    #[schemars(schema_with = "plumb_lab::topology::subschema")]
    pub topology: Option<serde_json::Value>,
    /// The same, checked; [`library`](crate::library) fills it in.
    #[serde(skip)]
    pub lab: Option<Topology>,
    /// Further namespaces. Each is made by the runner, with a name of its own for every run.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Shell commands that complete the working network. A namespace's real name is the variable of its name; of a
    /// lab's, `$node_1`, `$default_web_0`, `$outside`, `$underlay`.
    #[serde(default)]
    pub build: String,
    /// Listeners while all is well; in a lab, besides those of its pods.
    #[serde(default)]
    pub servers: Vec<Server>,
    /// Faults of the lab's catalogue, made in this order and before those by shell.
    #[serde(default, rename = "break")]
    pub breaks: Vec<Break>,
    /// Shell commands that break it (or that look as if they did).
    #[serde(default)]
    pub fault: String,
    /// Listeners in the fault state, where they differ from `servers`.
    #[serde(default)]
    pub servers_fault: Option<Vec<Server>>,
    /// The flows that are asked about; each is a test.
    pub flows: Vec<Flow>,
    /// What looks like a cause and is none; for readers. `plumb` must name nothing of it.
    #[serde(default)]
    pub decoys: Vec<String>,
}

/// A fault of the catalogue (`plumb lab faults`), as `plumb lab break ID TARGET` makes it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Break {
    /// Its number.
    pub id: String,
    /// Where: `pod:NAMESPACE/NAME` or `svc:NAME`; the first that fits where not given.
    #[serde(default)]
    pub target: Option<String>,
}

/// A network that several scenarios start from.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The file's name without `.yaml`.
    pub name: String,
    /// One line, and a picture where it helps.
    pub title: String,
    /// Namespaces it consists of.
    pub namespaces: Vec<String>,
    /// Shell commands that build it.
    pub build: String,
}

impl Scenario {
    /// A network without a fault.
    #[must_use]
    pub fn of_network(network: &Network) -> Self {
        Self {
            name: network.name.clone(),
            title: network.title.clone(),
            teaches: String::new(),
            tags: Vec::new(),
            network: Some(network.name.clone()),
            topology: None,
            lab: None,
            namespaces: Vec::new(),
            build: String::new(),
            servers: Vec::new(),
            breaks: Vec::new(),
            fault: String::new(),
            servers_fault: None,
            flows: Vec::new(),
            decoys: Vec::new(),
        }
    }
}

/// A process that listens.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where it runs.
    pub namespace: String,
    /// tcp or udp.
    #[serde(default)]
    pub protocol: Protocol,
    /// The local address it binds (`0.0.0.0`, `::`, or one address).
    #[serde(default = "any_v4")]
    pub bind: String,
    /// The local port.
    pub port: u16,
    /// `IPV6_V6ONLY` of an IPv6 socket.
    #[serde(default)]
    pub v6only: bool,
    /// `IP_TRANSPARENT`: it may bind an address that is not its machine's, and takes what `TPROXY` hands to it.
    #[serde(default)]
    pub transparent: bool,
    /// Length asked for in `listen()`.
    #[serde(default = "backlog")]
    pub backlog: i32,
    /// Whether it takes connections out of its queue.
    #[serde(default = "yes")]
    pub accepts: bool,
    /// What it calls itself towards clients; its namespace where not given.
    #[serde(default)]
    pub id: Option<String>,
}

fn any_v4() -> String {
    "0.0.0.0".into()
}

fn backlog() -> i32 {
    128
}

fn yes() -> bool {
    true
}

/// Transport of a flow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A handshake.
    #[default]
    Tcp,
    /// One datagram of 16 bytes each way.
    Udp,
    /// An echo request and its reply.
    Icmp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        })
    }
}

/// A payload (`--bytes UP:DOWN`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bytes {
    /// From the client, in one piece; the first 12 of them tell the server how much it is to send.
    pub up: u32,
    /// From the server, once it has received all of that.
    pub down: u32,
}

/// A question, its true answer, and what is to blame.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Tells several flows of one scenario apart.
    #[serde(default)]
    pub name: Option<String>,
    /// The namespace that the client runs in; in a lab `pod:NAMESPACE/NAME`, `node:NAME` or `outside`.
    pub from: String,
    /// As a client would dial it: `10.20.2.2:8080`, `[fd20:2::2]:8080`, or an address alone for an echo. In a
    /// lab also a name: `pod:NAMESPACE/NAME:PORT`, `node:NAME:PORT`, `outside`; its first address is taken.
    pub to: String,
    /// tcp, udp or icmp.
    #[serde(default)]
    pub protocol: Protocol,
    /// The port the client binds.
    #[serde(default)]
    pub source_port: Option<u16>,
    /// The user the client runs as.
    #[serde(default)]
    pub uid: Option<u32>,
    /// Payload that the client sends after the handshake, and then receives; of a datagram or an echo its size.
    #[serde(default)]
    pub bytes: Option<Bytes>,
    /// What the client sees before the fault.
    #[serde(default = "connects")]
    pub control: Outcome,
    /// What the client sees with the fault.
    pub outcome: Outcome,
    /// Where it fails; null with `connects`.
    #[serde(default)]
    pub stage: Option<Stage>,
    /// Symbolic errno (`ECONNREFUSED`); null with `connects`.
    #[serde(default)]
    pub errno: Option<String>,
    /// Share of attempts that connect, where that is neither 0 nor 1.
    #[serde(default)]
    pub success: Option<f64>,
    /// Seconds the real client waits for a handshake. The contract's client waits 10; where silence is the
    /// expected answer 3.5 s show it (longer than a failing neighbour needs, and than three retransmissions).
    #[serde(default)]
    pub patience: Option<f64>,
    /// Attempts that the real client makes; more than one only where the kernel chooses.
    #[serde(default)]
    pub attempts: Option<u32>,
    /// Connections that are asked about together (`--connections`): the real client makes them one straight after the
    /// other and keeps them open. Exactly `success` of them connect.
    #[serde(default)]
    pub connections: Option<u32>,
    /// The answer takes at least this many seconds (a neighbour that fails takes three).
    #[serde(default)]
    pub at_least: Option<f64>,
    /// The `id` of the server that answers.
    #[serde(default)]
    pub answered_by: Option<String>,
    /// What is to blame, in the order of the walk; with `connects` only what delays it by a second or more.
    #[serde(default)]
    pub causes: Vec<Cause>,
}

fn connects() -> Outcome {
    Outcome::Connects
}

impl Flow {
    /// Seconds the real client waits for a handshake.
    pub fn patience(&self) -> f64 {
        self.patience.unwrap_or(if self.outcome == Outcome::TimesOut { 3.5 } else { 10.0 })
    }

    /// Share of attempts that connect.
    pub fn success(&self) -> f64 {
        self.success.unwrap_or(if self.outcome == Outcome::Connects { 1.0 } else { 0.0 })
    }
}

/// A cause, by the words of the report.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Layer of the place; a list where the report's rules leave more than one open.
    pub layer: OneOrMany,
    /// What the answer's place must contain. `namespace` is a name of this scenario, as in `from`.
    pub place: BTreeMap<String, PlaceValue>,
    /// Share of all attempts that this cause alone would break.
    #[serde(default = "whole")]
    pub share: f64,
    /// Shell commands that cure it.
    #[serde(default)]
    pub heal: String,
    /// It is cured by starting `servers` instead of `servers_fault`.
    #[serde(default)]
    pub heal_servers: bool,
    /// It is cured by undoing the fault of the catalogue with this number.
    #[serde(default)]
    pub heal_fault: Option<String>,
    /// What the client sees when every other cause is cured; only with several causes.
    #[serde(default)]
    pub alone: Option<Outcome>,
}

fn whole() -> f64 {
    1.0
}

/// One word, or several of which any will do.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// Exactly this.
    One(String),
    /// Any of these.
    Many(Vec<String>),
}

impl OneOrMany {
    /// Whether `word` is (one of) it.
    pub fn has(&self, word: &str) -> bool {
        match self {
            Self::One(w) => w == word,
            Self::Many(all) => all.iter().any(|w| w == word),
        }
    }
}

/// What one key of a place must be.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum PlaceValue {
    /// Exactly this number.
    Number(i64),
    /// Exactly this text.
    Text(String),
    /// Anything with these words in it.
    Contains {
        /// The words, each of which must occur.
        contains: Vec<String>,
    },
    /// Null, or left out.
    Nothing,
}

/// What the client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The answer is back.
    Connects,
    /// ECONNREFUSED.
    Refused,
    /// EHOSTUNREACH, ENETUNREACH.
    Unreachable,
    /// ECONNRESET, EPIPE, or the end of the stream too early.
    Reset,
    /// Any other errno.
    LocalError,
    /// Silence.
    TimesOut,
    /// Some attempts connect, others do not.
    Intermittent,
    /// Something that cannot be modelled leaves it open.
    Unknown,
}

impl Outcome {
    /// The word of the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connects => "connects",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::LocalError => "local_error",
            Self::TimesOut => "times_out",
            Self::Intermittent => "intermittent",
            Self::Unknown => "unknown",
        }
    }
}

/// Where a failing attempt fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Until `connect()` has returned; for datagrams, until the first has left the sender's kernel.
    Connect,
    /// After it.
    Data,
}

impl Stage {
    /// The word of the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Data => "data",
        }
    }
}
