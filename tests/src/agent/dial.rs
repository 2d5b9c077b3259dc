//! A client: one attempt after the other, each with what its socket calls returned.
//!
//! It is the client of the report's contract: it binds no address, uses the kernel's defaults, waits
//! for a handshake as long as it is told and for the answer to a datagram 2 s; its UDP socket is connected
//! and has no `IP_RECVERR`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, ipproto, recv, send,
    socket_with, sockopt,
};
use serde::{Deserialize, Serialize};

use super::{payload, seconds};
use crate::error::{Failure, Result};
use crate::scenario::{Bytes, Outcome, Protocol, Stage};

/// How long it waits for the answer to a datagram or an echo.
const ANSWER: Duration = Duration::from_secs(2);

/// What the client is to do.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Plan {
    /// Destination as it is dialled; an address alone for an echo.
    pub to: String,
    /// Transport.
    pub protocol: Protocol,
    /// Port to bind.
    pub source_port: Option<u16>,
    /// Seconds to wait for a handshake.
    pub patience: f64,
    /// Attempts, one after the other.
    pub attempts: u32,
    /// Whether TCP connections stay open until the last attempt is over.
    #[serde(default)]
    pub hold: bool,
    /// Whether to wait for the server to say who it is (TCP; a datagram's answer says it anyway).
    pub ask_name: bool,
    /// Payload to send and to receive.
    #[serde(default)]
    pub bytes: Option<Bytes>,
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Attempt {
    /// By the report's words.
    pub outcome: Outcome,
    /// Where it failed.
    pub stage: Option<Stage>,
    /// Symbolic errno.
    pub errno: Option<String>,
    /// Seconds it took.
    pub seconds: f64,
    /// Who answered, where it was asked for.
    pub server: Option<String>,
}

/// Makes the attempts and prints them as JSON.
pub(crate) fn main(json: &str) -> Result<()> {
    let wrong = |why: String| Failure::Agent { what: "client".into(), why };
    let plan: Plan = serde_json::from_str(json).map_err(|e| wrong(e.to_string()))?;
    let to = destination(&plan).ok_or_else(|| wrong(format!("{} is no destination", plan.to)))?;
    let mut held = Vec::new();
    let attempts: Vec<Attempt> = (0..plan.attempts).map(|_| attempt(&plan, to, &mut held)).collect();
    println!("{}", serde_json::to_string(&attempts).map_err(|e| wrong(e.to_string()))?);
    Ok(())
}

fn destination(plan: &Plan) -> Option<SocketAddr> {
    match plan.protocol {
        Protocol::Icmp => plan.to.parse::<IpAddr>().ok().map(|a| SocketAddr::new(a, 0)),
        _ => plan.to.parse().ok(),
    }
}

fn attempt(plan: &Plan, to: SocketAddr, held: &mut Vec<OwnedFd>) -> Attempt {
    let start = Instant::now();
    let mut stage = Stage::Connect;
    let result = match plan.protocol {
        Protocol::Tcp => stream(plan, to, &mut stage, held),
        Protocol::Udp => datagram(plan, to, &mut stage).map(Some),
        Protocol::Icmp => echo(plan, to, &mut stage).map(|()| None),
    };
    let seconds = start.elapsed().as_secs_f64();
    match result {
        Ok(server) => Attempt { outcome: Outcome::Connects, stage: None, errno: None, seconds, server },
        Err(errno) => {
            let errno = Some(name(errno));
            Attempt { outcome: classify(errno.as_deref()), stage: Some(stage), errno, seconds, server: None }
        }
    }
}

/// The outcome that an errno means, by the report's table.
fn classify(errno: Option<&str>) -> Outcome {
    match errno {
        Some("ECONNREFUSED") => Outcome::Refused,
        Some("EHOSTUNREACH" | "ENETUNREACH") => Outcome::Unreachable,
        Some("ECONNRESET" | "EPIPE") => Outcome::Reset,
        Some("ETIMEDOUT") => Outcome::TimesOut,
        _ => Outcome::LocalError,
    }
}

/// The symbolic name of an errno, as far as the report names them.
fn name(errno: Errno) -> String {
    let known = [
        (Errno::CONNREFUSED, "ECONNREFUSED"),
        (Errno::HOSTUNREACH, "EHOSTUNREACH"),
        (Errno::NETUNREACH, "ENETUNREACH"),
        (Errno::CONNRESET, "ECONNRESET"),
        (Errno::PIPE, "EPIPE"),
        (Errno::TIMEDOUT, "ETIMEDOUT"),
        (Errno::INVAL, "EINVAL"),
        (Errno::ACCESS, "EACCES"),
        (Errno::PERM, "EPERM"),
        (Errno::ADDRNOTAVAIL, "EADDRNOTAVAIL"),
        (Errno::NOPROTOOPT, "ENOPROTOOPT"),
        (Errno::MSGSIZE, "EMSGSIZE"),
    ];
    let found = known.iter().find(|(e, _)| *e == errno);
    found.map_or_else(|| format!("errno {}", errno.raw_os_error()), |(_, n)| (*n).to_owned())
}

