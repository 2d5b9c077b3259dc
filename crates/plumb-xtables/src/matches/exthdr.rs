//! Matches on IPv6 options and routing headers: `hbh`, `dst` (`ip6t_opts.h`), `rt` (`ip6t_rt.h`), `ipv6header`
//! (`ip6t_ipv6header.h`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::packet::spi_text;
use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::{Options, address};
use crate::types::{Inv, Range32, SetNames, XtFamily};

fn only_revision_0(revision: u32) -> Result<(), BlobError> {
    if revision == 0 { Ok(()) } else { Err(BlobError::Revision(revision)) }
}

/// `struct ip6t_opts`: an options header and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OptionsHeader {
    /// Length of the header.
    pub header_len: Option<Inv<u32>>,
    /// Types of options in order, each with its length where that is asked.
    pub options: Vec<(u8, Option<u8>)>,
}

const MAX_OPTIONS: usize = 16;

impl OptionsHeader {
    fn read(revision: u32, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision_0(revision)?;
        let (header_len, flags, inv) = (b.u32()?, b.u8()?, b.u8()?);
        let options = (0..MAX_OPTIONS).map(|_| b.u16()).collect::<Result<Vec<_>, _>>()?;
        let count = b.u8()?;
        let options = options.get(..count.into());
        let options = options.ok_or(BlobError::Value { field: "optsnr", value: count.into() })?;
        let option = |o: &u16| {
            let [kind, len] = o.to_be_bytes();
            (kind, (len != 0xff).then_some(len))
        };
        Ok(Self {
            header_len: (flags & 1 != 0).then_some(Inv::new(header_len, inv & 1 != 0)),
            options: options.iter().map(option).collect(),
        })
    }

    fn text(&self, name: &str) -> String {
        let mut o = Options::new();
        o.inv(&format!("--{name}-len"), self.header_len.as_ref(), u32::to_string);
        let option = |(kind, len): &(u8, Option<u8>)| match len {
            Some(len) => format!("{kind}:{len}"),
            None => kind.to_string(),
        };
        let list: Vec<_> = self.options.iter().map(option).collect();
        o.opt(&format!("--{name}-opts"), (!list.is_empty()).then(|| list.join(","))).build()
    }
}

/// `hbh`: the hop-by-hop options.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hbh(pub OptionsHeader);

impl Extension for Hbh {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        OptionsHeader::read(revision, b).map(Self)
    }

    fn options(&self, _: &dyn SetNames) -> String {
        self.0.text("hbh")
    }
}

/// `dst`: the destination options.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dst(pub OptionsHeader);

impl Extension for Dst {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        OptionsHeader::read(revision, b).map(Self)
    }

    fn options(&self, _: &dyn SetNames) -> String {
        self.0.text("dst")
    }
}

/// `struct ip6t_rt`: the routing header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rt {
    /// Type.
    pub kind: Option<Inv<u32>>,
    /// Segments left.
    pub segments_left: Option<Inv<Range32>>,
    /// Length of the header.
    pub header_len: Option<Inv<u32>>,
    /// The reserved field of type 0 must be zero.
    pub reserved: bool,
    /// Addresses of type 0 that are asked.
    pub addresses: Vec<IpAddr>,
    /// They need only be among those of the header.
    pub not_strict: bool,
}

const MAX_HOPS: usize = 16;

impl Extension for Rt {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision_0(revision)?;
        let kind = b.u32()?;
        let segments = Range32 { min: b.u32()?, max: b.u32()? };
        let (len, flags, inv) = (b.u32()?, b.u8()?, b.u8()?);
        b.skip(2)?;
        let hops = (0..MAX_HOPS).map(|_| b.inet(XtFamily::Ip6)).collect::<Result<Vec<_>, _>>()?;
        let count = b.u8()?;
        let addresses = hops.get(..count.into());
        let addresses = addresses.ok_or(BlobError::Value { field: "addrnr", value: count.into() })?;
        Ok(Self {
            kind: (flags & 1 != 0).then_some(Inv::new(kind, inv & 1 != 0)),
            segments_left: (flags & 2 != 0).then_some(Inv::new(segments, inv & 2 != 0)),
            header_len: (flags & 4 != 0).then_some(Inv::new(len, inv & 4 != 0)),
            reserved: flags & 8 != 0,
            addresses: addresses.to_vec(),
            not_strict: flags & 0x20 != 0,
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.inv("--rt-type", self.kind.as_ref(), u32::to_string);
        let left = self.segments_left.map_or_else(String::new, |s| spi_text("--rt-segsleft", &s));
        o.flag(!left.is_empty(), &left).inv("--rt-len", self.header_len.as_ref(), u32::to_string);
        o.flag(self.reserved, "--rt-0-res");
        let list: Vec<_> = self.addresses.iter().map(|a| address(*a)).collect();
        o.opt("--rt-0-addrs", (!list.is_empty()).then(|| list.join(",")));
        o.flag(self.not_strict, "--rt-0-not-strict").build()
    }
}

/// `struct ip6t_ipv6header_info`: which headers a packet has.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ipv6header {
    /// The headers, one bit each (`MASK_*`).
    pub headers: Inv<u8>,
    /// Others may be there too.
    pub soft: bool,
}

impl Extension for Ipv6header {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision_0(revision)?;
        let (headers, inv, soft) = (b.u8()?, b.u8()?, b.flag8()?);
        Ok(Self { headers: Inv::new(headers, inv != 0), soft })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        const NAMES: [(u8, &str); 8] = [
            (128, "hop-by-hop"),
            (64, "ipv6-opts"),
            (32, "ipv6-route"),
            (16, "ipv6-frag"),
            (8, "ah"),
            (4, "esp"),
            (2, "ipv6-nonxt"),
            (1, "protocol"),
        ];
        let names = NAMES.iter().filter(|(bit, _)| self.headers.value & bit != 0);
        let list = names.map(|(_, n)| *n).collect::<Vec<_>>().join(",");
        let mut o = Options::new();
        o.push(format!("{}--header {list}", self.headers.bang())).flag(self.soft, "--soft").build()
    }
}
