//! Matches on addresses and devices: `addrtype`, `iprange`, `mac`, `physdev`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError, BlobWriter};
use crate::extension::Extension;
use crate::text::{Options, address};
use crate::types::{IfaceName, Inv, SetNames, XtFamily};

/// Kinds of addresses, one bit each: bit `n` stands for `RTN_n` of `rtnetlink.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddrTypes(pub u16);

impl AddrTypes {
    /// Whether the set holds this kind (`RTN_UNICAST` 1, `RTN_LOCAL` 2, `RTN_BROADCAST` 3 …).
    #[must_use]
    pub fn contains(self, rtn: u8) -> bool {
        rtn < 16 && self.0 >> rtn & 1 != 0
    }

    fn text(self) -> String {
        const NAMES: [&str; 12] = [
            "UNSPEC",
            "UNICAST",
            "LOCAL",
            "BROADCAST",
            "ANYCAST",
            "MULTICAST",
            "BLACKHOLE",
            "UNREACHABLE",
            "PROHIBIT",
            "THROW",
            "NAT",
            "XRESOLVE",
        ];
        let names = NAMES.iter().enumerate().filter(|(i, _)| self.0 >> i & 1 != 0);
        names.map(|(_, n)| *n).collect::<Vec<_>>().join(",")
    }
}

/// `struct xt_addrtype_info`, `struct xt_addrtype_info_v1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Addrtype {
    /// Kinds for the source; an empty set asks nothing.
    pub source: Inv<AddrTypes>,
    /// Kinds for the destination; an empty set asks nothing.
    pub dest: Inv<AddrTypes>,
    /// Only addresses of the interface that the packet came in by count.
    pub limit_iface_in: bool,
    /// Only addresses of the interface that the packet leaves by count.
    pub limit_iface_out: bool,
}

impl Extension for Addrtype {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let (source, dest) = (AddrTypes(b.u16()?), AddrTypes(b.u16()?));
        let (inv_source, inv_dest, flags) = match revision {
            0 => (b.u32()? != 0, b.u32()? != 0, 0),
            1 => {
                let flags = b.u32()?;
                (flags & 1 != 0, flags & 2 != 0, flags)
            }
            _ => return Err(BlobError::Revision(revision)),
        };
        if flags & !0xf != 0 {
            return Err(BlobError::Value { field: "flags", value: flags.into() });
        }
        Ok(Self {
            source: Inv::new(source, inv_source),
            dest: Inv::new(dest, inv_dest),
            limit_iface_in: flags & 4 != 0,
            limit_iface_out: flags & 8 != 0,
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.inv("--src-type", (self.source.value.0 != 0).then_some(&self.source), |t| t.text());
        o.inv("--dst-type", (self.dest.value.0 != 0).then_some(&self.dest), |t| t.text());
        o.flag(self.limit_iface_in, "--limit-iface-in").flag(self.limit_iface_out, "--limit-iface-out");
        o.build()
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        let w = BlobWriter::default().u16(self.source.value.0).u16(self.dest.value.0);
        let (src, dst) = (u32::from(self.source.invert), u32::from(self.dest.invert));
        match revision {
            0 if self.limit_iface_in || self.limit_iface_out => {
                Err("`--limit-iface-in` and `--limit-iface-out` came with revision 1".to_owned())
            }
            0 => Ok(Some(w.u32(src).u32(dst).finish(12))),
            1 => {
                let limits = u32::from(self.limit_iface_in) << 2 | u32::from(self.limit_iface_out) << 3;
                Ok(Some(w.u32(src | dst << 1 | limits).finish(8)))
            }
            _ => Ok(None),
        }
    }
}

/// `struct xt_iprange_mtinfo`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Iprange {
    /// First and last source.
    pub source: Option<Inv<(IpAddr, IpAddr)>>,
    /// First and last destination.
    pub dest: Option<Inv<(IpAddr, IpAddr)>>,
}

impl Extension for Iprange {
    fn decode(revision: u32, family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 1 {
            return Err(BlobError::Revision(revision));
        }
        let source = (b.inet(family)?, b.inet(family)?);
        let dest = (b.inet(family)?, b.inet(family)?);
        let flags = b.u8()?;
        Ok(Self {
            source: (flags & 1 != 0).then_some(Inv::new(source, flags & 0x10 != 0)),
            dest: (flags & 2 != 0).then_some(Inv::new(dest, flags & 0x20 != 0)),
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let text = |r: &(IpAddr, IpAddr)| format!("{}-{}", address(r.0), address(r.1));
        let mut o = Options::new();
        o.inv("--src-range", self.source.as_ref(), text);
        o.inv("--dst-range", self.dest.as_ref(), text);
        o.build()
    }
}

/// `struct xt_mac_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mac {
    /// Source of the Ethernet frame.
    pub source: Inv<[u8; 6]>,
}

impl Extension for Mac {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let mut mac = [0; 6];
        mac.copy_from_slice(b.bytes(6)?);
        b.skip(2)?;
        Ok(Self { source: Inv::new(mac, b.u32()? != 0) })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mac = self.source.value.map(|b| format!("{b:02x}")).join(":");
        format!("{}--mac-source {mac}", self.source.bang())
    }
}

/// `struct xt_physdev_info`: the bridge ports of a packet that a bridge handed to the IP hooks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Physdev {
    /// Port that it came in by.
    pub in_dev: Option<Inv<IfaceName>>,
    /// Port that it leaves by.
    pub out_dev: Option<Inv<IfaceName>>,
    /// It is bridged, not routed.
    pub is_bridged: Option<Inv<()>>,
    /// It came in by a bridge port.
    pub is_in: Option<Inv<()>>,
    /// It leaves by a bridge port.
    pub is_out: Option<Inv<()>>,
}

impl Extension for Physdev {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let (in_name, in_mask) = (b.bytes(16)?, b.bytes(16)?);
        let (out_name, out_mask) = (b.bytes(16)?, b.bytes(16)?);
        let (inv, mask) = (b.u8()?, b.u8()?);
        if mask & !0x1f != 0 {
            return Err(BlobError::Value { field: "bitmask", value: mask.into() });
        }
        let flag = |bit: u8| (mask & bit != 0).then_some(Inv::new((), inv & bit != 0));
        let dev = |bit: u8, name, devmask, field| {
            if mask & bit == 0 {
                return Ok(None);
            }
            let any = IfaceName { name: String::new(), prefix: true };
            Ok(Some(Inv::new(Blob::iface(name, devmask, field)?.unwrap_or(any), inv & bit != 0)))
        };
        Ok(Self {
            in_dev: dev(1, in_name, in_mask, "in_mask")?,
            out_dev: dev(2, out_name, out_mask, "out_mask")?,
            is_bridged: flag(4),
            is_in: flag(8),
            is_out: flag(0x10),
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        let flag = |o: &mut Options, name: &str, f: &Option<Inv<()>>| {
            if let Some(f) = f {
                o.push(format!("{}{name}", f.bang()));
            }
        };
        flag(&mut o, "--physdev-is-in", &self.is_in);
        o.inv("--physdev-in", self.in_dev.as_ref(), IfaceName::to_string);
        flag(&mut o, "--physdev-is-out", &self.is_out);
        o.inv("--physdev-out", self.out_dev.as_ref(), IfaceName::to_string);
        flag(&mut o, "--physdev-is-bridged", &self.is_bridged);
        o.build()
    }
}
