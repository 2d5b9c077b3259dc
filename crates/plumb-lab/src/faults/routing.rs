//! Routes, policy rules and what forwards.

use std::net::IpAddr;

use plumb_model::{Action, Change, IpFamily, Namespace, PolicyRule, Prefix, Route, RouteKind};
use plumb_nft::Family;

use super::scene::{add_rule, change, default_route, device, made, route, serves, sysctl};
use super::{Fault, Made, Scene, TargetKind};
use crate::client::Outcome;
use crate::plan::bridge::{CNI0, ETH0};
use crate::plan::nat::{FILTER, SERVICES};
use crate::plan::of_family;
use crate::plan::rules::{self, Side};
use crate::topology::ranges;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "R01",
        name: "no route to the destination",
        does: "deletes the pod's default route; its own connections to other nodes fail at once",
        target: TargetKind::Client,
        make: no_route,
    },
    Fault {
        id: "R02",
        name: "no return route",
        does: "deletes the default route of a pod that serves: requests of other nodes arrive, answers do not leave",
        target: TargetKind::Server,
        make: no_return,
    },
    Fault {
        id: "R03",
        name: "blackhole route",
        does: "adds a blackhole route for the pod's address on another node",
        target: TargetKind::Server,
        make: blackhole,
    },
    Fault {
        id: "R04",
        name: "policy rule diverts",
        does: "adds a policy rule on the pod's node that sends what it sends to a table that says unreachable",
        target: TargetKind::Client,
        make: policy,
    },
    Fault {
        id: "R05",
        name: "stale host route",
        does: "adds a route for the pod's address on another node by a next hop that is gone",
        target: TargetKind::Server,
        make: stale,
    },
    Fault {
        id: "R06",
        name: "routing loop",
        does: "makes two other nodes (or one and the router outside) send what is for the pod to each other",
        target: TargetKind::Server,
        make: looped,
    },
    Fault {
        id: "R07",
        name: "rp_filter drops asymmetric traffic",
        does: "leads what is from the pod to cni0 by a policy rule on its node, its answers on by a mark, and sets rp_filter=1",
        target: TargetKind::Server,
        make: reverse_path,
    },
    Fault {
        id: "R08",
        name: "martian destination",
        does: "translates what the pod sends over TCP to 127.0.0.1 of its node, which does not route to loopback",
        target: TargetKind::Client,
        make: martian,
    },
    Fault {
        id: "R09",
        name: "ECMP with a dead next hop",
        does: "gives the pod's node two next hops for another node's pods, one of which is gone, chosen by ports too",
        target: TargetKind::Client,
        make: half_dead,
    },
    Fault {
        id: "R10",
        name: "ip_forward off",
        does: "turns forwarding off on the pod's node",
        target: TargetKind::Client,
        make: no_forwarding,
    },
    Fault {
        id: "R11",
        name: "forwarding off on one interface",
        does: "turns IPv4 forwarding off on cni0 of the pod's node alone",
        target: TargetKind::Client,
        make: no_forwarding_on_bridge,
    },
];

pub(super) fn no_route(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let gone = default_route(ns, scene.family())?;
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::Unreachable)?;
    made(
        vec![change(ns, Action::DeleteRoute(gone.clone()))],
        flow,
        format!("{} has no default route", pod.full_name()),
    )
}

fn no_return(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let gone = default_route(ns, scene.family())?;
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::TimesOut)?;
    made(
        vec![change(ns, Action::DeleteRoute(gone.clone()))],
        flow,
        format!("{} has no default route: it cannot answer other nodes", pod.full_name()),
    )
}

/// A route for the pod's address on the node of the client that the fault is shown with.
pub(super) fn host_route(
    scene: &Scene<'_>,
    kind: RouteKind,
    via: Option<IpAddr>,
) -> Result<(Change, String), String> {
    let pod = scene.pod()?;
    let client = scene.remote(pod, |_| true)?;
    let ns = scene.node_namespace(client)?;
    let dst = Prefix::host(scene.address(pod, scene.family())?);
    let oif = via.is_some().then(|| device(ns, ETH0).map(|l| l.index)).transpose()?;
    Ok((change(ns, Action::AddRoute(route(kind, dst, via, oif))), client.node.clone()))
}

