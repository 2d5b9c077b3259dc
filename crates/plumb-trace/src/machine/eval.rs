//! One operation on one branch: loads, comparisons, look-ups, and the splits that they lead to.

use plumb_nft::{CmpOp, PayloadBase};
use smallvec::SmallVec;

use super::branch::Branch;
use super::ops::{Op, Verd};
use super::regs::Special;
use super::solve::Run;
use super::split::{Groups, Key};
use crate::event::{Event, Stop};

/// What an operation did.
pub(super) enum Step {
    Next,
    Verdict(Verd),
    Stop(Stop),
    /// It came out differently for parts of the mass.
    Split(Vec<Branch>),
    /// Whether the rule goes on depends on something unknown; if it does, with this verdict.
    Maybe {
        unknown: u32,
        matched: Verd,
    },
}

/// The rule ends here without effect (`NFT_BREAK`).
pub(super) const BREAK: Step = Step::Verdict(Verd::Break);

/// Goes on where a condition holds.
#[inline]
pub(super) fn when(holds: bool) -> Step {
    if holds { Step::Next } else { BREAK }
}

/// Whether a condition holds for bytes of which some bits (the second argument) are not known.
pub(super) type Sure<'a> = &'a dyn Fn(&[u8], &[u8]) -> Option<bool>;

/// `memcmp` with one of the kernel's operators.
fn holds(op: CmpOp, left: &[u8], right: &[u8]) -> bool {
    match op {
        CmpOp::Eq => left == right,
        CmpOp::Neq => left != right,
        CmpOp::Lt => left < right,
        CmpOp::Lte => left <= right,
        CmpOp::Gt => left > right,
        CmpOp::Gte => left >= right,
        _ => false,
    }
}

/// Whether a comparison holds for every value of the unknown bits, for none, or for some.
fn holds_partly(op: CmpOp, left: &[u8], unknown: &[u8], right: &[u8]) -> Option<bool> {
    let lowest: SmallVec<[u8; 32]> = left.iter().zip(unknown).map(|(l, u)| l & !u).collect();
    let highest: SmallVec<[u8; 32]> = left.iter().zip(unknown).map(|(l, u)| l | u).collect();
    if matches!(op, CmpOp::Eq | CmpOp::Neq) {
        let differs = left.iter().zip(unknown).zip(right).any(|((l, u), r)| (l ^ r) & !u != 0);
        let sure = differs || unknown.iter().all(|u| *u == 0);
        return sure.then_some(differs == (op == CmpOp::Neq));
    }
    let (a, b) = (holds(op, &lowest, right), holds(op, &highest, right));
    (a == b).then_some(a)
}

