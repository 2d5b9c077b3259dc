//! A route as `ip route show table T` of iproute2 6.1 prints it, on one line.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::{IpFamily, Namespace, NextHop, Prefix, Route, RouteKind};

/// A route as `ip route show table T` prints it, the type first unless it is unicast:
/// `blackhole 10.9.0.0/16`, `10.0.0.0/24 via 10.0.1.1 dev eth0`. Hops of a multipath route follow on the same line.
/// What the snapshot does not keep (`expires`, the congestion control's name) is not there.
#[must_use]
pub fn fmt_route(route: &Route, namespace: &Namespace) -> String {
    let mut out = route_words(route, namespace);
    let is_multipath = route.next_hops.len() > 1;
    let before_hops = hop_section(&out);
    let mut tail = String::new();
    flags(&mut tail, route.flags | route.next_hops.first().filter(|_| !is_multipath).map_or(0, |h| h.flags));
    metrics(&mut tail, route);
    if route.family == IpFamily::V6 {
        tail.push_str(match route.pref {
            1 => " pref high",
            3 => " pref low",
            _ => " pref medium",
        });
    }
    out.insert_str(before_hops, &tail);
    out
}

/// Where the hops of a multipath route begin: flags and metrics are printed before them.
fn hop_section(words: &str) -> usize {
    words.find(" nexthop ").unwrap_or(words.len())
}

/// The words that name a route, and that `ip route add` takes: all but flags that the kernel sets, and metrics.
pub(crate) fn route_words(route: &Route, namespace: &Namespace) -> String {
    let mut out = String::new();
    if route.kind != RouteKind::Unicast {
        match (route.kind.word(), route.kind) {
            (Some(word), _) => out.push_str(word),
            (None, RouteKind::Unknown(n)) => _ = write!(out, "{n}"),
            (None, _) => {}
        }
        out.push(' ');
    }
    out.push_str(&destination(route.dst));
    if let Some(src) = route.src {
        _ = write!(out, " from {}", if src.is_host() { src.addr.to_string() } else { src.to_string() });
    }
    if let Some(id) = route.nexthop_id {
        _ = write!(out, " nhid {id}");
    }
    if route.tos != 0 {
        _ = write!(out, " tos 0x{:02x}", route.tos);
    }
    let single = match route.next_hops.as_slice() {
        [hop] => Some(hop),
        _ => None,
    };
    if let Some(hop) = single {
        hop_words(&mut out, hop, route.family, namespace);
    }
    // RTPROT_BOOT, what `ip route add` writes, is not shown.
    if route.protocol != 3 {
        _ = write!(out, " proto {}", protocol_name(route.protocol));
    }
    if route.scope != 0 {
        _ = write!(out, " scope {}", scope_name(route.scope));
    }
    if let Some(src) = route.prefsrc {
        _ = write!(out, " src {src}");
    }
    if route.priority != 0 || route.family == IpFamily::V6 {
        _ = write!(out, " metric {}", route.priority);
    }
    if single.is_none() {
        for hop in &route.next_hops {
            out.push_str(" nexthop");
            hop_words(&mut out, hop, route.family, namespace);
            _ = write!(out, " weight {}", hop.weight.max(1));
            flags(&mut out, hop.flags);
        }
    }
    out
}

fn destination(dst: Prefix) -> String {
    if dst.len == 0 {
        "default".to_owned()
    } else if dst.is_host() {
        dst.addr.to_string()
    } else {
        dst.to_string()
    }
}

fn hop_words(out: &mut String, hop: &NextHop, family: IpFamily, namespace: &Namespace) {
    if let Some(gateway) = hop.gateway {
        let other = match (family, gateway) {
            (IpFamily::V4, IpAddr::V6(_)) => "inet6 ",
            (IpFamily::V6, IpAddr::V4(_)) => "inet ",
            _ => "",
        };
        _ = write!(out, " via {other}{gateway}");
    }
    if let Some(oif) = hop.oif {
        _ = write!(out, " dev {}", namespace.link_name(oif));
    }
}

fn flags(out: &mut String, flags: u32) {
    const NAMES: [(u32, &str); 7] = [
        (1, "dead"),
        (4, "onlink"),
        (2, "pervasive"),
        (8, "offload"),
        (64, "trap"),
        (16, "linkdown"),
        (32, "unresolved"),
    ];
    for (bit, name) in NAMES {
        if flags & bit != 0 {
            _ = write!(out, " {name}");
        }
    }
}

