//! Counters of connection tracking (`struct ip_conntrack_stat`, `nf_conntrack_netlink.c`).

use plumb_model::ConntrackStats;

use super::Moved;
use crate::check::told::{Observation, Seen};

impl Moved<'_> {
    /// The statistics before and now.
    fn conntrack(&self) -> Option<(&ConntrackStats, &ConntrackStats)> {
        Some((
            self.before.statistics.conntrack.as_ref()?.value()?,
            self.after.statistics.conntrack.as_ref()?.value()?,
        ))
    }

    fn counted(&self, what: &'static str, before: u64, now: u64) -> Seen {
        let rose = i64::try_from(now.saturating_sub(before)).unwrap_or(i64::MAX);
        Seen::new(what, now, serde_json::Value::Null, self.after.command("conntrack -S"))
            .unit("packets")
            .rose(rose)
    }
}

/// C01: new connections were dropped, or old ones thrown out early, since the table was full (`__nf_conntrack_alloc`).
pub(super) fn full(m: &Moved<'_>) -> Vec<Observation> {
    let Some((before, now)) = m.conntrack() else { return Vec::new() };
    if now.drop <= before.drop && now.early_drop <= before.early_drop {
        return Vec::new();
    }
    vec![
        Observation::new("conntrack-overflows", m.sysctl("net.netfilter.nf_conntrack_max"))
            .seen(m.counted("conntrack-drop", before.drop, now.drop))
            .seen(m.counted("conntrack-early-drop", before.early_drop, now.early_drop)),
    ]
}

/// C02: two packets of one flow raced to make its entry and one of them was lost. DNS clients that ask for A and AAAA at once
/// wait five seconds then.
pub(super) fn clash(m: &Moved<'_>) -> Vec<Observation> {
    let Some((before, now)) = m.conntrack() else { return Vec::new() };
    if now.insert_failed <= before.insert_failed {
        return Vec::new();
    }
    vec![
        Observation::new("conntrack-insert-failed", m.counter("insert_failed"))
            .with("count", (now.insert_failed - before.insert_failed).to_string())
            .seen(m.counted("conntrack-insert-failed", before.insert_failed, now.insert_failed))
            .seen(m.counted("conntrack-clash-resolve", before.clash_resolve, now.clash_resolve)),
    ]
}

/// C10: chains of the hash table grew too long for new entries (`nf_conntrack_core.c`, `MAX_CHAINLEN`).
pub(super) fn chains(m: &Moved<'_>) -> Vec<Observation> {
    let Some((before, now)) = m.conntrack() else { return Vec::new() };
    if now.chain_toolong <= before.chain_toolong {
        return Vec::new();
    }
    vec![
        Observation::new("conntrack-chains-long", m.sysctl("net.netfilter.nf_conntrack_buckets"))
            .seen(m.counted("conntrack-chain-toolong", before.chain_toolong, now.chain_toolong)),
    ]
}
