//! Routes, policy rules and sysctls that look wrong.

use plumb_model::{Action, IpFamily, Prefix, Protocol, Route, RouteKind};
use plumb_nft::Family;

use super::super::routing::{by_main, host_route, rule};
use super::super::scene::{add_rule, change, default_route, made, route, serves, sysctl};
use super::super::{Made, Scene, TargetKind};
use super::LookAlike;
use crate::client::Outcome;
use crate::plan::bridge::ETH0;
use crate::plan::nat::SERVICES;
use crate::plan::of_family;
use crate::plan::rules::{self, Side};

pub(super) const ALL: &[LookAlike] = &[
    LookAlike {
        of: "R01",
        does: "puts two routes, a half of all addresses each, in place of the pod's default route",
        is: None,
        target: TargetKind::Client,
        make: halves,
    },
    LookAlike {
        of: "R02",
        does: "moves the default route of a pod that serves to a table of its own, to which a policy rule leads",
        is: None,
        target: TargetKind::Server,
        make: in_another_table,
    },
    LookAlike {
        of: "R03",
        does: "adds a blackhole route for the range of all pods on another node: longer prefixes lead to each",
        is: None,
        target: TargetKind::Server,
        make: shadowed,
    },
    LookAlike {
        of: "R04",
        does: "adds a policy rule on the pod's node to a table that says unreachable of a network that nobody asks for",
        is: None,
        target: TargetKind::Client,
        make: passes_on,
    },
    LookAlike {
        of: "R05",
        does: "adds a route for the pod's address on another node by the pod's own node",
        is: None,
        target: TargetKind::Server,
        make: right_hop,
    },
    LookAlike {
        of: "R06",
        does: "makes another node send what is for the pod by a third node, which sends it on",
        is: None,
        target: TargetKind::Server,
        make: detour,
    },
    LookAlike {
        of: "R07",
        does: "sets rp_filter=1 on the eth0 of the pod's node, by which it sends what it gets by it",
        is: None,
        target: TargetKind::Server,
        make: strict_and_symmetric,
    },
    LookAlike {
        of: "R08",
        does: "translates what the pod sends to TCP port 9 to 127.0.0.1 of its node: nobody serves that port",
        is: None,
        target: TargetKind::Client,
        make: port_nobody_serves,
    },
    LookAlike {
        of: "R09",
        does: "gives the pod's node two next hops for another node's pods, both of which lead there",
        is: None,
        target: TargetKind::Client,
        make: both_alive,
    },
    LookAlike {
        of: "R10",
        does: "turns forwarding off, on the pod's node, for devices that come later",
        is: None,
        target: TargetKind::Client,
        make: later_devices,
    },
    LookAlike {
        of: "R11",
        does: "turns IPv4 forwarding off on lo of the pod's node, by which nothing comes that is to be forwarded",
        is: None,
        target: TargetKind::Client,
        make: loopback_only,
    },
];

fn settled(route: &Route) -> Route {
    let mut route = route.clone();
    route.flags = 0;
    route.next_hops.iter_mut().for_each(|h| h.flags = 0);
    route
}

fn halves(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let old = default_route(ns, scene.family())?;
    let texts =
        if scene.family() == IpFamily::V4 { ["0.0.0.0/1", "128.0.0.0/1"] } else { ["::/1", "8000::/1"] };
    let mut changes = Vec::new();
    for text in texts {
        let mut half = settled(old);
        half.dst = text.parse().map_err(|_| "no network".to_owned())?;
        changes.push(change(ns, Action::AddRoute(half)));
    }
    changes.push(change(ns, Action::DeleteRoute(old.clone())));
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::Connects)?;
    made(changes, flow, format!("{} has two routes in place of the default route", pod.full_name()))
}

fn in_another_table(scene: &Scene<'_>) -> Result<Made, String> {
    const TABLE: u32 = 402;
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let old = default_route(ns, scene.family())?;
    let mut new = settled(old);
    new.table = TABLE;
    // Behind the main table (32766): what is on the link stays there.
    let changes = vec![
        change(ns, Action::AddRoute(new)),
        change(ns, Action::AddPolicyRule(rule(scene.family(), 32_800, TABLE))),
        change(ns, Action::DeleteRoute(old.clone())),
    ];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made(changes, flow, format!("the default route of {} is in table {TABLE}", pod.full_name()))
}

fn shadowed(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let client = scene.remote(pod, |_| true)?;
    let ns = scene.node_namespace(client)?;
    let family = scene.family();
    let all = scene.topology.network.pod_ranges.iter().find(|r| r.family() == family).ok_or("no range")?;
    let discards = change(ns, Action::AddRoute(route(RouteKind::Blackhole, *all, None, None)));
    let flow = scene.flow_to_pod(client, pod, Outcome::Connects)?;
    made(vec![discards], flow, format!("{} discards what no route to {all} is longer for", client.node))
}

