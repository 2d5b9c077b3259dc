//! What comes back for a packet: the server's reply, a RST, an ICMP error (net/ipv4/icmp.c, tcp_ipv4.c,
//! netfilter/nf_reject_ipv4.c, and their IPv6 counterparts).

use std::net::IpAddr;

use plumb_model::{Icmp, IpFamily, PolicyAction, Protocol, RouteKind, Tuple};

use super::{Bytes, Origin, Transport};
use crate::event::{Answer, Stop};
use crate::network::Network;
use crate::packet::{
    CtInfo, CtState, Packet, PacketSocket, PacketType, SocketOwner, TcpOptions, Tracking, tcp_flags,
};
use crate::state::NsIndex;

/// A packet that a machine sends because of another.
pub(super) struct Reply {
    /// Where.
    pub(super) ns: NsIndex,
    /// The packet.
    pub(super) packet: Packet,
    /// Device that the sender's socket is bound to.
    pub(super) oif: Option<u32>,
}

/// A packet with nothing set but its header.
pub(crate) fn blank(src: IpAddr, dst: IpAddr, protocol: Protocol, ttl: u8) -> Packet {
    Packet {
        family: IpFamily::of(dst),
        src,
        dst,
        protocol,
        sport: 0,
        dport: 0,
        icmp: None,
        tcp_flags: 0,
        tcp_options: None,
        ttl,
        tos: 0,
        len: 60,
        inner: None,
        arp: None,
        nd_target: None,
        eth_src: None,
        eth_dst: None,
        packet_type: PacketType::Host,
        mark: 0,
        priority: 0,
        tracking: Tracking::None,
        zone: None,
        owner: None,
        socket: None,
        sizing: crate::packet::Sizing::default(),
    }
}

fn default_ttl(net: &Network, ns: NsIndex, family: IpFamily) -> u8 {
    let s = &net.ns[ns].settings;
    match family {
        IpFamily::V4 => s.default_ttl,
        IpFamily::V6 => s.default_hop_limit,
    }
}

/// Length of what the walk sends, headers included: a SYN with the kernel's options, a datagram of 16 bytes, an echo
/// of 56.
pub(super) fn length(transport: Transport, family: IpFamily) -> u16 {
    let header = match family {
        IpFamily::V4 => 20,
        IpFamily::V6 => 40,
    };
    header
        + match transport {
            Transport::Tcp => 40,
            Transport::Udp => 24,
            Transport::Icmp => 64,
        }
}

/// Length of a datagram, or of an echo, with so much payload.
pub(super) fn with_payload(family: IpFamily, payload: u32) -> u16 {
    u16::try_from(payload.saturating_add(crate::walk::header(family).into()).saturating_add(8))
        .unwrap_or(u16::MAX)
}

