//! From a topology to all that must be built: namespaces, devices, addresses, routes, sysctls, rules, processes.
//!
//! A pure function: the same topology gives the same plan, down to the hardware addresses.
//!
//! ```
//! let topology = plumb_lab::Topology::standard("demo")?;
//! let plan = plumb_lab::Plan::of(&topology);
//! assert_eq!(plan.namespaces.len(), 3 + 12 + 2); // nodes, pods, the underlay switch, the router outside
//! assert_eq!(plan.veths.len(), 3 + 12 + 1);
//! # Ok::<(), plumb_lab::TopologyError>(())
//! ```

pub(crate) mod bridge;
pub(crate) mod names;
pub(crate) mod nat;
pub(crate) mod rules;

use std::net::IpAddr;

use plumb_model::{IpFamily, Mac, Owner, Prefix};
use plumb_nft::Table;

use crate::topology::{Pod, Port, Topology, ranges};

/// All that a lab consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Name of the lab.
    pub lab: String,
    /// MTU in bytes of every device.
    pub mtu: u32,
    /// Namespaces: underlay, outside, nodes, pods.
    pub namespaces: Vec<NamespacePlan>,
    /// Pairs of devices.
    pub veths: Vec<VethPlan>,
    /// Processes: one a pod, and the server outside.
    pub servers: Vec<ServerPlan>,
}

/// A namespace and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespacePlan {
    /// Name under /run/netns.
    pub name: String,
    /// Whose it is.
    pub owner: Owner,
    /// Sysctls, set before there is any device.
    pub sysctls: Vec<(String, String)>,
    /// Bridges.
    pub bridges: Vec<BridgePlan>,
    /// Addresses: device and address with its network's length.
    pub addresses: Vec<(String, Prefix)>,
    /// Routes beside those that addresses bring.
    pub routes: Vec<RoutePlan>,
    /// Tables of nftables.
    pub nft: Vec<Table>,
}

/// A bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgePlan {
    /// Name.
    pub name: String,
    /// Hardware address; given, so that it does not change as ports come and go.
    pub mac: Mac,
}

/// One end of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndPlan {
    /// Namespace.
    pub namespace: String,
    /// Name of the device.
    pub device: String,
    /// Hardware address.
    pub mac: Mac,
    /// Bridge that it is a port of.
    pub master: Option<String>,
    /// Hairpin of that port.
    pub hairpin: bool,
}

/// A pair of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VethPlan {
    /// The end of the pod or node.
    pub inner: EndPlan,
    /// The end at the bridge.
    pub outer: EndPlan,
}

/// A route of the main table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePlan {
    /// Destination.
    pub dst: Prefix,
    /// Gateway.
    pub via: IpAddr,
    /// Device.
    pub device: String,
}

/// A process that serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPlan {
    /// Namespace that it lives in.
    pub namespace: String,
    /// What it calls itself: `NAMESPACE/NAME` of its pod, or `outside`.
    pub name: String,
    /// What it serves.
    pub ports: Vec<Port>,
}

impl Plan {
    /// What the topology asks for.
    #[must_use]
    pub fn of(topology: &Topology) -> Self {
        match topology.network.kind {
            crate::topology::NetworkKind::Bridge => bridge::plan(topology),
        }
    }

    /// The namespace with this name.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&NamespacePlan> {
        self.namespaces.iter().find(|n| n.name == name)
    }
}

/// Names and addresses that follow from a topology.
impl Topology {
    /// Namespace of a node.
    #[must_use]
    pub fn node_namespace(&self, node: &str) -> String {
        format!("{}-{node}", self.name)
    }

    /// Namespace of a pod.
    #[must_use]
    pub fn pod_namespace(&self, pod: &Pod) -> String {
        format!("{}-{}-{}", self.name, pod.namespace, pod.name)
    }

    /// Namespace of the switch between the nodes.
    #[must_use]
    pub fn underlay_namespace(&self) -> String {
        format!("{}-underlay", self.name)
    }

    /// Namespace of the router outside.
    #[must_use]
    pub fn outside_namespace(&self) -> String {
        format!("{}-outside", self.name)
    }

    /// Name of the host's end of a pod's pair.
    #[must_use]
    pub fn pod_veth(&self, pod: &Pod) -> String {
        names::veth(&pod.full_name())
    }

    /// Addresses of a node on the underlay, one a family.
    #[must_use]
    pub fn node_addresses(&self, node: &str) -> Vec<IpAddr> {
        let Some(index) = self.nodes.iter().position(|n| n.name == node) else { return Vec::new() };
        // The router outside is the first.
        self.network.underlay.iter().filter_map(|range| ranges::nth(*range, index as u128 + 2)).collect()
    }

    /// Addresses of the router on the underlay, one a family.
    #[must_use]
    pub fn router_addresses(&self) -> Vec<IpAddr> {
        self.network.underlay.iter().filter_map(|range| ranges::nth(*range, 1)).collect()
    }

    /// A node's addresses on its pods' bridge: their gateway, one a family.
    #[must_use]
    pub fn gateways(&self, node: &str) -> Vec<IpAddr> {
        let Some(node) = self.node(node) else { return Vec::new() };
        node.pod_ranges.iter().filter_map(|range| ranges::nth(*range, 1)).collect()
    }

    /// A pod's addresses, one a family.
    #[must_use]
    pub fn pod_addresses(&self, pod: &Pod) -> Vec<IpAddr> {
        let Some(node) = self.node(&pod.node) else { return Vec::new() };
        let here = self.pods.iter().filter(|p| p.node == pod.node);
        let Some(index) = here.into_iter().position(|p| p.full_name() == pod.full_name()) else {
            return Vec::new();
        };
        node.pod_ranges.iter().filter_map(|range| ranges::nth(*range, index as u128 + 2)).collect()
    }
}

/// The address of a family among these.
pub(crate) fn of_family(addresses: &[IpAddr], family: IpFamily) -> Option<IpAddr> {
    addresses.iter().copied().find(|a| IpFamily::of(*a) == family)
}

#[cfg(test)]
mod tests;
