//! Conditions.

use super::super::rng::Rng;
use super::words::{MARKS, PORT_RANGES, PORTS, address, addresses, mark, port, prefixes, ranges};
use super::{Context, Hook};

/// One condition. `v4`: where it is about addresses, about those of IPv4.
pub(super) fn one(rng: &mut Rng, context: &Context<'_>, v4: bool) -> String {
    match rng.below(16) {
        0..=3 => addresses_of(rng, v4),
        4..=6 => ports(rng),
        7 if context.family == "inet" && rng.percent(30) => {
            format!("meta nfproto {}{}", equal(rng), if v4 { "ipv4" } else { "ipv6" })
        }
        7 => protocol(rng, v4),
        8 => header(rng, v4),
        9 | 10 => meta(rng, context),
        11 | 12 => conntrack(rng, v4),
        13 => named(rng, context, v4).unwrap_or_else(|| addresses_of(rng, v4)),
        14 => fib(rng, context, v4).unwrap_or_else(|| ports(rng)),
        _ => rare(rng, v4),
    }
}

pub(super) fn ip(v4: bool) -> &'static str {
    if v4 { "ip" } else { "ip6" }
}

/// `==` is what nft reads where nothing stands.
fn equal(rng: &mut Rng) -> &'static str {
    rng.word(&["", "", "", "", "!= "])
}

