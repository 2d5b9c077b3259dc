//! English.

mod addresses;
mod host;
mod links;
mod overlay;
mod policies;
mod routes;
mod rules;
mod sockets;

use super::Texts;

/// The other groups.
pub(super) const MORE: &[&[(&str, Texts)]] = &[
    addresses::TEXTS,
    host::TEXTS,
    links::TEXTS,
    overlay::TEXTS,
    policies::TEXTS,
    routes::TEXTS,
    rules::TEXTS,
    sockets::TEXTS,
];

pub(super) const TEXTS: &[(&str, Texts)] = &[
    (
        "pair-unexplained",
        Texts {
            summary: "{from} does not reach {to} ({outcome}), and no cause was found for it (or too many others were)",
            effect: "connections from {from} to {to} fail",
            advice: "follow the packet: plumb trace with the same FROM and TO, --explain",
        },
    ),
    (
        "source-translated",
        Texts {
            summary: "in {namespace}, the rule `{rule}` gives the packets of {from} to {to} the source {seen}: the pod is not seen under its own address",
            effect: "policies, allow lists and logs of the target see {seen} in place of the pod",
            advice: "let the rule leave out traffic between pods (the ranges that are not masqueraded)",
        },
    ),
    (
        "dns-server-down",
        Texts {
            summary: "nothing listens at {socket} in {namespace}, where questions for names of {count} pods lead ({client} first)",
            effect: "look-ups fail or wait for the next server; connections by address work",
            advice: "start the name server",
        },
    ),
    (
        "expectation-unmet",
        Texts {
            summary: "{from} to {to}: expected was “{wanted}”, it is “{outcome}”",
            effect: "what was asked for with --expect does not hold",
            advice: "see what lets it through: plumb trace with the same FROM and TO, --explain",
        },
    ),
    (
        "link-down",
        Texts {
            summary: "{device} in {namespace} has addresses and is administratively down",
            effect: "nothing goes out of {device} or comes in by it; its routes are gone",
            advice: "find out who set it down before it is set up",
        },
    ),
    (
        "loopback-down",
        Texts {
            summary: "the loopback device of {namespace} is down",
            effect: "nobody in {namespace} reaches 127.0.0.1, or the namespace's own addresses",
            advice: "let whatever makes the namespace set its loopback device up",
        },
    ),
    (
        "accept-queue-overflows",
        Texts {
            summary: "{count} connections were turned away in {namespace} since an accept queue was full (fullest now: {listener})",
            effect: "new connections wait for retransmissions or time out",
            advice: "let the server accept faster, or give it a larger backlog (its listen argument and net.core.somaxconn; the smaller counts)",
        },
    ),
    (
        "accept-queue-aborts",
        Texts {
            summary: "{count} connections were reset in {namespace}: an accept queue was full and tcp_abort_on_overflow is on",
            effect: "clients are reset at once in place of being let in a moment later",
            advice: "sysctl -w net.ipv4.tcp_abort_on_overflow=0, and let the server accept faster",
        },
    ),
    (
        "syn-queue-full",
        Texts {
            summary: "{count} connection requests were dropped in {namespace} since the SYN queue was full and cookies are off",
            effect: "new connections time out while too many handshakes are open",
            advice: "sysctl -w net.ipv4.tcp_syncookies=1, or a larger net.ipv4.tcp_max_syn_backlog",
        },
    ),
    (
        "syn-queue-cookies",
        Texts {
            summary: "{count} connection requests in {namespace} were answered with cookies since the SYN queue was full",
            effect: "connections are made without window scaling and SACK where timestamps are off",
            advice: "find out who opens so many handshakes; a larger net.ipv4.tcp_max_syn_backlog and backlog",
        },
    ),
    (
        "time-wait-overflows",
        Texts {
            summary: "TIME_WAIT sockets of {namespace} were ended early: there are more than tcp_max_tw_buckets",
            effect: "late packets of old connections meet new ones: rare resets",
            advice: "a larger net.ipv4.tcp_max_tw_buckets, or fewer short connections",
        },
    ),
    (
        "tcp-memory",
        Texts {
            summary: "TCP connections of {namespace} were ended for want of memory",
            effect: "connections are reset",
            advice: "a larger net.ipv4.tcp_mem, or fewer sockets with full buffers",
        },
    ),
    (
        "zero-window",
        Texts {
            summary: "a receiver in {namespace} closes its window and drops what comes nonetheless: its application does not read",
            effect: "its connections stand still",
            advice: "see which sockets have a large Recv-Q: ss -tn; mend or restart the application",
        },
    ),
    (
        "syns-lost",
        Texts {
            summary: "{count} SYNs of {namespace} had to be sent again",
            effect: "connections take one, two, three … seconds longer, or fail",
            advice: "find out who drops them: plumb diagnose to one of the destinations",
        },
    ),
    (
        "retransmissions",
        Texts {
            summary: "{percent} % of the TCP segments of {namespace} are sent again (more than 1 %)",
            effect: "transfers are slow",
            advice: "find the hop that loses: drops of devices and qdiscs, errors of the cable",
        },
    ),
    (
        "udp-buffer-full",
        Texts {
            summary: "{count} datagrams were lost in {namespace} since a receiver's buffer was full",
            effect: "datagrams are lost in bursts",
            advice: "a larger SO_RCVBUF and net.core.rmem_max, or a receiver that reads faster",
        },
    ),
    (
        "rp-filter-drops",
        Texts {
            summary: "the reverse-path filter of {namespace} dropped {count} packets",
            effect: "what comes in by another device than the way back leads out of is lost",
            advice: "route both directions over one device, or set rp_filter to 2 on the device they come in by",
        },
    ),
    (
        "fragments-lost",
        Texts {
            summary: "{count} datagrams in fragments did not come together in {namespace}",
            effect: "large datagrams are lost",
            advice: "avoid fragments (a smaller EDNS size, path MTU); see whether a rule drops fragments",
        },
    ),
    (
        "icmp-rate-limited",
        Texts {
            summary: "{count} ICMP errors of {namespace} were not sent: the limit was reached",
            effect: "path MTU discovery and quick errors fail now and then",
            advice: "find out what provokes so many errors; a higher limit",
        },
    ),
    (
        "time-exceeded",
        Texts {
            summary: "{namespace} answered {count} packets with “time exceeded”",
            effect: "packets go in circles",
            advice: "see where to: tcpdump icmp[0]==11; plumb diagnose to that destination",
        },
    ),
];
