//! Devices, bridges and addresses.

use plumb_model::{Action, Change, IpFamily, Prefix};

use super::scene::{Held, address_of, change, default_route, device, made, made_by, route, serves, sysctl};
use super::servers::held;
use super::{Act, Fault, Made, Scene, TargetKind};
use crate::client::Outcome;
use crate::plan::bridge::{CNI0, ETH0};
use crate::topology::Pod;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "L01",
        name: "interface down",
        does: "sets the pod's eth0 down: its addresses stay, its routes are gone",
        target: TargetKind::Client,
        make: interface_down,
    },
    Fault {
        id: "L02",
        name: "peer down",
        does: "sets the node's end of the pod's veth pair down: eth0 loses its carrier",
        target: TargetKind::Client,
        make: peer_down,
    },
    Fault {
        id: "L04",
        name: "veth not on its bridge",
        does: "takes the node's end of the pod's veth pair off cni0",
        target: TargetKind::Client,
        make: off_bridge,
    },
    Fault {
        id: "L05",
        name: "bridge port not forwarding",
        does: "puts the pod's port of cni0 into the state disabled, in which it stays",
        target: TargetKind::Client,
        make: not_forwarding,
    },
    Fault {
        id: "L06",
        name: "bridge ports isolated",
        does: "isolates the ports of two pods of one node from each other",
        target: TargetKind::Server,
        make: isolated,
    },
    Fault {
        id: "L07",
        name: "port neither floods nor learns",
        does: "turns flood and learning off on the pod's port and forgets its address",
        target: TargetKind::Server,
        make: no_flood,
    },
    Fault {
        id: "L09",
        name: "duplicate MAC on one bridge",
        does: "gives a neighbour the pod's hardware address, and lets it send: cni0 takes it for the pod",
        target: TargetKind::Server,
        make: same_mac,
    },
    Fault {
        id: "A02",
        name: "wrong prefix length",
        does: "gives the pod's address the length of all pods' range: it takes other nodes' pods for neighbours",
        target: TargetKind::Client,
        make: wrong_length,
    },
    Fault {
        id: "A03",
        name: "wrong preferred source",
        does: "makes the pod's default route prefer a source address that nobody has a route to",
        target: TargetKind::Client,
        make: wrong_source,
    },
    Fault {
        id: "A09",
        name: "loopback down",
        does: "sets lo down in the pod: it reaches everybody but itself",
        target: TargetKind::Server,
        make: loopback_down,
    },
    Fault {
        id: "H-04",
        name: "IPv6 disabled on an interface",
        does: "disables IPv6 on the pod's eth0",
        target: TargetKind::Server,
        make: no_ipv6,
    },
];

/// A pod that serves, to which the target of a client's fault connects.
fn elsewhere<'a>(scene: &Scene<'a>, pod: &Pod) -> Result<&'a Pod, String> {
    scene.remote(pod, serves).or_else(|_| scene.neighbour(pod, serves))
}

fn interface_down(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let down = change(ns, Action::SetLinkUp { device: ETH0.to_owned(), up: false });
    let flow = scene.flow_to_pod(pod, elsewhere(scene, pod)?, Outcome::Unreachable)?;
    made(vec![down], flow, format!("eth0 of {} is down", pod.full_name()))
}

fn peer_down(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let veth = scene.topology.pod_veth(pod);
    let ns = scene.node_namespace(pod)?;
    device(ns, &veth)?;
    let down = change(ns, Action::SetLinkUp { device: veth.clone(), up: false });
    let flow = scene.flow_to_pod(pod, elsewhere(scene, pod)?, Outcome::Unreachable)?;
    made(
        vec![down],
        flow,
        format!("{veth} of {}, the other end of eth0 of {}, is down", pod.node, pod.full_name()),
    )
}

pub(super) fn off_bridge(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let veth = scene.topology.pod_veth(pod);
    let ns = scene.node_namespace(pod)?;
    device(ns, &veth)?;
    let off = change(ns, Action::SetMaster { device: veth.clone(), master: None });
    // The node answers ARP for its own addresses on any device: what is for other nodes leaves, and answers find no way
    // back to the pod.
    let flow = scene
        .neighbour(pod, serves)
        .and_then(|other| scene.flow_to_pod(pod, other, Outcome::Unreachable))
        .or_else(|_| scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::TimesOut))?;
    made(vec![off], flow, format!("{veth} of {} is no port of {CNI0}", pod.node))
}

pub(super) fn port(scene: &Scene<'_>, pod: &Pod, attribute: &str, value: &str) -> Result<Change, String> {
    let veth = scene.topology.pod_veth(pod);
    let ns = scene.node_namespace(pod)?;
    device(ns, &veth)?;
    let (attribute, value) = (attribute.to_owned(), value.to_owned());
    Ok(change(ns, Action::SetBridgePort { device: veth, attribute, value }))
}

pub(super) fn not_forwarding(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    // Without STP the kernel turns a blocking port to forwarding at once (br_make_forwarding), and one that listens or learns
    // when the timer ends that ran since it became a port (br_forward_delay_timer_expired). A disabled one stays.
    let change = port(scene, pod, "state", "disabled")?;
    let flow = scene.flow_to_pod(pod, elsewhere(scene, pod)?, Outcome::Unreachable)?;
    made(vec![change], flow, format!("the port of {} on {CNI0} is disabled, not forwarding", pod.full_name()))
}

fn isolated(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let other = scene.neighbour(pod, |_| true)?;
    let mut changes = vec![port(scene, pod, "isolated", "on")?, port(scene, other, "isolated", "on")?];
    changes.extend(super::neighbour::forget(scene, pod)?);
    let flow = scene.flow_to_pod(other, pod, Outcome::Unreachable)?;
    made(changes, flow, format!("the ports of {} and {} are isolated", pod.full_name(), other.full_name()))
}