fn metrics(out: &mut String, route: &Route) {
    let locked = route.metrics.get(&1).copied().unwrap_or(0);
    for (&number, &value) in &route.metrics {
        let lock = if number < 32 && locked & (1 << number) != 0 { "lock " } else { "" };
        let name = match number {
            1 | 16 => continue,
            2 => "mtu",
            3 => "window",
            4 => "rtt",
            5 => "rttvar",
            6 => "ssthresh",
            7 => "cwnd",
            8 => "advmss",
            9 => "reordering",
            10 => "hoplimit",
            11 => "initcwnd",
            12 => "features",
            13 => "rto_min",
            14 => "initrwnd",
            15 => "quickack",
            17 => "fastopen_no_cookie",
            n => {
                _ = write!(out, " metric-{n} {lock}{value}");
                continue;
            }
        };
        match number {
            // Kept by the kernel in eighths and quarters of a millisecond (RTAX_RTT, RTAX_RTTVAR).
            4 => _ = write!(out, " {name} {lock}{}ms", value / 8),
            5 => _ = write!(out, " {name} {lock}{}ms", value / 4),
            12 if value & 1 != 0 => _ = write!(out, " {name} {lock}ecn"),
            13 => _ = write!(out, " {name} {lock}{value}ms"),
            _ => _ = write!(out, " {name} {lock}{value}"),
        }
    }
}

/// Name of a `RTPROT_*` as /etc/iproute2/rt_protos of Debian 12 has it.
#[must_use]
pub fn protocol_name(protocol: u8) -> String {
    match protocol {
        0 => "unspec",
        1 => "redirect",
        2 => "kernel",
        3 => "boot",
        4 => "static",
        8 => "gated",
        9 => "ra",
        10 => "mrt",
        11 => "zebra",
        12 => "bird",
        13 => "dnrouted",
        14 => "xorp",
        15 => "ntk",
        16 => "dhcp",
        18 => "keepalived",
        42 => "babel",
        99 => "openr",
        186 => "bgp",
        187 => "isis",
        188 => "ospf",
        189 => "rip",
        192 => "eigrp",
        n => return n.to_string(),
    }
    .to_owned()
}

