//! What the bytes in a register or a set's key mean, and their replacement.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Redactor;
use super::names::Kind as Name;
use crate::{IpFamily, Mac};

/// What a byte is part of, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing that is replaced: a port, a mark, a protocol …
    Plain,
    /// An address.
    Address(IpFamily),
    /// A hardware address.
    Mac,
    /// A device's name.
    Device,
    /// Layer 3 protocol as NFPROTO_*, so that what follows it is known.
    Nfproto,
    /// Layer 3 protocol as an EtherType.
    EtherType,
    /// Something that was computed from an address.
    Derived,
    /// Nobody knows.
    Unknown,
}

impl Part {
    pub(super) fn width(self) -> Option<usize> {
        match self {
            Self::Address(IpFamily::V4) => Some(4),
            Self::Address(IpFamily::V6) => Some(16),
            Self::Mac => Some(6),
            Self::Device => Some(16),
            _ => None,
        }
    }
}

/// A byte of a register: which byte of what, and which of its bits are left by masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) part: Part,
    pub(super) index: u8,
    pub(super) mask: u8,
}

impl Tag {
    pub(super) const PLAIN: Self = Self { part: Part::Plain, index: 0, mask: 0xff };

    pub(super) fn of(part: Part, index: usize) -> Self {
        Self { part, index: index as u8, mask: 0xff }
    }
}

/// Tags of a whole value.
pub(super) fn whole(part: Part, len: usize) -> Vec<Tag> {
    (0..len).map(|i| Tag::of(part, i)).collect()
}

/// Pieces of a tagged value that belong together: (start, end).
pub(super) fn pieces(tags: &[Tag], len: usize) -> Vec<(usize, usize, Part)> {
    let mut out: Vec<(usize, usize, Part)> = Vec::new();
    for i in 0..len {
        let tag = tags.get(i).copied().unwrap_or(Tag::PLAIN);
        let continues = i > 0
            && tags.get(i - 1).is_some_and(|p| {
                p.part == tag.part && (p.index.wrapping_add(1) == tag.index || tag.part == Part::Plain)
            });
        match out.last_mut() {
            Some((_, end, part)) if continues && *part == tag.part => *end = i + 1,
            _ => out.push((i, i + 1, tag.part)),
        }
    }
    out
}

pub(super) fn to_address(family: IpFamily, bytes: &[u8]) -> IpAddr {
    match family {
        IpFamily::V4 => {
            let mut b = [0; 4];
            b.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            Ipv4Addr::from(b).into()
        }
        IpFamily::V6 => {
            let mut b = [0; 16];
            b.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            Ipv6Addr::from(b).into()
        }
    }
}

pub(super) fn octets(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

/// The bits of a mask up to the first zero; `None` where ones follow a zero.
fn prefix_len(mask: &[u8]) -> Option<u8> {
    let ones: u32 = mask.iter().map(|b| b.count_ones()).sum();
    let mut left = ones;
    for b in mask {
        let here = left.min(8);
        if b.leading_ones() != here || b.count_ones() != here {
            return None;
        }
        left -= here;
    }
    u8::try_from(ones).ok()
}

impl Redactor {
    /// Replaces a value that is compared for equality, or looked up, or loaded: each piece by its meaning.
    pub(super) fn value(&mut self, bytes: &mut [u8], tags: &[Tag], place: &str) {
        for (from, to, part) in pieces(tags, bytes.len()) {
            let Some(piece) = bytes.get(from..to).map(<[u8]>::to_vec) else { continue };
            let masks: Vec<u8> = (from..to).map(|i| tags.get(i).map_or(0xff, |t| t.mask)).collect();
            let index = tags.get(from).map_or(0, |t| usize::from(t.index));
            let new = match part {
                Part::Plain | Part::Nfproto | Part::EtherType => continue,
                Part::Address(family) => self.address_piece(family, index, &piece, &masks, place),
                Part::Mac if index == 0 && piece.len() == 6 && masks.iter().all(|m| *m == 0xff) => {
                    Mac::from_slice(&piece).map(|m| self.addresses.mac(m).0.to_vec())
                }
                Part::Device if index == 0 => self.device_bytes(&piece),
                Part::Mac | Part::Device | Part::Derived | Part::Unknown => None,
            };
            let new = new.unwrap_or_else(|| {
                if piece.iter().any(|b| *b != 0) {
                    self.warn(format!("{place}: bytes whose meaning is not known were set to zero"));
                }
                vec![0; piece.len()]
            });
            if let Some(target) = bytes.get_mut(from..to) {
                target.iter_mut().zip(new.iter().chain(std::iter::repeat(&0))).for_each(|(t, n)| *t = *n);
            }
        }
    }

    /// Part of an address: its first bytes, or all, under a mask that leaves its first bits.
    fn address_piece(
        &mut self,
        family: IpFamily,
        index: usize,
        piece: &[u8],
        masks: &[u8],
        place: &str,
    ) -> Option<Vec<u8>> {
        if index != 0 {
            // The end of an address without its beginning: no replacement is consistent with the others.
            return None;
        }
        let Some(len) = prefix_len(masks) else {
            self.warn(format!("{place}: an address under a mask that is no prefix's was set to zero"));
            return Some(vec![0; piece.len()]);
        };
        let addr = to_address(family, piece);
        let is_whole = usize::from(len) == piece.len() * 8 && piece.len() * 8 == usize::from(family.bits());
        let new = if is_whole { self.addresses.host(addr) } else { self.addresses.network(addr, len) };
        Some(octets(new).get(..piece.len())?.to_vec())
    }

    /// A device's name, padded with NUL.
    pub(super) fn device_bytes(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        let name = std::str::from_utf8(bytes.get(..end)?).ok()?.to_owned();
        if name.is_empty() {
            return Some(vec![0; bytes.len()]);
        }
        let mut new = self.names.name(Name::Device, &name).into_bytes();
        new.resize(bytes.len(), 0);
        Some(new)
    }

    /// A comparison with a device's name: shorter than a name may be, it is for all that start so.
    pub(super) fn device_compare(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        if data.contains(&0) || data.len() >= 16 {
            return self.device_bytes(data);
        }
        let start = std::str::from_utf8(data).ok()?.to_owned();
        if start.is_empty() {
            return Some(Vec::new());
        }
        if self.first_pass {
            self.names.device_start(&start);
            return Some(data.to_vec());
        }
        self.names.start(&start).map(|s| s.as_bytes().to_vec())
    }

    /// A range of addresses, both ends in it.
    pub(super) fn range(&mut self, first: IpAddr, last: IpAddr) -> (IpAddr, IpAddr) {
        if self.first_pass {
            self.addresses.pin_range(first, last);
        }
        self.addresses.range(first, last)
    }
}
