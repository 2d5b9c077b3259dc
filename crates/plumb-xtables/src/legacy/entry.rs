//! One entry of a table: the conditions on the header, matches, target.

use std::net::IpAddr;

use super::LegacyError;
use crate::blob::{Blob, BlobError};
use crate::types::XtFamily;

/// `XT_FUNCTION_MAXNAMELEN`, and what a name of an extension has (`XT_EXTENSION_MAXNAMELEN`).
const CHAIN_NAME: usize = 30;
const EXTENSION_NAME: usize = 29;
/// `sizeof(struct xt_entry_match)`, and of `xt_entry_target`.
const EXTENSION_HEAD: usize = 32;

/// `struct ipt_ip`, `struct ip6t_ip6`.
#[derive(Clone, Debug)]
pub(super) struct Header<'a> {
    pub family: XtFamily,
    pub src: (IpAddr, IpAddr),
    pub dst: (IpAddr, IpAddr),
    pub iniface: (&'a [u8], &'a [u8]),
    pub outiface: (&'a [u8], &'a [u8]),
    /// `None`: every protocol.
    pub proto: Option<u8>,
    pub fragment: bool,
    pub goto: bool,
    pub inverted: u8,
}

/// `IPT_INV_*`, the same for IPv6.
pub(super) const INV_VIA_IN: u8 = 0x1;
pub(super) const INV_VIA_OUT: u8 = 0x2;
pub(super) const INV_SRCIP: u8 = 0x8;
pub(super) const INV_DSTIP: u8 = 0x10;
pub(super) const INV_FRAG: u8 = 0x20;
pub(super) const INV_PROTO: u8 = 0x40;

#[derive(Clone, Debug)]
pub(super) struct Extension<'a> {
    pub name: String,
    pub revision: u8,
    pub info: &'a [u8],
}

#[derive(Clone, Debug)]
pub(super) enum TargetOf<'a> {
    /// The standard target.
    Standard(i32),
    /// The error target, which stands at the head of a chain of this name and at the end of the table.
    Head(String),
    Extension(Extension<'a>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    pub at: usize,
    pub len: usize,
    pub header: Header<'a>,
    pub counters: (u64, u64),
    pub matches: Vec<Extension<'a>>,
    pub target: TargetOf<'a>,
}

impl Entry<'_> {
    /// Where the entry behind it starts.
    pub(super) fn next(&self) -> usize {
        self.at + self.len
    }

    /// Whether it holds for every packet (`unconditional` in ip_tables.c).
    pub(super) fn is_unconditional(&self) -> bool {
        let h = &self.header;
        let any = |(a, m): (IpAddr, IpAddr)| a.is_unspecified() && m.is_unspecified();
        let no_name = |(_, mask): (&[u8], &[u8])| mask.iter().all(|b| *b == 0);
        self.matches.is_empty()
            && any(h.src)
            && any(h.dst)
            && no_name(h.iniface)
            && no_name(h.outiface)
            && h.proto.is_none()
            && !h.fragment
            && h.inverted == 0
    }
}

/// All entries of a table.
pub(super) fn all(family: XtFamily, bytes: &[u8]) -> Result<Vec<Entry<'_>>, LegacyError> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let e = one(family, bytes, at)?;
        at = e.next();
        out.push(e);
    }
    Ok(out)
}

fn one(family: XtFamily, bytes: &[u8], at: usize) -> Result<Entry<'_>, LegacyError> {
    let rest = bytes.get(at..).unwrap_or_default();
    let wrong = |source| LegacyError::Entry { at, source };
    let bad = |what| LegacyError::Length { at, what };
    let mut b = Blob::new(rest);
    let header = header(family, &mut b).map_err(wrong)?;
    let (target_offset, next_offset, counters) = rest_of_head(family, &mut b).map_err(wrong)?;
    let head = match family {
        XtFamily::Ip => 112,
        XtFamily::Ip6 => 168,
    };
    let len = usize::from(next_offset);
    let target_at = usize::from(target_offset);
    if target_at < head || target_at > len {
        return Err(bad("target_offset"));
    }
    let entry = rest.get(..len).ok_or_else(|| bad("next_offset"))?;
    let mut matches = Vec::new();
    let mut m = head;
    while m < target_at {
        let (extension, size) = extension(entry.get(m..target_at).unwrap_or_default()).map_err(wrong)?;
        matches.push(extension.ok_or_else(|| bad("match_size"))?);
        m += size;
    }
    let (target, _) = extension(entry.get(target_at..).unwrap_or_default()).map_err(wrong)?;
    let target = target.ok_or_else(|| bad("target_size"))?;
    let target = match target.name.as_str() {
        "" => {
            let verdict = Blob::new(target.info).u32().map_err(wrong)?;
            TargetOf::Standard(verdict.cast_signed())
        }
        "ERROR" => TargetOf::Head(Blob::new(target.info).string(CHAIN_NAME).map_err(wrong)?),
        _ => TargetOf::Extension(target),
    };
    Ok(Entry { at, len, header, counters, matches, target })
}

