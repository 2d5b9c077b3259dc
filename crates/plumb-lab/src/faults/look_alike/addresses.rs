//! Addresses and neighbour entries that look wrong.

use plumb_model::{Action, IpFamily, Neighbour, NeighbourState, Prefix, RouteKind};
use plumb_nft::{Family, Verdict};

use super::super::addresses::{added, around_outside, inside_of};
use super::super::scene::{add_rule, address_of, change, default_route, device, made, route, serves, sysctl};
use super::super::socket::{first, stop};
use super::super::{Made, Scene, TargetKind};
use super::LookAlike;
use crate::client::Outcome;
use crate::plan::bridge::{CNI0, ETH0};
use crate::plan::nat::FILTER;
use crate::plan::of_family;
use crate::plan::rules;

pub(super) const ALL: &[LookAlike] = &[
    LookAlike {
        of: "A01",
        does: "gives the pod's own address to its lo too: two devices have it, of one owner",
        is: None,
        target: TargetKind::Server,
        make: same_owner,
    },
    LookAlike {
        of: "A02",
        does: "gives the pod's address the length of a host, and a route of its own to its node's range",
        is: None,
        target: TargetKind::Client,
        make: length_with_route,
    },
    LookAlike {
        of: "A03",
        does: "makes the pod's default route prefer the address that the pod has anyway",
        is: None,
        target: TargetKind::Client,
        make: right_source,
    },
    LookAlike {
        of: "A05",
        does: "adds a route on the pod's node that takes the network outside for one of pods, and a longer one that leads right",
        is: None,
        target: TargetKind::Client,
        make: longer_wins,
    },
    LookAlike {
        of: "A06",
        does: "gives cni0 of the pod's node an address in the network outside, and the node a longer route that leads right",
        is: None,
        target: TargetKind::Client,
        make: longer_beside,
    },
    LookAlike {
        of: "A09",
        does: "closes the pod's first TCP port: it does not reach itself there, as nobody does, and lo is up",
        is: Some("T01"),
        target: TargetKind::Server,
        make: not_itself,
    },
    LookAlike {
        of: "H-04",
        does: "disables IPv6 for devices that the pod gets later: it has none of those",
        is: None,
        target: TargetKind::Server,
        make: later_devices,
    },
    LookAlike {
        of: "N02",
        does: "gives the pod a permanent entry for its gateway with the hardware address that the gateway has",
        is: None,
        target: TargetKind::Client,
        make: right_entry,
    },
    LookAlike {
        of: "N04",
        does: "sets arp_ignore=1 on the pod's eth0: it answers for the addresses of eth0",
        is: None,
        target: TargetKind::Server,
        make: answers_for_its_own,
    },
    LookAlike {
        of: "N06",
        does: "drops router solicitations and advertisements (ICMPv6 types 133 and 134) that come to the pod's node: nobody needs them here",
        is: None,
        target: TargetKind::Client,
        make: routers_only,
    },
];

fn same_owner(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let own = Prefix::host(scene.address(pod, scene.family())?);
    let add = added(scene.pod_namespace(pod)?, "lo", own)?;
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made(vec![add], flow, format!("lo of {} has {own} too", pod.full_name()))
}

/// A pod that serves on another node, else on the same.
fn server<'a>(scene: &Scene<'a>) -> Result<&'a crate::topology::Pod, String> {
    let pod = scene.pod()?;
    scene.remote(pod, serves).or_else(|_| scene.neighbour(pod, serves))
}

fn length_with_route(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let right = address_of(ns, ETH0, scene.family())?;
    let mut host = right.clone();
    host.prefix = Prefix::host(right.prefix.addr);
    host.broadcast = None;
    let network = right.prefix.masked();
    let old = default_route(ns, scene.family())?;
    let index = device(ns, ETH0)?.index;
    // The default route goes with the connected one that its gateway is reached by: it is taken away and put back.
    let changes = vec![
        change(ns, Action::DeleteRoute(old.clone())),
        change(ns, Action::DeleteAddress { device: ETH0.to_owned(), address: right.clone() }),
        change(ns, Action::AddAddress { device: ETH0.to_owned(), address: host }),
        change(ns, Action::AddRoute(route(RouteKind::Unicast, network, None, Some(index)))),
        change(ns, Action::AddRoute(settled(old))),
    ];
    let flow = scene.flow_to_pod(pod, server(scene)?, Outcome::Connects)?;
    made(
        changes,
        flow,
        format!("eth0 of {} has {} and a route to {network}", pod.full_name(), right.prefix.addr),
    )
}

