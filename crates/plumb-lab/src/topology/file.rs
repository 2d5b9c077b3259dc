//! The topology file as it is written, each thing with its place.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{NetworkKind, PortProtocol};
use crate::server::Manner;

/// A lab: nodes, pods, the network between them and what surrounds it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Topology", title = "Topology of a plumb lab")]
pub(super) struct File {
    /// Name of the lab: at most 32 lower-case letters, digits and hyphens. Every namespace bears it.
    #[schemars(with = "String", regex(pattern = "^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$"))]
    pub(super) name: Spanned<String>,
    /// Nodes, at least one.
    #[schemars(with = "Vec<Node>", length(min = 1))]
    pub(super) nodes: Spanned<Vec<Node>>,
    /// Pods.
    #[serde(default)]
    pub(super) pods: Vec<Pod>,
    /// The pod network.
    #[serde(default)]
    pub(super) network: Network,
    /// The router that stands for the world outside.
    #[serde(default)]
    pub(super) outside: Outside,
    /// Services made by hand: on each node a DNAT that chooses one endpoint at random.
    #[serde(default)]
    pub(super) nat_services: Vec<NatService>,
    /// What pods ask for names, as kubelets write it into their resolv.conf. Default: what the machine itself asks.
    #[serde(default)]
    pub(super) dns: Option<Dns>,
    /// Objects of the Kubernetes API as ordinary manifests: Services above all. With them, the lab runs a small Kubernetes API, the
    /// EndpointSlice controller, and `plumb proxy` on every node.
    #[serde(default)]
    #[schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>")]
    pub(super) manifests: Vec<Spanned<serde_json::Value>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    /// Name, unique.
    #[schemars(with = "String")]
    pub(super) name: Spanned<String>,
    /// Ranges of this node's pods, one a family. Default: the node's share of the network's ranges (the first node
    /// gets number 1).
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) pod_ranges: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pod {
    /// Name, unique in its namespace.
    #[schemars(with = "String")]
    pub(super) name: Spanned<String>,
    /// Namespace of the pod object.
    #[serde(default = "default_namespace")]
    #[schemars(with = "String", default = "default_namespace_text")]
    pub(super) namespace: Spanned<String>,
    /// Node that it runs on.
    #[schemars(with = "String")]
    pub(super) node: Spanned<String>,
    /// Labels.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    /// What it serves.
    #[serde(default)]
    pub(super) ports: Vec<Port>,
    /// Whether the Pod object is ready. Default: true. Matters where there are manifests.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub(super) ready: Option<Spanned<bool>>,
    /// TCP port that tells whether the Pod object is ready, in place of `ready`: once a second a connection to it is tried inside the
    /// pod, as a kubelet does with a `readinessProbe`.
    #[serde(default)]
    #[schemars(with = "Option<u16>", range(min = 1))]
    pub(super) readiness: Option<Spanned<u16>>,
}

fn default_namespace_text() -> String {
    "default".to_owned()
}

fn default_namespace() -> Spanned<String> {
    Spanned::new(default_namespace_text(), serde_saphyr::Location::UNKNOWN, serde_saphyr::Location::UNKNOWN)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Port {
    /// Name, unique in its pod. Default: protocol and number, such as `tcp-8080`.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// Number.
    #[schemars(with = "u16", range(min = 1))]
    pub(super) port: Spanned<u16>,
    /// What is spoken.
    #[serde(default)]
    pub(super) protocol: PortProtocol,
    /// Address that it is bound to. Default: every address of both families.
    #[serde(default)]
    #[schemars(with = "Option<std::net::IpAddr>")]
    pub(super) address: Option<Spanned<String>>,
    /// How its server differs from a plain one. Default: not at all.
    #[serde(default)]
    #[schemars(with = "Option<Manner>")]
    pub(super) manner: Option<Spanned<Manner>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Network {
    /// How pods are connected.
    pub(super) kind: NetworkKind,
    /// Ranges of all pods, one a family. Default: `10.244.0.0/16` and `fd00:10:244::/48`.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) pod_ranges: Option<Vec<Spanned<String>>>,
    /// Ranges of the network between the nodes, one a family that the pods have. Default: `172.18.0.0/24` and
    /// `fd00:172:18::/64`.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) underlay: Option<Vec<Spanned<String>>>,
    /// MTU in bytes. Default: 1500.
    #[schemars(with = "Option<u32>")]
    pub(super) mtu: Option<Spanned<u32>>,
    /// Whether a pod may reach itself through a service. Default: true.
    pub(super) hairpin: Option<bool>,
    /// Whether what leaves the pod ranges gets its node's address. Default: true.
    pub(super) masquerade: Option<bool>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Outside {
    /// Addresses, one a family. Default: `203.0.113.10` and `2001:db8:203::10`.
    #[schemars(with = "Option<Vec<std::net::IpAddr>>")]
    pub(super) addresses: Option<Vec<Spanned<String>>>,
    /// What it serves. Default: HTTP on port 80.
    pub(super) ports: Option<Vec<Port>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Dns {
    /// Addresses of the name servers, in this order: that of a Service in front of pods with a port of protocol `dns`, say.
    #[schemars(with = "Vec<std::net::IpAddr>", length(min = 1))]
    pub(super) servers: Spanned<Vec<Spanned<String>>>,
    /// Domain of the cluster. Default: `cluster.local`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) domain: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NatService {
    /// Name, unique among services.
    #[schemars(with = "String")]
    pub(super) name: Spanned<String>,
    /// Virtual addresses, one a family.
    #[schemars(with = "Vec<std::net::IpAddr>", length(min = 1))]
    pub(super) addresses: Vec<Spanned<String>>,
    /// Port.
    #[schemars(with = "u16", range(min = 1))]
    pub(super) port: Spanned<u16>,
    /// Protocol.
    #[serde(default)]
    pub(super) protocol: PortProtocol,
    /// Endpoints, each `POD:PORT` or `NAMESPACE/POD:PORT`; the port by number or by name.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(super) endpoints: Spanned<Vec<Spanned<String>>>,
}
