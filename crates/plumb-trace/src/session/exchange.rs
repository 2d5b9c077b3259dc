//! One packet of the client and everything that comes back for it.

use plumb_model::{Icmp, IpFamily, Protocol, Tuple};

use super::answer::{Reply, blank, client_ns, error_for, length, server_reply, with_payload};
use super::{Errno, Flow, Origin, Transport};
use crate::event::{Decider, NoAnswer, Stop};
use crate::network::inverse;
use crate::packet::{Packet, PacketSocket, PacketType, SocketOwner, tcp_flags};
use crate::share::Share;
use crate::state::{History, NsIndex, Rerouted, State, World};
use crate::walk::{Arrived, End, Goal, Walker};

/// What the client notices of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reaction {
    /// The reply is there.
    Reply,
    /// Its call fails with this error.
    Error(Errno),
    /// Nothing.
    Silence,
    /// It cannot be told: the walk could not go on.
    Unknown,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseKind {
    /// The server's reply.
    Reply,
    /// A RST.
    Reset,
    /// An ICMP error.
    IcmpError {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
    },
}

/// What was sent back, and where it ended.
#[derive(Clone, Debug)]
pub struct Response {
    /// What.
    pub kind: ResponseKind,
    /// From where.
    pub from: NsIndex,
    /// Its end.
    pub end: End,
}

/// What of an attempt a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// A handshake, a datagram or an echo, with what comes back for it.
    Opening,
    /// Payload from client to server.
    Up,
    /// Payload from server to client.
    Down,
}

/// A branch of one packet's fate.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What of the attempt it is.
    pub part: Part,
    /// Share of the mass.
    pub share: Share,
    /// What the client notices.
    pub reaction: Reaction,
    /// The request and where it ended.
    pub request: End,
    /// What came back for it.
    pub response: Option<Response>,
    /// The world afterwards.
    pub world: World,
}

impl Walker<'_, '_> {
    /// Sends one packet of the flow, in a world as earlier packets left it.
    #[must_use]
    pub fn exchange(&self, flow: &Flow, sport: u16, world: &World, share: Share) -> Vec<Exchange> {
        let ends = self.set_out(&flow.origin, request(self, flow, sport), &Goal::Server, world, share);
        ends.into_iter().flat_map(|end| self.react(flow, sport, end)).collect()
    }

    /// Walks a packet from where it begins to all its ends.
    pub(super) fn set_out(
        &self,
        origin: &Origin,
        packet: Packet,
        goal: &Goal,
        world: &World,
        share: Share,
    ) -> Vec<End> {
        let mut ends = Vec::with_capacity(1);
        let family = packet.family;
        let state = State {
            share,
            packet,
            world: world.clone(),
            rerouted: Rerouted::No,
            history: History::default(),
        };
        match *origin {
            Origin::Process { ns, source } => {
                if let Some(addr) = source
                    && !self.net.is_local(ns, addr)
                {
                    ends.push(End { state, stop: Stop::NoSource { ns, family } });
                } else {
                    self.send(ns, state, None, goal, &mut ends);
                }
            }
            Origin::Outside { ns, device, .. } => {
                let arrived = Arrived { ns, device, physin: None, prerouted: false, depth: 0 };
                self.receive(arrived, false, state, goal, &mut ends);
            }
        }
        ends
    }

    /// Walks one packet from where it begins to all its ends, in a world as earlier packets left it; nothing comes back for it.
    /// It is of any protocol, for TCP a SYN; ports of others are read where theirs are at the same place.
    #[must_use]
    pub fn one_way(&self, origin: &Origin, sent: Tuple, world: &World, share: Share) -> Vec<End> {
        let settings = &self.net.ns[origin.ns()].settings;
        let ttl = match IpFamily::of(sent.dst) {
            IpFamily::V4 => settings.default_ttl,
            IpFamily::V6 => settings.default_hop_limit,
        };
        let mut packet = blank(sent.src, sent.dst, sent.protocol, ttl);
        (packet.sport, packet.dport, packet.icmp) = (sent.sport, sent.dport, sent.icmp);
        if sent.protocol == Protocol::TCP {
            packet.tcp_flags = tcp_flags::SYN;
        }
        let mut ends = self.set_out(origin, packet, &Goal::Server, world, share);
        for end in &mut ends {
            end.state.world.conntrack.forget_passing();
        }
        ends
    }

    /// Source address that the kernel chooses for a flow, before any rule has seen it.
    pub(super) fn source_of(&self, flow: &Flow) -> Option<std::net::IpAddr> {
        let Origin::Process { ns, source: None } = flow.origin else { return None };
        let packet = request(self, flow, 0);
        let ways = self.net.route_output(ns, &packet, None).ok()?;
        self.net.output_source(ns, ways.first()?, flow.dst)
    }

