//! `LOG`, `NFLOG`, `AUDIT`.

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::{Options, quoted};
use crate::types::{SetNames, XtFamily};

/// `struct xt_log_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Log {
    /// Level of syslog; 4 (warning) is not printed.
    pub level: u8,
    /// `XT_LOG_*`: 1 TCP sequence, 2 TCP options, 4 IP options, 8 user, 0x20 Ethernet header.
    pub flags: u8,
    /// What the line begins with.
    pub prefix: String,
}

impl Extension for Log {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        Ok(Self { level: b.u8()?, flags: b.u8()?, prefix: b.string(30)? })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.opt("--log-prefix", (!self.prefix.is_empty()).then(|| quoted(&self.prefix)));
        o.opt("--log-level", (self.level != 4).then(|| self.level.to_string()));
        o.flag(self.flags & 1 != 0, "--log-tcp-sequence").flag(self.flags & 2 != 0, "--log-tcp-options");
        o.flag(self.flags & 4 != 0, "--log-ip-options").flag(self.flags & 8 != 0, "--log-uid");
        o.flag(self.flags & 0x20 != 0, "--log-macdecode").build()
    }
}

/// `struct xt_nflog_info`, or nftables' `log` with a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Nflog {
    /// Group of listeners.
    pub group: u16,
    /// What the message begins with.
    pub prefix: String,
    /// Bytes of the packet that are copied; `None`: all.
    pub size: Option<u32>,
    /// The older `--nflog-range`, which the kernel never heeded.
    pub range: Option<u32>,
    /// Messages that are sent at once.
    pub threshold: u16,
}

impl Extension for Nflog {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let (len, group, threshold, flags) = (b.u32()?, b.u16()?, b.u16()?, b.u16()?);
        b.skip(2)?;
        let copy = flags & 1 != 0;
        Ok(Self {
            group,
            prefix: b.string(64)?,
            size: copy.then_some(len),
            range: (!copy && len != 0).then_some(len),
            threshold,
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.opt("--nflog-prefix", (!self.prefix.is_empty()).then(|| quoted(&self.prefix)));
        o.opt("--nflog-group", (self.group != 0).then(|| self.group.to_string()));
        o.opt("--nflog-size", self.size.map(|n| n.to_string()));
        o.opt("--nflog-range", self.range.map(|n| n.to_string()));
        o.opt("--nflog-threshold", (self.threshold != 0).then(|| self.threshold.to_string())).build()
    }
}

/// What an audit record says (it decides nothing).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words say it")]
pub enum AuditType {
    Accept,
    Drop,
    Reject,
}

/// `struct xt_audit_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Audit(pub AuditType);

impl Extension for Audit {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        match b.u8()? {
            0 => Ok(Self(AuditType::Accept)),
            1 => Ok(Self(AuditType::Drop)),
            2 => Ok(Self(AuditType::Reject)),
            v => Err(BlobError::Value { field: "type", value: v.into() }),
        }
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let word = match self.0 {
            AuditType::Accept => "accept",
            AuditType::Drop => "drop",
            AuditType::Reject => "reject",
        };
        format!("--type {word}")
    }
}
