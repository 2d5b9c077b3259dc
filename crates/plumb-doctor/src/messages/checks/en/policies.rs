//! NetworkPolicies.

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "policy-not-enforced",
        Texts {
            summary: "{policy} forbids {from} → {to}, and it connects: nothing in the kernel holds the policy",
            effect: "what the policy should keep away gets in (or out)",
            advice: "use a network plugin that enforces such policies, or see why its agent wrote no rules on this node",
        },
    ),
    (
        "policy-sees-translated",
        Texts {
            summary: "{from} may reach {to} by its own address, but arrives there as {seen}, which no rule of {policy} (or of another that is about it) takes; a rule of the kernel stops it",
            effect: "those clients time out or are refused, although a policy names them",
            advice: "keep the clients' addresses (externalTrafficPolicy: Local, no masquerading towards Pods), or let in the nodes' addresses as well",
        },
    ),
    (
        "policy-overridden",
        Texts {
            summary: "{policy} lets {from} → {to} through, and {admin}, which goes before it, denies it",
            effect: "the rule of the NetworkPolicy does nothing for these connections",
            advice: "put an Allow or Pass rule before it in the administrator's policy, or take the NetworkPolicy's rule away",
        },
    ),
    (
        "policy-set-stale",
        Texts {
            summary: "{policy} lets {from} → {to} through, and set {set}, by which the kernel holds it, lacks {address}",
            effect: "a Pod that policies let in is kept away, as a rule because it is newer than the set",
            advice: "wait some seconds; where it stays, see how the agent of the network plugin fares on this node",
        },
    ),
    (
        "policy-closes-service",
        Texts {
            summary: "{service} leads to port {port} of Pods that NetworkPolicy {policy} is about, and no rule of any policy lets anybody in there",
            effect: "connections to the Service time out or are refused, as the network plugin does it",
            advice: "add an ingress rule for that port from whoever should reach the Service",
        },
    ),
    (
        "policy-names-service-port",
        Texts {
            summary: "NetworkPolicy {policy} lets in at port {asked}, which is the port of {service}; its Pods are reached at port {port}",
            effect: "connections to the Service time out or are refused: policies see the Pod's port, behind the Service's translation",
            advice: "write port {port} into the rule, or the name of the container's port",
        },
    ),
    (
        "policy-selects-nobody",
        Texts {
            summary: "spec.{field} of NetworkPolicy {policy} takes no Pod: no namespace that it selects has Pods with those labels, but the policy's own namespace has",
            effect: "whom the rule was written for is kept away: both selectors of one item have to hold",
            advice: "make two items of the list (a namespaceSelector, and a podSelector), where either was meant",
        },
    ),
    (
        "policy-closes-dns",
        Texts {
            summary: "NetworkPolicy {policy} lets {pod} send, and nothing to its name server {server}",
            effect: "no name is found: connections by name fail after some seconds, those by address work",
            advice: "add an egress rule for ports 53 of UDP and TCP to the cluster's name servers",
        },
    ),
    (
        "policy-selects-host-network",
        Texts {
            summary: "spec.{field} of NetworkPolicy {policy} takes only Pods of their nodes' network, {pod} first: their packets come from the nodes' addresses, which no selector takes",
            effect: "whom the rule was written for is kept away, but on the Pod's own node",
            advice: "allow the nodes' addresses with an ipBlock",
        },
    ),
];
