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

    /// Namespaces that devices lead to from these on, and back to them (veth pairs, what lies on a device of another
    /// namespace); these included. No packet comes from one of them to any other of the machine.
    #[must_use]
    pub fn connected(&self, from: BTreeSet<NamespaceId>) -> BTreeSet<NamespaceId> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Link, Peer, Read};

    /// Namespaces by these numbers, with a veth between those of each pair, of which only the first end was read.
    fn snapshot(numbers: &[u64], pairs: &[(u64, u64)]) -> Snapshot {
        let namespace = |&id: &u64| {
            let mut n = Namespace::empty(NamespaceId(id), &id.to_string());
            let to = pairs.iter().filter(|(a, _)| *a == id);
            let link = |(_, b): &(u64, u64)| Link {
                peer: Some(Peer { namespace: NamespaceId(*b), index: 2 }),
                ..Link::default()
            };
            n.links = Read::Got(to.map(link).collect());
            n
        };
        Snapshot {
            version: Snapshot::VERSION,
            taken_at: 0,
            host: Host::default(),
            namespaces: numbers.iter().map(namespace).collect(),
            gaps: Vec::new(),
            redacted: false,
        }
    }

    fn connected(snapshot: &Snapshot, from: &[u64]) -> Vec<u64> {
        let from = from.iter().copied().map(NamespaceId).collect();
        snapshot.connected(from).into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn devices_lead_there_and_back() {
        let two = snapshot(&[1, 2, 3, 7, 8, 9], &[(1, 2), (3, 2), (8, 7)]);
        assert_eq!(connected(&two, &[3]), [1, 2, 3]);
        assert_eq!(connected(&two, &[7]), [7, 8]);
        assert_eq!(connected(&two, &[9]), [9]);
        assert_eq!(connected(&two, &[1, 9]), [1, 2, 3, 9]);
    }
}
