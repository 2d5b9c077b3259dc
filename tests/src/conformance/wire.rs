//! Packets as bytes: the first one of a connection, its answer, and what comes out somewhere.
//!
//! Each packet carries a number that neither translation nor an ICMP error changes: the sequence number of a SYN, the payload of
//! a datagram, the initiate tag of an SCTP INIT. By it a packet is known again, wherever it comes out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use plumb_api::Protocol;

/// First four bytes of every datagram, before its number.
const MAGIC: [u8; 4] = *b"plmb";
/// Hop limit of what is sent.
const HOPS: u8 = 64;
/// Next header values.
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// Flags of a TCP header.
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Which packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first: a SYN, a datagram, an INIT.
    First,
    /// The answer to the first one with this number.
    Answer(u32),
}

/// A packet of one of the protocols that Services have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) protocol: Protocol,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) number: u32,
}

/// What came out somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// A packet.
    Packet(Packet),
    /// An ICMP error about a packet.
    Error {
        /// Type and code.
        error: (u8, u8),
        /// Number of the packet that it is about.
        about: u32,
    },
}

/// Whether it is a port unreachable of its family.
pub(super) fn is_port_unreachable(error: (u8, u8), v4: bool) -> bool {
    error == if v4 { (3, 3) } else { (1, 4) }
}

impl Packet {
    /// The bytes from the IP header on.
    pub(super) fn bytes(&self, kind: Kind) -> Vec<u8> {
        let mut segment = self.segment(kind);
        let length = u16::try_from(segment.len()).unwrap_or(u16::MAX);
        let (at, sum) = match self.protocol {
            Protocol::Tcp => (16, !ones_sum(&[&self.pseudo_header(length), &segment]).to_be()),
            Protocol::Udp => (6, !ones_sum(&[&self.pseudo_header(length), &segment]).to_be()),
            Protocol::Sctp => (8, 0),
        };
        if self.protocol == Protocol::Sctp {
            let sum = crc32c(&segment).to_le_bytes();
            segment[at..at + 4].copy_from_slice(&sum);
        } else {
            // A datagram whose sum is 0 says so by all ones.
            let sum = if sum == 0 { u16::MAX } else { sum };
            segment[at..at + 2].copy_from_slice(&sum.to_ne_bytes());
        }
        let mut bytes = self.header(length);
        bytes.append(&mut segment);
        bytes
    }

    fn header(&self, length: u16) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(80);
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                // The kernel fills in length, identification and checksum of a raw socket's header.
                bytes.extend([0x45, 0, 0, 0, 0, 0, 0, 0, HOPS, self.protocol.number(), 0, 0]);
                bytes.extend(from.octets());
                bytes.extend(to.octets());
            }
            (from, to) => {
                bytes.extend([0x60, 0, 0, 0]);
                bytes.extend(length.to_be_bytes());
                bytes.extend([self.protocol.number(), HOPS]);
                bytes.extend(v6(from).octets());
                bytes.extend(v6(to).octets());
            }
        }
        bytes
    }

    /// Addresses, protocol and length, as checksums cover them.
    fn pseudo_header(&self, length: u16) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(36);
        for end in [self.from.ip(), self.to.ip()] {
            match end {
                IpAddr::V4(a) => bytes.extend(a.octets()),
                IpAddr::V6(a) => bytes.extend(a.octets()),
            }
        }
        bytes.extend([0, self.protocol.number()]);
        bytes.extend(length.to_be_bytes());
        bytes
    }

    /// From the transport header on, its checksum 0.
    fn segment(&self, kind: Kind) -> Vec<u8> {
        let number = self.number.to_be_bytes();
        let mut bytes = Vec::with_capacity(32);
        bytes.extend(self.from.port().to_be_bytes());
        bytes.extend(self.to.port().to_be_bytes());
        match (self.protocol, kind) {
            (Protocol::Tcp, kind) => {
                let (acknowledged, flags) = match kind {
                    Kind::First => (0, SYN),
                    Kind::Answer(first) => (first.wrapping_add(1), SYN | ACK),
                };
                bytes.extend(number);
                bytes.extend(acknowledged.to_be_bytes());
                // Five words of header, a window of 8 KiB, no urgent data.
                bytes.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
            }
            (Protocol::Udp, _) => {
                let payload = MAGIC.len() + number.len();
                bytes.extend(u16::try_from(8 + payload).unwrap_or(u16::MAX).to_be_bytes());
                bytes.extend([0, 0]);
                bytes.extend(MAGIC);
                bytes.extend(number);
            }
            (Protocol::Sctp, kind) => {
                // INIT and INIT ACK (RFC 9260): a chunk of 20 bytes with the tag of its sender, window, streams, first TSN.
                let (tag, chunk) = match kind {
                    Kind::First => (0, 1),
                    Kind::Answer(first) => (first, 2),
                };
                bytes.extend(tag.to_be_bytes());
                bytes.extend([0; 4]);
                bytes.extend([chunk, 0, 0, 20]);
                bytes.extend(number);
                bytes.extend([0, 0, 0x20, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
            }
        }
        bytes
    }
}

fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(a) => a.to_ipv6_mapped(),
        IpAddr::V6(a) => a,
    }
}

