//! Sockets by sock_diag (include/uapi/linux/inet_diag.h).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plumb_model::{IpFamily, Protocol, Read, Socket, SocketState, SocketTimer};
use plumb_nft::DecodeError;
use plumb_nft::nlattr::Attrs;

use super::wire::Fields;
use crate::error::{KernelError, Result};
use crate::netlink;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const INET_DIAG_SKMEMINFO: u16 = 7;
const INET_DIAG_SKV6ONLY: u16 = 11;
const INET_DIAG_MARK: u16 = 15;
const INET_DIAG_SOCKOPT: u16 = 22;
/// `transparent` of `struct inet_diag_sockopt`, which is made of bits.
const TRANSPARENT: u8 = if cfg!(target_endian = "big") { 1 << 2 } else { 1 << 5 };
const WHAT: &str = "socket";

/// A dump of connected sockets walks the one table of all namespaces, so it is left out where this namespace's own
/// counts say that it would find nothing. Connections that are half open are in none of these counts (`reqsk_queue_hash_req`
/// takes no part in `sock_prot_inuse_add`): those are looked for where `half_open` asks for them.
pub(super) fn read(socket: &mut netlink::Socket, half_open: bool) -> Result<Read<Vec<Socket>>> {
    let counts = Counts::read();
    let mut all = Read::Got(Vec::new());
    let mut half_open_left = Vec::new();
    for family in [IpFamily::V4, IpFamily::V6] {
        let listeners = dump(socket, family, Protocol::TCP, LISTEN)?;
        let inuse = counts.inuse(Protocol::TCP, family);
        let are_all =
            counts.time_wait == Some(0) && inuse.is_some_and(|n| n <= listeners.items().len() as u64);
        all = super::join(all, listeners);
        if are_all {
            half_open_left.push(family);
        } else {
            all = super::join(all, dump(socket, family, Protocol::TCP, CONNECTED)?);
        }
        if counts.inuse(Protocol::UDP, family) != Some(0) {
            all = super::join(all, dump(socket, family, Protocol::UDP, LISTEN | CONNECTED)?);
        }
    }
    // A listener of IPv6 may have them of both families.
    if half_open && all.items().iter().any(|s| s.protocol == Protocol::TCP && s.is_listening()) {
        for family in half_open_left {
            all = super::join(all, dump(socket, family, Protocol::TCP, HALF_OPEN)?);
        }
    }
    Ok(all)
}

/// States to ask for, bits by `TCP_*`.
const LISTEN: u32 = 1 << 10;
/// All others, but for sockets that were only bound (13): those take and send nothing.
const CONNECTED: u32 = 0x1fff & !LISTEN;
/// `TCP_SYN_RECV`, `TCP_NEW_SYN_RECV`; the kernel tells of both as the former.
const HALF_OPEN: u32 = 1 << 3 | 1 << 12;

fn dump(
    socket: &mut netlink::Socket,
    family: IpFamily,
    protocol: Protocol,
    states: u32,
) -> Result<Read<Vec<Socket>>> {
    let request = request(family, protocol, states);
    let read = socket.dump_list("read the sockets", SOCK_DIAG_BY_FAMILY, &request, |m| match m.kind {
        SOCK_DIAG_BY_FAMILY => parse(m.payload, protocol),
        _ => Ok(None),
    });
    match read {
        // No handler for this protocol, or no IPv6.
        Err(KernelError::Refused { errno: libc::ENOENT | libc::EAFNOSUPPORT, .. }) => {
            Ok(Read::Got(Vec::new()))
        }
        other => other,
    }
}

/// Sockets of the calling thread's namespace, by /proc/net/sockstat and sockstat6; nothing where they are not there.
#[derive(Debug, Default)]
struct Counts {
    /// `TCP`, `TCP6`, `UDP`, `UDP6` → sockets that listen or are connected.
    inuse: Vec<(String, u64)>,
    time_wait: Option<u64>,
}

impl Counts {
    fn read() -> Self {
        let mut counts = Self::default();
        for file in ["sockstat", "sockstat6"] {
            let text = std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default();
            counts.parse(&text);
        }
        counts
    }

