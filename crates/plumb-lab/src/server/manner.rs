//! How a server differs from a plain one: what it asks of its socket, and what it fails to do.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use plumb_dns::{Message, Rcode};
use plumb_model::Protocol;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

use crate::topology::PortProtocol;

/// Connections that may wait to be accepted, as Rust's own listeners ask for.
const BACKLOG: i32 = 128;

/// How a server differs from a plain one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// Bytes that may wait in its socket to be read (`SO_RCVBUF`), which the kernel doubles; its default where `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_buffer: Option<u32>,
    /// A server of names: it answers each question with this error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fails: Option<DnsError>,
    /// A server of names: it cuts every answer off that it gives in a datagram (TC), and gives it whole over TCP.
    #[serde(skip_serializing_if = "is_false")]
    pub cuts_off: bool,
}

/// An error that a server of names answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DnsError {
    /// It could not find out.
    Servfail,
    /// It does not want to.
    Refused,
    /// There is no such name.
    Nxdomain,
}

impl DnsError {
    /// Every error.
    pub const ALL: [Self; 3] = [Self::Servfail, Self::Refused, Self::Nxdomain];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Servfail => "servfail",
            Self::Refused => "refused",
            Self::Nxdomain => "nxdomain",
        }
    }

    fn rcode(self) -> Rcode {
        match self {
            Self::Servfail => Rcode::SERVFAIL,
            Self::Refused => Rcode::REFUSED,
            Self::Nxdomain => Rcode::NXDOMAIN,
        }
    }
}

impl std::str::FromStr for DnsError {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::word).join(", ");
        let named = Self::ALL.into_iter().find(|e| e.word() == text);
        named.ok_or_else(|| format!("`{text}` is none of {}", known()))
    }
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

    /// What of it makes no sense for a server of this protocol: the field, and why.
    #[must_use]
    pub fn flaw(&self, protocol: PortProtocol) -> Option<(&'static str, &'static str)> {
        /// `IFNAMSIZ` without the nought.
        const LONGEST: usize = 15;
        let streams = protocol.transport() == Protocol::TCP;
        let names = matches!(protocol, PortProtocol::Dns | PortProtocol::DnsTcp);
        let device = self.device.as_deref();
        let only_streams = "only a server over TCP has it";
        let only_names = "only a server of protocol dns or dns-tcp answers questions for names";
        let flaws = [
            (self.backlog.is_some() && !streams, "backlog", only_streams),
            (self.never_closes && !streams, "never_closes", only_streams),
            (
                self.never_closes && self.never_accepts,
                "never_closes",
                "one that accepts nothing has nothing to close",
            ),
            (
                device.is_some_and(|d| d.is_empty() || d.len() > LONGEST),
                "device",
                "a device's name has 1 to 15 characters",
            ),
            (self.fails.is_some() && !names, "fails", only_names),
            (
                self.cuts_off && protocol != PortProtocol::Dns,
                "cuts_off",
                "only a server of protocol dns answers in datagrams",
            ),
        ];
        flaws.into_iter().find(|(is, ..)| *is).map(|(_, field, why)| (field, why))
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
        if let Some(bytes) = self.receive_buffer {
            text.push_str(&format!(" --receive-buffer {bytes}"));
        }
        if let Some(error) = self.fails {
            text.push_str(&format!(" --fail {}", error.word()));
        }
        if self.cuts_off {
            text.push_str(" --cut-off");
        }
        text
    }

    /// What it answers to a question for names in the place of this; the same where it is not a DNS message.
    pub(super) fn answer(&self, whole: Vec<u8>, datagram: bool) -> Vec<u8> {
        if self.fails.is_none() && !(self.cuts_off && datagram) {
            return whole;
        }
        let Ok(mut message) = Message::decode(&whole) else { return whole };
        if let Some(error) = self.fails {
            (message.rcode, message.answers, message.authority) = (error.rcode(), Vec::new(), Vec::new());
        } else if !message.answers.is_empty() {
            (message.truncated, message.answers) = (true, Vec::new());
        }
        message.encode().unwrap_or(whole)
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
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(usize::try_from(bytes).unwrap_or(usize::MAX))?;
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
            receive_buffer: Some(4096),
            fails: Some(DnsError::Servfail),
            cuts_off: true,
        };
        assert_eq!(
            all.options(),
            " --backlog 0 --device lo --share --never-accept --never-close --receive-buffer 4096 --fail servfail --cut-off"
        );
        let flaw = |manner: &Manner, protocol| manner.flaw(protocol).map(|(field, _)| field);
        assert_eq!(flaw(&all, PortProtocol::Tcp), Some("never_closes"));
        let names = Manner { never_closes: false, ..all };
        assert_eq!(flaw(&names, PortProtocol::Http), Some("fails"));
        assert_eq!(flaw(&names, PortProtocol::Dns), Some("backlog"));
        assert_eq!(flaw(&Manner { backlog: None, ..names.clone() }, PortProtocol::Dns), None);
        assert_eq!(flaw(&names, PortProtocol::DnsTcp), Some("cuts_off"));
        for error in DnsError::ALL {
            assert_eq!(error.word().parse(), Ok(error));
        }
        assert!("formerr".parse::<DnsError>().is_err());
    }
}
