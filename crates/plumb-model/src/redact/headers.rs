//! What the bytes of headers, of metadata and of a conntrack entry are.

use plumb_nft::{CtKey, Family, MetaKey, PayloadBase};

use super::values::{Part, Tag, whole};
use crate::IpFamily;

pub(super) fn meta(key: MetaKey) -> Vec<Tag> {
    match key {
        MetaKey::Iifname
        | MetaKey::Oifname
        | MetaKey::BriIifname
        | MetaKey::BriOifname
        | MetaKey::Sdifname => whole(Part::Device, 16),
        MetaKey::BriIifhwaddr => padded(whole(Part::Mac, 6)),
        MetaKey::Nfproto => whole(Part::Nfproto, 4),
        MetaKey::Protocol => whole(Part::EtherType, 4),
        _ => vec![Tag::PLAIN; 16],
    }
}

pub(super) fn conntrack(key: CtKey, family: Option<IpFamily>) -> Vec<Tag> {
    let address = |f: IpFamily| whole(Part::Address(f), usize::from(f.bits() / 8));
    match key {
        CtKey::Src | CtKey::Dst => family.map_or_else(|| whole(Part::Unknown, 16), address),
        CtKey::SrcIp | CtKey::DstIp => address(IpFamily::V4),
        CtKey::SrcIp6 | CtKey::DstIp6 => address(IpFamily::V6),
        _ => vec![Tag::PLAIN; 16],
    }
}

fn padded(mut tags: Vec<Tag>) -> Vec<Tag> {
    while !tags.len().is_multiple_of(4) {
        tags.push(Tag::PLAIN);
    }
    tags
}

/// Fields of headers that hold addresses: (first byte, what).
fn fields(base: PayloadBase, family: Family, ip: Option<IpFamily>, len: u32) -> Option<Vec<(u32, Part)>> {
    let v4 = Part::Address(IpFamily::V4);
    let v6 = Part::Address(IpFamily::V6);
    Some(match (base, family, ip) {
        (PayloadBase::Link, ..) => vec![(0, Part::Mac), (6, Part::Mac), (12, Part::EtherType)],
        (PayloadBase::Network, Family::Arp, _) => {
            vec![(8, Part::Mac), (14, v4), (18, Part::Mac), (24, v4)]
        }
        (PayloadBase::Network, _, Some(IpFamily::V4)) => vec![(12, v4), (16, v4)],
        (PayloadBase::Network, _, Some(IpFamily::V6)) => vec![(8, v6), (24, v6)],
        // Too short for an address: a protocol, a length, flags.
        (PayloadBase::Network, _, None) if len < 3 => Vec::new(),
        (PayloadBase::Transport, ..) => Vec::new(),
        _ => return None,
    })
}

pub(super) fn payload(
    family: Family,
    ip: Option<IpFamily>,
    base: PayloadBase,
    offset: u32,
    len: u32,
) -> Vec<Tag> {
    let tags = match fields(base, family, ip, len) {
        Some(fields) => (0..len)
            .map(|i| {
                let at = offset.saturating_add(i);
                let field = fields.iter().find(|(from, part)| {
                    let width = part.width().unwrap_or(2) as u32;
                    (*from..from + width).contains(&at)
                });
                field.map_or(Tag::PLAIN, |(from, part)| Tag::of(*part, (at - from) as usize))
            })
            .collect(),
        None => whole(Part::Unknown, len as usize),
    };
    padded(tags)
}
