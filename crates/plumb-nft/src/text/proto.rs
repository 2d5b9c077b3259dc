//! Headers and their fields, as nft names them.

use super::types::Order;
use super::types::Ty;

/// A field of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// Bits from the start of the header.
    pub(super) offset: u32,
    /// Bits.
    pub(super) len: u32,
    pub(super) ty: Ty,
    pub(super) order: Order,
    /// The ICMP types that carry it, where not all do.
    pub(super) icmp: Option<IcmpField>,
}

/// Which ICMP messages have a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IcmpField {
    Echo,
    Gateway,
    Mtu,
    Echo6,
    TooBig,
    Pointer,
    MaxDelay,
}

impl IcmpField {
    pub(super) fn icmp_type(self) -> u8 {
        match self {
            Self::Echo => 8,
            Self::Gateway => 5,
            Self::Mtu => 3,
            Self::Echo6 => 128,
            Self::TooBig => 2,
            Self::Pointer => 4,
            Self::MaxDelay => 130,
        }
    }
}

/// A header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Desc {
    pub(super) name: &'static str,
    pub(super) base: usize,
    /// Bits of the header before the one above it, where that is known (link headers).
    pub(super) length: u32,
    /// Number in the user data of sets.
    pub(super) id: u32,
    /// Field that names the next protocol.
    pub(super) key: Option<&'static str>,
    pub(super) fields: &'static [Field],
}

pub(super) const LL: usize = 1;
pub(super) const NETWORK: usize = 2;
pub(super) const TRANSPORT: usize = 3;
pub(super) const INNER: usize = 4;

const fn f(name: &'static str, offset: u32, len: u32, ty: Ty) -> Field {
    Field { name, offset, len, ty, order: Order::Big, icmp: None }
}

const fn fi(name: &'static str, offset: u32, len: u32, ty: Ty, icmp: IcmpField) -> Field {
    Field { name, offset, len, ty, order: Order::Big, icmp: Some(icmp) }
}

macro_rules! desc {
    ($ident:ident $name:literal $base:ident $length:literal $id:literal $key:expr; $($field:expr),* $(,)?) => {
        pub(super) static $ident: Desc =
            Desc { name: $name, base: $base, length: $length, id: $id, key: $key, fields: &[$($field),*] };
    };
}

desc!(ETHER "ether" LL 112 17 Some("type");
    f("daddr", 0, 48, Ty::Ether), f("saddr", 48, 48, Ty::Ether), f("type", 96, 16, Ty::EtherType));
desc!(VLAN "vlan" LL 32 16 Some("type");
    f("pcp", 0, 3, Ty::Integer), f("dei", 3, 1, Ty::Integer), f("cfi", 3, 1, Ty::Integer), f("id", 4, 12, Ty::Integer), f("type", 16, 16, Ty::EtherType));
desc!(ARP "arp" NETWORK 0 15 None;
    f("htype", 0, 16, Ty::Integer), f("ptype", 16, 16, Ty::EtherType), f("hlen", 32, 8, Ty::Integer),
    f("plen", 40, 8, Ty::Integer), f("operation", 48, 16, Ty::ArpOp), f("saddr ether", 64, 48, Ty::Ether),
    f("saddr ip", 112, 32, Ty::Ip), f("daddr ether", 144, 48, Ty::Ether), f("daddr ip", 192, 32, Ty::Ip));
desc!(IP "ip" NETWORK 0 12 Some("protocol");
    f("version", 0, 4, Ty::Integer), f("hdrlength", 4, 4, Ty::Integer), f("dscp", 8, 6, Ty::Dscp),
    f("ecn", 14, 2, Ty::Ecn), f("length", 16, 16, Ty::Integer), f("id", 32, 16, Ty::Integer),
    f("frag-off", 48, 16, Ty::Integer), f("ttl", 64, 8, Ty::Integer), f("protocol", 72, 8, Ty::Proto),
    f("checksum", 80, 16, Ty::Integer), f("saddr", 96, 32, Ty::Ip), f("daddr", 128, 32, Ty::Ip));
desc!(IP6 "ip6" NETWORK 0 13 Some("nexthdr");
    f("version", 0, 4, Ty::Integer), f("dscp", 4, 6, Ty::Dscp), f("ecn", 10, 2, Ty::Ecn),
    f("flowlabel", 12, 20, Ty::Integer), f("length", 32, 16, Ty::Integer), f("nexthdr", 48, 8, Ty::Proto),
    f("hoplimit", 56, 8, Ty::Integer), f("saddr", 64, 128, Ty::Ip6), f("daddr", 192, 128, Ty::Ip6));
desc!(TCP "tcp" TRANSPORT 0 8 None;
    f("sport", 0, 16, Ty::Service), f("dport", 16, 16, Ty::Service), f("sequence", 32, 32, Ty::Integer),
    f("ackseq", 64, 32, Ty::Integer), f("doff", 96, 4, Ty::Integer), f("reserved", 100, 4, Ty::Integer),
    f("flags", 104, 8, Ty::TcpFlag), f("window", 112, 16, Ty::Integer), f("checksum", 128, 16, Ty::Integer),
    f("urgptr", 144, 16, Ty::Integer));
