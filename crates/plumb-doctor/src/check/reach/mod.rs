//! Reach: every pair that should connect is walked, and what fails is grouped by cause and place.
//!
//! 1. [`pairs`] lists what is asked: sources, targets, and how many pairs one walk answers for.
//! 2. [`answers`] walks them.
//! 3. [`causes`] takes the largest group of failures, names its cause, mends that in the model and walks what failed again,
//!    until nothing fails or nothing helps. A cause counts the pairs whose failure its cure changed.

mod answers;
mod causes;
mod expect;
mod fault;
mod pairs;
mod unknowns;

use plumb_model::Snapshot;
use plumb_trace::Network;

use super::report::CheckFinding;
use super::yardstick::Yardstick;
use crate::messages::Lang;
use crate::report::{Assumption, UnknownReport};

/// What reach found.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    pub(crate) findings: Vec<CheckFinding>,
    pub(crate) unknowns: Vec<UnknownReport>,
    pub(crate) assumptions: Vec<Assumption>,
    pub(crate) pairs: u64,
    pub(crate) pairs_unknown: u64,
    pub(crate) walks: u64,
}

/// Asks for every pair of the yardstick. `progress` is told how many of how many walks are done.
pub(crate) fn reach(
    snapshot: &Snapshot,
    net: &Network,
    yardstick: &Yardstick,
    lang: Lang,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Reached {
    let asked = pairs::pairs(net, yardstick);
    let answers = answers::answers(net, &asked, progress);
    let mut reached = Reached {
        pairs: asked.asks.iter().map(|a| a.count).sum(),
        pairs_unknown: asked
            .asks
            .iter()
            .zip(&answers)
            .filter(|(_, a)| a.is_unknown())
            .map(|(a, _)| a.count)
            .sum(),
        walks: asked.asks.len() as u64,
        ..Reached::default()
    };
    reached.findings = causes::causes(snapshot, yardstick, &asked, &answers, lang);
    reached.findings.extend(causes::translated(net, &asked, &answers, lang));
    reached.findings.extend(expect::expectations(snapshot, net, yardstick, lang));
    (reached.unknowns, reached.assumptions) = unknowns::unknowns(net, &asked, &answers, lang);
    reached
}
