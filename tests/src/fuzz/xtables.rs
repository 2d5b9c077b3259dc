//! Rules of iptables, by either of its engines, and ipsets: as text in pieces.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::ruleset::SENTINEL_PORT;

/// A chain: a built-in one has a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Name.
    pub name: String,
    /// `ACCEPT` or `DROP`; empty for a chain of the user's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// What follows `-A CHAIN` of each rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// `ip` or `ip6`.
    pub family: String,
    /// Name.
    pub name: String,
    /// Chains.
    pub chains: Vec<Chain>,
}

/// All that iptables and ipset hold in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Xtables {
    /// By iptables-legacy, else by iptables-nft.
    pub legacy: bool,
    /// Lines of `ipset restore`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<String>,
    /// Tables.
    pub tables: Vec<Table>,
}

/// What every built-in chain opens with, as base chains of nftables do (see [`super::ruleset::opening`]). ICMP errors all
/// pass: iptables cannot look at the packet in them in a way that the walk knows.
#[must_use]
pub fn opening(family: &str) -> Vec<String> {
    let mut rules = vec![format!("-p udp -m udp --dport {SENTINEL_PORT} -j ACCEPT")];
    for flags in ["NONE", "RST", "ACK"] {
        rules.push(format!("-p tcp -m tcp --tcp-flags SYN,RST,ACK {flags} -j ACCEPT"));
    }
    let (protocol, option, types): (_, _, &[u8]) = match family {
        "ip6" => ("ipv6-icmp -m icmp6", "icmpv6", &[1, 2, 3, 4, 133, 134, 135, 136, 137, 143]),
        _ => ("icmp -m icmp", "icmp", &[3, 11, 12]),
    };
    rules.extend(types.iter().map(|t| format!("-p {protocol} --{option}-type {t} -j ACCEPT")));
    rules
}

impl Xtables {
    /// The program that loads a family's tables.
    #[must_use]
    pub fn program(&self, family: &str) -> String {
        let tool = if family == "ip6" { "ip6tables" } else { "iptables" };
        format!("{tool}-{}-restore", if self.legacy { "legacy" } else { "nft" })
    }

    /// The tables of a family as that program reads them; `None` where there are none.
    #[must_use]
    pub fn text(&self, family: &str) -> Option<String> {
        let mut out = String::new();
        for table in self.tables.iter().filter(|t| t.family == family) {
            let _ = writeln!(out, "*{}", table.name);
            for c in &table.chains {
                let policy = if c.policy.is_empty() { "-" } else { &c.policy };
                let _ = writeln!(out, ":{} {policy} [0:0]", c.name);
            }
            for c in &table.chains {
                let opening = if c.policy.is_empty() { Vec::new() } else { opening(family) };
                for rule in opening.iter().chain(&c.rules) {
                    let _ = writeln!(out, "-A {} {rule}", c.name);
                }
            }
            out.push_str("COMMIT\n");
        }
        (!out.is_empty()).then_some(out)
    }

    /// The same tables without rules.
    #[must_use]
    pub fn emptied(&self, family: &str) -> Option<String> {
        let mut out = String::new();
        for table in self.tables.iter().filter(|t| t.family == family) {
            let _ = writeln!(out, "*{}", table.name);
            for c in table.chains.iter().filter(|c| !c.policy.is_empty()) {
                let _ = writeln!(out, ":{} ACCEPT [0:0]", c.name);
            }
            out.push_str("COMMIT\n");
        }
        (!out.is_empty()).then_some(out)
    }

    /// Whether a rule puts connections into a zone.
    #[must_use]
    pub fn sets_zones(&self) -> bool {
        let mut rules = self.tables.iter().flat_map(|t| &t.chains).flat_map(|c| &c.rules);
        rules.any(|rule| rule.contains("-j CT --zone"))
    }

    /// How many rules there are, without those that chains open with.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.tables.iter().flat_map(|t| &t.chains).map(|c| c.rules.len()).sum()
    }
}
