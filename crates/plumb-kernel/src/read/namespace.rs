//! One namespace, all that is read in it.

use std::path::Path;

use plumb_model::{Namespace, Read};

use super::{
    Options, absence, address, conntrack, counters, engines, ipset, legacy, link, neighbour, nft, queue,
    recent, route, rule,
};
use super::{processes, resolver, sockets, statistics, sysctl, traffic_control};
use crate::discover::Found;
use crate::error::{KernelError, Result};
use crate::features::Features;
use crate::netlink::{Socket, Subsystem};

/// A namespace, what could not be read in it, and its route socket for the second pass.
pub(super) struct Reading {
    pub(super) namespace: Namespace,
    pub(super) gaps: Vec<String>,
    pub(super) route: Option<Socket>,
}

/// Reads it on a thread of its own, unless it is plumb's, where no thread need move.
pub(super) fn read(found: &Found, features: &Features, options: &Options<'_>) -> Reading {
    let mut namespace = Namespace::empty(found.id, &found.name());
    namespace.own = found.own;
    namespace.aliases =
        found.names.iter().chain(&found.mounts).filter(|n| **n != namespace.name).cloned().collect();
    namespace.path = found.path();
    namespace.processes = found.processes.clone();
    namespace.owner = options.owner.and_then(|owner| owner(found.id));
    if options.parts.names {
        let told = options.resolver.and_then(|resolver| resolver(found.id));
        namespace.resolver = told.map_or_else(|| resolver::read(found), Read::Got);
    }
    let reading = Reading { namespace, gaps: Vec::new(), route: None };
    if found.own {
        return inside(reading, features, options);
    }
    let mut outside = reading;
    let handle = match &found.handle {
        Ok(handle) => handle,
        Err(error) => return denied(outside, error),
    };
    let mut slot = None;
    let entered = handle.run(|| {
        let empty = Namespace::empty(found.id, "");
        let namespace = std::mem::replace(&mut outside.namespace, empty);
        slot = Some(inside(Reading { namespace, gaps: Vec::new(), route: None }, features, options));
    });
    match (entered, slot) {
        (_, Some(reading)) => reading,
        (Err(error), None) => denied(outside, &error),
        // The closure ran, or it did not and there is an error.
        (Ok(()), None) => outside,
    }
}

/// A namespace that could not be entered.
fn denied(mut reading: Reading, error: &KernelError) -> Reading {
    fn no<T>() -> Read<T> {
        Read::Denied { capability: "CAP_SYS_ADMIN".into() }
    }
    reading.gaps.push(error.to_string());
    if error.is_denied() {
        let n = &mut reading.namespace;
        (n.links, n.addresses, n.routes, n.rules, n.neighbours) = (no(), no(), no(), no(), no());
        (n.fdb, n.nft, n.legacy, n.conntrack, n.sockets) = (no(), no(), no(), no(), no());
        (n.qdiscs, n.filters, n.recent, n.queues) = (no(), no(), no(), no());
    }
    reading
}

/// On a thread that is in the namespace.
fn inside(mut reading: Reading, features: &Features, options: &Options<'_>) -> Reading {
    let parts = options.parts;
    let gaps = &mut reading.gaps;
    let n = &mut reading.namespace;
    match Socket::open(Subsystem::Route) {
        Ok(mut socket) => {
            n.links = absence(link::read(&mut socket), "devices", "rtnetlink", gaps);
            n.addresses = absence(address::read(&mut socket), "addresses", "rtnetlink", gaps);
            if parts.routes {
                routes(n, &mut socket, gaps);
            }
            if parts.traffic_control {
                match traffic_control::read(&mut socket) {
                    Ok((qdiscs, filters)) => (n.qdiscs, n.filters) = (qdiscs, filters),
                    Err(error) => gaps.push(error.to_string()),
                }
            }
            reading.route = Some(socket);
        }
        Err(error) => gaps.push(error.to_string()),
    }
    if parts.filters || parts.conntrack || parts.statistics {
        netfilter(n, gaps, features, options);
    }
    if parts.filters {
        n.legacy = absence(legacy::read(), "tables of iptables-legacy", "ip_tables", gaps);
        n.recent = recent::read(gaps);
        n.queues = queue::read(gaps);
        n.other_engines.extend(engines::read(n.links.items(), gaps));
        n.other_engines.extend(features.programs.iter().cloned());
    }
    if parts.sockets {
        n.sockets = absence(
            socket_list(features, parts.statistics || !sends_cookies()),
            "sockets",
            "inet_diag",
            gaps,
        );
    }
    if parts.processes {
        processes::read(n, gaps);
    }
    if parts.sysctls {
        n.sysctls = sysctl::read();
    }
    if parts.counters {
        n.counters = counters::read();
        n.statistics.read_at = statistics::now();
    }
    if parts.statistics {
        n.statistics.sockstat = statistics::sockstat();
        n.statistics.read_at = statistics::now();
    }
    reading
}

