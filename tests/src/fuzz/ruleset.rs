//! A ruleset as text in pieces, so that a generator can make it and a shrinker take pieces away.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

/// A rule: its statements in order, each of which nft would take alone.
pub type Rule = Vec<String>;

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Name.
    pub name: String,
    /// `type filter hook input priority 0; policy accept;`; empty for a regular chain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base: String,
    /// Its rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// A named set or map: its name, and what stands between its braces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// `set` or `map`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Type, flags and elements.
    pub body: String,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// `ip`, `ip6`, `inet`.
    pub family: String,
    /// Name.
    pub name: String,
    /// Named sets and maps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<Set>,
    /// Chains, those that others lead to first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chains: Vec<Chain>,
}

/// All tables of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ruleset(pub Vec<Table>);

/// Port of the sentinels.
pub const SENTINEL_PORT: u16 = 9;
/// Every port that is dialled or translated to is below, every port that a client sends from is not.
pub const FIRST_CLIENT_PORT: u16 = 10_000;

/// What every base chain opens with: packets that the comparison is not about.
///
/// * The sentinel.
/// * TCP packets behind the handshake's first two, and what a refused reply is answered with: a walk is about the
///   first packet and its answer. (A RST in answer to a SYN bears an ACK.)
/// * ICMP errors about a reply, told from those about a request by the source port of the packet in them.
/// * Neighbour discovery and multicast listener reports.
#[must_use]
pub fn opening(family: &str) -> Vec<Rule> {
    let mut rules = vec![
        format!("udp dport {SENTINEL_PORT} counter accept"),
        "tcp flags & 0x16 == { 0x0, 0x4, 0x10 } counter accept".to_owned(),
    ];
    if family != "ip6" {
        // An echo request begins with type 8 and code 0, which read as a port are 2048.
        rules.push("icmp type { 3, 11, 12 } @th,224,16 < 2048 counter accept".to_owned());
        rules.push("icmp type { 3, 11, 12 } @th,224,16 2049-9999 counter accept".to_owned());
    }
    if family != "ip" {
        rules.push("icmpv6 type { 1, 2, 3, 4 } @th,384,16 < 10000 counter accept".to_owned());
        // An echo reply.
        rules.push("icmpv6 type { 1, 2, 3, 4 } @th,384,16 33024 counter accept".to_owned());
        rules.push("icmpv6 type { 130-137, 143 } counter accept".to_owned());
    }
    rules.into_iter().map(|r| vec![r]).collect()
}

/// How many rules every base chain of a family opens with.
#[must_use]
pub fn opening_len(family: &str) -> usize {
    opening(family).len()
}

impl fmt::Display for Ruleset {
    /// As `nft -f` reads it, with what base chains [open](opening) with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in &self.0 {
            writeln!(f, "table {} {} {{", table.family, table.name)?;
            // Named sets may lead to chains that come later: nft reads all of a file before it looks for names.
            for set in &table.sets {
                writeln!(f, "\t{} {} {{ {} }}", set.kind, set.name, set.body)?;
            }
            let opening = opening(&table.family);
            for chain in &table.chains {
                writeln!(f, "\tchain {} {{", chain.name)?;
                let mut first: &[Rule] = &[];
                if !chain.base.is_empty() {
                    writeln!(f, "\t\t{}", chain.base)?;
                    first = &opening;
                }
                for rule in first.iter().chain(&chain.rules) {
                    writeln!(f, "\t\t{}", rule.join(" "))?;
                }
                f.write_str("\t}\n")?;
            }
            f.write_char('}')?;
            f.write_char('\n')?;
        }
        Ok(())
    }
}

impl Ruleset {
    /// Whether a rule puts connections into a zone.
    #[must_use]
    pub fn sets_zones(&self) -> bool {
        let rules = self.0.iter().flat_map(|t| &t.chains).flat_map(|c| &c.rules);
        rules.flatten().any(|statement| statement.starts_with("ct zone set"))
    }

    /// Rules in all tables, without those that base chains open with.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.0.iter().flat_map(|t| &t.chains).map(|c| c.rules.len()).sum()
    }
}
