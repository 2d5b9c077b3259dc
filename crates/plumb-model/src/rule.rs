//! Policy rules (RTM_NEWRULE).

use plumb_nft::Bytes;
use serde::{Deserialize, Serialize};

use crate::{IpFamily, Prefix};

/// What a policy rule does (`FR_ACT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PolicyAction {
    /// Look up a table.
    ToTable(u32),
    /// Go on at the rule with this preference.
    Goto(u32),
    /// Nothing.
    Nop,
    /// Drop in silence.
    Blackhole,
    /// Network unreachable.
    Unreachable,
    /// Administratively prohibited.
    Prohibit,
    /// Another number.
    Unknown(u8),
}

/// Ports from first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortRange {
    /// First port.
    pub first: u16,
    /// Last port.
    pub last: u16,
}

impl PortRange {
    /// Whether the port lies in it.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

/// A policy rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRule {
    /// Family.
    pub family: IpFamily,
    /// Preference: the smaller is asked first.
    pub priority: u32,
    /// What it does.
    pub action: PolicyAction,
    /// `FIB_RULE_INVERT`: matches what the selectors do not.
    #[serde(default)]
    pub invert: bool,
    /// Source.
    #[serde(default)]
    pub src: Option<Prefix>,
    /// Destination.
    #[serde(default)]
    pub dst: Option<Prefix>,
    /// Device it came in by; `lo` for what this machine sends.
    #[serde(default)]
    pub iifname: Option<String>,
    /// Device a socket is bound to.
    #[serde(default)]
    pub oifname: Option<String>,
    /// Mark and mask.
    #[serde(default)]
    pub fwmark: Option<(u32, u32)>,
    /// Type of service.
    #[serde(default)]
    pub tos: u8,
    /// Users, first to last.
    #[serde(default)]
    pub uid_range: Option<(u32, u32)>,
    /// IP protocol.
    #[serde(default)]
    pub ip_proto: Option<u8>,
    /// Source ports.
    #[serde(default)]
    pub sport: Option<PortRange>,
    /// Destination ports.
    #[serde(default)]
    pub dport: Option<PortRange>,
    /// Results of a prefix this short or shorter do not count.
    #[serde(default)]
    pub suppress_prefixlen: Option<u32>,
    /// Results by a device of this group do not count.
    #[serde(default)]
    pub suppress_ifgroup: Option<u32>,
    /// For packets of an l3 master device (VRF).
    #[serde(default)]
    pub l3mdev: bool,
    /// Who made it (`RTPROT_*`).
    #[serde(default)]
    pub protocol: u8,
    /// Attributes that this version does not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_attributes: Vec<(u16, Bytes)>,
}
impl PolicyRule {
    /// The rules that every namespace begins with (`fib_default_rules_init`, `fib6_rules_net_init`).
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        use crate::Route;
        const TABLE_DEFAULT: u32 = 253;
        const RTPROT_KERNEL: u8 = 2;
        [
            (IpFamily::V4, 0, Route::TABLE_LOCAL),
            (IpFamily::V4, 32766, Route::TABLE_MAIN),
            (IpFamily::V4, 32767, TABLE_DEFAULT),
            (IpFamily::V6, 0, Route::TABLE_LOCAL),
            (IpFamily::V6, 32766, Route::TABLE_MAIN),
        ]
        .map(|(family, priority, table)| Self::to_table(family, priority, table, RTPROT_KERNEL))
        .into()
    }

    /// A rule without selectors that looks a table up.
    #[must_use]
    pub fn to_table(family: IpFamily, priority: u32, table: u32, protocol: u8) -> Self {
        Self {
            family,
            priority,
            action: PolicyAction::ToTable(table),
            invert: false,
            src: None,
            dst: None,
            iifname: None,
            oifname: None,
            fwmark: None,
            tos: 0,
            uid_range: None,
            ip_proto: None,
            sport: None,
            dport: None,
            suppress_prefixlen: None,
            suppress_ifgroup: None,
            l3mdev: false,
            protocol,
            unknown_attributes: Vec::new(),
        }
    }
}