fn routes(n: &mut Namespace, socket: &mut Socket, gaps: &mut Vec<String>) {
    n.routes = absence(route::read(socket), "routes", "rtnetlink", gaps);
    match route::read_path_mtus(socket) {
        Ok(mtus) => n.path_mtus = mtus,
        Err(error) => gaps.push(error.to_string()),
    }
    n.rules = absence(rule::read(socket), "policy rules", "fib_rules", gaps);
    n.neighbours = absence(neighbour::read(socket), "neighbours", "rtnetlink", gaps);
    n.fdb = absence(neighbour::read_fdb(socket), "forwarding databases", "bridge", gaps);
}

fn netfilter(n: &mut Namespace, gaps: &mut Vec<String>, features: &Features, options: &Options<'_>) {
    let absent = |feature: &str| feature.to_owned();
    if !features.has("nfnetlink") {
        n.nft = Read::Absent { feature: absent("nfnetlink") };
        n.conntrack = Read::Absent { feature: absent("nfnetlink") };
        if options.parts.statistics {
            n.statistics.conntrack = Some(Read::Absent { feature: absent("nfnetlink") });
        }
        return;
    }
    let mut socket = match Socket::open(Subsystem::Netfilter) {
        Ok(socket) => socket,
        Err(error) => {
            gaps.push(error.to_string());
            return;
        }
    };
    if options.parts.filters {
        n.nft = if features.has("nf_tables") {
            absence(nft::read(&mut socket, gaps), "nftables", "nf_tables", gaps)
        } else {
            Read::Absent { feature: absent("nf_tables") }
        };
        if features.has("ip_set") {
            n.ipsets = absence(ipset::read(&mut socket), "ipsets", "ip_set", gaps);
        } else {
            n.ipsets = Read::Absent { feature: absent("ip_set") };
        }
    }
    if options.parts.statistics {
        let read = if features.has("nf_conntrack_netlink") {
            absence(statistics::conntrack(&mut socket), "conntrack statistics", "nf_conntrack_netlink", gaps)
        } else {
            Read::Absent { feature: absent("nf_conntrack_netlink") }
        };
        n.statistics.conntrack = Some(read);
    }
    if options.parts.conntrack {
        n.conntrack = if !Path::new("/proc/sys/net/netfilter/nf_conntrack_max").exists() {
            Read::Absent { feature: absent("nf_conntrack") }
        } else if features.has("nf_conntrack_netlink") {
            absence(conntrack::read(&mut socket), "conntrack", "nf_conntrack_netlink", gaps)
        } else {
            Read::Absent { feature: absent("nf_conntrack_netlink") }
        };
    }
}

/// Whether listeners whose queue of half-open connections is full answer with cookies (`tcp_conn_request`). Where they do not,
/// that queue decides who connects.
fn sends_cookies() -> bool {
    let value = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_syncookies");
    value.map_or(true, |value| value.trim() != "0")
}

fn socket_list(features: &Features, half_open: bool) -> Result<Read<Vec<plumb_model::Socket>>> {
    if !features.has("tcp_diag") || !features.has("udp_diag") {
        return sockets::read_proc();
    }
    sockets::read(&mut Socket::open(Subsystem::SockDiag)?, half_open)
}
