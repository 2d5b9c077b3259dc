//! Sockets (sock_diag).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{IpFamily, Protocol};

/// State of a socket (`TCP_*`; UDP sockets are `Close` when unconnected).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SocketState {
    /// 1
    Established,
    /// 2
    SynSent,
    /// 3
    SynRecv,
    /// 4
    FinWait1,
    /// 5
    FinWait2,
    /// 6
    TimeWait,
    /// 7: for UDP, not connected.
    Close,
    /// 8
    CloseWait,
    /// 9
    LastAck,
    /// 10
    Listen,
    /// 11
    Closing,
    /// 12
    NewSynRecv,
    /// Another number.
    Unknown(u8),
}

impl SocketState {
    /// From `idiag_state`.
    #[must_use]
    pub fn from_number(n: u8) -> Self {
        match n {
            1 => Self::Established,
            2 => Self::SynSent,
            3 => Self::SynRecv,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Close,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            12 => Self::NewSynRecv,
            n => Self::Unknown(n),
        }
    }
}

/// A socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    /// Family that it was opened with.
    pub family: IpFamily,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// State.
    pub state: SocketState,
    /// Local address; unspecified for any.
    pub src: IpAddr,
    /// Local port.
    pub sport: u16,
    /// Remote address.
    pub dst: IpAddr,
    /// Remote port.
    pub dport: u16,
    /// Device that it is bound to.
    #[serde(default)]
    pub bound_dev: Option<u32>,
    /// Bytes waiting to be read; for a listener, connections waiting to be accepted.
    #[serde(default)]
    pub receive_queue: u32,
    /// Bytes not acknowledged; for a listener, its backlog.
    #[serde(default)]
    pub send_queue: u32,
    /// IPv6 only (`IPV6_V6ONLY`); `None` for IPv4 sockets or where the kernel did not say.
    #[serde(default)]
    pub v6only: Option<bool>,
    /// Owner.
    #[serde(default)]
    pub uid: u32,
    /// Inode of the socket.
    #[serde(default)]
    pub inode: u32,
    /// What a TCP socket waits for.
    #[serde(default)]
    pub timer: Option<SocketTimer>,
    /// Size of the receive buffer in bytes (`SK_MEMINFO_RCVBUF`).
    #[serde(default)]
    pub receive_buffer: Option<u32>,
    /// Packets dropped (`SK_MEMINFO_DROPS`): datagrams for a full buffer, connections for a full accept queue.
    #[serde(default)]
    pub drops: Option<u32>,
    /// Whether it takes packets for addresses that are not this machine's (`IP_TRANSPARENT`); `None` where the kernel did
    /// not say (before Linux 5.10, `INET_DIAG_SOCKOPT`).
    #[serde(default)]
    pub transparent: Option<bool>,
    /// Mark of what it sends (`SO_MARK`); `None` where the kernel did not say (`INET_DIAG_MARK`).
    #[serde(default)]
    pub mark: Option<u32>,
}

/// Timer of a TCP socket (`idiag_timer`, `net/ipv4/inet_diag.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketTimer {
    /// [`Self::RETRANSMIT`] and its like.
    pub kind: u8,
    /// How often it sent again, or probed, without an answer.
    pub retransmits: u8,
    /// Milliseconds until it fires.
    pub expires: u32,
}

impl SocketTimer {
    /// Sends again what was not acknowledged.
    pub const RETRANSMIT: u8 = 1;
    /// Keepalive.
    pub const KEEPALIVE: u8 = 2;
    /// The end of TIME_WAIT.
    pub const TIME_WAIT: u8 = 3;
    /// Probes a window that is closed.
    pub const PROBE: u8 = 4;
}

impl Socket {
    /// A socket that takes new TCP connections or unconnected UDP datagrams.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        match self.protocol {
            Protocol::TCP => self.state == SocketState::Listen,
            Protocol::UDP => self.state == SocketState::Close,
            _ => false,
        }
    }
}
