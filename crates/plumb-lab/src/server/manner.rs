//! How a server differs from a plain one: what it asks of its socket, and what it fails to do.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

/// Connections that may wait to be accepted, as Rust's own listeners ask for.
const BACKLOG: i32 = 128;

/// How a server differs from a plain one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Manner {
    /// Connections that may wait to be accepted (listen(2)); 128 where `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog: Option<u16>,
    /// The only device by which it is reached (`SO_BINDTODEVICE`, socket(7)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// It shares its port with others (`SO_REUSEPORT`).
    #[serde(skip_serializing_if = "is_false")]
    pub shares: bool,
    /// It takes nothing from its queue.
    #[serde(skip_serializing_if = "is_false")]
    pub never_accepts: bool,
    /// It closes nothing that it accepted, whatever its clients do.
    #[serde(skip_serializing_if = "is_false")]
    pub never_closes: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Manner {
    /// Whether it is a plain server's.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// The options of `plumb lab listen` that ask for it.
    #[must_use]
    pub fn options(&self) -> String {
        let mut text = String::new();
        if let Some(backlog) = self.backlog {
            text.push_str(&format!(" --backlog {backlog}"));
        }
        if let Some(device) = &self.device {
            text.push_str(&format!(" --device {device}"));
        }
        let words = [
            (self.shares, " --share"),
            (self.never_accepts, " --never-accept"),
            (self.never_closes, " --never-close"),
        ];
        text.extend(words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word));
        text
    }

    fn bound(&self, at: SocketAddr, kind: Type) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(at), kind, None)?;
        // A client may be gone between the poll and the accept.
        socket.set_nonblocking(true)?;
        if kind == Type::STREAM {
            socket.set_reuse_address(true)?;
        }
        if self.shares {
            socket.set_reuse_port(true)?;
        }
        if let Some(device) = &self.device {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        socket.bind(&at.into())?;
        Ok(socket)
    }

    pub(super) fn stream(&self, at: SocketAddr) -> io::Result<TcpListener> {
        let socket = self.bound(at, Type::STREAM)?;
        socket.listen(self.backlog.map_or(BACKLOG, i32::from))?;
        Ok(socket.into())
    }

    pub(super) fn datagram(&self, at: SocketAddr) -> io::Result<UdpSocket> {
        Ok(self.bound(at, Type::DGRAM)?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_the_command() {
        assert_eq!(Manner::default().options(), "");
        let all = Manner {
            backlog: Some(0),
            device: Some("lo".to_owned()),
            shares: true,
            never_accepts: true,
            never_closes: true,
        };
        assert_eq!(all.options(), " --backlog 0 --device lo --share --never-accept --never-close");
    }
}