fn blackhole(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let (change, node) = host_route(scene, RouteKind::Blackhole, None)?;
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::TimesOut)?;
    made(vec![change], flow, format!("{node} discards what is for {}", pod.full_name()))
}

fn stale(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let underlay =
        scene.topology.network.underlay.iter().find(|r| r.family() == scene.family()).ok_or("no underlay")?;
    // The last address but one: the last may be the broadcast address.
    let gone = ranges::nth(*underlay, ranges::size(*underlay).saturating_sub(2))
        .ok_or("the underlay is too small")?;
    let (change, node) = host_route(scene, RouteKind::Unicast, Some(gone))?;
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Unreachable)?;
    made(vec![change], flow, format!("{node} sends what is for {} to {gone}, which is gone", pod.full_name()))
}

fn looped(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let family = scene.family();
    let client = scene.remote(pod, |_| true)?;
    let third = scene.topology.nodes.iter().find(|n| n.name != pod.node && n.name != client.node);
    // The router has no route to pods: it cannot tell the client that the packet's life is over.
    let (name, namespace, addresses, outcome) = match third {
        Some(node) => {
            let namespace = scene.topology.node_namespace(&node.name);
            (node.name.as_str(), namespace, scene.topology.node_addresses(&node.name), Outcome::Unreachable)
        }
        None => {
            let namespace = scene.topology.outside_namespace();
            ("outside", namespace, scene.topology.router_addresses(), Outcome::TimesOut)
        }
    };
    let partner = of_family(&addresses, family).ok_or_else(|| format!("{name} has no address"))?;
    let (there, node) = host_route(scene, RouteKind::Unicast, Some(partner))?;
    let other = scene.namespace(&namespace)?;
    let back =
        of_family(&scene.topology.node_addresses(&client.node), family).ok_or("the node has no address")?;
    let dst = Prefix::host(scene.address(pod, family)?);
    let back = route(RouteKind::Unicast, dst, Some(back), Some(device(other, ETH0)?.index));
    let changes = vec![there, change(other, Action::AddRoute(back))];
    let flow = scene.flow_to_pod(client, pod, outcome)?;
    made(changes, flow, format!("{node} and {name} send what is for {} to each other", pod.full_name()))
}

pub(super) fn rule(family: IpFamily, priority: u32, table: u32) -> PolicyRule {
    const RTPROT_STATIC: u8 = 4;
    PolicyRule::to_table(family, priority, table, RTPROT_STATIC)
}

fn policy(scene: &Scene<'_>) -> Result<Made, String> {
    const TABLE: u32 = 404;
    let pod = scene.pod()?;
    let family = scene.family();
    let ns = scene.node_namespace(pod)?;
    let source = Prefix::host(scene.address(pod, family)?);
    let mut dead = route(RouteKind::Unreachable, Prefix::any(family), None, None);
    dead.table = TABLE;
    let mut rule = rule(family, 100, TABLE);
    rule.src = Some(source);
    let changes = vec![change(ns, Action::AddRoute(dead)), change(ns, Action::AddPolicyRule(rule))];
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::Unreachable)?;
    made(
        changes,
        flow,
        format!("a policy rule of {} sends what is from {} to table {TABLE}", pod.node, pod.full_name()),
    )
}

fn reverse_path(scene: &Scene<'_>) -> Result<Made, String> {
    const TABLE: u32 = 407;
    let pod = scene.pod()?;
    let client = scene.remote(pod, |_| true)?;
    let ns = scene.node_namespace(pod)?;
    let from = scene.address(client, IpFamily::V4)?;
    let right = by_main(ns, from)?;
    let own = Prefix::host(scene.address(pod, IpFamily::V4)?);
    let mut wrong = route(RouteKind::Unicast, right.dst, None, Some(device(ns, CNI0)?.index));
    wrong.table = TABLE;
    // The reverse look-up asks for the way from the pod to the client, but without a mark (unless src_valid_mark is set): it
    // meets the second rule, the pod's answers the first (__fib_validate_source).
    let mut answers = rule(IpFamily::V4, 99, Route::TABLE_MAIN);
    answers.fwmark = Some((TABLE, u32::MAX));
    let mut astray = rule(IpFamily::V4, 100, TABLE);
    astray.src = Some(own);
    let mark = rules::rule(Family::Inet).address(Side::Source, own, true).counter().set_mark(TABLE);
    let changes = vec![
        add_rule(ns, Family::Inet, FILTER, "prerouting", mark),
        change(ns, Action::AddPolicyRule(answers)),
        change(ns, Action::AddRoute(wrong)),
        change(ns, Action::AddPolicyRule(astray)),
        sysctl(ns, &format!("net.ipv4.conf.{ETH0}.rp_filter"), "1"),
    ];
    let flow = scene.flow_to_pod_of(client, pod, IpFamily::V4, Outcome::TimesOut)?;
    made(
        changes,
        flow,
        format!("{} expects {} by {CNI0}, gets them by {ETH0} and drops them", pod.node, right.dst),
    )
}

