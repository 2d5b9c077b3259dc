//! The format of a case, typed. `conformance/README.md` explains it to a writer.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use plumb_api::address::IpFamily;
use plumb_api::{Object, Protocol};
use serde::Deserialize;

/// The backend that is tested here, as `backends` and `expect_by_backend` name it.
pub const BACKEND: &str = "nftables";

/// Objects, a node, and flows with what they must get.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name, unique in its file; also the name of the test.
    pub name: String,
    /// Backends that it is for.
    pub backends: Vec<String>,
    /// The node that the proxy runs on.
    pub node: Node,
    /// Its configuration.
    pub config: Config,
    /// Services and EndpointSlices.
    pub objects: Vec<Object>,
    /// New connections.
    pub flows: Vec<Flow>,
    /// Connections that depend on earlier ones.
    pub sequence: Option<Sequence>,
}

/// A node.
#[derive(Clone, Debug, Deserialize)]
pub struct Node {
    /// Name, as `nodeName` of endpoints has it.
    pub name: String,
    /// Its addresses.
    pub ips: Vec<IpAddr>,
    /// The one of each family that counts as the node's own.
    #[serde(default)]
    pub primary_ips: BTreeMap<IpFamily, IpAddr>,
    /// Value of its zone label.
    pub zone: Option<String>,
}

/// How pods are told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[allow(missing_docs, reason = "the configuration's own names")]
pub enum DetectLocalMode {
    #[serde(rename = "ClusterCIDR")]
    ClusterCidr,
    #[serde(rename = "NodeCIDR")]
    NodeCidr,
    BridgeInterface,
    InterfaceNamePrefix,
}

/// The proxy's configuration, as far as flows depend on it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// How pods are told from others.
    pub detect_local_mode: DetectLocalMode,
    /// Ranges of pods; none: pods cannot be told by their addresses.
    #[serde(default, rename = "podCIDRs")]
    pub pod_cidrs: Vec<String>,
    /// Beginning of the names of pods' devices.
    pub interface_name_prefix: Option<String>,
    /// The bridge that pods are behind.
    pub bridge_interface: Option<String>,
    /// Ranges that cluster IPs come from.
    #[serde(default, rename = "serviceCIDRs")]
    pub service_cidrs: Vec<String>,
    /// Ranges of the node's addresses that take node ports, a backend each.
    #[serde(default)]
    pub node_port_addresses: BTreeMap<String, Vec<String>>,
    /// Whatever goes to cluster IPs is masqueraded.
    #[serde(default)]
    pub masquerade_all: bool,
    /// Bit of the packet mark.
    #[serde(default = "mark_bit")]
    pub masquerade_bit: u8,
}

/// The default of `masqueradeBit`.
fn mark_bit() -> u8 {
    14
}

/// A new connection.
#[derive(Clone, Debug, Deserialize)]
pub struct Flow {
    /// Name, unique in its case.
    pub name: String,
    /// Source address; one of the node's or of the loopback: the node sends it itself.
    pub from_ip: IpAddr,
    /// Destination address.
    pub to_ip: IpAddr,
    /// Destination port.
    pub port: u16,
    /// Protocol.
    pub protocol: Protocol,
    /// Device that it comes in by, where that matters.
    pub in_interface: Option<String>,
    /// What it must get.
    pub expect: Expect,
    /// What it must get from one backend.
    #[serde(default)]
    pub expect_by_backend: BTreeMap<String, Expect>,
}

impl Flow {
    /// What the backend under test must do with it.
    #[must_use]
    pub fn expected(&self) -> &Expect {
        self.expect_by_backend.get(BACKEND).unwrap_or(&self.expect)
    }

    /// Family of its addresses.
    #[must_use]
    pub fn family(&self) -> IpFamily {
        IpFamily::of(self.to_ip)
    }

    /// Whether the node sends it itself.
    #[must_use]
    pub fn is_from(&self, node: &Node) -> bool {
        self.from_ip.is_loopback() || node.ips.contains(&self.from_ip)
    }
}

/// What is done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Sent on to one of the endpoints.
    Dnat,
    /// Silence.
    Drop,
    /// An ICMP error, port unreachable.
    Reject,
    /// Let through by a rule of its own: seen from outside it is [`Self::Pass`].
    Accept,
    /// Left alone.
    Pass,
}

/// What a flow must get.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What is done with it.
    pub verdict: Verdict,
    /// The endpoints that it may reach, each as likely as the others.
    #[serde(default)]
    pub endpoints: Vec<SocketAddr>,
    /// Whether the source address is rewritten.
    pub masquerade: Option<bool>,
    /// The same for each endpoint, where they differ.
    #[serde(default)]
    pub masquerade_by_endpoint: BTreeMap<SocketAddr, bool>,
}

/// Clients that come back.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// How many; their addresses go up from each flow's `from_ip`.
    pub clients: u16,
    /// What they do, one step after the other.
    pub steps: Vec<Step>,
}

/// A step of a sequence.
#[derive(Clone, Debug)]
pub enum Step {
    /// Every client opens a connection.
    Connect(Connect),
    /// Time goes by.
    Wait(std::time::Duration),
    /// Objects take the place of those of the same kind and name.
    Objects(Vec<Object>),
}

/// A connection of every client.
#[derive(Clone, Debug)]
pub struct Connect {
    /// Index of the flow.
    pub flow: usize,
    /// Name under which the endpoint is remembered; where it is remembered already, it must be the same.
    pub reaches: Option<String>,
    /// Not all clients come to the host that they came to under this name.
    pub unlike: Option<String>,
    /// The endpoints there are now, where the objects are no longer those of the case.
    pub endpoints: Option<Vec<SocketAddr>>,
}

impl Connect {
    /// The endpoints that clients may come to.
    #[must_use]
    pub fn allowed<'a>(&'a self, flow: &'a Flow) -> &'a [SocketAddr] {
        self.endpoints.as_deref().unwrap_or(&flow.expected().endpoints)
    }
}
