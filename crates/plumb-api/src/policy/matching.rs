//! What selectors, ranges and ports take.

use std::net::IpAddr;

use super::party::{Labels, Party, Role};
use super::truth::{Doubt, Truth};
use super::{NAME_LABEL, Policies};
use crate::address::parse_cidr;
use crate::objects::{
    ContainerPort, IntOrString, IpBlock, LabelSelector, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort,
    PolicyType, Protocol,
};

impl Policies {
    /// Whether a policy is about somebody, whatever the direction.
    #[must_use]
    pub fn selects(&self, policy: &NetworkPolicy, party: &Party) -> Truth {
        let Role::Pod { namespace, labels, .. } = &party.role else { return Truth::No };
        let here = match namespace {
            Some(namespace) => Truth::of(*namespace == policy.metadata.namespace),
            None => Truth::Open(Doubt::NameOfPod),
        };
        here.and(|| pod_labels(&policy.spec.pod_selector, labels.as_ref()))
    }

    /// Whether a rule of the policy takes a connection of the first of the two, which it is about, with the second. `at`: the
    /// address that is connected to.
    #[must_use]
    pub fn allows(
        &self,
        policy: &NetworkPolicy,
        direction: PolicyType,
        (about, other): (&Party, &Party),
        at: IpAddr,
        port: (Protocol, u16),
    ) -> Truth {
        let served_by = if direction == PolicyType::Ingress { about } else { other };
        Truth::any(policy.spec.rules(direction).into_iter().map(|(peers, ports)| {
            let who = || {
                if peers.is_empty() {
                    return Truth::Yes;
                }
                Truth::any(peers.iter().map(|p| self.takes(policy, p, other, direction, at)))
            };
            takes_port(ports, port, served_by).and(who)
        }))
    }

    /// Whether a rule of the policy that has peers takes a connection, as [`Policies::allows`].
    pub(super) fn names(
        &self,
        policy: &NetworkPolicy,
        direction: PolicyType,
        (about, other): (&Party, &Party),
        at: IpAddr,
        port: (Protocol, u16),
    ) -> bool {
        let served_by = if direction == PolicyType::Ingress { about } else { other };
        policy.spec.rules(direction).into_iter().any(|(peers, ports)| {
            takes_port(ports, port, served_by) == Truth::Yes
                && Truth::any(peers.iter().map(|p| self.takes(policy, p, other, direction, at))) == Truth::Yes
        })
    }

    /// Whether a peer of a rule takes somebody; in the direction of egress at this address.
    pub(super) fn takes(
        &self,
        policy: &NetworkPolicy,
        peer: &NetworkPolicyPeer,
        who: &Party,
        direction: PolicyType,
        at: IpAddr,
    ) -> Truth {
        match (&peer.ip_block, &peer.namespace_selector, &peer.pod_selector) {
            (Some(block), None, None) if direction == PolicyType::Egress => in_block(block, at),
            // Of several addresses of its own the kernel chooses one of the destination's family.
            (Some(block), None, None) => {
                let family = who.addresses.iter().filter(|a| a.is_ipv4() == at.is_ipv4());
                let all: Vec<Truth> = family.map(|a| in_block(block, *a)).collect();
                match all.split_first() {
                    Some((first, rest)) if rest.iter().all(|t| t == first) => *first,
                    Some(_) => Truth::Open(Doubt::NameOfPod),
                    None => Truth::No,
                }
            }
            (None, None, None) | (Some(_), ..) => Truth::Open(Doubt::Field),
            (None, namespaces, pods) => {
                let Role::Pod { namespace, labels, .. } = &who.role else { return Truth::No };
                let in_namespace = match (namespaces, namespace) {
                    (Some(selector), _) if selector.is_empty() => Truth::Yes,
                    (_, None) => Truth::Open(Doubt::NameOfPod),
                    (None, Some(name)) => Truth::of(*name == policy.metadata.namespace),
                    (Some(selector), Some(name)) => self.namespace_labels(selector, name),
                };
                let is_pod = || match pods {
                    Some(selector) => pod_labels(selector, labels.as_ref()),
                    None => Truth::Yes,
                };
                in_namespace.and(is_pod)
            }
        }
    }

