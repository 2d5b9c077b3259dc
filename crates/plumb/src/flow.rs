//! The arguments of commands that ask about one flow: `FROM`, `TO` and what goes with them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plumb_doctor::resolve::objects::ObjectPort;
use plumb_model::{IpFamily, Protocol};
use plumb_trace::session::Bytes;

use crate::cli::ApiArgs;
use crate::endpoint::{From, ObjectName, To};
use crate::error::Error;

/// Protocols that a flow can be asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FlowProtocol {
    /// A handshake
    #[default]
    Tcp,
    /// One datagram and its answer
    Udp,
    /// An echo (ICMPv6 for IPv6)
    Icmp,
    /// Not supported yet
    Sctp,
}

/// How to print an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AnswerFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document on stdout, nothing else
    Json,
    /// One page that needs nothing else, with the path drawn
    Html,
}

/// `UP[:DOWN]` of `--bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// What the client sends.
    pub up: u32,
    /// What it receives then, where that was said.
    pub down: Option<u32>,
}

impl std::str::FromStr for Payload {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let number = |word: &str| word.parse().map_err(|_| format!("`{word}` is no number of bytes"));
        match s.split_once(':') {
            Some((up, down)) => Ok(Self { up: number(up)?, down: Some(number(down)?) }),
            None => Ok(Self { up: number(s)?, down: None }),
        }
    }
}

/// Largest payload of a datagram over IPv4 (RFC 768, RFC 791).
const MOST_IN_A_DATAGRAM: u32 = 65_507;
/// Payload of a datagram when nothing is said.
const DATAGRAM: u32 = 16;

impl Payload {
    /// What is asked of a protocol.
    fn of(self, protocol: FlowProtocol) -> Result<Bytes, Error> {
        let usage = |problem: String, help: &str| Error::Usage { problem, help: help.to_owned() };
        let bytes = match protocol {
            FlowProtocol::Icmp if self.down.is_some_and(|d| d != self.up) => {
                let problem = "an echo brings back what was sent".to_owned();
                return Err(usage(problem, "write --bytes UP alone"));
            }
            FlowProtocol::Icmp => Bytes { up: self.up, down: self.up },
            FlowProtocol::Udp => Bytes { up: self.up, down: self.down.unwrap_or(DATAGRAM) },
            FlowProtocol::Tcp | FlowProtocol::Sctp => Bytes { up: self.up, down: self.down.unwrap_or(0) },
        };
        if protocol != FlowProtocol::Tcp && bytes.up.max(bytes.down) > MOST_IN_A_DATAGRAM {
            let problem = format!("one datagram carries {MOST_IN_A_DATAGRAM} bytes at most");
            return Err(usage(problem, "ask about fewer bytes, or about TCP"));
        }
        if protocol == FlowProtocol::Tcp && (bytes.up, bytes.down) == (0, 0) {
            let problem = "--bytes 0 is no payload".to_owned();
            return Err(usage(problem, "leave --bytes out to ask about the handshake alone"));
        }
        Ok(bytes)
    }
}

/// A flow, as it is asked about.
#[derive(Clone, Debug, Args)]
pub struct FlowArgs {
    /// netns:NAME, netns:/proc/PID/ns/net, host, pod:NAMESPACE/NAME, node:NAME, or an IP address
    pub from: From,
    /// ADDRESS:PORT, [V6]:PORT, HOSTNAME:PORT, svc:NAMESPACE/NAME:PORT, pod:NAMESPACE/NAME:PORT, node:NAME:PORT (ports of
    /// Services and pods by number or name); without port for --protocol icmp
    pub to: To,
    /// Protocol
    #[arg(long, value_enum, default_value_t, value_name = "PROTOCOL")]
    pub protocol: FlowProtocol,
    /// Port that the client binds; any otherwise
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub source_port: Option<u16>,
    /// User that the client runs as; the caller otherwise
    #[arg(long, value_name = "UID")]
    pub uid: Option<u32>,
    /// Payload that the client sends, then receives, in bytes: walks full-size packets, MTUs and what tells of them
    #[arg(long, value_name = "UP[:DOWN]")]
    pub bytes: Option<Payload>,
    /// Attempts one straight after the other; what counts or limits them is then part of the walk
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub connections: u32,
    /// Services, EndpointSlices and Pods by which svc: and names of ports are looked up, where no lab knows them: a file, or a
    /// folder; may be given several times
    #[arg(long, value_name = "DIR")]
    pub manifests: Vec<PathBuf>,
    /// The same from a Kubernetes API
    #[command(flatten)]
    pub api: ApiArgs,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: AnswerFormat,
    /// Answer from this snapshot file (`-` for stdin) instead of this machine
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
}

