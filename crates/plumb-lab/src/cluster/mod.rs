//! What makes a lab a cluster: a small Kubernetes API, the controller that writes EndpointSlices, and the real `plumb proxy` on
//! each node. A lab has it when its topology has manifests.
//!
//! ```text
//!  topology ──► objects ──► api ◄──► controller (Services + Pods → EndpointSlices)
//!                            ▲ └──► 127.0.0.1:6443 on each node ──► plumb proxy ──► the node's nftables
//!                            └─── readiness probes inside pods
//! ```

mod controller;
mod objects;
mod proxies;
mod readiness;

use std::sync::Arc;

use plumb_api::address::Cidr;
use plumb_api::{Kind, NamespacedName, Object};
use plumb_kernel::in_namespace;
use serde_json::{Value, json};

pub use proxies::ProxyStatus;
pub(crate) use proxies::remove_files;

use crate::api::store::{ListOptions, Part, Patch, has_status};
use crate::api::{Api, ApiOptions, ApiServer, Status, Store, StoreOptions};
use crate::error::{LabError, Result};
use crate::state::NETNS;
use crate::topology::Topology;

/// Where each node finds the API: on its own loopback, so that a fault of the network does not take it away.
pub const API_ADDRESS: &str = "127.0.0.1:6443";

/// Ranges that cluster IPs come from.
const SERVICE_CIDRS: [&str; 2] = ["10.97.0.0/16", "fd00:10:97::/112"];

/// A lab's API, controller and proxies; they end with this.
pub(crate) struct Cluster {
    proxies: proxies::Proxies,
    api: Arc<Api>,
    _controller: controller::Running,
    _servers: Vec<ApiServer>,
    _probes: readiness::Probes,
}

impl Cluster {
    /// Starts everything and waits until every node's kernel is as the manifests say. `None` where the topology has no manifests.
    /// Call it from a thread that lives as long as the lab: the proxies end with it.
    pub(crate) fn start(topology: &Topology) -> Result<Option<Self>> {
        if topology.manifests.is_empty() {
            return Ok(None);
        }
        let api = Api::new(filled(topology)?, ApiOptions::default());
        let probes = readiness::Probes::start(topology, &api)?;
        let controller = controller::start(Arc::clone(&api)).map_err(LabError::io("start the controller"))?;
        let mut servers = Vec::with_capacity(topology.nodes.len());
        for node in &topology.nodes {
            let what = || format!("serve the API on {}", node.name);
            let path = format!("{NETNS}/{}", topology.node_namespace(&node.name));
            let listener = in_namespace(path, || std::net::TcpListener::bind(API_ADDRESS))
                .map_err(LabError::Kernel)?
                .map_err(LabError::io(what()))?;
            servers.push(ApiServer::start(listener, Arc::clone(&api)).map_err(LabError::io(what()))?);
        }
        let proxies = proxies::Proxies::start(topology)?;
        Ok(Some(Self { proxies, api, _controller: controller, _servers: servers, _probes: probes }))
    }

    /// Its API.
    pub(crate) fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// How the proxies are.
    pub(crate) fn proxies(&mut self) -> Vec<ProxyStatus> {
        self.proxies.status()
    }
}

/// The API's store with the topology's objects in it. Addresses and ports that it gives out depend on the topology alone.
fn filled(topology: &Topology) -> Result<Store> {
    let families: Vec<bool> = topology.network.pod_ranges.iter().map(|r| r.addr.is_ipv4()).collect();
    let ranges = SERVICE_CIDRS.iter().filter_map(|text| text.parse::<Cidr>().ok());
    let cluster_ips = ranges.filter(|r| families.contains(&r.address().is_ipv4())).collect();
    let mut store = Store::new(StoreOptions { cluster_ips, ..StoreOptions::default() });
    for (what, kind, namespace, object) in objects::of(topology)? {
        create(&mut store, kind, &namespace, object).map_err(|status| LabError::Refused {
            what: format!("create {what}"),
            message: status.to_json()["message"].as_str().unwrap_or("refused").to_owned(),
        })?;
    }
    Ok(store)
}

/// The objects of a topology as the lab's API holds them when it starts: with the addresses that it gave out.
pub(crate) fn objects(topology: &Topology) -> Result<Vec<Object>> {
    let store = filled(topology)?;
    values(&store)?
        .into_iter()
        .map(|value| {
            Object::from_json(value)
                .map_err(|e| LabError::Refused { what: "read an object".to_owned(), message: e.to_string() })
        })
        .collect()
}

/// Every object of a store, in its JSON form.
pub(crate) fn values(store: &Store) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        let list = store.list(kind, &ListOptions::default()).map_err(|status| LabError::Refused {
            what: format!("list {kind}"),
            message: status.to_json()["message"].as_str().unwrap_or("refused").to_owned(),
        })?;
        all.extend(list.items.iter().map(|stored| stored.json.clone()));
    }
    Ok(all)
}

/// Creates an object, then writes its status, which the API keeps apart. A namespace that every cluster has is changed.
fn create(store: &mut Store, kind: Kind, namespace: &str, object: Value) -> std::result::Result<(), Status> {
    let known = object.pointer("/metadata/name").and_then(Value::as_str).map(|n| NamespacedName::new("", n));
    if let Some(name) = known.filter(|n| kind == Kind::Namespace && store.get(kind, n).is_ok()) {
        store.patch(kind, &name, Part::Main, Patch::Merge(object))?;
        return Ok(());
    }
    let status = object.get("status").cloned();
    let created = store.create(kind, namespace, object)?;
    if let Some(status) = status.filter(|_| has_status(kind)) {
        let name = created.json["metadata"]["name"].as_str().unwrap_or_default();
        let name = NamespacedName::new(namespace, name);
        store.patch(kind, &name, Part::Status, Patch::Merge(json!({"status": status})))?;
    }
    Ok(())
}
