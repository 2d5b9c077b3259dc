//! Addresses and networks that are somebody else's.

use plumb_model::{Action, Address, Change, Namespace, Prefix, RouteKind};

use super::scene::{change, device, made, route};
use super::{Fault, Made, Scene, TargetKind};
use crate::client::Outcome;
use crate::plan::bridge::CNI0;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "A01",
        name: "duplicate IP address",
        does: "gives cni0 of the pod's node the pod's own address too: the node takes what is for the pod",
        target: TargetKind::Server,
        make: duplicate,
    },
    Fault {
        id: "A05",
        name: "pod network overlaps another",
        does: "adds a route on the pod's node that takes the network outside for one of pods on cni0",
        target: TargetKind::Client,
        make: overlap,
    },
    Fault {
        id: "A06",
        name: "bridge network shadows a real one",
        does: "gives cni0 of the pod's node an address in the network outside, which is then taken to be on the bridge",
        target: TargetKind::Client,
        make: shadow,
    },
];

fn duplicate(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let own = Prefix::host(scene.address(pod, scene.family())?);
    let add = added(ns, CNI0, own)?;
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Refused)?;
    made(vec![add], flow, format!("{CNI0} of {} has {own}, the address of {}", pod.node, pod.full_name()))
}

/// An address more on a device.
pub(super) fn added(ns: &Namespace, name: &str, prefix: Prefix) -> Result<Change, String> {
    let index = device(ns, name)?.index;
    let v6 = prefix.addr.is_ipv6();
    let flags = Address::PERMANENT | if v6 { Address::NODAD } else { 0 };
    let address = Address {
        index,
        prefix,
        peer: None,
        scope: 0,
        flags,
        label: (!v6).then(|| name.to_owned()),
        broadcast: None,
        preferred: true,
    };
    Ok(change(ns, Action::AddAddress { device: name.to_owned(), address }))
}

/// The network around the server outside: a /24, a /64.
pub(super) fn around_outside(scene: &Scene<'_>) -> Result<Prefix, String> {
    let (outside, _) = scene.outside()?;
    Ok(Prefix::new(outside, if outside.is_ipv4() { 24 } else { 64 }).masked())
}

fn overlap(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let network = around_outside(scene)?;
    let covering = route(RouteKind::Unicast, network, None, Some(device(ns, CNI0)?.index));
    let flow = scene.flow_to_outside(pod, Outcome::Unreachable)?;
    made(
        vec![change(ns, Action::AddRoute(covering))],
        flow,
        format!("{} looks for {network} on {CNI0}", pod.node),
    )
}

fn shadow(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let own = inside_of(scene, around_outside(scene)?)?;
    let flow = scene.flow_to_outside(pod, Outcome::Unreachable)?;
    made(vec![added(ns, CNI0, own)?], flow, format!("{CNI0} of {} has {own}", pod.node))
}

/// The first address of the network outside, as a bridge takes it; the next where the server outside has that.
pub(super) fn inside_of(scene: &Scene<'_>, network: Prefix) -> Result<Prefix, String> {
    let (outside, _) = scene.outside()?;
    let nth = |n| crate::topology::ranges::nth(network, n);
    let own =
        nth(1).filter(|a| *a != outside).or_else(|| nth(2)).ok_or("the network outside is too small")?;
    Ok(Prefix::new(own, network.len))
}
