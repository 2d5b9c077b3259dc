//! A TCP connection as its handshake left it: its two ends, what they offered each other, and the packets that they send.

use plumb_model::{IpFamily, Protocol, Tuple};

use super::answer::blank;
use super::exchange::request;
use super::{Bytes, Exchange, Flow, Origin, Part};
use crate::event::Stop;
use crate::network::inverse;
use crate::packet::{Packet, Sizing, SocketOwner, Stream, tcp_flags};
use crate::share::Share;
use crate::state::{History, NsIndex, Rerouted, State, World};
use crate::walk::{End, Goal, Walker, header};

/// Bytes of TCP options in a segment where both ends use timestamps (RFC 7323), padded.
const TIMESTAMPS: u16 = 12;

/// A connection as its handshake left it.
pub(super) struct Connection<'w, 'n, 's> {
    pub(super) walker: &'w Walker<'n, 's>,
    pub(super) flow: &'w Flow,
    pub(super) bytes: Bytes,
    /// The client's packets as its socket knows them.
    pub(super) sent: Tuple,
    /// The same as they reach the server.
    pub(super) served: Tuple,
    pub(super) server: NsIndex,
    /// What the other end offered, as it arrived: at the client, at the server.
    pub(super) mss: [u16; 2],
    pub(super) options: u16,
    /// The server's socket, where whoever serves it is stopped.
    pub(super) stopped: Option<usize>,
    /// Who the server's socket belongs to.
    pub(super) owner: Option<SocketOwner>,
}

impl<'w, 'n, 's> Connection<'w, 'n, 's> {
    pub(super) fn of(
        walker: &'w Walker<'n, 's>,
        flow: &'w Flow,
        bytes: Bytes,
        handshake: &Exchange,
    ) -> Option<Self> {
        let Stop::Delivered { ns: server, socket } = handshake.request.stop else { return None };
        let answer = &handshake.response.as_ref()?.end.state.packet;
        let at_server = &handshake.request.state.packet;
        let family = at_server.family;
        // `TCP_MSS_DEFAULT`, and what IPv6 has in its place, where none is offered.
        let default = if family == IpFamily::V4 { 536 } else { 1220 };
        let timestamps = |ns: NsIndex| {
            walker.net.namespace(ns).sysctls.number("net.ipv4.tcp_timestamps").unwrap_or(1) != 0
        };
        let both = timestamps(flow.origin.ns()) && timestamps(server);
        Some(Self {
            walker,
            flow,
            bytes,
            sent: walker.sent_by_client(flow, answer.dport, &handshake.request.state),
            served: at_server.tuple(),
            server,
            mss: [answer.sizing.mss.unwrap_or(default), at_server.sizing.mss.unwrap_or(default)],
            options: if both { TIMESTAMPS } else { 0 },
            stopped: socket.filter(|s| walker.net.is_stopped(server, *s)),
            owner: socket
                .and_then(|i| walker.net.namespace(server).sockets.items().get(i))
                .map(|s| SocketOwner { uid: s.uid, gid: s.uid, kernel: false }),
        })
    }

    pub(super) fn payload(&self, direction: Part) -> u32 {
        match direction {
            Part::Up => self.bytes.up,
            Part::Down => self.bytes.down,
            Part::Opening => 0,
        }
    }

    /// Namespace of the end that sends.
    pub(super) fn sender(&self, direction: Part) -> NsIndex {
        match direction {
            Part::Opening | Part::Up => self.flow.origin.ns(),
            Part::Down => self.server,
        }
    }

    pub(super) fn sysctl(&self, ns: NsIndex, name: &str, default: i64) -> i64 {
        self.walker.net.namespace(ns).sysctls.number(&format!("net.ipv4.{name}")).unwrap_or(default)
    }

    /// Largest packet of a sender that probes, at first (`tcp_mss_to_mtu` of `tcp_base_mss`).
    pub(super) fn probed(&self, ns: NsIndex) -> u16 {
        let base = u16::try_from(self.sysctl(ns, "tcp_base_mss", 1024)).unwrap_or(1024);
        base.saturating_add(header(IpFamily::of(self.sent.dst)) + 20 + self.options)
    }

    /// The first segment of a payload.
    pub(super) fn packet(&self, direction: Part, most: Option<u16>) -> Packet {
        let mut p = self.bare(direction);
        let peer_mss = self.mss[usize::from(direction == Part::Down)];
        // A client that always probes begins small; a server does so only once its path is a black hole (it sets its
        // segments' size before, `tcp_v4_syn_recv_sock`).
        let ns = self.sender(direction);
        let begins_small = direction == Part::Up && self.sysctl(ns, "tcp_mtu_probing", 0) > 1;
        let most = most.or(begins_small.then(|| self.probed(ns)));
        let data = Stream { payload: self.payload(direction), peer_mss, options: self.options, most };
        p.tcp_flags = tcp_flags::ACK | tcp_flags::PSH;
        p.sizing.discovers = true;
        match (direction, self.flow.origin) {
            // Nobody here routes it: of its own path nothing is known but the link that it comes in by.
            (Part::Up, Origin::Outside { ns, device, .. }) => {
                data.fill(&mut p, self.walker.net.link(ns, device).map_or(u32::MAX, |l| l.mtu));
                p.sizing.dont_fragment = Some(true);
            }
            _ => p.sizing.data = Some(data),
        }
        p
    }

    /// A segment without payload.
    pub(super) fn bare(&self, direction: Part) -> Packet {
        let family = IpFamily::of(self.sent.dst);
        let mut p = match direction {
            Part::Opening | Part::Up => {
                let mut p = request(self.walker, self.flow, self.sent.sport);
                p.src = self.sent.src;
                p
            }
            Part::Down => {
                let t = inverse(&self.served);
                let settings = &self.walker.net.ns[self.server].settings;
                let ttl =
                    if family == IpFamily::V4 { settings.default_ttl } else { settings.default_hop_limit };
                let mut p = blank(t.src, t.dst, Protocol::TCP, ttl);
                (p.sport, p.dport) = (t.sport, t.dport);
                p.owner = self.owner;
                p
            }
        };
        p.sizing = Sizing::default();
        p.tcp_flags = tcp_flags::ACK;
        p.len = header(family) + 20 + self.options;
        p
    }

    pub(super) fn walk(&self, direction: Part, packet: Packet, world: &World, share: Share) -> Vec<End> {
        match direction {
            Part::Opening | Part::Up => {
                let goal = Goal::Client { ns: self.server, expected: self.served };
                self.walker.set_out(&self.flow.origin, packet, &goal, world, share)
            }
            Part::Down => {
                let goal = Goal::Client { ns: self.flow.origin.ns(), expected: inverse(&self.sent) };
                self.send(self.server, packet, &goal, world, share)
            }
        }
    }

    pub(super) fn send(
        &self,
        ns: NsIndex,
        packet: Packet,
        goal: &Goal,
        world: &World,
        share: Share,
    ) -> Vec<End> {
        let state = State {
            share,
            packet,
            world: world.clone(),
            rerouted: Rerouted::No,
            history: History::default(),
        };
        let mut ends = Vec::with_capacity(1);
        self.walker.send(ns, state, None, goal, &mut ends);
        ends
    }

    /// Whether a packet that went this way is at its end.
    pub(super) fn arrived(&self, direction: Part, stop: &Stop) -> bool {
        match (direction, stop, self.flow.origin) {
            (_, Stop::Delivered { .. }, _) => true,
            (Part::Down, Stop::LeavesSnapshot { ns, .. }, Origin::Outside { ns: here, .. }) => *ns == here,
            _ => false,
        }
    }
}
