//! Families, hooks, registers and the keys of `meta`, `ct`, `fib` and friends
//! (`include/uapi/linux/netfilter/nf_tables.h`, `include/uapi/linux/netfilter.h`).

use serde::{Deserialize, Serialize};

/// Declares an enum over a kernel number, with an `Unknown` variant that keeps the number.
macro_rules! kernel_enum {
    ($(#[$meta:meta])* $name:ident : $repr:ty { $($(#[$vmeta:meta])* $variant:ident = $value:expr, $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$vmeta])* #[doc = concat!("`", $text, "`")] $variant,)*
            /// A value that this version has no name for.
            Unknown($repr),
        }
        impl $name {
            /// The kernel's number.
            #[must_use]
            pub fn number(self) -> $repr {
                match self { $(Self::$variant => $value,)* Self::Unknown(n) => n }
            }
            /// From the kernel's number; never fails.
            #[must_use]
            pub fn from_number(n: $repr) -> Self {
                match n { $(n if n == $value => Self::$variant,)* n => Self::Unknown(n) }
            }
            /// The word that `nft` uses, where it has one.
            #[must_use]
            pub fn word(self) -> Option<&'static str> {
                match self { $(Self::$variant => Some($text),)* Self::Unknown(_) => None }
            }
        }
    };
}

kernel_enum! {
    /// Address family of a table (`NFPROTO_*`).
    Family: u8 {
        Inet = 1, "inet"; Ip = 2, "ip"; Arp = 3, "arp"; Netdev = 5, "netdev"; Bridge = 7, "bridge"; Ip6 = 10, "ip6";
    }
}

kernel_enum! {
    /// Type of a base chain.
    ChainType: u8 {
        Filter = 0, "filter"; Route = 1, "route"; Nat = 2, "nat";
    }
}

kernel_enum! {
    /// Comparison operator (`NFT_CMP_*`).
    CmpOp: u32 {
        Eq = 0, "=="; Neq = 1, "!="; Lt = 2, "<"; Lte = 3, "<="; Gt = 4, ">"; Gte = 5, ">=";
    }
}

kernel_enum! {
    /// Where a payload expression counts its offset from (`NFT_PAYLOAD_*_HEADER`).
    PayloadBase: u32 {
        Link = 0, "link"; Network = 1, "network"; Transport = 2, "transport"; Inner = 3, "inner"; Tunnel = 4, "tunnel";
    }
}

kernel_enum! {
    /// Packet metadata (`NFT_META_*`).
    MetaKey: u32 {
        Len = 0, "length"; Protocol = 1, "protocol"; Priority = 2, "priority"; Mark = 3, "mark"; Iif = 4, "iif";
        Oif = 5, "oif"; Iifname = 6, "iifname"; Oifname = 7, "oifname"; Iftype = 8, "iiftype"; Oiftype = 9, "oiftype";
        Skuid = 10, "skuid"; Skgid = 11, "skgid"; Nftrace = 12, "nftrace"; Rtclassid = 13, "rtclassid";
        Secmark = 14, "secmark"; Nfproto = 15, "nfproto"; L4proto = 16, "l4proto"; BriIifname = 17, "ibrname";
        BriOifname = 18, "obrname"; Pkttype = 19, "pkttype"; Cpu = 20, "cpu"; Iifgroup = 21, "iifgroup";
        Oifgroup = 22, "oifgroup"; Cgroup = 23, "cgroup"; Prandom = 24, "random"; Secpath = 25, "ipsec";
        Iifkind = 26, "iifkind"; Oifkind = 27, "oifkind"; BriIifpvid = 28, "ibrpvid"; BriIifvproto = 29, "ibrvproto";
        TimeNs = 30, "time"; TimeDay = 31, "day"; TimeHour = 32, "hour"; Sdif = 33, "sdif"; Sdifname = 34, "sdifname";
        BriBroute = 35, "broute"; BriIifhwaddr = 36, "ibrhwaddr";
    }
}

