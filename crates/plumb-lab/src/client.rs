//! A client: opens the real connection and tells what it saw.

use std::net::SocketAddr;
use std::time::Duration;

use plumb_kernel::NamespaceHandle;
use plumb_kernel::probe::{self, Patience, ProbeResult, Stage};
use plumb_model::{IpFamily, Protocol};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::server::Answer;

/// What a client sees, in the words of `plumb diagnose`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The handshake is done and the server answers.
    Connects,
    /// ECONNREFUSED.
    Refused,
    /// EHOSTUNREACH, ENETUNREACH.
    Unreachable,
    /// ECONNRESET, EPIPE, or an end before an answer.
    Reset,
    /// Another error of the client's own machine.
    LocalError,
    /// Nothing of these within the client's patience.
    TimesOut,
    /// Attempts end differently.
    Intermittent,
}

impl Outcome {
    /// The word, as in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Connects => "connects",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::LocalError => "local_error",
            Self::TimesOut => "times_out",
            Self::Intermittent => "intermittent",
        }
    }

    fn of(result: &ProbeResult, protocol: Protocol) -> Self {
        let Some(errno) = result.errno.map(Errno::from_raw_os_error) else { return Self::Connects };
        match errno {
            Errno::CONNREFUSED => Self::Refused,
            // A UDP client does not see these (no IP_RECVERR): they are silence to it.
            Errno::HOSTUNREACH | Errno::NETUNREACH if protocol != Protocol::TCP => Self::TimesOut,
            Errno::HOSTUNREACH | Errno::NETUNREACH => Self::Unreachable,
            Errno::CONNRESET | Errno::PIPE => Self::Reset,
            Errno::TIMEDOUT => Self::TimesOut,
            _ => Self::LocalError,
        }
    }
}

/// Name of an error number.
fn errno_name(number: i32) -> String {
    let name = match Errno::from_raw_os_error(number) {
        Errno::CONNREFUSED => "ECONNREFUSED",
        Errno::HOSTUNREACH => "EHOSTUNREACH",
        Errno::NETUNREACH => "ENETUNREACH",
        Errno::CONNRESET => "ECONNRESET",
        Errno::PIPE => "EPIPE",
        Errno::TIMEDOUT => "ETIMEDOUT",
        Errno::INVAL => "EINVAL",
        Errno::ACCESS => "EACCES",
        Errno::PERM => "EPERM",
        Errno::ADDRNOTAVAIL => "EADDRNOTAVAIL",
        Errno::ADDRINUSE => "EADDRINUSE",
        Errno::NETDOWN => "ENETDOWN",
        Errno::NOPROTOOPT => "ENOPROTOOPT",
        Errno::AFNOSUPPORT => "EAFNOSUPPORT",
        _ => return format!("errno {number}"),
    };
    name.to_owned()
}

/// What a client saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// What became of it.
    pub outcome: Outcome,
    /// The error, by name.
    pub errno: Option<String>,
    /// `connect` or `data`, where it failed.
    pub stage: Option<String>,
    /// How long it took, seconds.
    pub seconds: f64,
    /// What the server said of itself and of the client; `None` where it failed or was no server of a lab.
    pub answer: Option<Answer>,
}

/// Bytes that a client sends, then receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// What it sends.
    pub up: u32,
    /// What it receives.
    pub down: u32,
}

impl std::fmt::Display for Payload {
    /// As `--bytes` takes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.up, self.down)
    }
}

/// The shortest response with a payload: shorter, and a server's first line could be taken for it.
const SHORTEST_RESPONSE: u32 = 512;

/// How a client asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking {
    pub(crate) protocol: Protocol,
    pub(crate) patience: Duration,
    pub(crate) bytes: Option<Payload>,
    pub(crate) source_port: Option<u16>,
}

/// Opens one connection from a namespace, asks the server who it is, and closes it.
///
/// # Errors
/// The namespace cannot be entered. A connection that fails is no error.
pub(crate) fn attempt(namespace: &NamespaceHandle, asking: Asking, to: SocketAddr) -> Result<Attempt> {
    let Asking { protocol, patience, .. } = asking;
    let mut flow = probe::Flow::new(protocol, to.ip(), to.port());
    flow.source_port = asking.source_port;
    match asking.bytes {
        // Either kind of server takes all of it before it answers, and answers as long as it is asked to.
        Some(Payload { up, down }) if protocol == Protocol::TCP => {
            let down = down.max(SHORTEST_RESPONSE);
            flow.payload =
                format!("POST /?bytes={down} HTTP/1.1\r\nhost: lab\r\ncontent-length: {up}\r\n\r\n")
                    .into_bytes();
            flow.payload.resize(flow.payload.len() + usize::try_from(up).unwrap_or(usize::MAX), b'p');
            flow.answer = usize::try_from(down).ok();
        }
        Some(Payload { up, .. }) => flow.payload = vec![b'p'; usize::try_from(up).unwrap_or(usize::MAX)],
        // A server that speaks first takes it for something to repeat, one of HTTP answers it: either says who it is.
        None if protocol == Protocol::TCP => {
            flow.payload = b"GET / HTTP/1.1\r\nhost: lab\r\nconnection: close\r\n\r\n".to_vec();
        }
        None => {}
    }
    let waits =
        Patience { handshake: patience, data: patience, datagram: patience.min(Duration::from_secs(2)) };
    let result = probe::connect(namespace, &flow, &waits)?;
    let outcome = Outcome::of(&result, protocol);
    let stage = match result.stage {
        Stage::Connect => "connect",
        Stage::Data => "data",
    };
    Ok(Attempt {
        outcome,
        errno: result.errno.map(errno_name),
        stage: result.errno.map(|_| stage.to_owned()),
        seconds: result.seconds,
        answer: Answer::find(&result.reply),
    })
}

/// What a client saw whose look-up of a name failed.
pub(crate) fn not_looked_up(errno: String, seconds: f64) -> Attempt {
    let stage = Some("connect".to_owned());
    Attempt { outcome: Outcome::LocalError, errno: Some(errno), stage, seconds, answer: None }
}

/// The echo protocol of an address.
#[must_use]
pub(crate) fn echo_of(to: std::net::IpAddr) -> Protocol {
    Protocol::icmp(IpFamily::of(to))
}
