//! NetworkPolicies.

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "policy-not-enforced",
        Texts {
            summary: "NetworkPolicy {policy} forbids {from} → {to}, and it connects: nothing in the kernel holds the policy",
            effect: "what the policy should keep away gets in (or out)",
            advice: "use a network plugin that enforces NetworkPolicies, or see why its agent wrote no rules on this node",
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
