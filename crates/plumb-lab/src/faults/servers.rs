//! Servers that do not keep up, and clients that hold on to what they have.

use std::net::IpAddr;

use plumb_model::{Action, Prefix, Protocol, Route, RouteKind};
use plumb_nft::{ChainType, Family, Hook};

use super::firewall::add_table;
use super::routing::rule as policy_rule;
use super::scene::{Held, add_rule, change, made_by, route, serves, stream_port, sysctl};
use super::socket::stop;
use super::{Act, Deed, Fault, Made, Scene, TargetKind};
use crate::client::Outcome;
use crate::plan::bridge::ETH0;
use crate::plan::nat::MASQUERADE;
use crate::plan::of_family;
use crate::plan::rules::{self, Side, base, chain};
use crate::server::{Listen, Manner};
use crate::topology::Pod;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "K01",
        name: "accept queue full",
        does: "makes the pod's server accept nothing on its first TCP port, and fills its queue of 4 connections",
        target: TargetKind::Server,
        make: full_queue,
    },
    Fault {
        id: "T04",
        name: "listener bound to a device",
        does: "binds the pod's first TCP port to the device lo (SO_BINDTODEVICE)",
        target: TargetKind::Server,
        make: bound_to_lo,
    },
    Fault {
        id: "T05",
        name: "ephemeral ports used up",
        does: "leaves the pod ten ports for its own connections, and keeps ten open to one server",
        target: TargetKind::Client,
        make: no_port_left,
    },
    Fault {
        id: "T08",
        name: "CLOSE_WAIT pile-up",
        does: "makes the pod's server close nothing on its first TCP port, and closes 120 connections on the client's side",
        target: TargetKind::Server,
        make: never_closed,
    },
    Fault {
        id: "T10",
        name: "reuseport member that never accepts",
        does: "puts a second server beside that of the pod's first TCP port, which accepts nothing and whose queue is full",
        target: TargetKind::Server,
        make: idle_member,
    },
    Fault {
        id: "T11",
        name: "server stopped",
        does: "stops the pod's process (SIGSTOP): the kernel goes on taking connections for it",
        target: TargetKind::Server,
        make: frozen,
    },
    Fault {
        id: "S10",
        name: "SNAT ports used up",
        does: "translates what the pod sends to outside to its node's address and four ports, and keeps four connections open",
        target: TargetKind::Client,
        make: no_translation_left,
    },
    Fault {
        id: "R13",
        name: "mark not restored",
        does: "sends answers of the pod's first TCP port by the router outside unless they are marked, and marks connections alone",
        target: TargetKind::Server,
        make: not_restored,
    },
];

/// Connections that fill a queue: it takes one more than its length (`sk_acceptq_is_full`).
const BACKLOG: u16 = 3;

/// A pod's first TCP port, served in another manner.
pub(super) fn served(scene: &Scene<'_>, pod: &Pod, manner: Manner) -> Result<Act, String> {
    let port = stream_port(pod).ok_or_else(|| format!("`{}` serves no TCP port", pod.full_name()))?;
    let listen = Listen { protocol: port.protocol, address: port.address, port: port.port, manner };
    Ok(Deed::Listen { namespace: scene.topology.pod_namespace(pod), listen }.into())
}

/// A pod's first TCP port, served no more.
pub(super) fn closed(scene: &Scene<'_>, pod: &Pod) -> Result<Act, String> {
    let port = stream_port(pod).ok_or_else(|| format!("`{}` serves no TCP port", pod.full_name()))?;
    Ok(stop(scene, pod, port.port)?.into())
}

/// Connections of a pod to the first TCP port of another.
pub(super) fn held(scene: &Scene<'_>, from: &Pod, to: &Pod, connections: u32) -> Result<Held, String> {
    let port = stream_port(to).ok_or_else(|| format!("`{}` serves no TCP port", to.full_name()))?.port;
    Ok(Held::new(scene, from, (scene.address(to, scene.family())?, port), connections))
}

/// Who fills what is filled: not the client whose flow is shown.
pub(super) fn filler<'a>(scene: &Scene<'a>, pod: &Pod) -> Result<&'a Pod, String> {
    scene.neighbour(pod, |_| true).or_else(|_| scene.remote(pod, |_| true))
}

fn full_queue(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let manner = Manner { backlog: Some(BACKLOG), never_accepts: true, ..Manner::default() };
    let acts = vec![
        closed(scene, pod)?,
        served(scene, pod, manner)?,
        held(scene, filler(scene, pod)?, pod, u32::from(BACKLOG) + 1)?.into(),
    ];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::TimesOut)?;
    made_by(acts, flow, format!("the server of {} accepts nothing, and its queue is full", pod.full_name()))
}

fn bound_to_lo(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let manner = Manner { device: Some("lo".to_owned()), ..Manner::default() };
    let acts = vec![closed(scene, pod)?, served(scene, pod, manner)?];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Refused)?;
    made_by(acts, flow, format!("the server of {} is reached by lo only", pod.full_name()))
}

/// Ports that a client is left with.
pub(super) const PORTS: (u16, u16) = (40_000, 40_009);

/// The range of ports that clients get, made small.
pub(super) fn few_ports(scene: &Scene<'_>) -> Result<Act, String> {
    let range = format!("{} {}", PORTS.0, PORTS.1);
    Ok(sysctl(scene.pod_namespace(scene.pod()?)?, "net.ipv4.ip_local_port_range", &range).into())
}

fn no_port_left(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let server = scene.remote(pod, serves)?;
    let all = u32::from(PORTS.1 - PORTS.0) + 1;
    let acts = vec![few_ports(scene)?, held(scene, pod, server, all)?.into()];
    let flow = scene.flow_to_pod(pod, server, Outcome::LocalError)?;
    made_by(
        acts,
        flow,
        format!("every port that {} may use is in use towards {}", pod.full_name(), server.full_name()),
    )
}

