//! Devices' queues, the tracker, the host, processes that serve.

use crate::messages::checks::Texts;

pub(in crate::messages::checks) const TEXTS: &[(&str, Texts)] = &[
    (
        "frames-damaged",
        Texts {
            summary: "{device} of {namespace} receives damaged frames: more than one in a million",
            effect: "packets are lost at random; TCP sends them again",
            advice: "change cable, plug or optics; see ethtool -S {device}",
        },
    ),
    (
        "ring-overflows",
        Texts {
            summary: "{device} of {namespace} had no room for frames that came in",
            effect: "packets are lost in bursts",
            advice: "a larger ring (ethtool -G {device} rx N), interrupts on more processors",
        },
    ),
    (
        "queue-drops",
        Texts {
            summary: "the {qdisc} on {device} of {namespace} dropped {count} packets: more is sent than it lets pass",
            effect: "transfers are slow, and slower than the device",
            advice: "raise the rate or the limit of the qdisc (or the bandwidth annotation of the Pod), or send less",
        },
    ),
    (
        "carrier-flaps",
        Texts {
            summary: "{device} of {namespace} lost or found its carrier {count} times",
            effect: "connections by it stand still again and again",
            advice: "find out who sets the other end down, or change the cable",
        },
    ),
    (
        "conntrack-overflows",
        Texts {
            summary: "{namespace} dropped new connections, or threw out old ones, since its connection table was full",
            effect: "new connections time out while old ones live",
            advice: "a larger net.netfilter.nf_conntrack_max, shorter timeouts, notrack for what needs no state",
        },
    ),
    (
        "conntrack-insert-failed",
        Texts {
            summary: "in {namespace}, {count} packets lost the race for their connection's entry",
            effect: "a DNS look-up takes 5 s longer when one of its two datagrams is lost",
            advice: "a DNS cache on the node, single-request-reopen in resolv.conf, a newer kernel",
        },
    ),
    (
        "conntrack-chains-long",
        Texts {
            summary: "the chains of the connection table of {namespace} grew too long for new entries",
            effect: "new connections are lost, the tracker is slow",
            advice: "a larger net.netfilter.nf_conntrack_buckets",
        },
    ),
    (
        "softnet-overflows",
        Texts {
            summary: "{count} received packets were dropped since a processor's backlog was full",
            effect: "packets are lost at random on the whole machine",
            advice: "a larger net.core.netdev_max_backlog, interrupts on more processors (RPS)",
        },
    ),
    (
        "neighbour-table-overflows",
        Texts {
            summary: "the neighbour table {table} was full ({entries} entries now)",
            effect: "new peers are not reached; all namespaces of the machine share the table",
            advice: "larger net.ipv4.neigh.default.gc_thresh1, 2 and 3 in the first namespace (IPv6 likewise)",
        },
    ),
    (
        "neighbour-queue-overflows",
        Texts {
            summary: "{count} packets that waited for a neighbour's answer were thrown away ({table})",
            effect: "the first packets of a burst to a new peer are lost",
            advice: "a larger unres_qlen_bytes, or find out which neighbour does not answer",
        },
    ),
    (
        "cpu-stolen",
        Texts {
            summary: "the hypervisor kept processors away for {percent} % of the time",
            effect: "everything is slow now and then",
            advice: "fewer machines on that host, or reserved processors",
        },
    ),
    (
        "files-used-up",
        Texts {
            summary: "{process} in {namespace} has {open} of {most} files open",
            effect: "it cannot take new connections; they wait in its accept queue and time out",
            advice: "raise LimitNOFILE (ulimit -n), or find out why it does not close",
        },
    ),
    (
        "pids-used-up",
        Texts {
            summary: "the cgroup of {process} in {namespace} may have no more than {most} processes, and has them",
            effect: "connections are taken and not answered",
            advice: "raise the limit of processes (pids.max), or find out who starts so many",
        },
    ),
    (
        "server-stopped",
        Texts {
            summary: "{process} in {namespace} listens and is stopped",
            effect: "the kernel takes connections for it, and nobody answers",
            advice: "let it run again: kill -CONT and its number, {process}",
        },
    ),
];
