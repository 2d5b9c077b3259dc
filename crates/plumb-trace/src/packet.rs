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

/// The socket that a packet bears within a machine (`skb->sk`): that of who made it, or one that a rule handed it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketSocket {
    /// The client's.
    Client,
    /// One of the namespace's sockets, by its index.
    Of(u32),
    /// That of a connection that is being opened, by the index of its listener (`struct request_sock`).
    Request(u32),
}

/// Options of a TCP header, as Linux writes them (`tcp_options_write`, net/ipv4/tcp_output.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "each is there or not")]
pub struct TcpOptions {
    /// Maximum segment size (kind 2).
    pub mss: bool,
    /// Window scale (kind 3).
    pub window_scale: bool,
    /// Selective acknowledgements (kind 4).
    pub sack: bool,
    /// Timestamps (kind 8).
    pub timestamps: bool,
}

impl TcpOptions {
    /// Bytes that they take, filling included.
    #[must_use]
    pub fn len(self) -> u16 {
        let aligned = |is: bool, len: u16| if is { len } else { 0 };
        let sack_alone = self.sack && !self.timestamps;
        aligned(self.mss, 4)
            + aligned(self.timestamps, 12)
            + aligned(sack_alone, 4)
            + aligned(self.window_scale, 4)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// What both have.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            mss: self.mss && other.mss,
            window_scale: self.window_scale && other.window_scale,
            sack: self.sack && other.sack,
            timestamps: self.timestamps && other.timestamps,
        }
    }

    /// Removes an option, by its number.
    pub fn strip(&mut self, kind: u8) {
        match kind {
            2 => self.mss = false,
            3 => self.window_scale = false,
            4 => self.sack = false,
            8 => self.timestamps = false,
            _ => {}
        }
    }
}

/// A piece of a packet that was larger than a link takes (RFC 791, 3.2; RFC 8200, 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fragment {
    /// Where in the packet's data it begins, in bytes.
    pub offset: u16,
    /// Whether others follow it.
    pub more: bool,
    /// Length of the whole packet.
    pub whole: u16,
    /// Of the pieces that the walk follows it is the last: with it the packet is whole again.
    pub completes: bool,
}

/// A stream's payload that is to be sent, before it is cut into segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    /// Bytes of payload.
    pub payload: u32,
    /// Maximum segment size that the other end has offered, as it arrived.
    pub peer_mss: u16,
    /// Bytes of TCP options in each segment.
    pub options: u16,
    /// Largest packet that the sender tries (MTU probing); `None`: what the path takes.
    pub most: Option<u16>,
}

impl Stream {
    /// Makes a packet the first segment of it (`tcp_current_mss`, `tcp_write_xmit`): of full size where there is so much;
    /// what is more than one goes down the stack together.
    pub fn fill(self, p: &mut Packet, mtu: u32) {
        let header = match p.family {
            IpFamily::V4 => 20,
            IpFamily::V6 => 40,
        };
        let full = (u32::from(self.peer_mss) + header + 20).min(mtu);
        let full = self.most.map_or(full, |m| full.min(m.into()));
        let headers = header + 20 + u32::from(self.options);
        let room = full.saturating_sub(headers).max(1);
        p.sizing.segmented = self.payload > room;
        p.len = u16::try_from(headers + self.payload.min(room)).unwrap_or(u16::MAX);
    }
}

/// What is known of a packet's size beside its length. All of it is left open for packets of flows that are not asked
/// about with a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sizing {
    /// Its sender sets DF where the path's MTU is to be found out (`IP_PMTUDISC_WANT`).
    pub discovers: bool,
    /// Whether DF is set; `None`: that is not known.
    pub dont_fragment: Option<bool>,
    /// Maximum segment size that a SYN or SYN-ACK offers (RFC 9293, 3.7.1); 0: the route will say.
    pub mss: Option<u16>,
    /// It stands for several segments that pass stack and links as one (`skb_is_gso`).
    pub segmented: bool,
    /// The payload that it is to carry, until its route is known.
    pub data: Option<Stream>,
    /// The fragment that it is.
    pub fragment: Option<Fragment>,
    /// Largest piece that it was put together from on its way (`IPCB(skb)->frag_max_size`); 0: it never was in pieces.
    pub largest_fragment: u16,
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
    /// Options of a TCP header: of those that it was made with, the ones that are still there. `None` where not known.
    pub tcp_options: Option<(TcpOptions, TcpOptions)>,
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
    /// The socket that it bears here.
    pub socket: Option<PacketSocket>,
    /// What is known of its size beside its length.
    pub sizing: Sizing,
}

impl Packet {
    /// Gives a SYN its options, and the length that it has with them.
    pub fn set_options(&mut self, options: TcpOptions) {
        let header: u16 = if self.family == IpFamily::V4 { 20 } else { 40 };
        self.tcp_options = Some((options, options));
        self.len = header + 20 + options.len();
    }

    /// Removes a TCP option, by its number.
    pub(crate) fn strip_option(&mut self, kind: u8) {
        // RFC 9293, 3.7.1
        const MAXIMUM_SEGMENT_SIZE: u8 = 2;
        if let Some((_, left)) = &mut self.tcp_options {
            left.strip(kind);
        }
        if kind == MAXIMUM_SEGMENT_SIZE {
            self.sizing.mss = None;
        }
    }

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

    /// Whether it is a fragment without the transport header.
    #[must_use]
    pub fn is_later_fragment(&self) -> bool {
        self.sizing.fragment.is_some_and(|f| f.offset > 0)
    }

    /// Whether it is neighbour discovery (RFC 4861: types 133–137), which the tracker leaves alone.
    #[must_use]
    pub fn is_neighbour_discovery(&self) -> bool {
        self.protocol == Protocol::ICMPV6 && self.icmp.is_some_and(|i| (133..=137).contains(&i.kind))
    }
}