    fn react(&self, flow: &Flow, sport: u16, request: End) -> Vec<Exchange> {
        let share = request.state.share;
        let finish = |reaction, response: Option<Response>, share, world: &World| {
            let mut world = world.clone();
            if world.conntrack.has_passing() {
                world.conntrack.forget_passing();
            }
            Exchange { part: Part::Opening, share, reaction, request: request.clone(), response, world }
        };
        let mut own = None;
        let (reply, kind) = match &request.stop {
            Stop::Delivered { ns, socket } => {
                let reply =
                    server_reply(self.net, flow.transport, *ns, *socket, &request.state.packet, flow.bytes);
                (reply, ResponseKind::Reply)
            }
            stop if is_open(stop) => {
                return vec![finish(Reaction::Unknown, None, share, &request.state.world)];
            }
            stop => {
                own = local_error(self, flow, &request);
                // What a rule answers to its own machine passes that machine's hooks before the call of the sender
                // returns (`nf_send_unreach`), and leaves its marks there.
                let answers = own.is_none() || matches!(stop, Stop::Rejected { .. });
                let reply = if answers { error_for(self.net, stop, &request.state.packet) } else { None };
                let Some(reply) = reply else {
                    let reaction = own.map_or(Reaction::Silence, Reaction::Error);
                    return vec![finish(reaction, None, share, &request.state.world)];
                };
                let kind = match reply.packet.icmp {
                    Some(i) => ResponseKind::IcmpError { kind: i.kind, code: i.code },
                    None => ResponseKind::Reset,
                };
                (reply, kind)
            }
        };
        let from = reply.ns;
        self.respond(flow, sport, &request.state, reply, kind)
            .into_iter()
            .map(|end| {
                let reaction = own.map_or_else(|| reaction(flow, kind, &end), Reaction::Error);
                let (share, mut world) = (end.state.share, end.state.world.clone());
                if own.is_some() {
                    // What the answer met that is not known cannot change what the call returns.
                    world.unknowns.clone_from(&request.state.world.unknowns);
                }
                finish(reaction, Some(Response { kind, from, end }), share, &world)
            })
            .collect()
    }

    /// Walks what a machine sends back to all its ends.
    fn respond(
        &self,
        flow: &Flow,
        sport: u16,
        request: &State,
        reply: Reply,
        kind: ResponseKind,
    ) -> Vec<End> {
        let sent = self.sent_by_client(flow, sport, request);
        let ns = client_ns(&flow.origin);
        let goal = match kind {
            ResponseKind::IcmpError { .. } => Goal::Error { ns, sent },
            _ => Goal::Client { ns, expected: inverse(&sent) },
        };
        let state = State {
            share: request.share,
            packet: reply.packet,
            world: request.world.clone(),
            rerouted: Rerouted::No,
            history: History::default(),
        };
        let mut ends = Vec::with_capacity(1);
        self.send(reply.ns, state, reply.oif, &goal, &mut ends);
        ends
    }

    /// The tuple of the client's own packet as its socket knows it.
    pub(super) fn sent_by_client(&self, flow: &Flow, sport: u16, request: &State) -> Tuple {
        let mut p = self::request(self, flow, sport);
        if p.src.is_unspecified() {
            p.src = request.world.source.unwrap_or(p.src);
        }
        p.tuple()
    }
}

/// The client's packet; its source is chosen by the route where the client is not bound.
pub(super) fn request(walker: &Walker, flow: &Flow, sport: u16) -> Packet {
    let family = IpFamily::of(flow.dst);
    let (ns, source) = match flow.origin {
        Origin::Process { ns, source } => (ns, source),
        Origin::Outside { ns, source, .. } => (ns, Some(source)),
    };
    let settings = &walker.net.ns[ns].settings;
    let ttl = match family {
        IpFamily::V4 => settings.default_ttl,
        IpFamily::V6 => settings.default_hop_limit,
    };
    let protocol = match flow.transport {
        Transport::Tcp => Protocol::TCP,
        Transport::Udp => Protocol::UDP,
        Transport::Icmp => Protocol::icmp(family),
    };
    let mut p = blank(source.unwrap_or(family.unspecified()), flow.dst, protocol, ttl);
    p.len = length(flow.transport, family);
    match flow.transport {
        Transport::Tcp => {
            (p.sport, p.dport, p.tcp_flags) = (sport, flow.port, tcp_flags::SYN);
            p.set_options(settings.syn_options);
        }
        Transport::Udp => (p.sport, p.dport) = (sport, flow.port),
        Transport::Icmp => {
            let kind = if family == IpFamily::V4 { 8 } else { 128 };
            p.icmp = Some(Icmp { kind, code: 0, id: sport });
        }
    }
    if let Some(bytes) = flow.bytes {
        p.sizing.discovers = true;
        match flow.transport {
            Transport::Tcp => p.sizing.mss = Some(0),
            Transport::Udp | Transport::Icmp => p.len = with_payload(family, bytes.up),
        }
    }
    if let Origin::Process { .. } = flow.origin {
        p.owner = Some(SocketOwner { uid: flow.uid, gid: flow.gid, kernel: false });
        p.socket = Some(PacketSocket::Client);
    } else {
        p.packet_type = PacketType::Host;
    }
    p
}

