//! Sockets that put packets into a namespace and see what comes out there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use plumb_api::Protocol;
use plumb_kernel::NamespaceHandle;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, eth, ipproto, recv, recvfrom, sendto,
    socket_with, sockopt,
};

use super::wire::{self, Sight};
use crate::error::{Failure, Result};

/// Bytes that wait in a socket, so that a batch of packets fits.
const BUFFER: usize = 4 << 20;
/// Bytes that are read of a packet.
const READ: usize = 2048;

fn failed<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> Failure {
    let what = what.to_owned();
    move |e| Failure::Agent { what: what.clone(), why: e.to_string() }
}

fn open(
    family: AddressFamily,
    kind: SocketType,
    protocol: rustix::net::Protocol,
) -> std::result::Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, kind, flags, Some(protocol))?;
    sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER)?;
    Ok(socket)
}

/// Sends packets with any source, as if this namespace had routed them.
#[derive(Debug)]
pub(super) struct Injector {
    v4: OwnedFd,
    v6: OwnedFd,
}

impl Injector {
    pub(super) fn open(at: &NamespaceHandle) -> Result<Self> {
        let raw = |family| open(family, SocketType::RAW, ipproto::RAW);
        at.run(|| Ok::<_, Errno>(Self { v4: raw(AddressFamily::INET)?, v6: raw(AddressFamily::INET6)? }))
            .map_err(failed("enter a namespace"))?
            .map_err(failed("open raw sockets"))
    }

    /// Sends a packet. That the namespace's own rules do not let it out is no failure: nothing comes of it then.
    pub(super) fn send(&self, bytes: &[u8], to: IpAddr) -> Result<()> {
        let socket = if to.is_ipv4() { &self.v4 } else { &self.v6 };
        match sendto(socket, bytes, SendFlags::empty(), &SocketAddr::new(to, 0)) {
            Ok(_) | Err(Errno::PERM) => Ok(()),
            Err(e) => Err(failed(&format!("send a packet to {to}"))(e)),
        }
    }
}

/// Sees every IP packet that comes in by the devices of a namespace, whatever becomes of it there.
#[derive(Debug)]
pub(super) struct Tap([OwnedFd; 2]);

impl Tap {
    pub(super) fn open(at: &NamespaceHandle) -> Result<Self> {
        // Bound to a protocol, such a socket does not see what goes out.
        let socket = |protocol| open(AddressFamily::PACKET, SocketType::DGRAM, protocol);
        at.run(|| Ok::<_, Errno>(Self([socket(eth::IP)?, socket(eth::IPV6)?])))
            .map_err(failed("enter a namespace"))?
            .map_err(failed("open packet sockets"))
    }

    /// What came in since the last time.
    pub(super) fn drain(&self, into: &mut Vec<Sight>) -> Result<()> {
        let mut buffer = [0; READ];
        for socket in &self.0 {
            while let Some(length) = next(socket, &mut buffer)? {
                into.extend(buffer.get(..length).and_then(wire::read));
            }
        }
        Ok(())
    }
}

/// The next packet's length; `None`: there is none.
fn next(socket: &OwnedFd, buffer: &mut [u8; READ]) -> Result<Option<usize>> {
    match recv(socket, &mut buffer[..], RecvFlags::empty()) {
        Ok((length, _)) => Ok(Some(length)),
        Err(Errno::AGAIN) => Ok(None),
        Err(e) => Err(failed("receive a packet")(e)),
    }
}

/// Sees what a namespace takes for itself: after all rules, translated.
#[derive(Debug)]
pub(super) struct Inbox {
    /// IPv4, with its header.
    v4: Vec<OwnedFd>,
    /// IPv6, by the address that it is for, without a header.
    v6: Vec<(Ipv6Addr, u8, OwnedFd)>,
}

impl Inbox {
    /// For these addresses of the namespace, which it must have.
    pub(super) fn open(at: &NamespaceHandle, addresses: &[IpAddr]) -> Result<Self> {
        let transports = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].map(Protocol::number);
        let v6: Vec<Ipv6Addr> = addresses
            .iter()
            .filter_map(|a| match a {
                IpAddr::V6(a) => Some(*a),
                IpAddr::V4(_) => None,
            })
            .collect();
        let protocol = |number: u8| {
            rustix::net::RawProtocol::new(number.into()).map_or(ipproto::RAW, rustix::net::Protocol::from_raw)
        };
        let make = || -> std::result::Result<Self, Errno> {
            let raw4 = |p| open(AddressFamily::INET, SocketType::RAW, p);
            let mut inbox = Self { v4: vec![raw4(ipproto::ICMP)?], v6: Vec::new() };
            let errors = open(AddressFamily::INET6, SocketType::RAW, ipproto::ICMPV6)?;
            inbox.v6.push((Ipv6Addr::UNSPECIFIED, 58, errors));
            for number in transports {
                inbox.v4.push(raw4(protocol(number))?);
                for address in &v6 {
                    let socket = open(AddressFamily::INET6, SocketType::RAW, protocol(number))?;
                    bind(&socket, &SocketAddr::new((*address).into(), 0))?;
                    inbox.v6.push((*address, number, socket));
                }
            }
            Ok(inbox)
        };
        at.run(make).map_err(failed("enter a namespace"))?.map_err(failed("open raw sockets"))
    }

    /// What came in since the last time.
    pub(super) fn drain(&self, into: &mut Vec<Sight>) -> Result<()> {
        let mut buffer = [0; READ];
        for socket in &self.v4 {
            while let Some(length) = next(socket, &mut buffer)? {
                into.extend(buffer.get(..length).and_then(wire::read));
            }
        }
        for (address, protocol, socket) in &self.v6 {
            loop {
                let (length, from) = match recvfrom(socket, &mut buffer[..], RecvFlags::empty()) {
                    Ok((length, _, from)) => (length, from),
                    Err(Errno::AGAIN) => break,
                    Err(e) => return Err(failed("receive a packet")(e)),
                };
                let from = from.and_then(|a| SocketAddr::try_from(a).ok());
                let from = from.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |a| a.ip());
                let segment = buffer.get(..length).unwrap_or_default();
                into.extend(wire::read_segment(from, (*address).into(), *protocol, segment));
            }
        }
        Ok(())
    }
}
