//! Devices and bridges that look broken.

use plumb_model::{Action, FdbEntry, NeighbourState};

use super::super::link::{not_forwarding, off_bridge, port, with_mac_of};
use super::super::neighbour::silent;
use super::super::routing::no_route;
use super::super::scene::{change, device, made, serves};
use super::super::{Made, Scene, TargetKind};
use super::LookAlike;
use crate::client::Outcome;
use crate::plan::bridge::{CNI0, ETH0};

pub(super) const ALL: &[LookAlike] = &[
    LookAlike {
        of: "L01",
        does: "deletes the pod's default route: it is as unreachable at once, and eth0 is up",
        is: Some("R01"),
        target: TargetKind::Client,
        make: no_route,
    },
    LookAlike {
        of: "L02",
        does: "sets arp_ignore=8 on the pod's eth0: it is as unreachable after 3 s, and eth0 has its carrier",
        is: Some("N04"),
        target: TargetKind::Server,
        make: silent,
    },
    LookAlike {
        of: "L04",
        does: "puts the pod's port of cni0 into the state disabled: it is as cut off, and on its bridge",
        is: Some("L05"),
        target: TargetKind::Client,
        make: not_forwarding,
    },
    LookAlike {
        of: "L05",
        does: "takes the node's end of the pod's veth pair off cni0: no port is there that could be in a wrong state",
        is: Some("L04"),
        target: TargetKind::Client,
        make: off_bridge,
    },
    LookAlike {
        of: "L06",
        does: "isolates the port of one pod alone, which serves nothing: it is cut off from isolated ports only",
        is: None,
        target: TargetKind::Server,
        make: isolated_alone,
    },
    LookAlike {
        of: "L07",
        does: "turns flood and learning off on the pod's port, and gives it a static entry for the pod's address",
        is: None,
        target: TargetKind::Server,
        make: static_entry,
    },
    LookAlike {
        of: "L09",
        does: "gives a pod of another node the pod's hardware address: each is on a bridge of its own",
        is: None,
        target: TargetKind::Server,
        make: same_mac_elsewhere,
    },
];

fn isolated_alone(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    // A frame that comes back to the port that it came by is between isolated ports, too (br_skb_isolated): an endpoint
    // would not reach itself through its Service.
    let other = scene.neighbour(pod, |p| !serves(p))?;
    let flow = scene.flow_to_pod(other, pod, Outcome::Connects)?;
    let alone = port(scene, other, "isolated", "on")?;
    made(vec![alone], flow, format!("the port of {} alone is isolated on {CNI0}", other.full_name()))
}

fn static_entry(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let lladdr = device(scene.pod_namespace(pod)?, ETH0)?.mac.ok_or("eth0 has no hardware address")?;
    let veth = scene.topology.pod_veth(pod);
    // NTF_MASTER: an entry of the bridge.
    const MASTER: u8 = 4;
    let entry = FdbEntry {
        index: device(ns, &veth)?.index,
        lladdr,
        master: Some(device(ns, CNI0)?.index),
        vlan: None,
        state: NeighbourState::NOARP,
        flags: MASTER,
        dst: None,
        vni: None,
        port: None,
    };
    let changes = vec![
        change(ns, Action::AddFdb { device: veth, entry }),
        port(scene, pod, "learning", "off")?,
        port(scene, pod, "flood", "off")?,
    ];
    let client = scene.neighbour(pod, |_| true).or_else(|_| scene.remote(pod, serves))?;
    let flow = scene.flow_to_pod(client, pod, Outcome::Connects)?;
    made(changes, flow, format!("{CNI0} of {} knows {lladdr} without learning it", pod.node))
}

fn same_mac_elsewhere(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let other = scene.remote(pod, |_| true)?;
    let flow = scene.flow_to_pod(other, pod, Outcome::Connects)?;
    let effect =
        format!("{} and {} have one hardware address, on two bridges", other.full_name(), pod.full_name());
    made(with_mac_of(scene, pod, other)?, flow, effect)
}
