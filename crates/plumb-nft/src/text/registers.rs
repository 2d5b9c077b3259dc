//! What the registers hold while a rule is read.

use super::ast::{Kind, Node};
use super::types::{Order, Ty};
use crate::types::Register;

/// The register file: what each 4-byte word was last loaded with.
pub(super) struct Registers<'a> {
    pub(super) words: [Option<Node<'a>>; 24],
}

impl<'a> Registers<'a> {
    /// Loads a register.
    pub(super) fn put(&mut self, register: Register, node: Node<'a>) {
        if let Some(slot) = register.word().and_then(|w| self.words.get_mut(w)) {
            *slot = Some(node.bounded());
        }
    }

    fn at(&self, word: usize) -> Option<Node<'a>> {
        self.words.get(word).cloned().flatten()
    }

    /// What a register holds; a register that nothing loaded is named.
    pub(super) fn get(&self, register: Register) -> Node<'a> {
        let held = register.word().and_then(|w| self.at(w));
        held.unwrap_or_else(|| Node::text(format!("reg{}", register.0)))
    }

    /// What `len` bits from a register on hold: one expression or a concatenation.
    pub(super) fn span(&self, register: Register, len: u32) -> Node<'a> {
        let first = self.get(register);
        if first.len == 0 || first.len >= len {
            return first;
        }
        let Some(mut word) = register.word() else { return first };
        let (mut parts, mut left) = (Vec::new(), len);
        while left > 0 {
            let Some(part) = self.at(word) else { break };
            let padded = part.len.max(1).div_ceil(32).saturating_mul(32);
            word += (padded / 32) as usize;
            left = left.saturating_sub(padded);
            parts.push(part);
        }
        Node::new(Kind::Concat(parts), Ty::Integer, Order::Big, len)
    }
}
