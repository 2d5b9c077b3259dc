//! The snapshot: every namespace of a machine at one moment.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{HostStatistics, Namespace, NamespaceId};

/// The machine that a snapshot was taken on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Host name.
    pub hostname: String,
    /// `uname -r`
    pub kernel: String,
    /// Node name, where it is a node of a cluster.
    #[serde(default)]
    pub node: Option<String>,
    /// Processes whose namespaces nobody on this machine may see, with all capabilities: those around a container, say.
    #[serde(default)]
    pub hidden_processes: u32,
    /// Minutes that the kernel's own time zone (`sys_tz`), by which some rules tell the time, lies west of UTC.
    #[serde(default)]
    pub minutes_west: Option<i32>,
    /// What the kernel counts once for all namespaces.
    #[serde(default)]
    pub statistics: HostStatistics,
}

/// Every namespace of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version of the format.
    pub version: u32,
    /// Seconds since 1970.
    pub taken_at: u64,
    /// The machine.
    pub host: Host,
    /// Namespaces; plumb's own first.
    pub namespaces: Vec<Namespace>,
    /// What could not be read at all: a namespace that could not be entered, say, and why.
    #[serde(default)]
    pub gaps: Vec<String>,
    /// Whether names and addresses were replaced.
    #[serde(default)]
    pub redacted: bool,
}

impl Snapshot {
    /// The format that this version writes.
    pub const VERSION: u32 = 1;

    /// The namespace with this inode.
    #[must_use]
    pub fn namespace(&self, id: NamespaceId) -> Option<&Namespace> {
        self.namespaces.iter().find(|n| n.id == id)
    }

    /// The namespace with this inode, to change.
    #[must_use]
    pub fn namespace_mut(&mut self, id: NamespaceId) -> Option<&mut Namespace> {
        self.namespaces.iter_mut().find(|n| n.id == id)
    }

    /// Namespaces that links lead to, from these on and back to them; these included.
    #[must_use]
    pub fn reached_by_links(&self, from: BTreeSet<NamespaceId>) -> BTreeSet<NamespaceId> {
        let mut links: BTreeMap<NamespaceId, BTreeSet<NamespaceId>> = BTreeMap::new();
        for n in &self.namespaces {
            for peer in n.links.items().iter().filter_map(|l| l.peer) {
                links.entry(n.id).or_default().insert(peer.namespace);
                links.entry(peer.namespace).or_default().insert(n.id);
            }
        }
        let mut open: Vec<NamespaceId> = from.iter().copied().collect();
        let mut reached = from;
        while let Some(id) = open.pop() {
            let next = links.get(&id).into_iter().flatten();
            open.extend(next.filter(|n| reached.insert(**n)));
        }
        reached
    }

    /// The namespace that goes by this name: in reports, under /run/netns, or `net:[INODE]`.
    #[must_use]
    pub fn namespace_by_name(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.iter().find(|n| n.name == name).or_else(|| {
            self.namespaces.iter().find(|n| n.aliases.iter().any(|a| a == name) || n.id.to_string() == name)
        })
    }
}