/// Flags of `plumb diagnose` alone.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct ProbeArgs {
    /// Open the real connection from the source namespace, and compare; ask the servers of a name first
    #[arg(long, conflicts_with_all = ["snapshot", "connections"])]
    pub probe: bool,
}

/// Flags of `plumb trace` alone.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct ExplainArgs {
    /// At each hop: what was looked up, what was found, why the packet went on
    #[arg(long)]
    pub explain: bool,
}

/// A flow that can be walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Source.
    pub from: From,
    /// Destination.
    pub to: Destination,
    /// TCP, UDP or an echo.
    pub protocol: FlowProtocol,
    /// Port that the client binds.
    pub source_port: Option<u16>,
    /// User that the client runs as.
    pub uid: u32,
    /// Attempts, one after the other.
    pub connections: u32,
    /// Payload.
    pub bytes: Option<Bytes>,
}

/// Where it goes: what this version resolves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An address, and a port but for an echo.
    Address {
        /// The address.
        address: std::net::IpAddr,
        /// The port.
        port: Option<u16>,
    },
    /// A pod or node of a lab or cluster, to be found in the snapshot.
    Owner {
        /// As `FROM` would name it.
        owner: From,
        /// The port.
        port: Option<ObjectPort>,
    },
    /// A Service, to be found among the objects of the API.
    Service {
        /// Its name.
        name: ObjectName,
        /// The port.
        port: Option<ObjectPort>,
    },
    /// A name, to be looked up as the client would.
    Name {
        /// The name.
        name: String,
        /// The port.
        port: Option<u16>,
    },
}

impl Question {
    /// The IP protocol, for an address of this family.
    #[must_use]
    pub fn ip_protocol(&self, family: IpFamily) -> Protocol {
        match self.protocol {
            FlowProtocol::Tcp => Protocol::TCP,
            FlowProtocol::Udp => Protocol::UDP,
            FlowProtocol::Icmp => Protocol::icmp(family),
            FlowProtocol::Sctp => Protocol::SCTP,
        }
    }
}

fn not_yet(what: &str) -> Error {
    Error::Usage {
        problem: format!("{what} is not supported yet"),
        help: "supported are TCP, UDP and ICMP echo between namespaces, pods, nodes, names and addresses, in text and JSON"
            .to_owned(),
    }
}