fn header<'a>(family: XtFamily, b: &mut Blob<'a>) -> Result<Header<'a>, BlobError> {
    let addr = |b: &mut Blob<'a>| match family {
        XtFamily::Ip => b.ipv4(),
        XtFamily::Ip6 => b.inet(family),
    };
    let (src, dst, smsk, dmsk) = (addr(b)?, addr(b)?, addr(b)?, addr(b)?);
    let (iniface, outiface, in_mask, out_mask) = (b.bytes(16)?, b.bytes(16)?, b.bytes(16)?, b.bytes(16)?);
    let number = b.u16()?;
    let unknown = |field, value: u8| BlobError::Value { field, value: value.into() };
    let (asked, fragment, goto) = match family {
        XtFamily::Ip => {
            // IPT_F_FRAG 1, IPT_F_GOTO 2
            let flags = b.u8()?;
            if flags & !3 != 0 {
                return Err(unknown("ip.flags", flags));
            }
            (true, flags & 1 != 0, flags & 2 != 0)
        }
        XtFamily::Ip6 => {
            // IP6T_F_PROTO 1, IP6T_F_TOS 2 (which nothing asks for), IP6T_F_GOTO 4
            b.skip(1)?;
            let flags = b.u8()?;
            if flags & !7 != 0 {
                return Err(unknown("ipv6.flags", flags));
            }
            (flags & 1 != 0, false, flags & 4 != 0)
        }
    };
    let inverted = b.u8()?;
    let known = INV_VIA_IN | INV_VIA_OUT | INV_SRCIP | INV_DSTIP | INV_FRAG | INV_PROTO;
    // `! -f` without `-f` would hold for no packet; iptables does not write it.
    if inverted & !known != 0 || (inverted & INV_FRAG != 0 && !fragment) {
        return Err(unknown("invflags", inverted));
    }
    let proto = match u8::try_from(number) {
        Ok(0) => None,
        Ok(n) if asked => Some(n),
        Ok(_) => None,
        Err(_) => return Err(BlobError::Value { field: "proto", value: number.into() }),
    };
    // Without IP6T_F_PROTO the kernel looks at neither the protocol nor its inversion (`ip6_packet_match`).
    let inverted = if asked { inverted } else { inverted & !INV_PROTO };
    if proto.is_none() && inverted & INV_PROTO != 0 {
        return Err(unknown("invflags", inverted));
    }
    Ok(Header {
        family,
        src: (src, smsk),
        dst: (dst, dmsk),
        iniface: (iniface, in_mask),
        outiface: (outiface, out_mask),
        proto,
        fragment,
        goto,
        inverted,
    })
}

/// nfcache, target_offset, next_offset, comefrom, counters.
fn rest_of_head(family: XtFamily, b: &mut Blob<'_>) -> Result<(u16, u16, (u64, u64)), BlobError> {
    // `struct ip6t_ip6` ends with three bytes of padding, and the counters are aligned to eight.
    let (before, after) = match family {
        XtFamily::Ip => (0, 0),
        XtFamily::Ip6 => (3, 4),
    };
    b.skip(before + 4)?;
    let (target, next) = (b.u16()?, b.u16()?);
    b.skip(4 + after)?;
    Ok((target, next, (b.u64()?, b.u64()?)))
}

/// `struct xt_entry_match`, `struct xt_entry_target`: size, name, revision, the extension's structure. `None` where the
/// size leads out of what is given.
fn extension(bytes: &[u8]) -> Result<(Option<Extension<'_>>, usize), BlobError> {
    let mut b = Blob::new(bytes);
    let size = usize::from(b.u16()?);
    let name = b.string(EXTENSION_NAME)?;
    let revision = b.u8()?;
    let info = bytes.get(EXTENSION_HEAD..size);
    Ok((info.map(|info| Extension { name, revision, info }), size))
}
