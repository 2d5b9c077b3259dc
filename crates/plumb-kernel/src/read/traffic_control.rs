//! Queueing disciplines and filters (RTM_GETQDISC, RTM_GETTFILTER; include/uapi/linux/rtnetlink.h, pkt_sched.h).

use std::collections::BTreeSet;

use plumb_model::{Filter, Qdisc, Read};
use plumb_nft::DecodeError;
use plumb_nft::nlattr::{Attr, Attrs};

use super::wire::Fields;
use crate::error::{KernelError, Result};
use crate::netlink::{Native, Socket};

const RTM_NEWQDISC: u16 = 36;
const RTM_GETQDISC: u16 = 38;
const RTM_NEWTCLASS: u16 = 40;
const RTM_GETTCLASS: u16 = 42;
const RTM_NEWTFILTER: u16 = 44;
const RTM_GETTFILTER: u16 = 46;
const WHAT: &str = "traffic control";

/// `TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)` and `…EGRESS`
const INGRESS: u32 = 0xffff_fff2;
const EGRESS: u32 = 0xffff_fff3;

/// `struct tcmsg`
fn tcmsg(index: u32, parent: u32) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend_from_slice(&index.to_ne_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&parent.to_ne_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

type Both = (Read<Vec<Qdisc>>, Read<Vec<Filter>>);

pub(super) fn read(socket: &mut Socket) -> Result<Both> {
    let request = tcmsg(0, 0);
    let qdiscs =
        socket.dump_list("read the queueing disciplines", RTM_GETQDISC, &request, |m| match m.kind {
            RTM_NEWQDISC => parse_qdisc(m.payload).map(Some),
            _ => Ok(None),
        });
    let qdiscs = match qdiscs {
        Err(KernelError::Refused { errno: libc::EOPNOTSUPP, .. }) => {
            let feature = || "sched".to_owned();
            return Ok((Read::Absent { feature: feature() }, Read::Absent { feature: feature() }));
        }
        other => other?,
    };
    let mut filters = Read::Got(Vec::new());
    for (index, parent) in places(socket, qdiscs.items())? {
        let request = tcmsg(index, parent);
        let more = socket.dump_list("read the filters", RTM_GETTFILTER, &request, |m| match m.kind {
            RTM_NEWTFILTER => parse_filter(m.payload, parent).map(Some),
            _ => Ok(None),
        });
        match more {
            Ok(more) => filters = super::join(filters, more),
            // The device went in the meantime, or the discipline takes no filters.
            Err(KernelError::Refused { errno: libc::ENODEV | libc::EINVAL | libc::EOPNOTSUPP, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    // Each chain of a filter is preceded by its table, which has no key of its own.
    if let Some(list) = filters.value_mut() {
        list.dedup();
    }
    Ok((qdiscs, filters))
}

/// Where filters may hang: the two hooks of clsact, a discipline, a class of one.
fn places(socket: &mut Socket, qdiscs: &[Qdisc]) -> Result<BTreeSet<(u32, u32)>> {
    let mut places = BTreeSet::new();
    for qdisc in qdiscs {
        match qdisc.kind.as_str() {
            "noqueue" | "noop" | "pfifo" | "bfifo" | "pfifo_fast" | "mq" | "tbf" | "netem" => {}
            "clsact" => places.extend([(qdisc.index, INGRESS), (qdisc.index, EGRESS)]),
            "ingress" => places.extend([(qdisc.index, INGRESS)]),
            "fq_codel" | "fq" | "sfq" | "cake" | "prio" => places.extend([(qdisc.index, qdisc.handle)]),
            _ => {
                places.insert((qdisc.index, qdisc.handle));
                let request = tcmsg(qdisc.index, 0);
                let classes =
                    socket.dump_list("read the classes", RTM_GETTCLASS, &request, |m| match m.kind {
                        RTM_NEWTCLASS => Header::parse(m.payload).map(|(h, _)| Some(h)),
                        _ => Ok(None),
                    })?;
                places.extend(classes.items().iter().map(|c| (c.index, c.handle)));
            }
        }
    }
    Ok(places)
}

#[derive(Clone, Copy, Debug)]
struct Header {
    index: u32,
    handle: u32,
    parent: u32,
    info: u32,
}

impl Header {
    fn parse(payload: &[u8]) -> std::result::Result<(Self, &[u8]), DecodeError> {
        let mut fields = Fields::new(payload, WHAT);
        fields.skip(4)?;
        let (index, handle, parent, info) = (fields.ne32()?, fields.ne32()?, fields.ne32()?, fields.ne32()?);
        Ok((Self { index, handle, parent, info }, fields.rest()))
    }
}

pub(super) fn parse_qdisc(payload: &[u8]) -> std::result::Result<Qdisc, DecodeError> {
    let (header, rest) = Header::parse(payload)?;
    let mut qdisc =
        Qdisc { index: header.index, handle: header.handle, parent: header.parent, ..Qdisc::default() };
    let mut options = None;
    for attr in Attrs::new(rest, WHAT) {
        let attr = attr?;
        match attr.number {
            1 => qdisc.kind = attr.text(),
            2 => options = Some(attr),
            7 => {
                for stats in attr.nested("traffic control statistics") {
                    let stats = stats?;
                    // `struct gnet_stats_queue`
                    if stats.number == 3 {
                        let mut queue = Fields::new(stats.data, WHAT);
                        qdisc.queue_length = queue.ne32()?;
                        qdisc.backlog = queue.ne32()?;
                        qdisc.drops = queue.ne32()?;
                        qdisc.requeues = queue.ne32()?;
                        qdisc.overlimits = queue.ne32()?;
                    }
                }
            }
            _ => {}
        }
    }
    // The kind stands before its options, but nobody promises that.
    if let Some(options) = options {
        limits(&mut qdisc, &options)?;
    }
    Ok(qdisc)
}

/// Limit and rate, of the kinds that are told apart here (include/uapi/linux/pkt_sched.h).
fn limits(qdisc: &mut Qdisc, options: &Attr<'_>) -> std::result::Result<(), DecodeError> {
    const TCA_TBF_PARMS: u16 = 1;
    const TCA_TBF_RATE64: u16 = 4;
    match qdisc.kind.as_str() {
        // `struct tc_fifo_qopt`
        "pfifo" | "bfifo" => qdisc.limit = Some(Fields::new(options.data, WHAT).ne32()?),
        "tbf" => {
            let mut rate64 = None;
            for attr in options.nested(WHAT) {
                let attr = attr?;
                match attr.number {
                    TCA_TBF_PARMS => {
                        // `struct tc_tbf_qopt`: two `struct tc_ratespec`, whose last field is the rate, then the limit.
                        let mut fields = Fields::new(attr.data, WHAT);
                        fields.skip(8)?;
                        qdisc.rate = Some(u64::from(fields.ne32()?));
                        fields.skip(12)?;
                        qdisc.limit = Some(fields.ne32()?);
                    }
                    // Rates that 32 bits do not hold.
                    TCA_TBF_RATE64 => rate64 = attr.data.try_into().ok().map(u64::from_ne_bytes),
                    _ => {}
                }
            }
            qdisc.rate = rate64.or(qdisc.rate);
        }
        // `TCA_FQ_CODEL_LIMIT`, `TCA_FQ_PLIMIT`
        "fq_codel" | "fq" => {
            let number = if qdisc.kind == "fq" { 1 } else { 2 };
            for attr in options.nested(WHAT) {
                let attr = attr?;
                if attr.number == number {
                    qdisc.limit = Some(attr.ne32(WHAT)?);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn parse_filter(payload: &[u8], asked: u32) -> std::result::Result<Filter, DecodeError> {
    let (header, rest) = Header::parse(payload)?;
    let mut kind = String::new();
    for attr in Attrs::new(rest, WHAT) {
        let attr = attr?;
        if attr.number == 1 {
            kind = attr.text();
        }
    }
    // A filter of a shared block names no parent.
    let parent = if header.parent == 0 { asked } else { header.parent };
    Ok(Filter {
        index: header.index,
        kind,
        parent,
        priority: (header.info >> 16) as u16,
        protocol: u16::from_be((header.info & 0xffff) as u16),
    })
}
