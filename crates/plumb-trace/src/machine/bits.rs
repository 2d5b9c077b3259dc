//! Bitwise operations and byte order (nft_bitwise.c, nft_byteorder.c).

use plumb_nft::{BitwiseOp, Operand};

use super::branch::Branch;
use super::compile::at as offset_of;
use super::draw::Transform;
use super::eval::Step;
use super::regs::{Special, Why};
use super::solve::Run;

impl Run<'_> {
    pub(super) fn bitwise(
        &mut self,
        b: &mut Branch,
        at: u32,
        sreg: u8,
        dreg: u8,
        len: usize,
        op: &BitwiseOp,
    ) -> Step {
        let combine = |b: &mut Branch, other: &[u8], f: fn(u8, u8) -> u8| {
            let out: smallvec::SmallVec<[u8; 32]> =
                b.regs.raw(sreg, len).iter().zip(other).map(|(a, o)| f(*a, *o)).collect();
            b.regs.store(dreg, &out);
        };
        match op {
            BitwiseOp::Bool { mask, xor } => {
                if b.regs.known(sreg, len) {
                    let out: smallvec::SmallVec<[u8; 32]> = b
                        .regs
                        .raw(sreg, len)
                        .iter()
                        .zip(&**mask)
                        .zip(&**xor)
                        .map(|((a, m), x)| (a & m) ^ x)
                        .collect();
                    b.regs.store(dreg, &out);
                } else {
                    let mut whole = mask.to_vec();
                    whole.resize(len, 0);
                    self.mask(b, sreg, dreg, &whole, xor);
                }
                Step::Next
            }
            BitwiseOp::Lshift(n) | BitwiseOp::Rshift(n) => {
                let left = matches!(op, BitwiseOp::Lshift(_));
                if !b.regs.known(sreg, len) {
                    if let (4, Some(Special::Draw { draw, transforms })) =
                        (len, b.regs.special_of(sreg as usize / 4).cloned())
                    {
                        let mut transforms = transforms;
                        transforms.push(if left { Transform::Shl(*n) } else { Transform::Shr(*n) });
                        b.regs.store_draw(dreg, draw, transforms);
                        return Step::Next;
                    }
                    if let Some(step) = self.resolve(b, at, sreg, len) {
                        return step;
                    }
                    if let (4, Some(Special::Unknown { bits, why })) =
                        (len, b.regs.special_of(sreg as usize / 4).cloned())
                    {
                        let shift =
                            |v: u32| if left { v.checked_shl(*n) } else { v.checked_shr(*n) }.unwrap_or(0);
                        let value = shift(b.regs.word(sreg));
                        b.regs.store_partly(dreg, &value.to_le_bytes(), &shift(bits).to_le_bytes(), &why);
                        return Step::Next;
                    }
                    self.copy_unknown(b, sreg, dreg, len);
                    return Step::Next;
                }
                let shifted = shift(b.regs.raw(sreg, len), *n, left);
                b.regs.store(dreg, &shifted);
                Step::Next
            }
            BitwiseOp::And(other) | BitwiseOp::Or(other) | BitwiseOp::Xor(other) => {
                let f: fn(u8, u8) -> u8 = match op {
                    BitwiseOp::And(_) => |a, o| a & o,
                    BitwiseOp::Or(_) => |a, o| a | o,
                    _ => |a, o| a ^ o,
                };
                let second: smallvec::SmallVec<[u8; 32]> = match other {
                    Operand::Value(v) => (&**v).into(),
                    Operand::Register(r) => {
                        if let Some(step) = self.resolve(b, at, offset_of(*r), len) {
                            return step;
                        }
                        if !b.regs.known(offset_of(*r), len) {
                            self.copy_unknown(b, offset_of(*r), dreg, len);
                            return Step::Next;
                        }
                        b.regs.raw(offset_of(*r), len).into()
                    }
                };
                if let Some(step) = self.resolve(b, at, sreg, len) {
                    return step;
                }
                if b.regs.known(sreg, len) {
                    combine(b, &second, f);
                } else {
                    self.copy_unknown(b, sreg, dreg, len);
                }
                Step::Next
            }
            _ => {
                b.regs.store_unknown(dreg, len, &"a bitwise operation".into());
                Step::Next
            }
        }
    }

    /// The result of an operation on something unknown is unknown for the same reason.
    pub(super) fn copy_unknown(&self, b: &mut Branch, sreg: u8, dreg: u8, len: usize) {
        let why: Why = b.regs.why(sreg, len).cloned().unwrap_or_else(|| "a register".into());
        b.regs.store_unknown(dreg, len, &why);
    }

    /// `nft_byteorder_eval`: there and back are the same.
    pub(super) fn byteorder(
        &mut self,
        b: &mut Branch,
        at: u32,
        sreg: u8,
        dreg: u8,
        len: usize,
        size: usize,
    ) -> Step {
        if b.regs.known(sreg, len) {
            let mut bytes: smallvec::SmallVec<[u8; 32]> = b.regs.raw(sreg, len).into();
            for chunk in bytes.chunks_mut(size.max(1)) {
                chunk.reverse();
            }
            b.regs.store(dreg, &bytes);
            return Step::Next;
        }
        if size == 8 || len > 16 {
            if let Some(step) = self.resolve(b, at, sreg, len) {
                return step;
            }
            self.copy_unknown(b, sreg, dreg, len);
            return Step::Next;
        }
        let swap = if size == 2 { Transform::Swap2 } else { Transform::Swap4 };
        for word in 0..len.div_ceil(4) {
            let (from, to) = (sreg as usize / 4 + word, dreg as usize / 4 + word);
            let special = b.regs.special_of(from).cloned();
            let value = swap.apply(b.regs.word((from * 4) as u8));
            match special {
                None => b.regs.store4((to * 4) as u8, value),
                Some(Special::Unknown { bits, why }) => {
                    let bits = swap.apply(bits);
                    b.regs.store_partly((to * 4) as u8, &value.to_le_bytes(), &bits.to_le_bytes(), &why);
                }
                Some(Special::Draw { draw, mut transforms }) => {
                    match transforms.last() {
                        Some(last) if *last == swap => {
                            transforms.pop();
                        }
                        _ => transforms.push(swap),
                    }
                    b.regs.store_draw((to * 4) as u8, draw, transforms);
                }
            }
        }
        Step::Next
    }
}

/// Shifts the bits of words that follow each other, the first being the most significant, each in host order
/// (`nft_bitwise_eval_lshift`, `_rshift`).
fn shift(bytes: &[u8], n: u32, left: bool) -> smallvec::SmallVec<[u8; 32]> {
    let words: smallvec::SmallVec<[u32; 8]> =
        bytes.chunks(4).map(|c| c.iter().rev().fold(0, |v, b| v << 8 | u32::from(*b))).collect();
    let at = |i: Option<usize>| i.and_then(|i| words.get(i)).copied().unwrap_or(0);
    let mut out: smallvec::SmallVec<[u8; 32]> = smallvec::SmallVec::new();
    for i in 0..words.len() {
        let (this, carried) = if left {
            (at(Some(i)), at(Some(i + 1)).checked_shr(32 - n.min(32)).unwrap_or(0))
        } else {
            (at(Some(i)), at(i.checked_sub(1)).checked_shl(32 - n.min(32)).unwrap_or(0))
        };
        let carried = if n == 0 { 0 } else { carried };
        let moved = if left { this.checked_shl(n) } else { this.checked_shr(n) }.unwrap_or(0);
        out.extend_from_slice(&(moved | carried).to_le_bytes());
    }
    out.truncate(bytes.len().next_multiple_of(4));
    out
}