fn open(to: SocketAddr, kind: SocketType, port: Option<u16>) -> rustix::io::Result<OwnedFd> {
    let family = if to.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let protocol = match (kind, to.is_ipv6()) {
        (SocketType::DGRAM, false) if to.port() == 0 => Some(ipproto::ICMP),
        (SocketType::DGRAM, true) if to.port() == 0 => Some(ipproto::ICMPV6),
        _ => None,
    };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, protocol)?;
    if let Some(port) = port {
        let any: IpAddr =
            if to.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &SocketAddr::new(any, port))?;
    }
    Ok(socket)
}

/// Waits until the socket is ready, or an error is there for it; silence is `ETIMEDOUT`.
fn wait(socket: &OwnedFd, what: PollFlags, until: Instant) -> rustix::io::Result<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        match poll(&mut [PollFd::new(socket, what)], Some(&left)) {
            Ok(0) => return Err(Errno::TIMEDOUT),
            Ok(_) => return sockopt::socket_error(socket)?,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

fn stream(
    plan: &Plan,
    to: SocketAddr,
    stage: &mut Stage,
    held: &mut Vec<OwnedFd>,
) -> rustix::io::Result<Option<String>> {
    let until = Instant::now() + seconds(plan.patience);
    let socket = open(to, SocketType::STREAM, plan.source_port)?;
    match connect(&socket, &to) {
        Ok(()) => {}
        Err(Errno::INPROGRESS) => wait(&socket, PollFlags::OUT, until)?,
        Err(errno) => return Err(errno),
    }
    let name = if plan.ask_name {
        *stage = Stage::Data;
        wait(&socket, PollFlags::IN, Instant::now() + ANSWER)?;
        Some(answer(&socket)?)
    } else {
        None
    };
    if let Some(bytes) = plan.bytes {
        *stage = Stage::Data;
        exchange(&socket, bytes, name.is_some(), Instant::now() + seconds(plan.patience))?;
    }
    if plan.hold {
        held.push(socket);
    }
    Ok(name)
}

/// Sends a payload in one piece, and waits for the server's greeting, unless it was heard already, and its answer.
fn exchange(socket: &OwnedFd, bytes: Bytes, greeted: bool, until: Instant) -> rustix::io::Result<()> {
    let payload = payload::up(bytes);
    let mut rest = payload.as_slice();
    while !rest.is_empty() {
        match send(socket, rest, SendFlags::NOSIGNAL) {
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(Errno::AGAIN) => wait(socket, PollFlags::OUT, until)?,
            Err(errno) => return Err(errno),
        }
    }
    let mut buffer = vec![0u8; 1 << 16];
    let (mut greeted, mut got) = (greeted, 0);
    while got < bytes.down as usize {
        wait(socket, PollFlags::IN, until)?;
        let n = match recv(socket, buffer.as_mut_slice(), RecvFlags::empty()) {
            Ok((0, _)) => return Err(Errno::CONNRESET),
            Ok((n, _)) => n,
            Err(Errno::AGAIN) => continue,
            Err(errno) => return Err(errno),
        };
        let heard = buffer.get(..n).unwrap_or_default();
        got += match heard.iter().position(|b| *b == b'\n').filter(|_| !greeted) {
            Some(end) => {
                greeted = true;
                n - end - 1
            }
            None if greeted => n,
            None => 0,
        };
    }
    Ok(())
}

fn datagram(plan: &Plan, to: SocketAddr, stage: &mut Stage) -> rustix::io::Result<String> {
    let socket = open(to, SocketType::DGRAM, plan.source_port)?;
    connect(&socket, &to)?;
    let datagram = plan.bytes.map_or_else(|| vec![b'u'; 16], payload::up);
    send(&socket, &datagram, SendFlags::empty())?;
    *stage = Stage::Data;
    wait(&socket, PollFlags::IN, Instant::now() + ANSWER)?;
    answer(&socket)
}

fn echo(plan: &Plan, to: SocketAddr, stage: &mut Stage) -> rustix::io::Result<()> {
    let socket = open(to, SocketType::DGRAM, None)?;
    connect(&socket, &to)?;
    // Type, code, checksum, identifier (both the kernel's to fill in), sequence number, payload.
    let kind = if to.is_ipv6() { 128 } else { 8 };
    let mut request = vec![kind, 0, 0, 0, 0, 0, 0, 1];
    request.resize(8 + plan.bytes.map_or(16, |b| b.up as usize), 0);
    send(&socket, &request, SendFlags::empty())?;
    *stage = Stage::Data;
    wait(&socket, PollFlags::IN, Instant::now() + ANSWER)?;
    answer(&socket).map(drop)
}

fn answer(socket: &OwnedFd) -> rustix::io::Result<String> {
    let mut buffer = vec![0u8; 1 << 16];
    let (got, _) = recv(socket, &mut buffer[..], RecvFlags::empty())?;
    let said = buffer.get(..got).unwrap_or_default();
    match plumb_lab::server::Answer::find(said) {
        // The server of a lab's pod.
        Some(answer) => Ok(answer.server),
        None if said.is_empty() => Err(Errno::CONNRESET),
        None => Ok(String::from_utf8_lossy(said).trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errnos_have_the_outcomes_of_the_report() {
        assert_eq!(classify(Some(&name(Errno::NETUNREACH))), Outcome::Unreachable);
        assert_eq!(classify(Some(&name(Errno::PIPE))), Outcome::Reset);
        assert_eq!(classify(Some(&name(Errno::ACCESS))), Outcome::LocalError);
        assert_eq!(name(Errno::NOTTY), "errno 25");
    }
}
