//! The register file of a rule, as far as it holds where a packet goes.

use plumb_model::IpFamily;
use plumb_nft::{BitwiseOp, PayloadBase, Register};

/// Something of a packet that a register can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Address,
    Protocol,
    Port,
    /// `meta nfproto`
    Family,
}

/// Bytes of the register file.
pub(super) const FILE: usize = 80;
/// A byte of a field in a register, with the bits of it that are kept.
pub(super) type Loaded = Option<(Field, usize, u8)>;

impl Field {
    /// Bytes of it in a packet.
    pub(super) fn len(self, family: IpFamily) -> usize {
        match (self, family) {
            (Self::Address, IpFamily::V4) => 4,
            (Self::Address, IpFamily::V6) => 16,
            (Self::Port, _) => 2,
            (Self::Protocol | Self::Family, _) => 1,
        }
    }

    /// The largest number that it can be.
    pub(super) fn max(self, family: IpFamily) -> u128 {
        u128::MAX >> (128 - 8 * self.len(family))
    }
}

/// Which bytes of the packet a register gets.
pub(super) fn load(
    family: IpFamily,
    file: &mut [Loaded; FILE],
    (dreg, len): (Register, u32),
    base: PayloadBase,
    offset: u32,
) {
    forget(file, dreg, len as usize);
    // Where fields begin in the headers.
    let fields: &[(Field, u32)] = match (base, family) {
        (PayloadBase::Network, IpFamily::V4) => &[(Field::Protocol, 9), (Field::Address, 16)],
        (PayloadBase::Network, IpFamily::V6) => &[(Field::Protocol, 6), (Field::Address, 24)],
        (PayloadBase::Transport, _) => &[(Field::Port, 2)],
        _ => return,
    };
    for (field, start) in fields {
        for byte in 0..field.len(family) {
            let at = start + byte as u32;
            if (offset..offset.saturating_add(len)).contains(&at) {
                store(file, dreg, (at - offset) as usize, Some((*field, byte, 0xff)));
            }
        }
    }
}

/// A field in a register, from its first byte on.
pub(super) struct Piece {
    pub(super) field: Field,
    /// Offset behind the register's beginning.
    pub(super) at: usize,
    pub(super) len: usize,
    /// Bits that are kept, byte by byte.
    pub(super) masks: Vec<u8>,
}

/// The fields that so many bytes from a register on hold.
pub(super) fn pieces(file: &[Loaded; FILE], sreg: Register, len: usize) -> Vec<Piece> {
    let Some(start) = sreg.word().map(|w| w * 4) else { return Vec::new() };
    let mut out: Vec<Piece> = Vec::new();
    for at in 0..len {
        let Some(Some((field, byte, mask))) = file.get(start + at) else { continue };
        match out.last_mut() {
            Some(p) if p.field == *field && p.at + p.len == at && p.len == *byte => {
                p.len += 1;
                p.masks.push(*mask);
            }
            _ if *byte == 0 => out.push(Piece { field: *field, at, len: 1, masks: vec![*mask] }),
            _ => {}
        }
    }
    out
}

pub(super) fn store(file: &mut [Loaded; FILE], register: Register, offset: usize, loaded: Loaded) {
    if let Some(slot) = register.word().and_then(|w| file.get_mut(w * 4 + offset)) {
        *slot = loaded;
    }
}

pub(super) fn forget(file: &mut [Loaded; FILE], register: Register, len: usize) {
    // A last word that is not full is filled with zeros.
    (0..len.next_multiple_of(4)).for_each(|offset| store(file, register, offset, None));
}

pub(super) fn bitwise(file: &mut [Loaded; FILE], sreg: Register, dreg: Register, len: u32, op: &BitwiseOp) {
    let loaded: Vec<Loaded> = (0..len as usize)
        .map(|offset| sreg.word().and_then(|w| file.get(w * 4 + offset).copied().flatten()))
        .collect();
    forget(file, dreg, len as usize);
    let BitwiseOp::Bool { mask, xor } = op else { return };
    if xor.iter().any(|b| *b != 0) {
        return;
    }
    for (offset, loaded) in loaded.into_iter().enumerate() {
        let kept = mask.get(offset).copied().unwrap_or(0);
        store(file, dreg, offset, loaded.map(|(field, byte, m)| (field, byte, m & kept)));
    }
}
