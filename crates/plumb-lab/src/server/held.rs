//! Connections that a pod opens and keeps: what fills queues and uses ports up.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use plumb_model::Protocol;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

/// How long one connection may take to open.
const PATIENCE: Duration = Duration::from_secs(2);

/// Connections to open and keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// By which they are let go.
    pub name: String,
    /// TCP, or UDP: a datagram is sent from each socket and nothing waited for.
    pub protocol: Protocol,
    /// Where to.
    pub to: SocketAddr,
    /// How many.
    pub connections: u32,
    /// First port that they bind, the next ones follow; any where `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    /// Milliseconds after which each socket of UDP sends again, and again; each connection that is half open is begun anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u32>,
    /// What is opened is closed at once on this side.
    #[serde(default)]
    pub close: bool,
    /// Only the first packet of each connection is waited for: it stays half open where no answer comes.
    #[serde(default)]
    pub half_open: bool,
}

/// Connections that are kept.
#[derive(Debug)]
pub(super) struct Held {
    name: String,
    sockets: Vec<Socket>,
    /// Sends for ever; it ends with what it hears of here.
    speaker: Option<Sender<()>>,
}

impl Held {
    /// Opens all, or none.
    pub(super) fn open(hold: &Hold) -> Result<Self, String> {
        let mut held = Self { name: hold.name.clone(), sockets: Vec::new(), speaker: None };
        for i in 0..hold.connections {
            let port = hold.source_port.map(|p| p.wrapping_add(u16::try_from(i).unwrap_or(u16::MAX)));
            let socket = one(hold, port).map_err(|e| {
                format!(
                    "open connection {} of {} to {} {}: {e}",
                    i + 1,
                    hold.connections,
                    hold.protocol,
                    hold.to
                )
            })?;
            // A closed connection is kept as well where it is its other end that does not go: the port stays in use.
            if !hold.close {
                held.sockets.push(socket);
            }
        }
        if let Some(every) = hold.every.map(|every| Duration::from_millis(every.into())) {
            let again = match (hold.protocol, hold.half_open) {
                (Protocol::UDP, _) => held.speak(every),
                (_, true) => held.begin_anew(hold.clone(), every),
                _ => Ok(()),
            };
            again.map_err(|e| format!("send again and again: {e}"))?;
        }
        Ok(held)
    }

    fn speak(&mut self, every: Duration) -> io::Result<()> {
        let sockets = self.sockets.iter().map(Socket::try_clone).collect::<io::Result<Vec<_>>>()?;
        let (speaker, end) = channel();
        std::thread::Builder::new().name("speaker".to_owned()).spawn(move || {
            // Its other end is dropped with what is held.
            while end.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                for socket in &sockets {
                    // An error that came back for the last one ends nothing: it is sent again.
                    let _ = socket.send(b"held");
                }
            }
        })?;
        self.speaker = Some(speaker);
        Ok(())
    }

    /// A listener forgets who does not go on (`reqsk_timer_handler`), the sooner the fuller its queue is.
    fn begin_anew(&mut self, hold: Hold, every: Duration) -> io::Result<()> {
        let mut sockets = std::mem::take(&mut self.sockets);
        let (speaker, end) = channel();
        std::thread::Builder::new().name("speaker".to_owned()).spawn(move || {
            while end.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                sockets.clear();
                // What cannot begin now does the next time.
                let port = |i| hold.source_port.map(|p| p.wrapping_add(u16::try_from(i).unwrap_or(u16::MAX)));
                sockets.extend((0..hold.connections).filter_map(|i| one(&hold, port(i)).ok()));
            }
        })?;
        self.speaker = Some(speaker);
        Ok(())
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Held {
    /// By RST: nothing of them stays behind (`SO_LINGER`, socket(7)).
    fn drop(&mut self) {
        self.speaker = None;
        for socket in &self.sockets {
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
    }
}

fn one(hold: &Hold, port: Option<u16>) -> io::Result<Socket> {
    let kind = if hold.protocol == Protocol::UDP { Type::DGRAM } else { Type::STREAM };
    let socket = Socket::new(Domain::for_address(hold.to), kind, None)?;
    if let Some(port) = port {
        let any = if hold.to.is_ipv4() {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))
        } else {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))
        };
        socket.bind(&any.into())?;
    }
    if kind == Type::DGRAM {
        socket.connect(&hold.to.into())?;
        socket.send(b"held")?;
    } else if hold.half_open {
        socket.set_nonblocking(true)?;
        match socket.connect(&hold.to.into()) {
            Err(e) if e.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                return Err(e);
            }
            _ => {}
        }
    } else {
        socket.connect_timeout(&hold.to.into(), PATIENCE)?;
    }
    Ok(socket)
}
