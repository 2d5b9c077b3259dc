//! Addresses (RTM_GETADDR; include/uapi/linux/if_addr.h).

use plumb_model::{Address, Prefix, Read};
use plumb_nft::DecodeError;
use plumb_nft::nlattr::Attrs;

use super::wire::Fields;
use crate::error::Result;
use crate::netlink::{Native, Socket};

pub(crate) const RTM_NEWADDR: u16 = 20;
pub(crate) const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
const WHAT: &str = "address";

pub(crate) fn read(socket: &mut Socket) -> Result<Read<Vec<Address>>> {
    // `struct ifaddrmsg`, any family.
    socket.dump_list("read the addresses", RTM_GETADDR, &[0; 8], |m| match m.kind {
        RTM_NEWADDR => parse(m.payload),
        _ => Ok(None),
    })
}

/// `None` for families that are neither IPv4 nor IPv6.
pub(super) fn parse(payload: &[u8]) -> std::result::Result<Option<Address>, DecodeError> {
    let mut fields = Fields::new(payload, WHAT);
    let family = fields.u8()?;
    let length = fields.u8()?;
    let mut flags = u32::from(fields.u8()?);
    let scope = fields.u8()?;
    let index = fields.ne32()?;
    if !matches!(i32::from(family), libc::AF_INET | libc::AF_INET6) {
        return Ok(None);
    }
    let (mut address, mut local, mut label, mut broadcast, mut preferred) = (None, None, None, None, true);
    for attr in Attrs::new(fields.rest(), WHAT) {
        let attr = attr?;
        match attr.number {
            1 => address = Some(attr.ip(WHAT)?),
            2 => local = Some(attr.ip(WHAT)?),
            3 => label = Some(attr.text()),
            4 => broadcast = Some(attr.ip(WHAT)?),
            6 => preferred = Fields::new(attr.data, WHAT).ne32()? != 0,
            8 => flags = attr.ne32(WHAT)?,
            // Anycast and multicast, priority of the route that it makes, who made it.
            _ => {}
        }
    }
    // For a point-to-point address IFA_ADDRESS is the far end; else both are the same or IFA_LOCAL is left out.
    let own = local.or(address).ok_or(DecodeError::Missing { what: WHAT, attribute: "IFA_ADDRESS" })?;
    let peer = address.filter(|a| *a != own);
    let prefix = Prefix::new(own, length);
    Ok(Some(Address { index, prefix, peer, scope, flags, label, broadcast, preferred }))
}
