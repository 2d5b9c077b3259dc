//! Types of what `meta`, `ct`, `rt`, `socket`, `fib`, `ipsec` and header options give.

use super::ast::{Kind, Node};
use super::types::{Order, Ty};
use crate::types::{CtDirection, CtKey, FibResult, MetaKey, RtKey, SocketKey};

fn node(kind: Kind<'_>, ty: Ty, len: u32) -> Node<'_> {
    Node::new(kind, ty, ty.order(), len)
}

pub(super) fn meta<'a>(key: MetaKey) -> Node<'a> {
    let (ty, len) = match key {
        MetaKey::Protocol | MetaKey::BriIifvproto => (Ty::EtherType, 16),
        MetaKey::Priority => (Ty::ClassId, 32),
        MetaKey::Mark => (Ty::Mark, 32),
        MetaKey::Iif | MetaKey::Oif | MetaKey::Sdif => (Ty::IfIndex, 32),
        MetaKey::Iifname
        | MetaKey::Oifname
        | MetaKey::BriIifname
        | MetaKey::BriOifname
        | MetaKey::Iifkind
        | MetaKey::Oifkind
        | MetaKey::Sdifname => (Ty::IfName, 128),
        MetaKey::Iftype | MetaKey::Oiftype => (Ty::IfType, 16),
        MetaKey::Skuid => (Ty::Uid, 32),
        MetaKey::Skgid => (Ty::Gid, 32),
        MetaKey::Nftrace | MetaKey::BriBroute => (Ty::Integer, 8),
        MetaKey::Rtclassid => (Ty::Realm, 32),
        MetaKey::Nfproto => (Ty::NfProto, 8),
        MetaKey::L4proto => (Ty::Proto, 8),
        MetaKey::Pkttype => (Ty::PktType, 8),
        MetaKey::Iifgroup | MetaKey::Oifgroup => (Ty::DevGroup, 32),
        MetaKey::Secpath => (Ty::Boolean, 8),
        MetaKey::BriIifpvid => (Ty::Integer, 16),
        MetaKey::TimeNs => (Ty::Date, 64),
        MetaKey::TimeDay => (Ty::Day, 8),
        MetaKey::TimeHour => (Ty::Hour, 32),
        MetaKey::BriIifhwaddr => (Ty::Ether, 48),
        _ => (Ty::Integer, 32),
    };
    let order = if key == MetaKey::Prandom { Order::Big } else { ty.order() };
    Node::new(Kind::Meta(key), ty, order, len)
}

pub(super) fn ct<'a>(key: CtKey, direction: Option<CtDirection>) -> Node<'a> {
    let (ty, len) = match key {
        CtKey::State => (Ty::CtState, 32),
        CtKey::Direction => (Ty::CtDir, 8),
        CtKey::Status => (Ty::CtStatus, 32),
        CtKey::Mark => (Ty::Mark, 32),
        CtKey::Expiration => (Ty::Time, 32),
        CtKey::Helper => (Ty::IfName, 128),
        CtKey::L3protocol => (Ty::NfProto, 8),
        CtKey::Protocol => (Ty::Proto, 8),
        CtKey::ProtoSrc | CtKey::ProtoDst => (Ty::Service, 16),
        CtKey::Labels => (Ty::CtLabel, 128),
        CtKey::Pkts | CtKey::Bytes | CtKey::Avgpkt => (Ty::Integer, 64),
        CtKey::Zone => (Ty::Integer, 16),
        CtKey::Eventmask => (Ty::CtEvent, 32),
        CtKey::SrcIp | CtKey::DstIp => (Ty::Ip, 32),
        CtKey::SrcIp6 | CtKey::DstIp6 => (Ty::Ip6, 128),
        CtKey::Src | CtKey::Dst => (Ty::Integer, 0),
        _ => (Ty::Integer, 32),
    };
    let order = if key == CtKey::Id { Order::Big } else { ty.order() };
    Node::new(Kind::Ct(key, direction), ty, order, len)
}

pub(super) fn rt<'a>(key: RtKey) -> Node<'a> {
    let (ty, len) = match key {
        RtKey::Classid => (Ty::Realm, 32),
        RtKey::Nexthop4 => (Ty::Ip, 32),
        RtKey::Nexthop6 => (Ty::Ip6, 128),
        RtKey::Xfrm => (Ty::Boolean, 8),
        _ => (Ty::Integer, 16),
    };
    node(Kind::Rt(key), ty, len)
}

pub(super) fn socket<'a>(key: SocketKey, level: Option<u32>) -> Node<'a> {
    let (ty, len) = match key {
        SocketKey::Mark => (Ty::Mark, 32),
        SocketKey::Cgroupv2 => (Ty::CgroupV2, 64),
        _ => (Ty::Integer, 8),
    };
    node(Kind::Socket(key, level), ty, len)
}

/// `NFTA_FIB_F_PRESENT`
pub(super) const FIB_PRESENT: u32 = 32;

pub(super) fn fib<'a>(result: FibResult, flags: u32) -> Node<'a> {
    let (ty, len) = match result {
        _ if flags & FIB_PRESENT != 0 => (Ty::Boolean, 8),
        FibResult::Oif => (Ty::IfIndex, 32),
        FibResult::Oifname => (Ty::IfName, 128),
        FibResult::AddrType => (Ty::FibAddr, 32),
        FibResult::Unknown(_) => (Ty::Integer, 32),
    };
    node(Kind::Fib { result, flags }, ty, len)
}

pub(super) fn xfrm<'a>(key: u32, direction: u8, spnum: u32) -> Node<'a> {
    let (ty, order, len) = match key {
        1 | 3 => (Ty::Ip, Order::Big, 32),
        2 | 4 => (Ty::Ip6, Order::Big, 128),
        6 => (Ty::Integer, Order::Big, 32),
        _ => (Ty::Integer, Order::Host, 32),
    };
    Node::new(Kind::Xfrm { key, direction, spnum }, ty, order, len)
}

/// `NFT_EXTHDR_F_PRESENT`
pub(super) const EXTHDR_PRESENT: u32 = 1;

pub(super) fn exthdr<'a>(op: u32, kind: u8, offset: u32, len: u32, flags: u32) -> Node<'a> {
    let present = flags & EXTHDR_PRESENT != 0;
    let offset = offset.saturating_mul(8);
    let len = len.saturating_mul(8);
    let (ty, len) = if present {
        (Ty::Boolean, 8)
    } else {
        match option_field(op, kind, offset, len) {
            Some((_, Some(field))) => (field.2, len),
            _ => (Ty::Integer, len),
        }
    };
    let order = if present { Order::Host } else { Order::Big };
    Node::new(Kind::Exthdr { op, kind, offset, present }, ty, order, len)
}

/// Name, offset in bits and type.
type OptionField = (&'static str, u32, Ty, u32);

const I: Ty = Ty::Integer;

const TCP_OPTIONS: &[(u8, &str, &[OptionField])] = &[
    (0, "eol", &[]),
    (1, "nop", &[]),
    (2, "maxseg", &[("length", 8, I, 8), ("size", 16, I, 16)]),
    (3, "window", &[("length", 8, I, 8), ("count", 16, I, 8)]),
    (4, "sack-perm", &[("length", 8, I, 8)]),
    (5, "sack", &[("length", 8, I, 8), ("left", 16, I, 32), ("right", 48, I, 32)]),
    (8, "timestamp", &[("length", 8, I, 8), ("tsval", 16, I, 32), ("tsecr", 48, I, 32)]),
    (19, "md5sig", &[("length", 8, I, 8)]),
    (30, "mptcp", &[("length", 8, I, 8), ("subtype", 16, I, 4)]),
    (34, "fastopen", &[("length", 8, I, 8)]),
];

/// The field number `index` of a TCP option (0 is its kind), as the user data of sets tells it.
pub(super) fn tcp_option_field<'a>(kind: u8, index: usize) -> Option<Node<'a>> {
    let (_, _, fields) = TCP_OPTIONS.iter().find(|(k, _, _)| *k == kind)?;
    let (_, offset, _, len) = fields.get(index.checked_sub(1)?)?;
    Some(exthdr(1, kind, offset / 8, len / 8, 0))
}

/// Name of an option or extension header, and of the field in it.
pub(super) fn option_field(
    op: u32,
    kind: u8,
    offset: u32,
    len: u32,
) -> Option<(&'static str, Option<&'static OptionField>)> {
    let table: &[(u8, &str, &[OptionField])] = match op {
        0 => &[
            (0, "hbh", &[("nexthdr", 0, Ty::Proto, 8), ("hdrlength", 8, I, 8)]),
            (
                43,
                "rt",
                &[
                    ("nexthdr", 0, Ty::Proto, 8),
                    ("hdrlength", 8, I, 8),
                    ("type", 16, I, 8),
                    ("seg-left", 24, I, 8),
                ],
            ),
            (
                44,
                "frag",
                &[
                    ("nexthdr", 0, Ty::Proto, 8),
                    ("reserved", 8, I, 8),
                    ("frag-off", 16, I, 13),
                    ("reserved2", 29, I, 2),
                    ("more-fragments", 31, I, 1),
                    ("id", 32, I, 32),
                ],
            ),
            (60, "dst", &[("nexthdr", 0, Ty::Proto, 8), ("hdrlength", 8, I, 8)]),
            (
                135,
                "mh",
                &[
                    ("nexthdr", 0, Ty::Proto, 8),
                    ("hdrlength", 8, I, 8),
                    ("type", 16, Ty::MhType, 8),
                    ("reserved", 24, I, 8),
                    ("checksum", 32, I, 16),
                ],
            ),
        ],
        1 => TCP_OPTIONS,
        2 => &[
            (
                131,
                "lsrr",
                &[("type", 0, I, 8), ("length", 8, I, 8), ("ptr", 16, I, 8), ("addr", 24, Ty::Ip, 32)],
            ),
            (7, "rr", &[("type", 0, I, 8), ("length", 8, I, 8), ("ptr", 16, I, 8), ("addr", 24, Ty::Ip, 32)]),
            (
                137,
                "ssrr",
                &[("type", 0, I, 8), ("length", 8, I, 8), ("ptr", 16, I, 8), ("addr", 24, Ty::Ip, 32)],
            ),
            (148, "ra", &[("type", 0, I, 8), ("length", 8, I, 8), ("value", 16, I, 16)]),
        ],
        3 => &[
            (0, "data", &[]),
            (1, "init", &[("init-tag", 32, I, 32)]),
            (2, "init-ack", &[("init-tag", 32, I, 32)]),
            (3, "sack", &[]),
            (4, "heartbeat", &[]),
            (5, "heartbeat-ack", &[]),
            (6, "abort", &[]),
            (7, "shutdown", &[]),
            (8, "shutdown-ack", &[]),
            (9, "error", &[]),
            (10, "cookie-echo", &[]),
            (11, "cookie-ack", &[]),
        ],
        _ => return None,
    };
    let (_, name, fields) = table.iter().find(|(k, _, _)| *k == kind)?;
    Some((name, fields.iter().find(|f| f.1 == offset && f.3 == len)))
}
