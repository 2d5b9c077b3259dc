//! Connection tracking by ctnetlink (include/uapi/linux/netfilter/nfnetlink_conntrack.h).

use std::net::IpAddr;

use plumb_model::{Conntrack, CtCounter, CtEntry, CtStatus, Icmp, Protocol, Read, Tuple};
use plumb_nft::nlattr::{Attr, Attrs};
use plumb_nft::{Bytes, DecodeError};

use crate::error::Result;
use crate::netlink::{Native, Socket};

/// `NFNL_SUBSYS_CTNETLINK << 8`
const SUBSYSTEM: u16 = 1 << 8;
const IPCTNL_MSG_CT_NEW: u16 = SUBSYSTEM;
const IPCTNL_MSG_CT_GET: u16 = SUBSYSTEM | 1;
pub(crate) const IPCTNL_MSG_CT_DELETE: u16 = SUBSYSTEM | 2;
const WHAT: &str = "conntrack entry";

pub(super) fn read(socket: &mut Socket) -> Result<Read<Conntrack>> {
    // A dump walks the one table of all namespaces; the count is this namespace's own.
    if number("count") == Some(0) && may_dump(socket)? {
        return Ok(Read::Got(Conntrack { entries: Vec::new(), count: Some(0), max: number("max") }));
    }
    let table = entries(socket)?;
    Ok(table.map(|t| Conntrack { count: number("count"), max: number("max"), ..t }))
}

/// Without count and limit, which only a thread in the namespace can read.
pub(crate) fn entries(socket: &mut Socket) -> Result<Read<Conntrack>> {
    // `struct nfgenmsg`: any family.
    let entries =
        socket.dump_list("read the conntrack table", IPCTNL_MSG_CT_GET, &[0; 4], |m| match m.kind {
            IPCTNL_MSG_CT_NEW => parse(m.payload),
            _ => Ok(None),
        })?;
    Ok(entries.map(|entries| Conntrack { entries, count: None, max: None }))
}

/// Whether a dump would be answered. Asking for statistics takes the same right and walks nothing.
fn may_dump(socket: &mut Socket) -> Result<bool> {
    const IPCTNL_MSG_CT_GET_STATS: u16 = SUBSYSTEM | 5;
    socket.ask("read the conntrack table", IPCTNL_MSG_CT_GET_STATS, 0, &[0; 4], |_| Ok(()))?;
    Ok(true)
}

fn number(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/sys/net/netfilter/nf_conntrack_{name}")).ok()?;
    text.trim().parse().ok()
}

/// `None` for an entry without both tuples of IPv4 or IPv6.
pub(super) fn parse(payload: &[u8]) -> std::result::Result<Option<CtEntry>, DecodeError> {
    let rest = payload.get(4..).ok_or(DecodeError::Short { what: WHAT, need: 4, left: payload.len() })?;
    let (mut original, mut reply) = (None, None);
    let mut tuple_zones = (None, None);
    let mut entry = CtEntry {
        original: EMPTY,
        reply: EMPTY,
        status: CtStatus::default(),
        timeout: 0,
        tcp_state: None,
        mark: 0,
        zone: 0,
        zone_direction: None,
        labels: Bytes::default(),
        helper: None,
        id: 0,
        counters: None,
    };
    for attr in Attrs::new(rest, WHAT) {
        let attr = attr?;
        match attr.number {
            1 => (original, tuple_zones.0) = tuple(&attr)?,
            2 => (reply, tuple_zones.1) = tuple(&attr)?,
            3 => entry.status = CtStatus(attr.be32(WHAT)?),
            4 => entry.tcp_state = tcp_state(&attr)?,
            5 => {
                for inner in attr.nested("conntrack helper") {
                    let inner = inner?;
                    if inner.number == 1 {
                        entry.helper = Some(inner.text());
                    }
                }
            }
            7 => entry.timeout = attr.be32(WHAT)?,
            8 => entry.mark = attr.be32(WHAT)?,
            9 => entry.counters.get_or_insert_default()[0] = counter(&attr)?,
            10 => entry.counters.get_or_insert_default()[1] = counter(&attr)?,
            12 => entry.id = attr.be32(WHAT)?,
            18 => entry.zone = attr.be16(WHAT)?,
            22 => entry.labels = Bytes::from(attr.data),
            // Master's tuple, sequence adjustment, security mark, time stamps, synproxy.
            _ => {}
        }
    }
    // A zone of one direction stands in that direction's tuple.
    match tuple_zones {
        (Some(zone), _) => (entry.zone, entry.zone_direction) = (zone, Some(0)),
        (_, Some(zone)) => (entry.zone, entry.zone_direction) = (zone, Some(1)),
        _ => {}
    }
    let (Some(original), Some(reply)) = (original, reply) else { return Ok(None) };
    Ok(Some(CtEntry { original, reply, ..entry }))
}

