//! A case: rulesets in some of the namespaces, and flows through them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::ruleset::Ruleset;
use super::xtables::Xtables;

/// One of the three namespaces: client – router – server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// 10.77.1.2, fd77:1::2
    Client,
    /// 10.77.1.1 and 10.77.2.1, fd77:1::1 and fd77:2::1
    Router,
    /// 10.77.2.2 and .3, fd77:2::2 and ::3
    Server,
}

impl Place {
    /// All, in the order of their index.
    pub const ALL: [Self; 3] = [Self::Client, Self::Router, Self::Server];

    /// Place in [`Self::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// As reports name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Router => "router",
            Self::Server => "server",
        }
    }
}

/// Protocols of flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "their own names")]
pub enum Transport {
    Tcp,
    Udp,
    Icmp,
}

/// A flow: a connected socket that sends one packet after the other, each after what came of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Who dials.
    pub from: Place,
    /// Protocol.
    pub transport: Transport,
    /// Address dialled.
    pub to: IpAddr,
    /// Port dialled; of no meaning for an echo.
    pub port: u16,
    /// Port that the client binds (for an echo its identifier).
    pub source_port: u16,
    /// How many packets; 1 for TCP.
    pub packets: usize,
}

/// What is loaded and what is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// What it was made from.
    pub seed: u64,
    /// Rulesets by namespace; an absent one is empty.
    pub rulesets: Vec<(Place, Ruleset)>,
    /// What iptables and ipset hold, by namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub xtables: Vec<(Place, Xtables)>,
    /// Flows, one after the other.
    pub flows: Vec<Flow>,
}

impl Case {
    /// Rules in all rulesets.
    #[must_use]
    pub fn rules(&self) -> usize {
        let xtables = self.xtables.iter().map(|(_, x)| x.rules()).sum::<usize>();
        self.rulesets.iter().map(|(_, r)| r.rules()).sum::<usize>() + xtables
    }

    /// Whether tables of iptables-legacy are made.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        self.xtables.iter().any(|(_, x)| x.legacy)
    }

    /// Whether a rule of iptables counts connections.
    #[must_use]
    pub fn counts_connections(&self) -> bool {
        let tables = self.xtables.iter().flat_map(|(_, x)| &x.tables);
        tables.flat_map(|t| &t.chains).flat_map(|c| &c.rules).any(|rule| rule.contains("-m connlimit"))
    }

    /// Whether a rule puts connections into a zone.
    #[must_use]
    pub fn sets_zones(&self) -> bool {
        self.rulesets.iter().any(|(_, r)| r.sets_zones()) || self.xtables.iter().any(|(_, x)| x.sets_zones())
    }

    /// The ipsets of a place, as `ipset restore` reads them.
    #[must_use]
    pub fn ipsets(&self, place: Place) -> String {
        let lines = self.xtables.iter().filter(|(p, _)| *p == place).flat_map(|(_, x)| &x.sets);
        lines.map(|line| format!("{line}\n")).collect()
    }

    /// The namespaces that hold something.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let all = self.rulesets.iter().map(|(p, _)| *p).chain(self.xtables.iter().map(|(p, _)| *p));
        let mut all: Vec<Place> = all.collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
