//! Sending packets for real and seeing what comes of them.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};

use plumb_nft::{Chain, Expr, Table};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};

use super::case::{Flow, Place, Transport};
use super::network::{Network, any, failed};
use super::observe::{Arrival, Counts, RulePlace, Seen, errno_name};
use super::ruleset::opening_len;
use super::xtables;
use crate::error::Result;

/// Bytes of a datagram, as the walk has them.
const DATAGRAM: [u8; 16] = [7; 16];

/// A flow's own socket.
#[derive(Debug)]
pub(super) struct Client {
    socket: UdpSocket,
    /// What `connect` said, where it failed.
    refused: Option<i32>,
}

/// Connections that were accepted; they are ended when rules are gone.
pub(super) type Accepted = Vec<TcpStream>;

impl Client {
    /// Opens and binds the socket; datagram sockets are connected.
    pub(super) fn open(network: &Network, flow: &Flow) -> Result<Self> {
        let family = if flow.to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let (kind, protocol) = match (flow.transport, flow.to) {
            (Transport::Tcp, _) => (SocketType::STREAM, None),
            (Transport::Udp, _) => (SocketType::DGRAM, None),
            (Transport::Icmp, IpAddr::V4(_)) => (SocketType::DGRAM, Some(ipproto::ICMP)),
            (Transport::Icmp, IpAddr::V6(_)) => (SocketType::DGRAM, Some(ipproto::ICMPV6)),
        };
        let from = SocketAddr::new(any(flow.to), flow.source_port);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let open = || -> std::result::Result<OwnedFd, rustix::io::Errno> {
            let socket = rustix::net::socket_with(family, kind, flags, protocol)?;
            sockopt::set_socket_reuseaddr(&socket, true)?;
            if flow.transport == Transport::Tcp {
                sockopt::set_socket_linger(&socket, Some(std::time::Duration::ZERO))?;
            }
            rustix::net::bind(&socket, &from)?;
            Ok(socket)
        };
        let socket: UdpSocket = network.handles[flow.from.index()]
            .run(open)
            .map_err(failed("enter"))?
            .map_err(failed(&format!("open a client's socket on port {}", flow.source_port)))?
            .into();
        let to = SocketAddr::new(flow.to, if flow.transport == Transport::Icmp { 0 } else { flow.port });
        let mut client = Self { socket, refused: None };
        if flow.transport != Transport::Tcp {
            client.refused = rustix::net::connect(&client.socket, &to).err().map(|e| e.raw_os_error());
        }
        Ok(client)
    }

    /// Sends one packet and sees what the sender and the listeners get.
    pub(super) fn send(
        &self,
        network: &mut Network,
        flow: &Flow,
        accepted: &mut Accepted,
    ) -> Result<(Seen, Option<Arrival>)> {
        if let Some(errno) = self.refused {
            return Ok((Seen::Error(errno_name(errno)), None));
        }
        // Answers that rules led back to who gave them lie around.
        network.drain();
        // An error that came for the packet before would keep this one from being sent.
        let _ = sockopt::socket_error(self.socket.as_fd());
        let sent: std::result::Result<(), i32> = match flow.transport {
            Transport::Tcp => {
                match rustix::net::connect(&self.socket, &SocketAddr::new(flow.to, flow.port)) {
                    Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(()),
                    Err(e) => Err(e.raw_os_error()),
                }
            }
            Transport::Udp => self.socket.send(&DATAGRAM).map(drop).map_err(number),
            Transport::Icmp => self.socket.send(&echo(flow)).map(drop).map_err(number),
        };
        let refused = |errno| Seen::Error(errno_name(errno));
        let mut arrival = None;
        match flow.transport {
            _ if sent.is_err() => {}
            Transport::Tcp => {
                network.round_trip()?;
                network.round_trip()?;
                arrival = network.accept(accepted)?;
            }
            Transport::Udp => {
                network.round_trip()?;
                arrival = network.answer()?;
                network.round_trip()?;
            }
            Transport::Icmp => {
                network.round_trip()?;
                network.round_trip()?;
            }
        }
        if let Err(errno) = sent {
            return Ok((refused(errno), arrival));
        }
        let seen = match flow.transport {
            Transport::Tcp => connected(&self.socket)?,
            _ => {
                let mut buffer = [0; 256];
                match self.socket.recv(&mut buffer) {
                    Ok(_) => Seen::Reply,
                    Err(e) if e.kind() == ErrorKind::WouldBlock => Seen::Nothing,
                    Err(e) => refused(number(e)),
                }
            }
        };
        Ok((seen, arrival))
    }
}

