//! Keys of `meta`, `ct` and `rt`.

use super::Standing::{But, Modelled, Named, NoEffect};
use super::{BRIDGE_VLANS, CPU, EXPECTED, KERNEL_ZONE, Part, READING_TIME, REALMS, SECURITY, SENDER, VRF};

/// Keys of `meta`.
pub const META: Part = Part {
    title: ("Keys of `meta`", "`meta` 的键"),
    entries: &[
        ("broute", Named(("a bridge that routes the frame", "由网桥转为路由的帧"))),
        ("cgroup", SENDER),
        ("cpu", CPU),
        ("day", KERNEL_ZONE),
        ("hour", READING_TIME),
        ("ibrhwaddr", Named(("not carried", "推演不携带该值"))),
        ("ibrname", Modelled),
        ("ibrpvid", BRIDGE_VLANS),
        ("ibrvproto", BRIDGE_VLANS),
        ("iif", Modelled),
        ("iifgroup", Modelled),
        ("iifkind", Modelled),
        ("iifname", Modelled),
        ("iiftype", Modelled),
        ("ipsec", But(("no packet of a walk was transformed", "推演中的数据包都未经变换"))),
        ("l4proto", Modelled),
        ("length", Modelled),
        ("mark", Modelled),
        ("nfproto", Modelled),
        ("nftrace", Named(("whether somebody traces the packet", "是否有人在跟踪该数据包"))),
        ("obrname", Modelled),
        ("oif", Modelled),
        ("oifgroup", Modelled),
        ("oifkind", Modelled),
        ("oifname", Modelled),
        ("oiftype", Modelled),
        ("pkttype", Modelled),
        ("priority", Modelled),
        ("protocol", Modelled),
        ("random", Modelled),
        ("rtclassid", REALMS),
        ("sdif", VRF),
        ("sdifname", VRF),
        ("secmark", Named(SECURITY)),
        ("skgid", Modelled),
        ("skuid", Modelled),
        ("time", READING_TIME),
    ],
};

/// Keys of `ct`.
pub const CT: Part = Part {
    title: ("Keys of `ct`", "`ct` 的键"),
    entries: &[
        ("avgpkt", Modelled),
        ("bytes", Modelled),
        ("daddr", Modelled),
        ("direction", Modelled),
        ("event", NoEffect(("it can only be set", "只能设置"))),
        ("expiration", Named(("it changes with time", "随时间变化"))),
        ("helper", EXPECTED),
        ("id", Named(("the kernel keeps a secret for it", "它由内核的密钥算出"))),
        ("ip daddr", Modelled),
        ("ip saddr", Modelled),
        ("ip6 daddr", Modelled),
        ("ip6 saddr", Modelled),
        ("l3proto", Modelled),
        ("label", Modelled),
        ("mark", Modelled),
        ("packets", Modelled),
        ("proto-dst", Modelled),
        ("proto-src", Modelled),
        ("protocol", Modelled),
        ("saddr", Modelled),
        ("secmark", Named(SECURITY)),
        ("state", Modelled),
        ("status", Modelled),
        ("zone", Modelled),
    ],
};

/// Keys of `rt`.
pub const RT: Part = Part {
    title: ("Keys of `rt`", "`rt` 的键"),
    entries: &[
        ("classid", REALMS),
        ("ip nexthop", Modelled),
        ("ip6 nexthop", Modelled),
        ("ipsec", But(("no packet of a walk will be transformed", "推演中的数据包都不会经变换"))),
        ("mtu", Named(("not carried with the packet", "推演不携带该值"))),
    ],
};
