//! Routes.

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "routing-loop",
        Texts {
            summary: "{namespace} and {other} have each other as next hop for {network}",
            effect: "packets for {network} go in circles until their TTL is spent",
            advice: "one of the two routes is wrong: delete it, or correct its next hop",
        },
    ),
    (
        "rp-filter-asymmetric",
        Texts {
            summary: "{device} in {namespace} takes only packets whose way back leads out of it ({sysctl} is 1), and the way back to {source}, which is a neighbour there, leads out of {leads}",
            effect: "everything that comes from {source} is dropped at {device}",
            advice: "correct the route, or loosen the filter",
        },
    ),
    (
        "multipath-dead-hop",
        Texts {
            summary: "the next hop {hop} of `{route}` in {namespace} is dead and is still used",
            effect: "a share of all flows by this route is lost, each flow for good",
            advice: "let the kernel leave dead hops out, or take the hop out of the route until it is back",
        },
    ),
    (
        "forwarding-off",
        Texts {
            summary: "{namespace} forwards, but not what comes in by {device} ({sysctl} is 0), and {client} has it as its router",
            effect: "what {client} sends through {namespace} is dropped",
            advice: "set it to 1, and find out who set it",
        },
    ),
    (
        "advertisements-ignored",
        Texts {
            summary: "{device} in {namespace} got {address} from a router advertisement and takes none any more: it forwards, and {sysctl} is 1",
            effect: "there is no IPv6 default route: nobody outside the own networks is reached over IPv6",
            advice: "set it to 2, or give {namespace} a default route by hand",
        },
    ),
];
