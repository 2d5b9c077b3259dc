//! Routes of all tables (RTM_GETROUTE; include/uapi/linux/rtnetlink.h).

use std::collections::BTreeMap;
use std::net::IpAddr;

use plumb_model::{IpFamily, NextHop, PathMtu, Prefix, Read, Route, RouteKind};
use plumb_nft::nlattr::{Attr, Attrs};
use plumb_nft::{Bytes, DecodeError};

use super::nexthop::{self, Objects};
use super::wire::Fields;
use crate::error::Result;
use crate::netlink::{Native, Socket, ip_addr};

pub(crate) const RTM_NEWROUTE: u16 = 24;
pub(crate) const RTM_DELROUTE: u16 = 25;
const RTM_GETROUTE: u16 = 26;
const WHAT: &str = "route";
/// `RTM_F_CLONED`: an entry of the cache, no route.
const CLONED: u32 = 0x200;

pub(super) fn read(socket: &mut Socket) -> Result<Read<Vec<Route>>> {
    let v4 = family(socket, IpFamily::V4, 0)?;
    let v6 = family(socket, IpFamily::V6, 0)?;
    let mut routes = super::join(v4, v6);
    if routes.items().iter().any(|r| r.nexthop_id.is_some()) {
        let objects = nexthop::read(socket)?;
        for route in routes.value_mut().into_iter().flatten() {
            resolve(route, &objects);
        }
    }
    Ok(routes)
}

/// The exceptions to routes that a smaller MTU has made. The kernel lists them where the cache is asked for
/// (`fib_dump_filter.dump_exceptions`).
pub(super) fn read_path_mtus(socket: &mut Socket) -> Result<Vec<PathMtu>> {
    let v4 = family(socket, IpFamily::V4, CLONED)?;
    let v6 = family(socket, IpFamily::V6, CLONED)?;
    Ok(super::join(v4, v6).items().iter().filter_map(path_mtu).collect())
}

/// `RTAX_MTU` and `RTAX_LOCK` of an exception.
fn path_mtu(exception: &Route) -> Option<PathMtu> {
    let mtu = *exception.metrics.get(&2)?;
    let locked = exception.metrics.get(&1).is_some_and(|locks| locks & (1 << 2) != 0);
    let oif = exception.next_hops.first().and_then(|h| h.oif);
    Some(PathMtu { dst: exception.dst.addr, oif, mtu, locked })
}

/// Routes, or with [`CLONED`] entries of the cache.
fn family(socket: &mut Socket, family: IpFamily, flags: u32) -> Result<Read<Vec<Route>>> {
    // `struct rtmsg`, all else zero: every table.
    let mut request = [0; 12];
    request[0] = super::family_number(family);
    if let Some(room) = request.get_mut(8..) {
        room.copy_from_slice(&flags.to_ne_bytes());
    }
    socket.dump_list("read the routes", RTM_GETROUTE, &request, |m| match m.kind {
        RTM_NEWROUTE => Ok(parse(m.payload)?.filter(|r| r.family == family && r.flags & CLONED == flags)),
        _ => Ok(None),
    })
}

fn resolve(route: &mut Route, objects: &Objects) {
    if let Some(id) = route.nexthop_id
        && let Some(hops) = objects.hops(id)
    {
        route.next_hops = hops.next_hops;
        if hops.blackhole {
            route.kind = RouteKind::Blackhole;
        }
    }
}

/// `None` for families that are neither IPv4 nor IPv6.
pub(super) fn parse(payload: &[u8]) -> std::result::Result<Option<Route>, DecodeError> {
    let mut fields = Fields::new(payload, WHAT);
    let family = fields.u8()?;
    let (dst_len, src_len, tos, table, protocol, scope, kind) =
        (fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?);
    let flags = fields.ne32()?;
    let Some(family) = super::family_of(family) else { return Ok(None) };
    let mut route = Route {
        family,
        table: u32::from(table),
        kind: RouteKind::from_number(kind),
        dst: Prefix::new(family.unspecified(), dst_len),
        src: None,
        tos,
        priority: 0,
        protocol,
        scope,
        prefsrc: None,
        next_hops: Vec::new(),
        nexthop_id: None,
        flags,
        pref: 0,
        metrics: BTreeMap::new(),
        unknown_attributes: Vec::new(),
    };
    let mut hop = NextHop { weight: 1, flags: flags & 0xff, ..NextHop::default() };
    let mut multipath = Vec::new();
    for attr in Attrs::new(fields.rest(), WHAT) {
        let attr = attr?;
        match attr.number {
            1 => route.dst = Prefix::new(attr.ip(WHAT)?, dst_len),
            2 => route.src = Some(Prefix::new(attr.ip(WHAT)?, src_len)),
            4 => hop.oif = Some(attr.ne32(WHAT)?).filter(|i| *i != 0),
            5 => hop.gateway = Some(attr.ip(WHAT)?),
            6 => route.priority = attr.ne32(WHAT)?,
            7 => route.prefsrc = Some(attr.ip(WHAT)?),
            8 => route.metrics = metrics(&attr)?,
            9 => multipath = hops(attr.data, &mut route.unknown_attributes)?,
            15 => route.table = attr.ne32(WHAT)?,
            18 => hop.gateway = Some(via(&attr)?),
            20 => route.pref = attr.u8(WHAT)?,
            30 => route.nexthop_id = Some(attr.ne32(WHAT)?).filter(|id| *id != 0),
            // Cache information, time to live of a learnt route, padding.
            12 | 23 | 24 => {}
            number => route.unknown_attributes.push((number, Bytes::from(attr.data))),
        }
    }
    if src_len > 0 && route.src.is_none() {
        route.src = Some(Prefix::new(family.unspecified(), src_len));
    }
    if !multipath.is_empty() {
        route.next_hops = multipath;
    } else if hop.gateway.is_some() || hop.oif.is_some() {
        route.next_hops.push(hop);
    }
    Ok(Some(route))
}

