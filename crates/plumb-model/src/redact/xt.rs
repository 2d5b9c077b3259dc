//! Matches and targets of xtables, by their kernel structures (include/uapi/linux/netfilter/xt_*.h): addresses and names
//! in those that have any; what is not known is set to zero and said.

use std::ops::Range;

use super::Redactor;
use super::names::Kind as Name;
use super::values::{Part, Tag, octets, to_address, whole};
use crate::{IpFamily, Mac};

/// Matches without addresses and names.
const PLAIN_MATCHES: &[&str] = &[
    "addrtype",
    "ah",
    "cluster",
    "connbytes",
    "connlabel",
    "connlimit",
    "connmark",
    "cpu",
    "dccp",
    "devgroup",
    "dscp",
    "dst",
    "ecn",
    "esp",
    "eui64",
    "frag",
    "hbh",
    "helper",
    "hl",
    "icmp",
    "icmp6",
    "ipv6header",
    "length",
    "limit",
    "mark",
    "mh",
    "multiport",
    "owner",
    "pkttype",
    "quota",
    "realm",
    "rpfilter",
    "sctp",
    "set",
    "socket",
    "state",
    "statistic",
    "tcp",
    "tcpmss",
    "time",
    "tos",
    "ttl",
    "udp",
];

/// Targets without addresses and names.
const PLAIN_TARGETS: &[&str] = &[
    "",
    "standard",
    "ACCEPT",
    "DROP",
    "RETURN",
    "QUEUE",
    "AUDIT",
    "CHECKSUM",
    "CLASSIFY",
    "CONNMARK",
    "CONNSECMARK",
    "CT",
    "DSCP",
    "ECN",
    "HL",
    "MARK",
    "MASQUERADE",
    "NFQUEUE",
    "NOTRACK",
    "REDIRECT",
    "REJECT",
    "SET",
    "SYNPROXY",
    "TCPMSS",
    "TCPOPTSTRIP",
    "TOS",
    "TRACE",
    "TTL",
];

impl Redactor {
    pub(super) fn xt_match(
        &mut self,
        family: Option<IpFamily>,
        name: &str,
        revision: u32,
        info: &mut [u8],
        place: &str,
    ) {
        let done = match name {
            _ if PLAIN_MATCHES.contains(&name) => Some(()),
            "comment" => text(info, 0..info.len()),
            // struct xt_string_info: the pattern becomes one of its length that headers hardly hold, as they hardly held it.
            "string" => match (info.get(148).copied(), info.get_mut(20..148)) {
                (Some(len), Some(room)) => {
                    room.iter_mut().take(len.into()).for_each(|b| *b = b'x');
                    Some(())
                }
                _ => None,
            },
            "mac" => self.xt_mac(info),
            "physdev" => self.xt_device(info, 0, 16).and_then(|()| self.xt_device(info, 32, 48)),
            "iprange" if revision == 1 => {
                self.xt_range(family, info, 0, 16).and_then(|()| self.xt_range(family, info, 32, 48))
            }
            // xt_conntrack_mtinfo1 and later begin alike: four addresses with their masks.
            "conntrack" if revision >= 1 => {
                [0, 32, 64, 96].iter().try_for_each(|at| self.xt_network(family, info, *at, at + 16))
            }
            // Seconds, hits, two flags; then the name of the list, of 200 bytes.
            "recent" => self.xt_name(info, 10..210),
            // Revisions 1 to 3 begin with the name.
            "hashlimit" if revision >= 1 => self.xt_name(info, 0..255),
            _ => None,
        };
        self.or_zero(done, "match", name, info, place);
    }

    pub(super) fn xt_target(
        &mut self,
        family: Option<IpFamily>,
        name: &str,
        revision: u32,
        info: &mut [u8],
        place: &str,
    ) {
        let done = match name {
            _ if PLAIN_TARGETS.contains(&name) => Some(()),
            // Level, flags, then the prefix.
            "LOG" => text(info, 2..32),
            "NFLOG" => text(info, 12..76),
            "DNAT" | "SNAT" | "NETMAP" => match (family, revision) {
                // nf_nat_ipv4_multi_range_compat: a count and one range of two addresses of 4 bytes.
                (Some(IpFamily::V4), 0) => self.xt_short_range(info),
                // nf_nat_range, nf_nat_range2: flags, two addresses of 16 bytes.
                (Some(_), _) => self.xt_range(family, info, 4, 20),
                (None, _) => None,
            },
            "TEE" => self.xt_range(family, info, 0, 0).and_then(|()| {
                let device = info.get(16..32)?.to_vec();
                let new = self.device_bytes(&device)?;
                info.get_mut(16..32)?.copy_from_slice(&new);
                Some(())
            }),
            "TPROXY" if revision == 1 => self.xt_range(family, info, 8, 8),
            _ => None,
        };
        self.or_zero(done, "target", name, info, place);
    }

