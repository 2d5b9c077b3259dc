//! One real connection from inside a namespace, and nothing else.

mod echo;

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use plumb_model::Protocol;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect as connect_to, getsockname,
    recv, send, socket_with,
};
use rustix::process::Uid;

use crate::error::{KernelError, Result};
use crate::netns::NamespaceHandle;
use crate::sys;

/// Bytes of a UDP datagram or an echo when nothing else is said.
const DATAGRAM: usize = 16;
/// What is kept of an answer.
const KEPT: usize = 2048;

/// The connection to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// TCP, UDP, or ICMP of the address' family.
    pub protocol: Protocol,
    /// Destination.
    pub destination: IpAddr,
    /// Destination port; of no meaning for ICMP.
    pub port: u16,
    /// Device of a link-local destination, by its index; else 0.
    pub scope_id: u32,
    /// Port that the client binds (for ICMP its identifier); any where `None`.
    pub source_port: Option<u16>,
    /// User that the client runs as; the caller where `None`.
    pub uid: Option<u32>,
    /// What is sent: for TCP after the handshake, nothing where empty; for UDP and ICMP 16 bytes where empty.
    pub payload: Vec<u8>,
    /// Bytes that must come back: for TCP so many after the payload, and where it is 0 the acknowledgement of the payload.
    /// `None`: any answer will do.
    pub answer: Option<usize>,
    /// For TCP: what comes back begins with its length in two bytes, as DNS has it (RFC 1035, 4.2.2). It is read whole, and
    /// given without them.
    pub framed: bool,
}

impl Flow {
    /// A plain client's: any source port, the caller's user, no payload.
    #[must_use]
    pub fn new(protocol: Protocol, destination: IpAddr, port: u16) -> Self {
        Self {
            protocol,
            destination,
            port,
            scope_id: 0,
            source_port: None,
            uid: None,
            payload: Vec::new(),
            answer: None,
            framed: false,
        }
    }

    fn address(&self) -> SocketAddr {
        match self.destination {
            IpAddr::V4(addr) => SocketAddr::from((addr, self.port)),
            IpAddr::V6(addr) => SocketAddrV6::new(addr, self.port, 0, self.scope_id).into(),
        }
    }

    fn domain(&self) -> AddressFamily {
        if self.destination.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
    }
}

/// How long a client waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the handshake.
    pub handshake: Duration,
    /// For the answer to a payload after the handshake.
    pub data: Duration,
    /// For the answer to a datagram or an echo.
    pub datagram: Duration,
}

impl Default for Patience {
    /// 10 s, 10 s, 2 s.
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            data: Duration::from_secs(10),
            datagram: Duration::from_secs(2),
        }
    }
}

/// How far the client got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Until `connect()` returned, or the first datagram left.
    Connect,
    /// After it.
    Data,
}

/// What the client saw.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeResult {
    /// Whether the handshake was done (and a payload answered), or the datagram or echo answered.
    pub connects: bool,
    /// The error, ETIMEDOUT where the client lost its patience; `None` where it connects. Where the far end closed
    /// before it answered a payload, ECONNRESET.
    pub errno: Option<i32>,
    /// Where it failed, or [`Stage::Data`].
    pub stage: Stage,
    /// How long it took.
    pub seconds: f64,
    /// The beginning of what came back.
    pub reply: Vec<u8>,
    /// Address and port that the client had; the port is an echo's identifier for ICMP.
    pub local: Option<SocketAddr>,
}

/// Why an attempt ended.
#[derive(Clone, Copy, Debug)]
struct Failure {
    stage: Stage,
    errno: Errno,
}

fn at(stage: Stage) -> impl Fn(Errno) -> Failure {
    move |errno| Failure { stage, errno }
}

/// What an attempt gathers, failed or not.
#[derive(Debug, Default)]
struct Seen {
    reply: Vec<u8>,
    local: Option<SocketAddr>,
}

