//! Sockets: their queues, their ports, and how many of them are left over.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use plumb_model::{Action, Change, Namespace, Protocol, Socket, SocketState};

use serde_json::Value;

use super::Look;
use super::rules::node_port_rules;
use crate::check::report::Severity;
use crate::check::told::{Observation, Seen};
use crate::place;

/// Where client sockets get their ports from.
const RANGE: &str = "net.ipv4.ip_local_port_range";
/// Ports that are left out of it.
const RESERVED: &str = "net.ipv4.ip_local_reserved_ports";

fn is_tcp_listener(s: &Socket) -> bool {
    s.protocol == Protocol::TCP && s.state == SocketState::Listen
}

/// K01, T10: more connections wait to be accepted than the queue holds: the kernel turns new ones away
/// (`sk_acceptq_is_full`). Of several listeners at one port it may be one alone, and with it a share of all connections.
pub(super) fn accept_queue(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let sockets = n.sockets.items();
        for (i, s) in sockets.iter().enumerate().filter(|(_, s)| is_tcp_listener(s)) {
            if s.receive_queue <= s.send_queue {
                continue;
            }
            let same = |o: &&Socket| {
                is_tcp_listener(o)
                    && (o.src, o.sport, o.bound_dev, o.family) == (s.src, s.sport, s.bound_dev, s.family)
            };
            let group = sockets.iter().filter(same).count();
            let one = Observation::new("accept-queue-full", place::socket(look.net, ns, i))
                .with("socket", place::socket_text(s))
                .with("queue", s.receive_queue.to_string())
                .with("backlog", s.send_queue.to_string())
                .with("listeners", group.to_string())
                .seen(
                    Seen::new("accept-queue", s.receive_queue, s.send_queue, n.command("ss -ltn"))
                        .unit("connections"),
                )
                .affects([look.name(ns)]);
            found.push(if group > 1 { one.fault("T10") } else { one });
        }
    }
    found
}

/// K02: half-open connections all but fill a listener's queue of them. Its length is the listener's backlog
/// (`inet_csk_reqsk_queue_is_full`); without cookies a quarter of `tcp_max_syn_backlog` is kept for known clients
/// (`tcp_conn_request`).
pub(super) fn syn_queue(look: &Look<'_>) -> Vec<Observation> {
    /// Fewer may be on their way at any moment.
    const FEWEST: usize = 8;
    let name = "net.ipv4.tcp_max_syn_backlog";
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let sockets = n.sockets.items();
        let half_open = |l: &Socket| {
            let at = |s: &&Socket| {
                matches!(s.state, SocketState::SynRecv | SocketState::NewSynRecv)
                    && s.sport == l.sport
                    && (l.src.is_unspecified() || s.src == l.src)
            };
            sockets.iter().filter(at).count()
        };
        if !sockets.iter().any(|s| matches!(s.state, SocketState::SynRecv | SocketState::NewSynRecv)) {
            continue;
        }
        let cookies = n.sysctls.number("net.ipv4.tcp_syncookies").unwrap_or(1) != 0;
        let most = n.sysctls.number(name).and_then(|v| usize::try_from(v).ok());
        for (i, l) in sockets.iter().enumerate().filter(|(_, s)| is_tcp_listener(s)) {
            let backlog = l.send_queue as usize;
            let limit = match most {
                Some(most) if !cookies => backlog.min(most - most / 4),
                _ => backlog,
            };
            let count = half_open(l);
            if count < FEWEST || count * 10 < limit * 9 {
                continue;
            }
            // With cookies nobody is turned away: what is lost are options of the handshake.
            let severity = if cookies { Severity::Info } else { Severity::Warning };
            found.push(
                Observation::new("syn-queue-near-limit", place::socket(look.net, ns, i))
                    .severity(severity)
                    .with("socket", place::socket_text(l))
                    .with("count", count.to_string())
                    .with("limit", limit.to_string())
                    .seen(
                        Seen::new("half-open", count, Value::Null, n.command("ss -tan state syn-recv"))
                            .unit("connections"),
                    )
                    .affects([look.name(ns)]),
            );
        }
    }
    found
}

/// First and last port of a range, as `ip_local_port_range` holds it.
fn range(n: &Namespace) -> Option<(u16, u16)> {
    let mut bounds = n.sysctls.text(RANGE)?.split_whitespace().filter_map(|w| w.parse::<u16>().ok());
    Some((bounds.next()?, bounds.next()?))
}

/// Whether a port is kept out of the range (`30000-32767,40000`).
fn is_reserved(n: &Namespace, port: u16) -> bool {
    n.sysctls.text(RESERVED).unwrap_or_default().split(',').any(|part| {
        let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
        match (first.parse::<u16>(), last.parse::<u16>()) {
            (Ok(first), Ok(last)) => (first..=last).contains(&port),
            _ => false,
        }
    })
}

