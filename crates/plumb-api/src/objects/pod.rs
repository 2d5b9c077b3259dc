//! `v1/Pod`.

use serde::{Deserialize, Serialize};

use super::{ObjectMeta, Protocol};

/// A Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct Pod {
    pub metadata: ObjectMeta,
    pub spec: PodSpec,
    pub status: PodStatus,
}

/// What a Pod is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct PodSpec {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub node_name: Box<str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub hostname: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub subdomain: Box<str>,
    pub containers: Vec<Container>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<Container>,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Name.
    pub name: Box<str>,
    /// Ports by name, for `targetPort`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ContainerPort>,
    /// `Always` on an init container makes it a sidecar, whose ports count (KEP-753).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<Box<str>>,
}

/// A port of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the API's own names")]
pub struct ContainerPort {
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub name: Box<str>,
    pub container_port: u16,
    #[serde(default)]
    pub protocol: Protocol,
}

/// What a Pod is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub phase: Box<str>,
    /// First address.
    #[serde(rename = "podIP", skip_serializing_if = "str::is_empty")]
    pub pod_ip: Box<str>,
    /// Addresses, at most one a family.
    #[serde(rename = "podIPs", skip_serializing_if = "Vec::is_empty")]
    pub pod_ips: Vec<PodIp>,
    /// `Ready` among others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<PodCondition>,
}

/// An address of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct PodIp {
    pub ip: Box<str>,
}

/// A condition of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct PodCondition {
    #[serde(rename = "type")]
    pub kind: Box<str>,
    pub status: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Box<str>>,
}
