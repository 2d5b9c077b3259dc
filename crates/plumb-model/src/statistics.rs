//! What the kernel counts beside what decides: numbers that one reading alone seldom judges, and two together do.
//!
//! [`Statistics`] belong to a namespace, [`HostStatistics`] to the machine: the kernel keeps those once for all namespaces.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Read;

/// Counters of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Statistics {
    /// Nanoseconds of CLOCK_MONOTONIC when the counters of this namespace were read: two readings give a rate.
    pub read_at: Option<u64>,
    /// /proc/net/sockstat and sockstat6: `TCP` → `inuse`, `orphan`, `tw`, `alloc`, `mem` (pages) …; `FRAG` → `memory`
    /// (bytes). `orphan`, `alloc` and both `mem` are those of all namespaces (`net/ipv4/proc.c`, `sockstat_seq_show`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sockstat: BTreeMap<String, BTreeMap<String, u64>>,
    /// Counters of connection tracking.
    pub conntrack: Option<Read<ConntrackStats>>,
}

impl Statistics {
    /// A number of /proc/net/sockstat or sockstat6.
    #[must_use]
    pub fn sockets(&self, group: &str, name: &str) -> Option<u64> {
        self.sockstat.get(group)?.get(name).copied()
    }
}

/// Counters of connection tracking, summed over the processors (`struct ip_conntrack_stat`, `IPCTNL_MSG_CT_GET_STATS_CPU`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConntrackStats {
    /// Entries found.
    pub found: u64,
    /// Packets that could not be tracked.
    pub invalid: u64,
    /// Entries added.
    pub insert: u64,
    /// Entries that could not be added: another packet's was there before (a clash), or there was none to be had.
    pub insert_failed: u64,
    /// Packets dropped: the table is full, or their entry could not be added.
    pub drop: u64,
    /// Entries thrown out to make room for others.
    pub early_drop: u64,
    /// ICMP errors that could not be tracked, and the like.
    pub error: u64,
    /// Look-ups begun again since the table was resized or changed.
    pub search_restart: u64,
    /// Clashes that were resolved.
    pub clash_resolve: u64,
    /// Entries that were not added since their hash chain is too long.
    pub chain_toolong: u64,
    /// Connections that helpers expect (/proc/net/nf_conntrack_expect).
    pub expected: Option<u64>,
}

/// Counters of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostStatistics {
    /// Nanoseconds of CLOCK_MONOTONIC when they were read.
    pub read_at: Option<u64>,
    /// /proc/net/softnet_stat, one a processor (`net/core/net-procfs.c`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub softnet: Vec<Softnet>,
    /// `arp_cache` and `ndisc_cache`: tables that all namespaces share (RTM_GETNEIGHTBL).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub neighbour_tables: Vec<NeighbourTable>,
    /// /proc/stat, one a processor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<CpuTimes>,
    /// /proc/pressure: `cpu`, `io`, `memory`; empty where the kernel has no PSI.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pressure: BTreeMap<String, Pressure>,
}

impl HostStatistics {
    /// `arp_cache` or `ndisc_cache`.
    #[must_use]
    pub fn neighbour_table(&self, name: &str) -> Option<&NeighbourTable> {
        self.neighbour_tables.iter().find(|t| t.name == name)
    }

    /// The sum over all processors.
    #[must_use]
    pub fn softnet_sum(&self) -> Softnet {
        self.softnet.iter().fold(Softnet::default(), |sum, one| Softnet {
            cpu: 0,
            processed: sum.processed.saturating_add(one.processed),
            dropped: sum.dropped.saturating_add(one.dropped),
            time_squeeze: sum.time_squeeze.saturating_add(one.time_squeeze),
            received_rps: sum.received_rps.saturating_add(one.received_rps),
            flow_limit: sum.flow_limit.saturating_add(one.flow_limit),
            backlog: sum.backlog.saturating_add(one.backlog),
        })
    }
}

