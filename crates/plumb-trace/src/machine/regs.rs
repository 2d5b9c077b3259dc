//! The register file: 80 bytes, of which some bits may be unknown and some words drawn.

use std::rc::Rc;

use smallvec::SmallVec;

use super::draw::Transform;

/// Bytes of the register file (`NFT_REG32_NUM` words).
pub(super) const SIZE: usize = 80;

/// Why a register is not known.
pub(super) type Why = Rc<str>;

/// What is special about a word.
#[derive(Clone, Debug)]
pub(super) enum Special {
    /// These bits (as they lie in memory, little-endian) are not known.
    Unknown { bits: u32, why: Why },
    /// The value is that of a draw after some transforms.
    Draw { draw: u8, transforms: SmallVec<[Transform; 2]> },
}

#[derive(Clone, Debug)]
pub(super) struct Regs {
    data: [u8; SIZE],
    /// Words that are not plainly known.
    special: u32,
    extra: SmallVec<[(u8, Special); 1]>,
}

fn words(at: usize, len: usize) -> u32 {
    let first = at / 4;
    let last = (at + len.max(1) - 1) / 4;
    let count = (last - first + 1).min(20);
    (((1_u64 << count) - 1) << first) as u32
}

impl Regs {
    pub(super) fn new() -> Self {
        Self { data: [0; SIZE], special: 0, extra: SmallVec::new() }
    }

    /// Forgets what is special; done before each rule, since no rule reads what another loaded.
    #[inline]
    pub(super) fn reset(&mut self) {
        if self.special != 0 {
            self.special = 0;
            self.extra.clear();
        }
    }

    /// Whether all of it is known.
    #[inline]
    pub(super) fn known(&self, at: u8, len: usize) -> bool {
        self.special == 0 || self.special & words(at as usize, len) == 0
    }

    /// The bytes, whatever is special about them.
    #[inline]
    pub(super) fn raw(&self, at: u8, len: usize) -> &[u8] {
        let at = at as usize;
        self.data.get(at..at + len).unwrap_or(&[])
    }

    #[inline]
    pub(super) fn word(&self, at: u8) -> u32 {
        match self.data.get(at as usize..at as usize + 4) {
            Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        }
    }

    /// Stores bytes; a last word that is not full is filled with zeros, as the kernel does.
    #[inline]
    pub(super) fn store(&mut self, at: u8, bytes: &[u8]) {
        let at = at as usize;
        let full = bytes.len().next_multiple_of(4);
        let Some(room) = self.data.get_mut(at..at + full) else { return };
        let (head, tail) = room.split_at_mut(bytes.len());
        head.copy_from_slice(bytes);
        tail.fill(0);
        if self.special != 0 {
            self.forget(words(at, full));
        }
    }

    #[inline]
    pub(super) fn store4(&mut self, at: u8, value: u32) {
        self.store(at, &value.to_le_bytes());
    }

    fn forget(&mut self, mask: u32) {
        self.special &= !mask;
        self.extra.retain(|(w, _)| mask & (1 << *w) == 0);
    }

    fn mark(&mut self, word: usize, special: Special) {
        if word < SIZE / 4 {
            self.forget(1 << word);
            self.special |= 1 << word;
            self.extra.push((word as u8, special));
        }
    }

    /// Stores bytes of which some bits are not known.
    pub(super) fn store_partly(&mut self, at: u8, bytes: &[u8], unknown: &[u8], why: &Why) {
        self.store(at, bytes);
        for (i, chunk) in unknown.chunks(4).enumerate() {
            let mut b = [0; 4];
            for (to, from) in b.iter_mut().zip(chunk) {
                *to = *from;
            }
            let bits = u32::from_le_bytes(b);
            if bits != 0 {
                self.mark(at as usize / 4 + i, Special::Unknown { bits, why: why.clone() });
            }
        }
    }

    /// Stores something wholly unknown.
    pub(super) fn store_unknown(&mut self, at: u8, len: usize, why: &Why) {
        let ones = [0xff; SIZE];
        let zeros = [0; SIZE];
        let len = len.min(SIZE);
        self.store_partly(at, zeros.get(..len).unwrap_or(&[]), ones.get(..len).unwrap_or(&[]), why);
    }

    pub(super) fn store_draw(&mut self, at: u8, draw: u8, transforms: SmallVec<[Transform; 2]>) {
        self.store4(at, 0);
        self.mark(at as usize / 4, Special::Draw { draw, transforms });
    }

    /// What is special about a word.
    pub(super) fn special_of(&self, word: usize) -> Option<&Special> {
        if word >= 32 || self.special & (1 << word) == 0 {
            return None;
        }
        self.extra.iter().find(|(w, _)| usize::from(*w) == word).map(|(_, s)| s)
    }

    /// Special words of a range, with their number.
    pub(super) fn specials(&self, at: u8, len: usize) -> impl Iterator<Item = (usize, &Special)> {
        let mask = words(at as usize, len);
        self.extra.iter().filter(move |(w, _)| mask & (1 << *w) != 0).map(|(w, s)| (usize::from(*w), s))
    }

    /// The first reason why a range is not known; `None` where no bit of it is unknown.
    pub(super) fn why(&self, at: u8, len: usize) -> Option<&Why> {
        self.specials(at, len).find_map(|(_, s)| match s {
            Special::Unknown { why, .. } => Some(why),
            Special::Draw { .. } => None,
        })
    }

    /// Unknown bits of a range, byte by byte; drawn words count as known.
    pub(super) fn unknown_bits(&self, at: u8, len: usize) -> SmallVec<[u8; 32]> {
        let mut out: SmallVec<[u8; 32]> = smallvec::smallvec![0; len];
        for (word, special) in self.specials(at, len) {
            if let Special::Unknown { bits, .. } = special {
                let base = (word * 4).wrapping_sub(at as usize);
                for (i, b) in bits.to_le_bytes().into_iter().enumerate() {
                    if let Some(slot) = out.get_mut(base.wrapping_add(i)) {
                        *slot = b;
                    }
                }
            }
        }
        out
    }
}
