//! Which socket takes a packet (`__inet_lookup_listener`, `__udp4_lib_lookup`, and their IPv6 counterparts).

use std::net::IpAddr;

use plumb_model::{IpFamily, Protocol, Socket, SocketState, Tuple};
use smallvec::{SmallVec, smallvec};

use crate::network::Network;
use crate::state::NsIndex;

/// What the shortest datagram takes of a receive buffer (`SKB_TRUESIZE`).
const LEAST: u32 = 768;

/// Connections of a listener that are half open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfOpen {
    /// How many.
    pub count: u32,
    /// Its backlog: one more than that are let in (`inet_csk_reqsk_queue_is_full`).
    pub limit: u32,
    /// Whether cookies make room unnecessary.
    pub cookies: bool,
}

/// How well a socket fits (`compute_score`): higher wins; `None` does not take the packet.
fn score(s: &Socket, t: &Tuple, device: Option<u32>) -> Option<u32> {
    let family = IpFamily::of(t.dst);
    let family_fits = match (s.family, family) {
        (IpFamily::V4, IpFamily::V4) | (IpFamily::V6, IpFamily::V6) => true,
        (IpFamily::V6, IpFamily::V4) => s.v6only != Some(true),
        (IpFamily::V4, IpFamily::V6) => false,
    };
    if !family_fits || s.sport != t.dport {
        return None;
    }
    let mut score = if s.family == family { 2 } else { 1 };
    let bound = unmapped(s.src);
    if !bound.is_unspecified() {
        if bound != t.dst {
            return None;
        }
        score += 4;
    }
    let peer = unmapped(s.dst);
    if !peer.is_unspecified() {
        if peer != t.src || s.dport != t.sport {
            return None;
        }
        score += 8;
    }
    if let Some(d) = s.bound_dev.filter(|d| *d != 0) {
        if Some(d) != device {
            return None;
        }
        score += 4;
    }
    Some(score)
}

/// An IPv4 address that an IPv6 socket holds in mapped form.
fn unmapped(a: IpAddr) -> IpAddr {
    match a {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(a, IpAddr::V4),
        IpAddr::V4(_) => a,
    }
}

