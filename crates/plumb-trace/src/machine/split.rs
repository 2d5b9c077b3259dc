//! Splitting a branch by the values of its draws.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use plumb_nft::CmpOp;
use smallvec::SmallVec;

use super::branch::Branch;
use super::draw::{Draw, ENUMERABLE, Sticky, Transform};
use super::eval::Step;
use super::lookup::Found;
use super::ops::Verd;
use super::regs::{Special, Why};
use super::solve::Run;
use crate::event::Event;
use crate::share::Share;

/// A word of the register file, the draw in it and what was done to that.
type DrawnWord = (usize, u8, SmallVec<[Transform; 2]>);

/// How an operation comes out for a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Yes,
    No,
    /// Something unknown decides.
    Open,
    Found(Found),
    /// A value of its own: for statements that take the number as it is.
    Value(SmallVec<[u8; 16]>),
}

/// Values of a draw for which an operation comes out alike.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub key: Key,
    /// The draws as they are in this group.
    pub draws: SmallVec<[(u8, Draw); 1]>,
    pub share: Share,
}

pub(super) type Groups = Vec<Group>;

impl Run<'_> {
    /// The draws that a range of registers depends on.
    fn draws_of(&self, b: &Branch, sreg: u8, len: usize) -> SmallVec<[u8; 2]> {
        let mut out: SmallVec<[u8; 2]> = SmallVec::new();
        for (_, special) in b.regs.specials(sreg, len) {
            if let Special::Draw { draw, .. } = special
                && !out.contains(draw)
            {
                out.push(*draw);
            }
        }
        out
    }

    /// Goes through the values of the draws in a range of registers and groups them by how the operation comes out.
    /// One group without a draw where there is none. `None`: too many values.
    pub(super) fn split_by(
        &self,
        b: &Branch,
        sreg: u8,
        len: usize,
        result: &dyn Fn(&[u8], &[u8]) -> Key,
    ) -> Option<Groups> {
        let ids = self.draws_of(b, sreg, len);
        let unknown = b.regs.unknown_bits(sreg, len);
        let mut bytes: SmallVec<[u8; 64]> = b.regs.raw(sreg, len).into();
        if ids.is_empty() {
            let key = result(&bytes, &unknown);
            return Some(vec![Group { key, draws: SmallVec::new(), share: Share::ONE }]);
        }
        let draws: SmallVec<[(u8, &Draw); 2]> =
            ids.iter().map(|id| Some((*id, b.draws.get(usize::from(*id))?))).collect::<Option<_>>()?;
        let total = draws.iter().try_fold(1_u64, |n, (_, d)| n.checked_mul(d.total()))?;
        if total > ENUMERABLE || total == 0 {
            return None;
        }
        let lists: SmallVec<[Vec<u64>; 2]> = draws.iter().map(|(_, d)| d.values().collect()).collect();
        let words: SmallVec<[DrawnWord; 2]> = b
            .regs
            .specials(sreg, len)
            .filter_map(|(w, s)| match s {
                Special::Draw { draw, transforms } => Some((w, *draw, transforms.clone())),
                Special::Unknown { .. } => None,
            })
            .collect();
        let mut found: Vec<(Key, Vec<SmallVec<[u64; 2]>>)> = Vec::new();
        let mut index: HashMap<Key, usize, FixedState> = HashMap::default();
        for n in 0..total {
            let mut rest = n;
            let mut combination: SmallVec<[u64; 2]> = SmallVec::new();
            for list in &lists {
                let count = list.len() as u64;
                combination.push(list.get((rest % count) as usize).copied()?);
                rest /= count;
            }
            for (word, id, transforms) in &words {
                let i = ids.iter().position(|x| x == id)?;
                let (_, draw) = draws.get(i)?;
                let value = draw.word(*combination.get(i)?, transforms).to_le_bytes();
                let base = (word * 4).wrapping_sub(sreg as usize);
                for (k, v) in value.into_iter().enumerate() {
                    if let Some(slot) = bytes.get_mut(base.wrapping_add(k)) {
                        *slot = v;
                    }
                }
            }
            let key = result(&bytes, &unknown);
            match index.get(&key).and_then(|i| found.get_mut(*i)) {
                Some((_, list)) => list.push(combination),
                None => {
                    index.insert(key.clone(), found.len());
                    found.push((key, vec![combination]));
                }
            }
        }
        let sticky = draws.iter().any(|(_, d)| d.sticky.is_some());
        let mut groups = Vec::new();
        for (key, list) in found {
            // Several draws in one key are told apart value by value; so are those that must come out the same
            // again, as long as they are few.
            if draws.len() > 1 || (sticky && total <= 64) {
                for combination in list {
                    let parts =
                        draws.iter().zip(&combination).map(|((id, d), v)| (*id, d.only(&[*v]))).collect();
                    let share = Share::new(1, u128::from(total));
                    groups.push(Group { key: key.clone(), draws: parts, share });
                }
            } else if let Some((id, draw)) = draws.first() {
                let mut values: Vec<u64> = list.iter().filter_map(|c| c.first().copied()).collect();
                values.sort_unstable();
                let share = Share::new(values.len() as u128, u128::from(total));
                groups.push(Group { key, draws: smallvec::smallvec![(*id, draw.only(&values))], share });
            }
        }
        Some(groups)
    }

    /// A single draw with too many values to go through, as it is or in network order, compared by conditions that
    /// must all hold.
    pub(super) fn large(
        &self,
        b: &Branch,
        sreg: u8,
        len: usize,
        conditions: &[(CmpOp, &[u8])],
    ) -> Option<Groups> {
        let (id, draw, swapped) = self.large_draw(b, sreg, len)?;
        let mut yes = vec![(0_u64, u64::from(u32::MAX))];
        let mut negated = false;
        for (op, data) in conditions {
            let word = <[u8; 4]>::try_from(*data).ok()?;
            let value = if swapped { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) };
            if !swapped && !matches!(op, CmpOp::Eq | CmpOp::Neq) {
                return None;
            }
            let value = u64::from(value.wrapping_sub(draw.offset));
            if draw.offset != 0 && !matches!(op, CmpOp::Eq | CmpOp::Neq) {
                return None;
            }
            let range = match op {
                CmpOp::Eq => Some((value, value)),
                CmpOp::Neq => {
                    negated = true;
                    Some((value, value))
                }
                CmpOp::Lt => value.checked_sub(1).map(|v| (0, v)),
                CmpOp::Lte => Some((0, value)),
                CmpOp::Gt => Some((value + 1, u64::MAX)),
                CmpOp::Gte => Some((value, u64::MAX)),
                _ => return None,
            };
            yes = yes
                .iter()
                .filter_map(|(a, b)| range.map(|(c, d)| ((*a).max(c), (*b).min(d))))
                .filter(|(a, b)| a <= b)
                .collect();
        }
        let inside = draw.within(&yes);
        let outside = draw.within(&complement(&yes));
        let (yes, no) = if negated { (outside, inside) } else { (inside, outside) };
        let total = u128::from(draw.total());
        Some(
            [(Key::Yes, yes), (Key::No, no)]
                .into_iter()
                .filter(|(_, d)| d.total() > 0)
                .map(|(key, d)| Group {
                    key,
                    share: Share::new(u128::from(d.total()), total),
                    draws: smallvec::smallvec![(id, d)],
                })
                .collect(),
        )
    }

    /// The one draw of a range of registers, if it has too many values to go through, untransformed or swapped to
    /// network order, and is all that is special there.
    pub(super) fn large_draw<'b>(&self, b: &'b Branch, sreg: u8, len: usize) -> Option<(u8, &'b Draw, bool)> {
        let mut specials = b.regs.specials(sreg, len);
        let (Some((_, Special::Draw { draw: id, transforms })), None) = (specials.next(), specials.next())
        else {
            return None;
        };
        let draw = b.draws.get(usize::from(*id))?;
        if draw.total() <= ENUMERABLE {
            return None;
        }
        let swapped = match transforms.as_slice() {
            [] => false,
            [Transform::Swap4] => true,
            _ => return None,
        };
        Some((*id, draw, swapped))
    }

    /// The branch for one group.
    pub(super) fn part(&self, b: &Branch, group: &Group) -> Branch {
        let mut part = b.clone();
        part.state.share = part.state.share * group.share;
        let rule = self.rule_of(b);
        let mut per_packet = true;
        for (id, draw) in &group.draws {
            if let Some(sticky) = draw.sticky {
                per_packet = false;
                if let Some(value) = draw.values().next() {
                    remember(&mut part, sticky, value);
                }
            }
            if let Some(slot) = part.draws.get_mut(usize::from(*id)) {
                *slot = draw.clone();
            }
        }
        if self.env.record && !group.share.is_one() {
            part.state.history.push(Event::Draw { rule: Some(rule), share: group.share, per_packet });
        }
        part
    }

    /// Makes a range of registers plainly known by splitting off every value of its draws. `None`: it is known (now).
    /// The operation is carried out again on each of the branches.
    pub(super) fn resolve(&mut self, b: &mut Branch, at: u32, sreg: u8, len: usize) -> Option<Step> {
        if b.regs.known(sreg, len) || self.draws_of(b, sreg, len).is_empty() {
            return None;
        }
        let groups =
            self.split_by(b, sreg, len, &|bytes, _| Key::Value(bytes.into())).filter(|g| g.len() <= 4096);
        let Some(groups) = groups else {
            let why: Why = "a draw with too many values to follow each".into();
            b.regs.store_unknown(sreg, len, &why);
            return None;
        };
        let mut out = Vec::with_capacity(groups.len());
        for group in groups {
            let mut part = if group.share.is_one() { b.clone() } else { self.part(b, &group) };
            if let Key::Value(bytes) = &group.key {
                let unknown = b.regs.unknown_bits(sreg, len);
                let why = b.regs.why(sreg, len).cloned().unwrap_or_else(|| "a register".into());
                part.regs.store_partly(sreg, bytes, &unknown, &why);
            }
            part.resume = Some((at, Verd::Continue));
            out.push(part);
        }
        Some(Step::Split(out))
    }

    /// Makes a new draw and stores it in a register.
    pub(super) fn draw(&mut self, b: &mut Branch, dreg: u8, draw: Draw) -> Step {
        if draw.total() == 1 {
            let value = draw.values().next().unwrap_or(0);
            if let Some(sticky) = draw.sticky {
                remember(b, sticky, value);
            }
            b.regs.store4(dreg, draw.word(value, &[]));
            return Step::Next;
        }
        let id = b.draws.len().min(255) as u8;
        b.draws.push(draw);
        b.regs.store_draw(dreg, id, SmallVec::new());
        Step::Next
    }
}

/// Keeps what a draw came to, for the next time.
pub(super) fn remember(b: &mut Branch, sticky: Sticky, value: u64) {
    let phases = &mut b.state.world.phases;
    match phases.iter_mut().find(|(rule, slot, _)| *rule == sticky.rule && *slot == sticky.slot) {
        Some((_, _, v)) => *v = value,
        None => {
            phases.push((sticky.rule, sticky.slot, value));
            phases.sort_unstable();
        }
    }
}

/// What is between the pieces, within 32 bits.
pub(super) fn complement(pieces: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut sorted = pieces.to_vec();
    sorted.sort_unstable();
    let mut out = Vec::new();
    let mut from = 0;
    for (a, b) in sorted {
        if a > from {
            out.push((from, a - 1));
        }
        from = from.max(b.saturating_add(1));
    }
    if from <= u64::from(u32::MAX) {
        out.push((from, u64::from(u32::MAX)));
    }
    out
}
