//! Rules, address translation, connection tracking.

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "two-backends",
        Texts {
            summary: "in {namespace}, the table {table} of {command} holds rules of both backends, nft and legacy: packets pass both",
            effect: "a rule that only the other listing shows decides too; what looks right in one is undone in the other",
            advice: "move all rules to one backend ({command}-save of one, {command}-restore of the other), then flush the other",
        },
    ),
    (
        "service-rules-unhooked",
        Texts {
            summary: "in {namespace}, the chains of {services} Service ports are there, and no rule leads to them",
            effect: "every Service fails on this node until kube-proxy writes its rules again",
            advice: "restart kube-proxy, and find what flushed the chains (a host firewall, nftables.service); let it leave other tables alone",
        },
    ),
    (
        "proxy-leftovers",
        Texts {
            summary: "rules of several service proxies are in {namespace} at once: {proxies}",
            effect: "whichever comes first decides; Services may lead to endpoints that are long gone",
            advice: "remove what the former one left: kube-proxy --cleanup in its mode, or a reboot of the node",
        },
    ),
    (
        "service-port-dead",
        Texts {
            summary: "no endpoint of {service} listens on {ports}",
            effect: "whoever asks for {service} is refused, whichever endpoint is chosen",
            advice: "start the servers, or let the Service's targetPort be the port that its pods serve",
        },
    ),
    (
        "nat-dead-port",
        Texts {
            summary: "in {namespace}, the rule `{rule}` redirects to port {port}, where nothing listens",
            effect: "what the rule takes is refused",
            advice: "start what should listen there, or remove the rules that it left behind",
        },
    ),
    (
        "nat-chain-ignored",
        Texts {
            summary: "in {namespace}, the rule `{rule}` of the nat chain {chain} never runs: nothing there uses connection tracking",
            effect: "what the chain should mark or drop passes",
            advice: "put such rules into a chain of type filter, or use connection tracking (a ct or nat expression anywhere in the namespace)",
        },
    ),
    (
        "conntrack-full",
        Texts {
            summary: "the connection table of {namespace} is {percent} % full: {count} of {max} entries",
            effect: "once it is full, packets of new connections are dropped; old connections go on",
            advice: "a larger net.netfilter.nf_conntrack_max (on the host: one for all namespaces), shorter timeouts, or no tracking for what needs none",
        },
    ),
    (
        "conntrack-hash-small",
        Texts {
            summary: "the connection table holds {count} entries in {buckets} buckets: each look-up walks some {chain} of them",
            effect: "every packet costs more CPU",
            advice: "more buckets: /sys/module/nf_conntrack/parameters/hashsize, as many as nf_conntrack_max or a quarter of it",
        },
    ),
    (
        "nat-ports-nearly-used",
        Texts {
            summary: "{count} of {size} ports of {source} in {namespace} are translated to {destination}",
            effect: "new connections to {destination} fail once none is free",
            advice: "more addresses to translate to, or fewer connections that end soon",
        },
    ),
];
