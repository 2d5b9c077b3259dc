//! Connection tracking and address translation: how full their tables are.

use std::collections::HashMap;
use std::net::IpAddr;

use plumb_model::{CtStatus, Protocol};

use serde_json::Value;

use super::Look;
use crate::check::report::Severity;
use crate::check::told::{Observation, Seen};
use crate::place;

/// C01: the table is full, or nearly. The limit is one for all namespaces, and each is held against it alone
/// (`nf_conntrack_alloc`).
pub(super) fn full(look: &Look<'_>) -> Vec<Observation> {
    /// Percent from which on it is told, and from which on it breaks connections at any moment.
    const NEARLY: u64 = 80;
    const FULL: u64 = 95;
    let name = "net.netfilter.nf_conntrack_max";
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let Some(table) = n.conntrack.value() else { continue };
        let (Some(count), Some(max)) = (table.count, table.max.filter(|m| *m > 0)) else { continue };
        if count * 100 < max * NEARLY {
            continue;
        }
        let severity = if count * 100 >= max * FULL { Severity::Error } else { Severity::Warning };
        found.push(
            Observation::new("conntrack-full", place::sysctl(look.net, ns, name, &max.to_string()))
                .severity(severity)
                .with("count", count.to_string())
                .with("max", max.to_string())
                .with("percent", (count * 100 / max).to_string())
                .seen(
                    Seen::new(
                        "conntrack-count",
                        count,
                        Value::Null,
                        n.command(&format!("sysctl net.netfilter.nf_conntrack_count {name}")),
                    )
                    .unit("entries"),
                )
                .affects([look.name(ns)]),
        );
    }
    found
}

/// C10: the hash table is so small that each look-up walks a long chain. An entry stands in it twice, once a direction
/// (Documentation/networking/nf_conntrack-sysctl.rst).
pub(super) fn small_hash(look: &Look<'_>) -> Vec<Observation> {
    /// Entries of an average chain. As many as there are buckets makes two.
    const LONG: u64 = 16;
    let name = "net.netfilter.nf_conntrack_buckets";
    let buckets = look.snapshot.namespaces.iter().find_map(|n| n.sysctls.number(name));
    let Some(buckets) = buckets.and_then(|b| u64::try_from(b).ok()).filter(|b| *b > 0) else {
        return Vec::new();
    };
    // One table for all namespaces.
    let counts = look.snapshot.namespaces.iter().filter_map(|n| n.conntrack.value()?.count);
    let nodes = look.snapshot.namespaces.iter().filter_map(|n| n.node.as_deref());
    let several_nodes = nodes.collect::<std::collections::BTreeSet<_>>().len() > 1;
    let count: u64 = counts.sum();
    let chain = count * 2 / buckets;
    let Some((ns, n)) = look.namespaces().find(|(_, n)| n.sysctls.number(name).is_some()) else {
        return Vec::new();
    };
    if chain < LONG || several_nodes {
        return Vec::new();
    }
    vec![
        Observation::new("conntrack-hash-small", place::sysctl(look.net, ns, name, &buckets.to_string()))
            .with("count", count.to_string())
            .with("buckets", buckets.to_string())
            .with("chain", chain.to_string())
            .seen(Seen::new("chain-length", chain, 2, n.command(&format!("sysctl {name}"))).unit("entries"))
            .affects([look.name(ns)]),
    ]
}

/// S10: source translation has used nearly every port towards one destination. Ports from 1024 on stay there
/// (`nf_nat_l4proto_unique_tuple`).
pub(super) fn ports_used(look: &Look<'_>) -> Vec<Observation> {
    const PORTS: usize = 65536 - 1024;
    /// Percent from which on it is told.
    const NEARLY: usize = 90;
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let entries = n.conntrack.value().map_or(&[][..], |c| &c.entries);
        if entries.len() * 100 < PORTS * NEARLY {
            continue;
        }
        let mut used: HashMap<(Protocol, IpAddr, IpAddr, u16), usize> = HashMap::new();
        for e in entries.iter().filter(|e| e.status.has(CtStatus::SRC_NAT) && e.reply.dport >= 1024) {
            *used.entry((e.reply.protocol, e.reply.dst, e.reply.src, e.reply.sport)).or_default() += 1;
        }
        for ((_, source, dst, port), count) in used.into_iter().filter(|(_, c)| c * 100 >= PORTS * NEARLY) {
            let mut place = place::namespace(look.net, ns);
            place::set(&mut place, "address", source.to_string());
            found.push(
                Observation::new("nat-ports-nearly-used", place)
                    .with("source", source.to_string())
                    .with("destination", place::endpoint(dst, port))
                    .with("count", count.to_string())
                    .with("size", PORTS.to_string())
                    .seen(
                        Seen::new(
                            "ports-in-use",
                            count,
                            Value::Null,
                            n.command(&format!("conntrack -L -q {source}")),
                        )
                        .unit("connections"),
                    )
                    .affects([look.name(ns)]),
            );
        }
    }
    found
}
