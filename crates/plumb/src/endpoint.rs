//! `FROM` and `TO` of a flow, as they are written on the command line. Parsing only: nothing is looked up here.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

use plumb_doctor::resolve::objects::ObjectPort;

/// Where a flow comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum From {
    /// `netns:NAME`: a process in a network namespace, by its name in reports or under /run/netns, or `net:[INODE]`.
    Netns(String),
    /// `netns:/proc/PID/ns/net`, or another path by which it can be entered.
    NetnsPath(PathBuf),
    /// `host`: a process in the namespace that plumb itself runs in.
    Host,
    /// `pod:NAMESPACE/NAME`
    Pod(ObjectName),
    /// `node:NAME`
    Node(String),
    /// Whoever owns the address; where nobody does, a packet from outside.
    Address(IpAddr),
}

/// Where a flow goes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum To {
    /// `ADDRESS:PORT`, `[V6]:PORT`; without port for an echo.
    Address {
        /// The address.
        address: IpAddr,
        /// The port.
        port: Option<u16>,
    },
    /// `svc:NAMESPACE/NAME:PORT`
    Service {
        /// Name of the Service.
        name: ObjectName,
        /// One of its ports.
        port: Option<Port>,
    },
    /// `pod:NAMESPACE/NAME:PORT`
    Pod {
        /// Name of the pod.
        name: ObjectName,
        /// One of its ports.
        port: Option<Port>,
    },
    /// `node:NAME:PORT`
    Node {
        /// Name of the node.
        name: String,
        /// A port.
        port: Option<Port>,
    },
    /// `HOSTNAME:PORT`
    Name {
        /// The name, to be resolved as the client would.
        name: String,
        /// The port.
        port: Option<u16>,
    },
}

/// Namespace and name of an API object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A port of an API object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// By number.
    Number(u16),
    /// By name.
    Name(String),
}

impl std::convert::From<Port> for ObjectPort {
    fn from(port: Port) -> Self {
        match port {
            Port::Number(number) => Self::Number(number),
            Port::Name(name) => Self::Name(name),
        }
    }
}

/// Why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {problem}")]
pub struct EndpointError {
    /// What was written.
    pub text: String,
    /// What is wrong with it, and what to write instead.
    pub problem: String,
}

fn error(text: &str, problem: impl Into<String>) -> EndpointError {
    EndpointError { text: text.to_owned(), problem: problem.into() }
}

impl FromStr for From {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        match text.split_once(':') {
            Some(("netns", "")) => Err(error(text, "write the namespace's name behind `netns:`")),
            Some(("netns", path)) if path.starts_with('/') => Ok(Self::NetnsPath(path.into())),
            Some(("netns", name)) => Ok(Self::Netns(name.to_owned())),
            Some(("pod", name)) => object(text, name).map(Self::Pod),
            Some(("node", name)) => dns_name(text, name).map(Self::Node),
            Some(("svc", _)) => {
                Err(error(text, "a Service opens no connections: name the pod, node or namespace"))
            }
            _ if text == "host" => Ok(Self::Host),
            _ => match address(text, text)? {
                Some(address) => Ok(Self::Address(address)),
                None => Err(error(
                    text,
                    "write netns:NAME, netns:/proc/PID/ns/net, host, pod:NAMESPACE/NAME, node:NAME, or an IP address \
                     without port",
                )),
            },
        }
    }
}

impl FromStr for To {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        match text.split_once(':') {
            Some(("svc", rest)) => {
                let (name, port) = named_port(text, rest)?;
                Ok(Self::Service { name: object(text, name)?, port })
            }
            Some(("pod", rest)) => {
                let (name, port) = named_port(text, rest)?;
                Ok(Self::Pod { name: object(text, name)?, port })
            }
            Some(("node", rest)) => {
                let (name, port) = named_port(text, rest)?;
                Ok(Self::Node { name: dns_name(text, name)?, port })
            }
            Some(("netns", _)) => Err(error(
                text,
                "a namespace may have many addresses: write the address and port that the client dials",
            )),
            _ => address_or_name(text),
        }
    }
}