impl Run<'_> {
    #[inline]
    pub(super) fn eval(&mut self, b: &mut Branch, at: u32, op: &Op) -> Step {
        match op {
            Op::Nop => Step::Next,
            Op::Counter => {
                if self.env.record {
                    let rule = self.rule_of(b);
                    b.state.history.push(Event::Counted { rule });
                }
                Step::Next
            }
            Op::Verdict(v) => Step::Verdict(*v),
            Op::Cmp4 { sreg, neq, mask, value } => {
                if b.regs.known(*sreg, 4) {
                    return when((b.regs.word(*sreg) & mask == *value) != *neq);
                }
                let op = if *neq { CmpOp::Neq } else { CmpOp::Eq };
                let len = mask.count_ones() as usize / 8;
                self.compare(b, at, *sreg, op, value.to_le_bytes().get(..len).unwrap_or(&[]))
            }
            Op::Cmp { sreg, op, data } => {
                if b.regs.known(*sreg, data.len()) {
                    return when(holds(*op, b.regs.raw(*sreg, data.len()), data));
                }
                self.compare(b, at, *sreg, *op, data)
            }
            Op::Range { sreg, neq, from, to } => {
                let inside = |v: &[u8]| (v >= &**from && v <= &**to) != *neq;
                if b.regs.known(*sreg, from.len()) {
                    return when(inside(b.regs.raw(*sreg, from.len())));
                }
                self.range(b, at, *sreg, *neq, from, to)
            }
            Op::Immediate { dreg, data } => {
                b.regs.store(*dreg, data);
                Step::Next
            }
            Op::Payload { dreg, base, offset, len } => {
                self.payload(b, *dreg, *base, *offset, usize::from(*len))
            }
            Op::Meta { key, dreg } => self.meta(b, *key, *dreg),
            Op::Ct { key, dreg, direction } => self.ct(b, *key, *dreg, *direction),
            Op::Mask4 { sreg, dreg, mask, xor } => {
                if b.regs.known(*sreg, 4) {
                    let v = (b.regs.word(*sreg) & mask) ^ xor;
                    b.regs.store4(*dreg, v);
                    return Step::Next;
                }
                self.mask(b, *sreg, *dreg, &mask.to_le_bytes(), &xor.to_le_bytes());
                Step::Next
            }
            Op::Lookup { set, sreg, dreg, inverted } => self.lookup(b, at, *set, *sreg, *dreg, *inverted),
            Op::Rare(expr) => self.rare(b, at, expr),
            Op::Dynset { set, expr } => self.dynset(b, at, *set, expr),
            Op::Object(object) => self.object(b, &object.0, &object.1),
            Op::ObjectMap { set, sreg } => self.object_map(b, at, *set, *sreg),
            Op::Unknown(what) => {
                let unknown = self.unknown(b, &**what);
                Step::Maybe { unknown, matched: Verd::Continue }
            }
            Op::Match(m) => self.xt_match(b, at, m),
            Op::Target(t) => self.xt_target(b, at, t),
        }
    }

    /// `(s & mask) ^ xor` where the source is not plainly known.
    pub(super) fn mask(&self, b: &mut Branch, sreg: u8, dreg: u8, mask: &[u8], xor: &[u8]) {
        let words = mask.len().div_ceil(4);
        for w in 0..words {
            let part = |v: &[u8]| {
                let mut out = [0; 4];
                for (to, from) in out.iter_mut().zip(v.iter().skip(4 * w)) {
                    *to = *from;
                }
                u32::from_le_bytes(out)
            };
            let (m, x) = (part(mask), part(xor));
            let (from, to) = (sreg as usize / 4 + w, dreg as usize / 4 + w);
            let special = b.regs.special_of(from).cloned();
            let value = (b.regs.word((from * 4) as u8) & m) ^ x;
            match special {
                None => b.regs.store4((to * 4) as u8, value),
                Some(Special::Unknown { bits, why }) => {
                    b.regs.store_partly(
                        (to * 4) as u8,
                        &value.to_le_bytes(),
                        &(bits & m).to_le_bytes(),
                        &why,
                    );
                }
                Some(Special::Draw { draw, mut transforms }) => {
                    transforms.push(super::draw::Transform::And(m));
                    transforms.push(super::draw::Transform::Xor(x));
                    b.regs.store_draw((to * 4) as u8, draw, transforms);
                }
            }
        }
    }

    /// A condition on a register that is not plainly known. `sure` says what holds for known bytes with unknown bits.
    pub(super) fn condition(
        &mut self,
        b: &mut Branch,
        at: u32,
        sreg: u8,
        len: usize,
        sure: Sure<'_>,
    ) -> Step {
        let groups = self.split_by(b, sreg, len, &|bytes, unknown| match sure(bytes, unknown) {
            Some(true) => Key::Yes,
            Some(false) => Key::No,
            None => Key::Open,
        });
        self.by_groups(b, at, sreg, len, groups)
    }

    fn by_groups(&mut self, b: &mut Branch, at: u32, sreg: u8, len: usize, groups: Option<Groups>) -> Step {
        let Some(groups) = groups else {
            let unknown = self.unknown(b, format!("{} possible values, too many to tell apart", "a draw of"));
            return Step::Maybe { unknown, matched: Verd::Continue };
        };
        let open = |run: &Self, b: &Branch| {
            let why = b.regs.why(sreg, len).map_or_else(|| "a register".to_owned(), |w| w.to_string());
            let unknown = run.unknown(b, why);
            Step::Maybe { unknown, matched: Verd::Continue }
        };
        if let [group] = groups.as_slice() {
            return match group.key {
                Key::Yes => Step::Next,
                Key::No => BREAK,
                _ => open(self, b),
            };
        }
        let mut out = Vec::with_capacity(groups.len());
        for group in groups {
            let mut part = self.part(b, &group);
            match group.key {
                Key::Yes => part.resume = Some((at + 1, Verd::Continue)),
                Key::No => part.rule += 1,
                // What is both drawn and unknown: carried on as not matching, named.
                _ => {
                    let why =
                        b.regs.why(sreg, len).map_or_else(|| "a register".to_owned(), |w| w.to_string());
                    self.pass(&mut part, why);
                    part.rule += 1;
                }
            }
            out.push(part);
        }
        Step::Split(out)
    }

    fn compare(&mut self, b: &mut Branch, at: u32, sreg: u8, op: CmpOp, data: &[u8]) -> Step {
        if let Some(groups) = self.large(b, sreg, data.len(), &[(op, data)]) {
            return self.by_groups(b, at, sreg, data.len(), Some(groups));
        }
        self.condition(b, at, sreg, data.len(), &|v, u| holds_partly(op, v, u, data))
    }

    fn range(&mut self, b: &mut Branch, at: u32, sreg: u8, neq: bool, from: &[u8], to: &[u8]) -> Step {
        if let Some(mut groups) = self.large(b, sreg, from.len(), &[(CmpOp::Gte, from), (CmpOp::Lte, to)]) {
            if neq {
                for g in &mut groups {
                    g.key = if g.key == Key::Yes { Key::No } else { Key::Yes };
                }
            }
            return self.by_groups(b, at, sreg, from.len(), Some(groups));
        }
        self.condition(b, at, sreg, from.len(), &|v, u| {
            let inside = match (holds_partly(CmpOp::Gte, v, u, from), holds_partly(CmpOp::Lte, v, u, to)) {
                (Some(false), _) | (_, Some(false)) => false,
                (Some(true), Some(true)) => true,
                _ => return None,
            };
            Some(inside != neq)
        })
    }

    /// Loads bytes of a header (`nft_payload_eval`).
    fn payload(&mut self, b: &mut Branch, dreg: u8, base: PayloadBase, offset: u32, len: usize) -> Step {
        self.load_payload(b, dreg, base, offset as usize, len)
    }
}