    /// Whether a selector takes a namespace. Of one without an object the name alone is known.
    #[must_use]
    pub fn namespace_labels(&self, selector: &LabelSelector, name: &str) -> Truth {
        let labels = self.namespaces.get(name);
        Truth::all(selector.requirements().map(|(key, operator, values)| match labels {
            Some(labels) => Truth::of(operator.holds(labels.get(key).map(AsRef::as_ref), &values)),
            None if key == NAME_LABEL => Truth::of(operator.holds(Some(name), &values)),
            None => Truth::Open(Doubt::LabelsOfNamespace),
        }))
    }
}

/// Whether a selector takes a Pod with these labels.
pub(super) fn pod_labels(selector: &LabelSelector, labels: Option<&Labels>) -> Truth {
    match labels {
        _ if selector.is_empty() => Truth::Yes,
        None => Truth::Open(Doubt::LabelsOfPod),
        Some(labels) => {
            let mut all = selector.requirements();
            Truth::of(
                all.all(|(key, operator, values)| {
                    operator.holds(labels.get(key).map(AsRef::as_ref), &values)
                }),
            )
        }
    }
}

fn in_block(block: &IpBlock, address: IpAddr) -> Truth {
    let Some(range) = parse_cidr(&block.cidr) else { return Truth::Open(Doubt::Field) };
    if !range.contains(address) {
        return Truth::No;
    }
    match in_ranges(&block.except, address) {
        Truth::Yes => Truth::No,
        Truth::No => Truth::Yes,
        open @ Truth::Open(_) => open,
    }
}

/// Whether any of these ranges has the address.
pub(super) fn in_ranges(ranges: &[Box<str>], address: IpAddr) -> Truth {
    Truth::any(ranges.iter().map(|text| match parse_cidr(text) {
        Some(range) => Truth::of(range.contains(address)),
        None => Truth::Open(Doubt::Field),
    }))
}

/// Whether a rule with these ports takes a port of somebody.
#[must_use]
pub fn takes_port(ports: &[NetworkPolicyPort], (protocol, port): (Protocol, u16), server: &Party) -> Truth {
    if ports.is_empty() {
        return Truth::Yes;
    }
    Truth::any(ports.iter().map(|p| {
        let wanted = p.protocol.unwrap_or_default();
        if wanted != protocol {
            return Truth::No;
        }
        let number = i32::from(port);
        match (&p.port, p.end_port) {
            (None, None) => Truth::Yes,
            (Some(IntOrString::Int(first)), None) => Truth::of(*first == number),
            (Some(IntOrString::Int(first)), Some(last)) => Truth::of((*first..=last).contains(&number)),
            (Some(IntOrString::String(name)), None) => match named_ports(name, wanted, server) {
                Some(found) => Truth::of(found.iter().any(|c| c.container_port == port)),
                None => Truth::Open(Doubt::PortsOfPod),
            },
            (None | Some(IntOrString::String(_)), Some(_)) => Truth::Open(Doubt::Field),
        }
    }))
}

/// The ports of this name that somebody has; `None` where they are not known.
pub(super) fn named_ports<'a>(
    name: &str,
    protocol: Protocol,
    server: &'a Party,
) -> Option<Vec<&'a ContainerPort>> {
    match &server.role {
        Role::Pod { ports, .. } => {
            let is = |p: &&ContainerPort| *p.name == *name && p.protocol == protocol;
            Some(ports.as_ref()?.iter().filter(is).collect())
        }
        // Whoever has no containers of their own has no ports with names.
        Role::Node | Role::Outside => Some(Vec::new()),
    }
}
