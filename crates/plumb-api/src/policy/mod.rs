//! Which connections NetworkPolicies allow, by the documents of the API (`networking/v1/types.go`, and "Network Policies"
//! among the concepts of the documentation):
//!
//! * A Pod that no policy is about in a direction is open in it. One that some are about is open to what any rule of any of them
//!   takes, and to nothing else: policies add up.
//! * A connection is allowed where the source's Pod may send it and the destination's Pod may take it. Replies are.
//! * What a Pod sends to itself, and what goes between a Pod and its own node, is allowed always (kubelets' probes, say).
//! * A Pod of its node's network is taken for its node: no selector takes it, ranges of addresses do, and no policy is about it.
//!   (The documentation leaves that to the network's implementation; this is what it calls the most common one.)
//! * Ports are those of the Pod that is connected to, behind a Service's translation. Echoes and whatever else has no ports of
//!   TCP, UDP or SCTP are not defined by policies ([`Judgement::Undefined`]).
//!
//! What is not known (the labels of a Pod, say) is a [`Doubt`], and only where it decides.
//!
//! ```
//! use plumb_api::policy::{Judgement, Party, Policies, Role};
//! use plumb_api::{Object, Protocol, manifest};
//!
//! let text = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny}, spec: {podSelector: {}}}";
//! let objects: Vec<Object> = manifest::parse(text, "-")?.objects.into_iter().map(|o| o.value).collect();
//! let policies = Policies::new(&objects);
//! let pod = |ip: &str| Party {
//!     role: Role::Pod { namespace: Some("default".into()), labels: Some(Default::default()), ports: Some(Vec::new()) },
//!     node: None,
//!     addresses: vec![ip.parse().expect("an address")],
//! };
//! let (a, b) = (pod("10.0.0.1"), pod("10.0.0.2"));
//! assert!(matches!(policies.judge(&a, &b, b.addresses[0], Protocol::Tcp, 80), Judgement::Forbidden(_)));
//! # Ok::<(), manifest::ManifestError>(())
//! ```

mod matching;
mod party;
#[cfg(test)]
mod tests;
mod truth;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::objects::{NamespacedName, NetworkPolicy, Object, PolicyType, Protocol};

pub use matching::takes_port;
pub use party::{Labels, Party, Role};
pub use truth::{Doubt, Truth};

/// Label of every Namespace with its name, which the API server sets (`NamespaceDefaultLabelName`).
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The policies of a cluster, and its namespaces' labels.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    policies: Vec<NetworkPolicy>,
    namespaces: BTreeMap<Box<str>, Labels>,
}

/// A policy and the direction in which it matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verdict {
    /// The policy.
    pub policy: NamespacedName,
    /// Which of its lists.
    pub direction: PolicyType,
}

/// What policies say of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It should connect, as far as policies go.
    Allowed,
    /// It should not: no rule of these policies takes it, and they are all that are about the Pod in that direction.
    Forbidden(Vec<Verdict>),
    /// The API does not define it.
    Undefined,
    /// It cannot be told, for want of these.
    Unknown(Vec<(Verdict, Doubt)>),
}

impl Policies {
    /// From the objects of a cluster.
    #[must_use]
    pub fn new<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Self {
        let mut all = Self::default();
        for object in objects {
            match object {
                Object::NetworkPolicy(policy) => {
                    let mut policy = policy.clone();
                    if policy.metadata.namespace.is_empty() {
                        policy.metadata.namespace = "default".into();
                    }
                    all.policies.push(policy);
                }
                Object::Namespace(namespace) => {
                    let mut labels = namespace.metadata.labels.clone();
                    labels.insert(NAME_LABEL.into(), namespace.metadata.name.clone());
                    all.namespaces.insert(namespace.metadata.name.clone(), labels);
                }
                _ => {}
            }
        }
        all.policies.sort_by_key(|p| p.metadata.full_name());
        all
    }

    /// Whether there is none: then all is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// The policies, by name.
    #[must_use]
    pub fn all(&self) -> &[NetworkPolicy] {
        &self.policies
    }

