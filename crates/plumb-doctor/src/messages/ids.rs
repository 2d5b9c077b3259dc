//! Slugs of findings, each with a page in docs/faults/, and their numbers in the catalogue of faults.

use crate::finding::{Finding, Packet};

/// Every slug, in the order of the pages' index.
pub const ALL_IDS: &[&str] = &[
    "link-down",
    "link-no-carrier",
    "bridge-port-detached",
    "bridge-port-state",
    "bridge-port-isolated",
    "bridge-port-no-flood",
    "bridge-port-no-broadcast",
    "bridge-port-no-hairpin",
    "fdb-wrong",
    "bridge-nf-off",
    "neighbour-missing",
    "neighbour-no-answer",
    "neighbour-wrong",
    "route-missing",
    "return-route-missing",
    "route-discards",
    "route-astray",
    "policy-rule-discards",
    "routing-loop",
    "forwarding-off",
    "rp-filter-asymmetric",
    "martian-loopback",
    "martian-own-source",
    "martian-address",
    "duplicate-address",
    "no-source-address",
    "answer-from-elsewhere",
    "ipv6-disabled",
    "echo-ignored",
    "packet-too-big",
    "netfilter-drop",
    "netfilter-policy",
    "netfilter-reject",
    "nat-dead-port",
    "nat-to-nobody",
    "nat-source-lost",
    "nat-ports-exhausted",
    "nat-missed",
    "conntrack-untracked",
    "conntrack-zone",
    "conntrack-stale",
    "conntrack-full",
    "listener-missing",
    "listener-elsewhere",
    "listener-other-family",
    "accept-queue-full",
    "prefix-too-wide",
    "ports-used-up",
];

/// The slug of a finding's kind; stable.
#[must_use]
pub fn id(finding: &Finding) -> &'static str {
    kind(finding).0
}

/// Its number in the catalogue of faults, where it has one.
#[must_use]
pub fn fault(finding: &Finding) -> Option<&'static str> {
    kind(finding).1
}

fn kind(finding: &Finding) -> (&'static str, Option<&'static str>) {
    use Finding as F;
    match finding {
        F::RuleDrops { packet: Packet::NeighbourQuestion | Packet::NeighbourAnswer, .. } => {
            ("netfilter-drop", Some("N06"))
        }
        F::RuleDrops { mark_set_in: Some(_), .. } => ("netfilter-drop", Some("F08")),
        F::RuleDrops { .. } => ("netfilter-drop", Some("F01")),
        F::PolicyDrops { .. } => ("netfilter-policy", Some("F02")),
        F::RuleRejects { .. } => ("netfilter-reject", Some("F01")),
        F::NatToDeadPort { .. } => ("nat-dead-port", Some("F16")),
        F::NatToNobody { .. } => ("nat-to-nobody", None),
        F::NatSourceLost { .. } => ("nat-source-lost", Some("S08")),
        F::NatExhausted { .. } => ("nat-ports-exhausted", Some("S10")),
        F::NatMissed { .. } => ("nat-missed", Some("S09")),
        F::Untracked { .. } => ("conntrack-untracked", Some("C08")),
        F::ZoneDiffers { .. } => ("conntrack-zone", Some("C09")),
        F::StaleEntry { .. } => ("conntrack-stale", Some("C03")),
        F::RouteMissing { packet: Packet::Reply | Packet::Error, .. } => {
            ("return-route-missing", Some("R02"))
        }
        F::RouteMissing { .. } => ("route-missing", Some("R01")),
        F::RouteDiscards { .. } => ("route-discards", Some("R03")),
        F::RouteAstray { .. } => ("route-astray", Some("R05")),
        F::PolicyRuleDiscards { .. } => ("policy-rule-discards", Some("R04")),
        F::RoutingLoop { .. } => ("routing-loop", Some("R06")),
        F::NotForwarding { sysctl, .. } if per_device(sysctl) => ("forwarding-off", Some("R11")),
        F::NotForwarding { .. } => ("forwarding-off", Some("R10")),
        F::ReversePath { .. } => ("rp-filter-asymmetric", Some("R07")),
        F::LoopbackFromOutside { .. } => ("martian-loopback", Some("R08")),
        F::OwnSource { .. } => ("martian-own-source", Some("R08")),
        F::Martian { .. } => ("martian-address", Some("R08")),
        F::NoNeighbourAnswer { sysctl, .. } if sysctl.ends_with(".proxy_arp") => {
            ("neighbour-no-answer", Some("N05"))
        }
        F::NoNeighbourAnswer { .. } => ("neighbour-no-answer", Some("N04")),
        F::NeighbourMissing { .. } => ("neighbour-missing", Some("N04")),
        F::NeighbourWrong { .. } => ("neighbour-wrong", Some("N02")),
        F::Ipv6Disabled { .. } => ("ipv6-disabled", Some("H-04")),
        F::EchoIgnored { .. } => ("echo-ignored", None),
        F::ConntrackFull { .. } => ("conntrack-full", Some("C01")),
        F::BridgeNotFiltered { .. } => ("bridge-nf-off", Some("S12")),
        F::LinkDown { .. } => ("link-down", Some("L01")),
        F::NoCarrier { .. } => ("link-no-carrier", Some("L02")),
        F::NotInBridge { .. } => ("bridge-port-detached", Some("L04")),
        F::PortNoFlood { .. } => ("bridge-port-no-flood", Some("L07")),
        F::PortNoBroadcast { .. } => ("bridge-port-no-broadcast", None),
        F::PortIsolated { .. } => ("bridge-port-isolated", Some("L06")),
        F::PortNoHairpin { .. } => ("bridge-port-no-hairpin", Some("L08")),
        F::PortState { .. } => ("bridge-port-state", Some("L05")),
        F::FdbWrong { .. } => ("fdb-wrong", None),
        F::ListenerMissing { .. } => ("listener-missing", Some("T01")),
        F::ListenerElsewhere { listens, .. } if listens.contains('%') => ("listener-elsewhere", Some("T04")),
        F::ListenerElsewhere { .. } => ("listener-elsewhere", Some("T02")),
        F::ListenerOtherFamily { .. } => ("listener-other-family", Some("T03")),
        F::DuplicateAddress { .. } => ("duplicate-address", Some("A01")),
        F::PrefixTooWide { .. } => ("prefix-too-wide", Some("A02")),
        F::PortsUsedUp { .. } => ("ports-used-up", Some("T05")),
        F::QueueFull { .. } => ("accept-queue-full", Some("K01")),
        F::AnswerFromElsewhere { .. } => ("answer-from-elsewhere", None),
        F::NoSource { .. } => ("no-source-address", None),
        F::TooBig { .. } => ("packet-too-big", Some("M02")),
    }
}

/// `net.ipv4.conf.eth0.forwarding`, as against `net.ipv4.ip_forward` and `conf.all`.
fn per_device(sysctl: &str) -> bool {
    sysctl.contains(".conf.") && !sysctl.contains(".conf.all.")
}
