//! Who connects, as policies see them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::objects::{ContainerPort, Pod};

/// Labels of an object.
pub type Labels = BTreeMap<Box<str>, Box<str>>;

/// Somebody who connects or is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// What it is.
    pub role: Role,
    /// The node that it is, or is on, where that is known.
    pub node: Option<Box<str>>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// What somebody is to policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A Pod with a network of its own. What is `None` is not known.
    Pod {
        /// Namespace.
        namespace: Option<Box<str>>,
        /// Labels.
        labels: Option<Labels>,
        /// Ports of its containers.
        ports: Option<Vec<ContainerPort>>,
    },
    /// A node, or a Pod of its network.
    Node,
    /// Neither.
    Outside,
}

impl Party {
    /// A Pod.
    #[must_use]
    pub fn of_pod(pod: &Pod) -> Self {
        let texts = pod.status.pod_ips.iter().map(|ip| &*ip.ip).chain([&*pod.status.pod_ip]);
        let mut addresses: Vec<IpAddr> = texts.filter_map(crate::address::parse_ip).collect();
        addresses.dedup();
        let role = if pod.spec.host_network { Role::Node } else { role(pod) };
        let node = &pod.spec.node_name;
        Self { role, node: (!node.is_empty()).then(|| node.clone()), addresses }
    }
}

fn role(pod: &Pod) -> Role {
    let namespace = &*pod.metadata.namespace;
    // Init containers have ended, but for sidecars (KEP-753).
    let sidecars = pod.spec.init_containers.iter().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let containers = pod.spec.containers.iter().chain(sidecars);
    Role::Pod {
        namespace: Some(if namespace.is_empty() { "default" } else { namespace }.into()),
        labels: Some(pod.metadata.labels.clone()),
        ports: Some(containers.flat_map(|c| c.ports.iter().cloned()).collect()),
    }
}