    /// What they say of a connection to a port of this address of `to`.
    #[must_use]
    pub fn judge(&self, from: &Party, to: &Party, at: IpAddr, protocol: Protocol, port: u16) -> Judgement {
        let exempt = self.exempt(from, to, at);
        if exempt == Truth::Yes {
            return Judgement::Allowed;
        }
        let out = self.side(PolicyType::Egress, from, to, at, (protocol, port));
        let into = self.side(PolicyType::Ingress, to, from, at, (protocol, port));
        let judged = match (out, into) {
            (Side::Forbidden(mut a), Side::Forbidden(b)) => {
                a.extend(b);
                Judgement::Forbidden(a)
            }
            (Side::Forbidden(all), _) | (_, Side::Forbidden(all)) => Judgement::Forbidden(all),
            (Side::Unknown(mut a), Side::Unknown(b)) => {
                a.extend(b);
                Judgement::Unknown(a)
            }
            (Side::Unknown(all), _) | (_, Side::Unknown(all)) => Judgement::Unknown(all),
            (Side::Open, Side::Open) => Judgement::Allowed,
        };
        // It may be the Pod's own node, which nothing keeps away.
        match (judged, exempt) {
            (Judgement::Forbidden(all), Truth::Open(doubt)) => {
                Judgement::Unknown(all.into_iter().map(|v| (v, doubt)).collect())
            }
            (judged, _) => judged,
        }
    }

    /// What they say of an echo. Between Pods that policies are about it is not defined.
    #[must_use]
    pub fn judge_echo(&self, from: &Party, to: &Party, at: IpAddr) -> Judgement {
        if self.exempt(from, to, at) == Truth::Yes {
            return Judgement::Allowed;
        }
        let about = |direction, party: &Party| {
            let mut all = self.policies.iter().filter(|p| p.spec.is_about(direction));
            all.any(|p| self.selects(p, party) != Truth::No)
        };
        if about(PolicyType::Egress, from) || about(PolicyType::Ingress, to) {
            return Judgement::Undefined;
        }
        Judgement::Allowed
    }

    /// What is allowed whatever policies say: oneself, and a Pod's own node.
    fn exempt(&self, from: &Party, to: &Party, at: IpAddr) -> Truth {
        if from.addresses.contains(&at) {
            return Truth::Yes;
        }
        match (&from.role, &to.role) {
            (Role::Node, Role::Pod { .. }) | (Role::Pod { .. }, Role::Node) => match (&from.node, &to.node) {
                (Some(a), Some(b)) if a == b => Truth::Yes,
                (Some(_), Some(_)) => Truth::No,
                _ => Truth::Open(Doubt::NodeOfPod),
            },
            _ => Truth::No,
        }
    }

    /// What the policies about `about` say of a connection with `other`.
    fn side(
        &self,
        direction: PolicyType,
        about: &Party,
        other: &Party,
        at: IpAddr,
        port: (Protocol, u16),
    ) -> Side {
        let (mut forbids, mut open) = (Vec::new(), Vec::new());
        let (mut isolated, mut allowed) = (false, false);
        for policy in self.policies.iter().filter(|p| p.spec.is_about(direction)) {
            let selects = self.selects(policy, about);
            if selects == Truth::No {
                continue;
            }
            let allows = self.allows(policy, direction, (about, other), at, port);
            let verdict = || Verdict { policy: policy.metadata.full_name(), direction };
            isolated |= selects == Truth::Yes;
            allowed |= selects == Truth::Yes && allows == Truth::Yes;
            match (selects, allows) {
                (Truth::Yes, Truth::No) => forbids.push(verdict()),
                // One that may be about the Pod and takes the connection hurts nothing, and helps where another does not.
                (Truth::Open(doubt), Truth::Yes | Truth::No | Truth::Open(_)) => {
                    open.push((verdict(), doubt, allows));
                }
                (_, Truth::Open(doubt)) => open.push((verdict(), doubt, allows)),
                _ => {}
            }
        }
        if allowed || !isolated && open.iter().all(|(_, _, allows)| *allows == Truth::Yes) {
            return Side::Open;
        }
        if isolated && open.iter().all(|(_, _, allows)| *allows == Truth::No) {
            return Side::Forbidden(forbids);
        }
        Side::Unknown(open.into_iter().map(|(verdict, doubt, _)| (verdict, doubt)).collect())
    }
}

/// What policies say in one direction.
enum Side {
    Open,
    Forbidden(Vec<Verdict>),
    Unknown(Vec<(Verdict, Doubt)>),
}
