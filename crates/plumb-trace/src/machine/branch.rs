//! A branch of a run: the state with everything that `nft_do_chain` keeps on its stack.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::draw::Draw;
use super::headers::Headers;
use super::ops::Verd;
use super::regs::Regs;
use crate::state::State;

/// `NFT_JUMP_STACK_SIZE`
pub(super) const STACK: usize = 16;

/// Where a called chain returns to: the rule after this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub chain: u32,
    pub rule: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub state: State,
    pub regs: Regs,
    pub draws: SmallVec<[Draw; 1]>,
    pub frames: SmallVec<[Frame; STACK]>,
    /// Chain, and index of the rule in all rules.
    pub chain: u32,
    pub rule: u32,
    /// In the middle of a rule: the next operation, and the verdict so far.
    pub resume: Option<(u32, Verd)>,
    /// Headers as bytes; made when first asked for.
    pub headers: Option<Box<Headers>>,
    /// Unknown things that would have dropped the packet: they count only if nothing else drops it.
    pub doubts: SmallVec<[u32; 1]>,
}

/// A place in the order in which a chain is carried out.
#[derive(Clone, Debug)]
pub(super) struct Position {
    /// Rank of the chain and index of the rule, for each call, outermost first.
    steps: SmallVec<[(u32, u32); 4]>,
    /// The next operation, within a rule.
    op: u32,
}

impl Branch {
    pub(super) fn new(state: State, chain: u32, rule: u32) -> Self {
        Self {
            state,
            regs: Regs::new(),
            draws: SmallVec::new(),
            frames: SmallVec::new(),
            chain,
            rule,
            resume: None,
            headers: None,
            doubts: SmallVec::new(),
        }
    }

    /// The packet's header bytes.
    pub(super) fn headers(&mut self) -> &Headers {
        let packet = &self.state.packet;
        self.headers.get_or_insert_with(|| Box::new(Headers::of(packet)))
    }

    /// Where it stands; `rank` gives a chain's rank.
    pub(super) fn position(&self, rank: impl Fn(u32) -> u32) -> Position {
        let mut steps: SmallVec<[(u32, u32); 4]> =
            self.frames.iter().map(|f| (rank(f.chain), f.rule)).collect();
        steps.push((rank(self.chain), self.rule));
        Position { steps, op: self.resume.map_or(0, |(op, _)| op.saturating_add(1)) }
    }

    /// Whether two branches go on alike from here.
    pub(super) fn same(&self, o: &Self) -> bool {
        self.resume.is_none()
            && o.resume.is_none()
            && self.chain == o.chain
            && self.rule == o.rule
            && self.frames == o.frames
            && self.doubts == o.doubts
            && self.state.same(&o.state)
    }
}

impl Position {
    /// What comes first is less. A rule that is still to be carried out comes before the chain that it calls.
    pub(super) fn cmp(&self, o: &Self) -> Ordering {
        let common = self.steps.iter().zip(&o.steps).map(|(a, b)| a.cmp(b)).find(|order| order.is_ne());
        if let Some(order) = common {
            return order;
        }
        // With the same steps so far, the last step of the shorter one is a rule not yet carried out, which within
        // the longer one is the rule that called.
        self.steps.len().cmp(&o.steps.len()).then(self.op.cmp(&o.op))
    }
}