fn no_flood(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let mac = device(scene.pod_namespace(pod)?, ETH0)?.mac;
    let veth = scene.topology.pod_veth(pod);
    let index = device(ns, &veth)?.index;
    let mut changes = vec![port(scene, pod, "learning", "off")?, port(scene, pod, "flood", "off")?];
    let learnt = ns.fdb.items().iter().filter(|e| e.index == index && Some(e.lladdr) == mac);
    changes.extend(learnt.map(|e| change(ns, Action::DeleteFdb { device: veth.clone(), entry: e.clone() })));
    let client = scene.neighbour(pod, |_| true)?;
    let flow = scene.flow_to_pod(client, pod, Outcome::TimesOut)?;
    made(changes, flow, format!("the port of {} on {CNI0} neither floods nor learns", pod.full_name()))
}

fn wrong_length(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let family = scene.family();
    let ns = scene.pod_namespace(pod)?;
    let right = address_of(ns, ETH0, family)?;
    let all = scene.topology.network.pod_ranges.iter().find(|r| r.family() == family).ok_or("no range")?;
    if all.len >= right.prefix.len {
        return Err("the range of all pods is no larger than the node's".to_owned());
    }
    let mut wrong = right.clone();
    wrong.prefix = Prefix::new(right.prefix.addr, all.len);
    wrong.broadcast = None;
    // The new one first: with its last address a device loses its routes.
    let device = ETH0.to_owned();
    let changes = vec![
        change(ns, Action::AddAddress { device: device.clone(), address: wrong.clone() }),
        change(ns, Action::DeleteAddress { device, address: right.clone() }),
    ];
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::Unreachable)?;
    made(
        changes,
        flow,
        format!("eth0 of {} has {} in place of {}", pod.full_name(), wrong.prefix, right.prefix),
    )
}

fn wrong_source(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let family = scene.family();
    // From the ranges for documentation (RFC 5737, RFC 3849): nobody here has a route to them.
    let text = if family == IpFamily::V4 { "198.51.100.7" } else { "2001:db8:51::7" };
    let source = text.parse().map_err(|_| "no address".to_owned())?;
    let lo = device(ns, "lo")?.index;
    // A tentative address can be no route's source, and that of lo too is tentative for a moment (addrconf_dad_work).
    let nodad = if family == IpFamily::V6 { plumb_model::Address::NODAD } else { 0 };
    let mut address = plumb_model::Address::permanent(lo, Prefix::host(source));
    address.flags |= nodad;
    let old = default_route(ns, family)?;
    let hop = old.next_hops.first().ok_or("the default route leads nowhere")?;
    let mut new = route(old.kind, old.dst, hop.gateway, hop.oif);
    new.prefsrc = Some(source);
    let changes = vec![
        change(ns, Action::AddAddress { device: "lo".to_owned(), address }),
        change(ns, Action::DeleteRoute(old.clone())),
        change(ns, Action::AddRoute(new)),
    ];
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::TimesOut)?;
    made(changes, flow, format!("the default route of {} prefers the source {source}", pod.full_name()))
}

fn loopback_down(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let down = change(ns, Action::SetLinkUp { device: "lo".to_owned(), up: false });
    let flow = scene.flow_to_pod(pod, pod, Outcome::TimesOut)?;
    made(vec![down], flow, format!("lo of {} is down", pod.full_name()))
}

fn no_ipv6(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    address_of(ns, ETH0, IpFamily::V6)?;
    let off = sysctl(ns, &format!("net.ipv6.conf.{ETH0}.disable_ipv6"), "1");
    let client = scene.neighbour(pod, |_| true)?;
    let flow = scene.flow_to_pod_of(client, pod, IpFamily::V6, Outcome::Unreachable)?;
    let mut changes = vec![off];
    changes.extend(super::neighbour::forget(scene, pod)?);
    made(changes, flow, format!("IPv6 is disabled on eth0 of {}", pod.full_name()))
}

/// Another pod gets the hardware address of this one, and its node asks for it anew.
pub(super) fn with_mac_of(scene: &Scene<'_>, pod: &Pod, other: &Pod) -> Result<Vec<Change>, String> {
    let mac = device(scene.pod_namespace(pod)?, ETH0)?.mac.ok_or("eth0 has no hardware address")?;
    let node = scene.node_namespace(other)?;
    let forget = |address| change(node, Action::DeleteNeighbour { device: CNI0.to_owned(), address });
    let mut changes =
        vec![change(scene.pod_namespace(other)?, Action::SetMac { device: ETH0.to_owned(), mac })];
    changes.extend(scene.topology.pod_addresses(other).into_iter().map(forget));
    Ok(changes)
}

fn same_mac(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let other = scene.neighbour(pod, |_| true)?;
    // The bridge believes whoever spoke last.
    let speaks = Held::new(scene, other, scene.outside()?, 1).datagrams().every(20);
    let client = scene.remote(pod, |_| true)?;
    let flow = scene.flow_to_pod(client, pod, Outcome::TimesOut)?;
    // Who has just been answered does not ask for the address again, by which the pod would speak.
    let known = held(scene, client, pod, 1)?;
    let effect = format!("{} has the hardware address of {}", other.full_name(), pod.full_name());
    let mut acts: Vec<Act> = vec![known.into()];
    acts.extend(with_mac_of(scene, pod, other)?.into_iter().map(Act::from));
    acts.push(speaks.into());
    made_by(acts, flow, effect)
}