fn number(e: std::io::Error) -> i32 {
    e.raw_os_error().unwrap_or(0)
}

/// An echo request of 64 bytes; the kernel fills in checksum and identifier.
fn echo(flow: &Flow) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[0] = if flow.to.is_ipv4() { 8 } else { 128 };
    bytes
}

/// How far a connection is.
fn connected(socket: &UdpSocket) -> Result<Seen> {
    let mut fds = [PollFd::new(socket, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).map_err(failed("poll a connection"))?;
    let events = fds[0].revents();
    if events.intersects(PollFlags::ERR | PollFlags::HUP) {
        return Ok(
            match sockopt::socket_error(socket.as_fd()).map_err(failed("ask a connection's error"))? {
                Err(e) => Seen::Error(errno_name(e.raw_os_error())),
                Ok(()) => Seen::Nothing,
            },
        );
    }
    Ok(if events.contains(PollFlags::OUT) { Seen::Reply } else { Seen::Nothing })
}

impl Network {
    /// Reads what came to the UDP listeners and answers it.
    fn answer(&mut self) -> Result<Option<Arrival>> {
        let mut arrival = None;
        let mut buffer = [0; 256];
        let mut asked = None;
        for listener in &self.listeners {
            while let Ok((_, from)) = listener.udp.recv_from(&mut buffer) {
                asked = Some((listener, from));
                arrival = Some(Arrival { place: listener.place, to: listener.at, from: plain(from) });
            }
        }
        // Answered once, as rules may lead the answer back to who gives it. A sender that its own rules keep from
        // sending is no error here.
        if let Some((listener, from)) = asked {
            let _ = listener.udp.send_to(&DATAGRAM, from);
        }
        Ok(arrival)
    }

    /// Takes the connections that came in.
    fn accept(&mut self, accepted: &mut Accepted) -> Result<Option<Arrival>> {
        let mut arrival = None;
        for listener in &self.listeners {
            while let Ok((stream, from)) = listener.tcp.accept() {
                sockopt::set_socket_linger(&stream, Some(std::time::Duration::ZERO))
                    .map_err(failed("set up a connection"))?;
                let to = stream.local_addr().map_err(failed("ask a connection's address"))?;
                arrival = Some(Arrival { place: listener.place, to: plain(to), from: plain(from) });
                accepted.push(stream);
            }
        }
        Ok(arrival)
    }

    /// Throws away what came to listeners for earlier flows.
    pub(super) fn drain(&mut self) {
        let mut buffer = [0; 256];
        for listener in &self.listeners {
            while listener.udp.recv_from(&mut buffer).is_ok() {}
            while listener.tcp.accept().is_ok() {}
        }
    }
}

/// Without flow label and scope.
fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip(), addr.port())
}

/// What stands before the names of tables of iptables-legacy.
pub(super) const LEGACY: &str = "legacy ";

/// How many rules a chain opens with. Those of iptables are told by their names.
pub(super) fn opened(family: &str, chain: &Chain) -> usize {
    match &chain.base {
        None => 0,
        Some(_) if chain.name.chars().all(|c| c.is_ascii_uppercase()) => xtables::opening(family).len(),
        Some(_) => opening_len(family),
    }
}

/// The counters of the rules that a case is about: not those that base chains open with.
pub(super) fn counts(place: Place, tables: &[Table], engine: &str) -> Counts {
    let mut out = Counts::new();
    for table in tables {
        let family = table.family.word().unwrap_or("?");
        for chain in &table.chains {
            let skipped = opened(family, chain);
            for (rule, r) in chain.rules.iter().enumerate().skip(skipped) {
                let counted = r.exprs.iter().find_map(|e| match e {
                    Expr::Counter { packets, .. } => Some(*packets),
                    _ => None,
                });
                let chain = format!("{engine}{family} {} {}", table.name, chain.name);
                out.insert(RulePlace { place, chain, rule: rule - skipped }, counted.unwrap_or(0));
            }
        }
    }
    out
}

/// What came on top between two readings.
pub(super) fn rise(before: &Counts, after: &Counts) -> Counts {
    after
        .iter()
        .map(|(place, n)| (place.clone(), n.saturating_sub(*before.get(place).unwrap_or(&0))))
        .filter(|(_, n)| *n > 0)
        .collect()
}
