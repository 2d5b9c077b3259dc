//! `networking.k8s.io/v1/NetworkPolicy`.

use serde::{Deserialize, Serialize};

use super::{IntOrString, LabelSelector, ObjectMeta, Protocol};

/// What may connect to some Pods, and where they may connect to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct NetworkPolicy {
    pub metadata: ObjectMeta,
    pub spec: NetworkPolicySpec,
}

/// What a NetworkPolicy says. A list that is empty and one that is missing mean the same in all its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicySpec {
    /// Pods of its namespace that it is about; all where empty.
    pub pod_selector: LabelSelector,
    /// What may come in. Nothing where there is no rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingress: Vec<IngressRule>,
    /// What may go out. Nothing where there is no rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<EgressRule>,
    /// Which directions it is about; see [`NetworkPolicySpec::is_about`] where it says none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policy_types: Vec<PolicyType>,
}

impl NetworkPolicySpec {
    /// Whether it is about this direction. Without `policyTypes`: always about what comes in, about what goes out where it has
    /// rules for that (`SetDefaults_NetworkPolicy`, `pkg/apis/networking/v1/defaults.go`).
    #[must_use]
    pub fn is_about(&self, direction: PolicyType) -> bool {
        match (self.policy_types.is_empty(), direction) {
            (false, _) => self.policy_types.contains(&direction),
            (true, PolicyType::Ingress) => true,
            (true, PolicyType::Egress) => !self.egress.is_empty(),
        }
    }

    /// Its rules for a direction: peers and ports.
    pub fn rules(&self, direction: PolicyType) -> Vec<(&[NetworkPolicyPeer], &[NetworkPolicyPort])> {
        match direction {
            PolicyType::Ingress => self.ingress.iter().map(|r| (&*r.from, &*r.ports)).collect(),
            PolicyType::Egress => self.egress.iter().map(|r| (&*r.to, &*r.ports)).collect(),
        }
    }
}

/// A direction, seen from the Pods that a policy is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the API's own names")]
pub enum PolicyType {
    Ingress,
    Egress,
}

impl PolicyType {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];

    /// Field of the spec that holds its rules, and field of a rule that holds the peers.
    #[must_use]
    pub fn fields(self) -> (&'static str, &'static str) {
        match self {
            Self::Ingress => ("ingress", "from"),
            Self::Egress => ("egress", "to"),
        }
    }
}

/// What may come in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IngressRule {
    /// At these ports; at any where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<NetworkPolicyPort>,
    /// From these; from anybody where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<NetworkPolicyPeer>,
}

/// What may go out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EgressRule {
    /// To these ports; to any where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<NetworkPolicyPort>,
    /// To these; to anybody where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<NetworkPolicyPeer>,
}

/// A port of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicyPort {
    /// TCP where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// A number, or the name of a port of the Pod that is connected to; all ports where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<IntOrString>,
    /// Last port of a range that begins with `port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_port: Option<i32>,
}

/// Who may connect, or be connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicyPeer {
    /// Pods with these labels: of the policy's own namespace, or of those that `namespaceSelector` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
    /// Pods of namespaces with these labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// A range of addresses. Stands alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_block: Option<IpBlock>,
}

/// A range of addresses but for some.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpBlock {
    /// The range.
    pub cidr: Box<str>,
    /// Ranges within it that are not meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Box<str>>,
}
