//! Connection tracking (net/netfilter/nf_conntrack_*).

use std::net::IpAddr;

use plumb_nft::Bytes;
use serde::{Deserialize, Serialize};

use crate::Protocol;

/// Type, code and id of an ICMP tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Identifier.
    pub id: u16,
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tuple {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// IP protocol.
    pub protocol: Protocol,
    /// Source port; 0 where there is none.
    #[serde(default)]
    pub sport: u16,
    /// Destination port; 0 where there is none.
    #[serde(default)]
    pub dport: u16,
    /// For ICMP.
    #[serde(default)]
    pub icmp: Option<Icmp>,
}

/// `IPS_*` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CtStatus(pub u32);

impl CtStatus {
    /// `IPS_SEEN_REPLY`
    pub const SEEN_REPLY: u32 = 1 << 1;
    /// `IPS_ASSURED`
    pub const ASSURED: u32 = 1 << 2;
    /// `IPS_CONFIRMED`
    pub const CONFIRMED: u32 = 1 << 3;
    /// `IPS_SRC_NAT`
    pub const SRC_NAT: u32 = 1 << 4;
    /// `IPS_DST_NAT`
    pub const DST_NAT: u32 = 1 << 5;
    /// `IPS_SRC_NAT_DONE`
    pub const SRC_NAT_DONE: u32 = 1 << 7;
    /// `IPS_DST_NAT_DONE`
    pub const DST_NAT_DONE: u32 = 1 << 8;
    /// `IPS_DYING`
    pub const DYING: u32 = 1 << 9;

    /// Whether a bit is set.
    #[must_use]
    pub fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }
}

/// What a connection has carried in a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct CtCounter {
    /// Packets.
    pub packets: u64,
    /// Bytes, IP headers included.
    pub bytes: u64,
}

/// An entry of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CtEntry {
    /// As the first packet came.
    pub original: Tuple,
    /// As answers are expected.
    pub reply: Tuple,
    /// Status bits.
    pub status: CtStatus,
    /// Seconds until it is dropped.
    #[serde(default)]
    pub timeout: u32,
    /// `TCP_CONNTRACK_*`: 1 SYN_SENT, 2 SYN_RECV, 3 ESTABLISHED, 4 FIN_WAIT, 5 CLOSE_WAIT, 6 LAST_ACK, 7 TIME_WAIT, 8 CLOSE.
    #[serde(default)]
    pub tcp_state: Option<u8>,
    /// Mark.
    #[serde(default)]
    pub mark: u32,
    /// Zone of both directions, or of one.
    #[serde(default)]
    pub zone: u16,
    /// Direction that the zone holds for, where not both: 0 original, 1 reply.
    #[serde(default)]
    pub zone_direction: Option<u8>,
    /// Labels.
    #[serde(default)]
    pub labels: Bytes,
    /// Helper.
    #[serde(default)]
    pub helper: Option<String>,
    /// Id.
    #[serde(default)]
    pub id: u32,
    /// What it has carried in each direction, where the kernel counts it (`nf_conntrack_acct`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<[CtCounter; 2]>,
}

/// The table of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conntrack {
    /// Entries.
    pub entries: Vec<CtEntry>,
    /// `nf_conntrack_count`: entries of this namespace.
    pub count: Option<u64>,
    /// `nf_conntrack_max`: limit, one value for all namespaces.
    pub max: Option<u64>,
}
