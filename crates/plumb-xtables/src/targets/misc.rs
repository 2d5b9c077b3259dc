//! `TPROXY`, `TEE`, `CLASSIFY`, `SYNPROXY`, `IDLETIMER`, `TRACE`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::{Options, address};
use crate::types::{Masked, SetNames, XtFamily};

/// `struct xt_tproxy_target_info`, `v1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tproxy {
    /// The mark becomes `(mark & !mask) ^ value`.
    pub mark: Masked,
    /// Address of the socket; unspecified: the interface's own.
    pub addr: IpAddr,
    /// Port of the socket; 0: the packet's.
    pub port: u16,
}

impl Extension for Tproxy {
    fn decode(revision: u32, family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let (mask, value) = (b.u32()?, b.u32()?);
        let addr = match revision {
            0 => b.ipv4()?,
            1 => b.inet(family)?,
            _ => return Err(BlobError::Revision(revision)),
        };
        Ok(Self { mark: Masked { value, mask }, addr, port: b.be16()? })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let (port, addr, mark) = (self.port, address(self.addr), self.mark.full_text());
        format!("--on-port {port} --on-ip {addr} --tproxy-mark {mark}")
    }
}

/// `struct xt_tee_tginfo`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tee {
    /// Where the copy goes to.
    pub gateway: IpAddr,
    /// The device that it leaves by.
    pub oif: Option<String>,
}

impl Extension for Tee {
    fn decode(revision: u32, family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 1 {
            return Err(BlobError::Revision(revision));
        }
        let (gateway, oif) = (b.inet(family)?, b.string(16)?);
        Ok(Self { gateway, oif: (!oif.is_empty()).then_some(oif) })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.push(format!("--gateway {}", address(self.gateway))).opt("--oif", self.oif.as_ref()).build()
    }
}

/// `struct xt_classify_target_info`: class of a queueing discipline, major and minor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Classify(pub u32);

impl Extension for Classify {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        b.u32().map(Self)
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("--set-class {:04x}:{:04x}", self.0 >> 16, self.0 & 0xffff)
    }
}

/// `struct nf_synproxy_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Synproxy {
    /// Window scale, if it is offered.
    pub wscale: Option<u8>,
    /// Maximum segment size, if it is offered.
    pub mss: Option<u16>,
    /// Selective acknowledgement is offered.
    pub sack_perm: bool,
    /// Time stamps are offered.
    pub timestamp: bool,
}

impl Extension for Synproxy {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let (options, wscale, mss) = (b.u8()?, b.u8()?, b.u16()?);
        Ok(Self {
            mss: (options & 1 != 0).then_some(mss),
            wscale: (options & 2 != 0).then_some(wscale),
            sack_perm: options & 4 != 0,
            timestamp: options & 8 != 0,
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.flag(self.sack_perm, "--sack-perm").flag(self.timestamp, "--timestamp");
        o.opt("--wscale", self.wscale.map(|n| n.to_string()))
            .opt("--mss", self.mss.map(|n| n.to_string()))
            .build()
    }
}

/// `struct idletimer_tg_info`, `v1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Idletimer {
    /// Seconds.
    pub timeout: u32,
    /// Name of the timer.
    pub label: String,
    /// The timer wakes the machine.
    pub alarm: bool,
}

impl Extension for Idletimer {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let (timeout, label) = (b.u32()?, b.string(28)?);
        let alarm = match revision {
            0 => false,
            1 => {
                b.skip(1)?; // whether netlink messages are sent, which iptables does not set
                b.u8()? & 1 != 0
            }
            _ => return Err(BlobError::Revision(revision)),
        };
        Ok(Self { timeout, label, alarm })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.push(format!("--timeout {} --label {}", self.timeout, self.label))
            .flag(self.alarm, "--alarm")
            .build()
    }
}

/// `TRACE`: decides nothing. Has no structure.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Trace {}

impl Extension for Trace {
    fn decode(revision: u32, _: XtFamily, _: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision == 0 { Ok(Self {}) } else { Err(BlobError::Revision(revision)) }
    }

    fn options(&self, _: &dyn SetNames) -> String {
        String::new()
    }
}
