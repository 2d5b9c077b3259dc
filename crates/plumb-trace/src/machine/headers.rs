//! The bytes of a packet's headers, as far as the walk knows them, and back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plumb_model::{IpFamily, Mac, Protocol, Tuple};

use crate::packet::{Packet, TcpOptions, tcp_flags};

/// Room for the longest that is described: an ICMPv6 error with the header and the ports of the packet that it is about.
const ROOM: usize = 52;

/// One header: bytes, and which of their bits are not known.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub bytes: [u8; ROOM],
    pub unknown: [u8; ROOM],
    /// Bytes that are described; what follows is wholly unknown.
    pub len: usize,
    /// Bytes of these that the packet is surely long enough for.
    inside: usize,
}

impl Header {
    fn new(len: usize) -> Self {
        Self { bytes: [0; ROOM], unknown: [0; ROOM], len, inside: 0 }
    }

    /// Bytes that are described and lie within the packet, with those of their bits that are not known.
    #[inline]
    pub(super) fn get(&self, offset: usize, len: usize) -> Option<(&[u8], &[u8])> {
        let end = offset + len;
        if end > self.inside {
            return None;
        }
        Some((self.bytes.get(offset..end)?, self.unknown.get(offset..end)?))
    }

    /// Four bytes as they lie in memory, of which the first `len` are described and lie within the packet, with those
    /// of their bits that are not known.
    #[inline]
    pub(super) fn word(&self, offset: usize, len: usize) -> Option<(u32, u32)> {
        let word = |bytes: &[u8; ROOM]| bytes.get(offset..)?.first_chunk().copied().map(u32::from_le_bytes);
        if offset + len > self.inside {
            return None;
        }
        Some((word(&self.bytes)?, word(&self.unknown)?))
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(room) = self.bytes.get_mut(at..at + bytes.len()) {
            room.copy_from_slice(bytes);
        }
    }

    fn hide(&mut self, at: usize, len: usize) {
        if let Some(room) = self.unknown.get_mut(at..at + len) {
            room.fill(0xff);
        }
    }
}

/// Network and transport header of a packet.
#[derive(Clone, Debug)]
pub(super) struct Headers {
    pub network: Header,
    pub transport: Header,
    /// Bytes from the network header to the packet's end.
    pub packet_len: usize,
}

impl Headers {
    pub(super) fn of(p: &Packet) -> Self {
        let mut network = match (p.src, p.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) if p.arp.is_some() => arp(p, src, dst),
            (IpAddr::V4(src), IpAddr::V4(dst)) => ipv4(p, src, dst),
            (IpAddr::V6(src), IpAddr::V6(dst)) => ipv6(p, src, dst),
            _ => Header::new(0),
        };
        let mut transport = transport(p);
        let packet_len = usize::from(p.len);
        network.inside = network.len.min(packet_len);
        transport.inside = transport.len.min(packet_len.saturating_sub(network_len(p)));
        Self { network, transport, packet_len }
    }
}

/// Next header of a fragment (RFC 8200, 4.5).
pub(super) const IPV6_FRAGMENT: u8 = 44;

/// Bytes of an ARP message for IPv4 over Ethernet (RFC 826).
const ARP_LEN: usize = 28;

fn arp(p: &Packet, src: Ipv4Addr, dst: Ipv4Addr) -> Header {
    let mut h = Header::new(ARP_LEN);
    let operation = p.arp.unwrap_or(1);
    h.put(0, &[0, 1, 8, 0, 6, 4]);
    h.put(6, &operation.to_be_bytes());
    h.put(8, &p.eth_src.unwrap_or_default().0);
    h.put(14, &src.octets());
    // A question leaves the target's hardware address empty.
    let target = if operation == 1 { Mac::default() } else { p.eth_dst.unwrap_or_default() };
    h.put(18, &target.0);
    h.put(24, &dst.octets());
    h
}

fn ipv4(p: &Packet, src: Ipv4Addr, dst: Ipv4Addr) -> Header {
    let mut h = Header::new(20);
    h.put(0, &[0x45, p.tos]);
    h.put(2, &p.len.to_be_bytes());
    h.hide(4, 2);
    if let Some(f) = p.sizing.fragment {
        let more = if f.more { 0x2000 } else { 0 };
        h.put(6, &(more | (f.offset / 8)).to_be_bytes());
    }
    // Whether the packet may be cut into fragments is the sender's choice.
    match p.sizing.dont_fragment {
        Some(true) => h.bytes[6] |= 0x40,
        Some(false) => {}
        None => h.unknown[6] = 0x40,
    }
    h.put(8, &[p.ttl, p.protocol.0]);
    h.hide(10, 2);
    h.put(12, &src.octets());
    h.put(16, &dst.octets());
    h
}

