//! Running a case: all ways, and what each found.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::case::Case;
use super::loaded::Loaded;
use super::network::{self, Network};
use super::packets::Sender;
use super::{intent, walk};
use crate::error::{Failure, Result};

/// A way of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The decision of the intent.
    Intent,
    /// The walk over the kernel's ruleset.
    Walk,
    /// Packets.
    Packets,
}

impl Way {
    /// All.
    pub const ALL: [Self; 3] = [Self::Intent, Self::Walk, Self::Packets];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Intent => "intent",
            Self::Walk => "walk",
            Self::Packets => "packets",
        })
    }
}

/// What cases run on, and how they came out.
#[derive(Debug)]
pub struct Runner {
    processors: Vec<usize>,
    built: AtomicUsize,
    /// Networks that no case is running on, each with the processor that it keeps to.
    idle: Mutex<Vec<(usize, Network)>>,
    /// Flows that were asked about, and those whose answer was right, by way.
    tally: [[AtomicU32; 2]; Way::ALL.len()],
}

impl Runner {
    /// Nothing is built yet.
    pub fn new() -> Result<Self> {
        Ok(Self {
            processors: network::processors()?,
            built: AtomicUsize::new(0),
            idle: Mutex::default(),
            tally: Default::default(),
        })
    }

    /// As many cases as make sense at a time.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.processors.len().max(1)
    }

    /// Runs a case.
    pub fn run(&self, case: &Case) -> Result<()> {
        let mut differences = Vec::new();
        let mut note = |way: Way, found: Vec<(String, Vec<String>)>| {
            for (flow, found) in found {
                self.count(way, found.is_empty());
                differences.extend(found.into_iter().map(|d| format!("{way}: {flow}: {d}")));
            }
        };
        note(Way::Intent, intent::flows(case)?);
        let (processor, mut network) = self.network()?;
        network::keep_to(processor)?;
        network.prepare(case)?;
        let mut loaded = Loaded::new(case, &network)?;
        note(Way::Walk, walk::flows(case, &network)?);
        let mut sender = Sender::new(case, &network);
        note(Way::Packets, sender.flows(&loaded)?);
        if let Some(sequence) = &case.sequence {
            loaded = Loaded::new(case, &network)?;
            note(Way::Packets, vec![("sequence".to_owned(), sender.sequence(sequence, &mut loaded)?)]);
        }
        self.lock().push((processor, network));
        Failure::unless_same(format!("case {}", case.name), differences)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(usize, Network)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A network for one case. One on which a case ended with an error is not used again.
    fn network(&self) -> Result<(usize, Network)> {
        if let Some(idle) = self.lock().pop() {
            return Ok(idle);
        }
        let turn = self.built.fetch_add(1, Ordering::Relaxed) % self.threads();
        Ok((self.processors.get(turn).copied().unwrap_or(0), Network::build()?))
    }

    fn count(&self, way: Way, right: bool) {
        let [asked, good] = &self.tally[way as usize];
        asked.fetch_add(1, Ordering::Relaxed);
        good.fetch_add(u32::from(right), Ordering::Relaxed);
    }
}

impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (way, [asked, right]) in Way::ALL.iter().zip(&self.tally) {
            let (asked, right) = (asked.load(Ordering::Relaxed), right.load(Ordering::Relaxed));
            writeln!(f, "{way}: {right} of {asked} flows as they must be")?;
        }
        Ok(())
    }
}
