//! `--expect FILE`: questions in the words of `diagnose`, each with what should come of it.

use std::path::Path;

use plumb_doctor::check::Expectation;
use plumb_doctor::resolve;
use plumb_doctor::resolve::objects::ObjectPort;
use plumb_model::Owner;
use plumb_trace::Network;
use plumb_trace::session::{Flow, Outcome, Transport};
use serde::Deserialize;

use super::fits;
use crate::commands::flow;
use crate::commands::objects::{self, Client, Objects};
use crate::endpoint::{From, Port, To};
use crate::error::Error;

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    from: String,
    to: String,
    #[serde(default)]
    protocol: Protocol,
    #[serde(default)]
    outcome: Wanted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    #[default]
    Tcp,
    Udp,
    Icmp,
}

/// An outcome of `diagnose`, or `not`: anything but that it connects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    #[default]
    Connects,
    #[serde(alias = "not_connects", alias = "fails")]
    Not,
    Refused,
    Unreachable,
    TimesOut,
    LocalError,
    Intermittent,
}

impl Protocol {
    fn of_the_api(self) -> Option<plumb_api::Protocol> {
        match self {
            Self::Tcp => Some(plumb_api::Protocol::Tcp),
            Self::Udp => Some(plumb_api::Protocol::Udp),
            Self::Icmp => None,
        }
    }
}

impl Wanted {
    fn outcome(self) -> Option<Outcome> {
        Some(match self {
            Self::Not => return None,
            Self::Connects => Outcome::Connects,
            Self::Refused => Outcome::Refused,
            Self::Unreachable => Outcome::Unreachable,
            Self::TimesOut => Outcome::TimesOut,
            Self::LocalError => Outcome::LocalError,
            Self::Intermittent => Outcome::Intermittent,
        })
    }
}

/// Reads the file; JSON is YAML.
pub(super) fn read(path: &Path) -> Result<Vec<Line>, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
    let lines: Vec<Line> = serde_saphyr::from_str(&text).map_err(|e| Error::Usage {
        problem: format!("{}: {e}", path.display()),
        help: "a list of {from, to, protocol, outcome}: see plumb check --help".to_owned(),
    })?;
    for line in &lines {
        line.to().map_err(|problem| bad(path, line, &problem))?;
        if !line.is_pattern() {
            line.from.parse::<From>().map_err(|e| bad(path, line, &e.to_string()))?;
        }
    }
    Ok(lines)
}

fn bad(path: &Path, line: &Line, problem: &str) -> Error {
    Error::Usage {
        problem: format!("{}: {} → {}: {problem}", path.display(), line.from, line.to),
        help: "FROM and TO are written as for plumb diagnose".to_owned(),
    }
}

impl Line {
    fn is_pattern(&self) -> bool {
        self.from.contains(['*', '?'])
    }

    fn to(&self) -> Result<To, String> {
        let to: To = self.to.parse().map_err(|e: crate::endpoint::EndpointError| e.to_string())?;
        let has_port = match &to {
            To::Address { port, .. } => port.is_some(),
            To::Pod { port, .. } | To::Node { port, .. } | To::Service { port, .. } => port.is_some(),
            To::Name { .. } => return Err("write its address".to_owned()),
        };
        match (self.protocol, has_port) {
            (Protocol::Icmp, true) => Err("an echo has no port".to_owned()),
            (Protocol::Icmp, false) | (_, true) => Ok(to),
            (_, false) => Err("the port is missing".to_owned()),
        }
    }
}

