//! Which connections NetworkPolicies allow, by the documents of the API (`networking/v1/types.go`, and "Network Policies"
//! among the concepts of the documentation):
//!
//! * A Pod that no policy is about in a direction is open in it. One that some are about is open to what any rule of any of them
//!   takes, and to nothing else: policies add up.
//! * A connection is allowed where the source's Pod may send it and the destination's Pod may take it. Replies are.
//! * What a Pod sends to itself, and what goes between a Pod and its own node, is allowed always (kubelets' probes, say).
//! * A Pod of its node's network is taken for its node: no selector takes it, ranges of addresses do, and no policy is about it.
//!   (The documentation leaves that to the network's implementation; this is what it calls the most common one.)
//! * AdminNetworkPolicies are asked first, by priority, and the first rule that fits says whether the connection is allowed, denied, or
//!   left to NetworkPolicies; the baseline is asked where no NetworkPolicy is about the Pod (KEP-2091).
//! * Policies of other kinds (those of network plugins) are not read. What they could change is not known ([`Doubt::Foreign`]): whatever
//!   comes to or from a Pod of their namespace, or of any where they are the whole cluster's.
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

mod admin;
mod foreign;
mod mark;
mod matching;
mod party;
mod side;
#[cfg(test)]
mod tests;
mod truth;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::objects::{Kind, NetworkPolicy, Object, PolicyType, Protocol};

use admin::Admin;
use side::Side;

pub use foreign::{GROUPS, PolicyRef, is_foreign};
pub use matching::takes_port;
pub use party::{Labels, Party, Role};
pub use truth::{Doubt, Truth};

/// Label of every Namespace with its name, which the API server sets (`NamespaceDefaultLabelName`).
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The policies of a cluster, and its namespaces' labels.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    policies: Vec<NetworkPolicy>,
    /// In the order of their priorities.
    admin: Vec<Admin>,
    baseline: Vec<Admin>,
    /// Policies of kinds that are not read, by namespace; the first of each kind.
    foreign: BTreeMap<Box<str>, Vec<PolicyRef>>,
    namespaces: BTreeMap<Box<str>, Labels>,
    /// Labels of nodes.
    nodes: BTreeMap<Box<str>, Labels>,
}

