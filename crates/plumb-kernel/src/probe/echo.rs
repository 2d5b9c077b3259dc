//! ICMP echo by a raw socket or, without the right to one, by a ping socket.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{
    RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect as connect_to, ipproto, recv, send,
    socket_with,
};

use super::{DATAGRAM, Failure, Flow, KEPT, Patience, Seen, Stage, at, local, wait};
use rustix::event::PollFlags;

const HEADER: usize = 8;

pub(super) fn echo(flow: &Flow, patience: &Patience, seen: &mut Seen) -> Result<(), Failure> {
    let v4 = flow.destination.is_ipv4();
    let (protocol, request, reply) = if v4 { (ipproto::ICMP, 8, 0) } else { (ipproto::ICMPV6, 128, 129) };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let open = |kind| socket_with(flow.domain(), kind, flags, Some(protocol));
    let (socket, raw) = match open(SocketType::RAW) {
        Ok(socket) => (socket, true),
        Err(Errno::PERM | Errno::ACCESS) => (open(SocketType::DGRAM).map_err(at(Stage::Connect))?, false),
        Err(errno) => return Err(at(Stage::Connect)(errno)),
    };
    let mut destination = flow.address();
    destination.set_port(0);
    if let (false, Some(id)) = (raw, flow.source_port) {
        // A ping socket's port is its identifier.
        let any: SocketAddr = if v4 { ([0, 0, 0, 0], id).into() } else { ([0_u16; 8], id).into() };
        bind(&socket, &any).map_err(at(Stage::Connect))?;
    }
    connect_to(&socket, &destination).map_err(at(Stage::Connect))?;
    seen.local = local(&socket);
    let id = match (raw, seen.local) {
        (false, Some(local)) => local.port(),
        _ => flow.source_port.unwrap_or_else(identifier),
    };
    if let Some(local) = &mut seen.local {
        local.set_port(id);
    }
    let data = if flow.payload.is_empty() { vec![b'p'; DATAGRAM] } else { flow.payload.clone() };
    let message = message(request, id, &data, v4);
    let until = Instant::now() + patience.datagram;
    send(&socket, &message, SendFlags::NOSIGNAL).map_err(at(Stage::Connect))?;
    seen.reply = answer(&socket, raw && v4, [reply, id.to_be_bytes()[0], id.to_be_bytes()[1]], until)
        .map_err(at(Stage::Data))?;
    Ok(())
}

/// One that others on the machine hardly use at the same time.
fn identifier() -> u16 {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
    (std::process::id() ^ (now >> 8)) as u16 | 1
}

/// Echo request, sequence number 1. ICMPv6's checksum is the kernel's work.
fn message(kind: u8, id: u16, data: &[u8], checksum: bool) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let mut bytes = vec![kind, 0, 0, 0, high, low, 0, 1];
    bytes.extend_from_slice(data);
    if checksum {
        let sum = internet_checksum(&bytes).to_be_bytes();
        if let Some(field) = bytes.get_mut(2..4) {
            field.copy_from_slice(&sum);
        }
    }
    bytes
}

/// RFC 1071
fn internet_checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair.first().copied().unwrap_or(0), low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The data of the reply; a raw socket sees other messages too.
fn answer(socket: &OwnedFd, with_ip: bool, wanted: [u8; 3], until: Instant) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; KEPT];
    loop {
        wait(socket, PollFlags::IN, until)?;
        let n = match recv(socket, buffer.as_mut_slice(), RecvFlags::empty()) {
            Ok((_, n)) => n,
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(errno) => return Err(errno),
        };
        let packet = buffer.get(..n).unwrap_or_default();
        let skip = if with_ip { usize::from(packet.first().copied().unwrap_or(0) & 0xf) * 4 } else { 0 };
        let message = packet.get(skip..).unwrap_or_default();
        if let [kind, _, _, _, high, low, ..] = *message
            && [kind, high, low] == wanted
        {
            return Ok(message.get(HEADER..).unwrap_or_default().to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_an_echo() {
        let bytes = message(8, 0x1234, b"abcdefg", true);
        assert_eq!(internet_checksum(&bytes), 0);
    }
}
