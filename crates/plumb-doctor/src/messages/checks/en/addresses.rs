//! Addresses and neighbours.

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "duplicate-address",
        Texts {
            summary: "{device} in {namespace} has {address}, which {other} on the same segment has, too",
            effect: "who asks for {address} reaches now one, now the other",
            advice: "remove one of them, and let neighbours ask again",
        },
    ),
    (
        "address-dad-failed",
        Texts {
            summary: "{address} of {device} in {namespace} is not used: duplicate address detection found another owner",
            effect: "binding to {address} fails, and nobody reaches it",
            advice: "find the other owner (its hardware address is in the kernel's log), then remove and add the address again",
        },
    ),
    (
        "prefix-too-wide",
        Texts {
            summary: "{device} in {namespace} has {prefix}, while all others on its segment have /{length}: it takes {address} for a neighbour",
            effect: "{namespace} asks for {address} on its own link, where nobody answers",
            advice: "the prefix length of the others",
        },
    ),
    (
        "prefix-too-narrow",
        Texts {
            summary: "{device} in {namespace} has {prefix}, while all others on its segment have /{length}: it does not know that {address} is a neighbour",
            effect: "answers of {namespace} to {address} go by a router, or nowhere",
            advice: "the prefix length of the others",
        },
    ),
    (
        "ipv6-disabled",
        Texts {
            summary: "IPv6 is off on {device} in {namespace}, while everybody else on its segment has an address of {network} or the like",
            effect: "{namespace} has no IPv6, and who asks for its IPv6 address gets no answer",
            advice: "find out who set it; addresses must be added again",
        },
    ),
    (
        "neighbour-wrong",
        Texts {
            summary: "{namespace} has a permanent entry for {address} with {lladdr}, which nobody near has; {owner} has {address} and the hardware address {right}",
            effect: "what {namespace} sends to {address} reaches nobody",
            advice: "delete the entry",
        },
    ),
    (
        "neighbour-no-answer",
        Texts {
            summary: "{asker} asks for {address} and gets no answer from {namespace}, where {sysctl} is {value}",
            effect: "{asker} does not reach {address}, or whoever is behind it",
            advice: "set it back, and find out who set it",
        },
    ),
];
