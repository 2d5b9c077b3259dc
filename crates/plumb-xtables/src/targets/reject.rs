//! `REJECT` (`ipt_REJECT.h`, `ip6t_REJECT.h`).

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError, BlobWriter};
use crate::extension::Extension;
use crate::types::{SetNames, XtFamily};

/// The answer: ICMP (`Icmp…`, IPv4), ICMPv6 (`Icmp6…`, IPv6) or a TCP reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are those of the ICMP codes")]
pub enum RejectWith {
    IcmpNetUnreachable,
    IcmpHostUnreachable,
    IcmpProtoUnreachable,
    IcmpPortUnreachable,
    IcmpNetProhibited,
    IcmpHostProhibited,
    IcmpAdminProhibited,
    TcpReset,
    Icmp6NoRoute,
    Icmp6AdmProhibited,
    Icmp6AddrUnreachable,
    Icmp6PortUnreachable,
    Icmp6PolicyFail,
    Icmp6RejectRoute,
}

use RejectWith as W;

const IP: [(u32, RejectWith); 8] = [
    (0, W::IcmpNetUnreachable),
    (1, W::IcmpHostUnreachable),
    (2, W::IcmpProtoUnreachable),
    (3, W::IcmpPortUnreachable),
    (5, W::IcmpNetProhibited),
    (6, W::IcmpHostProhibited),
    (7, W::TcpReset),
    (8, W::IcmpAdminProhibited),
];

const IP6: [(u32, RejectWith); 7] = [
    (0, W::Icmp6NoRoute),
    (1, W::Icmp6AdmProhibited),
    (3, W::Icmp6AddrUnreachable),
    (4, W::Icmp6PortUnreachable),
    (6, W::TcpReset),
    (7, W::Icmp6PolicyFail),
    (8, W::Icmp6RejectRoute),
];

fn table(family: XtFamily) -> &'static [(u32, RejectWith)] {
    match family {
        XtFamily::Ip => &IP,
        XtFamily::Ip6 => &IP6,
    }
}

impl RejectWith {
    /// iptables' word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            W::IcmpNetUnreachable => "icmp-net-unreachable",
            W::IcmpHostUnreachable => "icmp-host-unreachable",
            W::IcmpProtoUnreachable => "icmp-proto-unreachable",
            W::IcmpPortUnreachable => "icmp-port-unreachable",
            W::IcmpNetProhibited => "icmp-net-prohibited",
            W::IcmpHostProhibited => "icmp-host-prohibited",
            W::IcmpAdminProhibited => "icmp-admin-prohibited",
            W::TcpReset => "tcp-reset",
            W::Icmp6NoRoute => "icmp6-no-route",
            W::Icmp6AdmProhibited => "icmp6-adm-prohibited",
            W::Icmp6AddrUnreachable => "icmp6-addr-unreachable",
            W::Icmp6PortUnreachable => "icmp6-port-unreachable",
            W::Icmp6PolicyFail => "icmp6-policy-fail",
            W::Icmp6RejectRoute => "icmp6-reject-route",
        }
    }

    /// Type and code of the ICMP or ICMPv6 message; `None` for a TCP reset.
    #[must_use]
    pub fn icmp(self) -> Option<(u8, u8)> {
        match self {
            W::IcmpNetUnreachable => Some((3, 0)),
            W::IcmpHostUnreachable => Some((3, 1)),
            W::IcmpProtoUnreachable => Some((3, 2)),
            W::IcmpPortUnreachable => Some((3, 3)),
            W::IcmpNetProhibited => Some((3, 9)),
            W::IcmpHostProhibited => Some((3, 10)),
            W::IcmpAdminProhibited => Some((3, 13)),
            W::TcpReset => None,
            W::Icmp6NoRoute => Some((1, 0)),
            W::Icmp6AdmProhibited => Some((1, 1)),
            W::Icmp6AddrUnreachable => Some((1, 3)),
            W::Icmp6PortUnreachable => Some((1, 4)),
            W::Icmp6PolicyFail => Some((1, 5)),
            W::Icmp6RejectRoute => Some((1, 6)),
        }
    }
}

/// `struct ipt_reject_info`, `struct ip6t_reject_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reject(pub RejectWith);

impl Extension for Reject {
    fn decode(revision: u32, family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let with = b.u32()?;
        let known = table(family).iter().find(|(n, _)| *n == with);
        known.map(|(_, w)| Self(*w)).ok_or(BlobError::Value { field: "with", value: with.into() })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("--reject-with {}", self.0.word())
    }

    fn encode(&self, revision: u32, family: XtFamily) -> Result<Option<Vec<u8>>, String> {
        let number = table(family).iter().find(|(_, w)| *w == self.0).map(|(n, _)| *n);
        let number = number.ok_or_else(|| format!("{} belongs to the other family", self.0.word()))?;
        Ok((revision == 0).then(|| BlobWriter::default().u32(number).finish(4)))
    }
}
