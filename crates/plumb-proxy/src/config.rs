//! What the proxy is told beside objects.

use std::net::IpAddr;

use plumb_api::address::Cidr;

use crate::runner::Intervals;

/// How the node tells pods from others (`--detect-local-mode`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DetectLocalMode {
    /// By the ranges of all pods of the cluster.
    #[default]
    ClusterCidr,
    /// By the ranges of the node's own pods, which its Node object tells.
    NodeCidr,
    /// By the bridge that they are behind.
    BridgeInterface(String),
    /// By the beginning of their devices' names.
    InterfaceNamePrefix(String),
}

/// Which addresses of the node take node ports (`--nodeport-addresses`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NodePortAddresses {
    /// The node's primary address of each family.
    #[default]
    Primary,
    /// Those in these ranges; a family without one takes them on all its addresses.
    Ranges(Vec<Cidr>),
}

/// What the proxy is told beside objects. What a Node or ServiceCIDR object says too is taken from here where it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Name of the node, in lower case.
    pub node_name: String,
    /// How pods are told from others.
    pub detect_local_mode: DetectLocalMode,
    /// Ranges of all pods of the cluster.
    pub cluster_cidrs: Vec<Cidr>,
    /// Which addresses take node ports.
    pub node_port_addresses: NodePortAddresses,
    /// What goes to cluster IPs is always masqueraded.
    pub masquerade_all: bool,
    /// The bit of the packet mark that asks for masquerading, 0 to 31.
    pub masquerade_bit: u8,
    /// Ranges that cluster IPs are allocated from.
    pub service_cidrs: Vec<Cidr>,
    /// Primary addresses of the node, at most one a family.
    pub node_ips: Vec<IpAddr>,
    /// Zone of the node.
    pub node_zone: Option<String>,
    /// When to sync.
    pub intervals: Intervals,
}

impl Config {
    /// `--masquerade-bit` of the reference implementation.
    pub const MASQUERADE_BIT: u8 = 14;

    /// The bit as a mask.
    #[must_use]
    pub fn masquerade_mark(&self) -> u32 {
        1u32.checked_shl(self.masquerade_bit.into()).unwrap_or(0)
    }
}
