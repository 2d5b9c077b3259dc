//! `icmp` and `icmp6` (`struct ipt_icmp` in `ip_tables.h`, `struct ip6t_icmp` in `ip6_tables.h`).

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError, BlobWriter};
use crate::extension::Extension;
use crate::types::{Inv, SetNames, XtFamily};

/// Type and codes of an ICMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IcmpType {
    /// Type; 255 in `icmp` matches any.
    pub kind: u8,
    /// First code.
    pub code_min: u8,
    /// Last code.
    pub code_max: u8,
}

fn read(revision: u32, b: &mut Blob<'_>) -> Result<Inv<IcmpType>, BlobError> {
    if revision != 0 {
        return Err(BlobError::Revision(revision));
    }
    let t = IcmpType { kind: b.u8()?, code_min: b.u8()?, code_max: b.u8()? };
    Ok(Inv::new(t, b.u8()? & 1 != 0))
}

fn write(revision: u32, m: &Inv<IcmpType>) -> Option<Vec<u8>> {
    let w = BlobWriter::default().u8(m.value.kind).u8(m.value.code_min).u8(m.value.code_max);
    (revision == 0).then(|| w.u8(m.invert.into()).finish(4))
}

fn text(t: &IcmpType) -> String {
    if t.code_min == 0 && t.code_max == 0xff {
        t.kind.to_string()
    } else {
        format!("{}/{}", t.kind, t.code_min)
    }
}

/// `icmp`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Icmp(pub Inv<IcmpType>);

impl Icmp {
    /// Whether a message of this type and code matches. Type 255 stands for every type and code
    /// (`icmp_type_code_match` in net/netfilter/xt_tcpudp.c).
    #[must_use]
    pub fn matches(&self, kind: u8, code: u8) -> bool {
        self.0.holds(|t| t.kind == 0xff || (t.kind == kind && (t.code_min..=t.code_max).contains(&code)))
    }
}

impl Extension for Icmp {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        read(revision, b).map(Self)
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let t = &self.0.value;
        let what = if t.kind == 0xff { "any".to_owned() } else { text(t) };
        format!("{}--icmp-type {what}", self.0.bang())
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        Ok(write(revision, &self.0))
    }
}

/// `icmp6`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Icmp6(pub Inv<IcmpType>);

impl Icmp6 {
    /// Whether a message of this type and code matches.
    #[must_use]
    pub fn matches(&self, kind: u8, code: u8) -> bool {
        self.0.holds(|t| t.kind == kind && (t.code_min..=t.code_max).contains(&code))
    }
}

impl Extension for Icmp6 {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        read(revision, b).map(Self)
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("{}--icmpv6-type {}", self.0.bang(), text(&self.0.value))
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        Ok(write(revision, &self.0))
    }
}