/// Opens the connection from inside the namespace, waits as long as a client would, and closes it.
pub fn connect(namespace: &NamespaceHandle, flow: &Flow, patience: &Patience) -> Result<ProbeResult> {
    let supported = match flow.protocol {
        Protocol::TCP | Protocol::UDP => true,
        Protocol::ICMP => flow.destination.is_ipv4(),
        Protocol::ICMPV6 => flow.destination.is_ipv6(),
        _ => false,
    };
    if !supported {
        return Err(KernelError::Unsupported {
            what: format!("a probe of protocol {} to {}", flow.protocol, flow.destination),
            why: "tcp, udp, icmp to IPv4 and icmpv6 to IPv6 can be".into(),
        });
    }
    namespace.run(|| {
        let mut seen = Seen::default();
        let start = Instant::now();
        let attempt = become_user(flow).map(|()| match flow.protocol {
            Protocol::TCP => tcp(flow, patience, &mut seen),
            Protocol::UDP => udp(flow, patience, &mut seen),
            _ => echo::echo(flow, patience, &mut seen),
        });
        let seconds = start.elapsed().as_secs_f64();
        let failure = attempt?.err();
        Ok(ProbeResult {
            connects: failure.is_none(),
            errno: failure.map(|f| f.errno.raw_os_error()),
            stage: failure.map_or(Stage::Data, |f| f.stage),
            seconds,
            reply: seen.reply,
            local: seen.local,
        })
    })?
}

/// The thread becomes the user; it ends with the probe.
fn become_user(flow: &Flow) -> Result<()> {
    let Some(uid) = flow.uid else { return Ok(()) };
    let what = || format!("probe as user {uid}");
    match flow.protocol {
        Protocol::TCP | Protocol::UDP => {
            let uid = Some(Uid::from_raw(uid));
            rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(|e| KernelError::io(what(), e))
        }
        // Sockets bear the file system's user id; the right to open a raw one must be kept.
        _ => sys::set_fs_uid(uid).map_err(|e| KernelError::io(what(), e)),
    }
}

fn open(flow: &Flow, kind: SocketType) -> std::result::Result<OwnedFd, Failure> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(flow.domain(), kind, flags, None).map_err(at(Stage::Connect))?;
    if let Some(port) = flow.source_port {
        let any = flow.destination;
        let any = if any.is_ipv4() { IpAddr::from([0; 4]) } else { Ipv6Addr::UNSPECIFIED.into() };
        // A port of a connection that is being forgotten (TIME_WAIT) may be bound again.
        let _ = rustix::net::sockopt::set_socket_reuseaddr(&socket, true);
        bind(&socket, &SocketAddr::new(any, port)).map_err(at(Stage::Connect))?;
    }
    Ok(socket)
}

/// `Ok` once the socket is ready, ETIMEDOUT after `until`.
fn wait(socket: &OwnedFd, events: PollFlags, until: Instant) -> std::result::Result<(), Errno> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(socket, events)], Some(&timeout)) {
            Ok(0) if left.is_zero() => return Err(Errno::TIMEDOUT),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(e) => return Err(e),
        }
    }
}

fn local(socket: &OwnedFd) -> Option<SocketAddr> {
    getsockname(socket).ok().and_then(|a| a.try_into().ok())
}