/// The route of the main table with the longest prefix.
pub(super) fn by_main(ns: &Namespace, to: IpAddr) -> Result<&Route, String> {
    let fits = |r: &&Route| r.table == Route::TABLE_MAIN && r.dst.contains(to);
    let best = ns.routes.items().iter().filter(fits).max_by_key(|r| r.dst.len);
    best.ok_or_else(|| format!("{} has no route to {to}", ns.name))
}

fn martian(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let there = ns.nft.value().and_then(|r| r.table(Family::Ip, SERVICES)?.chain("prerouting")).is_some();
    if !there {
        return Err("it needs the NAT chains of an IPv4 service (nat_services)".to_owned());
    }
    let rule = rules::rule(Family::Ip)
        .address(Side::Source, Prefix::host(scene.address(pod, IpFamily::V4)?), true)
        .protocol(plumb_model::Protocol::TCP)
        .counter()
        .dnat(std::net::Ipv4Addr::LOCALHOST.into(), 6443);
    let flow = scene.flow_to_pod_of(pod, scene.remote(pod, serves)?, IpFamily::V4, Outcome::TimesOut)?;
    let add = add_rule(ns, Family::Ip, SERVICES, "prerouting", rule);
    made(vec![add], flow, format!("{} sends what is from {} to its own 127.0.0.1", pod.node, pod.full_name()))
}

fn half_dead(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let family = scene.family();
    let ns = scene.node_namespace(pod)?;
    let server = scene.remote(pod, serves)?;
    let old = by_main(ns, scene.address(server, family)?)?;
    let underlay =
        scene.topology.network.underlay.iter().find(|r| r.family() == family).ok_or("no underlay")?;
    let gone = ranges::nth(*underlay, ranges::size(*underlay).saturating_sub(2))
        .ok_or("the underlay is too small")?;
    let mut new = old.clone();
    new.flags = 0;
    let mut dead = new.next_hops.first().cloned().ok_or("the route leads nowhere")?;
    new.next_hops.iter_mut().for_each(|h| h.flags = 0);
    dead.gateway = Some(gone);
    dead.flags = 0;
    new.next_hops.push(dead);
    let name = match family {
        IpFamily::V4 => "net.ipv4.fib_multipath_hash_policy",
        IpFamily::V6 => "net.ipv6.fib_multipath_hash_policy",
    };
    let changes = vec![
        sysctl(ns, name, "1"),
        change(ns, Action::DeleteRoute(old.clone())),
        change(ns, Action::AddRoute(new)),
    ];
    let flow = scene.flow_to_pod(pod, server, Outcome::Intermittent)?;
    made(
        changes,
        flow,
        format!("{} sends half of what is for {} to {gone}, which is gone", pod.node, old.dst),
    )
}

fn no_forwarding(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let name = match scene.family() {
        IpFamily::V4 => "net.ipv4.ip_forward",
        IpFamily::V6 => "net.ipv6.conf.all.forwarding",
    };
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::TimesOut)?;
    made(vec![sysctl(ns, name, "0")], flow, format!("{} does not forward", pod.node))
}

fn no_forwarding_on_bridge(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let off = sysctl(ns, &format!("net.ipv4.conf.{CNI0}.forwarding"), "0");
    let flow = scene.flow_to_pod_of(pod, scene.remote(pod, serves)?, IpFamily::V4, Outcome::TimesOut)?;
    made(vec![off], flow, format!("{} does not forward what comes in by {CNI0}", pod.node))
}
