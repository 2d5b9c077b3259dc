//! What should connect in the labs of this machine, by their topologies.

use std::collections::BTreeSet;
use std::net::IpAddr;

use plumb_api::{Kind, Object};
use plumb_doctor::check::{Member, ServiceTarget, Yardstick};
use plumb_model::{NamespaceId, Owner, Protocol, Socket};
use plumb_trace::Network;

use crate::cluster;
use crate::error::Result;
use crate::names::read;
use crate::state::{State, labs};
use crate::supervisor::{Request, Response, ask};
use crate::topology::{Pod, Ready, Topology};

/// Adds to the yardstick of a live machine what the topologies of its labs say: which pods serve what, which Services lead
/// where, and which namespaces are of one lab.
///
/// # Errors
/// A manifest of a topology cannot be read.
pub fn add_labs(net: &Network, yardstick: &mut Yardstick) -> Result<()> {
    let mut known = false;
    for state in labs().into_iter().filter_map(|lab| State::read(&lab).ok().flatten()) {
        let of_lab = |id: NamespaceId| net.index_of(id).filter(|ns| yardstick.member(*ns).is_some());
        let here: Vec<(usize, &Owner)> =
            state.namespaces.iter().filter_map(|n| Some((of_lab(n.id?)?, &n.owner))).collect();
        if here.is_empty() {
            continue;
        }
        known = true;
        for (ns, owner) in here {
            let Some(member) = yardstick.member_mut(ns) else { continue };
            member.cluster.clone_from(&state.topology.name);
            if let Owner::Pod { namespace, name, .. } = owner
                && let Some(pod) = state.topology.pod(&format!("{namespace}/{name}"))
            {
                member.serves.extend(declared(&state.topology, pod));
                // An address that it has lost is missed all the same.
                let missing = state.topology.pod_addresses(pod).into_iter();
                let missing: Vec<IpAddr> = missing.filter(|a| !member.addresses.contains(a)).collect();
                member.addresses.extend(missing);
            }
        }
        yardstick.members.extend(outside(net, &state));
        let topology = &state.topology;
        yardstick.services.extend(topology.nat_services.iter().flat_map(|s| {
            let pods = s.endpoints.iter().filter_map(|e| Some((topology.pod(&e.pod)?, e.port)));
            let ends: BTreeSet<(IpAddr, u16)> = pods
                .flat_map(|(p, port)| topology.pod_addresses(p).into_iter().map(move |a| (a, port)))
                .collect();
            s.addresses.iter().map(move |&address| ServiceTarget {
                name: format!("svc:default/{}", s.name),
                cluster: topology.name.clone(),
                address,
                protocol: s.protocol.transport(),
                port: s.port,
                endpoints: ends.iter().copied().filter(|(a, _)| a.is_ipv4() == address.is_ipv4()).collect(),
                only_from_nodes: None,
            })
        }));
        if !topology.manifests.is_empty() {
            let mut objects: Vec<Object> = cluster::objects(&with_readiness(net, topology))?;
            policies_as_they_are(&topology.name, &mut objects)?;
            yardstick.add_objects(&objects, &topology.name);
        }
    }
    if known {
        yardstick.known_from = vec!["topology".to_owned()];
    }
    Ok(())
}

/// Policies, and the labels that they go by, as the lab's API has them now; where it does not answer, as the lab began.
fn policies_as_they_are(lab: &str, objects: &mut Vec<Object>) -> Result<()> {
    let Ok(Response::Objects(values)) = ask(lab, &Request::Objects) else { return Ok(()) };
    let now = values.into_iter().map(read).collect::<Result<Vec<Object>>>()?;
    let as_now = |kind| {
        matches!(
            kind,
            Kind::NetworkPolicy
                | Kind::AdminNetworkPolicy
                | Kind::BaselineAdminNetworkPolicy
                | Kind::Namespace
        )
    };
    objects.retain(|o| !as_now(o.kind()));
    for object in now {
        match object {
            object if as_now(object.kind()) => objects.push(object),
            Object::Pod(pod) => {
                let name = pod.metadata.full_name();
                let same =
                    objects.iter_mut().find(|o| o.kind() == Kind::Pod && o.metadata().full_name() == name);
                if let Some(known) = same {
                    known.metadata_mut().labels = pod.metadata.labels;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The machine outside, which pods and nodes reach where it serves something.
fn outside(net: &Network, state: &State) -> Option<Member> {
    let topology = &state.topology;
    let id = state.namespaces.iter().find(|n| n.name == topology.outside_namespace())?.id?;
    let ns = net.index_of(id)?;
    let ports = topology.outside.ports.iter();
    let serves = ports.flat_map(|p| {
        let addresses = topology.outside.addresses.iter();
        let taken = addresses.filter(|a| p.address.is_unspecified() || p.address == **a);
        taken.map(|a| (*a, p.protocol.transport(), p.port)).collect::<Vec<_>>()
    });
    Some(Member {
        ns,
        name: "outside".to_owned(),
        addresses: topology.outside.addresses.clone(),
        serves: serves.collect(),
        is_source: false,
        is_target: true,
        node: None,
        cluster: topology.name.clone(),
    })
}

/// The topology with pods ready or not, as their ports are now.
fn with_readiness(net: &Network, topology: &Topology) -> Topology {
    let mut topology = topology.clone();
    let listens = |pod: &Pod, port: u16| {
        let n = net.snapshot.namespace_by_name(&topology.pod_namespace(pod))?;
        let is = |s: &Socket| s.is_listening() && s.protocol == Protocol::TCP && s.sport == port;
        Some(n.sockets.items().iter().any(is))
    };
    let ready: Vec<Ready> = topology
        .pods
        .iter()
        .map(|pod| match pod.ready {
            Ready::Port(port) if listens(pod, port) == Some(true) => Ready::Always,
            Ready::Port(_) => Ready::Never,
            other => other,
        })
        .collect();
    for (pod, ready) in topology.pods.iter_mut().zip(ready) {
        pod.ready = ready;
    }
    topology
}

/// What the topology says that a pod serves. A port bound to the loopback is for the pod itself.
fn declared(topology: &Topology, pod: &Pod) -> BTreeSet<(IpAddr, Protocol, u16)> {
    let mut all = BTreeSet::new();
    for address in topology.pod_addresses(pod) {
        for port in &pod.ports {
            let takes = port.address == address
                || port.address.is_unspecified() && (port.address.is_ipv6() || address.is_ipv4());
            if takes {
                all.insert((address, port.protocol.transport(), port.port));
            }
        }
    }
    all
}