fn passes_on(scene: &Scene<'_>) -> Result<Made, String> {
    const TABLE: u32 = 404;
    let pod = scene.pod()?;
    let family = scene.family();
    let ns = scene.node_namespace(pod)?;
    // From the ranges for documentation (RFC 5737, RFC 3849).
    let text = if family == IpFamily::V4 { "198.51.100.0/24" } else { "2001:db8:51::/64" };
    let nobody: Prefix = text.parse().map_err(|_| "no network".to_owned())?;
    let mut dead = route(RouteKind::Unreachable, nobody, None, None);
    dead.table = TABLE;
    let mut rule = rule(family, 100, TABLE);
    rule.src = Some(Prefix::host(scene.address(pod, family)?));
    let changes = vec![change(ns, Action::AddRoute(dead)), change(ns, Action::AddPolicyRule(rule))];
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::Connects)?;
    made(
        changes,
        flow,
        format!("table {TABLE} of {} says nothing of what {} asks for", pod.node, pod.full_name()),
    )
}

fn right_hop(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let node = of_family(&scene.topology.node_addresses(&pod.node), scene.family()).ok_or("no address")?;
    let (change, client) = host_route(scene, RouteKind::Unicast, Some(node))?;
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made(vec![change], flow, format!("{client} has a route of its own for {}", pod.full_name()))
}

fn detour(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let client = scene.remote(pod, |_| true)?;
    let third = scene.topology.nodes.iter().find(|n| n.name != pod.node && n.name != client.node);
    let third = &third.ok_or("it needs a third node")?.name;
    let by = of_family(&scene.topology.node_addresses(third), scene.family()).ok_or("no address")?;
    let (change, node) = host_route(scene, RouteKind::Unicast, Some(by))?;
    let flow = scene.flow_to_pod(client, pod, Outcome::Connects)?;
    made(vec![change], flow, format!("{node} sends what is for {} by {third}", pod.full_name()))
}

fn strict_and_symmetric(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let strict = sysctl(ns, &format!("net.ipv4.conf.{ETH0}.rp_filter"), "1");
    let client = scene.remote(pod, |_| true)?;
    let flow = scene.flow_to_pod_of(client, pod, IpFamily::V4, Outcome::Connects)?;
    made(vec![strict], flow, format!("{} checks sources on {ETH0}, and gets none from elsewhere", pod.node))
}

fn port_nobody_serves(scene: &Scene<'_>) -> Result<Made, String> {
    // RFC 863: discard.
    const DISCARD: u16 = 9;
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let there = ns.nft.value().and_then(|r| r.table(Family::Ip, SERVICES)?.chain("prerouting")).is_some();
    if !there {
        return Err("it needs the NAT chains of an IPv4 service (nat_services)".to_owned());
    }
    let rule = rules::rule(Family::Ip)
        .address(Side::Source, Prefix::host(scene.address(pod, IpFamily::V4)?), true)
        .destination_port(Protocol::TCP, DISCARD)
        .counter()
        .dnat(std::net::Ipv4Addr::LOCALHOST.into(), 6443);
    let add = add_rule(ns, Family::Ip, SERVICES, "prerouting", rule);
    let flow = scene.flow_to_pod_of(pod, scene.remote(pod, serves)?, IpFamily::V4, Outcome::Connects)?;
    made(vec![add], flow, format!("{} sends what is for port {DISCARD} to its own 127.0.0.1", pod.node))
}

fn both_alive(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let family = scene.family();
    let ns = scene.node_namespace(pod)?;
    let server = scene.remote(pod, serves)?;
    let old = by_main(ns, scene.address(server, family)?)?;
    let third = scene.topology.nodes.iter().find(|n| n.name != pod.node && n.name != server.node);
    let third = &third.ok_or("it needs a third node")?.name;
    let mut new = settled(old);
    let mut other = new.next_hops.first().cloned().ok_or("the route leads nowhere")?;
    other.gateway = Some(of_family(&scene.topology.node_addresses(third), family).ok_or("no address")?);
    new.next_hops.push(other);
    let changes = vec![change(ns, Action::DeleteRoute(old.clone())), change(ns, Action::AddRoute(new))];
    let flow = scene.flow_to_pod(pod, server, Outcome::Connects)?;
    made(changes, flow, format!("{} sends half of what is for {} by {third}", pod.node, old.dst))
}

fn later_devices(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let name = format!("net.{}.conf.default.forwarding", scene.family().sysctl_name());
    let flow = scene.flow_to_pod(pod, scene.remote(pod, serves)?, Outcome::Connects)?;
    made(vec![sysctl(ns, &name, "0")], flow, format!("devices that {} gets later do not forward", pod.node))
}

fn loopback_only(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let ns = scene.node_namespace(pod)?;
    let flow = scene.flow_to_pod_of(pod, scene.remote(pod, serves)?, IpFamily::V4, Outcome::Connects)?;
    let off = sysctl(ns, "net.ipv4.conf.lo.forwarding", "0");
    made(vec![off], flow, format!("lo of {} does not forward", pod.node))
}
