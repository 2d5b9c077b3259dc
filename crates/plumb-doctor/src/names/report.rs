//! The look-up in a report.

use serde::{Deserialize, Serialize};

use crate::report::PathReport;

/// How the name that was asked for was resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ResolutionReport {
    /// The name, as asked.
    pub name: String,
    /// Files that say how: resolv.conf, hosts, nsswitch.conf.
    pub files: Vec<String>,
    /// Who knows the addresses: `hosts`, `myhostname`, `objects`, `probe`; null where nobody told.
    pub source: Option<String>,
    /// Its addresses, in the order in which a client tries them.
    pub addresses: Vec<String>,
    /// Names that are asked for in DNS, in order, until one is there.
    pub queries: Vec<String>,
    /// Name servers in the order of their lines; empty where none is needed.
    pub servers: Vec<ServerReport>,
    /// What getaddrinfo(3) returns where it fails always: `EAI_AGAIN`, `EAI_NONAME`, `EAI_NODATA`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Seconds that the client waits for servers that say nothing, at most.
    pub seconds: f64,
}

/// A name server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ServerReport {
    /// Its address.
    pub address: String,
    /// Whether it is among those that are asked.
    pub asked: bool,
    /// Outcome of a datagram to port 53 and its answer; null where it was not walked.
    pub udp: Option<String>,
    /// Outcome of a handshake with port 53, which long answers need.
    pub tcp: Option<String>,
    /// What it really answered (`--probe`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<HeardReport>,
    /// The ways that the datagram takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathReport>,
}

/// A real question to a name server, and what came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HeardReport {
    /// Name.
    pub query: String,
    /// `A`, `AAAA`
    #[serde(rename = "type")]
    pub kind: String,
    /// `udp`, `tcp`
    pub over: String,
    /// `NOERROR`, `NXDOMAIN`, `SERVFAIL` …, or the error of the socket: `ETIMEDOUT`, `ECONNREFUSED`.
    pub answer: String,
    /// The answer was cut off (TC).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Addresses in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Seconds until then.
    pub seconds: f64,
}
