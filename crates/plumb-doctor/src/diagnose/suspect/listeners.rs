//! Sockets that are missing, bound elsewhere or full; an address that two have.

use std::net::IpAddr;

use plumb_model::{Action, Change, IpFamily, Process, Protocol, Socket, Tuple};
use plumb_trace::state::NsIndex;

use super::{Case, Suspect, nat};
use crate::finding::{Finding, Shown, ShownWhat, Unit};
use crate::place;
use crate::report::Layer;

pub(super) fn missing(case: &Case, ns: NsIndex, t: &Tuple, near: &[usize]) -> Vec<Suspect> {
    let mut out = twice(case, ns, t);
    let sockets = case.net.namespace(ns).sockets.items();
    let start = |address: IpAddr| -> Vec<Change> {
        let action = Action::StartListener {
            family: IpFamily::of(t.dst),
            protocol: t.protocol,
            address,
            port: t.dport,
        };
        vec![case.change(ns, action)]
    };
    let alternatives = vec![start(t.dst), start(IpFamily::of(t.dst).unspecified())];
    let asked = format!("{} {}", t.protocol, place::endpoint(t.dst, t.dport));
    let translated = nat::translations(case).iter().any(|(.., to)| to.dst == t.dst);
    let listening: Vec<(usize, &Socket)> = near
        .iter()
        .filter_map(|&i| sockets.get(i).map(|s| (i, s)))
        .filter(|(_, s)| s.dst.is_unspecified())
        // One of several endpoints on this machine, when a translation chose between them: it serves its own address.
        .filter(|(_, s)| !translated || s.src.is_unspecified() || s.src.is_loopback())
        .collect();
    let own_family = |(_, s): &&(usize, &Socket)| {
        s.family == IpFamily::of(t.dst) || (s.family == IpFamily::V6 && s.v6only != Some(true))
    };
    let named = |i: usize| {
        let place = place::socket(case.net, ns, i);
        place.get("socket").and_then(|s| s.as_str()).unwrap_or_default().to_owned()
    };
    let (finding, place) = match (listening.iter().find(own_family), listening.first()) {
        (Some((i, _)), _) => (
            Finding::ListenerElsewhere {
                namespace: case.name(ns),
                socket: asked.clone(),
                // With the device that it is bound to.
                listens: named(*i),
            },
            place::socket(case.net, ns, *i),
        ),
        (None, Some((i, s))) => (
            Finding::ListenerOtherFamily {
                namespace: case.name(ns),
                socket: asked.clone(),
                listens: place::socket_text(s),
            },
            place::socket(case.net, ns, *i),
        ),
        (None, None) => (
            Finding::ListenerMissing { namespace: case.name(ns), socket: asked.clone() },
            place::missing_socket(case.net, ns, t.protocol, t.dst, t.dport),
        ),
    };
    let read_with =
        case.command(ns, if t.protocol == plumb_model::Protocol::UDP { "ss -lun" } else { "ss -ltn" });
    let seen = listening.first().map(|(_, s)| place::socket_text(s));
    let shown = Shown::new(ShownWhat::Listener, seen, asked, read_with);
    out.push(Suspect::new(finding, place, Layer::Socket, alternatives).show([shown]));
    out
}

/// Two have the address, and the packet reached the one that does not serve it.
fn twice(case: &Case, ns: NsIndex, t: &Tuple) -> Vec<Suspect> {
    let serves = |o: &NsIndex| {
        case.net
            .namespace(*o)
            .sockets
            .items()
            .iter()
            .any(|s| s.is_listening() && s.protocol == t.protocol && s.sport == t.dport)
    };
    let others: Vec<NsIndex> = case.net.owners_of(t.dst).into_iter().filter(|o| *o != ns).collect();
    if !others.iter().any(serves) {
        return Vec::new();
    }
    let n = case.net.namespace(ns);
    let Some(a) = n.addresses.items().iter().find(|a| a.prefix.addr == t.dst) else { return Vec::new() };
    let device = case.net.device_name(ns, a.index);
    let finding = Finding::DuplicateAddress {
        namespace: case.name(ns),
        device: device.clone(),
        address: t.dst.to_string(),
        other: others.first().map(|o| case.name(*o)).unwrap_or_default(),
    };
    let delete = case.change(ns, Action::DeleteAddress { device, address: a.clone() });
    // Whoever holds the copy's hardware address must ask again.
    let mac = n.link(a.index).and_then(|l| l.mac);
    let mut changes = vec![delete];
    for (i, m) in case.net.snapshot.namespaces.iter().enumerate() {
        for e in m.neighbours.items().iter().filter(|e| e.addr == t.dst && e.lladdr == mac && mac.is_some()) {
            let device = m.link_name(e.index);
            changes.push(case.change(i, Action::DeleteNeighbour { device, address: t.dst }));
        }
    }
    let place = place::address(case.net, ns, a.index, t.dst);
    vec![Suspect::new(finding, place, Layer::Addressing, vec![changes]).must_connect()]
}

