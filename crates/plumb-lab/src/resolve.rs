//! Names to namespaces and addresses.

use std::net::{IpAddr, SocketAddr};

use plumb_model::{IpFamily, Protocol};

use crate::error::{LabError, Result};
use crate::topology::{Pod, Topology};

/// What is asked of a lab by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Address.
    pub address: IpAddr,
    /// Port; `None` for an echo.
    pub port: Option<u16>,
    /// Protocol that the topology serves there, where it says so.
    pub protocol: Option<Protocol>,
}

impl Destination {
    /// Address and port; port 0 for an echo.
    #[must_use]
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port.unwrap_or(0))
    }
}

/// The namespace that a name stands for: `pod:NAMESPACE/NAME`, `node:NAME`, `outside`, `underlay`, the namespace's own
/// name, or, where it is clear, a node's or pod's name alone.
///
/// # Errors
/// Nothing bears the name.
pub fn namespace(topology: &Topology, name: &str) -> Result<String> {
    if let Some(pod) = name.strip_prefix("pod:") {
        return topology.pod(pod).map(|p| topology.pod_namespace(p)).ok_or_else(|| unknown(topology, name));
    }
    if let Some(node) = name.strip_prefix("node:") {
        return topology
            .node(node)
            .map(|n| topology.node_namespace(&n.name))
            .ok_or_else(|| unknown(topology, name));
    }
    let own = name.strip_prefix("netns:").unwrap_or(name);
    let all = all_namespaces(topology);
    if all.iter().any(|n| n == own) {
        return Ok(own.to_owned());
    }
    match name {
        "outside" => return Ok(topology.outside_namespace()),
        "underlay" => return Ok(topology.underlay_namespace()),
        _ => {}
    }
    if let Some(node) = topology.node(name) {
        return Ok(topology.node_namespace(&node.name));
    }
    if let Some(pod) = topology.pod(name) {
        return Ok(topology.pod_namespace(pod));
    }
    if let Ok(address) = name.parse() {
        return owner(topology, address)
            .ok_or_else(|| LabError::Unknown(format!("nobody in the lab has {address}")));
    }
    Err(unknown(topology, name))
}

fn all_namespaces(topology: &Topology) -> Vec<String> {
    let mut all = vec![topology.underlay_namespace(), topology.outside_namespace()];
    all.extend(topology.nodes.iter().map(|n| topology.node_namespace(&n.name)));
    all.extend(topology.pods.iter().map(|p| topology.pod_namespace(p)));
    all
}

fn unknown(topology: &Topology, name: &str) -> LabError {
    let nodes = topology.nodes.iter().map(|n| format!("node:{}", n.name));
    let pods = topology.pods.iter().map(|p| format!("pod:{}", p.full_name()));
    let all: Vec<_> = nodes.chain(pods).chain(["outside".to_owned()]).collect();
    LabError::Unknown(format!("nothing in the lab is called `{name}`; there are {}", all.join(", ")))
}

/// The namespace that has an address.
fn owner(topology: &Topology, address: IpAddr) -> Option<String> {
    let pod = topology.pods.iter().find(|p| topology.pod_addresses(p).contains(&address));
    if let Some(pod) = pod {
        return Some(topology.pod_namespace(pod));
    }
    let has = |name: &str| {
        topology.node_addresses(name).contains(&address) || topology.gateways(name).contains(&address)
    };
    if let Some(node) = topology.nodes.iter().find(|n| has(&n.name)) {
        return Some(topology.node_namespace(&node.name));
    }
    let outside =
        topology.outside.addresses.contains(&address) || topology.router_addresses().contains(&address);
    outside.then(|| topology.outside_namespace())
}

/// The name and the port of a text that names a host: `HOST:PORT`, where the host is nothing that the topology knows by that
/// name. Whoever asks for it looks it up.
#[must_use]
pub(crate) fn host<'t>(topology: &Topology, text: &'t str) -> Option<(&'t str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let known = topology.service(host).is_some()
        || topology.pod(host).is_some()
        || topology.node(host).is_some()
        || host == "outside"
        || host.parse::<IpAddr>().is_ok();
    (!host.is_empty() && host.chars().all(is_name) && !known).then_some(())?;
    Some((host, port.parse().ok()?))
}

