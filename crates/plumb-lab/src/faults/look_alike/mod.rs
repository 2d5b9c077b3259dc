//! What looks like a fault and is not: a state with the fault's own signs in which nothing is wrong, or in which the same
//! client sees the same for another reason.
//!
//! Whoever names the fault where only its look-alike is has looked at the sign and not at what it does: a drop rule that
//! nothing meets, a route that a longer prefix covers, a mark that no rule asks for.

mod addresses;
mod leftovers;
mod links;
mod names;
mod queues;
mod routes;
mod rules;
mod servers;
mod services;
mod sizes;
mod sockets;

use plumb_model::Snapshot;
use serde::Serialize;

use super::{Fault, Made, Scene, TargetKind};
use crate::topology::Topology;

/// A state that looks like a fault.
#[derive(Clone, Copy, Serialize)]
pub struct LookAlike {
    /// Number of the fault that it looks like.
    pub of: &'static str,
    /// What it does.
    pub does: &'static str,
    /// The fault that it is, by its number in the catalogue; `None` where nothing is wrong.
    pub is: Option<&'static str>,
    /// What it is made at.
    pub target: TargetKind,
    #[serde(skip)]
    make: fn(&Scene<'_>) -> Result<Made, String>,
}

impl std::fmt::Debug for LookAlike {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LookAlike").field("of", &self.of).finish_non_exhaustive()
    }
}

/// Every look-alike, in no particular order.
#[must_use]
pub fn all() -> Vec<LookAlike> {
    [
        links::ALL,
        addresses::ALL,
        routes::ALL,
        rules::ALL,
        services::ALL,
        sockets::ALL,
        sizes::ALL,
        servers::ALL,
        names::ALL,
        queues::ALL,
        leftovers::ALL,
    ]
    .concat()
}

impl Fault {
    /// What looks like this fault and is not.
    #[must_use]
    pub fn look_alike(&self) -> Option<LookAlike> {
        all().into_iter().find(|l| l.of == self.id)
    }
}

impl LookAlike {
    /// Works out what must be changed in this lab, as [`Fault::plan`] does. The flow that it names sees what its outcome
    /// says: it connects where nothing is wrong.
    ///
    /// # Errors
    /// Why it cannot be made here: no such target, nothing there to change.
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

    use super::super::find;

    #[test]
    fn each_is_of_a_fault_that_the_lab_makes_and_is_another() {
        let all = super::all();
        let of: BTreeSet<_> = all.iter().map(|l| l.of).collect();
        assert_eq!(of.len(), all.len(), "one look-alike a fault");
        for one in &all {
            let does = find(one.of).and_then(|fault| fault.look_alike()).map(|l| l.does);
            assert_eq!(does, Some(one.does), "{}", one.of);
            assert!(one.is.is_none_or(|is| is != one.of && find(is).is_some()), "{}", one.of);
        }
    }

    #[test]
    fn the_manual_names_every_look_alike() {
        let manual = include_str!("../../../../../docs/lab.md");
        for one in super::all() {
            let row = format!("| {} | {} | {} |", one.of, one.does, one.is.unwrap_or("nothing"));
            assert!(manual.contains(&row), "docs/lab.md lacks: {row}");
        }
    }
}
