//! Matches on the packet's own headers: `length`, `pkttype`, `dscp`, `tos`, `ecn`, `ttl`, `hl`, `tcpmss`, `esp`, `ah`,
//! `ipcomp`.

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::Options;
use crate::types::{Inv, PortRange, Range32, SetNames, XtFamily};

fn only_revision(wanted: u32, revision: u32) -> Result<(), BlobError> {
    if revision == wanted { Ok(()) } else { Err(BlobError::Revision(revision)) }
}

/// `struct xt_length_info`: length of the IP packet in bytes, header included.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Length(pub Inv<PortRange>);

impl Extension for Length {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision(0, revision)?;
        let range = b.ports()?;
        Ok(Self(Inv::new(range, b.flag8()?)))
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("{}--length {}", self.0.bang(), self.0.value.text(':'))
    }
}

/// `struct xt_pkttype_info`: `PACKET_HOST` 0, `PACKET_BROADCAST` 1, `PACKET_MULTICAST` 2, `PACKET_OTHERHOST` 3.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pkttype(pub Inv<u32>);

impl Extension for Pkttype {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision(0, revision)?;
        let kind = b.u32()?;
        Ok(Self(Inv::new(kind, b.u32()? != 0)))
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let name = match self.0.value {
            0 => "unicast".to_owned(),
            1 => "broadcast".to_owned(),
            2 => "multicast".to_owned(),
            3 => "otherhost".to_owned(),
            n => n.to_string(),
        };
        format!("{}--pkt-type {name}", self.0.bang())
    }
}

/// `struct xt_dscp_info`: the upper six bits of the traffic class.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dscp(pub Inv<u8>);

impl Extension for Dscp {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision(0, revision)?;
        let dscp = b.u8()?;
        Ok(Self(Inv::new(dscp, b.flag8()?)))
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("{}--dscp {:#04x}", self.0.bang(), self.0.value)
    }
}

/// `struct xt_tos_match_info`, and `struct ipt_tos_info` of revision 0, which has no mask.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tos {
    /// Value of the byte under the mask.
    pub value: Inv<u8>,
    /// The bits that count; `None` in revision 0, where all do.
    pub mask: Option<u8>,
}

impl Extension for Tos {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let mask = match revision {
            0 => None,
            1 => Some(b.u8()?),
            _ => return Err(BlobError::Revision(revision)),
        };
        let value = b.u8()?;
        Ok(Self { value: Inv::new(value, b.flag8()?), mask })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mask = self.mask.map_or_else(String::new, |m| format!("/{m:#04x}"));
        format!("{}--tos {:#04x}{mask}", self.value.bang(), self.value.value)
    }
}

/// `struct xt_ecn_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ecn {
    /// The TCP flag ECE is set.
    pub tcp_ece: Option<Inv<()>>,
    /// The TCP flag CWR is set.
    pub tcp_cwr: Option<Inv<()>>,
    /// The two bits of the IP header.
    pub ip_ect: Option<Inv<u8>>,
}

impl Extension for Ecn {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision(0, revision)?;
        let (operation, invert, ect) = (b.u8()?, b.u8()?, b.u8()?);
        if operation & !0x31 != 0 {
            return Err(BlobError::Value { field: "operation", value: operation.into() });
        }
        let flag = |bit: u8| (operation & bit != 0).then_some(Inv::new((), invert & bit != 0));
        let ip_ect = (operation & 1 != 0).then_some(Inv::new(ect, invert & 1 != 0));
        Ok(Self { tcp_ece: flag(0x10), tcp_cwr: flag(0x20), ip_ect })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        if let Some(f) = &self.tcp_ece {
            o.push(format!("{}--ecn-tcp-ece", f.bang()));
        }
        if let Some(f) = &self.tcp_cwr {
            o.push(format!("{}--ecn-tcp-cwr", f.bang()));
        }
        o.inv("--ecn-ip-ect", self.ip_ect.as_ref(), u8::to_string).build()
    }
}