/// Metrics by number. Those that are no numbers (the congestion control's name) decide nothing.
fn metrics(attr: &Attr<'_>) -> std::result::Result<BTreeMap<u16, u32>, DecodeError> {
    let mut out = BTreeMap::new();
    for metric in attr.nested("route metrics") {
        let metric = metric?;
        if let Ok(value) = metric.ne32(WHAT)
            && metric.number != 16
        {
            out.insert(metric.number, value);
        }
    }
    Ok(out)
}

/// `struct rtvia`: family, address.
fn via(attr: &Attr<'_>) -> std::result::Result<IpAddr, DecodeError> {
    let bytes = attr.data.get(2..).unwrap_or_default();
    ip_addr(bytes).ok_or(DecodeError::Size {
        what: WHAT,
        attribute: attr.number,
        want: 18,
        got: attr.data.len(),
    })
}

/// `struct rtnexthop`s, each with its attributes.
fn hops(mut data: &[u8], unknown: &mut Vec<(u16, Bytes)>) -> std::result::Result<Vec<NextHop>, DecodeError> {
    const WHAT: &str = "next hop";
    let mut out = Vec::new();
    while !data.is_empty() {
        let mut fields = Fields::new(data, WHAT);
        let length = usize::from(fields.ne16()?);
        let (flags, weight, oif) = (fields.u8()?, fields.u8()?, fields.ne32()?);
        let short = DecodeError::Short { what: WHAT, need: length.max(8), left: data.len() };
        let attributes = data.get(8..length).ok_or(short)?;
        let mut hop = NextHop {
            gateway: None,
            oif: Some(oif).filter(|i| *i != 0),
            weight: u32::from(weight) + 1,
            flags: u32::from(flags),
        };
        for attr in Attrs::new(attributes, WHAT) {
            let attr = attr?;
            match attr.number {
                5 => hop.gateway = Some(attr.ip(WHAT)?),
                18 => hop.gateway = Some(via(&attr)?),
                number => unknown.push((number, Bytes::from(attr.data))),
            }
        }
        out.push(hop);
        data = data.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::netlink::WriteNative;
    use plumb_nft::nlattr::Writer;
    use proptest::prelude::*;

    #[test]
    fn multipath_with_a_gateway_of_the_other_family() {
        let mut w = Writer::new();
        w.raw(&[2, 24, 0, 0, 254, 4, 0, 1]);
        w.raw(&[0; 4]);
        w.ne32(15, 1000);
        w.put(1, &[10, 0, 0, 0]);
        w.ne32(6, 7);
        let mut hops = Vec::new();
        for (gateway, weight) in [(vec![10, 1, 0, 1], 0u8), (vec![10, 1, 0, 2], 4)] {
            hops.extend_from_slice(&16u16.to_ne_bytes());
            hops.extend_from_slice(&[0, weight]);
            hops.extend_from_slice(&3u32.to_ne_bytes());
            hops.extend_from_slice(&8u16.to_ne_bytes());
            hops.extend_from_slice(&5u16.to_ne_bytes());
            hops.extend_from_slice(&gateway);
        }
        w.put(9, &hops);
        let bytes = w.into_bytes();
        let route = parse(&bytes).unwrap().unwrap();
        assert_eq!((route.table, route.priority, route.dst.to_string()), (1000, 7, "10.0.0.0/24".into()));
        let hops: Vec<_> =
            route.next_hops.iter().map(|h| (h.gateway.unwrap().to_string(), h.weight)).collect();
        assert_eq!(hops, [("10.1.0.1".to_owned(), 1), ("10.1.0.2".to_owned(), 5)]);
        for cut in 0..bytes.len() {
            let _ = parse(&bytes[..cut]);
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = parse(&bytes);
            let _ = hops(&bytes, &mut Vec::new());
            let _ = parse(&[vec![2, 8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], bytes].concat());
        }
    }
}
