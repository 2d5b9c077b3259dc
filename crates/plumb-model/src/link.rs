//! Network devices and their addresses (RTM_NEWLINK, RTM_NEWADDR).

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Mac, NamespaceId, Prefix};
use plumb_nft::Bytes;

/// A network device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Index in its namespace.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Other names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alt_names: Vec<String>,
    /// `veth`, `bridge`, `vxlan` … as IFLA_INFO_KIND says; empty for a physical device and the loopback.
    #[serde(default)]
    pub kind: String,
    /// `ARPHRD_*`: 1 Ethernet, 772 loopback.
    #[serde(default)]
    pub hardware_type: u16,
    /// Hardware address.
    pub mac: Option<Mac>,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// `IFF_*`
    pub flags: u32,
    /// IFLA_OPERSTATE: 0 unknown, 2 down, 3 lowerlayerdown, 6 up …
    #[serde(default)]
    pub operstate: u8,
    /// Carrier.
    pub carrier: Option<bool>,
    /// How often the carrier came or went.
    #[serde(default)]
    pub carrier_changes: Option<u32>,
    /// Index of the bridge, bond … that it belongs to.
    pub master: Option<u32>,
    /// IFLA_LINK: index of the other end or of the lower device, in the namespace of `link_netnsid`.
    pub link: Option<u32>,
    /// IFLA_LINK_NETNSID: namespace id as this namespace numbers it.
    pub link_netnsid: Option<i32>,
    /// The other end of a veth pair, or the lower device, where it could be found.
    pub peer: Option<Peer>,
    /// Device group.
    #[serde(default)]
    pub group: u32,
    /// Name of the root queueing discipline.
    #[serde(default)]
    pub qdisc: String,
    /// Whether an XDP program is attached.
    #[serde(default)]
    pub xdp: Option<u32>,
    /// Promiscuity count.
    #[serde(default)]
    pub promiscuity: u32,
    /// Traffic counters.
    #[serde(default)]
    pub stats: LinkStats,
    /// Settings of a bridge.
    #[serde(default)]
    pub bridge: Option<Bridge>,
    /// Settings of a bridge's port.
    #[serde(default)]
    pub port: Option<BridgePort>,
    /// Settings of other kinds, as `ip -d link` names and prints them (`mode`, `id`, `dstport`, `local` …).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Attributes that this version does not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_attributes: Vec<(u16, Bytes)>,
}

impl Link {
    /// `IFF_UP`
    pub const UP: u32 = 0x1;
    /// `IFF_BROADCAST`
    pub const BROADCAST: u32 = 0x2;
    /// `IFF_LOOPBACK`
    pub const LOOPBACK: u32 = 0x8;
    /// `IFF_POINTOPOINT`
    pub const POINTOPOINT: u32 = 0x10;
    /// `IFF_RUNNING`
    pub const RUNNING: u32 = 0x40;
    /// `IFF_NOARP`
    pub const NOARP: u32 = 0x80;
    /// `IFF_PROMISC`
    pub const PROMISC: u32 = 0x100;
    /// `IFF_LOWER_UP`
    pub const LOWER_UP: u32 = 0x10000;

    /// Administratively up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.flags & Self::UP != 0
    }

    /// The loopback device.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.flags & Self::LOOPBACK != 0
    }
}

/// A device in some namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Peer {
    /// Namespace.
    pub namespace: NamespaceId,
    /// Index there.
    pub index: u32,
}

/// Counters of a device since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStats {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Bad packets received.
    pub rx_errors: u64,
    /// Failures to send.
    pub tx_errors: u64,
    /// Packets dropped on reception.
    pub rx_dropped: u64,
    /// Packets dropped on sending.
    pub tx_dropped: u64,
    /// Collisions.
    #[serde(default)]
    pub collisions: u64,
    /// Packets that came too fast for the device's buffer.
    #[serde(default)]
    pub rx_over_errors: u64,
    /// Frames with a wrong checksum: cable, plug, optics.
    #[serde(default)]
    pub rx_crc_errors: u64,
    /// Frames that end within a byte.
    #[serde(default)]
    pub rx_frame_errors: u64,
    /// Overruns of the device's queue.
    #[serde(default)]
    pub rx_fifo_errors: u64,
    /// Packets that the device dropped since the ring was full.
    #[serde(default)]
    pub rx_missed_errors: u64,
    /// Frames that could not be sent for want of a carrier.
    #[serde(default)]
    pub tx_carrier_errors: u64,
    /// Packets that a device dropped since nobody takes them there: an inactive member of a bond, say.
    #[serde(default)]
    pub rx_nohandler: u64,
}

