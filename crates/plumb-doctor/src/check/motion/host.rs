//! What the kernel counts once for all namespaces; told where plumb itself ran.

use plumb_model::{HostStatistics, NeighbourTable};

use super::Moved;
use crate::check::told::{Observation, Seen};

/// Two readings of the machine.
pub(crate) struct HostMoved<'a> {
    /// The namespace that it is told of.
    pub(crate) own: Moved<'a>,
    pub(crate) before: &'a HostStatistics,
    pub(crate) after: &'a HostStatistics,
}

fn rise(now: u64, before: u64) -> i64 {
    i64::try_from(now.saturating_sub(before)).unwrap_or(i64::MAX)
}

/// K07: a processor's backlog of received packets was full (`enqueue_to_backlog`).
pub(super) fn softnet(m: &HostMoved<'_>) -> Vec<Observation> {
    let (before, now) = (m.before.softnet_sum().dropped, m.after.softnet_sum().dropped);
    if now <= before {
        return Vec::new();
    }
    let seen = Seen::new("softnet-dropped", now, 0, "cat /proc/net/softnet_stat").unit("packets");
    vec![
        Observation::new("softnet-overflows", m.own.sysctl("net.core.netdev_max_backlog"))
            .with("count", rise(now, before).to_string())
            .seen(seen.rose(rise(now, before))),
    ]
}

/// N01, N08: the neighbour tables were full (`neigh_alloc`), or packets that waited for an answer were thrown away
/// (`__neigh_event_send`).
pub(super) fn neighbours(m: &HostMoved<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for now in &m.after.neighbour_tables {
        let Some(before) = m.before.neighbour_table(&now.name) else { continue };
        let family = if now.name.starts_with("ndisc") { "ipv6" } else { "ipv4" };
        found.extend(full(m, family, before, now));
        if let (Some(b), Some(n)) = (before.unresolved_discards, now.unresolved_discards)
            && n > b
        {
            let sysctl = format!("net.{family}.neigh.default.unres_qlen_bytes");
            let seen = Seen::new("neighbour-discards", n, 0, format!("cat /proc/net/stat/{}", now.name));
            found.push(
                Observation::new("neighbour-queue-overflows", m.own.sysctl(&sysctl))
                    .with("table", &now.name)
                    .with("count", (n - b).to_string())
                    .seen(seen.unit("packets").rose(rise(n, b))),
            );
        }
    }
    found
}

fn full(
    m: &HostMoved<'_>,
    family: &str,
    before: &NeighbourTable,
    now: &NeighbourTable,
) -> Option<Observation> {
    if now.table_fulls <= before.table_fulls {
        return None;
    }
    let sysctl = format!("net.{family}.neigh.default.gc_thresh3");
    let seen =
        Seen::new("neighbour-table-fulls", now.table_fulls, 0, format!("cat /proc/net/stat/{}", now.name));
    let entries = Seen::new("neighbour-entries", now.entries, now.gc_thresh2, format!("sysctl {sysctl}"));
    Some(
        Observation::new("neighbour-table-overflows", m.own.sysctl(&sysctl))
            .with("table", &now.name)
            .with("entries", now.entries.to_string())
            .seen(seen.unit("times").rose(rise(now.table_fulls, before.table_fulls)))
            .seen(entries.unit("entries")),
    )
}

/// H-08: the hypervisor kept processors away for more than a twentieth of the time (the catalogue's threshold).
pub(super) fn steal(m: &HostMoved<'_>) -> Vec<Observation> {
    const PERCENT: u64 = 5;
    let sum = |h: &HostStatistics| {
        let all = h.cpus.iter();
        all.fold((0, 0), |(steal, total), c| {
            let whole = c.user + c.nice + c.system + c.idle + c.iowait + c.irq + c.softirq + c.steal;
            (steal + c.steal, total + whole)
        })
    };
    let ((stolen_before, before), (stolen_now, now)) = (sum(m.before), sum(m.after));
    let (stolen, total) = (stolen_now.saturating_sub(stolen_before), now.saturating_sub(before));
    if total == 0 || stolen * 100 <= total * PERCENT {
        return Vec::new();
    }
    let percent = stolen * 100 / total;
    let seen = Seen::new("cpu-steal", percent, PERCENT, "top -bn1 | grep Cpu").unit("percent");
    vec![
        Observation::new("cpu-stolen", m.own.counter("steal"))
            .with("percent", percent.to_string())
            .seen(seen),
    ]
}