/// Where a text leads: `ADDRESS:PORT`, `[V6]:PORT`, `ADDRESS`, `pod:NAMESPACE/NAME[:PORT]`, `svc:NAME[:PORT]`,
/// `node:NAME[:PORT]`, `outside[:PORT]`; a pod's port by number or name, its first where none is given. `family` chooses
/// among the addresses of a name; the first it has where `None`.
///
/// # Errors
/// Nothing bears the name, or it has no such port or address.
pub fn destination(topology: &Topology, text: &str, family: Option<IpFamily>) -> Result<Destination> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Ok(served(topology, socket));
    }
    if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(Destination { address, port: None, protocol: None });
    }
    let (kind, rest) = text.split_once(':').unwrap_or(("", text));
    let (kind, rest) = if matches!(kind, "pod" | "svc" | "node") { (kind, rest) } else { ("", text) };
    let (name, port) = match rest.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (rest, None),
    };
    let pod = || topology.pod(name).filter(|_| matches!(kind, "pod" | ""));
    let bad_port = |port: &str| LabError::Unknown(format!("`{port}` in `{text}` is not a port"));
    let number = |port: Option<&str>| port.map(|p| p.parse::<u16>().map_err(|_| bad_port(p))).transpose();
    let pick = |all: &[IpAddr]| {
        let fits = |a: &&IpAddr| family.is_none_or(|f| IpFamily::of(**a) == f);
        all.iter()
            .find(fits)
            .copied()
            .ok_or_else(|| LabError::Unknown(format!("`{text}` has no address of that family")))
    };
    if matches!(kind, "svc" | "")
        && let Some(service) = topology.service(name.strip_prefix("default/").unwrap_or(name))
    {
        let port = number(port)?.unwrap_or(service.port);
        let protocol = (port == service.port).then(|| service.protocol.transport());
        return Ok(Destination { address: pick(&service.addresses)?, port: Some(port), protocol });
    }
    if let Some(pod) = pod() {
        let (port, protocol) = pod_port(pod, port).ok_or_else(|| {
            let names: Vec<_> = pod.ports.iter().map(|p| format!("{} ({})", p.port, p.name)).collect();
            let named = port.map(|p| format!(" `{p}`")).unwrap_or_default();
            LabError::Unknown(format!(
                "{} has no port{named}; its ports are {}",
                pod.full_name(),
                names.join(", ")
            ))
        })?;
        return Ok(Destination { address: pick(&topology.pod_addresses(pod))?, port: Some(port), protocol });
    }
    if matches!(kind, "node" | "") && topology.node(name).is_some() {
        return Ok(Destination {
            address: pick(&topology.node_addresses(name))?,
            port: number(port)?,
            protocol: None,
        });
    }
    if kind.is_empty() && name == "outside" {
        let address = pick(&topology.outside.addresses)?;
        let port = match port {
            Some(p) => Some(p.parse().map_err(|_| bad_port(p))?),
            None => topology.outside.ports.first().map(|p| p.port),
        };
        return Ok(port.map_or(Destination { address, port: None, protocol: None }, |p| {
            served(topology, SocketAddr::new(address, p))
        }));
    }
    Err(unknown(topology, text))
}

fn pod_port(pod: &Pod, port: Option<&str>) -> Option<(u16, Option<Protocol>)> {
    let known = |p: &crate::topology::Port| (p.port, Some(p.protocol.transport()));
    match port {
        None => pod.ports.first().map(known),
        Some(text) => match text.parse::<u16>() {
            Ok(number) => Some(pod.ports.iter().find(|p| p.port == number).map_or((number, None), known)),
            Err(_) => pod.ports.iter().find(|p| p.name == text).map(known),
        },
    }
}

/// An address and port, with the protocol that the topology serves there.
fn served(topology: &Topology, socket: SocketAddr) -> Destination {
    let (address, port) = (socket.ip(), socket.port());
    let service = topology.nat_services.iter().find(|s| s.addresses.contains(&address) && s.port == port);
    let pod = topology.pods.iter().find(|p| topology.pod_addresses(p).contains(&address));
    let of_pod = pod.and_then(|p| p.ports.iter().find(|p| p.port == port)).map(|p| p.protocol.transport());
    let outside = topology.outside.addresses.contains(&address);
    let of_outside =
        topology.outside.ports.iter().find(|p| outside && p.port == port).map(|p| p.protocol.transport());
    let protocol = service.map(|s| s.protocol.transport()).or(of_pod).or(of_outside);
    Destination { address, port: Some(port), protocol }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn to(text: &str, family: Option<IpFamily>) -> String {
        let lab = Topology::standard("demo").unwrap();
        match destination(&lab, text, family) {
            Ok(d) => format!("{} {}", d.socket(), d.protocol.map_or("?".to_owned(), |p| p.to_string())),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn destinations() {
        assert_eq!(to("web-1", None), "10.244.2.3:8080 tcp");
        assert_eq!(to("pod:default/web-1:http", Some(IpFamily::V6)), "[fd00:10:244:2::3]:8080 tcp");
        assert_eq!(to("pod:kube-system/dns-0", None), "10.244.1.5:53 udp");
        assert_eq!(to("pod:kube-system/dns-0:dns-tcp", None), "10.244.1.5:53 tcp");
        assert_eq!(to("svc:web:80", None), "10.96.0.10:80 tcp");
        assert_eq!(to("10.96.0.10:80", None), "10.96.0.10:80 tcp");
        assert_eq!(to("outside", None), "203.0.113.10:80 tcp");
        assert_eq!(to("node:node-2:22", None), "172.18.0.3:22 ?");
        assert_eq!(to("[fd00::9]:22", None), "[fd00::9]:22 ?");
        assert!(to("pod:default/web-9:80", None).starts_with("nothing in the lab"));
        assert!(to("web-1:metrics", None).contains("its ports are 8080 (http)"));
    }

    #[test]
    fn hosts_are_what_the_topology_does_not_know() {
        let lab = Topology::standard("demo").unwrap();
        assert_eq!(host(&lab, "web.default:80"), Some(("web.default", 80)));
        assert_eq!(host(&lab, "my-service:80"), Some(("my-service", 80)));
        for known in [
            "web:80",
            "web-0:8080",
            "node-1:22",
            "outside:80",
            "10.0.0.1:80",
            "[fd00::1]:80",
            "svc:web:80",
            "x:http",
        ] {
            assert_eq!(host(&lab, known), None, "{known}");
        }
    }

    #[test]
    fn namespaces() {
        let lab = Topology::standard("demo").unwrap();
        for (name, expected) in [
            ("pod:kube-system/dns-0", "demo-kube-system-dns-0"),
            ("web-0", "demo-default-web-0"),
            ("node-1", "demo-node-1"),
            ("node:node-1", "demo-node-1"),
            ("outside", "demo-outside"),
            ("demo-underlay", "demo-underlay"),
            ("10.244.1.1", "demo-node-1"),
            ("fd00:10:244:2::3", "demo-default-web-1"),
            ("203.0.113.10", "demo-outside"),
        ] {
            assert_eq!(namespace(&lab, name).unwrap(), expected);
        }
        assert!(namespace(&lab, "pod:default/nobody").is_err());
    }
}
