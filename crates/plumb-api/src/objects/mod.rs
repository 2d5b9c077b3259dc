//! The API objects, field by field what Plumb uses (Kubernetes v1.36, `staging/src/k8s.io/api`). Fields that are not here are not
//! kept; a field with a value that is none of its kind is an error that names it.

mod admin_network_policy;
mod endpoint_slice;
mod endpoints;
mod meta;
mod network_policy;
mod node;
mod pod;
mod selector;
mod service;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use admin_network_policy::{
    AdminAction, AdminEgressRule, AdminIngressRule, AdminNetworkPolicy, AdminPolicyPeer, AdminPolicyPort,
    AdminPolicySpec, AdminPolicySubject, AdminRule, BaselineAdminNetworkPolicy, NamespacedPods, PortNumber,
    PortRange,
};
pub use endpoint_slice::{
    AddressType, Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice, ForNode, ForZone,
    ObjectReference,
};
pub use endpoints::{EndpointAddress, EndpointSubset, Endpoints, EndpointsPort};
pub use meta::{NamespacedName, ObjectMeta, OwnerReference, annotation, label};
pub use network_policy::{
    EgressRule, IngressRule, IpBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
    PolicyType,
};
pub use node::{Namespace, Node, NodeAddress, NodeSpec, NodeStatus, ServiceCidr, ServiceCidrSpec, Taint};
pub use pod::{Container, ContainerPort, Pod, PodCondition, PodIp, PodSpec, PodStatus};
pub use selector::{LabelOperator, LabelRequirement, LabelSelector};
pub use service::{
    ClientIpConfig, ExternalTrafficPolicy, IntOrString, InternalTrafficPolicy, IpFamilyPolicy, IpMode,
    LoadBalancerIngress, LoadBalancerStatus, Service, ServicePort, ServiceSpec, ServiceStatus, ServiceType,
    SessionAffinity, SessionAffinityConfig,
};

pub use crate::address::IpFamily;

/// Transport protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP
    #[default]
    #[serde(rename = "TCP")]
    Tcp,
    /// UDP
    #[serde(rename = "UDP")]
    Udp,
    /// SCTP
    #[serde(rename = "SCTP")]
    Sctp,
}

impl Protocol {
    /// IP protocol number (IANA).
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }

    /// `tcp`, `udp`, `sctp`.
    #[must_use]
    pub fn lower(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

/// The kinds that Plumb reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the API's own names")]
pub enum Kind {
    Service,
    EndpointSlice,
    Endpoints,
    Pod,
    Node,
    #[serde(rename = "ServiceCIDR")]
    ServiceCidr,
    Namespace,
    NetworkPolicy,
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Service,
        Self::EndpointSlice,
        Self::Endpoints,
        Self::Pod,
        Self::Node,
        Self::ServiceCidr,
        Self::Namespace,
        Self::NetworkPolicy,
        Self::AdminNetworkPolicy,
        Self::BaselineAdminNetworkPolicy,
    ];

    /// `apiVersion`, `kind` and the plural that the API's paths use.
    #[must_use]
    pub fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Service => ("v1", "Service", "services"),
            Self::EndpointSlice => ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
            Self::Endpoints => ("v1", "Endpoints", "endpoints"),
            Self::Pod => ("v1", "Pod", "pods"),
            Self::Node => ("v1", "Node", "nodes"),
            Self::ServiceCidr => ("networking.k8s.io/v1", "ServiceCIDR", "servicecidrs"),
            Self::Namespace => ("v1", "Namespace", "namespaces"),
            Self::NetworkPolicy => ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
            Self::AdminNetworkPolicy => {
                ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", "adminnetworkpolicies")
            }
            Self::BaselineAdminNetworkPolicy => (
                "policy.networking.k8s.io/v1alpha1",
                "BaselineAdminNetworkPolicy",
                "baselineadminnetworkpolicies",
            ),
        }
    }

    /// Whether objects of this kind live in a namespace.
    #[must_use]
    pub fn is_namespaced(self) -> bool {
        !matches!(
            self,
            Self::Node
                | Self::ServiceCidr
                | Self::Namespace
                | Self::AdminNetworkPolicy
                | Self::BaselineAdminNetworkPolicy
        )
    }

    /// The kind of this `apiVersion` and `kind`.
    #[must_use]
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| {
            let (v, name, _) = k.names();
            name == kind && v == api_version
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names().1)
    }
}

/// An object of any of the kinds.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the API's own names")]
pub enum Object {
    Service(Service),
    EndpointSlice(EndpointSlice),
    Endpoints(Endpoints),
    Pod(Pod),
    Node(Node),
    ServiceCidr(ServiceCidr),
    Namespace(Namespace),
    NetworkPolicy(NetworkPolicy),
    AdminNetworkPolicy(AdminNetworkPolicy),
    BaselineAdminNetworkPolicy(BaselineAdminNetworkPolicy),
}

