//! Names in a lab: what its DNS servers serve, and what its pods ask.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;

use plumb_api::Object;
use plumb_dns::Zone;
use plumb_model::{NamespaceId, Owner, Resolver};
use serde_json::{Value, json};

use crate::api::Api;
use crate::cluster;
use crate::error::{LabError, Result};
use crate::resolver;
use crate::server::Command;
use crate::state::{State, labs};
use crate::supervisor::{Request, Response, ask};
use crate::topology::{PortProtocol, Topology};

/// The names of one lab's cluster.
#[derive(Clone, Debug)]
pub struct ClusterNames {
    /// Every name.
    pub zone: Zone,
    /// Addresses of the cluster's name servers.
    pub servers: Vec<IpAddr>,
    /// Namespaces of the lab.
    pub members: BTreeSet<NamespaceId>,
}

/// The objects of one lab's cluster.
#[derive(Clone, Debug)]
pub struct ClusterObjects {
    /// Its objects, Services made by hand included.
    pub objects: Vec<Object>,
    /// Namespaces of the lab.
    pub members: BTreeSet<NamespaceId>,
}

/// The objects of every lab of this machine.
///
/// # Errors
/// Those of one cannot be read.
pub fn cluster_objects() -> Result<Vec<ClusterObjects>> {
    let states = labs().into_iter().filter_map(|lab| State::read(&lab).ok().flatten());
    states
        .map(|state| {
            let members = state.namespaces.iter().filter_map(|n| n.id).collect();
            Ok(ClusterObjects { objects: as_they_are(&state.topology)?, members })
        })
        .collect()
}

/// The objects of a lab as they are now; where nobody answers, as the lab began.
fn as_they_are(topology: &Topology) -> Result<Vec<Object>> {
    let values = match ask(&topology.name, &Request::Objects) {
        Ok(Response::Objects(values)) => values,
        _ => objects(topology, None)?,
    };
    values.into_iter().map(read).collect()
}

/// The names of every lab of this machine that has name servers.
///
/// # Errors
/// The objects of one cannot be read.
pub fn cluster_names() -> Result<Vec<ClusterNames>> {
    let mut all = Vec::new();
    for state in labs().into_iter().filter_map(|lab| State::read(&lab).ok().flatten()) {
        let topology = &state.topology;
        let Some(dns) = &topology.dns else { continue };
        let objects = as_they_are(topology)?;
        all.push(ClusterNames {
            zone: Zone::new(&dns.domain, &objects),
            servers: dns.servers.clone(),
            members: state.namespaces.iter().filter_map(|n| n.id).collect(),
        });
    }
    Ok(all)
}

/// An object, as the API tells it.
pub(crate) fn read(value: Value) -> Result<Object> {
    Object::from_json(value)
        .map_err(|e| LabError::Refused { what: "read an object".to_owned(), message: e.to_string() })
}

/// What the pods of every lab of this machine ask for names, where their topology says so. Their processes live in the mounts of
/// the machine, whose own files say nothing about the lab.
#[must_use]
pub fn resolvers() -> BTreeMap<NamespaceId, Resolver> {
    let states = labs().into_iter().filter_map(|lab| State::read(&lab).ok().flatten());
    let of_lab = |state: State| {
        let of_pod = |id: Option<NamespaceId>, owner: &Owner| {
            let Owner::Pod { namespace, name, .. } = owner else { return None };
            let pod = state.topology.pod(&format!("{namespace}/{name}"))?;
            Some((id?, resolver::files(&state, pod)?))
        };
        state.namespaces.iter().filter_map(|n| of_pod(n.id, &n.owner)).collect::<Vec<_>>()
    };
    states.flat_map(of_lab).collect()
}

/// The objects that have names: those of the API, as they are now where it runs, and Services made by hand.
pub(crate) fn objects(topology: &Topology, api: Option<&Api>) -> Result<Vec<Value>> {
    let mut all = match api {
        Some(api) => api.with(|store| cluster::values(store))?,
        None => {
            let objects = cluster::objects(topology)?;
            objects.iter().filter_map(|o| o.to_json().ok()).collect()
        }
    };
    for service in &topology.nat_services {
        let ips: Vec<String> = service.addresses.iter().map(ToString::to_string).collect();
        let protocol = service.protocol.transport().to_string().to_uppercase();
        let port =
            json!({"name": format!("port-{}", service.port), "port": service.port, "protocol": protocol});
        all.push(json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": service.name, "namespace": "default"},
            "spec": {"clusterIP": ips.first(), "clusterIPs": ips, "ports": [port]}}));
    }
    Ok(all)
}

/// Whether the lab has servers of names.
pub(crate) fn are_served(topology: &Topology) -> bool {
    let is_dns = |p: PortProtocol| matches!(p, PortProtocol::Dns | PortProtocol::DnsTcp);
    let ports = topology.pods.iter().flat_map(|p| &p.ports).chain(&topology.outside.ports);
    ports.into_iter().any(|p| is_dns(p.protocol))
}

/// What every server of names is told.
pub(crate) fn command(topology: &Topology, api: Option<&Api>) -> Result<Command> {
    let domain = topology.dns.as_ref().map_or("cluster.local", |d| &d.domain).to_owned();
    Ok(Command::Names { domain, objects: objects(topology, api)? })
}

/// Asks the supervisor to tell the servers of names whenever the API has something new.
pub(crate) fn follow(lab: &str, api: &Arc<Api>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(LabError::io("follow the API for names"))?;
    let (lab, mut news) = (lab.to_owned(), api.news());
    let follow = move || {
        runtime.block_on(async {
            while news.changed().await.is_ok() {
                if let Err(error) = ask(&lab, &Request::Names) {
                    eprintln!("names: {error}");
                }
            }
        });
    };
    thread::Builder::new()
        .name("plumb-lab-names".to_owned())
        .spawn(follow)
        .map(drop)
        .map_err(LabError::io("follow the API for names"))
}
