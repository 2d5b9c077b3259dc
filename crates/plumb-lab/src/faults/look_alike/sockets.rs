//! Listeners that look dead.

use std::net::{IpAddr, Ipv4Addr};

use plumb_model::IpFamily;
use plumb_nft::Family;

use super::super::firewall::{no_dns, server};
use super::super::scene::{add_rule, made};
use super::super::socket::{client, first, start, stop};
use super::super::{Made, Scene, TargetKind};
use super::LookAlike;
use crate::client::Outcome;
use crate::plan::nat::FILTER;

pub(super) const ALL: &[LookAlike] = &[
    LookAlike {
        of: "T01",
        does: "resets, on the pod's node, connections to the pod's first TCP port: they are refused as well, and something listens",
        is: Some("F01"),
        target: TargetKind::Server,
        make: reset_on_the_way,
    },
    LookAlike {
        of: "T02",
        does: "binds the pod's first TCP port to the pod's own addresses in place of every address",
        is: None,
        target: TargetKind::Server,
        make: own_addresses,
    },
    LookAlike {
        of: "T03",
        does: "binds the pod's first TCP port to 0.0.0.0, and to the pod's IPv6 address by a second listener",
        is: None,
        target: TargetKind::Server,
        make: one_family_each,
    },
    LookAlike {
        of: "D02",
        does: "drops what the pod sends to UDP and TCP port 53: names fail for that pod alone, and the servers live",
        is: Some("P04"),
        target: TargetKind::Client,
        make: no_dns,
    },
];

fn reset_on_the_way(scene: &Scene<'_>) -> Result<Made, String> {
    let (pod, port, ns, draft) = server(scene)?;
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Refused)?;
    let reset = add_rule(ns, Family::Inet, FILTER, "forward", draft().counter().reset());
    made(
        vec![reset],
        flow,
        format!("{} resets connections to TCP port {port} of {}", pod.node, pod.full_name()),
    )
}

/// The pod's first TCP port, bound to these addresses.
fn bound(scene: &Scene<'_>, addresses: &[IpAddr]) -> Result<Made, String> {
    let pod = scene.pod()?;
    let port = first(pod)?;
    let mut changes = vec![stop(scene, pod, port)?];
    for address in addresses {
        changes.push(start(scene, pod, *address, port)?);
    }
    let family = addresses.last().map_or(scene.family(), |a| IpFamily::of(*a));
    let flow = scene.flow_to_pod_of(client(scene, pod)?, pod, family, Outcome::Connects)?;
    let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    made(changes, flow, format!("TCP port {port} of {} listens on {}", pod.full_name(), names.join(" and ")))
}

fn own_addresses(scene: &Scene<'_>) -> Result<Made, String> {
    bound(scene, &scene.topology.pod_addresses(scene.pod()?))
}

fn one_family_each(scene: &Scene<'_>) -> Result<Made, String> {
    let v6 = scene.address(scene.pod()?, IpFamily::V6)?;
    bound(scene, &[Ipv4Addr::UNSPECIFIED.into(), v6])
}
