//! nft's data types: how a value of the kernel is to be read and written.

use super::symbols;

/// Byte order of a value in its register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Host,
    Big,
}

macro_rules! types {
    ($($id:literal $variant:ident $name:literal $bits:literal $order:ident;)*) => {
        /// A data type; the numbers stand in `NFTA_SET_KEY_TYPE`, six bits a field.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Ty { $($variant,)* }

        impl Ty {
            pub(super) fn from_id(id: u32) -> Option<Self> {
                match id { $($id => Some(Self::$variant),)* _ => None }
            }
            /// The word in `type …`.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
            /// Width in bits, 0 when it varies.
            pub(super) fn bits(self) -> u32 {
                match self { $(Self::$variant => $bits,)* }
            }
            pub(super) fn order(self) -> Order {
                match self { $(Self::$variant => Order::$order,)* }
            }
        }
    };
}

types! {
    1 Verdict "verdict" 0 Host;
    2 NfProto "nf_proto" 8 Host;
    3 Bitmask "bitmask" 0 Host;
    4 Integer "integer" 0 Host;
    5 String "string" 0 Host;
    6 LlAddr "ll_addr" 0 Big;
    7 Ip "ipv4_addr" 32 Big;
    8 Ip6 "ipv6_addr" 128 Big;
    9 Ether "ether_addr" 48 Big;
    10 EtherType "ether_type" 16 Big;
    11 ArpOp "arp_op" 16 Big;
    12 Proto "inet_proto" 8 Big;
    13 Service "inet_service" 16 Big;
    14 IcmpType "icmp_type" 8 Big;
    15 TcpFlag "tcp_flag" 8 Host;
    16 DccpType "dccp_pkttype" 4 Big;
    17 MhType "mh_type" 8 Big;
    18 Time "time" 64 Host;
    19 Mark "mark" 32 Host;
    20 IfIndex "iface_index" 32 Host;
    21 IfType "iface_type" 16 Host;
    22 Realm "realm" 32 Host;
    23 ClassId "classid" 32 Host;
    24 Uid "uid" 32 Host;
    25 Gid "gid" 32 Host;
    26 CtState "ct_state" 32 Host;
    27 CtDir "ct_dir" 8 Host;
    28 CtStatus "ct_status" 32 Host;
    29 Icmp6Type "icmpv6_type" 8 Big;
    30 CtLabel "ct_label" 128 Host;
    31 PktType "pkt_type" 8 Host;
    32 IcmpCode "icmp_code" 8 Big;
    33 Icmp6Code "icmpv6_code" 8 Big;
    34 IcmpxCode "icmpx_code" 8 Big;
    35 DevGroup "devgroup" 32 Host;
    36 Dscp "dscp" 6 Big;
    37 Ecn "ecn" 2 Big;
    38 FibAddr "fib_addrtype" 32 Host;
    39 Boolean "boolean" 8 Host;
    40 CtEvent "ct_event" 32 Host;
    41 IfName "ifname" 128 Host;
    42 IgmpType "igmp_type" 8 Big;
    43 Date "time" 64 Host;
    44 Hour "hour" 64 Host;
    45 Day "day" 8 Host;
    46 CgroupV2 "cgroupsv2" 64 Host;
    // No number of the kernel's or of nft's: an integer that is written in hexadecimal.
    4294967295 Hex "integer" 0 Big;
}

impl Ty {
    pub(super) fn is_bitmask(self) -> bool {
        matches!(
            self,
            Self::Bitmask | Self::TcpFlag | Self::CtState | Self::CtStatus | Self::CtLabel | Self::CtEvent
        )
    }

    pub(super) fn is_string(self) -> bool {
        matches!(self, Self::String | Self::IfName)
    }

    /// Written as `address/length` where a range allows it.
    pub(super) fn has_prefix(self) -> bool {
        matches!(self, Self::Ip | Self::Ip6)
    }

    /// Elements that nft puts on one line of a set.
    pub(super) fn per_line(self) -> usize {
        match self {
            Self::Ip | Self::CtState | Self::CtDir | Self::CtStatus | Self::PktType => 2,
            Self::NfProto
            | Self::Integer
            | Self::Hex
            | Self::ArpOp
            | Self::Proto
            | Self::Service
            | Self::TcpFlag
            | Self::DccpType
            | Self::Mark
            | Self::IfIndex
            | Self::ClassId
            | Self::Uid
            | Self::Gid => 5,
            _ => 1,
        }
    }

    pub(super) fn symbols(self) -> symbols::Table {
        match self {
            Self::NfProto => symbols::NF_PROTO,
            Self::EtherType => symbols::ETHER_TYPE,
            Self::ArpOp => symbols::ARP_OP,
            Self::Proto => symbols::PROTO,
            Self::IcmpType => symbols::ICMP_TYPE,
            Self::TcpFlag => symbols::TCP_FLAG,
            Self::DccpType => symbols::DCCP_TYPE,
            Self::MhType => symbols::MH_TYPE,
            Self::IfType => symbols::IF_TYPE,
            Self::CtState => symbols::CT_STATE,
            Self::CtDir => symbols::CT_DIR,
            Self::CtStatus => symbols::CT_STATUS,
            Self::Icmp6Type => symbols::ICMP6_TYPE,
            Self::PktType => symbols::PKT_TYPE,
            Self::IcmpCode => symbols::ICMP_CODE,
            Self::Icmp6Code => symbols::ICMP6_CODE,
            Self::IcmpxCode => symbols::ICMPX_CODE,
            Self::Dscp => symbols::DSCP,
            Self::Ecn => symbols::ECN,
            Self::FibAddr => symbols::FIB_ADDR,
            Self::Boolean => symbols::BOOLEAN,
            Self::CtEvent => symbols::CT_EVENT,
            Self::IgmpType => symbols::IGMP_TYPE,
            _ => &[],
        }
    }
}
