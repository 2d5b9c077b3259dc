//! How branches end, and whether two ends are the same.

use smallvec::SmallVec;

use super::ChainEnd;
use super::branch::Branch;
use crate::event::Stop;
use crate::share::Share;
use crate::state::State;

/// Ends of a run, with their states.
pub(super) type Ends = SmallVec<[(State, ChainEnd); 1]>;

/// Where branches of a nested run came to.
pub(super) enum Out {
    End(Branch, ChainEnd),
    Joined(Branch),
}

/// What was in doubt counts if the packet passes, and not if something sure drops it anyway.
pub(super) fn settle(branch: &mut Branch, end: &ChainEnd) {
    if *end == ChainEnd::Accept {
        let doubts = std::mem::take(&mut branch.doubts);
        for doubt in doubts {
            name(&mut branch.state, doubt);
        }
    }
}

/// Adds an unknown thing to those that a branch passed.
pub(super) fn name(state: &mut State, unknown: u32) {
    let list = &mut state.world.unknowns;
    if let Err(at) = list.binary_search(&unknown) {
        list.insert(at, unknown);
    }
}

pub(super) fn merge_ends(outs: Vec<Out>) -> Ends {
    let mut ends: Ends = SmallVec::new();
    for out in outs {
        let (mut branch, end) = match out {
            Out::End(branch, end) => (branch, end),
            Out::Joined(branch) => (branch, ChainEnd::Accept),
        };
        settle(&mut branch, &end);
        match ends.iter_mut().find(|(s, e)| *e == end && s.same(&branch.state)) {
            Some((s, _)) => s.share = s.share + branch.state.share,
            None => ends.push((branch.state, end)),
        }
    }
    ends
}

pub(super) fn accepted(outs: &[Out]) -> Share {
    outs.iter()
        .filter_map(|o| match o {
            Out::End(b, ChainEnd::Accept) | Out::Joined(b) => Some(b.state.share),
            Out::End(..) => None,
        })
        .sum()
}

/// Whether two lists of ends mean the same for the packet: the same mass in the same states, whoever dropped it.
pub(super) fn alike(a: &[Out], b: &[Out]) -> bool {
    fn same(a: &Out, b: &Out) -> bool {
        match (a, b) {
            (Out::Joined(a), Out::Joined(b)) => a.same(b),
            (
                Out::End(_, ChainEnd::Stop(Stop::Dropped { .. })),
                Out::End(_, ChainEnd::Stop(Stop::Dropped { .. })),
            ) => true,
            (Out::End(a, x), Out::End(b, y)) => x == y && a.doubts == b.doubts && a.state.same(&b.state),
            _ => false,
        }
    }
    let share = |o: &Out| match o {
        Out::End(b, _) | Out::Joined(b) => b.state.share,
    };
    let mass = |list: &[Out], like: &Out| -> Share { list.iter().filter(|o| same(o, like)).map(share).sum() };
    a.iter().chain(b).all(|o| mass(a, o) == mass(b, o))
}
