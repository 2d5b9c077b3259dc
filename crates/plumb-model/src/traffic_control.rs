//! Queueing disciplines and filters (RTM_NEWQDISC, RTM_NEWTFILTER), as far as a walk needs to name them.

use serde::{Deserialize, Serialize};

/// A queueing discipline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Qdisc {
    /// Device.
    pub index: u32,
    /// `noqueue`, `fq_codel`, `clsact`, `tbf` …
    pub kind: String,
    /// Handle, `major:minor` in one number.
    pub handle: u32,
    /// Parent: `0xffffffff` root, `0xfffffff1` ingress and clsact.
    pub parent: u32,
    /// Packets dropped.
    #[serde(default)]
    pub drops: u32,
    /// Packets that wait.
    #[serde(default)]
    pub queue_length: u32,
    /// Bytes that wait.
    #[serde(default)]
    pub backlog: u32,
    /// Packets that had to be queued again since the device would not take them.
    #[serde(default)]
    pub requeues: u32,
    /// How often a packet had to wait since the rate was used up.
    #[serde(default)]
    pub overlimits: u32,
    /// Most that may wait: bytes for `tbf` and `bfifo`, packets for `pfifo`, `fq_codel` and `fq`; `None` for others.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Bytes a second that `tbf` lets pass.
    #[serde(default)]
    pub rate: Option<u64>,
}

/// A filter of a qdisc.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Device.
    pub index: u32,
    /// `bpf`, `flower`, `u32`, `matchall` …
    pub kind: String,
    /// Parent: `0xfffffff2` clsact ingress (or `ffff:`), `0xfffffff3` clsact egress, else a qdisc's handle.
    pub parent: u32,
    /// Priority.
    pub priority: u16,
    /// Ethertype, host order; 3 (ETH_P_ALL) for any.
    pub protocol: u16,
}