/// How a time to live is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitCompare {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Greater.
    Gt,
}

impl LimitCompare {
    /// Whether the header's value passes.
    #[must_use]
    pub fn holds(self, header: u8, value: u8) -> bool {
        match self {
            Self::Eq => header == value,
            Self::Ne => header != value,
            Self::Lt => header < value,
            Self::Gt => header > value,
        }
    }

    fn text(self, name: &str, value: u8) -> String {
        match self {
            Self::Eq => format!("--{name}-eq {value}"),
            Self::Ne => format!("! --{name}-eq {value}"),
            Self::Lt => format!("--{name}-lt {value}"),
            Self::Gt => format!("--{name}-gt {value}"),
        }
    }
}

/// Mode and value, as `ipt_ttl.h` and `ip6t_hl.h` have them.
fn compare_decode(revision: u32, b: &mut Blob<'_>) -> Result<(LimitCompare, u8), BlobError> {
    only_revision(0, revision)?;
    let mode = match b.u8()? {
        0 => LimitCompare::Eq,
        1 => LimitCompare::Ne,
        2 => LimitCompare::Lt,
        3 => LimitCompare::Gt,
        v => return Err(BlobError::Value { field: "mode", value: v.into() }),
    };
    Ok((mode, b.u8()?))
}

/// `struct ipt_ttl_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ttl {
    /// How it is compared.
    pub compare: LimitCompare,
    /// With what.
    pub value: u8,
}

impl Extension for Ttl {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        compare_decode(revision, b).map(|(compare, value)| Self { compare, value })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        self.compare.text("ttl", self.value)
    }
}

/// `struct ip6t_hl_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hl {
    /// How it is compared.
    pub compare: LimitCompare,
    /// With what.
    pub value: u8,
}

impl Extension for Hl {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        compare_decode(revision, b).map(|(compare, value)| Self { compare, value })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        self.compare.text("hl", self.value)
    }
}

/// `struct xt_tcpmss_match_info`: the MSS option of a SYN.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tcpmss(pub Inv<PortRange>);

impl Extension for Tcpmss {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision(0, revision)?;
        let range = b.ports()?;
        Ok(Self(Inv::new(range, b.flag8()?)))
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("{}--mss {}", self.0.bang(), self.0.value.text(':'))
    }
}

fn spi_decode(revision: u32, b: &mut Blob<'_>) -> Result<Inv<Range32>, BlobError> {
    only_revision(0, revision)?;
    let range = Range32 { min: b.u32()?, max: b.u32()? };
    Ok(Inv::new(range, b.u8()? & 1 != 0))
}

/// Written only where it asks something.
pub(crate) fn spi_text(name: &str, spi: &Inv<Range32>) -> String {
    let asks = spi.value != Range32::ALL;
    Options::new().inv(name, asks.then_some(spi), |r| r.text(':')).build()
}

/// `struct xt_esp`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Esp(pub Inv<Range32>);

impl Extension for Esp {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        spi_decode(revision, b).map(Self)
    }

    fn options(&self, _: &dyn SetNames) -> String {
        spi_text("--espspi", &self.0)
    }
}

/// `struct ipt_ah`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ah(pub Inv<Range32>);

impl Extension for Ah {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        spi_decode(revision, b).map(Self)
    }

    fn options(&self, _: &dyn SetNames) -> String {
        spi_text("--ahspi", &self.0)
    }
}

/// `struct xt_ipcomp`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ipcomp {
    /// Index of the association.
    pub cpi: Inv<Range32>,
    /// The reserved field must be zero.
    pub reserved: bool,
}

impl Extension for Ipcomp {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let cpi = spi_decode(revision, b)?;
        Ok(Self { cpi, reserved: b.flag8()? })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        let spi = spi_text("--ipcompspi", &self.cpi);
        o.flag(!spi.is_empty(), &spi).flag(self.reserved, "--compres").build()
    }
}