/// The walk could not see the end.
pub(super) fn is_open(stop: &Stop) -> bool {
    match stop {
        Stop::Unmodelled { .. } | Stop::LeavesSnapshot { .. } => true,
        Stop::NeighbourFailed { why: NoAnswer::Lost { stop, .. }, .. } => is_open(stop),
        _ => false,
    }
}

/// The namespace from which a packet, or the question for its neighbour, left the snapshot.
fn leaves(stop: &Stop) -> Option<NsIndex> {
    match stop {
        Stop::LeavesSnapshot { ns, .. } => Some(*ns),
        Stop::NeighbourFailed { why: NoAnswer::Lost { answer: false, stop }, .. } => leaves(stop),
        _ => None,
    }
}

/// Namespace of whoever gave a verdict.
fn ns_of(by: &Decider) -> NsIndex {
    match by {
        Decider::Rule(r) => r.ns,
        Decider::Policy(c) => c.ns,
    }
}

/// What the client's own call returns when its packet does not even leave (spec: outcome `local_error`,
/// `unreachable`); `None`: the stack hides it, or it happened elsewhere.
fn local_error(walker: &Walker, flow: &Flow, request: &End) -> Option<Errno> {
    use plumb_model::{PolicyAction, RouteKind};
    let Origin::Process { ns: client, .. } = flow.origin else { return None };
    let net = walker.net;
    let tcp = flow.transport == Transport::Tcp;
    // A look-up that failed in the output hook is an error of the send, which TCP ignores.
    let hidden = tcp && request.state.rerouted == Rerouted::Failed;
    let error = |e: Errno| (!hidden).then_some(e);
    match &request.stop {
        Stop::NoRoute { local: true, ns, .. } if *ns == client => error(Errno::Enetunreach),
        Stop::RouteDiscards { local: true, route } if route.ns == client => {
            match net.namespace(route.ns).routes.items().get(route.route).map(|r| r.kind) {
                Some(RouteKind::Blackhole) => error(Errno::Einval),
                Some(RouteKind::Prohibit) => error(Errno::Eacces),
                _ => error(Errno::Ehostunreach),
            }
        }
        Stop::PolicyRule { local: true, ns, rule } if *ns == client => {
            match net.namespace(*ns).rules.items().get(*rule).map(|r| r.action) {
                Some(PolicyAction::Blackhole) => error(Errno::Einval),
                Some(PolicyAction::Prohibit) => error(Errno::Eacces),
                _ => error(Errno::Enetunreach),
            }
        }
        Stop::NoSource { ns, .. } if *ns == client => Some(Errno::Eaddrnotavail),
        Stop::NeighbourFailed { local: true, ns, .. } if *ns == client => tcp.then_some(Errno::Ehostunreach),
        Stop::Dropped { by, hook, queue: None } | Stop::Rejected { by, hook, .. }
            if !tcp && ns_of(by) == client =>
        {
            let own = matches!(hook, plumb_nft::Hook::Output | plumb_nft::Hook::Postrouting);
            (own && request.state.packet.owner.is_some()).then_some(Errno::Eperm)
        }
        Stop::NatExhausted { ns, .. } if *ns == client && !tcp => {
            request.state.packet.owner.is_some().then_some(Errno::Eperm)
        }
        _ => None,
    }
}

/// What the client makes of what came back.
fn reaction(flow: &Flow, kind: ResponseKind, end: &End) -> Reaction {
    let outside = matches!(flow.origin, Origin::Outside { .. });
    let there = match &end.stop {
        Stop::Delivered { .. } => true,
        // To somebody outside: it left the machine towards them, or the question for whoever takes it there did.
        stop if outside && leaves(stop) == Some(flow.origin.ns()) => true,
        stop if is_open(stop) => return Reaction::Unknown,
        _ => false,
    };
    if !there {
        return Reaction::Silence;
    }
    match kind {
        ResponseKind::Reply => Reaction::Reply,
        ResponseKind::Reset => Reaction::Error(Errno::Econnrefused),
        ResponseKind::IcmpError { kind, code } => match Errno::of_icmp(IpFamily::of(flow.dst), kind, code) {
            Some((errno, told)) if told || flow.transport == Transport::Tcp => Reaction::Error(errno),
            _ => Reaction::Silence,
        },
    }
}
