//! Neighbours and forwarding databases.

use std::net::IpAddr;

use plumb_model::{FdbEntry, IpFamily, Neighbour, NeighbourState};
use plumb_nft::nlattr::Writer;

use super::NamespaceWriter;
use crate::error::Result;
use crate::netlink::{APPEND, CREATE, REPLACE, WriteNative};
use crate::read::{AF_BRIDGE, RTM_DELNEIGH, RTM_NEWNEIGH, family_number, ndmsg};

const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NDA_VLAN: u16 = 5;
const NDA_PORT: u16 = 6;
const NDA_VNI: u16 = 7;
const NTF_SELF: u8 = 2;
const NTF_MASTER: u8 = 4;

impl NamespaceWriter {
    /// Adds or replaces a neighbour, or a proxy entry where its flags say so.
    pub fn set_neighbour(&mut self, device: &str, neighbour: &Neighbour) -> Result<()> {
        let index = self.index(device)?;
        let proxy = neighbour.flags & Neighbour::PROXY != 0;
        let state = match neighbour.state {
            NeighbourState(0) => NeighbourState::PERMANENT,
            state => state,
        };
        let mut w = Writer::new();
        let family = family_number(IpFamily::of(neighbour.addr));
        w.raw(&ndmsg(family, index, state.0, neighbour.flags));
        w.ip(NDA_DST, neighbour.addr);
        if let (Some(mac), false) = (neighbour.lladdr, proxy) {
            w.put(NDA_LLADDR, &mac.0);
        }
        let what = self.what(&format!("set the neighbour {} on {device}", neighbour.addr));
        self.route.change(&what, RTM_NEWNEIGH, CREATE | REPLACE, &w.into_bytes())
    }

    /// Deletes a neighbour, and where there is none a proxy entry; `false` where there was neither.
    pub fn delete_neighbour(&mut self, device: &str, address: IpAddr) -> Result<bool> {
        let index = self.index(device)?;
        for flags in [0, Neighbour::PROXY] {
            let mut w = Writer::new();
            w.raw(&ndmsg(family_number(IpFamily::of(address)), index, 0, flags));
            w.ip(NDA_DST, address);
            let verb = format!("delete the neighbour {address} from {device}");
            if self.delete(&verb, RTM_DELNEIGH, &w.into_bytes(), &[libc::ENOENT])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds or replaces an entry of a forwarding database: of the device's bridge where the entry has a master, else
    /// of the device itself.
    pub fn add_fdb(&mut self, device: &str, entry: &FdbEntry) -> Result<()> {
        let payload = self.fdb(device, entry)?;
        let what = self.what(&format!("add {} to the forwarding database of {device}", entry.lladdr));
        // A VXLAN device sends what it floods to every destination of the address of zeros.
        let more = if entry.lladdr.0 == [0; 6] { APPEND } else { REPLACE };
        self.route.change(&what, RTM_NEWNEIGH, CREATE | more, &payload)
    }

    /// Deletes an entry; `false` where there was none.
    pub fn delete_fdb(&mut self, device: &str, entry: &FdbEntry) -> Result<bool> {
        let payload = self.fdb(device, entry)?;
        let verb = format!("delete {} from the forwarding database of {device}", entry.lladdr);
        self.delete(&verb, RTM_DELNEIGH, &payload, &[libc::ENOENT])
    }

    fn fdb(&mut self, device: &str, entry: &FdbEntry) -> Result<Vec<u8>> {
        let index = self.index(device)?;
        let of_bridge = entry.master.is_some() && entry.flags & NTF_SELF == 0;
        // A bridge takes permanent (its own), noarp (static) and reachable (learnt) entries.
        let state = match entry.state {
            s @ (NeighbourState::PERMANENT | NeighbourState::NOARP) => s,
            _ if of_bridge => NeighbourState::REACHABLE,
            NeighbourState(0) => NeighbourState::PERMANENT,
            s => s,
        };
        let mut w = Writer::new();
        w.raw(&ndmsg(AF_BRIDGE, index, state.0, if of_bridge { NTF_MASTER } else { NTF_SELF }));
        w.put(NDA_LLADDR, &entry.lladdr.0);
        if let Some(vlan) = entry.vlan {
            w.ne16(NDA_VLAN, vlan);
        }
        if let Some(dst) = entry.dst {
            w.ip(NDA_DST, dst);
        }
        if let Some(port) = entry.port {
            w.be16(NDA_PORT, port);
        }
        if let Some(vni) = entry.vni {
            w.ne32(NDA_VNI, vni);
        }
        Ok(w.into_bytes())
    }
}
