//! `v1/Service`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{IpFamily, ObjectMeta, Protocol};

/// A Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct Service {
    #[serde(default)]
    pub metadata: ObjectMeta,
    #[serde(default)]
    pub spec: ServiceSpec,
    #[serde(default, skip_serializing_if = "ServiceStatus::is_empty")]
    pub status: ServiceStatus,
}

/// What a Service offers. Addresses are text, as the API has them: old objects hold what today's API server refuses
/// ([`crate::address::parse_ip`]).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// Kind of Service.
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// Labels of the Pods behind it; none: somebody else writes its endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<BTreeMap<Box<str>, Box<str>>>,
    /// First cluster IP, `None` for a headless Service, empty while none is allocated.
    #[serde(rename = "clusterIP", skip_serializing_if = "str::is_empty")]
    pub cluster_ip: Box<str>,
    /// Cluster IPs, one a family.
    #[serde(rename = "clusterIPs", skip_serializing_if = "Vec::is_empty")]
    pub cluster_ips: Vec<Box<str>>,
    /// Families of `cluster_ips`, in the same order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_families: Vec<IpFamily>,
    /// Which families were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_family_policy: Option<IpFamilyPolicy>,
    /// Ports.
    pub ports: Vec<ServicePort>,
    /// Further addresses that lead to the Service.
    #[serde(rename = "externalIPs", skip_serializing_if = "Vec::is_empty")]
    pub external_ips: Vec<Box<str>>,
    /// Where clients of the load balancer's addresses may be; empty: anywhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load_balancer_source_ranges: Vec<Box<str>>,
    /// Which endpoints traffic from outside may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<ExternalTrafficPolicy>,
    /// Which endpoints traffic to the cluster IP may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_traffic_policy: Option<InternalTrafficPolicy>,
    /// Port on which nodes tell load balancers whether they have endpoints; 0: none.
    #[serde(skip_serializing_if = "is_zero")]
    pub health_check_node_port: u16,
    /// Whether a client comes back to the same endpoint.
    pub session_affinity: SessionAffinity,
    /// How long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_affinity_config: Option<SessionAffinityConfig>,
    /// Endpoints count as ready whether their Pods are or not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub publish_not_ready_addresses: bool,
    /// Which endpoints are preferred: `PreferClose`, `PreferSameZone`, `PreferSameNode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_distribution: Option<Box<str>>,
    /// DNS name that an ExternalName Service stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_name: Option<Box<str>>,
    /// Whether a LoadBalancer Service gets node ports; absent: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocate_load_balancer_node_ports: Option<bool>,
}

impl ServiceSpec {
    /// Whether it has no cluster IP on purpose: its name leads to its endpoints themselves.
    #[must_use]
    pub fn is_headless(&self) -> bool {
        let first = self.cluster_ips.first().unwrap_or(&self.cluster_ip);
        &**first == "None" && self.kind != ServiceType::ExternalName
    }

    /// Whether something outside the cluster can reach it (`ExternallyAccessible` in `pkg/api/service`).
    #[must_use]
    pub fn is_externally_accessible(&self) -> bool {
        match self.kind {
            ServiceType::NodePort | ServiceType::LoadBalancer => true,
            ServiceType::ClusterIP => !self.external_ips.is_empty(),
            ServiceType::ExternalName => false,
        }
    }
}

fn is_zero(n: &u16) -> bool {
    *n == 0
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Name; empty where a Service has a single port without one.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub name: Box<str>,
    /// Protocol.
    #[serde(default)]
    pub protocol: Protocol,
    /// Port on the Service's addresses.
    pub port: u16,
    /// Port of the Pods, by number or by a container port's name; absent: `port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_port: Option<IntOrString>,
    /// Port on every node; 0: none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub node_port: u16,
    /// What is spoken, as a hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<Box<str>>,
}

/// A number or a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// A number.
    Int(i32),
    /// A name.
    String(Box<str>),
}

impl std::fmt::Display for IntOrString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::String(name) => f.write_str(name),
        }
    }
}

/// `spec.type`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the API's own names")]
pub enum ServiceType {
    #[default]
    ClusterIP,
    NodePort,
    LoadBalancer,
    ExternalName,
}

/// `spec.ipFamilyPolicy`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the API's own names")]
pub enum IpFamilyPolicy {
    SingleStack,
    PreferDualStack,
    RequireDualStack,
}

/// `spec.externalTrafficPolicy`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExternalTrafficPolicy {
    /// Any endpoint; the client's address is lost.
    Cluster,
    /// Only endpoints on the node that the packet came to; the client's address is kept.
    Local,
}

/// `spec.internalTrafficPolicy`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InternalTrafficPolicy {
    /// Any endpoint.
    Cluster,
    /// Only endpoints on the client's own node.
    Local,
}

/// `spec.sessionAffinity`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionAffinity {
    /// Every connection is a new choice.
    #[default]
    None,
    /// A client address comes back to its endpoint.
    ClientIP,
}

/// `spec.sessionAffinityConfig`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct SessionAffinityConfig {
    #[serde(rename = "clientIP", default, skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<ClientIpConfig>,
}

/// `spec.sessionAffinityConfig.clientIP`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientIpConfig {
    /// Seconds since the client's last new connection; absent: 10,800.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}

/// What a load balancer told of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct ServiceStatus {
    pub load_balancer: LoadBalancerStatus,
}

impl ServiceStatus {
    fn is_empty(&self) -> bool {
        self.load_balancer.ingress.is_empty()
    }
}

/// `status.loadBalancer`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct LoadBalancerStatus {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ingress: Vec<LoadBalancerIngress>,
}

/// An address of the load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancerIngress {
    /// Address; empty where it is known by name only.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub ip: Box<str>,
    /// DNS name.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub hostname: Box<str>,
    /// Whether packets come with this address (`VIP`) or with the node's (`Proxy`); absent: `VIP`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_mode: Option<IpMode>,
}

/// `status.loadBalancer.ingress[].ipMode` (KEP-1860)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpMode {
    /// Packets reach the node with the address of the load balancer.
    #[serde(rename = "VIP")]
    Vip,
    /// The load balancer speaks to node ports or Pods itself.
    Proxy,
}
