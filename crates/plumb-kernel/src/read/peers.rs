//! The far ends of links: across namespaces by IFLA_LINK, IFLA_LINK_NETNSID and RTM_GETNSID.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, AsRawFd};

use plumb_model::{NamespaceId, Peer};
use plumb_nft::nlattr::{Attrs, Writer};

use super::namespace::Reading;
use super::wire::Fields;
use crate::discover::Found;
use crate::error::{KernelError, Result};
use crate::netlink::{Native, Socket, WriteNative};

const RTM_GETNSID: u16 = 90;
/// `NETNSA_NSID_NOT_ASSIGNED`
const NOT_ASSIGNED: i32 = -1;

/// Fills in `peer` and `nsids`.
pub(super) fn resolve(readings: &mut [Reading], all: &[&Found], gaps: &mut Vec<String>) {
    // Ends of veth pairs by their two indices: the reverse of a link is its peer, or one that looks like it.
    let mut ends: HashMap<(u32, u32), Vec<NamespaceId>> = HashMap::new();
    for reading in readings.iter() {
        for link in reading.namespace.links.items() {
            if let Some(other) = link.link {
                ends.entry((link.index, other)).or_default().push(reading.namespace.id);
            }
        }
    }
    for reading in readings.iter_mut() {
        let Some(socket) = reading.route.as_mut() else { continue };
        let own = reading.namespace.id;
        let mut wanted: BTreeMap<i32, Vec<NamespaceId>> = BTreeMap::new();
        for link in reading.namespace.links.items() {
            if let (Some(nsid), Some(index)) = (link.link_netnsid, link.link) {
                let likely = ends.get(&(index, link.index)).into_iter().flatten().copied();
                wanted.entry(nsid).or_default().extend(likely.filter(|id| *id != own));
            }
        }
        match ask(socket, wanted, all) {
            Ok(nsids) => reading.namespace.nsids = nsids,
            Err(error) => gaps.push(format!("{}: {error}", reading.namespace.name)),
        }
        let nsids = &reading.namespace.nsids;
        for link in reading.namespace.links.value_mut().into_iter().flatten() {
            let Some(index) = link.link else { continue };
            let namespace = match link.link_netnsid {
                None => Some(own),
                Some(nsid) => nsids.get(&nsid).copied(),
            };
            // A device without a lower one names itself.
            if (namespace, index) != (Some(own), link.index) {
                link.peer = namespace.map(|namespace| Peer { namespace, index });
            }
        }
    }
}

/// Which namespace each number stands for: the likely ones are asked first, then the rest until all are known.
fn ask(
    socket: &mut Socket,
    wanted: BTreeMap<i32, Vec<NamespaceId>>,
    all: &[&Found],
) -> Result<BTreeMap<i32, NamespaceId>> {
    let mut known = BTreeMap::new();
    let mut asked = std::collections::HashSet::new();
    let likely: Vec<NamespaceId> = wanted.values().flatten().copied().collect();
    let rest = all.iter().map(|f| f.id);
    for id in likely.into_iter().chain(rest) {
        if known.len() == wanted.len() {
            break;
        }
        if !asked.insert(id) {
            continue;
        }
        let Some(Ok(handle)) = all.iter().find(|f| f.id == id).map(|f| f.handle.as_ref()) else { continue };
        let nsid = nsid_of(socket, handle.as_fd().as_raw_fd())?;
        if wanted.contains_key(&nsid) {
            known.insert(nsid, id);
        }
    }
    Ok(known)
}

/// The number by which the socket's namespace refers to the one behind this file descriptor.
fn nsid_of(socket: &mut Socket, fd: i32) -> Result<i32> {
    const WHAT: &str = "ask for a namespace's number";
    const NETNSA_NSID: u16 = 1;
    const NETNSA_FD: u16 = 3;
    let mut request = Writer::new();
    // `struct rtgenmsg`, padded.
    request.raw(&[0; 4]);
    request.ne32(NETNSA_FD, fd.cast_unsigned());
    let mut nsid = NOT_ASSIGNED;
    socket.ask(WHAT, RTM_GETNSID, 0, &request.into_bytes(), |m| {
        let mut parse = || {
            let mut fields = Fields::new(m.payload, WHAT);
            fields.skip(4)?;
            for attr in Attrs::new(fields.rest(), WHAT) {
                let attr = attr?;
                if attr.number == NETNSA_NSID {
                    nsid = attr.ne32(WHAT)?.cast_signed();
                }
            }
            Ok(())
        };
        parse().map_err(|source| KernelError::Decode { what: WHAT.into(), source })
    })?;
    Ok(nsid)
}