/// The questions, one for each namespace that a pattern fits.
pub(super) fn resolve(lines: &[Line], net: &Network, objects: &Objects) -> Result<Vec<Expectation>, Error> {
    let mut all = Vec::new();
    for line in lines {
        let to = line.to().map_err(|e| usage(&e))?;
        let sources = if line.is_pattern() { matching(net, &line.from) } else { vec![line.from.clone()] };
        if sources.is_empty() {
            return Err(usage(&format!("nobody here is called `{}`", line.from)));
        }
        for from in sources {
            let who: From =
                from.parse().map_err(|e: crate::endpoint::EndpointError| usage(&e.to_string()))?;
            let origin = resolve::origin(net, &flow::who(&who)).map_err(|e| usage(&e.to_string()))?;
            let client = Client { net, origin, from: &who, protocol: line.protocol.of_the_api() };
            let transport = match line.protocol {
                Protocol::Tcp => Transport::Tcp,
                Protocol::Udp => Transport::Udp,
                Protocol::Icmp => Transport::Icmp,
            };
            for (dst, port) in addresses(&client, &to, objects)? {
                let (source_port, outcome) = (None, line.outcome.outcome());
                let flow = Flow {
                    origin,
                    transport,
                    dst,
                    port,
                    source_port,
                    uid: 0,
                    gid: 0,
                    connections: 1,
                    bytes: None,
                };
                all.push(Expectation { from: from.clone(), to: line.to.clone(), flow, outcome });
            }
        }
    }
    Ok(all)
}

/// Where it leads; to every endpoint of a headless Service.
fn addresses(client: &Client, to: &To, objects: &Objects) -> Result<Vec<(std::net::IpAddr, u16)>, Error> {
    let port = |port: &Option<Port>| port.clone().map(ObjectPort::from);
    let owner =
        |who: &From, p: &Option<Port>| Ok(vec![objects::owner(client, who, port(p).as_ref(), objects)?]);
    match to {
        To::Address { address, port } => Ok(vec![(*address, port.unwrap_or(0))]),
        To::Pod { name, port } => owner(&From::Pod(name.clone()), port),
        To::Node { name, port } => owner(&From::Node(name.clone()), port),
        To::Service { name, port: p } => {
            let all = objects::service(client, name, port(p).as_ref(), objects)?;
            Ok(all.into_iter().map(|at| (at.ip(), at.port())).collect())
        }
        To::Name { .. } => Err(usage("write its address")),
    }
}

/// Everybody whose name, as FROM spells it, fits a pattern.
fn matching(net: &Network, pattern: &str) -> Vec<String> {
    let names = net.snapshot.namespaces.iter().flat_map(|n| {
        let owner = match &n.owner {
            Some(Owner::Pod { namespace, name, .. }) => Some(format!("pod:{namespace}/{name}")),
            Some(Owner::Node { node }) => Some(format!("node:{node}")),
            _ => None,
        };
        let own = if n.own { Some("host".to_owned()) } else { None };
        [owner, own, Some(format!("netns:{}", n.name))].into_iter().flatten()
    });
    names.filter(|name| fits(pattern, name)).collect()
}

fn usage(problem: &str) -> Error {
    Error::Usage {
        problem: format!("--expect: {problem}"),
        help: "`plumb ns` lists the namespaces".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lines(text: &str) -> Result<Vec<Line>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path()).map_err(|e| e.to_string())
    }

    #[test]
    fn yaml_and_json() {
        let yaml = lines("- {from: 'pod:a/*', to: '10.0.0.1:80', outcome: not}\n").unwrap();
        let json = lines(r#"[{"from": "pod:a/*", "to": "10.0.0.1:80", "outcome": "not"}]"#).unwrap();
        assert_eq!(yaml, json);
        assert_eq!(yaml[0].outcome.outcome(), None);
        assert_eq!(lines("- {from: host, to: 'pod:a/b:80'}").unwrap()[0].outcome, Wanted::Connects);
        assert!(lines("- {from: host, to: 'svc:a/b:http'}").is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in [
            ("- {from: host, to: '10.0.0.1'}", "port is missing"),
            ("- {from: host, to: '10.0.0.1:80', protocol: icmp}", "echo"),
            ("- {from: nobody, to: '10.0.0.1:80'}", "nobody"),
            ("- {from: host, to: '10.0.0.1:80', outcome: perhaps}", "perhaps"),
            ("- {from: host, to: '10.0.0.1:80', extra: 1}", "extra"),
            ("- {from: host, to: 'svc:a/b'}", "port is missing"),
            ("- {from: host, to: 'example.org:80'}", "address"),
        ] {
            let error = lines(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
