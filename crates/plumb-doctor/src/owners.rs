//! Whose network namespace is whose, by the objects of the API: Pods by their identity or addresses, nodes by their addresses. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use plumb_api::{Node, Object, Pod};
use plumb_model::{Namespace, Owner, Snapshot};

use crate::check::yardstick::global_addresses;

/// What is nobody's, or may be several's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    /// Namespaces that were named.
    pub named: usize,
    /// Namespaces with addresses that no Pod and no node has.
    pub nobodys: Vec<String>,
    /// Namespaces with addresses of several Pods, each with their names.
    pub several: Vec<(String, Vec<String>)>,
}

/// Names the namespaces of a snapshot that nobody's name is known of: what a container runtime or a lab told stays.
///
/// A Pod's namespace is the one where a process of its UID lives, else the one that has its address, on its own node where that is
/// known. Pods of their node's network have none of their own. A node's namespace is the one with an address of the Node; plumb's own
/// also where all its Pods are of one node.
pub fn name(snapshot: &mut Snapshot, objects: &[Object]) -> Owners {
    let known = Known::of(objects);
    let mut owners = Owners::default();
    if known.pods.is_empty() && known.nodes.is_empty() {
        return owners;
    }
    let mut on_nodes = BTreeSet::new();
    for n in snapshot.namespaces.iter_mut().filter(|n| n.owner.is_none()) {
        let addresses = global_addresses(n);
        if let Some(node) = known.node(&addresses) {
            n.owner = Some(Owner::Node { node });
            owners.named += 1;
            continue;
        }
        match &known.pods_of(n, &addresses)[..] {
            [] if addresses.is_empty() || n.own => {}
            [] => owners.nobodys.push(n.name.clone()),
            [pod] => {
                let node = pod.spec.node_name.to_string();
                on_nodes.insert(node.clone());
                let (namespace, name) = names(pod);
                n.owner = Some(Owner::Pod { node, namespace, name });
                owners.named += 1;
            }
            several => {
                let all = several.iter().map(|p| {
                    let (namespace, name) = names(p);
                    format!("{namespace}/{name}")
                });
                owners.several.push((n.name.clone(), all.collect()));
            }
        }
    }
    let own = snapshot.namespaces.iter_mut().find(|n| n.own && n.owner.is_none() && n.node.is_none());
    if let (Some(own), 1) = (own, on_nodes.len()) {
        let node = on_nodes.into_iter().next().filter(|n| !n.is_empty());
        own.owner = node.map(|node| Owner::Node { node });
        owners.named += usize::from(own.owner.is_some());
    }
    owners
}

/// The node whose network a Pod lives in; `None` for one with a network of its own, and for one that is not known.
#[must_use]
pub fn host_network_node(objects: &[Object], namespace: &str, name: &str) -> Option<String> {
    let pods = objects.iter().filter_map(|o| if let Object::Pod(pod) = o { Some(pod) } else { None });
    let is = |p: &&Pod| names(p) == (namespace.to_owned(), name.to_owned());
    let pod = pods.filter(|p| p.spec.host_network).find(is)?;
    (!pod.spec.node_name.is_empty()).then(|| pod.spec.node_name.to_string())
}

struct Known<'a> {
    pods: Vec<&'a Pod>,
    by_address: BTreeMap<IpAddr, Vec<&'a Pod>>,
    nodes: BTreeMap<IpAddr, String>,
    node_names: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    fn of(objects: &'a [Object]) -> Self {
        let mut known = Self {
            pods: Vec::new(),
            by_address: BTreeMap::new(),
            nodes: BTreeMap::new(),
            node_names: BTreeSet::new(),
        };
        for object in objects {
            match object {
                Object::Pod(pod) if has_network(pod) => {
                    known.pods.push(pod);
                    for address in addresses(pod) {
                        known.by_address.entry(address).or_default().push(pod);
                    }
                }
                Object::Node(node) => known.add_node(node),
                _ => {}
            }
        }
        known
    }

    fn add_node(&mut self, node: &'a Node) {
        let addresses = node.status.addresses.iter().filter_map(|a| a.address.parse::<IpAddr>().ok());
        self.nodes.extend(addresses.map(|a| (a, node.metadata.name.to_string())));
        self.node_names.insert(&node.metadata.name);
    }

    fn node(&self, addresses: &[IpAddr]) -> Option<String> {
        addresses.iter().find_map(|a| self.nodes.get(a)).cloned()
    }

    fn pods_of(&self, n: &Namespace, addresses: &[IpAddr]) -> Vec<&'a Pod> {
        let uids: BTreeSet<&str> = n.processes.iter().filter_map(|p| p.pod_uid.as_deref()).collect();
        let by_uid = |p: &&&Pod| p.metadata.uid.as_deref().is_some_and(|uid| uids.contains(uid));
        let living: Vec<&Pod> = self.pods.iter().filter(by_uid).copied().collect();
        if !living.is_empty() {
            return living;
        }
        // The name that a snapshot was given need not be the Node's.
        let here = n.node.as_deref().filter(|node| self.node_names.contains(node));
        let fits =
            |p: &&Pod| here.is_none_or(|node| p.spec.node_name.is_empty() || *p.spec.node_name == *node);
        let mut found: Vec<&Pod> = Vec::new();
        for pod in addresses.iter().filter_map(|a| self.by_address.get(a)).flatten().copied().filter(fits) {
            if !found.iter().any(|f| std::ptr::eq(*f, pod)) {
                found.push(pod);
            }
        }
        found
    }
}

/// Whether a Pod has a network of its own now: one that has ended keeps its address in its status.
fn has_network(pod: &Pod) -> bool {
    !pod.spec.host_network && !matches!(&*pod.status.phase, "Succeeded" | "Failed")
}

fn addresses(pod: &Pod) -> BTreeSet<IpAddr> {
    let texts = pod.status.pod_ips.iter().map(|ip| &*ip.ip).chain([&*pod.status.pod_ip]);
    texts.filter_map(|t| t.parse().ok()).collect()
}

fn names(pod: &Pod) -> (String, String) {
    let namespace = &*pod.metadata.namespace;
    (if namespace.is_empty() { "default" } else { namespace }.to_owned(), pod.metadata.name.to_string())
}

#[cfg(test)]
#[path = "owners_tests.rs"]
mod tests;