fn ipv6(p: &Packet, src: Ipv6Addr, dst: Ipv6Addr) -> Header {
    let mut h = Header::new(40);
    h.put(0, &[0x60 | p.tos >> 4, p.tos << 4]);
    h.unknown[1] = 0x0f;
    h.hide(2, 2);
    h.put(4, &p.len.saturating_sub(40).to_be_bytes());
    let next = if p.sizing.fragment.is_some() { IPV6_FRAGMENT } else { p.protocol.0 };
    h.put(6, &[next, p.ttl]);
    h.put(8, &src.octets());
    h.put(24, &dst.octets());
    h
}

/// Bytes of the IP header.
pub(super) fn network_len(p: &Packet) -> usize {
    match p.family {
        IpFamily::V4 if p.arp.is_some() => ARP_LEN,
        IpFamily::V4 => 20,
        IpFamily::V6 => 40,
    }
}

fn transport(p: &Packet) -> Header {
    let mut h;
    if p.is_later_fragment() {
        return Header::new(0);
    }
    match p.protocol {
        Protocol::TCP => {
            h = Header::new(20);
            h.hide(4, 8);
            h.unknown[12] = 0xf1;
            // A segment that opens or resets a connection carries no data: all of it is header.
            if p.tcp_flags & (tcp_flags::SYN | tcp_flags::RST) != 0 {
                let words = usize::from(p.len).saturating_sub(network_len(p)) / 4;
                h.put(12, &[(words.min(15) as u8) << 4]);
                h.unknown[12] = 0x01;
            }
            h.put(13, &[p.tcp_flags]);
            h.hide(14, 6);
            if let Some((made, left)) = p.tcp_options {
                put_options(&mut h, made, left);
                if let Some(mss) = p.sizing.mss.filter(|mss| made.mss && left.mss && *mss != 0) {
                    h.put(22, &mss.to_be_bytes());
                    h.unknown[22..24].fill(0);
                }
            }
        }
        Protocol::UDP => {
            h = Header::new(8);
            let len = usize::from(p.len).saturating_sub(network_len(p));
            h.put(4, &(len as u16).to_be_bytes());
            h.hide(6, 2);
        }
        Protocol::ICMP | Protocol::ICMPV6 => {
            h = Header::new(8);
            h.hide(2, 6);
            if let Some(icmp) = p.icmp {
                h.put(0, &[icmp.kind, icmp.code]);
                if matches!((p.protocol, icmp.kind), (Protocol::ICMP, 0 | 8) | (Protocol::ICMPV6, 128 | 129))
                {
                    h.put(4, &icmp.id.to_be_bytes());
                    h.unknown[4] = 0;
                    h.unknown[5] = 0;
                }
            } else {
                h.hide(0, 2);
            }
            if let Some(IpAddr::V6(target)) = p.nd_target {
                h.len = 24;
                h.put(8, &target.octets());
            }
            if let Some(inner) = p.inner.filter(|_| p.is_icmp_error()) {
                put_inner(&mut h, &inner);
            }
            return h;
        }
        // SCTP, DCCP and UDP-Lite begin with their ports.
        Protocol(132 | 33 | 136) => {
            h = Header::new(4);
        }
        _ => return Header::new(0),
    }
    h.put(0, &p.sport.to_be_bytes());
    h.put(2, &p.dport.to_be_bytes());
    h
}

/// The options of a SYN in the order in which Linux writes them (`tcp_options_write`); what was stripped left fillers, of
/// which each is an option of its own.
fn put_options(h: &mut Header, made: TcpOptions, left: TcpOptions) {
    const NOP: u8 = 1;
    let fillers = if made.sack == made.timestamps { 0 } else { 2 };
    let filler = |n: usize| (n, true, NOP, 1);
    let one = |made: bool, left: bool, kind: u8, len: usize| (usize::from(made), left, kind, len);
    let parts = [
        one(made.mss, left.mss, 2, 4),
        filler(fillers),
        one(made.sack, left.sack, 4, 2),
        one(made.timestamps, left.timestamps, 8, 10),
        filler(usize::from(made.window_scale)),
        one(made.window_scale, left.window_scale, 3, 3),
    ];
    let mut at = 20;
    for (count, left, kind, len) in parts {
        for _ in 0..count {
            match len {
                2.. if left => {
                    h.put(at, &[kind, len as u8]);
                    h.hide(at + 2, len - 2);
                }
                _ => (at..at + len).for_each(|at| h.put(at, &[NOP])),
            }
            at += len;
        }
    }
    h.len = at;
}

