//! Reach: every pair that should connect is walked, and what fails is grouped by cause and place.
//!
//! 1. [`pairs`] lists what is asked: sources, targets, and how many pairs one walk answers for; on a plain host
//!    [`frontends`] adds what rules lead elsewhere.
//! 2. [`answers`] walks them.
//! 3. [`causes`] takes the largest group of failures, names its cause, mends that in the model and walks what failed again,
//!    until nothing fails or nothing helps. A cause counts the pairs whose failure its cure changed.

mod answers;
mod arrived;
mod causes;
mod classes;
mod consequences;
mod dns;
mod expect;
mod fault;
mod forbidden;
mod frontends;
mod meant;
mod mentions;
mod overridden;
mod pairs;
mod stale;
mod translated;
mod unknowns;
mod whole_service;

use plumb_model::Snapshot;
use plumb_trace::Network;

use answers::Answer;
pub(super) use fault::REFINED;
pub(super) use forbidden::object;

use super::Sharing;
use super::policies::Judges;
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
    pub(crate) pairs_forbidden: u64,
    pub(crate) walks: u64,
    /// What was asked for with `--expect` cannot be told of some flow.
    pub(crate) expectations_open: bool,
    /// Namespaces whose rules lead more elsewhere than was asked for.
    pub(crate) cut: Vec<usize>,
}

/// Asks for every pair of the yardstick. `progress` is told how many of how many walks are done.
pub(crate) fn reach(
    snapshot: &Snapshot,
    net: &Network,
    yardstick: &Yardstick,
    judges: &Judges,
    lang: Lang,
    sharing: Sharing,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Reached {
    let mut asked = pairs::pairs(net, yardstick, judges, sharing);
    let mut answers = answers::answers(net, &asked, progress);
    let translated = arrived::revise(net, (yardstick, judges), &mut asked, &mut answers, lang);
    let sum = |counts: &dyn Fn(&Answer) -> bool| {
        asked.asks.iter().zip(&answers).filter(|(_, a)| counts(a)).map(|(ask, _)| ask.count).sum()
    };
    let forbidden = asked.asks.iter().enumerate().filter(|(i, _)| asked.expected(*i).is_forbidden());
    let forbidden = forbidden.map(|(_, ask)| ask.count).sum();
    let mut reached = Reached {
        cut: asked.cut.clone(),
        pairs: sum(&|_| true),
        pairs_broken: sum(&Answer::needs_cause),
        pairs_unknown: sum(&Answer::is_unknown),
        pairs_forbidden: forbidden,
        walks: asked.asks.len() as u64,
        ..Reached::default()
    };
    reached.findings = causes::causes(snapshot, net, (yardstick, judges), &asked, &answers, lang);
    // On a plain host a translation between two namespaces may be meant.
    if !yardstick.plain_host {
        reached.findings.extend(translated::translated(net, &asked, &answers, lang));
    }
    reached.findings.extend(forbidden::not_enforced(net, &asked, &answers, lang));
    reached.findings.extend(translated);
    reached.findings.extend(overridden::overridden(judges, &asked, &answers, lang));
    let (unmet, open) = expect::expectations(snapshot, net, yardstick, lang);
    reached.findings.extend(unmet);
    reached.expectations_open = open;
    (reached.unknowns, reached.assumptions) = unknowns::unknowns(net, &asked, &answers, lang);
    let (unknowns, assumptions) = forbidden::left_open(&asked, &answers, lang);
    reached.unknowns.extend(unknowns);
    reached.assumptions.extend(assumptions);
    reached
}