/// Reads a packet from its IP header on; `None` for what none of ours is.
pub(super) fn read(bytes: &[u8]) -> Option<Sight> {
    let (from, to, protocol, rest) = split(bytes)?;
    read_segment(from, to, protocol, rest)
}

/// Reads what is behind an IP header.
pub(super) fn read_segment(from: IpAddr, to: IpAddr, protocol: u8, rest: &[u8]) -> Option<Sight> {
    if protocol == ICMP || protocol == ICMPV6 {
        let error = (*rest.first()?, *rest.get(1)?);
        let Sight::Packet(inner) = read(rest.get(8..)?)? else { return None };
        return Some(Sight::Error { error, about: inner.number });
    }
    let [tcp, udp, sctp] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
    let protocol = [tcp, udp, sctp].into_iter().find(|p| p.number() == protocol)?;
    let at = match protocol {
        Protocol::Tcp => 4,
        Protocol::Udp if rest.get(8..12)? == MAGIC => 12,
        Protocol::Udp => return None,
        Protocol::Sctp => 16,
    };
    let number = u32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?);
    let port = |at: usize| Some(u16::from_be_bytes(rest.get(at..at + 2)?.try_into().ok()?));
    let (from, to) = (SocketAddr::new(from, port(0)?), SocketAddr::new(to, port(2)?));
    Some(Sight::Packet(Packet { protocol, from, to, number }))
}

/// Source, destination, protocol, and what is behind the header.
fn split(bytes: &[u8]) -> Option<(IpAddr, IpAddr, u8, &[u8])> {
    let first = *bytes.first()?;
    if first >> 4 == 4 {
        let at = |i: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(i..i + 4)?).ok()?));
        let rest = bytes.get(usize::from(first & 15) * 4..)?;
        return Some((at(12)?.into(), at(16)?.into(), *bytes.get(9)?, rest));
    }
    let at = |i: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(i..i + 16)?).ok()?));
    Some((at(8)?.into(), at(24)?.into(), *bytes.get(6)?, bytes.get(40..)?))
}

/// The Internet checksum's sum (RFC 1071), not yet inverted; every part but the last has an even length.
fn ones_sum(parts: &[&[u8]]) -> u16 {
    let mut sum: u32 = 0;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u32::from(u16::from_be_bytes([pair[0], low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

/// CRC32c (RFC 9260, appendix A), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sums() {
        // The check value of CRC-32C, and the example of RFC 1071.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(ones_sum(&[&[0x00, 0x01, 0xf2, 0x03], &[0xf4, 0xf5, 0xf6, 0xf7]]), 0xddf2);
    }

    #[test]
    fn what_is_written_is_read() {
        for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
            for (from, to) in [("10.0.0.1:1024", "10.0.0.2:80"), ("[fd00::1]:1024", "[fd00::2]:80")] {
                let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
                let packet = Packet { protocol, from, to, number: 0xdead_beef };
                assert_eq!(read(&packet.bytes(Kind::First)), Some(Sight::Packet(packet)));
                assert_eq!(read(&packet.bytes(Kind::Answer(1))), Some(Sight::Packet(packet)));
            }
        }
    }

    #[test]
    fn a_segment_with_its_sum_adds_up_to_all_ones() {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let (from, to) = ("10.0.0.1:1024".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
            let packet = Packet { protocol, from, to, number: 77 };
            let bytes = packet.bytes(Kind::First);
            let segment = &bytes[20..];
            let header = packet.pseudo_header(u16::try_from(segment.len()).unwrap());
            assert_eq!(ones_sum(&[&header, segment]), 0xffff);
        }
    }
}