desc!(UDP "udp" TRANSPORT 0 6 None;
    f("sport", 0, 16, Ty::Service), f("dport", 16, 16, Ty::Service), f("length", 32, 16, Ty::Integer),
    f("checksum", 48, 16, Ty::Integer));
desc!(UDPLITE "udplite" TRANSPORT 0 7 None;
    f("sport", 0, 16, Ty::Service), f("dport", 16, 16, Ty::Service), f("csumcov", 32, 16, Ty::Integer),
    f("checksum", 48, 16, Ty::Integer));
desc!(SCTP "sctp" TRANSPORT 0 10 None;
    f("sport", 0, 16, Ty::Service), f("dport", 16, 16, Ty::Service), f("vtag", 32, 32, Ty::Integer),
    f("checksum", 64, 32, Ty::Integer));
desc!(DCCP "dccp" TRANSPORT 0 9 None;
    f("sport", 0, 16, Ty::Service), f("dport", 16, 16, Ty::Service), f("type", 67, 4, Ty::DccpType));
desc!(TH "th" TRANSPORT 0 11 None;
    f("sport", 0, 16, Ty::Service), f("dport", 16, 16, Ty::Service));
desc!(AH "ah" TRANSPORT 0 1 Some("nexthdr");
    f("nexthdr", 0, 8, Ty::Proto), f("hdrlength", 8, 8, Ty::Integer), f("reserved", 16, 16, Ty::Integer),
    f("spi", 32, 32, Ty::Integer), f("sequence", 64, 32, Ty::Integer));
desc!(ESP "esp" TRANSPORT 0 2 None;
    f("spi", 0, 32, Ty::Integer), f("sequence", 32, 32, Ty::Integer));
desc!(COMP "comp" TRANSPORT 0 3 Some("nexthdr");
    f("nexthdr", 0, 8, Ty::Proto), f("flags", 8, 8, Ty::Bitmask), f("cpi", 16, 16, Ty::Integer));
desc!(ICMP "icmp" TRANSPORT 0 4 Some("type");
    f("type", 0, 8, Ty::IcmpType), f("code", 8, 8, Ty::IcmpCode), f("checksum", 16, 16, Ty::Integer),
    fi("id", 32, 16, Ty::Integer, IcmpField::Echo), fi("sequence", 48, 16, Ty::Integer, IcmpField::Echo),
    fi("gateway", 32, 32, Ty::Integer, IcmpField::Gateway), fi("mtu", 48, 16, Ty::Integer, IcmpField::Mtu));
desc!(ICMP6 "icmpv6" TRANSPORT 0 14 Some("type");
    f("type", 0, 8, Ty::Icmp6Type), f("code", 8, 8, Ty::Icmp6Code), f("checksum", 16, 16, Ty::Integer),
    fi("parameter-problem", 32, 32, Ty::Integer, IcmpField::Pointer), fi("mtu", 32, 32, Ty::Integer, IcmpField::TooBig),
    fi("id", 32, 16, Ty::Integer, IcmpField::Echo6), fi("sequence", 48, 16, Ty::Integer, IcmpField::Echo6),
    fi("max-delay", 32, 16, Ty::Integer, IcmpField::MaxDelay));
desc!(IGMP "igmp" TRANSPORT 0 5 None;
    f("type", 0, 8, Ty::IgmpType), f("mrt", 8, 8, Ty::Time), f("checksum", 16, 16, Ty::Integer), f("group", 32, 32, Ty::Ip));

static ALL: [&Desc; 18] = [
    &ETHER, &VLAN, &ARP, &IP, &IP6, &TCP, &UDP, &UDPLITE, &SCTP, &DCCP, &TH, &AH, &ESP, &COMP, &ICMP, &ICMP6,
    &IGMP, &TH,
];

/// By the number in a set's user data.
pub(super) fn by_id(id: u32) -> Option<&'static Desc> {
    ALL.into_iter().find(|d| d.id == id)
}

/// The header that an IP protocol number announces.
pub(super) fn transport(protocol: u64) -> Option<&'static Desc> {
    Some(match protocol {
        1 => &ICMP,
        2 => &IGMP,
        6 => &TCP,
        17 => &UDP,
        33 => &DCCP,
        50 => &ESP,
        51 => &AH,
        58 => &ICMP6,
        108 => &COMP,
        132 => &SCTP,
        136 => &UDPLITE,
        _ => return None,
    })
}

/// The header that an Ethernet type announces.
pub(super) fn network(ether_type: u64) -> Option<&'static Desc> {
    Some(match ether_type {
        0x0800 => &IP,
        0x86dd => &IP6,
        0x0806 => &ARP,
        0x8100 | 0x88a8 => &VLAN,
        _ => return None,
    })
}

/// The header that a `NFPROTO_*` number announces.
pub(super) fn family(nfproto: u64) -> Option<&'static Desc> {
    match nfproto {
        2 => Some(&IP),
        10 => Some(&IP6),
        _ => None,
    }
}
