//! Listeners.

use std::net::{IpAddr, Ipv4Addr};

use plumb_model::{Action, Change, IpFamily, Namespace};

use super::scene::{change, made, stream_port};
use super::{Fault, Made, Scene, TargetKind};
use crate::client::Outcome;
use crate::topology::{Pod, Port};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "T01",
        name: "nothing listens",
        does: "closes the pod's first TCP port",
        target: TargetKind::Server,
        make: dead,
    },
    Fault {
        id: "T02",
        name: "listener on loopback only",
        does: "binds the pod's first TCP port to 127.0.0.1 in place of every address",
        target: TargetKind::Server,
        make: loopback,
    },
    Fault {
        id: "T03",
        name: "IPv4-only listener",
        does: "binds the pod's first TCP port to 0.0.0.0 in place of both families",
        target: TargetKind::Server,
        make: one_family,
    },
    Fault {
        id: "D02",
        name: "DNS service down",
        does: "closes UDP and TCP port 53 of every pod that serves it",
        target: TargetKind::Client,
        make: no_dns_server,
    },
];

/// Whether a pod answers questions for names.
pub(super) fn serves_dns(pod: &Pod) -> bool {
    pod.ports.iter().any(|p| p.port == 53 && p.protocol.transport() == plumb_model::Protocol::UDP)
}

fn no_dns_server(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let servers: Vec<&Pod> = scene.topology.pods.iter().filter(|p| serves_dns(p)).collect();
    let first = servers.iter().find(|s| s.full_name() != pod.full_name());
    let first = first.ok_or("no other pod of the lab serves UDP port 53")?;
    let mut changes = Vec::new();
    for server in &servers {
        let ns = scene.pod_namespace(server)?;
        for port in server.ports.iter().filter(|p| p.port == 53) {
            changes.push(close(ns, port));
        }
    }
    let to = std::net::SocketAddr::new(scene.address(first, scene.family())?, 53).to_string();
    let flow = super::Flow::new(super::scene::pod_name(pod), to, Outcome::Refused);
    made(changes, flow, "no pod answers questions for names")
}

/// Whoever can reach the pod from elsewhere.
pub(super) fn client<'a>(scene: &Scene<'a>, pod: &Pod) -> Result<&'a Pod, String> {
    scene.remote(pod, |_| true).or_else(|_| scene.neighbour(pod, |_| true))
}

/// Closes a pod's port.
pub(super) fn stop(scene: &Scene<'_>, pod: &Pod, number: u16) -> Result<Change, String> {
    let port = pod
        .ports
        .iter()
        .find(|p| p.port == number && p.protocol.transport() == plumb_model::Protocol::TCP)
        .ok_or_else(|| format!("`{}` does not serve TCP port {number}", pod.full_name()))?;
    Ok(close(scene.pod_namespace(pod)?, port))
}

/// Closes a port of the topology; undone, it is served again as the topology says.
pub(super) fn close(ns: &Namespace, port: &Port) -> Change {
    change(
        ns,
        Action::StopListener {
            family: IpFamily::of(port.address),
            protocol: port.protocol.transport(),
            address: port.address,
            port: port.port,
        },
    )
}

pub(super) fn start(scene: &Scene<'_>, pod: &Pod, address: IpAddr, port: u16) -> Result<Change, String> {
    Ok(change(
        scene.pod_namespace(pod)?,
        Action::StartListener {
            family: IpFamily::of(address),
            protocol: plumb_model::Protocol::TCP,
            address,
            port,
        },
    ))
}

pub(super) fn first(pod: &Pod) -> Result<u16, String> {
    stream_port(pod).map(|p| p.port).ok_or_else(|| format!("`{}` serves no TCP port", pod.full_name()))
}

fn dead(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let port = first(pod)?;
    let flow = scene.flow_to_pod(client(scene, pod)?, pod, Outcome::Refused)?;
    made(
        vec![stop(scene, pod, port)?],
        flow,
        format!("nothing listens on TCP port {port} of {}", pod.full_name()),
    )
}

fn rebound(scene: &Scene<'_>, address: Ipv4Addr, family: IpFamily) -> Result<Made, String> {
    let pod = scene.pod()?;
    let port = first(pod)?;
    let changes = vec![stop(scene, pod, port)?, start(scene, pod, address.into(), port)?];
    let flow = scene.flow_to_pod_of(client(scene, pod)?, pod, family, Outcome::Refused)?;
    made(changes, flow, format!("TCP port {port} of {} listens on {address} only", pod.full_name()))
}

fn loopback(scene: &Scene<'_>) -> Result<Made, String> {
    rebound(scene, Ipv4Addr::LOCALHOST, scene.family())
}

fn one_family(scene: &Scene<'_>) -> Result<Made, String> {
    rebound(scene, Ipv4Addr::UNSPECIFIED, IpFamily::V6)
}