fn tcp(flow: &Flow, patience: &Patience, seen: &mut Seen) -> std::result::Result<(), Failure> {
    let socket = open(flow, SocketType::STREAM)?;
    let until = Instant::now() + patience.handshake;
    match connect_to(&socket, &flow.address()) {
        Ok(()) => {}
        Err(Errno::INPROGRESS) => {
            seen.local = local(&socket);
            wait(&socket, PollFlags::OUT, until).map_err(at(Stage::Connect))?;
            match rustix::net::sockopt::socket_error(&socket).map_err(at(Stage::Connect))? {
                Ok(()) => {}
                Err(errno) => return Err(at(Stage::Connect)(errno)),
            }
        }
        Err(errno) => return Err(at(Stage::Connect)(errno)),
    }
    seen.local = local(&socket);
    if flow.payload.is_empty() && flow.answer.is_none_or(|n| n == 0) {
        return Ok(());
    }
    let until = Instant::now() + patience.data;
    let mut rest = flow.payload.as_slice();
    while !rest.is_empty() {
        match send(&socket, rest, SendFlags::NOSIGNAL) {
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(Errno::AGAIN) => wait(&socket, PollFlags::OUT, until).map_err(at(Stage::Data))?,
            Err(errno) => return Err(at(Stage::Data)(errno)),
        }
    }
    if let Some(wanted) = flow.answer {
        return exactly(&socket, wanted, until, seen).map_err(at(Stage::Data));
    }
    seen.reply = if flow.framed {
        receive_framed(&socket, until).map_err(at(Stage::Data))?
    } else {
        receive(&socket, until).map_err(at(Stage::Data))?
    };
    // End of stream before an answer.
    if seen.reply.is_empty() { Err(at(Stage::Data)(Errno::CONNRESET)) } else { Ok(()) }
}

/// Waits for so many bytes, or until the other end has all that was sent.
fn exactly(
    socket: &OwnedFd,
    wanted: usize,
    until: Instant,
    seen: &mut Seen,
) -> std::result::Result<(), Errno> {
    let mut got = 0;
    while got < wanted {
        let more = receive(socket, until)?;
        if more.is_empty() {
            return Err(Errno::CONNRESET);
        }
        got += more.len();
        if seen.reply.is_empty() {
            seen.reply = more;
        }
    }
    if wanted > 0 {
        return Ok(());
    }
    while unacknowledged(socket)? > 0 {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Errno::TIMEDOUT);
        }
        // Nothing wakes up a client whose data is acknowledged; an error does.
        let pause = Instant::now() + left.min(Duration::from_millis(10));
        match wait(socket, PollFlags::ERR, pause) {
            Ok(()) => rustix::net::sockopt::socket_error(socket)??,
            Err(Errno::TIMEDOUT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Bytes that the other end has not acknowledged (`SIOCOUTQ`, tcp(7)).
fn unacknowledged(socket: &OwnedFd) -> std::result::Result<i32, Errno> {
    sys::output_queue(socket.as_fd()).map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))
}

fn receive(socket: &OwnedFd, until: Instant) -> std::result::Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; KEPT];
    loop {
        wait(socket, PollFlags::IN, until)?;
        match recv(socket, buffer.as_mut_slice(), RecvFlags::empty()) {
            Ok((_, n)) => {
                buffer.truncate(n);
                return Ok(buffer);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// A message behind its length; empty where the stream ends before.
fn receive_framed(socket: &OwnedFd, until: Instant) -> std::result::Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    loop {
        if let [high, low, message @ ..] = bytes.as_slice() {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if let Some(whole) = message.get(..length) {
                return Ok(whole.to_vec());
            }
        }
        let more = receive(socket, until)?;
        if more.is_empty() {
            return Ok(Vec::new());
        }
        bytes.extend(more);
    }
}

fn udp(flow: &Flow, patience: &Patience, seen: &mut Seen) -> std::result::Result<(), Failure> {
    let socket = open(flow, SocketType::DGRAM)?;
    connect_to(&socket, &flow.address()).map_err(at(Stage::Connect))?;
    seen.local = local(&socket);
    let datagram = if flow.payload.is_empty() { vec![b'p'; DATAGRAM] } else { flow.payload.clone() };
    let until = Instant::now() + patience.datagram;
    send(&socket, &datagram, SendFlags::NOSIGNAL).map_err(at(Stage::Connect))?;
    seen.reply = receive(&socket, until).map_err(at(Stage::Data))?;
    Ok(())
}
