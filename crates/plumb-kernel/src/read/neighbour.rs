//! Neighbours and forwarding databases (RTM_GETNEIGH; include/uapi/linux/neighbour.h).

use plumb_model::{FdbEntry, Mac, Neighbour, NeighbourState, Read};
use plumb_nft::DecodeError;
use plumb_nft::nlattr::Attrs;

use super::wire::Fields;
use crate::error::{KernelError, Result};
use crate::netlink::{Native, Socket};

pub(crate) const RTM_NEWNEIGH: u16 = 28;
pub(crate) const RTM_DELNEIGH: u16 = 29;
const RTM_GETNEIGH: u16 = 30;
pub(crate) const AF_BRIDGE: u8 = 7;
const WHAT: &str = "neighbour";

/// `struct ndmsg`
pub(crate) fn ndmsg(family: u8, index: u32, state: u16, flags: u8) -> Vec<u8> {
    let mut bytes = vec![family, 0, 0, 0];
    bytes.extend_from_slice(&index.to_ne_bytes());
    bytes.extend_from_slice(&state.to_ne_bytes());
    bytes.extend_from_slice(&[flags, 0]);
    bytes
}

/// Neighbours, then the proxy entries, which the kernel keeps apart.
pub(super) fn read(socket: &mut Socket) -> Result<Read<Vec<Neighbour>>> {
    let mut dump = |flags| {
        socket.dump_list("read the neighbours", RTM_GETNEIGH, &ndmsg(0, 0, 0, flags), |m| match m.kind {
            RTM_NEWNEIGH => parse(m.payload),
            _ => Ok(None),
        })
    };
    let seen = dump(0)?;
    let proxies = dump(Neighbour::PROXY)?;
    Ok(super::join(seen, proxies))
}

/// Forwarding databases of all bridges and VXLAN devices.
pub(super) fn read_fdb(socket: &mut Socket) -> Result<Read<Vec<FdbEntry>>> {
    let request = ndmsg(AF_BRIDGE, 0, 0, 0);
    let read = socket.dump_list("read the forwarding databases", RTM_GETNEIGH, &request, |m| match m.kind {
        RTM_NEWNEIGH => parse_fdb(m.payload),
        _ => Ok(None),
    });
    match read {
        Err(KernelError::Refused { errno: libc::EOPNOTSUPP, .. }) => {
            Ok(Read::Absent { feature: "bridge".into() })
        }
        other => other,
    }
}

/// `None` for what is no neighbour of IPv4 or IPv6.
pub(super) fn parse(payload: &[u8]) -> std::result::Result<Option<Neighbour>, DecodeError> {
    let mut fields = Fields::new(payload, WHAT);
    let family = fields.u8()?;
    fields.skip(3)?;
    let index = fields.ne32()?;
    let state = NeighbourState(fields.ne16()?);
    let flags = fields.u8()?;
    fields.skip(1)?;
    if super::family_of(family).is_none() {
        return Ok(None);
    }
    let (mut addr, mut lladdr) = (None, None);
    for attr in Attrs::new(fields.rest(), WHAT) {
        let attr = attr?;
        match attr.number {
            1 => addr = Some(attr.ip(WHAT)?),
            2 => lladdr = Mac::from_slice(attr.data),
            _ => {}
        }
    }
    Ok(addr.map(|addr| Neighbour { index, addr, lladdr, state, flags }))
}

/// `None` for an entry without a hardware address (a nexthop group's).
pub(super) fn parse_fdb(payload: &[u8]) -> std::result::Result<Option<FdbEntry>, DecodeError> {
    const WHAT: &str = "FDB entry";
    let mut fields = Fields::new(payload, WHAT);
    let family = fields.u8()?;
    fields.skip(3)?;
    let index = fields.ne32()?;
    let state = NeighbourState(fields.ne16()?);
    let flags = fields.u8()?;
    fields.skip(1)?;
    if family != AF_BRIDGE {
        return Ok(None);
    }
    let (mut lladdr, mut master, mut vlan, mut dst, mut vni, mut port) = (None, None, None, None, None, None);
    for attr in Attrs::new(fields.rest(), WHAT) {
        let attr = attr?;
        match attr.number {
            1 => dst = Some(attr.ip(WHAT)?),
            2 => lladdr = Mac::from_slice(attr.data),
            5 => vlan = Some(attr.ne16(WHAT)?),
            6 => port = Some(attr.be16(WHAT)?),
            7 => vni = Some(attr.ne32(WHAT)?),
            9 => master = Some(attr.ne32(WHAT)?),
            _ => {}
        }
    }
    Ok(lladdr.map(|lladdr| FdbEntry { index, lladdr, master, vlan, state, flags, dst, vni, port }))
}
