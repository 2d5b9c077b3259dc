//! What a scenario stands on: namespaces that shell commands then fill, or a lab.

use std::collections::BTreeMap;

use plumb_lab::{LabError, Topology};

use crate::error::Result;
use crate::netns::{Namespace, unique_prefix};
use crate::scenario::{Break, Network, Scenario};

/// A network's namespaces; they go with this value.
#[derive(Debug)]
pub enum Built {
    /// Made one by one, by the names that the scenario has for them.
    Namespaces(BTreeMap<String, Namespace>),
    /// A lab.
    Lab(Box<Lab>),
}

impl Built {
    /// Makes the namespaces of a scenario and of the network it starts from, or brings its lab up.
    pub fn new(scenario: &Scenario, network: Option<&Network>) -> Result<Self> {
        if let Some(topology) = &scenario.lab {
            return Ok(Self::Lab(Box::new(Lab::up(topology)?)));
        }
        let prefix = unique_prefix();
        let shared = network.into_iter().flat_map(|n| &n.namespaces);
        let make = |name: &String| Ok((name.clone(), Namespace::create(format!("{prefix}{name}"))?));
        shared.chain(&scenario.namespaces).map(make).collect::<Result<_>>().map(Self::Namespaces)
    }

    /// The real name of the namespace that a scenario calls `name`; `None` where there is none.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<String> {
        match self {
            Self::Namespaces(all) => all.get(name).map(|n| n.name().to_owned()),
            Self::Lab(lab) => plumb_lab::namespace(&lab.topology, name).ok(),
        }
    }

    /// The variable of every namespace in shell commands, with its real name.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        match self {
            Self::Namespaces(all) => {
                all.iter().map(|(n, real)| (n.clone(), real.name().to_owned())).collect()
            }
            Self::Lab(lab) => lab.variables(),
        }
    }

    /// Makes faults of the lab's catalogue, in this order.
    pub fn break_(&self, faults: &[Break]) -> Result<()> {
        let Self::Lab(lab) = self else { return Ok(()) };
        for fault in faults {
            plumb_lab::break_(&lab.topology.name, &fault.id, fault.target.as_deref())?;
        }
        Ok(())
    }

    /// Undoes a fault of the lab's catalogue.
    pub fn heal(&self, id: &str) -> Result<()> {
        let Self::Lab(lab) = self else { return Ok(()) };
        plumb_lab::heal(&lab.topology.name, Some(id))?;
        Ok(())
    }
}

/// A lab that runs.
#[derive(Debug)]
pub struct Lab {
    topology: Topology,
}

impl Lab {
    /// Brings it up under a name that no other run uses.
    fn up(topology: &Topology) -> Result<Self> {
        let prefix = unique_prefix();
        let topology = topology.clone().renamed(prefix.trim_end_matches('-')).map_err(LabError::from)?;
        // The guard first: what is left of an attempt that fails goes too.
        let lab = Self { topology };
        plumb_lab::up(&lab.topology, &mut |_| {})?;
        Ok(lab)
    }

    /// `$node_1`, `$default_web_0`, `$outside`, `$underlay`: the real name without the lab's, for a shell.
    fn variables(&self) -> Vec<(String, String)> {
        let topology = &self.topology;
        let around = [topology.underlay_namespace(), topology.outside_namespace()];
        let nodes = topology.nodes.iter().map(|n| topology.node_namespace(&n.name));
        let pods = topology.pods.iter().map(|p| topology.pod_namespace(p));
        let own = topology.name.len() + 1;
        let variable = |real: &String| real.chars().skip(own).collect::<String>().replace('-', "_");
        around.into_iter().chain(nodes).chain(pods).map(|real| (variable(&real), real)).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let name = &self.topology.name;
        if plumb_lab::labs().contains(name)
            && let Err(error) = plumb_lab::down(name)
        {
            eprintln!("taking down lab {name}: {error}");
        }
    }
}