/// T05: nearly every port of the range is in use towards one destination. Ports in TIME_WAIT are free again where
/// `tcp_tw_reuse` says so (2: on the loopback device only).
pub(super) fn ports_used(look: &Look<'_>) -> Vec<Observation> {
    /// Percent of the range from which on it is told.
    const NEARLY: usize = 90;
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let Some((first, last)) = range(n) else { continue };
        let reuse = n.sysctls.number("net.ipv4.tcp_tw_reuse").unwrap_or(0);
        let mut used: HashMap<(IpAddr, IpAddr, u16), usize> = HashMap::new();
        for s in n.sockets.items().iter().filter(|s| s.protocol == Protocol::TCP) {
            let reusable = reuse == 1 || (reuse == 2 && s.dst.is_loopback());
            let held = s.state != SocketState::Listen
                && (first..=last).contains(&s.sport)
                && !(s.state == SocketState::TimeWait && reusable);
            if held {
                *used.entry((s.src, s.dst, s.dport)).or_default() += 1;
            }
        }
        let Some(((_, dst, port), count)) = used.into_iter().max_by_key(|(_, count)| *count) else {
            continue;
        };
        let size = (first..=last).filter(|p| !is_reserved(n, *p)).count();
        if size == 0 || count * 100 < size * NEARLY {
            continue;
        }
        let words: Vec<&str> = n.sysctls.text(RANGE).unwrap_or_default().split_whitespace().collect();
        let wider = Action::SetSysctl { name: RANGE.to_owned(), value: "32768 60999".to_owned() };
        let severity = if count >= size { Severity::Error } else { Severity::Warning };
        found.push(
            Observation::new("ports-used-up", place::sysctl(look.net, ns, RANGE, &words.join(" ")))
                .severity(severity)
                .with("destination", place::endpoint(dst, port))
                .with("count", count.to_string())
                .with("size", size.to_string())
                .seen(
                    Seen::new("ports-in-use", count, Value::Null, n.command(&format!("ss -tan dst {dst}")))
                        .unit("sockets"),
                )
                .affects([look.name(ns)])
                .change(vec![Change { namespace: n.id, action: wider }]),
        );
    }
    found
}

/// T08: many connections that the other side closed, and that the program here never closes.
pub(super) fn close_wait(look: &Look<'_>) -> Vec<Observation> {
    /// So many are a pile by themselves; from the lower number on, one of ten is.
    const PILE: usize = 1000;
    const FEWEST: usize = 100;
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let tcp = || n.sockets.items().iter().filter(|s| s.protocol == Protocol::TCP);
        let waiting = tcp().filter(|s| s.state == SocketState::CloseWait);
        let served: BTreeSet<u16> = tcp().filter(|s| is_tcp_listener(s)).map(|s| s.sport).collect();
        let mut by_port: BTreeMap<String, usize> = BTreeMap::new();
        for s in waiting {
            let end = if served.contains(&s.sport) {
                format!("tcp *:{}", s.sport)
            } else {
                format!("→ {}", place::endpoint(s.dst, s.dport))
            };
            *by_port.entry(end).or_default() += 1;
        }
        let (count, all) = (by_port.values().sum::<usize>(), tcp().count());
        if count <= PILE && (count < FEWEST || count * 10 <= all) {
            continue;
        }
        let most = by_port.iter().max_by_key(|(_, c)| **c).map(|(end, _)| end.clone()).unwrap_or_default();
        let mut place = place::namespace(look.net, ns);
        place::set(&mut place, "sockets", "CLOSE-WAIT");
        found.push(
            Observation::new("close-wait-pile-up", place)
                .with("count", count.to_string())
                .with("all", all.to_string())
                .with("most", most)
                .seen(
                    Seen::new("close-wait", count, Value::Null, n.command("ss -tan state close-wait"))
                        .unit("sockets"),
                )
                .affects([look.name(ns)]),
        );
    }
    found
}

/// S14: clients may get a port that Services use as node port.
pub(super) fn node_ports(look: &Look<'_>) -> Vec<Observation> {
    /// The API server's `--service-node-port-range` unless it is told otherwise.
    const NODE_PORTS: std::ops::RangeInclusive<u16> = 30000..=32767;
    let mut found = Vec::new();
    for (ns, n) in look.namespaces().filter(|(_, n)| node_port_rules(n)) {
        let Some((first, last)) = range(n) else { continue };
        let shared = NODE_PORTS.filter(|p| (first..=last).contains(p) && !is_reserved(n, *p)).count();
        if shared == 0 {
            continue;
        }
        let words: Vec<&str> = n.sysctls.text(RANGE).unwrap_or_default().split_whitespace().collect();
        let reserve = Action::SetSysctl { name: RESERVED.to_owned(), value: "30000-32767".to_owned() };
        let change = vec![Change { namespace: n.id, action: reserve }];
        // Others may be reserved already, and stay so.
        let none = n.sysctls.text(RESERVED).unwrap_or_default().trim().is_empty();
        let mut one = Observation::new(
            "port-range-covers-node-ports",
            place::sysctl(look.net, ns, RANGE, &words.join(" ")),
        )
        .with("range", format!("{first}-{last}"))
        .with("count", shared.to_string())
        .seen(Seen::new("shared-ports", shared, 0, n.command(&format!("sysctl {RANGE} {RESERVED}"))))
        .affects([look.name(ns)]);
        if none {
            one = one.change(change);
        }
        found.push(one);
    }
    found
}
