//! Routes (RTM_NEWROUTE).

use std::collections::BTreeMap;
use std::net::IpAddr;

use plumb_nft::Bytes;
use serde::{Deserialize, Serialize};

use crate::{IpFamily, Prefix};

/// What a route does with a packet (`RTN_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RouteKind {
    /// To a gateway or a device.
    Unicast,
    /// To this machine.
    Local,
    /// To this machine and, as a broadcast, out.
    Broadcast,
    /// To this machine (IPv6 anycast).
    Anycast,
    /// Multicast.
    Multicast,
    /// Dropped in silence.
    Blackhole,
    /// Dropped with ICMP host unreachable.
    Unreachable,
    /// Dropped with ICMP administratively prohibited.
    Prohibit,
    /// Go on with the next policy rule.
    Throw,
    /// Another number.
    Unknown(u8),
}

impl RouteKind {
    /// From `rtm_type`.
    #[must_use]
    pub fn from_number(n: u8) -> Self {
        match n {
            1 => Self::Unicast,
            2 => Self::Local,
            3 => Self::Broadcast,
            4 => Self::Anycast,
            5 => Self::Multicast,
            6 => Self::Blackhole,
            7 => Self::Unreachable,
            8 => Self::Prohibit,
            9 => Self::Throw,
            n => Self::Unknown(n),
        }
    }

    /// As `ip route` prints it.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        Some(match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Broadcast => "broadcast",
            Self::Anycast => "anycast",
            Self::Multicast => "multicast",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::Throw => "throw",
            Self::Unknown(_) => return None,
        })
    }
}

/// Where a route leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NextHop {
    /// Gateway; may be of the other family (`via inet6`).
    pub gateway: Option<IpAddr>,
    /// Device.
    pub oif: Option<u32>,
    /// Weight of an ECMP hop, 1 or more.
    #[serde(default)]
    pub weight: u32,
    /// `RTNH_F_*`: 1 dead, 4 onlink, 16 linkdown.
    #[serde(default)]
    pub flags: u32,
}

impl NextHop {
    /// `RTNH_F_DEAD`
    pub const DEAD: u32 = 1;
    /// `RTNH_F_ONLINK`
    pub const ONLINK: u32 = 4;
    /// `RTNH_F_LINKDOWN`
    pub const LINKDOWN: u32 = 16;
}

/// A route of some table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Family.
    pub family: IpFamily,
    /// Table: 254 main, 255 local, 253 default.
    pub table: u32,
    /// What it does.
    pub kind: RouteKind,
    /// Destination.
    pub dst: Prefix,
    /// Source (IPv6 source-specific routes).
    #[serde(default)]
    pub src: Option<Prefix>,
    /// Type of service it is for; 0 any.
    #[serde(default)]
    pub tos: u8,
    /// Metric: the smaller wins.
    #[serde(default)]
    pub priority: u32,
    /// Who made it (`RTPROT_*`): 2 kernel, 3 boot, 4 static …
    #[serde(default)]
    pub protocol: u8,
    /// `RT_SCOPE_*`: 0 global, 253 link, 254 host.
    #[serde(default)]
    pub scope: u8,
    /// Preferred source address.
    #[serde(default)]
    pub prefsrc: Option<IpAddr>,
    /// Next hops: none for blackhole and the like, several for ECMP.
    #[serde(default)]
    pub next_hops: Vec<NextHop>,
    /// Nexthop object that the hops came from.
    #[serde(default)]
    pub nexthop_id: Option<u32>,
    /// `RTM_F_*` and `RTNH_F_*` of the message.
    #[serde(default)]
    pub flags: u32,
    /// Router preference (IPv6): 0 medium, 1 high, 3 low.
    #[serde(default)]
    pub pref: u8,
    /// `RTAX_*` metrics by number (2 MTU, 8 ADVMSS …).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<u16, u32>,
    /// Attributes that this version does not know (an encapsulation, say).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_attributes: Vec<(u16, Bytes)>,
}

/// A smaller MTU that the kernel was told of for one destination: an exception to a route, as `ip route show cache` lists
/// it (`struct fib_nh_exception`, `struct rt6_exception`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathMtu {
    /// Destination.
    pub dst: IpAddr,
    /// Device that the route leads out by.
    pub oif: Option<u32>,
    /// MTU.
    pub mtu: u32,
    /// Packets are sent without DF, since it is below `net.ipv4.route.min_pmtu`.
    #[serde(default)]
    pub locked: bool,
}

impl Route {
    /// Table `default`
    pub const TABLE_DEFAULT: u32 = 253;
    /// Table `main`
    pub const TABLE_MAIN: u32 = 254;
    /// Table `local`
    pub const TABLE_LOCAL: u32 = 255;

    /// Name of a table as `ip route` prints it.
    #[must_use]
    pub fn table_name(table: u32) -> String {
        match table {
            Self::TABLE_DEFAULT => "default".to_owned(),
            Self::TABLE_MAIN => "main".to_owned(),
            Self::TABLE_LOCAL => "local".to_owned(),
            n => n.to_string(),
        }
    }
}
