//! New devices (RTM_NEWLINK with IFLA_LINKINFO).

use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};

use plumb_model::Mac;
use plumb_nft::nlattr::Writer;

use super::NamespaceWriter;
use crate::error::Result;
use crate::netlink::WriteNative;
use crate::netns::NamespaceHandle;
use crate::read::{RTM_NEWLINK, ifinfomsg};

pub(super) const IFLA_ADDRESS: u16 = 1;
pub(super) const IFLA_IFNAME: u16 = 3;
pub(super) const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
pub(super) const IFLA_MASTER: u16 = 10;
pub(super) const IFLA_LINKINFO: u16 = 18;
pub(super) const IFLA_NET_NS_FD: u16 = 28;
pub(super) const INFO_KIND: u16 = 1;
pub(super) const INFO_DATA: u16 = 2;
const IFF_UP: u32 = 1;

/// The other end of a new veth pair.
#[derive(Clone, Copy, Debug, Default)]
pub struct VethPeer<'a> {
    /// Name.
    pub name: &'a str,
    /// Namespace; that of the first end where `None`.
    pub namespace: Option<&'a NamespaceHandle>,
    /// Hardware address; random where `None`.
    pub mac: Option<Mac>,
    /// Largest packet in bytes.
    pub mtu: Option<u32>,
    /// Whether it is set up at once.
    pub up: bool,
}

/// What a new device is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum NewLinkKind<'a> {
    /// A pair; the other end is named in it.
    Veth(VethPeer<'a>),
    /// A bridge.
    Bridge {
        /// Whether VLANs are told apart.
        vlan_filtering: bool,
    },
    /// A device that drops what it is given.
    Dummy,
    /// A VLAN of another device.
    Vlan {
        /// The other device.
        lower: &'a str,
        /// VLAN id.
        id: u16,
    },
    /// MAC-VLAN in bridge mode.
    Macvlan {
        /// The other device.
        lower: &'a str,
    },
    /// VXLAN.
    Vxlan {
        /// Network identifier.
        id: u32,
        /// Source address of the outer packets.
        local: Option<IpAddr>,
        /// Device of the outer packets.
        lower: Option<&'a str>,
        /// UDP port.
        port: u16,
        /// Whether senders are learnt from what comes in.
        learning: bool,
    },
    /// Virtual routing and forwarding: its ports use this routing table.
    Vrf {
        /// Routing table.
        table: u32,
    },
}

/// A device to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewLink<'a> {
    /// Name, up to 15 bytes.
    pub name: &'a str,
    /// What it is.
    pub kind: NewLinkKind<'a>,
    /// Hardware address; random where `None`.
    pub mac: Option<Mac>,
    /// Largest packet in bytes.
    pub mtu: Option<u32>,
    /// Name of the bridge or VRF to put it under.
    pub master: Option<&'a str>,
    /// Whether it is set up at once.
    pub up: bool,
}

impl<'a> NewLink<'a> {
    /// With all else as the kernel chooses, and down.
    #[must_use]
    pub fn new(name: &'a str, kind: NewLinkKind<'a>) -> Self {
        Self { name, kind, mac: None, mtu: None, master: None, up: false }
    }
}

impl NewLinkKind<'_> {
    fn word(&self) -> &'static str {
        match self {
            Self::Veth(_) => "veth",
            Self::Bridge { .. } => "bridge",
            Self::Dummy => "dummy",
            Self::Vlan { .. } => "vlan",
            Self::Macvlan { .. } => "macvlan",
            Self::Vxlan { .. } => "vxlan",
            Self::Vrf { .. } => "vrf",
        }
    }
}

impl NamespaceWriter {
    /// Makes a device.
    pub fn add_link(&mut self, link: &NewLink<'_>) -> Result<()> {
        let master = link.master.map(|m| self.index(m)).transpose()?;
        let lower = match link.kind {
            NewLinkKind::Vlan { lower, .. } | NewLinkKind::Macvlan { lower } => Some(self.index(lower)?),
            NewLinkKind::Vxlan { lower, .. } => lower.map(|l| self.index(l)).transpose()?,
            _ => None,
        };
        let mut w = Writer::new();
        // An end of a pair cannot come up before the other is there (`veth_open`).
        let is_veth = matches!(link.kind, NewLinkKind::Veth(_));
        head(&mut w, link.name, link.mac, link.mtu, link.up && !is_veth);
        if let Some(master) = master {
            w.ne32(IFLA_MASTER, master);
        }
        if let (Some(lower), NewLinkKind::Vlan { .. } | NewLinkKind::Macvlan { .. }) = (lower, link.kind) {
            w.ne32(IFLA_LINK, lower);
        }
        w.nest(IFLA_LINKINFO, |w| {
            w.text(INFO_KIND, link.kind.word());
            w.nest(INFO_DATA, |w| data(w, &link.kind, lower));
        });
        let verb = match link.kind {
            NewLinkKind::Veth(peer) => format!("add the veth pair {} and {}", link.name, peer.name),
            kind => format!("add the {} {}", kind.word(), link.name),
        };
        self.create(&verb, RTM_NEWLINK, &w.into_bytes())?;
        let NewLinkKind::Veth(peer) = link.kind else { return Ok(()) };
        if link.up {
            self.set_up(link.name, true)?;
        }
        match peer.namespace {
            _ if !peer.up => Ok(()),
            None => self.set_up(peer.name, true),
            Some(namespace) => NamespaceWriter::new(namespace)?.set_up(peer.name, true),
        }
    }
}

fn head(w: &mut Writer, name: &str, mac: Option<Mac>, mtu: Option<u32>, up: bool) {
    let flags = if up { IFF_UP } else { 0 };
    w.raw(&ifinfomsg(0, 0, flags, flags));
    w.text(IFLA_IFNAME, name);
    if let Some(mac) = mac {
        w.put(IFLA_ADDRESS, &mac.0);
    }
    if let Some(mtu) = mtu {
        w.ne32(IFLA_MTU, mtu);
    }
}

fn data(w: &mut Writer, kind: &NewLinkKind<'_>, lower: Option<u32>) {
    match *kind {
        NewLinkKind::Veth(peer) => {
            const VETH_INFO_PEER: u16 = 1;
            w.nest(VETH_INFO_PEER, |w| {
                head(w, peer.name, peer.mac, peer.mtu, false);
                if let Some(namespace) = peer.namespace {
                    w.ne32(IFLA_NET_NS_FD, namespace.as_fd().as_raw_fd().cast_unsigned());
                }
            });
        }
        // A kernel may lack VLAN filtering and refuse to hear of it.
        NewLinkKind::Bridge { vlan_filtering: true } => w.u8(7, 1),
        NewLinkKind::Bridge { vlan_filtering: false } | NewLinkKind::Dummy => {}
        NewLinkKind::Vlan { id, .. } => w.ne16(1, id),
        // `MACVLAN_MODE_BRIDGE`
        NewLinkKind::Macvlan { .. } => w.ne32(1, 4),
        NewLinkKind::Vxlan { id, local, port, learning, .. } => {
            w.ne32(1, id);
            match local {
                Some(addr @ IpAddr::V4(_)) => w.ip(4, addr),
                Some(addr @ IpAddr::V6(_)) => w.ip(17, addr),
                None => {}
            }
            if let Some(lower) = lower {
                w.ne32(3, lower);
            }
            w.u8(7, u8::from(learning));
            w.be16(15, port);
        }
        NewLinkKind::Vrf { table } => w.ne32(1, table),
    }
}
