//! AdminNetworkPolicies and the baseline: rules in an order, of which the first that fits counts (network-policy-api,
//! `apis/v1alpha1/adminnetworkpolicy_types.go`).

use std::net::IpAddr;

use super::matching::{in_ranges, named_ports, pod_labels};
use super::party::{Party, Role};
use super::truth::{Doubt, Truth};
use super::{Policies, PolicyRef, Verdict};
use crate::objects::{
    AdminAction, AdminPolicyPeer, AdminPolicyPort, AdminPolicySpec, AdminPolicySubject, NamespacedPods,
    PolicyType, Protocol,
};

/// An AdminNetworkPolicy, or the baseline.
#[derive(Clone, Debug)]
pub(super) struct Admin {
    pub(super) policy: PolicyRef,
    pub(super) spec: AdminPolicySpec,
}

/// What the first rule that fits does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) action: AdminAction,
    pub(super) verdict: Verdict,
}

/// What a list of policies says of a connection in one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Ruled {
    /// Rules that may be the first that fits, each with what is not known.
    pub(super) perhaps: Vec<(Decided, Doubt)>,
    /// The first rule that fits for certain; `None` where none does.
    pub(super) certain: Option<Decided>,
}

/// A connection, from the point of view of the Pod that a policy is about.
#[derive(Clone, Copy)]
pub(super) struct Connection<'a> {
    pub(super) direction: PolicyType,
    pub(super) about: &'a Party,
    pub(super) other: &'a Party,
    /// Address and port that is connected to.
    pub(super) at: IpAddr,
    pub(super) port: (Protocol, u16),
}

impl Policies {
    /// What these policies say, which are in the order of their priorities. Of two with one priority either may be asked first
    /// (`AdminNetworkPolicySpec.priority`).
    pub(super) fn ruled(&self, all: &[Admin], c: Connection<'_>) -> Ruled {
        let mut ruled = Ruled::default();
        for equal in all.chunk_by(|a, b| a.spec.priority == b.spec.priority) {
            let mut fits: Vec<Decided> = Vec::new();
            for policy in equal {
                let of_one = self.of_policy(policy, c);
                ruled.perhaps.extend(of_one.perhaps);
                fits.extend(of_one.certain);
            }
            let Some((first, others)) = fits.split_first() else { continue };
            if others.iter().any(|o| o.action != first.action) {
                ruled.perhaps.extend(fits.iter().map(|d| (d.clone(), Doubt::SamePriority)));
            }
            ruled.certain = Some(first.clone());
            break;
        }
        ruled
    }

    fn of_policy(&self, admin: &Admin, c: Connection<'_>) -> Ruled {
        let selects = self.is_subject(&admin.spec.subject, c.about);
        let mut ruled = Ruled::default();
        if selects == Truth::No {
            return ruled;
        }
        for (action, peers, ports) in admin.spec.rules(c.direction) {
            let decided = || Decided {
                action,
                verdict: Verdict { policy: admin.policy.clone(), direction: c.direction },
            };
            let served_by = if c.direction == PolicyType::Ingress { c.about } else { c.other };
            let fits = selects
                .and(|| takes_admin_port(ports, c.port, served_by))
                .and(|| Truth::any(peers.iter().map(|p| self.takes_admin(p, c.other, c.at))));
            match fits {
                Truth::No => {}
                Truth::Open(doubt) => ruled.perhaps.push((decided(), doubt)),
                Truth::Yes => {
                    ruled.certain = Some(decided());
                    break;
                }
            }
        }
        ruled
    }

    /// Whether a policy is about somebody. Pods of their node's network never are.
    pub(super) fn is_subject(&self, subject: &AdminPolicySubject, party: &Party) -> Truth {
        match (&subject.namespaces, &subject.pods) {
            (Some(namespaces), None) => self.in_namespaces(namespaces, party),
            (None, Some(pods)) => self.pods_of(pods, party),
            _ => Truth::Open(Doubt::Field),
        }
    }

    /// Whether a peer of a rule takes somebody, who is connected to at this address where the rule is about what goes out.
    pub(super) fn takes_admin(&self, peer: &AdminPolicyPeer, who: &Party, at: IpAddr) -> Truth {
        match (&peer.namespaces, &peer.pods, &peer.nodes) {
            (Some(namespaces), None, None) => self.in_namespaces(namespaces, who),
            (None, Some(pods), None) => self.pods_of(pods, who),
            (None, None, Some(nodes)) => self.is_node(nodes, who),
            (None, None, None) if !peer.networks.is_empty() => in_ranges(&peer.networks, at),
            (None, None, None) if !peer.domain_names.is_empty() => match who.role {
                Role::Outside => Truth::Open(Doubt::DomainNames),
                _ => Truth::No,
            },
            // A field that nobody here knows yet, or several at once.
            _ => Truth::Open(Doubt::Field),
        }
    }

    fn in_namespaces(&self, selector: &crate::objects::LabelSelector, party: &Party) -> Truth {
        match &party.role {
            Role::Pod { .. } if selector.is_empty() => Truth::Yes,
            Role::Pod { namespace: Some(name), .. } => self.namespace_labels(selector, name),
            Role::Pod { namespace: None, .. } => Truth::Open(Doubt::NameOfPod),
            Role::Node | Role::Outside => Truth::No,
        }
    }

    fn pods_of(&self, pods: &NamespacedPods, party: &Party) -> Truth {
        let Role::Pod { labels, .. } = &party.role else { return Truth::No };
        self.in_namespaces(&pods.namespace_selector, party)
            .and(|| pod_labels(&pods.pod_selector, labels.as_ref()))
    }

    fn is_node(&self, selector: &crate::objects::LabelSelector, party: &Party) -> Truth {
        if party.role != Role::Node {
            return Truth::No;
        }
        if selector.is_empty() {
            return Truth::Yes;
        }
        let Some(labels) = party.node.as_ref().and_then(|n| self.nodes.get(n)) else {
            return Truth::Open(Doubt::LabelsOfNode);
        };
        pod_labels(selector, Some(labels))
    }
}

/// Whether a rule with these ports takes a port of somebody. Without any it takes whatever is sent.
pub(super) fn takes_admin_port(
    ports: Option<&[AdminPolicyPort]>,
    (protocol, port): (Protocol, u16),
    server: &Party,
) -> Truth {
    let Some(ports) = ports else { return Truth::Yes };
    let number = i32::from(port);
    Truth::any(ports.iter().map(|p| match (&p.port_number, &p.named_port, &p.port_range) {
        (Some(one), None, None) => Truth::of(one.protocol == protocol && one.port == number),
        (None, Some(name), None) => match named_ports(name, protocol, server) {
            Some(found) => Truth::of(found.iter().any(|c| c.container_port == port)),
            None => Truth::Open(Doubt::PortsOfPod),
        },
        (None, None, Some(range)) => {
            Truth::of(range.protocol == protocol && (range.start..=range.end).contains(&number))
        }
        _ => Truth::Open(Doubt::Field),
    }))
}
