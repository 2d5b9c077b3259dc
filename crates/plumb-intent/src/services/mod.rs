//! Services of one address family.

mod choose;
mod claims;
mod decide;
mod frontend;
mod ranges;
mod slice;
mod state;
mod view;
mod why;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use plumb_api::{NamespacedName, Protocol};

pub use choose::Hint;
pub use decide::{Decision, NodePorts, Packet, Sender, Surroundings, decide, masquerades};
pub use frontend::{Class, Frontend, FrontendKey, Origin, Refusal};
pub use ranges::merged;
pub use state::{Delta, FrontendChange, Hairpin, Services};
pub use why::{Considered, PortEndpoints, Why};

use view::ServiceView;

/// The node that the intent is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeContext {
    /// Name; endpoints with this `nodeName` are local.
    pub name: Box<str>,
    /// Value of the zone label; `None` counts as a zone of no name.
    pub zone: Option<Box<str>>,
    /// The node's own addresses (primary one a family): a source range that holds one lets the load balancer's addresses in too.
    pub node_ips: Vec<IpAddr>,
}

/// A port of a Service, as the reference implementation names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortName {
    /// Service.
    pub service: Arc<NamespacedName>,
    /// Port's name; empty where it has none.
    pub port: Box<str>,
    /// Protocol: two ports may differ in it alone.
    pub protocol: Protocol,
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port.is_empty() {
            write!(f, "{}", self.service)
        } else {
            write!(f, "{}:{}", self.service, self.port)
        }
    }
}

/// Where a new connection may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Address.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
    /// On this node.
    pub local: bool,
}

/// Something in an object that cannot be served as it stands. The rest of the object is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// An address that is none.
    #[error("{object}: {field}: {value:?} is no IP address; it is left out")]
    Address {
        /// Kind and name.
        object: String,
        /// Path of the field.
        field: String,
        /// What it holds.
        value: String,
    },
    /// A range that is none.
    #[error("{object}: {field}: {value:?} is no range of addresses; it is left out")]
    Range {
        /// Kind and name.
        object: String,
        /// Path of the field.
        field: String,
        /// What it holds.
        value: String,
    },
    /// An address of the other family.
    #[error("{object}: {field}: {value} is not of the family that the object says; it is left out")]
    Family {
        /// Kind and name.
        object: String,
        /// Path of the field.
        field: String,
        /// What it holds.
        value: IpAddr,
    },
    /// Two Services want the same frontend.
    #[error("{frontend} belongs to {owner} (the older one, or the first by name); {loser} does not get it")]
    Claimed {
        /// Address, protocol and port.
        frontend: FrontendKey,
        /// Who has it.
        owner: PortName,
        /// Who does not.
        loser: PortName,
    },
}
