//! What is being done while a lab is built.

use serde::{Deserialize, Serialize};

/// A step on the way to a lab that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// What a dead supervisor left is removed.
    Clearing,
    /// Namespaces are made.
    Namespaces,
    /// They are connected.
    Links,
    /// They get addresses, routes and rules.
    Addresses,
    /// Servers are started.
    Servers,
    /// The API and the proxies are started.
    Cluster,
}

impl Step {
    /// All, in their order.
    pub const ALL: [Self; 6] =
        [Self::Clearing, Self::Namespaces, Self::Links, Self::Addresses, Self::Servers, Self::Cluster];
}
