//! Draws: numbers of which every value is equally likely, until a rule looks at them.

use smallvec::SmallVec;

use crate::state::RuleRef;

/// The most values that are gone through one by one.
pub(super) const ENUMERABLE: u64 = 1 << 16;

/// A function that a rule applies to a drawn word; bytes as they lie in memory, read little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Transform {
    And(u32),
    Xor(u32),
    /// Swaps the bytes of the word.
    Swap4,
    /// Swaps the bytes of each half.
    Swap2,
    /// Shifts of the number in host order.
    Shl(u32),
    Shr(u32),
}

impl Transform {
    pub(super) fn apply(self, v: u32) -> u32 {
        match self {
            Self::And(m) => v & m,
            Self::Xor(m) => v ^ m,
            Self::Swap4 => v.swap_bytes(),
            Self::Swap2 => v.swap_bytes().rotate_left(16),
            Self::Shl(n) => v.checked_shl(n).unwrap_or(0),
            Self::Shr(n) => v.checked_shr(n).unwrap_or(0),
        }
    }
}

/// What is kept of a draw that must come out the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sticky {
    pub rule: RuleRef,
    pub slot: u32,
}

/// A draw with the values that are still possible.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Draw {
    /// First and last value of each piece.
    pub pieces: SmallVec<[(u64, u64); 1]>,
    /// Added to the value.
    pub offset: u32,
    pub sticky: Option<Sticky>,
}

impl Draw {
    pub(super) fn new(modulus: u64, offset: u32, sticky: Option<Sticky>) -> Self {
        Self { pieces: smallvec::smallvec![(0, modulus.max(1) - 1)], offset, sticky }
    }

    /// How many values are possible.
    pub(super) fn total(&self) -> u64 {
        self.pieces.iter().map(|(a, b)| b - a + 1).sum()
    }

    /// The possible values.
    pub(super) fn values(&self) -> impl Iterator<Item = u64> + '_ {
        self.pieces.iter().flat_map(|(a, b)| *a..=*b)
    }

    /// What a register holds for a value.
    pub(super) fn word(&self, value: u64, transforms: &[Transform]) -> u32 {
        let word = (value as u32).wrapping_add(self.offset);
        transforms.iter().fold(word, |w, t| t.apply(w))
    }

    /// The same draw with these values only, ascending.
    pub(super) fn only(&self, values: &[u64]) -> Self {
        let mut pieces: SmallVec<[(u64, u64); 1]> = SmallVec::new();
        for v in values {
            match pieces.last_mut() {
                Some((_, last)) if *last + 1 == *v => *last = *v,
                _ => pieces.push((*v, *v)),
            }
        }
        Self { pieces, offset: self.offset, sticky: self.sticky }
    }

    /// The same draw within these pieces.
    pub(super) fn within(&self, pieces: &[(u64, u64)]) -> Self {
        let mut out: SmallVec<[(u64, u64); 1]> = SmallVec::new();
        for (a, b) in &self.pieces {
            for (c, d) in pieces {
                let (lo, hi) = ((*a).max(*c), (*b).min(*d));
                if lo <= hi {
                    out.push((lo, hi));
                }
            }
        }
        out.sort_unstable();
        Self { pieces: out, offset: self.offset, sticky: self.sticky }
    }
}
