//! Whom pods ask for names, and what they are told.

use std::net::IpAddr;

use plumb_model::{Action, Address, IpFamily, Prefix, Protocol};
use plumb_nft::Family;

use super::scene::{add_rule, change, device, made_by, pod_name};
use super::socket::{close, serves_dns};
use super::{Act, Deed, Fault, Flow, Made, Scene, TargetKind};
use crate::client::Outcome;
use crate::plan::nat::FILTER;
use crate::plan::rules::{self, Side};
use crate::resolver::{ResolverChange, usual};
use crate::server::{DnsError, Listen, Manner};
use crate::topology::{Pod, PortProtocol};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        id: "D01",
        name: "resolv.conf names another server",
        does: "puts a server outside, which knows no name of the cluster, into the pod's resolv.conf in place of the cluster's",
        target: TargetKind::Client,
        make: another_server,
    },
    Fault {
        id: "D03",
        name: "DNS server fails",
        does: "makes every pod that serves DNS answer SERVFAIL",
        target: TargetKind::Client,
        make: failing,
    },
    Fault {
        id: "D04",
        name: "search explosion",
        does: "gives the pod a search list of six domains, and leaves ndots at 5",
        target: TargetKind::Client,
        make: long_search,
    },
    Fault {
        id: "D05",
        name: "DNS over TCP blocked",
        does: "cuts off what DNS servers answer in datagrams, and resets what the pod sends to TCP port 53",
        target: TargetKind::Client,
        make: no_tcp,
    },
    Fault {
        id: "D09",
        name: "node-local DNS down",
        does: "gives lo of the pod's node 169.254.20.10 (fd00:169:254::10), where nothing listens, and puts it into the pod's resolv.conf",
        target: TargetKind::Client,
        make: local_down,
    },
];

/// The pod asks for the name of the first service.
pub(super) fn flow(scene: &Scene<'_>, pod: &Pod, outcome: Outcome) -> Result<Flow, String> {
    let service = scene.topology.nat_services.first().ok_or("the lab has no service (nat_services)")?;
    Ok(Flow::new(pod_name(pod), format!("{}.default:{}", service.name, service.port), outcome))
}

/// The pod gets another resolv.conf.
pub(super) fn resolver(scene: &Scene<'_>, pod: &Pod, by: &ResolverChange) -> Result<Act, String> {
    let conf = usual(scene.topology, pod).ok_or("the topology gives its pods no resolv.conf (dns)")?;
    Ok(Deed::Resolver { namespace: scene.topology.pod_namespace(pod), conf: Some(by.of(conf)) }.into())
}

/// The cluster's own servers.
pub(super) fn clusters(scene: &Scene<'_>) -> Vec<IpAddr> {
    scene.topology.dns.iter().flat_map(|dns| dns.servers.clone()).collect()
}

/// A server outside that answers every question so, and its address.
pub(super) fn outside(scene: &Scene<'_>, error: DnsError) -> Result<(IpAddr, Vec<Act>), String> {
    let (address, _) = scene.outside()?;
    let manner = Manner { fails: Some(error), ..Manner::default() };
    let listen = |protocol| Deed::Listen {
        namespace: scene.topology.outside_namespace(),
        listen: Listen { protocol, address, port: 53, manner: manner.clone() },
    };
    Ok((address, [PortProtocol::Dns, PortProtocol::DnsTcp].map(|p| listen(p).into()).to_vec()))
}

/// Every pod that serves DNS in a datagram does so in this manner; over TCP as well where it is said.
pub(super) fn all_serve(scene: &Scene<'_>, manner: &Manner, over_tcp: bool) -> Result<Vec<Act>, String> {
    let mut acts = Vec::new();
    for pod in scene.topology.pods.iter().filter(|p| serves_dns(p)) {
        let namespace = scene.topology.pod_namespace(pod);
        let of_names = pod.ports.iter().filter(|p| match p.protocol {
            PortProtocol::Dns => true,
            PortProtocol::DnsTcp => over_tcp,
            _ => false,
        });
        for port in of_names {
            acts.push(close(scene.pod_namespace(pod)?, port).into());
            let (protocol, address, port) = (port.protocol, port.address, port.port);
            let listen = Listen { protocol, address, port, manner: manner.clone() };
            acts.push(Deed::Listen { namespace: namespace.clone(), listen }.into());
        }
    }
    if acts.is_empty() { Err("no pod of the lab serves DNS".to_owned()) } else { Ok(acts) }
}