/// The packet that an ICMP error is about begins behind its first 8 bytes: what its tuple tells of it is known.
fn put_inner(h: &mut Header, inner: &Tuple) {
    let ports = match (inner.src, inner.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            h.hide(8, 20);
            h.put(8, &[0x45]);
            h.put(17, &[inner.protocol.0]);
            h.put(20, &src.octets());
            h.put(24, &dst.octets());
            for at in [8, 17].into_iter().chain(20..28) {
                h.unknown[at] = 0;
            }
            28
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            h.hide(8, 8);
            h.put(8, &[0x60]);
            h.unknown[8] = 0x0f;
            h.put(14, &[inner.protocol.0]);
            h.unknown[14] = 0;
            h.put(16, &src.octets());
            h.put(32, &dst.octets());
            48
        }
        _ => return,
    };
    match (inner.protocol, inner.icmp) {
        (Protocol::ICMP | Protocol::ICMPV6, Some(icmp)) => {
            h.put(ports, &[icmp.kind, icmp.code]);
            h.hide(ports + 2, 2);
        }
        (Protocol::TCP | Protocol::UDP | Protocol(132 | 33 | 136), _) => {
            h.put(ports, &inner.sport.to_be_bytes());
            h.put(ports + 2, &inner.dport.to_be_bytes());
        }
        _ => h.hide(ports, 4),
    }
    h.len = ports + 4;
}

/// The Ethernet header, where the packet has one here. The loopback device's is all zeros.
pub(super) fn link(p: &Packet, loopback: bool) -> Option<[u8; 14]> {
    let zero = loopback.then_some(Mac([0; 6]));
    let (dst, src) = (p.eth_dst.or(zero)?, p.eth_src.or(zero)?);
    let mut h = [0; 14];
    for (to, from) in h.iter_mut().zip(dst.0.into_iter().chain(src.0)) {
        *to = from;
    }
    let kind = ether_type(p).to_be_bytes();
    h[12] = kind[0];
    h[13] = kind[1];
    Some(h)
}

/// `skb->protocol`
pub(super) fn ether_type(p: &Packet) -> u16 {
    match p.family {
        IpFamily::V4 if p.arp.is_some() => 0x0806,
        IpFamily::V4 => 0x0800,
        IpFamily::V6 => 0x86dd,
    }
}

/// Writes bytes into the network header and takes over what they mean. `false`: some of them mean something that
/// the walk does not carry.
pub(super) fn write_network(p: &mut Packet, offset: usize, bytes: &[u8]) -> bool {
    let mut h = Headers::of(p).network;
    h.put(offset, bytes);
    let b = &h.bytes;
    match p.family {
        IpFamily::V4 => {
            p.tos = b[1];
            p.ttl = b[8];
            p.src = IpAddr::V4(Ipv4Addr::new(b[12], b[13], b[14], b[15]));
            p.dst = IpAddr::V4(Ipv4Addr::new(b[16], b[17], b[18], b[19]));
            b[0] == 0x45 && b[9] == p.protocol.0 && [b[2], b[3]] == p.len.to_be_bytes()
        }
        IpFamily::V6 => {
            let address = |at: usize| {
                let mut a = [0; 16];
                for (to, from) in a.iter_mut().zip(b.iter().skip(at)) {
                    *to = *from;
                }
                IpAddr::V6(Ipv6Addr::from(a))
            };
            p.tos = (b[0] & 0x0f) << 4 | b[1] >> 4;
            p.ttl = b[7];
            p.src = address(8);
            p.dst = address(24);
            let next = if p.sizing.fragment.is_some() { IPV6_FRAGMENT } else { p.protocol.0 };
            b[0] >> 4 == 6 && b[6] == next
        }
    }
}

/// Writes bytes into the transport header.
pub(super) fn write_transport(p: &mut Packet, offset: usize, bytes: &[u8]) -> bool {
    let mut h = transport(p);
    h.put(offset, bytes);
    let b = &h.bytes;
    match p.protocol {
        Protocol::ICMP | Protocol::ICMPV6 => {
            if let Some(icmp) = p.icmp.as_mut() {
                icmp.kind = b[0];
                icmp.code = b[1];
                if h.unknown[4] == 0 {
                    icmp.id = u16::from_be_bytes([b[4], b[5]]);
                }
            }
        }
        Protocol::TCP | Protocol::UDP | Protocol(132 | 33 | 136) => {
            p.sport = u16::from_be_bytes([b[0], b[1]]);
            p.dport = u16::from_be_bytes([b[2], b[3]]);
            if p.protocol == Protocol::TCP {
                p.tcp_flags = b[13];
            }
        }
        _ => return false,
    }
    true
}
