//! A network namespace and all that was read in it.

use std::collections::BTreeMap;
use std::fmt;

use plumb_nft::Ruleset;
use serde::{Deserialize, Serialize};

use crate::{
    Address, Conntrack, FdbEntry, Filter, IpSet, LegacyTable, Link, Neighbour, PacketQueue, PathMtu,
    PolicyRule, Qdisc, Read, RecentList, Resolver, Route, Serving, Socket, Statistics,
};

/// A namespace's inode number: the same from wherever it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamespaceId(pub u64);

impl fmt::Display for NamespaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "net:[{}]", self.0)
    }
}

/// A process that lives in a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Process id in plumb's own pid namespace.
    pub pid: u32,
    /// `/proc/PID/comm`
    pub comm: String,
    /// Container id from the cgroup path.
    #[serde(default)]
    pub container: Option<String>,
    /// Pod UID from the cgroup path.
    #[serde(default)]
    pub pod_uid: Option<String>,
    /// How it fares, of one that has a socket which listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<Serving>,
}

/// Whose namespace it is, as a lab or a cluster knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A node's own namespace.
    Node {
        /// Name of the node.
        node: String,
    },
    /// A pod's namespace.
    Pod {
        /// Node that it runs on.
        node: String,
        /// Namespace of the pod object.
        namespace: String,
        /// Name of the pod object.
        name: String,
    },
    /// A switch, a router: part of the surroundings.
    Other {
        /// What it is.
        name: String,
    },
}

/// Sysctls by dotted name (`net.ipv4.ip_forward`). A device's name is kept as it is, dots included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sysctls(pub BTreeMap<String, Read<String>>);

impl Sysctls {
    /// The value as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.value().map(String::as_str)
    }

    /// The value as a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }
}

fn not_read<T>() -> Read<T> {
    Read::Absent { feature: "not read".to_owned() }
}

/// A network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Inode.
    pub id: NamespaceId,
    /// Name in reports: the name under /run/netns, `host` for the namespace that plumb ran in, else `net:[INODE]`.
    pub name: String,
    /// Every name under /run/netns and every bind mount elsewhere.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Whether plumb itself ran in it.
    #[serde(default)]
    pub own: bool,
    /// A path by which it can be entered: `/run/netns/NAME`, `/proc/PID/ns/net`.
    #[serde(default)]
    pub path: Option<String>,
    /// Who lives in it.
    #[serde(default)]
    pub processes: Vec<Process>,
    /// Whose it is, where known.
    #[serde(default)]
    pub owner: Option<Owner>,
    /// Node that it is on, in the joined snapshots of several.
    #[serde(default)]
    pub node: Option<String>,
    /// Numbers by which links of this namespace refer to others (RTM_GETNSID).
    #[serde(default)]
    pub nsids: BTreeMap<i32, NamespaceId>,
    /// Devices.
    pub links: Read<Vec<Link>>,
    /// Addresses.
    pub addresses: Read<Vec<Address>>,
    /// Routes of all tables.
    pub routes: Read<Vec<Route>>,
    /// MTUs of paths that are smaller than their routes say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path_mtus: Vec<PathMtu>,
    /// Policy rules.
    pub rules: Read<Vec<PolicyRule>>,
    /// Neighbours, proxy entries included.
    pub neighbours: Read<Vec<Neighbour>>,
    /// Forwarding database of bridges and VXLAN devices.
    pub fdb: Read<Vec<FdbEntry>>,
    /// nftables.
    pub nft: Read<Ruleset>,
    /// Tables of iptables-legacy.
    pub legacy: Read<Vec<LegacyTable>>,
    /// Lists of the `recent` match.
    #[serde(default = "not_read")]
    pub recent: Read<Vec<RecentList>>,
    /// Queues of packets that programs read (NFQUEUE, `queue`).
    #[serde(default = "not_read")]
    pub queues: Read<Vec<PacketQueue>>,
    /// ipsets.
    #[serde(default = "not_read")]
    pub ipsets: Read<Vec<IpSet>>,
    /// IPVS and other engines that hold something here and that this version does not read, by name.
    #[serde(default)]
    pub other_engines: Vec<String>,
    /// Connection tracking.
    pub conntrack: Read<Conntrack>,
    /// TCP listeners and connections, UDP sockets.
    pub sockets: Read<Vec<Socket>>,
    /// Queueing disciplines.
    pub qdiscs: Read<Vec<Qdisc>>,
    /// Filters.
    pub filters: Read<Vec<Filter>>,
    /// Sysctls.
    pub sysctls: Sysctls,
    /// Counters of /proc/net/snmp, snmp6 and netstat: `Tcp` → `OutRsts` → value.
    #[serde(default)]
    pub counters: BTreeMap<String, BTreeMap<String, i64>>,
    /// What else is counted.
    #[serde(default)]
    pub statistics: Statistics,
    /// What a process here asks for names.
    #[serde(default = "not_read")]
    pub resolver: Read<Resolver>,
}

impl Namespace {
    /// A namespace in which nothing was read yet: everything absent.
    #[must_use]
    pub fn empty(id: NamespaceId, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            aliases: Vec::new(),
            own: false,
            path: None,
            processes: Vec::new(),
            owner: None,
            node: None,
            nsids: BTreeMap::new(),
            links: not_read(),
            addresses: not_read(),
            routes: not_read(),
            path_mtus: Vec::new(),
            rules: not_read(),
            neighbours: not_read(),
            fdb: not_read(),
            nft: not_read(),
            legacy: not_read(),
            recent: not_read(),
            queues: not_read(),
            ipsets: not_read(),
            other_engines: Vec::new(),
            conntrack: not_read(),
            sockets: not_read(),
            qdiscs: not_read(),
            filters: not_read(),
            sysctls: Sysctls::default(),
            counters: BTreeMap::new(),
            statistics: Statistics::default(),
            resolver: not_read(),
        }
    }

    /// The device with this index.
    #[must_use]
    pub fn link(&self, index: u32) -> Option<&Link> {
        self.links.items().iter().find(|l| l.index == index)
    }

    /// The device with this name.
    #[must_use]
    pub fn link_by_name(&self, name: &str) -> Option<&Link> {
        self.links.items().iter().find(|l| l.name == name)
    }

    /// Name of a device, or `if7` where there is none.
    #[must_use]
    pub fn link_name(&self, index: u32) -> String {
        self.link(index).map_or_else(|| format!("if{index}"), |l| l.name.clone())
    }

    /// The command with what it takes to run it in this namespace in front.
    #[must_use]
    pub fn command(&self, command: &str) -> String {
        if self.own {
            return command.to_owned();
        }
        match self.path.as_deref() {
            Some(path) if path.strip_prefix("/run/netns/").is_some_and(|n| n == self.name) => {
                format!("ip netns exec {} {command}", self.name)
            }
            Some(path) => format!("nsenter --net={path} {command}"),
            None => format!("ip netns exec {} {command}", self.name),
        }
    }
}