impl FlowArgs {
    /// Whether it can be asked, and what exactly is asked.
    ///
    /// # Errors
    /// [`Error::Usage`] for what this version does not support and for what makes no sense together.
    pub fn question(&self) -> Result<Question, Error> {
        if self.protocol == FlowProtocol::Sctp {
            return Err(not_yet("--protocol sctp"));
        }
        let bytes = self.bytes.map(|p| p.of(self.protocol)).transpose()?;
        let echo = self.protocol == FlowProtocol::Icmp;
        let usage =
            |problem: &str, help: &str| Error::Usage { problem: problem.to_owned(), help: help.to_owned() };
        if echo && self.source_port.is_some() {
            return Err(usage("an echo has no ports", "leave --source-port out"));
        }
        if self.connections > 1 && self.source_port.is_some() {
            return Err(usage("one port makes one connection", "leave --source-port or --connections out"));
        }
        let port = |port: &Option<crate::endpoint::Port>| port.clone().map(ObjectPort::from);
        let to = match &self.to {
            To::Service { name, port: p } => Destination::Service { name: name.clone(), port: port(p) },
            To::Name { name, port } => Destination::Name { name: name.clone(), port: *port },
            To::Address { address, port } => Destination::Address { address: *address, port: *port },
            To::Pod { name, port: p } => Destination::Owner { owner: From::Pod(name.clone()), port: port(p) },
            To::Node { name, port: p } => {
                Destination::Owner { owner: From::Node(name.clone()), port: port(p) }
            }
        };
        let has_port = match &to {
            Destination::Address { port, .. } | Destination::Name { port, .. } => port.is_some(),
            Destination::Owner { port, .. } | Destination::Service { port, .. } => port.is_some(),
        };
        match (echo, has_port) {
            (true, true) => Err(usage("an echo has no port", "write the address alone")),
            (false, false) => {
                let v6 = matches!(to, Destination::Address { address: std::net::IpAddr::V6(_), .. });
                let help = if v6 { "write [ADDRESS]:PORT" } else { "write ADDRESS:PORT, or --protocol icmp" };
                Err(usage(&format!("`{}` has no port", self.to), help))
            }
            _ => Ok(Question {
                from: self.from.clone(),
                to,
                protocol: self.protocol,
                source_port: self.source_port,
                uid: self.uid.unwrap_or_else(|| rustix::process::geteuid().as_raw()),
                connections: self.connections,
                bytes,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Asks {
        #[command(flatten)]
        flow: FlowArgs,
        #[command(flatten)]
        probe: ProbeArgs,
        #[command(flatten)]
        explain: ExplainArgs,
    }

    fn ask(line: &str) -> Result<Question, String> {
        let words = std::iter::once("diagnose").chain(line.split_whitespace());
        let asks = Asks::try_parse_from(words).map_err(|e| e.to_string())?;
        asks.flow.question().map_err(|e| {
            assert_eq!(e.status(), crate::error::Status::Usage);
            e.to_string()
        })
    }

    #[test]
    fn what_can_be_asked() {
        let q =
            ask("netns:client 10.0.2.2:8080 --uid 7 --source-port 4000 -o json --probe --explain").unwrap();
        assert_eq!((q.uid, q.source_port, q.protocol), (7, Some(4000), FlowProtocol::Tcp));
        assert_eq!(q.to, Destination::Address { address: "10.0.2.2".parse().unwrap(), port: Some(8080) });
        let echo = ask("host fd00::1 --protocol icmp").unwrap();
        assert_eq!(echo.ip_protocol(IpFamily::V6), Protocol::ICMPV6);
        let pod = ask("pod:default/a pod:default/b:80 --protocol udp").unwrap();
        let port = |n| Some(ObjectPort::Number(n));
        assert!(matches!(pod.to, Destination::Owner { owner: From::Pod(_), port: p } if p == port(80)));
        let service = ask("host svc:default/web:http --manifests x").unwrap();
        assert!(
            matches!(service.to, Destination::Service { port: Some(ObjectPort::Name(n)), .. } if n == "http")
        );
        assert_eq!(ask("10.0.0.1 10.0.0.2:80 --connections 5").unwrap().connections, 5);
        let bytes = |line: &str| ask(line).unwrap().bytes;
        assert_eq!(bytes("host 10.0.0.1:80"), None);
        assert_eq!(bytes("host 10.0.0.1:80 --bytes 100"), Some(Bytes { up: 100, down: 0 }));
        assert_eq!(bytes("host 10.0.0.1:80 --bytes 0:7"), Some(Bytes { up: 0, down: 7 }));
        assert_eq!(bytes("host 10.0.0.1:80 --bytes 9 --protocol udp"), Some(Bytes { up: 9, down: 16 }));
        let name = ask("host example.org:80").unwrap();
        assert_eq!(name.to, Destination::Name { name: "example.org".into(), port: Some(80) });
        assert!(ask("host example.org --protocol icmp").is_ok());
    }

    #[test]
    fn what_cannot() {
        assert!(ask("host 10.0.0.1:80 --protocol sctp").unwrap_err().contains("not supported yet"));
        for line in [
            "host 10.0.0.1:80 --bytes 1:2:3",
            "host 10.0.0.1:80 --bytes 1k",
            "host 10.0.0.1:80 --bytes 0",
            "host 10.0.0.1:80 --bytes 65508 --protocol udp",
            "host 10.0.0.1 --bytes 100:200 --protocol icmp",
            "host 10.0.0.1",
            "host fd00::1",
            "host example.org",
            "host svc:default/web",
            "host svc:default/web:80 --protocol icmp",
            "host 10.0.0.1:80 --protocol icmp",
            "host 10.0.0.1 --protocol icmp --source-port 5",
            "host 10.0.0.1:80 --source-port 0",
            "host 10.0.0.1:80 --source-port 9 --connections 2",
            "host 10.0.0.1:80 --connections 0",
            "host 10.0.0.1:80 --connections 5 --probe",
            "host 10.0.0.1:80 --probe --snapshot x",
            "host",
            "nowhere 10.0.0.1:80",
        ] {
            assert!(ask(line).is_err(), "{line}");
        }
    }
}
