//! Queues and limits that look full.

use super::super::queues::{errors, flooded, in_time_wait, left_half_open};
use super::super::scene::made_by;
use super::super::servers::filler;
use super::super::{Made, Scene, TargetKind};
use super::LookAlike;
use crate::client::Outcome;
use crate::server::Manner;

pub(super) const ALL: &[LookAlike] = &[
    LookAlike {
        of: "K02",
        does: "leaves 12 connections to the pod's server half open, whose queue takes 128",
        is: None,
        target: TargetKind::Server,
        make: room_left,
    },
    LookAlike {
        of: "K04",
        does: "sends a burst of datagrams to a pod that serves DNS with a small buffer, and reads them",
        is: None,
        target: TargetKind::Client,
        make: emptied,
    },
    LookAlike {
        of: "K10",
        does: "leaves the pod, whose server closes its connections first, 16384 sockets in TIME_WAIT",
        is: None,
        target: TargetKind::Server,
        make: many_buckets,
    },
    LookAlike {
        of: "K16",
        does: "limits ICMP errors of the pod, but not that a port is unreachable (icmp_ratemask)",
        is: None,
        target: TargetKind::Server,
        make: others_limited,
    },
];

fn room_left(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let acts = left_half_open(scene, filler(scene, pod)?, pod, 12)?.to_vec();
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made_by(acts, flow, format!("half-open connections to {} leave room for more", pod.full_name()))
}

fn emptied(scene: &Scene<'_>) -> Result<Made, String> {
    let manner = Manner { receive_buffer: Some(16 * 1024), ..Manner::default() };
    let (flow, acts) = flooded(scene, manner)?;
    let effect = format!("the server on {} has read what was sent to it", flow.to);
    made_by(acts, flow, effect)
}

fn many_buckets(scene: &Scene<'_>) -> Result<Made, String> {
    let (flow, acts) = in_time_wait(scene, "16384")?;
    made_by(
        acts,
        flow,
        format!("{} has many sockets in TIME_WAIT, and room for them", scene.pod()?.full_name()),
    )
}

fn others_limited(scene: &Scene<'_>) -> Result<Made, String> {
    // Bit 3 is destination unreachable (icmp(7)); of the rest of the default, source quench and time exceeded stay.
    let (flow, acts) =
        errors(scene, &[("net.ipv4.icmp_ratelimit", "1000"), ("net.ipv4.icmp_ratemask", "6160")])?;
    made_by(
        acts,
        flow,
        format!("{} refuses every datagram that nobody there takes", scene.pod()?.full_name()),
    )
}