/// Settings of a bridge (IFLA_BR_*).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// Spanning tree: 0 off.
    pub stp_state: u32,
    /// Whether VLANs are told apart.
    pub vlan_filtering: bool,
    /// `nf_call_iptables` of this bridge (the sysctl of the namespace is an alternative to it).
    pub nf_call_iptables: bool,
    /// `nf_call_ip6tables`
    pub nf_call_ip6tables: bool,
    /// `nf_call_arptables`
    pub nf_call_arptables: bool,
    /// Life of a learnt FDB entry, hundredths of a second.
    pub ageing_time: u32,
    /// Forward delay, hundredths of a second.
    pub forward_delay: u32,
    /// Multicast snooping.
    pub multicast_snooping: bool,
}

/// Settings of a bridge's port (IFLA_BRPORT_*).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgePort {
    /// `BR_STATE_*`: 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking.
    pub state: u8,
    /// Sends back out of the port a packet came in by.
    pub hairpin: bool,
    /// Unknown unicast goes out here.
    pub flood: bool,
    /// Learns addresses.
    pub learning: bool,
    /// Multicast goes out here.
    pub mcast_flood: bool,
    /// Broadcast goes out here.
    pub bcast_flood: bool,
    /// Does not talk to other isolated ports.
    pub isolated: bool,
    /// Only known sources get in.
    pub locked: bool,
    /// Answers ARP for known neighbours.
    pub proxy_arp: bool,
    /// Keeps ARP and ND from the port where the bridge can answer.
    pub neigh_suppress: bool,
}

impl Default for BridgePort {
    /// A port as the kernel makes it.
    fn default() -> Self {
        Self {
            state: 3,
            hairpin: false,
            flood: true,
            learning: true,
            mcast_flood: true,
            bcast_flood: true,
            isolated: false,
            locked: false,
            proxy_arp: false,
            neigh_suppress: false,
        }
    }
}

/// An address on a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Device.
    pub index: u32,
    /// The address (IFA_LOCAL) with the length of its network.
    pub prefix: Prefix,
    /// Far end of a point-to-point address (IFA_ADDRESS where it differs).
    #[serde(default)]
    pub peer: Option<IpAddr>,
    /// `RT_SCOPE_*`: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// `IFA_F_*`
    pub flags: u32,
    /// Label.
    #[serde(default)]
    pub label: Option<String>,
    /// Broadcast address.
    #[serde(default)]
    pub broadcast: Option<IpAddr>,
    /// Whether the preferred lifetime is not over.
    #[serde(default = "yes")]
    pub preferred: bool,
}

fn yes() -> bool {
    true
}

impl Address {
    /// One of global scope that does not run out, as an administrator gives it to a device.
    #[must_use]
    pub fn permanent(index: u32, prefix: Prefix) -> Self {
        Self {
            index,
            prefix,
            peer: None,
            scope: 0,
            flags: Self::PERMANENT,
            label: None,
            broadcast: None,
            preferred: true,
        }
    }

    /// `IFA_F_SECONDARY` (IPv4; the same bit is TEMPORARY for IPv6)
    pub const SECONDARY: u32 = 0x1;
    /// `IFA_F_NODAD`: used at once, without asking whether another has it.
    pub const NODAD: u32 = 0x2;
    /// `IFA_F_DADFAILED`
    pub const DADFAILED: u32 = 0x8;
    /// `IFA_F_DEPRECATED`
    pub const DEPRECATED: u32 = 0x20;
    /// `IFA_F_TENTATIVE`
    pub const TENTATIVE: u32 = 0x40;
    /// `IFA_F_PERMANENT`
    pub const PERMANENT: u32 = 0x80;
}
