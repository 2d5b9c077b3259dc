//! Addresses.

use plumb_model::{Address, IpFamily, Read};
use plumb_nft::nlattr::Writer;

use super::NamespaceWriter;
use crate::error::Result;
use crate::netlink::{CREATE, REPLACE, WriteNative};
use crate::read::{RTM_DELADDR, RTM_NEWADDR, family_number};

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_LABEL: u16 = 3;
const IFA_BROADCAST: u16 = 4;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
/// What the kernel itself says of an address, and what cannot be asked for: secondary, failed, tentative, permanent.
const KERNEL_FLAGS: u32 = 0x1 | 0x8 | 0x20 | 0x40 | 0x80;

impl NamespaceWriter {
    /// The addresses of all devices.
    pub fn addresses(&mut self) -> Result<Read<Vec<Address>>> {
        crate::read::read_addresses(&mut self.route)
    }

    /// Adds an address; nothing happens where the device has it. For IPv6 without duplicate address detection
    /// give [`Address::NODAD`] in its flags.
    pub fn add_address(&mut self, device: &str, address: &Address) -> Result<()> {
        let payload = self.address(device, address, true)?;
        let what = self.what(&format!("add the address {} to {device}", address.prefix));
        self.route.change(&what, RTM_NEWADDR, CREATE | REPLACE, &payload)
    }

    /// Deletes an address; `false` where the device did not have it.
    pub fn delete_address(&mut self, device: &str, address: &Address) -> Result<bool> {
        let payload = self.address(device, address, false)?;
        let verb = format!("delete the address {} from {device}", address.prefix);
        self.delete(&verb, RTM_DELADDR, &payload, &[libc::EADDRNOTAVAIL])
    }

    fn address(&mut self, device: &str, address: &Address, whole: bool) -> Result<Vec<u8>> {
        let index = self.index(device)?;
        let family = IpFamily::of(address.prefix.addr);
        let mut w = Writer::new();
        w.raw(&[family_number(family), address.prefix.len, 0, address.scope]);
        w.raw(&index.to_ne_bytes());
        w.ip(IFA_LOCAL, address.prefix.addr);
        w.ip(IFA_ADDRESS, address.peer.unwrap_or(address.prefix.addr));
        if !whole {
            return Ok(w.into_bytes());
        }
        if let Some(label) = &address.label {
            w.text(IFA_LABEL, label);
        }
        if let Some(broadcast) = address.broadcast {
            w.ip(IFA_BROADCAST, broadcast);
        }
        let flags = address.flags & !KERNEL_FLAGS;
        if flags != 0 {
            w.ne32(IFA_FLAGS, flags);
        }
        if !address.preferred {
            // Preferred for 0 seconds, valid for ever, two time stamps.
            let bytes = [0_u32, u32::MAX, 0, 0].map(u32::to_ne_bytes).concat();
            w.put(IFA_CACHEINFO, &bytes);
        }
        Ok(w.into_bytes())
    }
}
