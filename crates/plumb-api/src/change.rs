//! What a source of objects tells whoever keeps a view of them.

use std::fmt;

use crate::objects::{Kind, NamespacedName, Object};

/// Which object: its kind and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Kind.
    pub kind: Kind,
    /// Namespace and name; the namespace is empty for what lives in none.
    pub name: NamespacedName,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// One change of the view.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The object is new or differs from before.
    Applied(Box<Object>),
    /// The object is gone.
    Deleted(ObjectKey),
    /// All objects of this kind that existed at some moment have been told. Comes once a kind, after its first list.
    Listed(Kind),
}