impl Network<'_> {
    /// The sockets that take a packet; several where the kernel shares packets out between them (SO_REUSEPORT).
    pub(super) fn listeners_for(&self, ns: NsIndex, t: &Tuple, device: Option<u32>) -> SmallVec<[usize; 2]> {
        let sockets = self.namespace(ns).sockets.items();
        let mut best = 0;
        let mut found = SmallVec::new();
        for &i in self.ns[ns].listeners.get(&(t.protocol, t.dport)).into_iter().flatten() {
            let Some(score) = sockets.get(i).and_then(|s| score(s, t, device)) else { continue };
            match score.cmp(&best) {
                std::cmp::Ordering::Greater => {
                    best = score;
                    found = smallvec![i];
                }
                std::cmp::Ordering::Equal => found.push(i),
                std::cmp::Ordering::Less => {}
            }
        }
        found
    }

    /// The socket of a connection (`inet_lookup_established`; for UDP a connected one).
    pub(super) fn connected_socket(&self, ns: NsIndex, t: &Tuple, device: Option<u32>) -> Option<usize> {
        self.namespace(ns).sockets.items().iter().position(|s| {
            !s.is_listening()
                && s.protocol == t.protocol
                && (s.sport, s.dport) == (t.dport, t.sport)
                && (unmapped(s.src), unmapped(s.dst)) == (t.dst, t.src)
                && s.bound_dev.filter(|d| *d != 0).is_none_or(|d| Some(d) == device)
        })
    }

    /// Whether all processes that serve a socket are stopped (SIGSTOP, a debugger). One of which no process is known is not.
    pub(crate) fn is_stopped(&self, ns: NsIndex, socket: usize) -> bool {
        let n = self.namespace(ns);
        let Some(inode) = n.sockets.items().get(socket).map(|s| s.inode).filter(|i| *i != 0) else {
            return false;
        };
        let serving = n.processes.iter().filter_map(|p| p.serving.as_ref());
        let mut states = serving.filter(|s| s.sockets.contains(&inode)).map(|s| s.state).peekable();
        states.peek().is_some() && states.all(|s| matches!(s, Some('T' | 't')))
    }

    /// Whether what comes to a socket finds no room there: a connection, in the queue of those that wait to be accepted
    /// (`sk_acceptq_is_full`) or of those that are half open; a datagram, in the receive buffer (`__udp_enqueue_schedule_skb`).
    pub(super) fn is_full(&self, ns: NsIndex, socket: usize, opens: bool) -> bool {
        let Some(s) = self.namespace(ns).sockets.items().get(socket) else { return false };
        match s.protocol {
            Protocol::TCP if opens => {
                s.receive_queue > s.send_queue
                    || self.half_open(ns, socket).is_some_and(|q| q.count > q.limit && !q.cookies)
            }
            // One is always let in.
            Protocol::UDP if s.receive_queue > 0 => {
                s.receive_buffer.is_some_and(|size| s.receive_queue.saturating_add(LEAST) > size)
            }
            _ => false,
        }
    }

    /// The queue of half-open connections of a listener; `None` where it has none.
    #[must_use]
    pub fn half_open(&self, ns: NsIndex, socket: usize) -> Option<HalfOpen> {
        let n = self.namespace(ns);
        let listener = n.sockets.items().get(socket)?;
        let waits = |s: &&Socket| {
            matches!(s.state, SocketState::SynRecv | SocketState::NewSynRecv)
                && s.sport == listener.sport
                && (listener.src.is_unspecified() || s.src == listener.src)
        };
        let count = u32::try_from(n.sockets.items().iter().filter(waits).count()).unwrap_or(u32::MAX);
        let cookies = n.sysctls.number("net.ipv4.tcp_syncookies").unwrap_or(1) != 0;
        (count > 0).then_some(HalfOpen { count, limit: listener.send_queue, cookies })
    }

    /// Sockets with the port that do not take the packet.
    pub(super) fn sockets_near(&self, ns: NsIndex, t: &Tuple) -> Vec<usize> {
        self.ns[ns].listeners.get(&(t.protocol, t.dport)).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use plumb_model::{Namespace, NamespaceId, Read, Snapshot};

    use super::*;

    fn socket(protocol: Protocol, state: SocketState) -> Socket {
        Socket {
            family: IpFamily::V4,
            protocol,
            state,
            src: IpFamily::V4.unspecified(),
            sport: 80,
            dst: IpFamily::V4.unspecified(),
            dport: 0,
            bound_dev: None,
            receive_queue: 0,
            send_queue: 0,
            v6only: None,
            uid: 0,
            inode: 0,
            timer: None,
            receive_buffer: None,
            drops: None,
            transparent: None,
            mark: None,
        }
    }

    /// Whether there is no room at the first of these sockets.
    fn full(sockets: Vec<Socket>, cookies: &str) -> bool {
        let mut n = Namespace::empty(NamespaceId(1), "a");
        n.sockets = Read::Got(sockets);
        n.sysctls.0.insert("net.ipv4.tcp_syncookies".to_owned(), Read::Got(cookies.to_owned()));
        let snapshot = Snapshot {
            version: 1,
            taken_at: 0,
            host: plumb_model::Host::default(),
            namespaces: vec![n],
            gaps: Vec::new(),
            redacted: false,
        };
        Network::compile(&snapshot).is_full(0, 0, true)
    }

    #[test]
    fn half_open_connections_fill_a_queue_where_no_cookies_are_sent() {
        let of = |half_open: usize, cookies| {
            let mut all = vec![Socket { send_queue: 10, ..socket(Protocol::TCP, SocketState::Listen) }];
            all.extend(vec![socket(Protocol::TCP, SocketState::SynRecv); half_open]);
            full(all, cookies)
        };
        assert_eq!([of(10, "0"), of(11, "0"), of(11, "1")], [false, true, false]);
    }

    #[test]
    fn a_buffer_takes_one_datagram_however_small_it_is() {
        let of = |receive_queue, size| {
            let one = socket(Protocol::UDP, SocketState::Close);
            full(vec![Socket { receive_queue, receive_buffer: size, ..one }], "1")
        };
        // As it was measured: two datagrams of 832 bytes each in a buffer of 2304.
        assert_eq!(
            [of(1664, Some(2304)), of(832, Some(2304)), of(0, Some(512)), of(9999, None)],
            [true, false, false, false]
        );
    }
}