/// A route as it is set, without what the kernel says of its state.
fn settled(route: &plumb_model::Route) -> plumb_model::Route {
    let mut route = route.clone();
    route.flags = 0;
    route.next_hops.iter_mut().for_each(|h| h.flags = 0);
    route
}

fn right_source(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let old = default_route(ns, scene.family())?;
    let own = scene.address(pod, scene.family())?;
    let mut new = settled(old);
    new.prefsrc = Some(own);
    let changes = vec![change(ns, Action::DeleteRoute(old.clone())), change(ns, Action::AddRoute(new))];
    let flow = scene.flow_to_pod(pod, server(scene)?, Outcome::Connects)?;
    made(changes, flow, format!("the default route of {} prefers {own}, its own address", pod.full_name()))
}

/// A route for the server outside alone, as the default route leads.
fn to_outside(scene: &Scene<'_>) -> Result<plumb_model::Change, String> {
    let ns = scene.node_namespace(scene.pod()?)?;
    let hop =
        default_route(ns, scene.family())?.next_hops.first().ok_or("the default route leads nowhere")?;
    let (outside, _) = scene.outside()?;
    let longer = route(RouteKind::Unicast, Prefix::host(outside), hop.gateway, hop.oif);
    Ok(change(ns, Action::AddRoute(longer)))
}

fn longer_wins(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let network = around_outside(scene)?;
    let covering = route(RouteKind::Unicast, network, None, Some(device(ns, CNI0)?.index));
    let changes = vec![to_outside(scene)?, change(ns, Action::AddRoute(covering))];
    let flow = scene.flow_to_outside(pod, Outcome::Connects)?;
    made(changes, flow, format!("{} has {network} on {CNI0}, and a longer route to outside", pod.node))
}

fn longer_beside(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let own = inside_of(scene, around_outside(scene)?)?;
    let changes = vec![to_outside(scene)?, added(scene.node_namespace(pod)?, CNI0, own)?];
    let flow = scene.flow_to_outside(pod, Outcome::Connects)?;
    made(changes, flow, format!("{CNI0} of {} has {own}, and the node a longer route to outside", pod.node))
}

fn not_itself(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let port = first(pod)?;
    let flow = scene.flow_to_pod(pod, pod, Outcome::Refused)?;
    made(
        vec![stop(scene, pod, port)?],
        flow,
        format!("{} does not reach itself on port {port}", pod.full_name()),
    )
}

fn later_devices(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let off = sysctl(ns, "net.ipv6.conf.default.disable_ipv6", "1");
    let flow = scene.flow_to_pod_of(scene.neighbour(pod, |_| true)?, pod, IpFamily::V6, Outcome::Connects)?;
    made(vec![off], flow, format!("IPv6 is disabled for devices that {} has not", pod.full_name()))
}

fn right_entry(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let (ns, node) = (scene.pod_namespace(pod)?, scene.node_namespace(pod)?);
    let gateway =
        of_family(&scene.topology.gateways(&pod.node), scene.family()).ok_or("the pod has no gateway")?;
    let neighbour = Neighbour {
        index: device(ns, ETH0)?.index,
        addr: gateway,
        lladdr: device(node, CNI0)?.mac,
        state: NeighbourState::PERMANENT,
        flags: 0,
    };
    let set = change(ns, Action::SetNeighbour { device: ETH0.to_owned(), neighbour });
    let flow = scene.flow_to_pod(pod, server(scene)?, Outcome::Connects)?;
    made(vec![set], flow, format!("{} holds the right address of {gateway} for good", pod.full_name()))
}

fn answers_for_its_own(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let mut changes = vec![sysctl(ns, &format!("net.ipv4.conf.{ETH0}.arp_ignore"), "1")];
    changes.extend(super::super::neighbour::forget(scene, pod)?);
    let client = scene.neighbour(pod, |_| true)?;
    let flow = scene.flow_to_pod_of(client, pod, IpFamily::V4, Outcome::Connects)?;
    made(changes, flow, format!("{} answers ARP for the addresses of {ETH0}", pod.full_name()))
}

fn routers_only(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let node = scene.node_namespace(pod)?;
    let rules = [133, 134].map(|kind| {
        let rule = rules::rule(Family::Inet).icmpv6_type(kind).counter().verdict(Verdict::Drop);
        add_rule(node, Family::Inet, FILTER, "input", rule)
    });
    let flow = scene.flow_to_pod_of(pod, server(scene)?, IpFamily::V6, Outcome::Connects)?;
    made(rules.to_vec(), flow, format!("{} drops router discovery", pod.node))
}