    /// `TCP: inuse 3 orphan 0 tw 1 alloc 5 mem 2`
    fn parse(&mut self, text: &str) {
        for line in text.lines() {
            let Some((name, values)) = line.split_once(':') else { continue };
            let words: Vec<&str> = values.split_ascii_whitespace().collect();
            for pair in words.chunks_exact(2) {
                match pair {
                    ["inuse", n] => self.inuse.extend(n.parse().ok().map(|n| (name.to_owned(), n))),
                    ["tw", n] => self.time_wait = n.parse().ok(),
                    _ => {}
                }
            }
        }
    }

    fn inuse(&self, protocol: Protocol, family: IpFamily) -> Option<u64> {
        let name = match (protocol, family) {
            (Protocol::TCP, IpFamily::V4) => "TCP",
            (Protocol::TCP, IpFamily::V6) => "TCP6",
            (Protocol::UDP, IpFamily::V4) => "UDP",
            (Protocol::UDP, IpFamily::V6) => "UDP6",
            _ => return None,
        };
        self.inuse.iter().find(|(n, _)| n == name).map(|(_, n)| *n)
    }
}

/// `struct inet_diag_req_v2`
fn request(family: IpFamily, protocol: Protocol, states: u32) -> Vec<u8> {
    let memory = 1 << (INET_DIAG_SKMEMINFO - 1);
    let mut bytes = vec![super::family_number(family), protocol.0, memory, 0];
    bytes.extend_from_slice(&states.to_ne_bytes());
    bytes.extend_from_slice(&[0; 40]);
    // `INET_DIAG_NOCOOKIE`
    bytes.extend_from_slice(&[0xff; 8]);
    bytes
}

/// `struct inet_diag_msg` and attributes.
pub(super) fn parse(payload: &[u8], protocol: Protocol) -> std::result::Result<Option<Socket>, DecodeError> {
    let mut fields = Fields::new(payload, WHAT);
    let family = fields.u8()?;
    let state = fields.u8()?;
    let (timer, retransmits) = (fields.u8()?, fields.u8()?);
    let (sport, dport) = (fields.be16()?, fields.be16()?);
    let (src, dst) = (fields.take(16)?, fields.take(16)?);
    let device = fields.ne32()?;
    // Cookie.
    fields.skip(8)?;
    let expires = fields.ne32()?;
    let (receive_queue, send_queue, uid, inode) =
        (fields.ne32()?, fields.ne32()?, fields.ne32()?, fields.ne32()?);
    let Some(family) = super::family_of(family) else { return Ok(None) };
    let (mut v6only, mut receive_buffer, mut drops) = (None, None, None);
    let (mut transparent, mut mark) = (None, None);
    for attr in Attrs::new(fields.rest(), WHAT) {
        let attr = attr?;
        match attr.number {
            INET_DIAG_SKV6ONLY => v6only = Some(attr.u8(WHAT)? != 0),
            INET_DIAG_MARK => mark = attr.data.first_chunk().copied().map(u32::from_ne_bytes),
            INET_DIAG_SOCKOPT => transparent = attr.data.first().map(|bits| bits & TRANSPARENT != 0),
            INET_DIAG_SKMEMINFO => {
                // Numbers of 32 bits in the order of `SK_MEMINFO_*`; older kernels have no drops.
                let at = |n: usize| attr.data.get(n * 4..n * 4 + 4)?.try_into().ok().map(u32::from_ne_bytes);
                (receive_buffer, drops) = (at(1), at(8));
            }
            _ => {}
        }
    }
    Ok(Some(Socket {
        family,
        protocol,
        state: SocketState::from_number(state),
        src: address(family, src),
        sport,
        dst: address(family, dst),
        dport,
        bound_dev: Some(device).filter(|d| *d != 0),
        receive_queue,
        send_queue,
        v6only,
        uid,
        inode,
        timer: (timer != 0).then_some(SocketTimer { kind: timer, retransmits, expires }),
        receive_buffer,
        drops,
        transparent,
        mark,
    }))
}

fn address(family: IpFamily, bytes: &[u8]) -> IpAddr {
    let unspecified = family.unspecified();
    match family {
        IpFamily::V4 => bytes.first_chunk::<4>().map_or(unspecified, |b| Ipv4Addr::from(*b).into()),
        IpFamily::V6 => bytes.first_chunk::<16>().map_or(unspecified, |b| Ipv6Addr::from(*b).into()),
    }
}

