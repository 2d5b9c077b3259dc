//! Faults: what breaks in real clusters, made on purpose.
//!
//! A fault is a list of [`Act`]s, worked out from a snapshot of the lab: changes, of the type that a remedy is made of, and
//! what the lab's own servers and clients do. Its number is that of the fault catalogue. Each names the flow that it breaks and what the client of that flow then sees,
//! so that it can be tried: `plumb lab probe FROM TO` before and after.

mod act;
mod addresses;
mod firewall;
mod leftovers;
mod link;
pub mod look_alike;
mod names;
mod neighbour;
mod netfilter;
mod queues;
mod routing;
mod scene;
mod servers;
mod service;
mod sizes;
mod socket;
mod undo;

use plumb_model::Snapshot;
use serde::{Deserialize, Serialize};

pub use act::{Act, Deed};
pub use scene::Scene;
pub(crate) use undo::{readable, undo};

use crate::client::{Outcome, Payload};
use crate::topology::{PortProtocol, Topology};

/// What a fault is made at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A pod that serves: `NAMESPACE/NAME`.
    Server,
    /// A pod whose own connections break: `NAMESPACE/NAME`.
    Client,
    /// A service: its name.
    Service,
}

impl TargetKind {
    /// What stands for it in `plumb lab break ID TARGET`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Server | Self::Client => "pod:NAMESPACE/NAME",
            Self::Service => "svc:NAME",
        }
    }
}

/// A fault that can be made.
#[derive(Clone, Copy, Serialize)]
pub struct Fault {
    /// Number in the catalogue.
    pub id: &'static str,
    /// Name.
    pub name: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What it is made at.
    pub target: TargetKind,
    #[serde(skip)]
    make: fn(&Scene<'_>) -> Result<Made, String>,
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fault").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A flow that a fault breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Who asks: `pod:NAMESPACE/NAME`.
    pub from: String,
    /// What is asked: `ADDRESS:PORT`.
    pub to: String,
    /// What the client sees while the fault is there.
    pub outcome: Outcome,
    /// Whether it connects only late: what is lost is sent again.
    #[serde(default)]
    pub late: bool,
    /// What the client must send and receive to see it, where it takes more than a handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Payload>,
    /// The port that the client must bind to see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    /// What it speaks, where the topology serves nothing at its destination; TCP otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<PortProtocol>,
    /// Whether only servers can tell why, once they are asked (`plumb diagnose --probe`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
    /// What its client does between two readings of counters, where only those tell (`plumb check --interval`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meanwhile: Option<Meanwhile>,
}

/// Connections or datagrams that make counters move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meanwhile {
    /// What is asked: `ADDRESS:PORT`.
    pub to: String,
    /// Over which protocol.
    pub protocol: PortProtocol,
    /// How many.
    pub connections: u32,
}

impl Flow {
    /// A flow whose client only connects, from any port.
    #[must_use]
    pub fn new(from: String, to: String, outcome: Outcome) -> Self {
        Self {
            from,
            to,
            outcome,
            late: false,
            bytes: None,
            source_port: None,
            protocol: None,
            asked: false,
            meanwhile: None,
        }
    }

    /// One that connects late.
    #[must_use]
    pub fn late(self) -> Self {
        Self { late: true, ..self }
    }

    /// One with a payload.
    #[must_use]
    pub fn with_bytes(self, up: u32, down: u32) -> Self {
        Self { bytes: Some(Payload { up, down }), ..self }
    }

    /// One from this port.
    #[must_use]
    pub fn from_port(self, port: u16) -> Self {
        Self { source_port: Some(port), ..self }
    }

    /// One that speaks this.
    #[must_use]
    pub fn over(self, protocol: PortProtocol) -> Self {
        Self { protocol: Some(protocol), ..self }
    }

    /// One that only counters explain, while its client asks this.
    #[must_use]
    pub fn meanwhile(self, to: String, protocol: PortProtocol, connections: u32) -> Self {
        Self { meanwhile: Some(Meanwhile { to, protocol, connections }), ..self }
    }

    /// One that only servers can explain.
    #[must_use]
    pub fn asked(self) -> Self {
        Self { asked: true, ..self }
    }

    /// The options of `plumb diagnose` that ask about it.
    #[must_use]
    pub fn question(&self) -> String {
        let asked = if self.asked { " --probe" } else { "" };
        format!("{}{asked}", self.options())
    }

    /// The options of `plumb lab probe` that ask about it.
    #[must_use]
    pub fn options(&self) -> String {
        let bytes = self.bytes.map(|b| format!(" --bytes {b}")).unwrap_or_default();
        let port = self.source_port.map(|p| format!(" --source-port {p}")).unwrap_or_default();
        let protocol = self.protocol.map(|p| format!(" --protocol {}", p.word())).unwrap_or_default();
        format!("{protocol}{bytes}{port}")
    }
}

/// What a fault comes to in one lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What must be done, in this order.
    pub acts: Vec<Act>,
    /// A flow that breaks.
    pub flow: Flow,
    /// What it does here, in words.
    pub effect: String,
}

/// Every fault that this version can make, in the catalogue's order.
#[must_use]
pub fn all() -> Vec<Fault> {
    let mut all = Vec::new();
    all.extend_from_slice(link::FAULTS);
    all.extend_from_slice(addresses::FAULTS);
    all.extend_from_slice(neighbour::FAULTS);
    all.extend_from_slice(routing::FAULTS);
    all.extend_from_slice(netfilter::FAULTS);
    all.extend_from_slice(firewall::FAULTS);
    all.extend_from_slice(service::FAULTS);
    all.extend_from_slice(sizes::FAULTS);
    all.extend_from_slice(servers::FAULTS);
    all.extend_from_slice(socket::FAULTS);
    all.extend_from_slice(names::FAULTS);
    all.extend_from_slice(queues::FAULTS);
    all.extend_from_slice(leftovers::FAULTS);
    all
}

/// The fault with this number, however it is written.
#[must_use]
pub fn find(id: &str) -> Option<Fault> {
    all().into_iter().find(|f| f.id.eq_ignore_ascii_case(id))
}

impl Fault {
    /// Works out what must be changed in this lab. `target` is a pod's or service's name, with or without `pod:` and
    /// `svc:`; the first that fits where it is `None`.
    ///
    /// # Errors
    /// Why it cannot be made here: no such target, nothing there to break.
    pub fn plan(
        &self,
        topology: &Topology,
        snapshot: &Snapshot,
        target: Option<&str>,
    ) -> Result<(String, Made), String> {
        let scene = Scene::new(topology, snapshot, self.target, target)?;
        Ok((scene.target(), (self.make)(&scene)?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_number_is_there_once() {
        let all = super::all();
        let ids: BTreeSet<_> = all.iter().map(|f| f.id).collect();
        assert_eq!(ids.len(), all.len());
        assert!(all.len() >= 45);
        assert_eq!(super::find("f01").map(|f| f.id), Some("F01"));
    }

    #[test]
    fn the_manual_names_every_fault() {
        let manual = include_str!("../../../../docs/lab.md");
        for fault in super::all() {
            let row = format!("| {} {} | {} |", fault.id, fault.name, fault.does);
            assert!(manual.contains(&row), "docs/lab.md lacks: {row}");
        }
    }
}
