//! A packet on its way: what rules, routes and bridges can read of it and change.

use std::net::IpAddr;

use plumb_model::{Icmp, IpFamily, Mac, Protocol, Tuple};

/// TCP flags (RFC 9293).
pub mod tcp_flags {
    /// FIN
    pub const FIN: u8 = 0x01;
    /// SYN
    pub const SYN: u8 = 0x02;
    /// RST
    pub const RST: u8 = 0x04;
    /// PSH
    pub const PSH: u8 = 0x08;
    /// ACK
    pub const ACK: u8 = 0x10;
}

/// `PACKET_*`: for whom a frame was, as the receiving device saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum PacketType {
    /// For this machine.
    #[default]
    Host,
    /// To all.
    Broadcast,
    /// To a group.
    Multicast,
    /// For somebody else.
    OtherHost,
    /// Looped back, as nftables sees local packets (`PACKET_LOOPBACK`).
    Loopback,
}

/// How a packet stands to the connection it belongs to (`enum ip_conntrack_info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CtInfo {
    /// Established: seen in both directions, or a packet of the reply direction.
    pub state: CtState,
    /// Whether the packet goes in the reply direction.
    pub reply: bool,
}

/// `IP_CT_NEW`, `IP_CT_ESTABLISHED`, `IP_CT_RELATED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CtState {
    /// First packets of a connection without an answer yet.
    New,
    /// Both directions seen.
    Established,
    /// An error that belongs to a connection, or an expected one.
    Related,
}

/// What the tracker made of a packet in the namespace that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Tracking {
    /// The tracker has not seen it (no hook yet, or not active), or found it invalid: `ct state invalid`.
    #[default]
    None,
    /// Marked as not to be tracked.
    Untracked,
    /// It belongs to this entry of the walk's [`CtTable`](crate::conntrack::CtTable).
    Entry {
        /// Index in the walk's table.
        entry: u32,
        /// How.
        info: CtInfo,
    },
}

/// User and group of the socket that sent a packet; gone once it left its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketOwner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// A socket of the kernel's own: no process opened it, so that rules ask in vain for its user and group.
    pub kernel: bool,
}

impl SocketOwner {
    /// The sockets by which the kernel sends ICMP, neighbour discovery and IPv4's RSTs (`icmp_sk`, `ipv4_tcp_sk`).
    pub const KERNEL: Self = Self { uid: 0, gid: 0, kernel: true };
}

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Packet {
    /// IPv4 or IPv6.
    pub family: IpFamily,
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// IP protocol.
    pub protocol: Protocol,
    /// Source port (TCP, UDP).
    pub sport: u16,
    /// Destination port (TCP, UDP).
    pub dport: u16,
    /// Type, code and id (ICMP, ICMPv6).
    pub icmp: Option<Icmp>,
    /// TCP flags.
    pub tcp_flags: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Type of service or traffic class.
    pub tos: u8,
    /// Length in bytes from the IP header on.
    pub len: u16,
    /// For an ICMP error: the tuple of the packet that it answers, as that packet stood where the error was made.
    pub inner: Option<Tuple>,
    /// Operation of an ARP message (1 question, 2 answer): then the addresses are its sender's and its target's, and
    /// there is no IP header.
    pub arp: Option<u16>,
    /// Target of a neighbour solicitation or advertisement.
    pub nd_target: Option<IpAddr>,
    /// Hardware source address, once it is on a link.
    pub eth_src: Option<Mac>,
    /// Hardware destination address.
    pub eth_dst: Option<Mac>,
    /// For whom the frame was.
    pub packet_type: PacketType,
    /// `skb->mark`
    pub mark: u32,
    /// `skb->priority`
    pub priority: u32,
    /// What the tracker made of it here.
    pub tracking: Tracking,
    /// Zone that a rule asked for before the tracker (`ct zone set`, `CT --zone`), and for which direction
    /// (`None`: both).
    pub zone: Option<(u16, Option<bool>)>,
    /// Who sent it, within the sender's own namespace.
    pub owner: Option<SocketOwner>,
}

impl Packet {
    /// The tuple that the tracker sees.
    #[must_use]
    pub fn tuple(&self) -> Tuple {
        Tuple {
            src: self.src,
            dst: self.dst,
            protocol: self.protocol,
            sport: self.sport,
            dport: self.dport,
            icmp: self.icmp,
        }
    }

    /// Whether it is an ICMP or ICMPv6 error (RFC 792, RFC 4443: ICMPv6 types below 128).
    #[must_use]
    pub fn is_icmp_error(&self) -> bool {
        match (self.protocol, self.icmp) {
            (Protocol::ICMP, Some(i)) => matches!(i.kind, 3 | 4 | 5 | 11 | 12),
            (Protocol::ICMPV6, Some(i)) => i.kind < 128,
            _ => false,
        }
    }

    /// Whether it is neighbour discovery (RFC 4861: types 133–137), which the tracker leaves alone.
    #[must_use]
    pub fn is_neighbour_discovery(&self) -> bool {
        self.protocol == Protocol::ICMPV6 && self.icmp.is_some_and(|i| (133..=137).contains(&i.kind))
    }
}