/// From /proc/net, where sock_diag is not there: without the backlog of listeners, v6only and the bound device.
pub(super) fn read_proc() -> Result<Read<Vec<Socket>>> {
    let mut all = Vec::new();
    for (file, family, protocol) in [
        ("tcp", IpFamily::V4, Protocol::TCP),
        ("udp", IpFamily::V4, Protocol::UDP),
        ("tcp6", IpFamily::V6, Protocol::TCP),
        ("udp6", IpFamily::V6, Protocol::UDP),
    ] {
        match std::fs::read_to_string(format!("/proc/thread-self/net/{file}")) {
            Ok(text) => all.extend(text.lines().skip(1).filter_map(|l| parse_line(l, family, protocol))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(KernelError::io(format!("read /proc/net/{file}"), e)),
        }
    }
    Ok(Read::Got(all))
}

/// `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 0 4242 …`
fn parse_line(line: &str, family: IpFamily, protocol: Protocol) -> Option<Socket> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let end = |text: &str| {
        let (addr, port) = text.split_once(':')?;
        // Words of 32 bits as they lie in memory.
        let words = (0..addr.len() / 8).map(|n| u32::from_str_radix(addr.get(n * 8..n * 8 + 8)?, 16).ok());
        let bytes: Vec<u8> =
            words.collect::<Option<Vec<u32>>>()?.into_iter().flat_map(u32::to_ne_bytes).collect();
        Some((netlink::ip_addr(&bytes)?, u16::from_str_radix(port, 16).ok()?))
    };
    let hex = |text: &str| u32::from_str_radix(text, 16).ok();
    let (src, sport) = end(fields.get(1)?)?;
    let (dst, dport) = end(fields.get(2)?)?;
    let (send, receive) = fields.get(4)?.split_once(':')?;
    Some(Socket {
        family,
        protocol,
        state: SocketState::from_number(u8::from_str_radix(fields.get(3)?, 16).ok()?),
        src,
        sport,
        dst,
        dport,
        bound_dev: None,
        receive_queue: hex(receive)?,
        send_queue: hex(send)?,
        v6only: None,
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
        timer: None,
        receive_buffer: None,
        // The last word of a UDP socket's line.
        drops: fields.last().filter(|_| protocol == Protocol::UDP).and_then(|d| d.parse().ok()),
        transparent: None,
        mark: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_listener_of_ipv6() {
        let mut bytes = vec![10, 10, 0, 0, 0x1f, 0x90, 0, 0];
        bytes.extend_from_slice(&[0; 32]);
        bytes.extend_from_slice(&[0; 4 + 12]);
        for n in [1u32, 128, 1000, 4242] {
            bytes.extend_from_slice(&n.to_ne_bytes());
        }
        bytes.extend_from_slice(&5u16.to_ne_bytes());
        bytes.extend_from_slice(&11u16.to_ne_bytes());
        bytes.extend_from_slice(&[1, 0, 0, 0]);
        let socket = parse(&bytes, Protocol::TCP).unwrap().unwrap();
        assert!(socket.is_listening());
        assert_eq!((socket.sport, socket.v6only, socket.bound_dev), (8080, Some(true), None));
        assert_eq!((socket.receive_queue, socket.send_queue, socket.uid, socket.inode), (1, 128, 1000, 4242));
    }

    #[test]
    fn counts_of_a_namespace() {
        let mut counts = Counts::default();
        counts.parse("sockets: used 4\nTCP: inuse 3 orphan 0 tw 1 alloc 5 mem 2\nUDP: inuse 0 mem 0\nUDPLITE: inuse 0\n");
        counts.parse("TCP6: inuse 2\nUDP6: inuse 7\n");
        assert_eq!(counts.time_wait, Some(1));
        assert_eq!(counts.inuse(Protocol::TCP, IpFamily::V4), Some(3));
        assert_eq!(counts.inuse(Protocol::UDP, IpFamily::V6), Some(7));
        assert_eq!(counts.inuse(Protocol::SCTP, IpFamily::V6), None);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_of_proc() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000001 00:00000000 00000000  1000        0 4242 1 0";
        let socket = parse_line(line, IpFamily::V4, Protocol::TCP).unwrap();
        assert_eq!((socket.src.to_string(), socket.sport), ("127.0.0.1".into(), 8080));
        assert_eq!((socket.receive_queue, socket.uid, socket.inode), (1, 1000, 4242));
        assert!(socket.is_listening());
        assert_eq!(parse_line("0: 01", IpFamily::V4, Protocol::TCP), None);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = parse(&bytes, Protocol::UDP);
        }
    }
}
