//! Packets that are too large, and errors that should have told their sender.

use plumb_model::{Action, Change, IpFamily};
use plumb_nft::{ChainType, Family, Hook, Verdict};

use super::firewall::add_table;
use super::scene::{add_rule, change, device, made, pod_name, serves};
use super::socket::serves_dns;
use super::{Fault, Flow, Made, Scene, TargetKind};
use crate::client::Outcome;
use crate::plan::bridge::{ETH0, ROUTER_PORT};
use crate::plan::names;
use crate::plan::nat::FILTER;
use crate::plan::rules::{self, base, chain};
use crate::topology::Pod;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "M01",
        name: "path-MTU black hole",
        does: "sets the MTU between nodes to 1400, and drops the ICMP errors by which the pod's node says so",
        target: TargetKind::Client,
        make: black_hole,
    },
    Fault {
        id: "M02",
        name: "MTU differs on one segment",
        does: "sets the MTU of the node's end of the pod's veth pair to 1400: eth0 at its other end has the old one",
        target: TargetKind::Client,
        make: ends_differ,
    },
    Fault {
        id: "F13",
        name: "needed ICMP is dropped",
        does: "sets the MTU between nodes to 1400, and makes the pod drop packet-too-big (ICMPv6 type 2)",
        target: TargetKind::Client,
        make: deaf,
    },
];

/// What the narrower link takes, bytes: more than IPv6 needs (1280, RFC 8200), less than the lab has.
pub(super) const NARROW: u32 = 1400;
/// Many segments of full size.
pub(super) const LARGE: u32 = 100_000;

fn mtu(ns: &plumb_model::Namespace, name: &str) -> Result<Change, String> {
    if device(ns, name)?.mtu <= NARROW {
        return Err(format!("{name} of {} takes no more than {NARROW} bytes anyway", ns.name));
    }
    Ok(change(ns, Action::SetMtu { device: name.to_owned(), mtu: NARROW }))
}

/// Makes everything between the nodes narrower than what the pods have.
pub(super) fn narrow(scene: &Scene<'_>) -> Result<Vec<Change>, String> {
    let topology = scene.topology;
    let switch = scene.namespace(&topology.underlay_namespace())?;
    let mut changes = Vec::new();
    for node in &topology.nodes {
        changes.push(mtu(scene.namespace(&topology.node_namespace(&node.name))?, ETH0)?);
        changes.push(mtu(switch, &names::device(&node.name))?);
    }
    changes.push(mtu(scene.namespace(&topology.outside_namespace())?, ETH0)?);
    changes.push(mtu(switch, &names::device(ROUTER_PORT))?);
    Ok(changes)
}

fn black_hole(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let family = scene.family();
    let draft = rules::rule(Family::Inet);
    let draft = match family {
        // Destination unreachable, fragmentation needed (RFC 792).
        IpFamily::V4 => draft.icmp_code(3, 4),
        // Packet too big (RFC 4443).
        IpFamily::V6 => draft.icmpv6_type(2),
    };
    let drop = draft.counter().verdict(Verdict::Drop);
    let mut changes = narrow(scene)?;
    changes.push(add_rule(scene.node_namespace(pod)?, Family::Inet, FILTER, "output", drop));
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::TimesOut)?.with_bytes(LARGE, 0);
    made(changes, flow, format!("the way from {} is {NARROW} bytes wide, and nobody there says so", pod.node))
}

fn ends_differ(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let veth = scene.topology.pod_veth(pod);
    let narrow = mtu(scene.node_namespace(pod)?, &veth)?;
    made(
        vec![narrow],
        large_datagram(scene, pod, Outcome::TimesOut)?,
        format!("{veth} of {} takes {NARROW} bytes, eth0 of {} sends more", pod.node, pod.full_name()),
    )
}

/// A datagram that fits the pods' MTU and not [`NARROW`]. Segments of TCP do not show it: a veth pair lets those pass that the
/// sender left whole for the device to cut (`is_skb_forwardable`, `skb_is_gso`).
pub(super) fn large_datagram(scene: &Scene<'_>, pod: &Pod, outcome: Outcome) -> Result<Flow, String> {
    const DATAGRAM: u32 = 1440;
    let server = scene.remote(pod, serves_dns)?;
    let to = std::net::SocketAddr::new(scene.address(server, scene.family())?, 53).to_string();
    let of_answer = 16;
    Ok(Flow::new(pod_name(pod), to, outcome).with_bytes(DATAGRAM, of_answer))
}

fn deaf(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let drop = rules::rule(Family::Inet).icmpv6_type(2).counter().verdict(Verdict::Drop);
    let mut changes = narrow(scene)?;
    changes.push(guard(scene, drop)?);
    let to = scene.remote(pod, serves)?;
    let flow = scene.flow_to_pod_of(pod, to, IpFamily::V6, Outcome::TimesOut)?.with_bytes(LARGE, 0);
    made(
        changes,
        flow,
        format!("{} does not listen when it is told that packets are too big", pod.full_name()),
    )
}

/// A firewall of the pod's own.
pub(super) fn guard(scene: &Scene<'_>, rule: plumb_nft::Rule) -> Result<Change, String> {
    let input = chain("input", base(ChainType::Filter, Hook::Input, 0), None, vec![rule]);
    Ok(add_table(scene.pod_namespace(scene.pod()?)?, Family::Inet, "guard", vec![input], Vec::new()))
}