    fn or_zero(&mut self, done: Option<()>, what: &str, name: &str, info: &mut [u8], place: &str) {
        if done.is_none() && info.iter().any(|b| *b != 0) {
            info.fill(0);
            self.warn(format!(
                "{place}: the contents of {what} `{name}` were set to zero: they may hold addresses or names"
            ));
        }
    }

    fn xt_mac(&mut self, info: &mut [u8]) -> Option<()> {
        let bytes = info.get_mut(..6)?;
        let new = self.addresses.mac(Mac::from_slice(bytes)?);
        bytes.copy_from_slice(&new.0);
        Some(())
    }

    /// A name between NULs.
    fn xt_name(&mut self, info: &mut [u8], at: Range<usize>) -> Option<()> {
        let bytes = info.get_mut(at)?;
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        let name = std::str::from_utf8(bytes.get(..end)?).ok()?.to_owned();
        let new = self.names.name(Name::List, &name);
        bytes.iter_mut().zip(new.bytes().chain(std::iter::repeat(0))).for_each(|(b, n)| *b = n);
        Some(())
    }

    /// A device's name and the mask of the bytes that count: all with the closing NUL, or the start.
    fn xt_device(&mut self, info: &mut [u8], name: usize, mask: usize) -> Option<()> {
        let ones = info.get(mask..mask + 16)?.iter().take_while(|b| **b == 0xff).count();
        let old = info.get(name..name + 16)?.to_vec();
        let new = match old.iter().position(|b| *b == 0) {
            _ if ones == 0 => return Some(()),
            Some(end) if ones <= end => self.device_compare(old.get(..ones)?)?,
            _ => self.device_bytes(&old)?,
        };
        let whole = new.len() == 16;
        let ones = if whole { new.iter().position(|b| *b == 0).map_or(16, |end| end + 1) } else { new.len() };
        let put = |target: &mut [u8], from: &mut dyn Iterator<Item = u8>| {
            target.iter_mut().zip(from.chain(std::iter::repeat(0))).for_each(|(t, f)| *t = f);
        };
        put(info.get_mut(name..name + 16)?, &mut new.into_iter());
        put(info.get_mut(mask..mask + 16)?, &mut std::iter::repeat_n(0xff, ones));
        Some(())
    }

    /// Two unions of 16 bytes that hold the ends of a range (or the same one).
    fn xt_range(
        &mut self,
        family: Option<IpFamily>,
        info: &mut [u8],
        first: usize,
        last: usize,
    ) -> Option<()> {
        let len = usize::from(family?.bits() / 8);
        self.xt_ends(family?, info, first..first + len, last..last + len)
    }

    fn xt_short_range(&mut self, info: &mut [u8]) -> Option<()> {
        self.xt_ends(IpFamily::V4, info, 8..12, 12..16)
    }

    fn xt_ends(
        &mut self,
        family: IpFamily,
        info: &mut [u8],
        first: Range<usize>,
        last: Range<usize>,
    ) -> Option<()> {
        let (a, b) =
            (to_address(family, info.get(first.clone())?), to_address(family, info.get(last.clone())?));
        let (a, b) = if a == b || b.is_unspecified() {
            let a = self.addresses.host(a);
            (a, if b.is_unspecified() { b } else { a })
        } else {
            self.range(a, b)
        };
        info.get_mut(first)?.copy_from_slice(&octets(a));
        info.get_mut(last)?.copy_from_slice(&octets(b));
        Some(())
    }

    /// An address and its mask.
    fn xt_network(
        &mut self,
        family: Option<IpFamily>,
        info: &mut [u8],
        addr: usize,
        mask: usize,
    ) -> Option<()> {
        let family = family?;
        let len = usize::from(family.bits() / 8);
        let masks = info.get(mask..mask + len)?.to_vec();
        let tags: Vec<Tag> = whole(Part::Address(family), len)
            .into_iter()
            .zip(masks)
            .map(|(t, mask)| Tag { mask, ..t })
            .collect();
        let mut bytes = info.get(addr..addr + len)?.to_vec();
        self.value(&mut bytes, &tags, "match conntrack");
        info.get_mut(addr..addr + len)?.copy_from_slice(&bytes);
        Some(())
    }
}

/// A text that is replaced by a fixed one.
fn text(info: &mut [u8], at: Range<usize>) -> Option<()> {
    let bytes = info.get_mut(at)?;
    let is_empty = bytes.first().is_none_or(|b| *b == 0);
    let new: &[u8] = if is_empty { b"" } else { b"redacted" };
    bytes.iter_mut().zip(new.iter().chain(std::iter::repeat(&0))).for_each(|(b, n)| *b = *n);
    if let Some(last) = bytes.last_mut() {
        *last = 0;
    }
    Some(())
}