/// Why a JSON value is no object of ours.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// Not a kind that Plumb reads.
    #[error("{kind} of {api_version} is no kind that Plumb reads")]
    Kind {
        /// `apiVersion`; empty where it has none.
        api_version: String,
        /// `kind`; empty where it has none.
        kind: String,
    },
    /// A field has a value that it cannot have.
    #[error("{kind} {name}: {source}")]
    Field {
        /// Kind.
        kind: Kind,
        /// `namespace/name` as far as it could be read.
        name: String,
        /// What and where.
        source: serde_json::Error,
    },
}

macro_rules! for_each_object {
    ($self:expr, $o:ident => $body:expr) => {
        match $self {
            Object::Service($o) => $body,
            Object::EndpointSlice($o) => $body,
            Object::Endpoints($o) => $body,
            Object::Pod($o) => $body,
            Object::Node($o) => $body,
            Object::ServiceCidr($o) => $body,
            Object::Namespace($o) => $body,
            Object::NetworkPolicy($o) => $body,
            Object::AdminNetworkPolicy($o) => $body,
            Object::BaselineAdminNetworkPolicy($o) => $body,
        }
    };
}

impl Object {
    /// Kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Service(_) => Kind::Service,
            Self::EndpointSlice(_) => Kind::EndpointSlice,
            Self::Endpoints(_) => Kind::Endpoints,
            Self::Pod(_) => Kind::Pod,
            Self::Node(_) => Kind::Node,
            Self::ServiceCidr(_) => Kind::ServiceCidr,
            Self::Namespace(_) => Kind::Namespace,
            Self::NetworkPolicy(_) => Kind::NetworkPolicy,
            Self::AdminNetworkPolicy(_) => Kind::AdminNetworkPolicy,
            Self::BaselineAdminNetworkPolicy(_) => Kind::BaselineAdminNetworkPolicy,
        }
    }

    /// Metadata.
    #[must_use]
    pub fn metadata(&self) -> &ObjectMeta {
        for_each_object!(self, o => &o.metadata)
    }

    /// Metadata, to change.
    pub fn metadata_mut(&mut self) -> &mut ObjectMeta {
        for_each_object!(self, o => &mut o.metadata)
    }

    /// Kind and name.
    #[must_use]
    pub fn key(&self) -> crate::ObjectKey {
        crate::ObjectKey { kind: self.kind(), name: self.metadata().full_name() }
    }

    /// From the API's JSON form; `apiVersion` and `kind` say what it is.
    ///
    /// # Errors
    /// When it is of another kind, or a field has a value that it cannot have.
    pub fn from_json(value: Value) -> Result<Self, ObjectError> {
        let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, name) = (text("apiVersion"), text("kind"));
        let kind = Kind::of(&api_version, &name).ok_or(ObjectError::Kind { api_version, kind: name })?;
        Self::of_kind(kind, value)
    }

    /// From the API's JSON form where the kind is known otherwise (items of a list bear none).
    ///
    /// # Errors
    /// When a field has a value that it cannot have.
    pub fn of_kind(kind: Kind, value: Value) -> Result<Self, ObjectError> {
        let part = |field: &str| value.pointer(&format!("/metadata/{field}")).and_then(Value::as_str);
        let name = match (part("namespace"), part("name")) {
            (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
            (None, Some(name)) => name.to_owned(),
            _ => "without a name".to_owned(),
        };
        let read = || -> Result<Self, serde_json::Error> {
            Ok(match kind {
                Kind::Service => Self::Service(serde_json::from_value(value)?),
                Kind::EndpointSlice => Self::EndpointSlice(serde_json::from_value(value)?),
                Kind::Endpoints => Self::Endpoints(serde_json::from_value(value)?),
                Kind::Pod => Self::Pod(serde_json::from_value(value)?),
                Kind::Node => Self::Node(serde_json::from_value(value)?),
                Kind::ServiceCidr => Self::ServiceCidr(serde_json::from_value(value)?),
                Kind::Namespace => Self::Namespace(serde_json::from_value(value)?),
                Kind::NetworkPolicy => Self::NetworkPolicy(serde_json::from_value(without_nulls(value))?),
                Kind::AdminNetworkPolicy => {
                    Self::AdminNetworkPolicy(serde_json::from_value(without_nulls(value))?)
                }
                Kind::BaselineAdminNetworkPolicy => {
                    Self::BaselineAdminNetworkPolicy(serde_json::from_value(without_nulls(value))?)
                }
            })
        };
        read().map_err(|source| ObjectError::Field { kind, name, source })
    }

    /// To the API's JSON form, `apiVersion` and `kind` included.
    ///
    /// # Errors
    /// None that is known: every field has a JSON form.
    pub fn to_json(&self) -> Result<Value, serde_json::Error> {
        let mut value = for_each_object!(self, o => serde_json::to_value(o)?);
        let (api_version, kind, _) = self.kind().names();
        if let Value::Object(fields) = &mut value {
            fields.insert("apiVersion".to_owned(), api_version.into());
            fields.insert("kind".to_owned(), kind.into());
        }
        Ok(value)
    }
}

/// As in Go, a field that is `null` counts as absent: `from:` with nothing behind it, say.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, v)| !v.is_null());
            Value::Object(kept.map(|(k, v)| (k, without_nulls(v))).collect())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