/// Closed connections that make a pile.
pub(super) const PILE: u32 = 120;

/// A server that closes nothing.
pub(super) fn careless(scene: &Scene<'_>, pod: &Pod) -> Result<[Act; 2], String> {
    let manner = Manner { never_closes: true, ..Manner::default() };
    Ok([closed(scene, pod)?, served(scene, pod, manner)?])
}

fn never_closed(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let mut acts = careless(scene, pod)?.to_vec();
    acts.push(held(scene, filler(scene, pod)?, pod, PILE)?.closed().into());
    // Nobody is hurt before the process has no file descriptor left.
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    made_by(acts, flow, format!("the server of {} never closes what its clients closed", pod.full_name()))
}

fn idle_member(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let shares = Manner { shares: true, ..Manner::default() };
    let idle = Manner { never_accepts: true, backlog: Some(BACKLOG), ..shares.clone() };
    let acts = vec![
        closed(scene, pod)?,
        // Alone it gets all that fills its queue.
        served(scene, pod, idle)?,
        held(scene, filler(scene, pod)?, pod, u32::from(BACKLOG) + 1)?.into(),
        served(scene, pod, shares)?,
    ];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Intermittent)?;
    made_by(
        acts,
        flow,
        format!("one of two listeners of {} accepts nothing, and its queue is full", pod.full_name()),
    )
}

fn frozen(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let acts = vec![Deed::Freeze { namespace: scene.topology.pod_namespace(pod), on: true }.into()];
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::TimesOut)?.with_bytes(100, 100);
    made_by(acts, flow, format!("the process of {} is stopped", pod.full_name()))
}

/// Ports of the translation, first and last.
const TRANSLATED: (u16, u16) = (50_000, 50_003);

/// A translation with few ports, and as many connections to a port of the server outside that it translates.
pub(super) fn few_translations(scene: &Scene<'_>, port: u16) -> Result<Vec<Act>, String> {
    let pod = scene.pod()?;
    let all = u32::from(TRANSLATED.1 - TRANSLATED.0) + 1;
    let ns = scene.node_namespace(pod)?;
    let node = of_family(&scene.topology.node_addresses(&pod.node), scene.family()).ok_or("no address")?;
    let outside = scene.outside()?;
    let rule = rules::rule(Family::Inet)
        .address(Side::Source, Prefix::host(scene.address(pod, scene.family())?), true)
        .address(Side::Destination, Prefix::host(outside.0), true)
        .protocol(Protocol::TCP)
        .counter()
        .snat_ports(node, TRANSLATED.0, TRANSLATED.1);
    let add = add_rule(ns, Family::Inet, MASQUERADE, "postrouting", rule);
    Ok(vec![add.into(), Held::new(scene, pod, (outside.0, port), all).into()])
}

fn no_translation_left(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let flow = scene.flow_to_outside(pod, Outcome::TimesOut)?;
    made_by(
        few_translations(scene, scene.outside()?.1)?,
        flow,
        format!("{} has four ports for what {} sends to outside, all in use", pod.node, pod.full_name()),
    )
}

/// The mark of connections that came by the right way.
const MARK: u32 = 0x2;

/// Answers of a pod's first TCP port leave by the router outside, unless they bear the mark; connections to it get it. The
/// table that marks begins with these rules.
pub(super) fn marked_answers(
    scene: &Scene<'_>,
    first: impl FnOnce(IpAddr) -> Vec<plumb_nft::Rule>,
) -> Result<Vec<Act>, String> {
    const TABLE: u32 = 413;
    let pod = scene.pod()?;
    let family = scene.family();
    let ns = scene.node_namespace(pod)?;
    let own = scene.address(pod, family)?;
    let port = stream_port(pod).ok_or("no TCP port")?.port;
    let router = of_family(&scene.topology.router_addresses(), family).ok_or("no router")?;
    let mut astray = route(
        RouteKind::Unicast,
        Prefix::any(family),
        Some(router),
        Some(super::scene::device(ns, ETH0)?.index),
    );
    astray.table = TABLE;
    let mut right = policy_rule(family, 300, Route::TABLE_MAIN);
    right.fwmark = Some((MARK, u32::MAX));
    let mut wrong = policy_rule(family, 400, TABLE);
    wrong.src = Some(Prefix::host(own));
    wrong.ip_proto = Some(Protocol::TCP.0);
    wrong.sport = Some(plumb_model::PortRange { first: port, last: port });
    let mut chain_rules = first(own);
    chain_rules.push(
        rules::rule(Family::Inet)
            .address(Side::Destination, Prefix::host(own), true)
            .destination_port(Protocol::TCP, port)
            .new_connection()
            .set_connection_mark(MARK),
    );
    // Behind the translation of services (`dstnat`, -100): what is for the pod by a service is for the pod.
    let marking = chain("prerouting", base(ChainType::Filter, Hook::Prerouting, -90), None, chain_rules);
    let changes = [
        add_table(ns, Family::Inet, "uplinks", vec![marking], Vec::new()),
        change(ns, Action::AddRoute(astray)),
        change(ns, Action::AddPolicyRule(right)),
        change(ns, Action::AddPolicyRule(wrong)),
    ];
    Ok(changes.into_iter().map(Act::from).collect())
}

fn not_restored(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::TimesOut)?;
    made_by(
        marked_answers(scene, |_| Vec::new())?,
        flow,
        format!("{} marks connections to {}, and no answer", pod.node, pod.full_name()),
    )
}