/// How a processor fares with the packets that come in (`struct softnet_data`). 32-bit counters, which wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Softnet {
    /// Number of the processor.
    pub cpu: u32,
    /// Packets taken up.
    pub processed: u64,
    /// Packets dropped since the backlog was full (`netdev_max_backlog`).
    pub dropped: u64,
    /// How often the round ended with work left (`netdev_budget`, `netdev_budget_usecs`).
    pub time_squeeze: u64,
    /// Packets that another processor passed on (RPS).
    pub received_rps: u64,
    /// Packets dropped since one flow had too much of the backlog.
    pub flow_limit: u64,
    /// Packets in the backlog now.
    pub backlog: u64,
}

/// A table of neighbours, one for all namespaces (`struct ndt_config`, `struct ndt_stats`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NeighbourTable {
    /// `arp_cache`, `ndisc_cache`.
    pub name: String,
    /// Entries of all namespaces, permanent ones included.
    pub entries: u32,
    /// Below it nothing is thrown out.
    pub gc_thresh1: u32,
    /// Above it for more than 5 s, entries are thrown out for new ones.
    pub gc_thresh2: u32,
    /// No more than these, permanent entries and those that others learnt apart.
    pub gc_thresh3: u32,
    /// Addresses that did not answer.
    pub res_failed: u64,
    /// How often entries were thrown out for want of room.
    pub forced_gc_runs: u64,
    /// Entries refused since the table was full.
    pub table_fulls: u64,
    /// Packets that waited for an address in too long a queue (`unres_qlen_bytes`); the kernel tells it in the first
    /// namespace only.
    pub unresolved_discards: Option<u64>,
}

/// What a processor did, in hundredths of a second (USER_HZ; `fs/proc/stat.c`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuTimes {
    /// Number of the processor.
    pub cpu: u32,
    /// Programs.
    pub user: u64,
    /// Programs of low priority.
    pub nice: u64,
    /// The kernel.
    pub system: u64,
    /// Nothing.
    pub idle: u64,
    /// Nothing, while something waited for a disk.
    pub iowait: u64,
    /// Interrupts.
    pub irq: u64,
    /// Soft interrupts: packets, for the most part.
    pub softirq: u64,
    /// Taken by the machine around this one.
    pub steal: u64,
}

/// Share of time that something waited for a resource (PSI; `kernel/sched/psi.c`), in hundredths of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pressure {
    /// Some task waited, average over 10 s.
    pub some_avg10: u32,
    /// Some task waited, over 60 s.
    pub some_avg60: u32,
    /// Microseconds that some task waited, in all.
    pub some_total: u64,
    /// All tasks waited, over 10 s; `None` where the kernel does not tell.
    pub full_avg10: Option<u32>,
    /// Microseconds that all tasks waited, in all.
    pub full_total: Option<u64>,
}

/// How a process fares that serves: what it holds and what holds it back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Serving {
    /// Inodes of its sockets that listen: [`crate::Socket::inode`].
    pub sockets: Vec<u32>,
    /// State of its main thread (/proc/PID/stat): `R`, `S`, `D` waits for a disk, `T` stopped, `t` traced, `Z` ended.
    pub state: Option<char>,
    /// Files that are open (/proc/PID/fd).
    pub open_files: u64,
    /// Most that may be (`Max open files`, the soft limit); `None` where there is no limit.
    pub max_open_files: Option<u64>,
    /// Time that its group was kept from running: of the innermost group with a limit.
    pub throttling: Option<Throttling>,
    /// Processes and threads of its group: of the group that is nearest to its limit.
    pub pids: Option<PidsLimit>,
}

/// `cpu.stat` of a group with a limit (`cpu.max`; `kernel/sched/core.c`, `cpu_cfs_stat_show`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Throttling {
    /// Periods in which the group ran.
    pub periods: u64,
    /// Periods in which it had to stop.
    pub throttled: u64,
    /// Microseconds that it stood still.
    pub throttled_usec: u64,
}

/// `pids.current` and `pids.max` of a group with a limit (`kernel/cgroup/pids.c`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PidsLimit {
    /// Now.
    pub current: u64,
    /// At most.
    pub max: u64,
}
