//! Neighbours and the bridge's forwarding database (RTM_NEWNEIGH).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Mac;

/// `NUD_*`, a set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NeighbourState(pub u16);

impl NeighbourState {
    /// `NUD_INCOMPLETE`
    pub const INCOMPLETE: Self = Self(0x01);
    /// `NUD_REACHABLE`
    pub const REACHABLE: Self = Self(0x02);
    /// `NUD_STALE`
    pub const STALE: Self = Self(0x04);
    /// `NUD_DELAY`
    pub const DELAY: Self = Self(0x08);
    /// `NUD_PROBE`
    pub const PROBE: Self = Self(0x10);
    /// `NUD_FAILED`
    pub const FAILED: Self = Self(0x20);
    /// `NUD_NOARP`
    pub const NOARP: Self = Self(0x40);
    /// `NUD_PERMANENT`
    pub const PERMANENT: Self = Self(0x80);

    /// As `ip neigh` prints it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::INCOMPLETE => "INCOMPLETE",
            Self::REACHABLE => "REACHABLE",
            Self::STALE => "STALE",
            Self::DELAY => "DELAY",
            Self::PROBE => "PROBE",
            Self::FAILED => "FAILED",
            Self::NOARP => "NOARP",
            Self::PERMANENT => "PERMANENT",
            Self(0) => "NONE",
            Self(_) => "UNKNOWN",
        }
    }

    /// Whether the kernel sends with this entry's address without asking first: permanent, noarp, reachable,
    /// and the states that still use the address while it is being confirmed (`NUD_VALID` less `PROBE`'s doubt).
    #[must_use]
    pub fn is_valid(self) -> bool {
        self.0 & (0x80 | 0x40 | 0x02 | 0x10 | 0x04 | 0x08) != 0
    }
}

/// A neighbour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Device.
    pub index: u32,
    /// Address.
    pub addr: IpAddr,
    /// Hardware address.
    pub lladdr: Option<Mac>,
    /// State.
    pub state: NeighbourState,
    /// `NTF_*`: 8 proxy, 0x80 router, 0x10 externally learnt.
    #[serde(default)]
    pub flags: u8,
}

impl Neighbour {
    /// `NTF_PROXY`
    pub const PROXY: u8 = 0x08;
}

impl FdbEntry {
    /// `NTF_STICKY`
    pub const STICKY: u8 = 0x40;
}

/// An entry of a bridge's or VXLAN device's forwarding database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdbEntry {
    /// Port (or the bridge itself, or the VXLAN device).
    pub index: u32,
    /// Address.
    pub lladdr: Mac,
    /// The bridge, for an entry of a bridge.
    pub master: Option<u32>,
    /// VLAN.
    #[serde(default)]
    pub vlan: Option<u16>,
    /// `NUD_*`: permanent = local address of the bridge or port, noarp = static, else learnt.
    pub state: NeighbourState,
    /// `NTF_*`: 2 self, 4 master, 0x40 sticky.
    pub flags: u8,
    /// Where a VXLAN device sends it.
    #[serde(default)]
    pub dst: Option<IpAddr>,
    /// VNI of the destination where it differs from the device's.
    #[serde(default)]
    pub vni: Option<u32>,
    /// UDP port of the destination where it differs.
    #[serde(default)]
    pub port: Option<u16>,
}