pub(super) fn list<T: ToString>(of: &[T]) -> String {
    of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn addresses_of(rng: &mut Rng, v4: bool) -> String {
    let (ip, field, not) = (ip(v4), *rng.pick(&["saddr", "daddr", "daddr"]), equal(rng));
    match rng.below(6) {
        0 | 1 => format!("{ip} {field} {not}{}", address(rng, v4)),
        2 => format!("{ip} {field} {not}{}", rng.pick(prefixes(v4))),
        3 => format!("{ip} {field} {not}{}", rng.pick(ranges(v4))),
        4 => format!("{ip} {field} {not}{{ {} }}", list(&distinct(rng, addresses(v4), 2, 4))),
        _ => {
            let (a, b) = if v4 {
                ("10.77.1.0/24", "10.77.2.3-10.77.3.7")
            } else {
                ("fd77:1::/64", "fd77:2::3-fd77:3::7")
            };
            format!("{ip} {field} {not}{{ {} }}", list(&rng.some(&[a, b], 1, 2)))
        }
    }
}

/// Different ones.
pub(super) fn distinct(rng: &mut Rng, of: &[&'static str], from: usize, to: usize) -> Vec<&'static str> {
    let mut all = of.to_vec();
    all.sort_unstable();
    all.dedup();
    rng.some(&all, from, to)
}

fn ports(rng: &mut Rng) -> String {
    let (proto, not) = (*rng.pick(&["tcp", "udp", "udp", "th"]), equal(rng));
    match rng.below(8) {
        0..=3 => format!("{proto} dport {not}{}", port(rng)),
        4 => format!("{proto} dport {not}{}", rng.pick(PORT_RANGES)),
        5 => format!("{proto} dport {not}{{ {} }}", list(&rng.some(PORTS, 2, 4))),
        6 => format!("{proto} sport {not}{}", rng.pick(PORT_RANGES)),
        _ => format!("{proto} sport {}{}", rng.pick(&["< ", ">= ", ""]), port(rng)),
    }
}

fn protocol(rng: &mut Rng, v4: bool) -> String {
    let not = equal(rng);
    let of: &[&str] = if v4 {
        &[
            "meta l4proto {not}udp",
            "meta l4proto {not}tcp",
            "meta l4proto {not}{ tcp, udp }",
            "ip protocol {not}icmp",
            "ip protocol {not}{ tcp, icmp }",
            "icmp type {not}echo-request",
            "icmp type {not}{ echo-request, echo-reply }",
            "icmp type {not}destination-unreachable",
            "icmp code {not}3",
            "meta protocol {not}ip",
            "icmp type echo-reply",
            "tcp flags & (syn | ack) == syn",
            "tcp flags syn / syn,ack",
            "tcp flags {not}syn",
            "tcp flags & rst != 0",
        ]
    } else {
        &[
            "meta l4proto {not}udp",
            "meta l4proto {not}tcp",
            "meta l4proto {not}{ tcp, udp }",
            "ip6 nexthdr {not}udp",
            "meta l4proto {not}ipv6-icmp",
            "icmpv6 type {not}echo-request",
            "icmpv6 type {not}{ echo-request, echo-reply }",
            "icmpv6 type {not}destination-unreachable",
            "icmpv6 code {not}4",
            "meta protocol {not}ip6",
            "icmpv6 type echo-reply",
            "tcp flags & (syn | ack) == syn | ack",
            "tcp flags {not}{ syn, syn | ack }",
        ]
    };
    rng.pick(of).replace("{not}", not)
}

fn header(rng: &mut Rng, v4: bool) -> String {
    let not = equal(rng);
    let of: &[&str] = if v4 {
        &[
            "ip ttl {not}64",
            "ip ttl < 64",
            "ip ttl >= 63",
            "ip ttl 60-63",
            "ip dscp {not}cs0",
            "ip dscp {not}0x8",
            "ip dscp {not}{ cs1, af21, cs0 }",
            "ip length {not}60",
            "ip length 44-60",
            "ip length < 70",
            "ip version 4",
            "ip hdrlength 5",
            "ip frag-off & 0x1fff {not}0",
            "udp length {not}24",
            "udp length 8-30",
            "meta length {not}44",
            "meta length > 50",
            "tcp doff {not}10",
            "@nh,72,8 {not}17",
            "@th,16,16 {not}53",
            "@nh,96,32 & 0xffffff00 == 0x0a4d0100",
            "ip dscp & 0x38 == 0",
        ]
    } else {
        &[
            "ip6 hoplimit {not}64",
            "ip6 hoplimit < 64",
            "ip6 hoplimit 60-63",
            "ip6 dscp {not}cs0",
            "ip6 dscp {not}0x8",
            "ip6 length {not}24",
            "ip6 length > 30",
            "ip6 version 6",
            "udp length {not}24",
            "meta length {not}64",
            "meta length > 70",
            "tcp doff {not}10",
            "@nh,48,8 {not}17",
            "@th,16,16 {not}53",
        ]
    };
    rng.pick(of).replace("{not}", not)
}

fn meta(rng: &mut Rng, context: &Context<'_>) -> String {
    let not = equal(rng);
    let (a, b) = (mark(rng), mark(rng));
    let device = *rng.pick(&["c0", "s0", "eth0", "lo"]);
    match rng.below(14) {
        0 | 1 => format!("meta mark {not}{a:#x}"),
        2 => format!("meta mark & {a:#x} {}{:#x}", rng.pick(&["== ", "!= "]), a & b),
        3 => format!("meta mark {} {a:#x}", rng.pick(&["<", ">", ">="])),
        4 => format!("meta mark {not}{{ {} }}", hex(&rng.some(MARKS, 2, 4))),
        5 => "meta mark 0x2-0x50".to_owned(),
        6 => format!("iifname {not}\"{device}\""),
        7 => format!("oifname {not}\"{device}\""),
        8 => format!(
            "iifname {not}{{ {} }}",
            list(&rng.some(&["\"c0\"", "\"s0\"", "\"eth0\"", "\"lo\""], 1, 2))
        ),
        9 => format!("oifname {not}\"{}*\"", rng.pick(&["c", "s", "eth"])),
        10 => "iif \"lo\"".to_owned(),
        11 => format!("meta pkttype {not}{}", rng.pick(&["host", "other", "broadcast"])),
        12 if matches!(context.hook, Some(Hook::Output | Hook::Postrouting)) => {
            format!("meta skuid {not}{}", rng.pick(&[0, 1000]))
        }
        12 => format!("meta iiftype {not}ether"),
        _ => format!("meta priority {not}{}", rng.pick(&["0", "1:2"])),
    }
}

pub(super) fn hex(of: &[u32]) -> String {
    of.iter().map(|m| format!("{m:#x}")).collect::<Vec<_>>().join(", ")
}

fn conntrack(rng: &mut Rng, v4: bool) -> String {
    let (not, a, ip) = (equal(rng), mark(rng), ip(v4));
    match rng.below(14) {
        0..=2 => format!(
            "ct state {not}{}",
            rng.pick(&["new", "established", "established,related", "invalid", "untracked", "related"])
        ),
        3 => format!(
            "ct state {{ {} }}",
            list(&rng.some(&["new", "established", "related", "invalid", "untracked"], 1, 3))
        ),
        4 => format!("ct mark {not}{a:#x}"),
        5 => format!("ct mark & {a:#x} != 0"),
        6 => format!("ct direction {not}{}", rng.pick(&["original", "reply"])),
        7 => format!(
            "ct status {not}{}",
            rng.pick(&["dnat", "snat", "confirmed", "seen-reply", "assured", "dnat,snat"])
        ),
        8 => format!("ct original {ip} {} {}", rng.pick(&["saddr", "daddr"]), address(rng, v4)),
        9 => format!("ct reply {ip} {} {not}{}", rng.pick(&["saddr", "daddr"]), address(rng, v4)),
        10 => format!("meta l4proto {} ct original proto-dst {not}{}", rng.pick(&["tcp", "udp"]), port(rng)),
        11 => format!("meta l4proto {} ct reply proto-src {not}{}", rng.pick(&["tcp", "udp"]), port(rng)),
        12 => format!("ct zone {not}{}", rng.pick(&[0, 5])),
        _ => rng
            .pick(&[
                "ct l3proto ipv4",
                "ct original protocol udp",
                "ct original protocol tcp",
                "ct expiration > 1s",
                "ct l3proto ipv6",
            ])
            .to_string(),
    }
}

fn named(rng: &mut Rng, context: &Context<'_>, v4: bool) -> Option<String> {
    let fitting: Vec<_> =
        context.sets.iter().filter(|s| s.v4.is_none_or(|f| f == v4) && s.set.kind == "set").collect();
    if fitting.is_empty() {
        return None;
    }
    let set = *rng.pick(&fitting);
    let key = rng.pick(&set.keys).replace("{dir}", rng.word(&["saddr", "daddr", "daddr"]));
    Some(format!("{key} {}@{}", equal(rng), set.set.name))
}

fn fib(rng: &mut Rng, context: &Context<'_>, v4: bool) -> Option<String> {
    let not = equal(rng);
    let kind = *rng.pick(&["local", "unicast", "{ local, unicast }", "broadcast"]);
    let hook = context.hook?;
    let nfproto = if context.family == "inet" {
        format!("meta nfproto {} ", if v4 { "ipv4" } else { "ipv6" })
    } else {
        String::new()
    };
    let incoming = matches!(hook, Hook::Prerouting | Hook::Input | Hook::Forward);
    Some(match rng.below(5) {
        0 => format!("{nfproto}fib daddr type {not}{kind}"),
        1 => format!("{nfproto}fib saddr type {not}{kind}"),
        2 if incoming => format!("{nfproto}fib saddr . iif oif {}", rng.pick(&["missing", "exists", "!= 0"])),
        3 if incoming => format!("{nfproto}fib daddr oifname {not}\"{}\"", rng.pick(&["s0", "c0", "eth0"])),
        4 if incoming => format!("{nfproto}fib saddr . mark oif {}", rng.pick(&["missing", "exists"])),
        _ => format!("{nfproto}fib daddr . mark type {not}{kind}"),
    })
}

fn rare(rng: &mut Rng, v4: bool) -> String {
    let ip = ip(v4);
    match rng.below(8) {
        0 => format!(
            "jhash {ip} saddr . {ip} daddr mod {} seed 0x{:x} {}",
            rng.pick(&[2, 3, 5]),
            rng.below(1 << 30),
            rng.pick(&["0", "1", "!= 0"])
        ),
        1 => format!("jhash {ip} daddr mod 4 seed 0xdead offset 10 {}", rng.pick(&["10", "11", "12-13"])),
        2 => format!("limit rate {}1000/second burst 500 packets", rng.pick(&["", "over "])),
        3 => format!("limit rate {}100 mbytes/second", rng.pick(&["", "over "])),
        4 => format!("quota {}1000 mbytes", rng.pick(&["", "over "])),
        5 => format!("numgen inc mod 2 {}", rng.pick(&["0", "1"])),
        6 => format!("numgen random mod {} < 1", rng.pick(&[2, 3])),
        _ => {
            format!("meta l4proto . {ip} daddr {{ udp . {}, tcp . {} }}", address(rng, v4), address(rng, v4))
        }
    }
}
