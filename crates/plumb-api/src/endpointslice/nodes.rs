//! Nodes, as far as endpoints need them: that they exist, and their zones.

use std::collections::HashMap;

use crate::objects::{Node, label};

/// The nodes that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes(HashMap<Box<str>, Option<Box<str>>>);

impl Nodes {
    /// Adds a node or takes over its labels. Whether that changes anything for endpoints.
    pub fn insert(&mut self, node: &Node) -> bool {
        let zone = node.metadata.label(label::ZONE).filter(|z| !z.is_empty()).map(Into::into);
        self.0.insert(node.metadata.name.clone(), zone.clone()) != Some(zone)
    }

    /// Takes a node away. Whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// Whether none is known: then nobody tells of nodes, and Pods are not asked for theirs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the node is known.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The node's zone.
    #[must_use]
    pub fn zone(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_deref()
    }
}

impl<'a> FromIterator<&'a Node> for Nodes {
    fn from_iter<T: IntoIterator<Item = &'a Node>>(nodes: T) -> Self {
        let mut all = Self::default();
        for node in nodes {
            all.insert(node);
        }
        all
    }
}
