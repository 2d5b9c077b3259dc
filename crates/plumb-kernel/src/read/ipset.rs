//! ipsets (`IPSET_CMD_LIST`; include/uapi/linux/netfilter/ipset/ip_set.h), asked for without loading or making any.

use std::net::IpAddr;

use plumb_model::{IpFamily, IpSet, IpSetElement, Mac, Read};
use plumb_nft::DecodeError;
use plumb_nft::nlattr::{Attr, Attrs, Writer};

use crate::error::{KernelError, Result};
use crate::netlink::{ATTEMPTS, Socket};

const WHAT: &str = "ipset";
/// `NFNL_SUBSYS_IPSET`, `IPSET_CMD_LIST`
const LIST: u16 = 6 << 8 | 7;

type Decoded<T> = std::result::Result<T, DecodeError>;

/// The sets of the calling thread's namespace.
pub(super) fn read(socket: &mut Socket) -> Result<Read<Vec<IpSet>>> {
    let mut request = Writer::new();
    request.raw(&[0; 4]);
    // IPSET_ATTR_PROTOCOL: the 7th is the first that tells the index.
    request.u8(1, 7);
    let request = request.into_bytes();
    let mut sets: Vec<IpSet> = Vec::new();
    for _ in 0..ATTEMPTS {
        sets.clear();
        let done = socket.dump("list the ipsets", LIST, &request, |m| {
            add(&mut sets, m.payload).map_err(|source| KernelError::Decode { what: WHAT.into(), source })
        });
        match done {
            Ok(false) => return Ok(Read::Got(sets)),
            Ok(true) => {}
            Err(KernelError::Refused { errno: libc::ENOENT, .. }) => return Ok(Read::Got(Vec::new())),
            Err(error) => return Err(error),
        }
    }
    Ok(Read::Torn { reason: "dump interrupted".into(), value: sets })
}

/// What the payloads of the kernel's answers to `IPSET_CMD_LIST` say: `struct nfgenmsg`, then attributes.
pub fn decode_ipsets<'a>(payloads: impl IntoIterator<Item = &'a [u8]>) -> Decoded<Vec<IpSet>> {
    let mut sets = Vec::new();
    payloads.into_iter().try_for_each(|payload| add(&mut sets, payload))?;
    Ok(sets)
}

/// A set comes in as many messages as its elements need; only the first tells what it is.
fn add(sets: &mut Vec<IpSet>, payload: &[u8]) -> Decoded<()> {
    let mut part = IpSet::default();
    for attr in Attrs::new(payload.get(4..).unwrap_or_default(), WHAT) {
        let attr = attr?;
        match attr.number {
            2 => part.name = attr.text(),
            3 => part.kind = attr.text(),
            4 => part.revision = attr.u8(WHAT)?,
            5 => part.family = family(attr.u8(WHAT)?),
            7 => header(&mut part, &attr)?,
            8 => {
                for inner in attr.nested(WHAT) {
                    part.elements.push(element(&inner?)?);
                }
            }
            11 => part.index = attr.be16(WHAT)?,
            _ => {}
        }
    }
    match sets.last_mut() {
        Some(last) if last.name == part.name && part.kind.is_empty() => last.elements.extend(part.elements),
        _ if part.name.is_empty() => {}
        _ => sets.push(part),
    }
    Ok(())
}

/// `NFPROTO_IPV4`, `NFPROTO_IPV6`
fn family(number: u8) -> Option<IpFamily> {
    match number {
        2 => Some(IpFamily::V4),
        10 => Some(IpFamily::V6),
        _ => None,
    }
}

fn header(set: &mut IpSet, attr: &Attr<'_>) -> Decoded<()> {
    let (mut first, mut last, mut ports) = (None, None, (None, None));
    for attr in attr.nested(WHAT) {
        let attr = attr?;
        match attr.number {
            1 => first = address(&attr)?,
            2 => last = address(&attr)?,
            4 => ports.0 = Some(attr.be16(WHAT)?),
            5 => ports.1 = Some(attr.be16(WHAT)?),
            6 => set.timeout = Some(attr.be32(WHAT)?),
            8 => set.flags = attr.be32(WHAT)?,
            11 => set.markmask = Some(attr.be32(WHAT)?),
            12 => set.bitmask = address(&attr)?,
            20 => set.netmask = Some(attr.u8(WHAT)?),
            // Sizes, references, the hash's seed.
            _ => {}
        }
    }
    set.addresses = first.zip(last);
    set.ports = ports.0.zip(ports.1);
    Ok(())
}

fn element(attr: &Attr<'_>) -> Decoded<IpSetElement> {
    let mut e = IpSetElement::default();
    let (mut packets, mut bytes) = (None, None);
    for attr in attr.nested(WHAT) {
        let attr = attr?;
        match attr.number {
            1 => e.ip = address(&attr)?,
            3 => e.cidr = Some(attr.u8(WHAT)?),
            4 => e.port = Some(attr.be16(WHAT)?),
            6 => e.timeout = Some(attr.be32(WHAT)?),
            7 => e.protocol = Some(attr.u8(WHAT)?),
            8 => e.flags = attr.be32(WHAT)?,
            10 => e.mark = Some(attr.be32(WHAT)?),
            17 => e.mac = <[u8; 6]>::try_from(attr.data).ok().map(Mac),
            18 => e.set = Some(attr.text()),
            20 => e.ip2 = address(&attr)?,
            21 => e.cidr2 = Some(attr.u8(WHAT)?),
            23 => e.iface = Some(attr.text()),
            24 => bytes = Some(attr.be64(WHAT)?),
            25 => packets = Some(attr.be64(WHAT)?),
            26 => e.comment = Some(attr.text()),
            // Mark, priority and queue that `SET --map-set` takes over.
            _ => {}
        }
    }
    e.counters = packets.zip(bytes);
    Ok(e)
}

/// `IPSET_ATTR_IPADDR_IPV4`, `IPSET_ATTR_IPADDR_IPV6`
fn address(attr: &Attr<'_>) -> Decoded<Option<IpAddr>> {
    for inner in attr.nested(WHAT) {
        let inner = inner?;
        let read = match inner.number {
            1 => <[u8; 4]>::try_from(inner.data).ok().map(IpAddr::from),
            2 => <[u8; 16]>::try_from(inner.data).ok().map(IpAddr::from),
            _ => None,
        };
        if read.is_some() {
            return Ok(read);
        }
    }
    Ok(None)
}
