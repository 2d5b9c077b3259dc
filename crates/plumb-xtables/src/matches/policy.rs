//! `policy` (`xt_policy.h`): what IPsec has done or will do with the packet.

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::{Options, network_or_address, protocol_name};
use crate::types::{AddrMask, Inv, SetNames, XtFamily};

/// One transformation; what is absent asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PolicyElement {
    /// Outer source of a tunnel.
    pub src: Option<Inv<AddrMask>>,
    /// Outer destination of a tunnel.
    pub dst: Option<Inv<AddrMask>>,
    /// Protocol (ESP, AH, IPComp).
    pub proto: Option<Inv<u8>>,
    /// Tunnel mode, not transport.
    pub tunnel: Option<Inv<bool>>,
    /// Security parameter index, as the kernel compares it (iptables 1.8.9 stores it the wrong way round, and so shows
    /// what was typed).
    pub spi: Option<Inv<u32>>,
    /// Request id.
    pub reqid: Option<Inv<u32>>,
}

/// `struct xt_policy_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Policy {
    /// The outgoing policy, not the incoming packet's.
    pub out: bool,
    /// Holds for packets that no transformation applies to; else for those that one does.
    pub none: bool,
    /// The elements must be all transformations, in order; else one of them is enough.
    pub strict: bool,
    /// What is asked of the transformations.
    pub elements: Vec<PolicyElement>,
}

const MAX: usize = 4;

impl PolicyElement {
    fn decode(family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let src = AddrMask { addr: b.inet(family)?, mask: b.inet(family)? };
        let dst = AddrMask { addr: b.inet(family)?, mask: b.inet(family)? };
        let spi = u32::from_be_bytes(b.u32()?.to_le_bytes());
        let (reqid, proto, mode) = (b.u32()?, b.u8()?, b.u8()?);
        let (asked, inv) = (b.u8()?, b.u8()?);
        let has = |bit: u8| asked >> bit & 1 != 0;
        let not = |bit: u8| inv >> bit & 1 != 0;
        Ok(Self {
            src: has(0).then_some(Inv::new(src, not(0))),
            dst: has(1).then_some(Inv::new(dst, not(1))),
            proto: has(2).then_some(Inv::new(proto, not(2))),
            tunnel: has(3).then_some(Inv::new(mode == 1, not(3))),
            spi: has(4).then_some(Inv::new(spi, not(4))),
            reqid: has(5).then_some(Inv::new(reqid, not(5))),
        })
    }

    fn text(&self, o: &mut Options) {
        o.inv("--reqid", self.reqid.as_ref(), u32::to_string);
        o.inv("--spi", self.spi.as_ref(), |s| format!("{:#x}", s.swap_bytes()));
        o.inv("--proto", self.proto.as_ref(), |p| {
            protocol_name(*p).map_or_else(|| p.to_string(), str::to_owned)
        });
        o.inv("--mode", self.tunnel.as_ref(), |t| if *t { "tunnel" } else { "transport" }.to_owned());
        o.inv("--tunnel-dst", self.dst.as_ref(), network_or_address);
        o.inv("--tunnel-src", self.src.as_ref(), network_or_address);
    }
}

impl Extension for Policy {
    fn decode(revision: u32, family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let elements = (0..MAX).map(|_| PolicyElement::decode(family, b)).collect::<Result<Vec<_>, _>>()?;
        let (flags, len) = (b.u16()?, b.u16()?);
        if flags & !0xf != 0 || flags & 3 == 0 {
            return Err(BlobError::Value { field: "flags", value: flags.into() });
        }
        let elements =
            elements.get(..len.into()).ok_or(BlobError::Value { field: "len", value: len.into() })?;
        Ok(Self {
            out: flags & 2 != 0,
            none: flags & 4 != 0,
            strict: flags & 8 != 0,
            elements: elements.to_vec(),
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.push(if self.out { "--dir out" } else { "--dir in" });
        o.push(if self.none { "--pol none" } else { "--pol ipsec" });
        o.flag(self.strict, "--strict");
        for (i, element) in self.elements.iter().enumerate() {
            o.flag(i > 0, "--next");
            element.text(&mut o);
        }
        o.build()
    }
}
