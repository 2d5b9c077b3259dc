//! Queues, buffers and limits of the kernel that are full.

use plumb_model::{Prefix, Protocol};
use plumb_nft::{ChainType, Family, Hook, Verdict};

use super::firewall::add_table;
use super::scene::{Held, made_by, pod_name, sysctl};
use super::servers::{closed, filler, held, served};
use super::socket::{close, serves_dns};
use super::{Act, Deed, Fault, Flow, Made, Scene, TargetKind};
use crate::client::Outcome;
use crate::plan::rules::{self, Side, base, chain};
use crate::server::{Listen, Manner};
use crate::topology::{Pod, PortProtocol};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "K02",
        name: "SYN queue full",
        does: "gives the pod's server a queue of 10 and no cookies, and leaves 12 connections to it half open",
        target: TargetKind::Server,
        make: half_open,
    },
    Fault {
        id: "K04",
        name: "UDP receive buffer full",
        does: "makes a pod that serves DNS read no datagram, with the smallest buffer, and fills that",
        target: TargetKind::Client,
        make: never_read,
    },
    Fault {
        id: "K10",
        name: "TIME_WAIT buckets overflow",
        does: "leaves the pod, whose server closes its connections first, three sockets in TIME_WAIT",
        target: TargetKind::Server,
        make: few_buckets,
    },
    Fault {
        id: "K16",
        name: "ICMP errors limited",
        does: "lets the pod send one ICMP error a second to each host (icmp_ratelimit=1000), as a fresh kernel does",
        target: TargetKind::Server,
        make: limited_errors,
    },
];

/// Backlog of a server whose half-open connections are to fill it: checks take fewer for such as are on their way.
const BACKLOG: u16 = 10;

/// First port of connections that stay half open: no other client gets one of these (`ip_local_port_range`).
const DEAF: u16 = 20_000;

/// Connections of a pod to the first TCP port of another that stay half open: it does not hear the answers to them.
pub(super) fn left_half_open(
    scene: &Scene<'_>,
    from: &Pod,
    to: &Pod,
    connections: u32,
) -> Result<[Act; 2], String> {
    let last = u16::try_from(connections).map_or(u16::MAX, |n| DEAF + n - 1);
    let deaf = rules::rule(Family::Inet)
        .address(Side::Source, Prefix::host(scene.address(to, scene.family())?), true)
        .destination_ports(Protocol::TCP, DEAF, last)
        .counter()
        .verdict(Verdict::Drop);
    let input = chain("input", base(ChainType::Filter, Hook::Input, 0), None, vec![deaf]);
    let drop = add_table(scene.pod_namespace(from)?, Family::Inet, "deaf", vec![input], Vec::new());
    Ok([drop.into(), held(scene, from, to, connections)?.bound_from(DEAF).half_open().every(300).into()])
}

fn half_open(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let manner = Manner { backlog: Some(BACKLOG), ..Manner::default() };
    let cookies = sysctl(scene.pod_namespace(pod)?, "net.ipv4.tcp_syncookies", "0");
    let mut acts = vec![cookies.into(), closed(scene, pod)?, served(scene, pod, manner)?];
    acts.extend(left_half_open(scene, filler(scene, pod)?, pod, u32::from(BACKLOG) + 2)?);
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::TimesOut)?;
    made_by(acts, flow, format!("half-open connections fill the queue of {}", pod.full_name()))
}

/// The least that the kernel gives a socket (`SOCK_MIN_RCVBUF`), and datagrams that are more than fill it.
const SMALLEST: u32 = 1;
const BURST: u32 = 40;

/// A pod that serves DNS, its port for datagrams in this manner, and a burst from another pod.
pub(super) fn flooded(scene: &Scene<'_>, manner: Manner) -> Result<(Flow, Vec<Act>), String> {
    let client = scene.pod()?;
    let other = |p: &&Pod| serves_dns(p) && p.full_name() != client.full_name();
    let server = scene.topology.pods.iter().find(other).ok_or("no other pod of the lab serves DNS")?;
    let port = server.ports.iter().find(|p| p.protocol.transport() == Protocol::UDP).ok_or("no UDP port")?;
    let listen = Listen { protocol: port.protocol, address: port.address, port: port.port, manner };
    let to = (scene.address(server, scene.family())?, port.port);
    let acts = vec![
        close(scene.pod_namespace(server)?, port).into(),
        Deed::Listen { namespace: scene.topology.pod_namespace(server), listen }.into(),
        Held::new(scene, filler(scene, server)?, to, BURST).datagrams().into(),
    ];
    let to = std::net::SocketAddr::from(to).to_string();
    Ok((Flow::new(pod_name(client), to, Outcome::Connects), acts))
}

fn never_read(scene: &Scene<'_>) -> Result<Made, String> {
    let manner = Manner { receive_buffer: Some(SMALLEST), never_accepts: true, ..Manner::default() };
    let (flow, acts) = flooded(scene, manner)?;
    let effect = format!("the server on {} reads nothing, and its buffer is full", flow.to);
    made_by(acts, Flow { outcome: Outcome::TimesOut, ..flow }, effect)
}

/// Connections that meet a limit on those in TIME_WAIT.
const CLOSED: u32 = 20;

/// So many of the pod's sockets may be in TIME_WAIT, while a client of its server connects again and again.
pub(super) fn in_time_wait(scene: &Scene<'_>, most: &str) -> Result<(Flow, Vec<Act>), String> {
    let pod = scene.pod()?;
    let limit = sysctl(scene.pod_namespace(pod)?, "net.ipv4.tcp_max_tw_buckets", most);
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    let to = flow.to.clone();
    Ok((flow.meanwhile(to, PortProtocol::Tcp, CLOSED), vec![limit.into()]))
}

fn few_buckets(scene: &Scene<'_>) -> Result<Made, String> {
    let (flow, acts) = in_time_wait(scene, "3")?;
    made_by(acts, flow, format!("{} ends what is in TIME_WAIT early", scene.pod()?.full_name()))
}

/// A port that nobody serves, and datagrams that each get an error.
const NOBODY: u16 = 18_053;
const ERRORS: u32 = 12;

/// The pod sends ICMP errors by these settings, and is asked on a port that nobody serves.
pub(super) fn errors(scene: &Scene<'_>, settings: &[(&str, &str)]) -> Result<(Flow, Vec<Act>), String> {
    let pod = scene.pod()?;
    let ns = scene.pod_namespace(pod)?;
    let acts = settings.iter().map(|(name, value)| sysctl(ns, name, value).into()).collect();
    let to = std::net::SocketAddr::new(scene.address(pod, scene.family())?, NOBODY).to_string();
    // Who asks the server itself gets its answer: what suffers is who waits for an error.
    let flow = scene.flow_to_pod(scene.remote(pod, |_| true)?, pod, Outcome::Connects)?;
    Ok((flow.meanwhile(to, PortProtocol::Udp, ERRORS), acts))
}

fn limited_errors(scene: &Scene<'_>) -> Result<Made, String> {
    let (flow, acts) =
        errors(scene, &[("net.ipv4.icmp_ratelimit", "1000"), ("net.ipv6.icmp.ratelimit", "1000")])?;
    let effect =
        format!("{} refuses only some of the datagrams that nobody there takes", scene.pod()?.full_name());
    made_by(acts, flow, effect)
}