const EMPTY: Tuple = Tuple {
    src: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
    dst: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
    protocol: Protocol(0),
    sport: 0,
    dport: 0,
    icmp: None,
};

fn tuple(attr: &Attr<'_>) -> std::result::Result<(Option<Tuple>, Option<u16>), DecodeError> {
    const WHAT: &str = "conntrack tuple";
    let (mut src, mut dst, mut zone) = (None, None, None);
    let mut tuple = EMPTY;
    let mut icmp = Icmp { kind: 0, code: 0, id: 0 };
    let mut is_icmp = false;
    for attr in attr.nested(WHAT) {
        let attr = attr?;
        match attr.number {
            1 => {
                for ip in attr.nested(WHAT) {
                    let ip = ip?;
                    match ip.number {
                        1 | 3 => src = Some(ip.ip(WHAT)?),
                        2 | 4 => dst = Some(ip.ip(WHAT)?),
                        _ => {}
                    }
                }
            }
            2 => {
                for proto in attr.nested(WHAT) {
                    let proto = proto?;
                    match proto.number {
                        1 => tuple.protocol = Protocol(proto.u8(WHAT)?),
                        2 => tuple.sport = proto.be16(WHAT)?,
                        3 => tuple.dport = proto.be16(WHAT)?,
                        4 | 7 => (icmp.id, is_icmp) = (proto.be16(WHAT)?, true),
                        5 | 8 => (icmp.kind, is_icmp) = (proto.u8(WHAT)?, true),
                        6 | 9 => (icmp.code, is_icmp) = (proto.u8(WHAT)?, true),
                        _ => {}
                    }
                }
            }
            3 => zone = Some(attr.be16(WHAT)?),
            _ => {}
        }
    }
    tuple.icmp = is_icmp.then_some(icmp);
    let whole = src.zip(dst).map(|(src, dst)| Tuple { src, dst, ..tuple });
    Ok((whole, zone))
}

/// CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY
fn counter(attr: &Attr<'_>) -> std::result::Result<CtCounter, DecodeError> {
    const WHAT: &str = "conntrack counter";
    let mut counter = CtCounter::default();
    for attr in attr.nested(WHAT) {
        let attr = attr?;
        match attr.number {
            1 => counter.packets = attr.be64(WHAT)?,
            2 => counter.bytes = attr.be64(WHAT)?,
            _ => {}
        }
    }
    Ok(counter)
}

/// CTA_PROTOINFO → CTA_PROTOINFO_TCP → CTA_PROTOINFO_TCP_STATE
fn tcp_state(attr: &Attr<'_>) -> std::result::Result<Option<u8>, DecodeError> {
    const WHAT: &str = "conntrack protocol state";
    for proto in attr.nested(WHAT) {
        let proto = proto?;
        if proto.number != 1 {
            continue;
        }
        for inner in proto.nested(WHAT) {
            let inner = inner?;
            if inner.number == 1 {
                return inner.u8(WHAT).map(Some);
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plumb_nft::nlattr::Writer;
    use proptest::prelude::*;

    #[test]
    fn a_translated_connection() {
        let mut w = Writer::new();
        w.raw(&[2, 0, 0, 0]);
        for (number, src, dst, ports) in
            [(1, [10, 0, 0, 1], [10, 96, 0, 1], (4000, 80)), (2, [10, 0, 1, 9], [10, 0, 0, 1], (8080, 4000))]
        {
            w.nest(number, |w| {
                w.nest(1, |w| {
                    w.put(1, &src);
                    w.put(2, &dst);
                });
                w.nest(2, |w| {
                    w.u8(1, 6);
                    w.be16(2, ports.0);
                    w.be16(3, ports.1);
                });
                if number == 2 {
                    w.be16(3, 7);
                }
            });
        }
        w.be32(3, 0x1a6);
        w.be32(7, 86_400);
        w.nest(4, |w| w.nest(1, |w| w.u8(1, 3)));
        let entry = parse(&w.into_bytes()).unwrap().unwrap();
        assert_eq!((entry.original.dport, entry.reply.sport), (80, 8080));
        assert_eq!((entry.tcp_state, entry.timeout), (Some(3), 86_400));
        assert!(entry.status.has(CtStatus::DST_NAT) && !entry.status.has(CtStatus::SRC_NAT));
        assert_eq!((entry.zone, entry.zone_direction), (7, Some(1)));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
