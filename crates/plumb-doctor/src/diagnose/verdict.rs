//! Outcome, stage and errno, once unknown things are weighed.

use plumb_trace::Network;
use plumb_trace::event::{Event, Stop};
use plumb_trace::session::{Errno, Exchange, Outcome, Reaction, Stage};

use super::{Question, Walked, copies};
use crate::messages;
use crate::place;
use crate::report::{Assumption, UnknownReport};

/// What is said of a walk.
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    pub(crate) stage: Option<Stage>,
    pub(crate) errno: Option<Errno>,
    pub(crate) success: f64,
    pub(crate) unknowns: Vec<UnknownReport>,
    pub(crate) assumptions: Vec<Assumption>,
}

/// The unknown things that a branch was let through by.
pub(super) fn met(e: &Exchange) -> Vec<u32> {
    let mut list: Vec<u32> = e.world.unknowns.to_vec();
    let events = e.request.state.history.events();
    // A call that failed with EPERM had its answer before any other came.
    let answered = !matches!(e.reaction, Reaction::Error(Errno::Eperm));
    let response = e.response.iter().filter(|_| answered).flat_map(|r| r.end.state.history.events());
    for event in events.into_iter().chain(response) {
        if let Event::Unknown { unknown } = event
            && !list.contains(unknown)
        {
            list.push(*unknown);
        }
    }
    list
}

pub(crate) fn verdict(net: &Network, q: &Question, walked: &Walked) -> Verdict {
    let a = &walked.attempt;
    // An unknown thing that drops instead ends in silence: it matters where the walk ends otherwise.
    let mut open: Vec<u32> = a
        .branches
        .iter()
        .filter(|b| b.outcome != Outcome::TimesOut)
        .flat_map(|b| b.last().map(met).unwrap_or_default())
        .collect();
    open.sort_unstable();
    open.dedup();
    let mut unknowns: Vec<UnknownReport> = open
        .iter()
        .filter_map(|&i| walked.unknowns.get(i as usize))
        .map(|u| UnknownReport {
            place: place::unknown(net, u),
            reason: messages::unknown(q.lang, &u.what),
            if_passes: a.outcome.name().to_owned(),
        })
        .collect();
    let (mut assumptions, mut stuck) = (Vec::new(), false);
    for b in a.branches.iter().filter(|b| b.outcome == Outcome::Unknown) {
        stuck = true;
        let Some(last) = b.last() else { continue };
        let stop = last.response.as_ref().map_or(&last.request.stop, |r| &r.end.stop);
        match innermost(stop) {
            Stop::LeavesSnapshot { ns, device } => {
                let (n, d) = (net.namespace(*ns).name.clone(), net.device_name(*ns, *device));
                assumptions.push(messages::beyond(q.lang, &n, &d));
            }
            Stop::Unmodelled { ns, what } => unknowns.push(UnknownReport {
                place: place::namespace(net, *ns),
                reason: messages::unknown(q.lang, what),
                if_passes: Outcome::Unknown.name().to_owned(),
            }),
            _ => {}
        }
    }
    assumptions.extend(copies::assumed(net, a, q.lang));
    assumptions.dedup();
    unknowns.dedup();
    let unknown = stuck || !open.is_empty();
    if unknown {
        return Verdict {
            outcome: Outcome::Unknown,
            stage: None,
            errno: None,
            success: 0.0,
            unknowns,
            assumptions,
        };
    }
    Verdict {
        outcome: a.outcome,
        stage: a.stage,
        errno: a.errno,
        success: a.success.rounded(),
        unknowns,
        assumptions,
    }
}

fn innermost(stop: &Stop) -> &Stop {
    match stop {
        Stop::NeighbourFailed { why: plumb_trace::event::NoAnswer::Lost { stop, .. }, .. } => innermost(stop),
        other => other,
    }
}
