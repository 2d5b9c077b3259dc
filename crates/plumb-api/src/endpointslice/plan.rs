//! What is to be written.

use std::fmt;

use crate::objects::{EndpointSlice, NamespacedName};

/// Slices to write, and what is to be said about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Slices that do not exist yet; their names are given already.
    pub create: Vec<EndpointSlice>,
    /// Slices that exist, as they ought to be.
    pub update: Vec<EndpointSlice>,
    /// Slices that exist and ought not to.
    pub delete: Vec<NamespacedName>,
    /// What was left out, and why.
    pub notes: Vec<Note>,
}

impl Plan {
    /// Whether nothing is to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.create.is_empty() && self.update.is_empty() && self.delete.is_empty()
    }

    pub(super) fn append(&mut self, other: Self) {
        self.create.extend(other.create);
        self.update.extend(other.update);
        self.delete.extend(other.delete);
        self.notes.extend(other.notes);
    }
}

/// Something that did not get into a slice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Note {
    /// The Pod's node does not exist.
    NodeMissing {
        /// Pod.
        pod: NamespacedName,
        /// Its node; empty where it has none.
        node: Box<str>,
    },
    /// The Pod has no port of this name and protocol.
    PortMissing {
        /// Pod.
        pod: NamespacedName,
        /// `targetPort`
        port: Box<str>,
    },
    /// Text in an Endpoints object that is no address.
    NotAnIp {
        /// Endpoints.
        endpoints: NamespacedName,
        /// The text.
        text: Box<str>,
    },
    /// An Endpoints object with more addresses than are mirrored.
    TooManyAddresses {
        /// Endpoints.
        endpoints: NamespacedName,
        /// How many were left out.
        skipped: usize,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodeMissing { pod, node } if node.is_empty() => {
                write!(f, "Pod {pod} is on no node: it becomes no endpoint; set spec.nodeName")
            }
            Self::NodeMissing { pod, node } => {
                write!(f, "Pod {pod}: there is no Node {node}, so it becomes no endpoint; add the Node")
            }
            Self::PortMissing { pod, port } => {
                write!(
                    f,
                    "Pod {pod} has no container port {port} of that protocol: its endpoint goes without; name one so"
                )
            }
            Self::NotAnIp { endpoints, text } => {
                write!(f, "Endpoints {endpoints}: {text:?} is no IP address and is not mirrored")
            }
            Self::TooManyAddresses { endpoints, skipped } => write!(
                f,
                "Endpoints {endpoints}: {skipped} addresses are not mirrored, at most {} for a set of ports are; write \
                 EndpointSlices instead",
                super::mirror::MAX_ADDRESSES
            ),
        }
    }
}
