//! What becomes of a new connection, in the same terms whoever says it, and how that is compared.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use super::case::{Expect, Verdict};
use super::odds;

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It comes to this endpoint.
    Dnat {
        /// Address and port that it comes to.
        endpoint: SocketAddr,
        /// With another source.
        masquerade: bool,
    },
    /// It goes where it was sent to, as it was.
    Pass,
    /// An ICMP error, port unreachable, comes back.
    Reject,
    /// Nothing comes of it.
    Drop,
    /// Something that no case asks for.
    Other(String),
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dnat { endpoint, masquerade: true } => write!(f, "dnat to {endpoint}, masqueraded"),
            Self::Dnat { endpoint, masquerade: false } => write!(f, "dnat to {endpoint}"),
            Self::Pass => f.write_str("pass"),
            Self::Reject => f.write_str("reject"),
            Self::Drop => f.write_str("drop"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// How often each fate comes, and what that is measured in.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// Shares of one, as far from even as this at most.
    Shares(BTreeMap<Fate, f64>, f64),
    /// Of so many packets.
    Draws(BTreeMap<Fate, u32>),
}

impl Expect {
    /// Whether the source is rewritten on the way to an endpoint.
    #[must_use]
    pub fn masquerades(&self, endpoint: &SocketAddr) -> bool {
        self.masquerade.or_else(|| self.masquerade_by_endpoint.get(endpoint).copied()).unwrap_or(false)
    }

    /// What may become of the packet, each as likely as the others.
    #[must_use]
    pub fn fates(&self) -> Vec<Fate> {
        match self.verdict {
            Verdict::Dnat => self
                .endpoints
                .iter()
                .map(|e| Fate::Dnat { endpoint: *e, masquerade: self.masquerades(e) })
                .collect(),
            Verdict::Drop => vec![Fate::Drop],
            Verdict::Reject => vec![Fate::Reject],
            Verdict::Pass | Verdict::Accept => vec![Fate::Pass],
        }
    }

    /// What of the things seen is not as it must be, a line each.
    #[must_use]
    pub fn differences(&self, seen: &Seen) -> Vec<String> {
        let wanted = self.fates();
        match seen {
            Seen::Shares(shares, bias) => against_shares(&wanted, shares, *bias),
            Seen::Draws(draws) => against_draws(&wanted, draws),
        }
    }
}

fn words(fates: &[Fate]) -> String {
    fates.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

#[allow(clippy::cast_precision_loss, reason = "a count of endpoints")]
fn against_shares(wanted: &[Fate], shares: &BTreeMap<Fate, f64>, bias: f64) -> Vec<String> {
    let even = 1.0 / wanted.len() as f64;
    let unwanted = shares.iter().filter(|(fate, _)| !wanted.contains(fate));
    let mut out: Vec<String> = unwanted
        .map(|(fate, share)| format!("{fate} (a share of {share:.6}), must be {}", words(wanted)))
        .collect();
    for fate in wanted {
        let share = shares.get(fate).copied().unwrap_or(0.0);
        // With the error of adding up what cannot be written in binary.
        if out.is_empty() && (share - even).abs() > bias + 1e-12 {
            out.push(format!("{fate} has a share of {share:.6}, must be {even:.6}"));
        }
    }
    out
}

fn against_draws(wanted: &[Fate], draws: &BTreeMap<Fate, u32>) -> Vec<String> {
    let total: u32 = draws.values().sum();
    let unwanted = draws.iter().filter(|(fate, _)| !wanted.contains(fate));
    let out: Vec<String> = unwanted
        .map(|(fate, count)| format!("{fate} ({count} of {total} packets), must be {}", words(wanted)))
        .collect();
    if !out.is_empty() {
        return out;
    }
    let counts: Vec<u32> = wanted.iter().map(|f| draws.get(f).copied().unwrap_or(0)).collect();
    match odds::uneven(&counts) {
        Some(p) => vec![format!("{counts:?} packets to {}: p = {p:.1e}", words(wanted))],
        None => Vec::new(),
    }
}
