//! Narrow links of which everybody is told.

use plumb_model::Action;
use plumb_nft::{Family, Verdict};

use super::super::scene::{change, device, made, serves};
use super::super::sizes::{LARGE, NARROW, guard, large_datagram, narrow};
use super::super::{Made, Scene, TargetKind};
use super::LookAlike;
use crate::client::Outcome;
use crate::plan::bridge::ETH0;
use crate::plan::rules;

pub(super) const ALL: &[LookAlike] = &[
    LookAlike {
        of: "M01",
        does: "sets the MTU between nodes to 1400: whoever sends more is told so",
        is: None,
        target: TargetKind::Client,
        make: told,
    },
    LookAlike {
        of: "M02",
        does: "sets the MTU of both ends of the veth pairs of all pods of a node to 1400",
        is: None,
        target: TargetKind::Client,
        make: both_ends,
    },
    LookAlike {
        of: "F13",
        does: "makes the pod drop packet-too-big (ICMPv6 type 2) where no link is narrower than the others",
        is: None,
        target: TargetKind::Client,
        make: never_needed,
    },
];

fn told(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let flow =
        scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::Connects)?.with_bytes(LARGE, LARGE);
    made(narrow(scene)?, flow, "the way between nodes is narrower than pods are, and errors say so")
}

fn both_ends(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let node = scene.node_namespace(pod)?;
    let mut changes = Vec::new();
    for other in scene.topology.pods.iter().filter(|p| p.node == pod.node) {
        let (ns, veth) = (scene.pod_namespace(other)?, scene.topology.pod_veth(other));
        for (ns, name) in [(ns, ETH0), (node, veth.as_str())] {
            let mtu = device(ns, name)?.mtu.min(NARROW);
            changes.push(change(ns, Action::SetMtu { device: name.to_owned(), mtu }));
        }
    }
    let flow = large_datagram(scene, pod, Outcome::Connects)?;
    made(changes, flow, format!("pods of {} and their ports have one MTU, {NARROW}", pod.node))
}

fn never_needed(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let drop = rules::rule(Family::Inet).icmpv6_type(2).counter().verdict(Verdict::Drop);
    let to = scene.remote(pod, serves)?;
    let flow = scene.flow_to_pod(pod, to, Outcome::Connects)?.with_bytes(LARGE, LARGE);
    made(vec![guard(scene, drop)?], flow, format!("{} drops errors that nobody sends", pod.full_name()))
}