fn address_or_name(text: &str) -> Result<To, EndpointError> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((inside, behind)) = rest.split_once(']') else {
            return Err(error(text, "the bracket is not closed; write [ADDRESS]:PORT"));
        };
        let Some(address) = address(text, inside)?.filter(IpAddr::is_ipv6) else {
            return Err(error(text, "an IPv6 address belongs between the brackets, such as [fd00::1]:80"));
        };
        let port = match behind.strip_prefix(':') {
            Some(port) => Some(number(text, port)?),
            None if behind.is_empty() => None,
            None => return Err(error(text, "write [ADDRESS]:PORT")),
        };
        return Ok(To::Address { address, port });
    }
    if let Some(address) = address(text, text)? {
        return Ok(To::Address { address, port: None });
    }
    let (host, port) = match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => {
            return Err(error(text, "it is no IPv6 address; one with a port is written [ADDRESS]:PORT"));
        }
        Some((host, port)) => (host, Some(number(text, port)?)),
        None => (text, None),
    };
    match address(text, host)? {
        Some(address) => Ok(To::Address { address, port }),
        None if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
            Err(error(text, "it is no IPv4 address; one has four numbers from 0 to 255"))
        }
        None => Ok(To::Name { name: dns_name(text, host)?, port }),
    }
}

/// An address, `None` where the text looks like none.
fn address(text: &str, part: &str) -> Result<Option<IpAddr>, EndpointError> {
    if let Some((address, _)) = part.split_once('%')
        && address.parse::<Ipv6Addr>().is_ok()
    {
        return Err(error(text, "addresses with a device behind `%` are not supported yet"));
    }
    Ok(part.parse().ok())
}

fn number(text: &str, port: &str) -> Result<u16, EndpointError> {
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(error(text, format!("`{port}` is no port; ports are numbers from 1 to 65535"))),
    }
}

/// Splits `…:PORT`, where the port is a number or a name.
fn named_port<'a>(text: &str, rest: &'a str) -> Result<(&'a str, Option<Port>), EndpointError> {
    let Some((name, port)) = rest.split_once(':') else { return Ok((rest, None)) };
    if port.bytes().all(|b| b.is_ascii_digit()) {
        return Ok((name, Some(Port::Number(number(text, port)?))));
    }
    // IANA service names: at most 15 letters, digits and hyphens, as the API takes them.
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if port.len() <= 15 && port.chars().all(plain) {
        Ok((name, Some(Port::Name(port.to_owned()))))
    } else {
        Err(error(text, format!("`{port}` is neither a port's number nor a name")))
    }
}

fn object(text: &str, part: &str) -> Result<ObjectName, EndpointError> {
    match part.split_once('/') {
        Some((namespace, name)) => {
            Ok(ObjectName { namespace: dns_name(text, namespace)?, name: dns_name(text, name)? })
        }
        None => Err(error(text, "write NAMESPACE/NAME, such as default/web-0")),
    }
}