/// Name of a `RT_SCOPE_*`.
#[must_use]
pub fn scope_name(scope: u8) -> String {
    match scope {
        0 => "global",
        200 => "site",
        253 => "link",
        254 => "host",
        255 => "nowhere",
        n => return n.to_string(),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Link, NamespaceId, Read};

    fn ns() -> Namespace {
        let mut ns = Namespace::empty(NamespaceId(1), "t");
        let link = |index, name: &str| Link { index, name: name.into(), ..Link::default() };
        ns.links = Read::Got(vec![link(1, "lo"), link(3, "d0"), link(5, "d1")]);
        ns
    }

    fn route(dst: &str, hops: &[(&str, u32)]) -> Route {
        let dst: Prefix = dst.parse().unwrap();
        Route {
            family: dst.family(),
            table: 254,
            kind: RouteKind::Unicast,
            dst,
            src: None,
            tos: 0,
            priority: if dst.family() == IpFamily::V6 { 1024 } else { 0 },
            protocol: 3,
            scope: 0,
            prefsrc: None,
            next_hops: hops
                .iter()
                .map(|(via, oif)| NextHop { gateway: via.parse().ok(), oif: Some(*oif), weight: 1, flags: 0 })
                .collect(),
            nexthop_id: None,
            flags: 0,
            pref: 0,
            metrics: std::collections::BTreeMap::new(),
            unknown_attributes: Vec::new(),
        }
    }

    /// The expected lines were printed by `ip route show table …` (iproute2 6.1.0, Linux 6.18).
    #[test]
    fn as_ip_route_prints() {
        let mut connected = route("10.0.0.0/24", &[("", 3)]);
        (connected.protocol, connected.scope, connected.prefsrc) = (2, 253, "10.0.0.1".parse().ok());
        assert_eq!(fmt_route(&connected, &ns()), "10.0.0.0/24 dev d0 proto kernel scope link src 10.0.0.1");
        connected.next_hops[0].flags = NextHop::LINKDOWN;
        assert_eq!(
            fmt_route(&connected, &ns()),
            "10.0.0.0/24 dev d0 proto kernel scope link src 10.0.0.1 linkdown"
        );

        let mut blackhole = route("10.9.0.0/16", &[]);
        blackhole.kind = RouteKind::Blackhole;
        assert_eq!(fmt_route(&blackhole, &ns()), "blackhole 10.9.0.0/16");

        let mut unreachable = route("fd09::/64", &[("", 1)]);
        unreachable.kind = RouteKind::Unreachable;
        assert_eq!(fmt_route(&unreachable, &ns()), "unreachable fd09::/64 dev lo metric 1024 pref medium");

        let mut ecmp = route("10.5.0.0/16", &[("10.0.0.2", 3), ("10.0.1.2", 5)]);
        ecmp.next_hops[0].weight = 2;
        ecmp.next_hops[1].flags = NextHop::LINKDOWN;
        assert_eq!(
            fmt_route(&ecmp, &ns()),
            "10.5.0.0/16 nexthop via 10.0.0.2 dev d0 weight 2 nexthop via 10.0.1.2 dev d1 weight 1 linkdown"
        );
        assert_eq!(
            fmt_route(&route("fd55::/64", &[("fd00::2", 3), ("fd00::3", 3)]), &ns()),
            "fd55::/64 metric 1024 pref medium nexthop via fd00::2 dev d0 weight 1 nexthop via fd00::3 dev d0 weight 1"
        );
        assert_eq!(
            fmt_route(&route("10.6.0.0/16", &[("fd00::2", 3)]), &ns()),
            "10.6.0.0/16 via inet6 fd00::2 dev d0"
        );

        let mut full = route("10.7.0.0/16", &[("10.0.0.2", 3)]);
        (full.tos, full.protocol, full.prefsrc, full.priority) = (0x10, 4, "10.0.0.1".parse().ok(), 7);
        full.metrics.extend([(2, 1400), (8, 1000)]);
        assert_eq!(
            fmt_route(&full, &ns()),
            "10.7.0.0/16 tos 0x10 via 10.0.0.2 dev d0 proto static src 10.0.0.1 metric 7 mtu 1400 advmss 1000"
        );
        let mut many = route("10.7.1.0/24", &[("", 3)]);
        (many.tos, many.protocol, many.scope) = (8, 99, 253);
        many.metrics.extend([(1, 1 << 13), (11, 10), (12, 1), (13, 50), (15, 1)]);
        assert_eq!(
            fmt_route(&many, &ns()),
            "10.7.1.0/24 tos 0x08 dev d0 proto openr scope link initcwnd 10 features ecn rto_min lock 50ms quickack 1"
        );

        let mut onlink = route("10.10.0.0/16", &[("192.168.1.1", 3)]);
        onlink.next_hops[0].flags = NextHop::ONLINK;
        assert_eq!(fmt_route(&onlink, &ns()), "10.10.0.0/16 via 192.168.1.1 dev d0 onlink");
        let mut by_id = route("10.11.0.0/16", &[("10.0.0.9", 3)]);
        by_id.nexthop_id = Some(7);
        assert_eq!(fmt_route(&by_id, &ns()), "10.11.0.0/16 nhid 7 via 10.0.0.9 dev d0");

        let mut from = route("fd77::/64", &[("fd00::2", 3)]);
        (from.src, from.pref) = ("fd01::/64".parse().ok(), 1);
        assert_eq!(
            fmt_route(&from, &ns()),
            "fd77::/64 from fd01::/64 via fd00::2 dev d0 metric 1024 pref high"
        );
        let mut locked = route("::/0", &[("fe80::1", 3)]);
        locked.metrics.extend([(1, 1 << 2), (2, 1300)]);
        assert_eq!(
            fmt_route(&locked, &ns()),
            "default via fe80::1 dev d0 metric 1024 mtu lock 1300 pref medium"
        );
        let mut local = route("::1/128", &[("", 1)]);
        (local.kind, local.protocol, local.priority) = (RouteKind::Local, 2, 0);
        assert_eq!(fmt_route(&local, &ns()), "local ::1 dev lo proto kernel metric 0 pref medium");
        let mut gone = route("10.12.0.0/16", &[("10.0.0.2", 99)]);
        gone.kind = RouteKind::Unknown(77);
        assert_eq!(fmt_route(&gone, &ns()), "77 10.12.0.0/16 via 10.0.0.2 dev if99");
    }
}