kernel_enum! {
    /// Conntrack keys (`NFT_CT_*`).
    CtKey: u32 {
        State = 0, "state"; Direction = 1, "direction"; Status = 2, "status"; Mark = 3, "mark"; Secmark = 4, "secmark";
        Expiration = 5, "expiration"; Helper = 6, "helper"; L3protocol = 7, "l3proto"; Src = 8, "saddr";
        Dst = 9, "daddr"; Protocol = 10, "protocol"; ProtoSrc = 11, "proto-src"; ProtoDst = 12, "proto-dst";
        Labels = 13, "label"; Pkts = 14, "packets"; Bytes = 15, "bytes"; Avgpkt = 16, "avgpkt"; Zone = 17, "zone";
        Eventmask = 18, "event"; SrcIp = 19, "ip saddr"; DstIp = 20, "ip daddr"; SrcIp6 = 21, "ip6 saddr";
        DstIp6 = 22, "ip6 daddr"; Id = 23, "id";
    }
}

kernel_enum! {
    /// What a `fib` expression returns (`NFT_FIB_RESULT_*`).
    FibResult: u32 {
        Oif = 1, "oif"; Oifname = 2, "oifname"; AddrType = 3, "type";
    }
}

kernel_enum! {
    /// What a `rt` expression returns (`NFT_RT_*`).
    RtKey: u32 {
        Classid = 0, "classid"; Nexthop4 = 1, "ip nexthop"; Nexthop6 = 2, "ip6 nexthop"; Tcpmss = 3, "mtu";
        Xfrm = 4, "ipsec";
    }
}

kernel_enum! {
    /// What a `socket` expression returns (`NFT_SOCKET_*`).
    SocketKey: u32 {
        Transparent = 0, "transparent"; Mark = 1, "mark"; Wildcard = 2, "wildcard"; Cgroupv2 = 3, "cgroupv2";
    }
}

kernel_enum! {
    /// Kinds of stateful objects (`NFT_OBJECT_*`).
    ObjectType: u32 {
        Counter = 1, "counter"; Quota = 2, "quota"; CtHelper = 3, "ct helper"; Limit = 4, "limit";
        Connlimit = 5, "ct count"; Tunnel = 6, "tunnel"; CtTimeout = 7, "ct timeout"; Secmark = 8, "secmark";
        CtExpect = 9, "ct expectation"; Synproxy = 10, "synproxy";
    }
}

kernel_enum! {
    /// How a `reject` answers (`NFT_REJECT_*`).
    RejectType: u32 {
        IcmpUnreach = 0, "icmp"; TcpRst = 1, "tcp reset"; IcmpxUnreach = 2, "icmpx";
    }
}

kernel_enum! {
    /// Netfilter hook of the IP families and bridge (`NF_INET_*`, `NF_BR_*` share the numbers 0–4).
    /// The kernel counts them anew in arp and netdev; see [`crate::decode::hook_of`].
    Hook: u32 {
        Prerouting = 0, "prerouting"; Input = 1, "input"; Forward = 2, "forward"; Output = 3, "output";
        Postrouting = 4, "postrouting"; Ingress = 5, "ingress"; Egress = 6, "egress";
    }
}

/// A register as the attribute names it: 0 the verdict, 1–4 of 16 bytes, 8–23 of 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Register(pub u32);

impl Register {
    /// The verdict register.
    pub const VERDICT: Self = Self(0);

    /// Index of the register's first 4-byte word in the register file of 20 words
    /// (`nft_parse_register` in net/netfilter/nf_tables_api.c); `None` for a number that the kernel refuses.
    #[must_use]
    pub fn word(self) -> Option<usize> {
        match self.0 {
            n @ 0..=4 => Some(n as usize * 4),
            n @ 8..=23 => Some(n as usize - 8 + 4),
            _ => None,
        }
    }
}
