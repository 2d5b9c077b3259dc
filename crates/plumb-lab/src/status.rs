//! How a lab is.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::cluster::ProxyStatus;
use crate::error::{LabError, Result};
use crate::state::{self, Phase, State};
use crate::supervisor::{Request, Response, ask};

/// How a lab is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Name.
    pub lab: String,
    /// Whether its supervisor lives and all was built.
    pub ready: bool,
    /// Process id of the supervisor, where it lives.
    pub supervisor: Option<u32>,
    /// Nodes.
    pub nodes: Vec<NodeStatus>,
    /// Pods.
    pub pods: Vec<PodStatus>,
    /// The router outside.
    pub outside: OutsideStatus,
    /// The proxies of the nodes, where the lab has any.
    pub proxies: Vec<ProxyStatus>,
    /// Services made by hand.
    pub services: Vec<ServiceStatus>,
    /// Faults that were made.
    pub faults: Vec<FaultStatus>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Addresses on the underlay.
    pub addresses: Vec<IpAddr>,
    /// Ranges of its pods.
    pub pod_ranges: Vec<String>,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodStatus {
    /// `NAMESPACE/NAME`
    pub name: String,
    /// Node.
    pub node: String,
    /// Namespace.
    pub namespace: String,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// Ports: `8080/http`.
    pub ports: Vec<String>,
    /// Process id of its server; `None` when that ended.
    pub pid: Option<u32>,
}

/// The router outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideStatus {
    /// Namespace.
    pub namespace: String,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Name.
    pub name: String,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// Port.
    pub port: u16,
    /// Endpoints: `NAMESPACE/NAME:PORT`.
    pub endpoints: Vec<String>,
}

/// A fault that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultStatus {
    /// Number in the catalogue.
    pub id: String,
    /// Whether it only looks like the fault of that number.
    pub look_alike: bool,
    /// Where.
    pub target: String,
    /// What it does.
    pub effect: String,
}

/// How a lab is.
///
/// # Errors
/// There is no such lab.
pub fn status(lab: &str) -> Result<Status> {
    let state = State::read(lab)?
        .ok_or_else(|| LabError::NoSuchLab { name: lab.to_owned(), known: state::labs() })?;
    let alive = state.alive();
    let servers = match alive.then(|| ask(lab, &Request::Servers)) {
        Some(Ok(Response::Servers(servers))) => servers,
        _ => Vec::new(),
    };
    let proxies = match alive.then(|| ask(lab, &Request::Proxies)) {
        Some(Ok(Response::Proxies(proxies))) => proxies,
        _ => Vec::new(),
    };
    let topology = &state.topology;
    let nodes = topology.nodes.iter().map(|n| NodeStatus {
        name: n.name.clone(),
        namespace: topology.node_namespace(&n.name),
        addresses: topology.node_addresses(&n.name),
        pod_ranges: n.pod_ranges.iter().map(ToString::to_string).collect(),
    });
    let pods = topology.pods.iter().map(|p| {
        let namespace = topology.pod_namespace(p);
        let word = |port: &crate::topology::Port| {
            let kind = serde_json::to_string(&port.protocol).unwrap_or_default();
            format!("{}/{}", port.port, kind.trim_matches('"'))
        };
        PodStatus {
            name: p.full_name(),
            node: p.node.clone(),
            addresses: topology.pod_addresses(p),
            ports: p.ports.iter().map(word).collect(),
            pid: servers.iter().find(|s| s.namespace == namespace).and_then(|s| s.pid),
            namespace,
        }
    });
    let services = topology.nat_services.iter().map(|s| ServiceStatus {
        name: s.name.clone(),
        addresses: s.addresses.clone(),
        port: s.port,
        endpoints: s.endpoints.iter().map(|e| format!("{}:{}", e.pod, e.port)).collect(),
    });
    let faults = state.faults.iter().map(|f| FaultStatus {
        id: f.id.clone(),
        look_alike: f.look_alike,
        target: f.target.clone(),
        effect: f.effect.clone(),
    });
    Ok(Status {
        lab: lab.to_owned(),
        ready: alive && state.phase == Phase::Ready,
        supervisor: alive.then_some(state.supervisor),
        nodes: nodes.collect(),
        pods: pods.collect(),
        outside: OutsideStatus {
            namespace: topology.outside_namespace(),
            addresses: topology.outside.addresses.clone(),
        },
        proxies,
        services: services.collect(),
        faults: faults.collect(),
    })
}
