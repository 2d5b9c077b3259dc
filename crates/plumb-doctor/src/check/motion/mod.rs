//! Two readings: counters are judged by what they did in between, not by how high they are.

mod conntrack;
mod devices;
mod host;
mod ip;
mod tcp;
#[cfg(test)]
mod tests;

use plumb_model::{Namespace, Snapshot};
use plumb_trace::Network;

use super::report::{CheckFinding, FoundBy};
use super::told::{self, Observation};
use super::yardstick::Yardstick;
use crate::messages::Lang;
use crate::place;
use crate::report::Place;

/// What a check looks at: one namespace, twice.
pub(crate) struct Moved<'a> {
    pub(crate) net: &'a Network<'a>,
    pub(crate) ns: usize,
    pub(crate) before: &'a Namespace,
    pub(crate) after: &'a Namespace,
}

impl Moved<'_> {
    /// By how much a counter of /proc/net/snmp, netstat or snmp6 rose; 0 where it is not there.
    pub(crate) fn rose(&self, group: &str, name: &str) -> i64 {
        let value = |n: &Namespace| n.counters.get(group).and_then(|g| g.get(name)).copied();
        match (value(self.before), value(self.after)) {
            (Some(before), Some(after)) => after.saturating_sub(before).max(0),
            _ => 0,
        }
    }

    /// The namespace, and the counter that rose there.
    pub(crate) fn counter(&self, name: &str) -> Place {
        let mut place = place::namespace(self.net, self.ns);
        place::set(&mut place, "counter", name);
        place
    }

    /// A sysctl of the namespace that sets the limit which was met.
    pub(crate) fn sysctl(&self, name: &str) -> Place {
        place::sysctl(self.net, self.ns, name, self.after.sysctls.text(name).unwrap_or_default())
    }

    /// A counter now.
    pub(crate) fn now(&self, group: &str, name: &str) -> i64 {
        self.after.counters.get(group).and_then(|g| g.get(name)).copied().unwrap_or(0)
    }
}

/// A check.
pub(crate) struct Check {
    /// The kinds of findings that it makes.
    pub(crate) kinds: &'static [&'static str],
    pub(crate) run: fn(&Moved<'_>) -> Vec<Observation>,
}

/// Every check.
pub(crate) const CHECKS: &[Check] = &[
    Check { kinds: &["accept-queue-overflows", "accept-queue-aborts"], run: tcp::accept_queue },
    Check { kinds: &["syn-queue-full", "syn-queue-cookies"], run: tcp::syn_queue },
    Check { kinds: &["time-wait-overflows"], run: tcp::time_wait },
    Check { kinds: &["tcp-memory"], run: tcp::memory },
    Check { kinds: &["zero-window"], run: tcp::zero_window },
    Check { kinds: &["syns-lost"], run: tcp::lost_syns },
    Check { kinds: &["retransmissions"], run: tcp::retransmissions },
    Check { kinds: &["udp-buffer-full"], run: ip::udp_buffers },
    Check { kinds: &["rp-filter-drops"], run: ip::reverse_path },
    Check { kinds: &["fragments-lost"], run: ip::fragments },
    Check { kinds: &["icmp-rate-limited"], run: ip::icmp_limit },
    Check { kinds: &["time-exceeded"], run: ip::time_exceeded },
    Check { kinds: &["frames-damaged", "ring-overflows"], run: devices::errors },
    Check { kinds: &["queue-drops"], run: devices::queues },
    Check { kinds: &["carrier-flaps"], run: devices::flapping },
    Check { kinds: &["conntrack-overflows"], run: conntrack::full },
    Check { kinds: &["conntrack-insert-failed"], run: conntrack::clash },
    Check { kinds: &["conntrack-chains-long"], run: conntrack::chains },
];

/// A check of what the kernel counts once for all namespaces.
pub(crate) struct HostCheck {
    /// The kinds of findings that it makes.
    pub(crate) kinds: &'static [&'static str],
    pub(crate) run: fn(&host::HostMoved<'_>) -> Vec<Observation>,
}

/// Every check of the host.
pub(crate) const HOST_CHECKS: &[HostCheck] = &[
    HostCheck { kinds: &["softnet-overflows"], run: host::softnet },
    HostCheck { kinds: &["neighbour-table-overflows", "neighbour-queue-overflows"], run: host::neighbours },
    HostCheck { kinds: &["cpu-stolen"], run: host::steal },
];

/// What motion found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) findings: Vec<CheckFinding>,
    pub(super) seconds: f64,
}

/// Compares two readings of one machine. A namespace that is in one of them only says nothing.
pub(super) fn findings(
    before: &Snapshot,
    after: &Snapshot,
    net: &Network,
    yardstick: &Yardstick,
    lang: Lang,
) -> Found {
    let seconds = after.taken_at.saturating_sub(before.taken_at) as f64;
    let mut findings = Vec::new();
    for (ns, n) in after.namespaces.iter().enumerate().filter(|(ns, _)| yardstick.looks_at(*ns)) {
        let Some(earlier) = before.namespace(n.id) else { continue };
        let moved = Moved { net, ns, before: earlier, after: n };
        for check in CHECKS {
            findings.extend((check.run)(&moved).into_iter().map(|o| told::finding(lang, o, FoundBy::Motion)));
        }
    }
    // The host's own counters are told of once, where they are looked at.
    let own = after.namespaces.iter().position(|n| n.own).filter(|ns| yardstick.looks_at(*ns));
    if let Some((ns, n)) = own.and_then(|ns| Some((ns, after.namespaces.get(ns)?)))
        && let Some(earlier) = before.namespace(n.id)
    {
        let own = Moved { net, ns, before: earlier, after: n };
        let moved = host::HostMoved { own, before: &before.host.statistics, after: &after.host.statistics };
        for check in HOST_CHECKS {
            findings.extend((check.run)(&moved).into_iter().map(|o| told::finding(lang, o, FoundBy::Motion)));
        }
    }
    Found { findings, seconds }
}
