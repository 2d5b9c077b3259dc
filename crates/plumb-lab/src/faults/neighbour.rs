//! ARP and neighbour discovery.

use plumb_model::{Action, Change, IpFamily, Mac, Neighbour, NeighbourState};

use plumb_nft::{Family, Verdict};

use super::scene::{add_rule, change, device, made, serves, sysctl};
use super::{Fault, Made, Scene, TargetKind};
use crate::client::Outcome;
use crate::plan::bridge::ETH0;
use crate::plan::nat::FILTER;
use crate::plan::of_family;
use crate::plan::rules;
use crate::topology::Pod;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "N02",
        name: "stale permanent neighbour entry",
        does: "gives the pod a permanent entry for its gateway with a hardware address that nobody has",
        target: TargetKind::Client,
        make: stale,
    },
    Fault {
        id: "N04",
        name: "peer does not answer ARP",
        does: "sets arp_ignore=8 on the pod's eth0: it answers nobody",
        target: TargetKind::Server,
        make: silent,
    },
    Fault {
        id: "N06",
        name: "ND blocked by an ICMPv6 rule",
        does: "drops neighbour solicitations and advertisements (ICMPv6 types 135 and 136) that come to the pod's node: IPv6 alone breaks",
        target: TargetKind::Client,
        make: no_discovery,
    },
];

fn no_discovery(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let (node, ns) = (scene.node_namespace(pod)?, scene.pod_namespace(pod)?);
    let gateway =
        of_family(&scene.topology.gateways(&pod.node), IpFamily::V6).ok_or("the pod has no IPv6 gateway")?;
    let mut changes: Vec<Change> = [135, 136]
        .into_iter()
        .map(|kind| {
            let rule = rules::rule(Family::Inet).icmpv6_type(kind).counter().verdict(Verdict::Drop);
            add_rule(node, Family::Inet, FILTER, "input", rule)
        })
        .collect();
    // What the pod knows of its gateway would hide it for some seconds.
    let known = ns.neighbours.items().iter().any(|n| n.addr == gateway);
    if known {
        changes.push(change(ns, Action::DeleteNeighbour { device: ETH0.to_owned(), address: gateway }));
    }
    let to = scene.remote(pod, serves)?;
    let flow = scene.flow_to_pod_of(pod, to, IpFamily::V6, Outcome::Unreachable)?;
    made(changes, flow, format!("{} drops neighbour discovery", pod.node))
}

/// Makes every namespace of the lab forget the pod's hardware address: an entry that is still there would hide for some
/// seconds that nobody answers any more.
pub(super) fn forget(scene: &Scene<'_>, pod: &Pod) -> Result<Vec<Change>, String> {
    let addresses = scene.topology.pod_addresses(pod);
    let mut changes = Vec::new();
    for ns in &scene.snapshot.namespaces {
        let known = ns.neighbours.items().iter().filter(|n| {
            addresses.contains(&n.addr)
                && n.flags & Neighbour::PROXY == 0
                && n.state != NeighbourState::PERMANENT
        });
        for entry in known {
            let device = ns.link_name(entry.index);
            changes.push(change(ns, Action::DeleteNeighbour { device, address: entry.addr }));
        }
    }
    Ok(changes)
}

fn stale(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let gateway =
        of_family(&scene.topology.gateways(&pod.node), scene.family()).ok_or("the pod has no gateway")?;
    let neighbour = Neighbour {
        index: device(ns, ETH0)?.index,
        addr: gateway,
        lladdr: Some(Mac([0x02, 0, 0, 0, 0xde, 0xad])),
        state: NeighbourState::PERMANENT,
        flags: 0,
    };
    let set = change(ns, Action::SetNeighbour { device: ETH0.to_owned(), neighbour });
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::TimesOut)?;
    made(vec![set], flow, format!("{} sends what is for {gateway} to 02:00:00:00:de:ad", pod.full_name()))
}

pub(super) fn silent(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    scene.address(pod, IpFamily::V4)?;
    let mut changes = vec![sysctl(ns, &format!("net.ipv4.conf.{ETH0}.arp_ignore"), "8")];
    changes.extend(forget(scene, pod)?);
    let client = scene.neighbour(pod, |_| true)?;
    let flow = scene.flow_to_pod_of(client, pod, IpFamily::V4, Outcome::Unreachable)?;
    made(changes, flow, format!("{} answers no ARP request", pod.full_name()))
}