/// A name as DNS and the API take them (RFC 1123), and with underscores, which resolvers take, too.
fn dns_name(text: &str, part: &str) -> Result<String, EndpointError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let name = part.strip_suffix('.').unwrap_or(part);
    if name.is_empty()
        || name.len() > 253
        || !name.chars().all(plain)
        || name.starts_with(['-', '.'])
        || name.contains("..")
    {
        return Err(error(text, format!("`{part}` is no name")));
    }
    Ok(part.to_owned())
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Netns(name) => write!(f, "netns:{name}"),
            Self::NetnsPath(path) => write!(f, "netns:{}", path.display()),
            Self::Host => f.write_str("host"),
            Self::Pod(name) => write!(f, "pod:{name}"),
            Self::Node(name) => write!(f, "node:{name}"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn port(f: &mut fmt::Formatter<'_>, port: Option<&impl fmt::Display>) -> fmt::Result {
            port.map_or(Ok(()), |p| write!(f, ":{p}"))
        }
        match self {
            Self::Address { address: IpAddr::V6(a), port: Some(port) } => write!(f, "[{a}]:{port}"),
            Self::Address { address, port: p } => write!(f, "{address}").and_then(|()| port(f, p.as_ref())),
            Self::Service { name, port: p } => write!(f, "svc:{name}").and_then(|()| port(f, p.as_ref())),
            Self::Pod { name, port: p } => write!(f, "pod:{name}").and_then(|()| port(f, p.as_ref())),
            Self::Node { name, port: p } => write!(f, "node:{name}").and_then(|()| port(f, p.as_ref())),
            Self::Name { name, port: p } => write!(f, "{name}").and_then(|()| port(f, p.as_ref())),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn where_flows_come_from() {
        let name =
            |namespace: &str, name: &str| ObjectName { namespace: namespace.into(), name: name.into() };
        for (text, expected) in [
            ("netns:client", From::Netns("client".into())),
            ("netns:net:[4026532177]", From::Netns("net:[4026532177]".into())),
            ("netns:/proc/1/ns/net", From::NetnsPath("/proc/1/ns/net".into())),
            ("host", From::Host),
            ("pod:default/web-0", From::Pod(name("default", "web-0"))),
            ("node:node-1.example.org", From::Node("node-1.example.org".into())),
            ("10.0.0.1", From::Address("10.0.0.1".parse().unwrap())),
            ("fd00::1", From::Address("fd00::1".parse().unwrap())),
            // No prefix of ours, though it has a colon in the same place.
            ("::1", From::Address("::1".parse().unwrap())),
        ] {
            assert_eq!(text.parse::<From>().as_ref(), Ok(&expected), "{text}");
            assert_eq!(expected.to_string(), text);
        }
        for bad in [
            "",
            "netns:",
            "client",
            "pod:web-0",
            "pod:/x",
            "pod:a/",
            "node:",
            "node:a b",
            "svc:a/b",
            "10.0.0.1:80",
            "fe80::1%eth0",
            "HOST",
        ] {
            assert!(bad.parse::<From>().is_err(), "{bad}");
        }
    }

    #[test]
    fn where_flows_go_to() {
        let address = |a: &str, port| To::Address { address: a.parse().unwrap(), port };
        let name =
            |namespace: &str, name: &str| ObjectName { namespace: namespace.into(), name: name.into() };
        for (text, expected) in [
            ("10.0.0.1:80", address("10.0.0.1", Some(80))),
            ("[fd00::1]:80", address("fd00::1", Some(80))),
            ("10.0.0.1", address("10.0.0.1", None)),
            ("fd00::1", address("fd00::1", None)),
            (
                "svc:default/web:http",
                To::Service { name: name("default", "web"), port: Some(Port::Name("http".into())) },
            ),
            (
                "pod:default/web-0:8080",
                To::Pod { name: name("default", "web-0"), port: Some(Port::Number(8080)) },
            ),
            ("pod:default/web-0", To::Pod { name: name("default", "web-0"), port: None }),
            ("node:n1:22", To::Node { name: "n1".into(), port: Some(Port::Number(22)) }),
            ("example.org:443", To::Name { name: "example.org".into(), port: Some(443) }),
            ("localhost", To::Name { name: "localhost".into(), port: None }),
        ] {
            assert_eq!(text.parse::<To>().as_ref(), Ok(&expected), "{text}");
            assert_eq!(expected.to_string(), text);
        }
        assert_eq!("[fd00::1]".parse::<To>(), Ok(address("fd00::1", None)));
        for bad in [
            "",
            ":80",
            "10.0.0.1:",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "10.0.0.1:+80",
            "10.0.0.1:http",
            "10.0.0.300:80",
            "10.0.0:80",
            "[fd00::1",
            "[fd00::1]80",
            "[10.0.0.1]:80",
            "fd00::1::2:80",
            "svc:web:80",
            "svc:a/b:",
            "netns:a:80",
            "pod:a/b:HTTP",
            "[fe80::1%eth0]:80",
            "a b:80",
            "-x:80",
        ] {
            assert!(bad.parse::<To>().is_err(), "{bad}");
        }
    }
}
