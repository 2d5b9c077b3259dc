//! Sets of ipset (include/uapi/linux/netfilter/ipset/ip_set.h).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{IpFamily, Mac};

/// A set, with its elements in the kernel's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpSet {
    /// The index by which rules refer to it.
    pub index: u16,
    /// Name.
    pub name: String,
    /// `hash:ip`, `list:set` …
    pub kind: String,
    /// Revision of the type.
    pub revision: u8,
    /// Family; `None`: of both (`NFPROTO_UNSPEC`).
    pub family: Option<IpFamily>,
    /// Length under which addresses are cut before they are compared.
    pub netmask: Option<u8>,
    /// The same as bits of an address.
    pub bitmask: Option<IpAddr>,
    /// Bits of the mark that are compared.
    pub markmask: Option<u32>,
    /// First and last address of a bitmap.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// First and last port of a bitmap.
    pub ports: Option<(u16, u16)>,
    /// Seconds that elements live unless they say otherwise; such a set has time-outs.
    pub timeout: Option<u32>,
    /// `IPSET_FLAG_WITH_COUNTERS` (8), `_COMMENT` (0x10), `_FORCEADD` (0x20), `_SKBINFO` (0x40).
    pub flags: u32,
    /// Elements.
    pub elements: Vec<IpSetElement>,
}

/// An element; what a type of set does not have is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpSetElement {
    /// Address, or first address of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Length of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cidr: Option<u8>,
    /// Port; for ICMP type and code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Protocol of the port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u8>,
    /// Second address or network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip2: Option<IpAddr>,
    /// Length of the second network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cidr2: Option<u8>,
    /// Device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iface: Option<String>,
    /// Hardware address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// Mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<u32>,
    /// The member of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// `IPSET_FLAG_PHYSDEV` (2), `_NOMATCH` (4), `_IFACE_WILDCARD` (0x80).
    pub flags: u32,
    /// Seconds that are left; 0: for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    /// Packets and bytes that matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counters: Option<(u64, u64)>,
    /// Comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl IpSetElement {
    /// `IPSET_FLAG_PHYSDEV`
    pub const PHYSDEV: u32 = 2;
    /// `IPSET_FLAG_NOMATCH`
    pub const NOMATCH: u32 = 4;
    /// `IPSET_FLAG_IFACE_WILDCARD`
    pub const WILDCARD: u32 = 0x80;

    /// Whether it is an exception (`nomatch`).
    #[must_use]
    pub fn is_nomatch(&self) -> bool {
        self.flags & Self::NOMATCH != 0
    }

    /// The element as `ipset list` prints it and `ipset del` takes it: time-out, flags and comment left out.
    #[must_use]
    pub fn text(&self, set: &IpSet) -> String {
        let network = |ip: IpAddr, cidr: Option<u8>| match cidr {
            Some(len) if len != IpFamily::of(ip).bits() => format!("{ip}/{len}"),
            _ => ip.to_string(),
        };
        let mut parts = Vec::new();
        parts.extend(self.ip.map(|ip| network(ip, self.cidr)));
        parts.extend(self.set.clone());
        if let Some(port) = self.port {
            parts.push(match self.protocol {
                None => port.to_string(),
                Some(p) => match (p, plumb_xtables::text::protocol_name(p)) {
                    (1, _) => format!("icmp:{}/{}", port >> 8, port & 0xff),
                    (58, _) => format!("icmpv6:{}/{}", port >> 8, port & 0xff),
                    (_, Some(name)) => format!("{name}:{port}"),
                    (_, None) => format!("{p}:{port}"),
                },
            });
        }
        parts.extend(self.ip2.map(|ip| network(ip, self.cidr2)));
        if let Some(mac) = self.mac {
            parts.push(mac.to_string().to_uppercase());
        }
        if let Some(iface) = &self.iface {
            let physical = if self.flags & Self::PHYSDEV != 0 { "physdev:" } else { "" };
            parts.push(format!("{physical}{iface}"));
        }
        if set.kind.contains("mark") {
            parts.extend(self.mark.map(|m| format!("{m:#010x}")));
        }
        parts.join(",")
    }
}