/// The server's own answer to a request that reached it.
pub(super) fn server_reply(
    net: &Network,
    transport: Transport,
    ns: NsIndex,
    index: Option<usize>,
    p: &Packet,
    bytes: Option<Bytes>,
) -> Reply {
    let socket = index.and_then(|i| net.namespace(ns).sockets.items().get(i));
    let mut reply = blank(p.dst, p.src, p.protocol, default_ttl(net, ns, p.family));
    reply.sport = p.dport;
    reply.dport = p.sport;
    reply.len = length(transport, p.family);
    reply.mark = socket.and_then(|s| s.mark).unwrap_or(0);
    if let Some(bytes) = bytes {
        reply.sizing.discovers = transport != Transport::Icmp || p.family == IpFamily::V6;
        match transport {
            Transport::Tcp => reply.sizing.mss = Some(0),
            Transport::Udp => reply.len = with_payload(p.family, bytes.down),
            Transport::Icmp => reply.len = p.len,
        }
        // `icmp_sk_init`: the stack's own socket never sets DF.
        if transport == Transport::Icmp {
            reply.sizing.dont_fragment = Some(false);
        }
    }
    let mut oif = socket.and_then(|s| s.bound_dev).filter(|d| *d != 0);
    match transport {
        Transport::Tcp => {
            reply.tcp_flags = tcp_flags::SYN | tcp_flags::ACK;
            // What the client offers and this machine does, too (`tcp_synack_options`).
            if let Some((_, offered)) = p.tcp_options {
                let mss = net.ns[ns].settings.syn_options.mss;
                reply.set_options(TcpOptions { mss, ..offered.and(net.ns[ns].settings.syn_options) });
            }
            // `inet_request_mark`
            if reply.mark == 0 && net.ns[ns].settings.fwmark_accept {
                reply.mark = p.mark;
            }
        }
        Transport::Udp => {
            // A plain server does not say from which of its addresses it answers: the route does.
            // One that packets for others are handed to answers in their name: it is transparent for that.
            let handed = matches!(p.socket, Some(PacketSocket::Of(_)));
            if !handed && socket.is_none_or(|s| s.src.is_unspecified()) {
                reply.src = p.family.unspecified();
            }
        }
        Transport::Icmp => {
            let kind = if p.family == IpFamily::V4 { 0 } else { 129 };
            reply.icmp = p.icmp.map(|i| Icmp { kind, ..i });
            // `icmp_reply`, `icmpv6_echo_reply`
            reply.tos = p.tos;
        }
    }
    reply.socket = index.and_then(|i| u32::try_from(i).ok()).map(|i| match transport {
        Transport::Tcp => PacketSocket::Request(i),
        _ => PacketSocket::Of(i),
    });
    reply.owner = match transport {
        Transport::Icmp => Some(SocketOwner::KERNEL),
        _ => socket.map(|s| SocketOwner { uid: s.uid, gid: s.uid, kernel: false }),
    };
    if link_local(p.src) {
        oif = oif.or_else(|| device_of_link_local(net, ns, p.dst));
    }
    Reply { ns, packet: reply, oif }
}

fn link_local(a: IpAddr) -> bool {
    matches!(a, IpAddr::V6(a) if a.is_unicast_link_local())
}

fn device_of_link_local(net: &Network, ns: NsIndex, addr: IpAddr) -> Option<u32> {
    net.namespace(ns).addresses.items().iter().find(|a| a.prefix.addr == addr).map(|a| a.index)
}

/// The error that a machine sends back when it cannot or will not carry a packet on; `None`: it says nothing.
pub(super) fn error_for(net: &Network, stop: &Stop, p: &Packet) -> Option<Reply> {
    if p.is_icmp_error()
        || p.is_later_fragment()
        || (p.protocol == Protocol::TCP && p.tcp_flags & tcp_flags::RST != 0 && is_reset_case(stop))
    {
        return None;
    }
    let v4 = p.family == IpFamily::V4;
    // The codes of "no route", "host", "prohibited" of the family.
    let (no_route, host, prohibited) = if v4 { ((3, 0), (3, 1), (3, 13)) } else { ((1, 0), (1, 3), (1, 1)) };
    let icmp = |ns, (kind, code), tracked| Some(icmp_error(net, ns, kind, code, p, tracked));
    match *stop {
        Stop::NoListener { ns, .. } => match p.protocol {
            Protocol::TCP => Some(reset(net, ns, p, false)),
            Protocol::UDP => icmp(ns, if v4 { (3, 3) } else { (1, 4) }, false),
            _ => icmp(ns, if v4 { (3, 2) } else { (4, 1) }, false),
        },
        Stop::Rejected { by, answer, routed, .. } => {
            let ns = match by {
                crate::event::Decider::Rule(r) => r.ns,
                crate::event::Decider::Policy(c) => c.ns,
            };
            match answer {
                Answer::TcpReset => (p.protocol == Protocol::TCP).then(|| reset(net, ns, p, true)),
                Answer::Icmp { kind, code } => {
                    let mut reply = icmp(ns, (kind, code), true)?;
                    if v4 && !routed {
                        reply.packet.src = source_before_routing(net, ns, p)?;
                    }
                    Some(reply)
                }
                Answer::Nothing => None,
            }
        }
        Stop::NoRoute { ns, local: false, .. } => icmp(ns, no_route, true),
        Stop::RouteDiscards { route, local: false } => {
            match net.namespace(route.ns).routes.items().get(route.route).map(|r| r.kind) {
                Some(RouteKind::Unreachable) => icmp(route.ns, if v4 { host } else { no_route }, true),
                Some(RouteKind::Prohibit) => icmp(route.ns, prohibited, true),
                _ => None,
            }
        }
        Stop::PolicyRule { ns, rule, local: false } => {
            match net.namespace(ns).rules.items().get(rule).map(|r| r.action) {
                Some(PolicyAction::Unreachable) => icmp(ns, no_route, true),
                Some(PolicyAction::Prohibit) => icmp(ns, prohibited, true),
                _ => None,
            }
        }
        Stop::NeighbourFailed { ns, local: false, .. } => icmp(ns, host, true),
        Stop::TtlExceeded { ns, .. } => icmp(ns, if v4 { (11, 0) } else { (3, 0) }, true),
        Stop::TooBig { ns, .. } => icmp(ns, if v4 { (3, 4) } else { (2, 0) }, true),
        Stop::Martian { ns, source: true, addr, .. } if link_local(addr) && p.ttl > 0 => {
            let _ = ns;
            icmp(ns, (1, 2), true)
        }
        _ => None,
    }
}

