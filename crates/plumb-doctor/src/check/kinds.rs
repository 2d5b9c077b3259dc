//! The kinds of findings that checks make on their own; those of `diagnose` are in [`crate::finding`].

use super::report::Severity;
use crate::report::Layer;

/// A kind of finding.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Stable slug, the name of its page.
    pub(crate) id: &'static str,
    /// Number in the catalogue of faults.
    pub(crate) fault: Option<&'static str>,
    pub(crate) severity: Severity,
    pub(crate) symptom: &'static str,
    pub(crate) layer: Layer,
}

const fn kind(
    id: &'static str,
    fault: &'static str,
    severity: Severity,
    symptom: &'static str,
    layer: Layer,
) -> Kind {
    let fault = if fault.is_empty() { None } else { Some(fault) };
    Kind { id, fault, severity, symptom, layer }
}

use Severity::{Error, Info, Warning};

/// Every kind. One that several faults of the catalogue show in has a line for each.
pub(crate) const KINDS: &[Kind] = &[
    // Reach
    kind("pair-unexplained", "", Error, "times_out", Layer::Link),
    kind("source-translated", "S11", Warning, "connects", Layer::ServiceNat),
    kind("policy-not-enforced", "P08", Warning, "connects", Layer::Policy),
    kind("policy-sees-translated", "P05", Warning, "times_out", Layer::Policy),
    kind("policy-overridden", "P07", Warning, "times_out", Layer::Policy),
    kind("policy-set-stale", "P09", Error, "times_out", Layer::Policy),
    kind("dns-server-down", "D02", Error, "times_out", Layer::Dns),
    kind("service-port-dead", "S03", Error, "refused", Layer::Socket),
    kind("service-port-dead", "D02", Error, "refused", Layer::Socket),
    kind("expectation-unmet", "", Error, "connects", Layer::Policy),
    // Links
    kind("link-down", "L01", Error, "unreachable", Layer::Link),
    kind("link-down", "L02", Error, "unreachable", Layer::Link),
    kind("link-no-carrier", "L02", Error, "unreachable", Layer::Link),
    kind("loopback-down", "A09", Error, "times_out", Layer::Link),
    kind("duplicate-mac", "L09", Error, "times_out", Layer::Addressing),
    kind("mtu-differs", "M02", Warning, "times_out", Layer::Link),
    // Bridges
    kind("bridge-port-detached", "L04", Error, "unreachable", Layer::Link),
    kind("bridge-port-state", "L05", Error, "unreachable", Layer::Bridge),
    kind("bridge-port-no-flood", "L07", Error, "times_out", Layer::Bridge),
    // Addresses and neighbours
    kind("duplicate-address", "A01", Error, "times_out", Layer::Addressing),
    kind("address-dad-failed", "A04", Error, "unreachable", Layer::Addressing),
    kind("prefix-too-wide", "A02", Warning, "unreachable", Layer::Addressing),
    kind("prefix-too-narrow", "A02", Warning, "times_out", Layer::Addressing),
    kind("ipv6-disabled", "H-04", Warning, "unreachable", Layer::Sysctl),
    kind("neighbour-wrong", "N02", Error, "times_out", Layer::Neighbour),
    kind("neighbour-no-answer", "N04", Error, "unreachable", Layer::Sysctl),
    kind("neighbour-no-answer", "N05", Error, "unreachable", Layer::Sysctl),
    // Routes and tunnels
    kind("routing-loop", "R06", Error, "unreachable", Layer::Routing),
    kind("rp-filter-asymmetric", "R07", Error, "times_out", Layer::Sysctl),
    kind("multipath-dead-hop", "R09", Error, "times_out", Layer::Routing),
    kind("forwarding-off", "R11", Error, "times_out", Layer::Sysctl),
    kind("advertisements-ignored", "R12", Warning, "unreachable", Layer::Sysctl),
    kind("vxlan-id-differs", "M04", Error, "times_out", Layer::Overlay),
    kind("vxlan-port-differs", "M05", Error, "times_out", Layer::Overlay),
    kind("vxlan-fdb-wrong", "M03", Error, "times_out", Layer::Overlay),
    kind("vxlan-fdb-missing", "M03", Error, "times_out", Layer::Overlay),
    // Rules, connection tracking
    kind("two-backends", "F03", Warning, "times_out", Layer::Netfilter),
    kind("service-rules-unhooked", "F14", Error, "times_out", Layer::ServiceNat),
    kind("proxy-leftovers", "Z07", Warning, "times_out", Layer::ServiceNat),
    kind("nat-dead-port", "F16", Warning, "refused", Layer::ServiceNat),
    kind("nat-chain-ignored", "C12", Warning, "times_out", Layer::Conntrack),
    kind("conntrack-full", "C01", Error, "times_out", Layer::Conntrack),
    kind("conntrack-hash-small", "C10", Warning, "slow", Layer::Sysctl),
    kind("nat-ports-nearly-used", "S10", Warning, "times_out", Layer::ServiceNat),
    // NetworkPolicies
    kind("policy-closes-service", "P01", Warning, "times_out", Layer::Policy),
    kind("policy-selects-nobody", "P02", Warning, "times_out", Layer::Policy),
    kind("policy-names-service-port", "P03", Warning, "times_out", Layer::Policy),
    kind("policy-closes-dns", "P04", Warning, "local_error", Layer::Policy),
    kind("policy-selects-host-network", "P06", Warning, "times_out", Layer::Policy),
    // Sockets
    kind("accept-queue-full", "K01", Error, "times_out", Layer::Socket),
    kind("accept-queue-full", "T10", Error, "times_out", Layer::Socket),
    kind("syn-queue-near-limit", "K02", Warning, "times_out", Layer::Socket),
    kind("ports-used-up", "T05", Error, "local_error", Layer::Socket),
    kind("close-wait-pile-up", "T08", Warning, "times_out", Layer::Socket),
    kind("port-range-covers-node-ports", "S14", Info, "refused", Layer::Socket),
    // Motion
    kind("accept-queue-overflows", "K01", Error, "times_out", Layer::Socket),
    kind("accept-queue-aborts", "K03", Error, "refused", Layer::Sysctl),
    kind("syn-queue-full", "K02", Error, "times_out", Layer::Socket),
    kind("syn-queue-cookies", "K02", Warning, "slow", Layer::Socket),
    kind("time-wait-overflows", "K10", Warning, "reset", Layer::Socket),
    kind("tcp-memory", "K06", Error, "reset", Layer::Socket),
    kind("zero-window", "K05", Warning, "slow", Layer::Socket),
    kind("syns-lost", "I01", Warning, "slow", Layer::Link),
    kind("retransmissions", "I02", Warning, "slow", Layer::Link),
    kind("udp-buffer-full", "K04", Warning, "times_out", Layer::Socket),
    kind("rp-filter-drops", "R07", Error, "times_out", Layer::Sysctl),
    kind("fragments-lost", "K12", Warning, "times_out", Layer::Link),
    kind("icmp-rate-limited", "K16", Warning, "times_out", Layer::Sysctl),
    kind("time-exceeded", "R06", Warning, "unreachable", Layer::Routing),
    kind("frames-damaged", "L13", Warning, "slow", Layer::Link),
    kind("ring-overflows", "K08", Warning, "slow", Layer::Link),
    kind("queue-drops", "K09", Warning, "slow", Layer::Tc),
    kind("carrier-flaps", "L02", Warning, "intermittent", Layer::Link),
    kind("conntrack-overflows", "C01", Error, "times_out", Layer::Conntrack),
    kind("conntrack-insert-failed", "C02", Warning, "slow", Layer::Conntrack),
    kind("conntrack-chains-long", "C10", Warning, "slow", Layer::Conntrack),
    kind("softnet-overflows", "K07", Warning, "intermittent", Layer::Sysctl),
    kind("neighbour-table-overflows", "N01", Error, "intermittent", Layer::Neighbour),
    kind("neighbour-queue-overflows", "N08", Warning, "slow", Layer::Neighbour),
    kind("cpu-stolen", "H-08", Warning, "slow", Layer::Link),
    // Processes
    kind("files-used-up", "K13", Warning, "times_out", Layer::Socket),
    kind("pids-used-up", "K14", Warning, "times_out", Layer::Socket),
    kind("server-stopped", "T11", Error, "times_out", Layer::Socket),
];

/// The kind with this id. An id that is not in the list is one of the code's own mistakes, which a test finds.
pub(crate) fn get(id: &str) -> &'static Kind {
    KINDS.iter().find(|k| k.id == id).unwrap_or(&KINDS[0])
}
