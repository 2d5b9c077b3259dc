//! Targets that change a header: `CHECKSUM`, `TCPMSS`, `TCPOPTSTRIP`, `DSCP`, `TOS`, `TTL`, `HL`, `ECN`.

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::Options;
use crate::types::{SetNames, XtFamily};

fn only_revision_0(revision: u32) -> Result<(), BlobError> {
    if revision == 0 { Ok(()) } else { Err(BlobError::Revision(revision)) }
}

/// `struct xt_CHECKSUM_info`: fills in a checksum that was left to the device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checksum {
    /// `XT_CHECKSUM_OP_FILL`
    pub fill: bool,
}

impl Extension for Checksum {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision_0(revision)?;
        match b.u8()? {
            op @ (0 | 1) => Ok(Self { fill: op == 1 }),
            v => Err(BlobError::Value { field: "operation", value: v.into() }),
        }
    }

    fn options(&self, _: &dyn SetNames) -> String {
        Options::new().flag(self.fill, "--checksum-fill").build()
    }
}

/// `struct xt_tcpmss_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TcpmssTarget {
    /// At most what the path's MTU leaves.
    ClampToPmtu,
    /// At most so many bytes.
    Set(u16),
}

impl Extension for TcpmssTarget {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision_0(revision)?;
        Ok(match b.u16()? {
            0xffff => Self::ClampToPmtu,
            n => Self::Set(n),
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        match self {
            Self::ClampToPmtu => "--clamp-mss-to-pmtu".to_owned(),
            Self::Set(n) => format!("--set-mss {n}"),
        }
    }
}

/// `struct xt_tcpoptstrip_target_info`: numbers of the options, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tcpoptstrip(pub Vec<u8>);

impl Extension for Tcpoptstrip {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision_0(revision)?;
        let words = (0..8).map(|_| b.u32()).collect::<Result<Vec<_>, _>>()?;
        let set = |n: &u8| words.get(usize::from(*n / 32)).is_some_and(|w| w >> (n % 32) & 1 != 0);
        Ok(Self((0..=255).filter(set).collect()))
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("--strip-options {}", self.0.iter().map(u8::to_string).collect::<Vec<_>>().join(","))
    }
}

/// `struct xt_DSCP_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DscpTarget(pub u8);

impl Extension for DscpTarget {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision_0(revision)?;
        b.u8().map(Self)
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("--set-dscp {:#04x}", self.0)
    }
}

/// `struct xt_tos_target_info`: the byte becomes `(byte & !mask) ^ value`; revision 0 has no mask.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TosTarget {
    /// Value.
    pub value: u8,
    /// Bits that are cleared first; `None` in revision 0, where all are.
    pub mask: Option<u8>,
}

impl Extension for TosTarget {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let value = b.u8()?;
        match revision {
            0 => Ok(Self { value, mask: None }),
            1 => Ok(Self { value, mask: Some(b.u8()?) }),
            _ => Err(BlobError::Revision(revision)),
        }
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mask = self.mask.map_or_else(String::new, |m| format!("/{m:#04x}"));
        format!("--set-tos {:#04x}{mask}", self.value)
    }
}

/// What is done with a time to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountAction {
    /// Becomes the value.
    Set,
    /// Grows by the value, up to 255.
    Increase,
    /// Shrinks by the value, down to 0.
    Decrease,
}

impl CountAction {
    /// What the header's value becomes.
    #[must_use]
    pub fn apply(self, header: u8, value: u8) -> u8 {
        match self {
            Self::Set => value,
            Self::Increase => header.saturating_add(value),
            Self::Decrease => header.saturating_sub(value),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Increase => "inc",
            Self::Decrease => "dec",
        }
    }

    fn decode(revision: u32, b: &mut Blob<'_>) -> Result<(Self, u8), BlobError> {
        only_revision_0(revision)?;
        let action = match b.u8()? {
            0 => Self::Set,
            1 => Self::Increase,
            2 => Self::Decrease,
            v => return Err(BlobError::Value { field: "mode", value: v.into() }),
        };
        Ok((action, b.u8()?))
    }
}

/// `struct ipt_TTL_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TtlTarget {
    /// What is done.
    pub action: CountAction,
    /// With which value.
    pub value: u8,
}

impl Extension for TtlTarget {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        CountAction::decode(revision, b).map(|(action, value)| Self { action, value })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("--ttl-{} {}", self.action.word(), self.value)
    }
}

/// `struct ip6t_HL_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HlTarget {
    /// What is done.
    pub action: CountAction,
    /// With which value.
    pub value: u8,
}

impl Extension for HlTarget {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        CountAction::decode(revision, b).map(|(action, value)| Self { action, value })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("--hl-{} {}", self.action.word(), self.value)
    }
}

/// `struct ipt_ECN_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EcnTarget {
    /// The two bits of the IP header are set so.
    pub ip_ect: Option<u8>,
    /// The TCP flag ECE is set so.
    pub tcp_ece: Option<bool>,
    /// The TCP flag CWR is set so.
    pub tcp_cwr: Option<bool>,
}

impl Extension for EcnTarget {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision_0(revision)?;
        let (operation, ect, tcp) = (b.u8()?, b.u8()?, b.u8()?);
        if operation & !0x31 != 0 {
            return Err(BlobError::Value { field: "operation", value: operation.into() });
        }
        Ok(Self {
            ip_ect: (operation & 1 != 0).then_some(ect),
            tcp_ece: (operation & 0x10 != 0).then_some(tcp & 1 != 0),
            tcp_cwr: (operation & 0x20 != 0).then_some(tcp & 2 != 0),
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        if self.tcp_ece == Some(false) && self.tcp_cwr == Some(false) {
            o.push("--ecn-tcp-remove");
        } else {
            o.opt("--ecn-tcp-ece", self.tcp_ece.map(|on| u8::from(on).to_string()));
            o.opt("--ecn-tcp-cwr", self.tcp_cwr.map(|on| u8::from(on).to_string()));
        }
        o.opt("--ecn-ip-ect", self.ip_ect.map(|e| e.to_string())).build()
    }
}