/// Source of IPv4's answer to a packet whose own route is not known yet; `None`: it cannot be sent. `nf_send_unreach`
/// fills in the route back to the sender (before Linux 6.17 also where the packet has one, from the loopback device).
/// Where that leads to this machine, `__icmp_send` takes the packet itself for one that was delivered here and answers
/// from its destination, which `ip_route_output_key_hash_rcu` refuses unless it is an address of this machine. Else the
/// address is that of the way back.
fn source_before_routing(net: &Network, ns: NsIndex, p: &Packet) -> Option<IpAddr> {
    match (net.is_local(ns, p.src), net.is_local(ns, p.dst)) {
        (false, _) => Some(p.family.unspecified()),
        (true, true) => Some(p.dst),
        (true, false) => None,
    }
}

fn is_reset_case(stop: &Stop) -> bool {
    matches!(stop, Stop::NoListener { .. } | Stop::Rejected { answer: Answer::TcpReset, .. })
}

/// A made-up packet takes over the connection of the one that it answers (`nf_conntrack_attach`). That a packet was not to
/// be tracked it does not take over.
fn attach(p: &Packet) -> Tracking {
    match p.tracking {
        Tracking::Entry { entry, info } => {
            Tracking::Entry { entry, info: CtInfo { state: CtState::Related, reply: !info.reply } }
        }
        Tracking::Untracked | Tracking::None => Tracking::None,
    }
}

fn reset(net: &Network, ns: NsIndex, p: &Packet, attached: bool) -> Reply {
    let mut packet = blank(p.dst, p.src, Protocol::TCP, default_ttl(net, ns, p.family));
    packet.sport = p.dport;
    packet.dport = p.sport;
    packet.tcp_flags = tcp_flags::RST | tcp_flags::ACK;
    packet.len = length(Transport::Tcp, p.family) - 20;
    if attached {
        packet.tracking = attach(p);
    } else {
        // The stack answers in kind (`tcp_v4_send_reset`, `tcp_v6_send_reset`), the rule does not.
        packet.tos = p.tos & 0xfc;
        // That of IPv6 has no socket (`tcp_v6_send_response`).
        packet.owner = (p.family == IpFamily::V4).then_some(SocketOwner::KERNEL);
    }
    Reply { ns, packet, oif: None }
}

fn icmp_error(net: &Network, ns: NsIndex, kind: u8, code: u8, p: &Packet, attached: bool) -> Reply {
    let src = if net.is_local(ns, p.dst) { p.dst } else { p.family.unspecified() };
    let mut packet = blank(src, p.src, Protocol::icmp(p.family), default_ttl(net, ns, p.family));
    packet.icmp = Some(Icmp { kind, code, id: 0 });
    packet.inner = Some(Tuple { ..p.tuple() });
    packet.owner = Some(SocketOwner::KERNEL);
    packet.len = p.len.saturating_add(28).min(576);
    packet.tos = if p.family == IpFamily::V4 { (p.tos & 0x1e) | 0xc0 } else { 0 };
    if attached {
        packet.tracking = attach(p);
    }
    Reply { ns, packet, oif: None }
}

/// Goal of what comes back to the client.
pub(super) fn client_ns(origin: &Origin) -> NsIndex {
    origin.ns()
}