/// A policy and the direction in which it matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verdict {
    /// The policy.
    pub policy: PolicyRef,
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
                Object::AdminNetworkPolicy(policy) => {
                    let name = PolicyRef::of(Kind::AdminNetworkPolicy, policy.metadata.full_name());
                    all.admin.push(Admin { policy: name, spec: policy.spec.clone() });
                }
                Object::BaselineAdminNetworkPolicy(policy) => {
                    let name = PolicyRef::of(Kind::BaselineAdminNetworkPolicy, policy.metadata.full_name());
                    all.baseline.push(Admin { policy: name, spec: policy.spec.clone() });
                }
                Object::Node(node) => {
                    all.nodes.insert(node.metadata.name.clone(), node.metadata.labels.clone());
                }
                _ => {}
            }
        }
        all.policies.sort_by_key(|p| p.metadata.full_name());
        all.admin.sort_by_key(|a| (a.spec.priority, a.policy.clone()));
        all
    }

    /// With policies of kinds that are not read.
    #[must_use]
    pub fn with_foreign<'a>(mut self, foreign: impl IntoIterator<Item = &'a PolicyRef>) -> Self {
        for policy in foreign.into_iter().filter(|p| !p.is_copy()) {
            let known = self.foreign.entry(policy.name.namespace.clone()).or_default();
            match known.iter_mut().find(|k| k.kind == policy.kind) {
                Some(same) if policy.name < same.name => *same = policy.clone(),
                Some(_) => {}
                None => known.push(policy.clone()),
            }
        }
        self
    }

    /// Whether there is none: then all is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
            && self.admin.is_empty()
            && self.baseline.is_empty()
            && self.foreign.is_empty()
    }

    /// The NetworkPolicies, by name.
    #[must_use]
    pub fn all(&self) -> &[NetworkPolicy] {
        &self.policies
    }

    /// What they say of a connection to a port of this address of `to`.
    #[must_use]
    pub fn judge(&self, from: &Party, to: &Party, at: IpAddr, protocol: Protocol, port: u16) -> Judgement {
        self.judge_seen((from, from), to, at, protocol, port)
    }

    /// The same where a connection arrives as somebody else's (`seen`), whose address its packets have been given: what goes out is
    /// judged by who sends it, what comes in by who is seen.
    #[must_use]
    pub fn judge_seen(
        &self,
        (from, seen): (&Party, &Party),
        to: &Party,
        at: IpAddr,
        protocol: Protocol,
        port: u16,
    ) -> Judgement {
        if from.addresses.contains(&at) {
            return Judgement::Allowed;
        }
        let unread = self.unread(from, to);
        if !unread.is_empty() {
            return Judgement::Unknown(unread);
        }
        let out = self.excepted(PolicyType::Egress, (from, to), at, (protocol, port));
        let into = self.excepted(PolicyType::Ingress, (to, seen), at, (protocol, port));
        match (out, into) {
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
        }
    }

    /// One direction, with what no NetworkPolicy keeps away: a Pod's own node.
    fn excepted(
        &self,
        direction: PolicyType,
        (about, other): (&Party, &Party),
        at: IpAddr,
        port: (Protocol, u16),
    ) -> Side {
        let exempt = exempt(about, other);
        let rules = if exempt == Truth::Yes { side::Rules::Admin } else { side::Rules::All };
        let side = self.side(rules, direction, (about, other), at, port);
        let doubt = match exempt {
            Truth::Yes => Doubt::OwnNode,
            Truth::Open(doubt) => doubt,
            Truth::No => return side,
        };
        match side {
            Side::Forbidden(all) => Side::Unknown(all.into_iter().map(|v| (v, doubt)).collect()),
            side => side,
        }
    }

    /// Whether administrators say something before NetworkPolicies do.
    #[must_use]
    pub fn has_admin(&self) -> bool {
        !self.admin.is_empty()
    }

    /// NetworkPolicies with a rule that names this connection's other end and takes it, whatever goes before them.
    #[must_use]
    pub fn granted(&self, from: &Party, to: &Party, at: IpAddr, port: (Protocol, u16)) -> Vec<Verdict> {
        let ways = [(PolicyType::Egress, from, to), (PolicyType::Ingress, to, from)];
        let mut all = Vec::new();
        for (direction, about, other) in ways {
            for policy in self.policies.iter().filter(|p| p.spec.is_about(direction)) {
                if self.selects(policy, about) == Truth::Yes
                    && self.names(policy, direction, (about, other), at, port)
                {
                    let policy = PolicyRef::of(Kind::NetworkPolicy, policy.metadata.full_name());
                    all.push(Verdict { policy, direction });
                }
            }
        }
        all
    }

    /// Whether policies that go before or beside NetworkPolicies may be about somebody in a direction.
    #[must_use]
    pub fn is_overridden(&self, party: &Party, direction: PolicyType) -> bool {
        let may = |a: &&Admin| {
            !a.spec.rules(direction).is_empty() && self.is_subject(&a.spec.subject, party) != Truth::No
        };
        self.may_be_foreign(party) || self.admin.iter().any(|a| may(&a))
    }

    /// Policies that are not read and that may be about either of the two.
    fn unread(&self, from: &Party, to: &Party) -> Vec<(Verdict, Doubt)> {
        let of = |direction, party| {
            let verdict = move |p: &PolicyRef| (Verdict { policy: p.clone(), direction }, Doubt::Foreign);
            self.foreign_about(party).map(verdict)
        };
        of(PolicyType::Egress, from).chain(of(PolicyType::Ingress, to)).collect()
    }

    /// Policies that are not read and that may be about somebody: those of a Pod's namespace, and the whole cluster's. The latter may be
    /// about nodes as well.
    fn foreign_about<'a>(&'a self, party: &'a Party) -> Box<dyn Iterator<Item = &'a PolicyRef> + 'a> {
        match &party.role {
            Role::Outside => Box::new(std::iter::empty()),
            Role::Pod { namespace: None, .. } => Box::new(self.foreign.values().flatten()),
            Role::Pod { namespace: Some(namespace), .. } => {
                let of = |name: &str| self.foreign.get(name).into_iter().flatten();
                Box::new(of("").chain(of(namespace)))
            }
            Role::Node => Box::new(self.foreign.get("").into_iter().flatten()),
        }
    }

    /// Whether a policy that is not read may be about somebody.
    #[must_use]
    pub fn may_be_foreign(&self, party: &Party) -> bool {
        self.foreign_about(party).next().is_some()
    }

    /// What they say of an echo. Between Pods that policies are about it is not defined.
    #[must_use]
    pub fn judge_echo(&self, from: &Party, to: &Party, at: IpAddr) -> Judgement {
        if from.addresses.contains(&at) {
            return Judgement::Allowed;
        }
        let about = |direction, party: &Party| {
            let mut all = self.policies.iter().filter(|p| p.spec.is_about(direction));
            let mut admin =
                self.admin.iter().chain(&self.baseline).filter(|a| !a.spec.rules(direction).is_empty());
            let by_network =
                exempt(from, to) != Truth::Yes && all.any(|p| self.selects(p, party) != Truth::No);
            by_network
                || admin.any(|a| self.is_subject(&a.spec.subject, party) != Truth::No)
                || self.may_be_foreign(party)
        };
        if about(PolicyType::Egress, from) || about(PolicyType::Ingress, to) {
            return Judgement::Undefined;
        }
        Judgement::Allowed
    }
}

/// What is allowed whatever NetworkPolicies say: a Pod and its own node.
fn exempt(from: &Party, to: &Party) -> Truth {
    match (&from.role, &to.role) {
        (Role::Node, Role::Pod { .. }) | (Role::Pod { .. }, Role::Node) => match (&from.node, &to.node) {
            (Some(a), Some(b)) if a == b => Truth::Yes,
            (Some(_), Some(_)) => Truth::No,
            _ => Truth::Open(Doubt::NodeOfPod),
        },
        _ => Truth::No,
    }
}
