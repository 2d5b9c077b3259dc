//! Sockets.

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "accept-queue-full",
        Texts {
            summary: "{queue} connections wait to be accepted at {socket} in {namespace}, and its queue holds {backlog} (listeners there: {listeners})",
            effect: "new connections time out or come seconds late; of several listeners, those that are given to this one",
            advice: "let the server accept faster, or give it a larger backlog (its listen argument and net.core.somaxconn; the smaller counts); close a listener that nobody serves",
        },
    ),
    (
        "syn-queue-near-limit",
        Texts {
            summary: "{count} handshakes are open at {socket} in {namespace}, and {limit} fit",
            effect: "without cookies new connections are dropped, with them they go on with fewer options",
            advice: "see who opens them (ss -tan state syn-recv); cookies on, a larger backlog and net.ipv4.tcp_max_syn_backlog",
        },
    ),
    (
        "ports-used-up",
        Texts {
            summary: "{count} of {size} source ports of {namespace} are in use towards {destination}",
            effect: "new connections to {destination} fail with EADDRNOTAVAIL once none is free",
            advice: "a wider range, connections that are kept, or tcp_tw_reuse=1 where most are in TIME_WAIT",
        },
    ),
    (
        "close-wait-pile-up",
        Texts {
            summary: "{count} of {all} TCP sockets in {namespace} were closed by the other side and are still held (most of them: {most})",
            effect: "file descriptors and ports run out in the end",
            advice: "mend the program: it does not close connections whose end it was told",
        },
    ),
    (
        "port-range-covers-node-ports",
        Texts {
            summary: "clients in {namespace} take ports of {range}, and {count} of these are node ports of Services or may become some",
            effect: "a program may hold the port of a node port, or a client be in the way of a server that starts",
            advice: "net.ipv4.ip_local_reserved_ports with the range of the node ports",
        },
    ),
];
