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
    "preferred-source-lost",
    "policy-rule-discards",
    "tproxy-route-leads-on",
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
    "mark-not-restored",
    "mark-missed",
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

/// Faults of the catalogue that a walk can name, each with the slug that tells it.
pub const FAULTS: &[(&str, &str)] = &[
    ("A01", "duplicate-address"),
    ("A02", "prefix-too-wide"),
    ("A03", "preferred-source-lost"),
    ("A04", "address-dad-failed"),
    ("C01", "conntrack-full"),
    ("C03", "conntrack-stale"),
    ("C08", "conntrack-untracked"),
    ("C09", "conntrack-zone"),
    ("F01", "netfilter-drop"),
    ("F01", "netfilter-reject"),
    ("F02", "netfilter-policy"),
    ("F08", "netfilter-drop"),
    ("F13", "netfilter-drop"),
    ("F13", "netfilter-policy"),
    ("F13", "netfilter-reject"),
    ("F16", "nat-dead-port"),
    ("H-04", "ipv6-disabled"),
    ("K01", "accept-queue-full"),
    ("L01", "link-down"),
    ("L02", "link-down"),
    ("L02", "link-no-carrier"),
    ("L04", "bridge-port-detached"),
    ("L05", "bridge-port-state"),
    ("L06", "bridge-port-isolated"),
    ("L07", "bridge-port-no-flood"),
    ("L08", "bridge-port-no-hairpin"),
    ("L09", "duplicate-mac"),
    ("M01", "packet-too-big"),
    ("M01", "return-route-missing"),
    ("M02", "packet-too-big"),
    ("N02", "neighbour-wrong"),
    ("N04", "neighbour-missing"),
    ("N04", "neighbour-no-answer"),
    ("N05", "neighbour-no-answer"),
    ("N06", "netfilter-drop"),
    ("R01", "route-missing"),
    ("R02", "return-route-missing"),
    ("R03", "route-discards"),
    ("R04", "policy-rule-discards"),
    ("R04", "route-discards"),
    ("R05", "route-astray"),
    ("R06", "routing-loop"),
    ("R07", "rp-filter-asymmetric"),
    ("R08", "martian-address"),
    ("R08", "martian-loopback"),
    ("R08", "martian-own-source"),
    ("R10", "forwarding-off"),
    ("R11", "forwarding-off"),
    ("R13", "mark-not-restored"),
    ("S08", "nat-source-lost"),
    ("S09", "nat-missed"),
    ("S10", "nat-ports-exhausted"),
    ("S12", "bridge-nf-off"),
    ("T01", "listener-missing"),
    ("T02", "listener-elsewhere"),
    ("T03", "listener-other-family"),
    ("T04", "listener-elsewhere"),
    ("T05", "ports-used-up"),
    ("T11", "server-stopped"),
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
        F::RuleDrops { packet: Packet::TooBig, .. } => ("netfilter-drop", Some("F13")),
        F::PolicyDrops { packet: Packet::TooBig, .. } => ("netfilter-policy", Some("F13")),
        F::RuleRejects { packet: Packet::TooBig, .. } => ("netfilter-reject", Some("F13")),
        F::RouteMissing { packet: Packet::TooBig, .. } => ("return-route-missing", Some("M01")),
        F::RuleDrops { mark_set_in: Some(_), .. } => ("netfilter-drop", Some("F08")),
        F::RuleDrops { .. } => ("netfilter-drop", Some("F01")),
        F::PolicyDrops { .. } => ("netfilter-policy", Some("F02")),
        F::RuleRejects { .. } => ("netfilter-reject", Some("F01")),
        F::NatToDeadPort { .. } => ("nat-dead-port", Some("F16")),
        F::NatToNobody { .. } => ("nat-to-nobody", None),
        F::NatSourceLost { .. } => ("nat-source-lost", Some("S08")),
        F::NatExhausted { .. } => ("nat-ports-exhausted", Some("S10")),
        F::NatMissed { .. } => ("nat-missed", Some("S09")),
        F::MarkNotRestored { .. } | F::MarkNotSaved { .. } => ("mark-not-restored", Some("R13")),
        F::MarkMissed { .. } => ("mark-missed", None),
        F::Untracked { .. } => ("conntrack-untracked", Some("C08")),
        F::ZoneDiffers { .. } => ("conntrack-zone", Some("C09")),
        F::StaleEntry { .. } => ("conntrack-stale", Some("C03")),
        F::RouteMissing { packet: Packet::Reply | Packet::Error, .. } => {
            ("return-route-missing", Some("R02"))
        }
        F::RouteMissing { .. } => ("route-missing", Some("R01")),
        F::RouteDiscards { diverted: true, .. } => ("route-discards", Some("R04")),
        F::RouteDiscards { .. } => ("route-discards", Some("R03")),
        F::RouteAstray { by_source: true, .. } => ("preferred-source-lost", Some("A03")),
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
        F::LinkDown { cuts: true, .. } => ("link-down", Some("L02")),
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
        F::DuplicateMac { .. } => ("duplicate-mac", Some("L09")),
        F::DadFailed { .. } => ("address-dad-failed", Some("A04")),
        F::ServerStopped { .. } => ("server-stopped", Some("T11")),
        F::HandedOver { .. } => ("tproxy-route-leads-on", None),
        F::AnswerFromElsewhere { .. } => ("answer-from-elsewhere", None),
        F::NoSource { .. } => ("no-source-address", None),
        F::FrameTooBig { .. } => ("packet-too-big", Some("M02")),
        F::TooBig { .. } => ("packet-too-big", Some("M01")),
    }
}

/// `net.ipv4.conf.eth0.forwarding`, as against `net.ipv4.ip_forward` and `conf.all`.
fn per_device(sysctl: &str) -> bool {
    sysctl.contains(".conf.") && !sysctl.contains(".conf.all.")
}
