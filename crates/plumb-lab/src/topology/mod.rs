//! The topology: nodes, pods, the pod network and what surrounds it.
//!
//! A file is read by [`Topology::read`]; what is wrong in it is told with line, column and the line itself. A
//! `Topology` in hand has passed every check: names are unique and short enough, ranges do not overlap, every
//! reference leads somewhere.

mod check;
mod error;
mod file;
pub(crate) mod ranges;
mod schema;
mod standard;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use plumb_model::{IpFamily, Prefix, Protocol};
use serde::{Deserialize, Serialize};

use crate::server::Manner;

pub use error::TopologyError;
pub use schema::{schema, subschema};

/// A cluster as it should be built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// Name of the lab; every namespace bears it.
    pub name: String,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Pods.
    pub pods: Vec<Pod>,
    /// The pod network.
    pub network: Network,
    /// The router that stands for the world outside the cluster.
    pub outside: Outside,
    /// Services made by hand: a DNAT with a random choice, on each node.
    pub nat_services: Vec<NatService>,
    /// What pods ask for names; `None`: what the machine asks.
    #[serde(default)]
    pub dns: Option<Dns>,
    /// Objects of the Kubernetes API, in its JSON form.
    #[serde(default)]
    pub manifests: Vec<serde_json::Value>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Ranges that its pods get their addresses from, one a family.
    pub pod_ranges: Vec<Prefix>,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Namespace of the pod object.
    pub namespace: String,
    /// Name of the pod object.
    pub name: String,
    /// Node that it runs on.
    pub node: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What it serves.
    pub ports: Vec<Port>,
    /// When its Pod object is ready.
    #[serde(default)]
    pub ready: Ready,
}

/// When a Pod object is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ready {
    /// As long as the lab stands, whatever its server does: a kubelet without a probe.
    #[default]
    Always,
    /// Never.
    Never,
    /// While this TCP port takes connections inside the pod.
    Port(u16),
}

impl Pod {
    /// `NAMESPACE/NAME`
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// A port that a pod serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Name, unique in its pod.
    pub name: String,
    /// Number.
    pub port: u16,
    /// What is spoken.
    pub protocol: PortProtocol,
    /// Address that it is bound to; `::` takes both families.
    pub address: IpAddr,
    /// How it differs from what a plain server does.
    #[serde(default, skip_serializing_if = "Manner::is_plain")]
    pub manner: Manner,
}

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PortProtocol {
    /// TCP: the server says who it is and whom it sees, then repeats what it gets.
    #[default]
    Tcp,
    /// UDP: the same in answer to each datagram.
    Udp,
    /// HTTP over TCP: the same as a JSON document.
    Http,
    /// DNS over UDP: the names of the lab's cluster.
    Dns,
    /// DNS over TCP.
    #[serde(rename = "dns-tcp")]
    DnsTcp,
}

impl PortProtocol {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Http => "http",
            Self::Dns => "dns",
            Self::DnsTcp => "dns-tcp",
        }
    }

    /// The IP protocol under it.
    #[must_use]
    pub fn transport(self) -> Protocol {
        match self {
            Self::Tcp | Self::Http | Self::DnsTcp => Protocol::TCP,
            Self::Udp | Self::Dns => Protocol::UDP,
        }
    }
}

/// How pods are connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkKind {
    /// A bridge on each node and routes between the nodes, as the bridge CNI plugin and host routes build it.
    #[default]
    Bridge,
}

/// The pod network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// How pods are connected.
    pub kind: NetworkKind,
    /// Ranges of all pods, one a family: what leaves them is masqueraded.
    pub pod_ranges: Vec<Prefix>,
    /// Ranges of the network between the nodes, one a family.
    pub underlay: Vec<Prefix>,
    /// MTU in bytes of every device.
    pub mtu: u32,
    /// Whether a pod may reach itself through a service (hairpin on the ports of its bridge).
    pub hairpin: bool,
    /// Whether what leaves the pod ranges gets its node's address.
    pub masquerade: bool,
}

impl Network {
    /// The families that pods have.
    #[must_use]
    pub fn families(&self) -> Vec<IpFamily> {
        self.pod_ranges.iter().map(Prefix::family).collect()
    }
}

/// The world outside: a router with an address of its own, on which a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// Addresses, one a family.
    pub addresses: Vec<IpAddr>,
    /// What it serves.
    pub ports: Vec<Port>,
}

/// A service made by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatService {
    /// Name.
    pub name: String,
    /// Virtual addresses, one a family.
    pub addresses: Vec<IpAddr>,
    /// Port.
    pub port: u16,
    /// Protocol.
    pub protocol: PortProtocol,
    /// Endpoints: a pod's full name and a port of it.
    pub endpoints: Vec<Endpoint>,
}

/// What pods ask for names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dns {
    /// Addresses of the name servers in every pod's resolv.conf.
    pub servers: Vec<IpAddr>,
    /// Domain of the cluster.
    pub domain: String,
}

/// Where a service leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// `NAMESPACE/NAME` of a pod.
    pub pod: String,
    /// Port number there.
    pub port: u16,
}

impl Topology {
    /// Reads a topology. `source` is what errors call it: the file's name.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(source: &str, text: &str) -> Result<Self, TopologyError> {
        let file: file::File =
            serde_saphyr::from_str(text).map_err(|e| TopologyError::of_parser(source, text, &e))?;
        check::lower(file).map_err(|e| e.into_error(source, text))
    }

    /// Reads a topology file.
    ///
    /// # Errors
    /// The file cannot be read, or something in it is wrong.
    pub fn read(path: &Path) -> Result<Self, TopologyError> {
        let source = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| TopologyError::Unreadable { source_name: source.clone(), error })?;
        Self::parse(&source, &text)
    }

    /// The lab that is built where no file is given: 3 nodes, 12 pods, one service.
    ///
    /// # Errors
    /// The name is no good.
    pub fn standard(name: &str) -> Result<Self, TopologyError> {
        Self::parse("the standard topology", standard::TEXT)?.renamed(name)
    }

    /// The same under another name.
    ///
    /// # Errors
    /// The name is no good.
    pub fn renamed(mut self, name: &str) -> Result<Self, TopologyError> {
        check::lab_name(name).map_err(|message| TopologyError::Name { name: name.to_owned(), message })?;
        name.clone_into(&mut self.name);
        Ok(self)
    }

    /// The text of the standard topology, to start one's own from.
    #[must_use]
    pub fn standard_text() -> &'static str {
        standard::TEXT
    }

    /// The pod with this name: `NAMESPACE/NAME`, or `NAME` in the namespace `default`.
    #[must_use]
    pub fn pod(&self, name: &str) -> Option<&Pod> {
        let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
        self.pods.iter().find(|p| p.namespace == namespace && p.name == name)
    }

    /// The node with this name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|n| n.name == name)
    }

    /// The service with this name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&NatService> {
        self.nat_services.iter().find(|s| s.name == name)
    }
}

#[cfg(test)]
mod tests;
