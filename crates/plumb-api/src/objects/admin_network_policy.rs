//! `policy.networking.k8s.io/v1alpha1`: AdminNetworkPolicy and BaselineAdminNetworkPolicy (KEP-2091; sigs.k8s.io/network-policy-api
//! `apis/v1alpha1`), as their last shape has them. A field of an earlier or later shape is an error: a selector that was left out would
//! take everything.

use serde::{Deserialize, Deserializer, Serialize};

use super::{LabelSelector, ObjectMeta, PolicyType, Protocol};

/// What an administrator says before NetworkPolicies are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct AdminNetworkPolicy {
    pub metadata: ObjectMeta,
    pub spec: AdminPolicySpec,
}

/// What an administrator says of Pods that no NetworkPolicy is about. There is one in a cluster, `default`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct BaselineAdminNetworkPolicy {
    pub metadata: ObjectMeta,
    pub spec: AdminPolicySpec,
}

/// What either of them says. In a direction without rules it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminPolicySpec {
    /// 0 to 1000; the lower goes before the higher. A baseline has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Pods that it is about; those of their node's network never are.
    pub subject: AdminPolicySubject,
    /// Rules for what comes in; the first that fits counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingress: Vec<AdminIngressRule>,
    /// Rules for what goes out; the first that fits counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<AdminEgressRule>,
}

impl AdminPolicySpec {
    /// Its rules for a direction.
    #[must_use]
    pub fn rules(&self, direction: PolicyType) -> Vec<AdminRule<'_>> {
        match direction {
            PolicyType::Ingress => {
                self.ingress.iter().map(|r| (r.action, &*r.from, r.ports.as_deref())).collect()
            }
            PolicyType::Egress => {
                self.egress.iter().map(|r| (r.action, &*r.to, r.ports.as_deref())).collect()
            }
        }
    }
}

/// A rule of either direction: action, peers, ports (`None`: every port).
pub type AdminRule<'a> = (AdminAction, &'a [AdminPolicyPeer], Option<&'a [AdminPolicyPort]>);

/// Pods of some namespaces: all of them, or those with labels. Exactly one field is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminPolicySubject {
    /// All Pods of namespaces with these labels.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "strict_some")]
    pub namespaces: Option<LabelSelector>,
    /// Some Pods of some namespaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<NamespacedPods>,
}

/// Pods with labels in namespaces with labels. An empty selector takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct NamespacedPods {
    #[serde(deserialize_with = "strict")]
    pub namespace_selector: LabelSelector,
    #[serde(deserialize_with = "strict")]
    pub pod_selector: LabelSelector,
}

/// What a rule does with the connections that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AdminAction {
    /// They may, whatever comes after it.
    Allow,
    /// They may not, whatever comes after it.
    Deny,
    /// No further AdminNetworkPolicy is asked; NetworkPolicies are.
    Pass,
}

/// A rule for what comes in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminIngressRule {
    /// What it is called.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub name: Box<str>,
    /// What it does.
    pub action: AdminAction,
    /// From whom.
    #[serde(default)]
    pub from: Vec<AdminPolicyPeer>,
    /// At which ports; at every one where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<AdminPolicyPort>>,
}

/// A rule for what goes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminEgressRule {
    /// What it is called.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub name: Box<str>,
    /// What it does.
    pub action: AdminAction,
    /// To whom.
    #[serde(default)]
    pub to: Vec<AdminPolicyPeer>,
    /// At which ports; at every one where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<AdminPolicyPort>>,
}

/// Whom a rule is about. Exactly one field is set; the last three are for what goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AdminPolicyPeer {
    /// All Pods of namespaces with these labels; those of their node's network are not meant.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "strict_some")]
    pub namespaces: Option<LabelSelector>,
    /// Some Pods of some namespaces; those of their node's network are not meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<NamespacedPods>,
    /// Nodes with these labels, and Pods of their network.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "strict_some")]
    pub nodes: Option<LabelSelector>,
    /// Ranges of addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Box<str>>,
    /// Names of the DNS.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domain_names: Vec<Box<str>>,
}

/// A port of a rule. Exactly one field is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AdminPolicyPort {
    /// One port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_number: Option<PortNumber>,
    /// A port of the Pod that is connected to, by its name, whatever the protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named_port: Option<Box<str>>,
    /// Several ports in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_range: Option<PortRange>,
}

/// A port by its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct PortNumber {
    #[serde(default)]
    pub protocol: Protocol,
    pub port: i32,
}

/// Ports from the first to the last, both included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct PortRange {
    #[serde(default)]
    pub protocol: Protocol,
    pub start: i32,
    pub end: i32,
}

/// A selector without anything that is none of a selector's.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Strict {
    match_labels: std::collections::BTreeMap<Box<str>, Box<str>>,
    match_expressions: Vec<super::LabelRequirement>,
}

fn strict<'de, D: Deserializer<'de>>(from: D) -> Result<LabelSelector, D::Error> {
    let Strict { match_labels, match_expressions } = Strict::deserialize(from)?;
    Ok(LabelSelector { match_labels, match_expressions })
}

fn strict_some<'de, D: Deserializer<'de>>(from: D) -> Result<Option<LabelSelector>, D::Error> {
    strict(from).map(Some)
}
