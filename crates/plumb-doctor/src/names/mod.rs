//! Names as a client looks them up: with its own resolv.conf, hosts file and nsswitch.conf, by the rules of glibc.
//!
//! The look-up is a flow of its own: [`plan`] says what is asked and whom, [`servers`] walks to each server, [`timing`] adds
//! up what the client waits, [`resolve`] makes an answer of it, [`answer`] a report together with the flow that follows.
//! [`state`] is what a check can say of a namespace's files without any name.

pub mod answer;
pub mod ask;
mod causes;
pub mod finding;
mod heard;
mod objects;
mod order;
pub mod plan;
pub mod report;
pub mod resolve;
pub mod servers;
pub mod state;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_state;
pub mod timing;

use std::net::IpAddr;

use plumb_trace::session::{Flow, Origin, Transport};

pub use answer::{diagnose, flow_question, trace};
pub use finding::{NAME_KINDS, NameFinding};
pub use resolve::{Resolution, resolve};

use crate::messages::Lang;

/// A question about a flow whose destination is a name.
#[derive(Clone, Debug)]
pub struct NameQuestion {
    /// The name that is dialled.
    pub name: String,
    /// The flow that follows, its address not known yet.
    pub flow: Flow,
    /// FROM as it was asked.
    pub from: String,
    /// Language of the sentences.
    pub lang: Lang,
}

impl NameQuestion {
    /// The flow to a name server.
    #[must_use]
    pub fn to_server(&self, server: IpAddr, transport: Transport) -> Flow {
        Flow { transport, dst: server, port: DNS, source_port: None, bytes: None, ..self.flow }
    }
}

/// Port of name servers (RFC 1035, 4.2).
pub const DNS: u16 = 53;

/// Who can say what name servers answer.
#[derive(Clone, Copy, Default)]
pub struct Told<'a> {
    /// The names of the client's cluster.
    pub cluster: Option<Cluster<'a>>,
    /// Asks servers for real.
    pub ask: Option<ask::Asker<'a>>,
}

/// The names of a cluster, from the objects of its API.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'a> {
    /// Every name.
    pub zone: &'a plumb_dns::Zone,
    /// Addresses of the name servers that serve them.
    pub servers: &'a [IpAddr],
}

/// Why a name cannot be looked up at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The client is outside of what was read.
    #[error("{address} is outside of what was read: how it resolves names is not known")]
    Outside {
        /// Its address.
        address: IpAddr,
    },
}

/// The namespace whose files the client uses.
fn client(origin: &Origin) -> Result<usize, NameError> {
    match *origin {
        Origin::Process { ns, .. } => Ok(ns),
        Origin::Outside { source, .. } => Err(NameError::Outside { address: source }),
    }
}