fn another_server(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let (server, mut acts) = outside(scene, DnsError::Nxdomain)?;
    acts.push(resolver(scene, pod, &ResolverChange { servers: vec![server], ..Default::default() })?);
    let effect = format!("{} asks {server} for names, which is not the cluster's", pod.full_name());
    made_by(acts, flow(scene, pod, Outcome::LocalError)?, effect)
}

fn failing(scene: &Scene<'_>) -> Result<Made, String> {
    let manner = Manner { fails: Some(DnsError::Servfail), ..Manner::default() };
    let flow = flow(scene, scene.pod()?, Outcome::LocalError)?.asked();
    made_by(all_serve(scene, &manner, true)?, flow, "every name server of the cluster answers SERVFAIL")
}

/// Six domains.
pub(super) fn six_domains(scene: &Scene<'_>, pod: &Pod) -> Result<Vec<String>, String> {
    let conf = usual(scene.topology, pod).ok_or("the topology gives its pods no resolv.conf (dns)")?;
    let more = ["example.com", "corp.example.com", "eu.corp.example.com"].map(str::to_owned);
    Ok(conf.search.into_iter().chain(more).collect())
}

fn long_search(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let by = ResolverChange { search: six_domains(scene, pod)?, ..Default::default() };
    let effect = format!("{} asks for names from outside in six domains first", pod.full_name());
    // Each question is answered: it costs time, not answers.
    made_by(vec![resolver(scene, pod, &by)?], flow(scene, pod, Outcome::Connects)?, effect)
}

fn no_tcp(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let mut acts = all_serve(scene, &Manner { cuts_off: true, ..Manner::default() }, false)?;
    let reset = rules::rule(Family::Inet)
        .address(Side::Source, Prefix::host(scene.address(pod, scene.family())?), true)
        .destination_port(Protocol::TCP, 53)
        .counter()
        .reset();
    let ns = scene.node_namespace(pod)?;
    acts.push(add_rule(ns, Family::Inet, FILTER, "forward", reset).into());
    let effect =
        format!("answers to {} are cut off, and {} resets its TCP to port 53", pod.full_name(), pod.node);
    made_by(acts, flow(scene, pod, Outcome::LocalError)?.asked(), effect)
}

/// The address of a node-local cache (`169.254.20.10` by custom).
pub(super) fn local_address(family: IpFamily) -> Result<IpAddr, String> {
    let text = if family == IpFamily::V4 { "169.254.20.10" } else { "fd00:169:254::10" };
    text.parse().map_err(|_| "no address".to_owned())
}

/// The node has the address of a node-local cache, and the pod asks there.
pub(super) fn asks_its_node(scene: &Scene<'_>, pod: &Pod) -> Result<Vec<Act>, String> {
    let ns = scene.node_namespace(pod)?;
    let own = local_address(scene.family())?;
    let address = Address::permanent(device(ns, "lo")?.index, Prefix::host(own));
    let add = change(ns, Action::AddAddress { device: "lo".to_owned(), address });
    Ok(vec![add.into(), resolver(scene, pod, &ResolverChange { servers: vec![own], ..Default::default() })?])
}

fn local_down(scene: &Scene<'_>) -> Result<Made, String> {
    let pod = scene.pod()?;
    let effect = format!("{} asks its node for names, where nothing answers", pod.full_name());
    made_by(asks_its_node(scene, pod)?, flow(scene, pod, Outcome::LocalError)?, effect)
}
