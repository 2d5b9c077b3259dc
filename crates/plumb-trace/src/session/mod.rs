//! One attempt of a client: request, reply, errors that come back, retransmissions, and what the client sees.

mod answer;
mod attempt;
mod attempts;
mod connection;
mod errno;
mod exchange;
mod payload;

pub(crate) use answer::blank;
pub use attempt::{Attempt, AttemptBranch, Outcome, Stage, attempt};
pub use errno::Errno;
pub use exchange::{Exchange, Part, Reaction, Response, ResponseKind};

use std::net::IpAddr;

use crate::state::NsIndex;

/// Protocols that a client can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A handshake.
    Tcp,
    /// One datagram each way.
    Udp,
    /// An echo.
    Icmp,
}

/// Where a flow begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A process in a namespace; with an address, its socket is bound to that.
    Process {
        /// Namespace.
        ns: NsIndex,
        /// Address it is bound to.
        source: Option<IpAddr>,
    },
    /// Somebody outside the snapshot, whose packets come in by this device.
    Outside {
        /// Namespace of the device.
        ns: NsIndex,
        /// Device.
        device: u32,
        /// Its address.
        source: IpAddr,
    },
}

impl Origin {
    /// The namespace in which the walk begins.
    #[must_use]
    pub fn ns(&self) -> NsIndex {
        match *self {
            Self::Process { ns, .. } | Self::Outside { ns, .. } => ns,
        }
    }
}

/// A payload: what the client sends, then receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bytes {
    /// From client to server.
    pub up: u32,
    /// From server to client.
    pub down: u32,
}

/// A flow that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Who asks.
    pub origin: Origin,
    /// Protocol.
    pub transport: Transport,
    /// Address that the client dials.
    pub dst: IpAddr,
    /// Port that it dials; 0 for an echo.
    pub port: u16,
    /// Port that the client binds.
    pub source_port: Option<u16>,
    /// User that the client runs as.
    pub uid: u32,
    /// Group that the client runs as.
    pub gid: u32,
    /// Payload; `None`: only a handshake, or one datagram of 16 bytes (an echo of 56) each way.
    pub bytes: Option<Bytes>,
    /// Attempts, one straight after the other; the client keeps what it gets open until the last is over.
    pub connections: u32,
}
