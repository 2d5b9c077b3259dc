//! The snapshots of several nodes as one network.
//!
//! Each file knows its own node: what leaves it by an uplink ends there. Uplinks with addresses of one network are on one
//! segment, so [`join`] puts a namespace of its own between them: a bridge a segment, and a router for the gateways that
//! no file owns. It delivers between what is known and knows nothing else; that it does is an assumption, told as a
//! [`Segment`].

mod underlay;

use std::collections::{BTreeMap, BTreeSet};

use crate::{Namespace, NamespaceId, Owner, Prefix, Snapshot};

/// Name of the namespace that stands for the network between the nodes.
pub const UNDERLAY: &str = "underlay";

/// Several snapshots as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Every namespace of every node, and the one that stands for the network between them.
    pub snapshot: Snapshot,
    /// What was assumed to make it one.
    pub between: Between,
}

/// What was assumed to make one snapshot of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Between {
    /// The networks between nodes that are assumed to deliver.
    pub segments: Vec<Segment>,
    /// What may make the whole less true than its parts: readings far apart, kernels that differ.
    pub notes: Vec<JoinNote>,
}

/// A network that several nodes have an uplink to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The network.
    pub prefix: Prefix,
    /// Uplinks: node and device.
    pub uplinks: Vec<(String, String)>,
}

/// What may make the whole less true than its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinNote {
    /// Seconds between the first reading and the last.
    FarApart(u64),
    /// Releases of the kernels.
    Kernels(BTreeSet<String>),
    /// The snapshot of a node was given twice; the later one counts.
    Twice(String),
    /// A device of a node, with an address in a network that no other node has one in.
    Alone {
        /// Node.
        node: String,
        /// Device.
        device: String,
    },
}

/// Why snapshots cannot be joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// Addresses were replaced by others in each file apart.
    #[error(
        "the snapshot of {0} is redacted: addresses of different files do not fit together; join them first, then redact"
    )]
    Redacted(String),
}

/// Readings further apart than this may tell of different states, seconds.
const FAR_APART: u64 = 300;

/// Joins snapshots, of one node each (or of a whole lab).
///
/// # Errors
/// [`JoinError`].
pub fn join(snapshots: Vec<Snapshot>) -> Result<Joined, JoinError> {
    let mut notes = Vec::new();
    let mut by_node: BTreeMap<String, Snapshot> = BTreeMap::new();
    for (i, s) in snapshots.into_iter().enumerate() {
        let node = node_name(&s, i);
        if s.redacted {
            return Err(JoinError::Redacted(node));
        }
        match by_node.get(&node) {
            Some(known) if known.taken_at > s.taken_at => notes.push(JoinNote::Twice(node)),
            Some(_) => {
                notes.push(JoinNote::Twice(node.clone()));
                by_node.insert(node, s);
            }
            None => drop(by_node.insert(node, s)),
        }
    }
    let times = || by_node.values().map(|s| s.taken_at);
    let apart = times().max().unwrap_or(0) - times().min().unwrap_or(0);
    if apart > FAR_APART {
        notes.push(JoinNote::FarApart(apart));
    }
    let kernels: BTreeSet<String> = by_node.values().map(|s| s.host.kernel.clone()).collect();
    if kernels.len() > 1 {
        notes.push(JoinNote::Kernels(kernels));
    }
    let mut whole = Snapshot {
        version: Snapshot::VERSION,
        taken_at: times().max().unwrap_or(0),
        host: by_node.values().next().map(|s| s.host.clone()).unwrap_or_default(),
        namespaces: Vec::new(),
        gaps: Vec::new(),
        redacted: false,
    };
    whole.host.node = None;
    whole.host.hidden_processes = by_node.values().map(|s| s.host.hidden_processes).sum();
    let mut names = BTreeSet::from([UNDERLAY.to_owned()]);
    for (i, (node, s)) in by_node.into_iter().enumerate() {
        add(&mut whole, &mut names, i as u64 + 1, &node, s);
    }
    let segments = underlay::connect(&mut whole, &mut notes);
    Ok(Joined { snapshot: whole, between: Between { segments, notes } })
}

/// The node's name, as it was given when the snapshot was taken; else that of the host.
fn node_name(s: &Snapshot, at: usize) -> String {
    let host = (!s.host.hostname.is_empty()).then(|| s.host.hostname.clone());
    s.host.node.clone().or(host).unwrap_or_else(|| format!("snapshot-{}", at + 1))
}

/// Adds a node's namespaces, with ids and names that no other node's have.
fn add(whole: &mut Snapshot, names: &mut BTreeSet<String>, number: u64, node: &str, s: Snapshot) {
    // Inode numbers have 32 bits (proc_alloc_inum); every kernel counts its own.
    let own_id = |id: NamespaceId| NamespaceId(number << 32 | id.0 & 0xffff_ffff);
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    for mut n in s.namespaces {
        n.id = own_id(n.id);
        for id in n.nsids.values_mut() {
            *id = own_id(*id);
        }
        if let Some(links) = n.links.value_mut() {
            for peer in links.iter_mut().filter_map(|l| l.peer.as_mut()) {
                peer.namespace = own_id(peer.namespace);
            }
        }
        let name = unique(&n, node, names);
        renamed.insert(std::mem::replace(&mut n.name, name.clone()), name.clone());
        names.insert(name);
        if n.own && n.owner.is_none() {
            n.owner = Some(Owner::Node { node: node.to_owned() });
        }
        n.node.get_or_insert_with(|| node.to_owned());
        whole.namespaces.push(n);
    }
    whole.gaps.extend(s.gaps.into_iter().map(|gap| match gap.split_once(": ") {
        Some((name, rest)) if renamed.contains_key(name) => format!("{}: {rest}", renamed[name]),
        _ => format!("{node}: {gap}"),
    }));
}

/// A node's own namespace bears the node's name; others keep theirs where no other node has it.
fn unique(n: &Namespace, node: &str, names: &BTreeSet<String>) -> String {
    let name = if n.own && n.name == "host" { node.to_owned() } else { n.name.clone() };
    if names.contains(&name) { format!("{node}/{name}") } else { name }
}

#[cfg(test)]
mod tests;
