//! Servers with many connections that keep up, and clients with many that are in nobody's way.

use plumb_nft::Family;

use super::super::scene::{Held, made_by, serves};
use super::super::servers::{
    PILE, PORTS, careless, closed, few_ports, few_translations, filler, held, marked_answers, served,
};
use super::super::{Act, Deed, Made, Scene, TargetKind};
use super::LookAlike;
use crate::client::Outcome;
use crate::plan::bridge::ETH0;
use crate::plan::rules;
use crate::server::{Listen, Manner};
use crate::topology::PortProtocol;

pub(super) const ALL: &[LookAlike] = &[
    LookAlike {
        of: "K01",
        does: "gives the pod's first TCP port a queue of 31, and opens 20 connections, which its server accepts",
        is: None,
        target: TargetKind::Server,
        make: emptied_queue,
    },
    LookAlike {
        of: "T04",
        does: "binds the pod's first TCP port to the device eth0, by which everybody comes",
        is: None,
        target: TargetKind::Server,
        make: bound_to_eth0,
    },
    LookAlike {
        of: "T05",
        does: "leaves the pod ten ports for its own connections, and keeps ten open, five to each of two servers",
        is: None,
        target: TargetKind::Client,
        make: two_destinations,
    },
    LookAlike {
        of: "T08",
        does: "makes the pod's server close nothing on its first TCP port, and keeps 120 connections open on both sides",
        is: None,
        target: TargetKind::Server,
        make: all_alive,
    },
    LookAlike {
        of: "T10",
        does: "puts a second server beside that of the pod's first TCP port, and both accept",
        is: None,
        target: TargetKind::Server,
        make: two_members,
    },
    LookAlike {
        of: "T11",
        does: "stops the process of a pod that serves nothing",
        is: None,
        target: TargetKind::Client,
        make: nobody_asks,
    },
    LookAlike {
        of: "S10",
        does: "translates what the pod sends to outside to its node's address and four ports, and keeps four connections open to another port there",
        is: None,
        target: TargetKind::Client,
        make: other_destination,
    },
    LookAlike {
        of: "R13",
        does: "sends answers of the pod's first TCP port by the router outside unless they are marked, and marks them by their connections",
        is: None,
        target: TargetKind::Server,
        make: restored,
    },
];

fn emptied_queue(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let manner = Manner { backlog: Some(30), ..Manner::default() };
    let acts = vec![
        closed(scene, pod)?,
        served(scene, pod, manner)?,
        held(scene, filler(scene, pod)?, pod, 20)?.into(),
    ];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made_by(acts, flow, format!("the server of {} empties its short queue", pod.full_name()))
}

fn bound_to_eth0(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let manner = Manner { device: Some(ETH0.to_owned()), ..Manner::default() };
    let acts = vec![closed(scene, pod)?, served(scene, pod, manner)?];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made_by(acts, flow, format!("the server of {} is reached by eth0 only", pod.full_name()))
}

fn two_destinations(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let server = scene.remote(pod, serves)?;
    let half = u32::from(PORTS.1 - PORTS.0).div_ceil(2);
    let outside = Held::new(scene, pod, scene.outside()?, half);
    let acts = vec![few_ports(scene)?, held(scene, pod, server, half)?.into(), outside.into()];
    let flow = scene.flow_to_pod(pod, server, Outcome::Connects)?;
    made_by(acts, flow, format!("{} has ports left towards each server", pod.full_name()))
}

fn all_alive(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let mut acts = careless(scene, pod)?.to_vec();
    acts.push(held(scene, filler(scene, pod)?, pod, PILE)?.into());
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made_by(acts, flow, format!("the server of {} has many clients, and none has closed", pod.full_name()))
}

fn two_members(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let shares = Manner { shares: true, ..Manner::default() };
    let acts = vec![closed(scene, pod)?, served(scene, pod, shares.clone())?, served(scene, pod, shares)?];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made_by(acts, flow, format!("two listeners of {} share a port, and both accept", pod.full_name()))
}

fn nobody_asks(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    if serves(pod) {
        return Err(format!("`{}` serves", pod.full_name()));
    }
    let acts: Vec<Act> = vec![Deed::Freeze { namespace: scene.topology.pod_namespace(pod), on: true }.into()];
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::Connects)?;
    made_by(acts, flow, format!("the process of {} is stopped, and serves nobody", pod.full_name()))
}

fn other_destination(scene: &Scene<'_>) -> Result<Made, String> {
    const OTHER: u16 = 8_443;
    let pod = scene.pod()?;
    let (address, _) = scene.outside()?;
    let listen = Listen::plain(PortProtocol::Tcp, address, OTHER);
    let mut acts: Vec<Act> =
        vec![Deed::Listen { namespace: scene.topology.outside_namespace(), listen }.into()];
    acts.extend(few_translations(scene, OTHER)?);
    let flow = scene.flow_to_outside(pod, Outcome::Connects)?;
    made_by(
        acts,
        flow,
        format!(
            "{} uses four ports towards {address}:{OTHER}, and each of them once more elsewhere",
            pod.node
        ),
    )
}

fn restored(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    let acts = marked_answers(scene, |_| vec![rules::rule(Family::Inet).restore_mark()])?;
    made_by(acts, flow, format!("{} marks answers of {} as their connections", pod.node, pod.full_name()))
}