pub(super) fn queue_full(case: &Case, ns: NsIndex, socket: usize) -> Option<Suspect> {
    let s = case.net.namespace(ns).sockets.items().get(socket)?;
    if s.protocol == Protocol::UDP {
        return Some(buffer_full(case, ns, socket, s));
    }
    if s.receive_queue <= s.send_queue {
        return syn_queue_full(case, ns, socket, s);
    }
    let finding = Finding::QueueFull {
        namespace: case.name(ns),
        socket: place::socket_text(s),
        queue: s.receive_queue,
        backlog: s.send_queue,
    };
    let shown = Shown {
        unit: Some(Unit::Connections),
        ..Shown::new(ShownWhat::Queue, s.receive_queue, s.send_queue, case.command(ns, "ss -ltn"))
    };
    Some(Suspect::new(finding, place::socket(case.net, ns, socket), Layer::Socket, Vec::new()).show([shown]))
}

/// With cookies a connection needs no room in the queue.
fn syn_queue_full(case: &Case, ns: NsIndex, socket: usize, s: &Socket) -> Option<Suspect> {
    let queue = case.net.half_open(ns, socket)?;
    let finding = Finding::SynQueueFull {
        namespace: case.name(ns),
        socket: place::socket_text(s),
        count: queue.count,
        limit: queue.limit,
    };
    let read_with = case.command(ns, "ss -tan state syn-recv");
    let shown = Shown {
        unit: Some(Unit::Connections),
        ..Shown::new(ShownWhat::HalfOpen, queue.count, queue.limit, read_with)
    };
    let cookies = case.set_sysctl(ns, "net.ipv4.tcp_syncookies", "1");
    let place = place::socket(case.net, ns, socket);
    Some(Suspect::new(finding, place, Layer::Socket, vec![vec![cookies]]).show([shown]))
}

fn buffer_full(case: &Case, ns: NsIndex, socket: usize, s: &Socket) -> Suspect {
    let size = s.receive_buffer.unwrap_or_default();
    let finding = Finding::BufferFull {
        namespace: case.name(ns),
        socket: place::socket_text(s),
        waiting: s.receive_queue,
        size,
    };
    let shown = Shown {
        unit: Some(Unit::Bytes),
        ..Shown::new(ShownWhat::Buffer, s.receive_queue, size, case.command(ns, "ss -lunm"))
    };
    Suspect::new(finding, place::socket(case.net, ns, socket), Layer::Socket, Vec::new()).show([shown])
}

/// Whoever serves the socket is stopped; one who is only stopped by a signal goes on by another.
pub(super) fn stopped(case: &Case, ns: NsIndex, socket: usize) -> Option<Suspect> {
    let n = case.net.namespace(ns);
    let s = n.sockets.items().get(socket)?;
    let serves = |p: &&Process| p.serving.as_ref().is_some_and(|v| v.sockets.contains(&s.inode));
    let all: Vec<&Process> = n.processes.iter().filter(serves).collect();
    let first = all.first()?;
    let finding = Finding::ServerStopped {
        namespace: case.name(ns),
        socket: place::socket_text(s),
        process: format!("{} ({})", first.comm, first.pid),
    };
    let by_signal = all.iter().all(|p| p.serving.as_ref().is_some_and(|v| v.state == Some('T')));
    let resume = all.iter().map(|p| case.change(ns, Action::ResumeProcess { pid: p.pid })).collect();
    let cures = if by_signal { vec![resume] } else { Vec::new() };
    Some(Suspect::new(finding, place::socket(case.net, ns, socket), Layer::Socket, cures))
}
