//! Reach: every pair that should connect is walked, and what fails is grouped by cause and place.
//!
//! 1. [`pairs`] lists what is asked: sources, targets, and how many pairs one walk answers for.
//! 2. [`answers`] walks them.
//! 3. [`causes`] takes the largest group of failures, names its cause, mends that in the model and walks what failed again,
//!    until nothing fails or nothing helps. A cause counts the pairs whose failure its cure changed.

mod answers;
mod causes;
mod classes;
mod consequences;
mod expect;
mod fault;
mod mentions;
mod pairs;
mod translated;
mod unknowns;
mod whole_service;

use plumb_model::Snapshot;
use plumb_trace::Network;

use answers::Answer;
pub(super) use fault::REFINED;

use super::Sharing;
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
    pub(crate) pairs_broken: u64,
    pub(crate) pairs_unknown: u64,
    pub(crate) walks: u64,
}

/// Asks for every pair of the yardstick. `progress` is told how many of how many walks are done.
pub(crate) fn reach(
    snapshot: &Snapshot,
    net: &Network,
    yardstick: &Yardstick,
    lang: Lang,
    sharing: Sharing,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Reached {
    let asked = pairs::pairs(net, yardstick, sharing);
    let answers = answers::answers(net, &asked, progress);
    let sum = |counts: &dyn Fn(&Answer) -> bool| {
        asked.asks.iter().zip(&answers).filter(|(_, a)| counts(a)).map(|(ask, _)| ask.count).sum()
    };
    let mut reached = Reached {
        pairs: sum(&|_| true),
        pairs_broken: sum(&Answer::needs_cause),
        pairs_unknown: sum(&Answer::is_unknown),
        walks: asked.asks.len() as u64,
        ..Reached::default()
    };
    reached.findings = causes::causes(snapshot, net, yardstick, &asked, &answers, lang);
    reached.findings.extend(translated::translated(net, &asked, &answers, lang));
    reached.findings.extend(expect::expectations(snapshot, net, yardstick, lang));
    (reached.unknowns, reached.assumptions) = unknowns::unknowns(net, &asked, &answers, lang);
    reached
}
