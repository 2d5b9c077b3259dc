//! Random rules of iptables and ipsets.

use super::super::case::{Case, Place};
use super::super::rng::Rng;
use super::super::ruleset::{self, Ruleset};
use super::super::xtables::{Chain, Table, Xtables};
use super::flows;

/// A case of iptables from a seed: either engine, sometimes both families.
#[must_use]
pub fn xtables_case(seed: u64) -> Case {
    let mut rng = Rng::new(seed);
    let mut places = vec![Place::Router];
    places.extend([Place::Client, Place::Server].into_iter().filter(|_| rng.percent(15)));
    let legacy = rng.percent(60);
    const FAMILIES: [&[&str]; 5] = [&["ip"], &["ip"], &["ip"], &["ip6"], &["ip", "ip6"]];
    let families = FAMILIES[rng.below(FAMILIES.len())];
    let all: Vec<_> = places.into_iter().map(|p| (p, one(&mut rng, p, legacy, families))).collect();
    // Flows go by the families of nftables' tables.
    let table = |f: &&str| ruleset::Table {
        family: (*f).to_owned(),
        name: String::new(),
        sets: Vec::new(),
        chains: Vec::new(),
    };
    let like = vec![(Place::Router, Ruleset(families.iter().map(table).collect()))];
    Case { seed, rulesets: Vec::new(), xtables: all, flows: flows::flows(&mut rng, &like) }
}

fn one(rng: &mut Rng, place: Place, legacy: bool, families: &[&str]) -> Xtables {
    let sets = families.iter().flat_map(|f| sets(rng, f == &"ip")).collect();
    let mut tables = Vec::new();
    for family in families {
        for (name, percent) in [("raw", 25), ("mangle", 45), ("nat", 60), ("filter", 90), ("security", 10)] {
            if rng.percent(percent) {
                tables.push(table(rng, place, family, name));
            }
        }
    }
    Xtables { legacy, sets, tables }
}

/// A set of each type, with elements about the network's own addresses.
fn sets(rng: &mut Rng, v4: bool) -> Vec<String> {
    let family = if v4 { "" } else { " family inet6" };
    let s = if v4 { "4" } else { "6" };
    let mut out = vec![
        format!("create hosts{s} hash:ip{family}"),
        format!("create nets{s} hash:net{family} timeout 0"),
        format!("create pairs{s} hash:ip,port{family}"),
        format!("create triples{s} hash:ip,port,net{family}"),
        format!("create netports{s} hash:net,port{family}"),
        format!("create devices{s} hash:net,iface{family}"),
        format!("create ports{s} bitmap:port range 1-9000"),
    ];
    let mut add = |line: String| out.push(format!("add {line} -exist"));
    for _ in 0..rng.between(1, 3) {
        add(format!("hosts{s} {}", host(rng, v4)));
        let exception = rng.word(&["", "", " nomatch"]);
        add(format!("nets{s} {}{exception}", net(rng, v4)));
        add(format!("pairs{s} {},{}", host(rng, v4), proto_port(rng)));
        add(format!("triples{s} {},{},{}", host(rng, v4), proto_port(rng), net(rng, v4)));
        let exception = rng.word(&["", "", " nomatch"]);
        add(format!("netports{s} {},{}{exception}", net(rng, v4), proto_port(rng)));
        add(format!("devices{s} {},{}", net(rng, v4), rng.word(&["c0", "s0", "eth0"])));
        add(format!("ports{s} {}", rng.word(&["53", "80", "1000", "3000", "7000", "8080"])));
    }
    if v4 {
        out.push("create masked4 hash:ip netmask 24".to_owned());
        out.push(format!("add masked4 {}", rng.word(&["10.77.1.0", "10.77.2.0"])));
        out.push("create map4 bitmap:ip range 10.77.1.0-10.77.2.255".to_owned());
        out.push(format!("add map4 {}", host(rng, true)));
        out.push("create macs4 bitmap:ip,mac range 10.77.1.0-10.77.2.255".to_owned());
        let mac = rng.word(&["02:00:00:00:01:02", "02:00:00:00:02:01"]);
        out.push(format!("add macs4 {},{mac}", host(rng, true)));
    }
    out.push(format!("create list{s} list:set"));
    for member in ["nets", "pairs", "ports"] {
        if rng.percent(60) {
            out.push(format!("add list{s} {member}{s}"));
        }
    }
    out
}

fn host(rng: &mut Rng, v4: bool) -> &'static str {
    match v4 {
        true => rng.word(&["10.77.1.2", "10.77.1.1", "10.77.2.1", "10.77.2.2", "10.77.2.3"]),
        false => rng.word(&["fd77:1::2", "fd77:1::1", "fd77:2::1", "fd77:2::2", "fd77:2::3"]),
    }
}

fn net(rng: &mut Rng, v4: bool) -> &'static str {
    match v4 {
        true => rng.word(&["10.77.0.0/16", "10.77.1.0/24", "10.77.2.0/24", "10.77.2.2/31", "10.77.1.2"]),
        false => rng.word(&["fd77::/16", "fd77:1::/64", "fd77:2::/64", "fd77:2::2/127", "fd77:1::2"]),
    }
}

fn proto_port(rng: &mut Rng) -> String {
    let protocol = rng.word(&["tcp", "udp"]);
    format!("{protocol}:{}", rng.word(&["53", "80", "1000", "3000", "8080"]))
}

fn table(rng: &mut Rng, place: Place, family: &str, name: &str) -> Table {
    let builtin: &[&str] = match name {
        "raw" => &["PREROUTING", "OUTPUT"],
        "mangle" => &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
        "nat" => &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
        _ => &["INPUT", "FORWARD", "OUTPUT"],
    };
    let own: Vec<String> = match name {
        "filter" => (0..rng.below(4)).map(|n| format!("r{n}")).collect(),
        _ => Vec::new(),
    };
    let v4 = family == "ip";
    let mut chains = Vec::new();
    for chain in builtin {
        let (few, many) = if place == Place::Router || *chain != "FORWARD" { (0, 4) } else { (0, 0) };
        let rules = (0..rng.between(few, many)).map(|_| rule(rng, v4, name, chain, &own)).collect();
        let drops = name == "filter" && rng.percent(10);
        chains.push(Chain {
            name: (*chain).to_owned(),
            policy: if drops { "DROP" } else { "ACCEPT" }.to_owned(),
            rules,
        });
    }
    for (n, chain) in own.iter().enumerate() {
        // A chain leads to chains before it only: no loops.
        let rules = (0..rng.below(4)).map(|_| rule(rng, v4, name, chain, &own[..n])).collect();
        chains.push(Chain { name: chain.clone(), policy: String::new(), rules });
    }
    Table { family: family.to_owned(), name: name.to_owned(), chains }
}

fn rule(rng: &mut Rng, v4: bool, table: &str, chain: &str, own: &[String]) -> String {
    let protocol = *rng.pick(&["", "", "tcp", "udp", "udp", "icmp"]);
    let mut words: Vec<String> = Vec::new();
    match protocol {
        "" => {}
        "icmp" if v4 => words.push("-p icmp -m icmp --icmp-type 8".into()),
        "icmp" => words.push("-p ipv6-icmp -m icmp6 --icmpv6-type 128".into()),
        p => {
            words.push(format!("-p {p}"));
            let ports = [
                "",
                "-m P --dport 80",
                "-m P ! --dport 53",
                "-m P --dport 1:1000",
                "-m multiport --dports 53,80,8080",
                "-m multiport --ports 1000:9000",
            ];
            words.push(rng.word(&ports).replace("-m P", &format!("-m {p}")));
        }
    }
    for _ in 0..rng.below(3) {
        words.push(condition(rng, v4, chain));
    }
    // An option can be given once.
    words.sort_by_key(|w| kind(w));
    words.dedup_by_key(|w| kind(w));
    words.push(end(rng, v4, table, chain, protocol, own));
    words.retain(|w| !w.is_empty());
    words.join(" ")
}

/// Conditions of which a rule takes one alone.
fn kind(word: &str) -> String {
    let mut parts = word.trim_start_matches("! ").split(' ');
    let first = parts.next().unwrap_or_default();
    match first {
        "-m" => format!("-m {}", parts.next().unwrap_or_default()),
        _ => format!(" {first}"),
    }
}

fn condition(rng: &mut Rng, v4: bool, chain: &str) -> String {
    let bang = *rng.pick(&["", "", "! "]);
    match rng.below(10) {
        0 => format!("{bang}-s {}", net(rng, v4)),
        1 => format!("{bang}-d {}", net(rng, v4)),
        2 if !matches!(chain, "OUTPUT" | "POSTROUTING") => {
            format!("{bang}-i {}", rng.word(&["c0", "s0", "eth+", "c+"]))
        }
        2 | 3 if !matches!(chain, "PREROUTING" | "INPUT") => {
            format!("{bang}-o {}", rng.word(&["c0", "s0", "eth+"]))
        }
        4 => format!("-m mark {bang}--mark 0x40/0x40"),
        5 => format!(
            "-m conntrack {bang}--ctstate {}",
            rng.word(&["NEW", "ESTABLISHED", "RELATED,ESTABLISHED"])
        ),
        6 => rng
            .word(&[
                "-m statistic --mode nth --every 2 --packet 0",
                "-m statistic --mode random --probability 0.5",
            ])
            .into(),
        7 => rng
            .word(&[
                "-m length --length 0:60",
                "-m comment --comment \"one two\"",
                "-m addrtype --src-type UNICAST",
            ])
            .into(),
        _ => {
            let s = if v4 { "4" } else { "6" };
            let (set, dimensions) = *rng.pick(&[
                ("hosts", 1),
                ("nets", 1),
                ("pairs", 2),
                ("triples", 3),
                ("netports", 2),
                ("devices", 2),
                ("ports", 1),
                ("list", 2),
                ("masked", 1),
                ("map", 1),
                ("macs", 2),
            ]);
            let set = if !v4 && matches!(set, "masked" | "map" | "macs") { "nets" } else { set };
            let sides: Vec<_> = (0..dimensions).map(|_| rng.word(&["src", "dst"])).collect();
            let exceptions = if set == "nets" { *rng.pick(&["", "", " --return-nomatch"]) } else { "" };
            format!("-m set {bang}--match-set {set}{s} {}{exceptions}", sides.join(","))
        }
    }
}

fn end(rng: &mut Rng, v4: bool, table: &str, chain: &str, protocol: &str, own: &[String]) -> String {
    let with_port = matches!(protocol, "tcp" | "udp") && rng.percent(50);
    let to = match (v4, with_port) {
        (true, false) => rng.word(&["10.77.2.3", "10.77.2.2"]),
        (true, true) => rng.word(&["10.77.2.3:8080", "10.77.2.2:53", "10.77.2.2:1000"]),
        (false, false) => rng.word(&["fd77:2::3", "fd77:2::2"]),
        (false, true) => rng.word(&["[fd77:2::3]:8080", "[fd77:2::2]:53"]),
    };
    match (table, chain) {
        ("nat", "PREROUTING" | "OUTPUT") => match rng.below(4) {
            0 if with_port => "-j REDIRECT --to-ports 3000".into(),
            1 => rng.word(&["-j ACCEPT", "-j RETURN", ""]).into(),
            _ => format!("-j DNAT --to-destination {to}"),
        },
        ("nat", "POSTROUTING") => match rng.below(3) {
            0 => "-j MASQUERADE".into(),
            1 => format!("-j SNAT --to-source {}", if v4 { "10.77.2.1" } else { "fd77:2::1" }),
            _ => rng.word(&["-j ACCEPT", "-j RETURN", ""]).into(),
        },
        ("nat", _) => rng.word(&["-j ACCEPT", "-j RETURN", ""]).into(),
        ("mangle", _) => rng
            .word(&[
                "-j MARK --set-xmark 0x40/0x40",
                "-j MARK --set-xmark 0x1/0xff",
                "-j CONNMARK --save-mark",
                "-j CONNMARK --restore-mark",
                "-j ACCEPT",
                "-j DROP",
            ])
            .into(),
        ("raw", _) => rng.word(&["-j CT --notrack", "-j ACCEPT", "-j DROP", ""]).into(),
        ("filter", _) => match rng.below(7) {
            0 | 1 if !own.is_empty() => {
                let to = rng.pick(own);
                format!("{} {to}", rng.word(&["-j", "-j", "-g"]))
            }
            2 => match (v4, protocol) {
                (_, "tcp") if rng.percent(50) => "-j REJECT --reject-with tcp-reset".into(),
                (true, _) => format!(
                    "-j REJECT --reject-with {}",
                    rng.word(&["icmp-port-unreachable", "icmp-admin-prohibited", "icmp-host-unreachable"])
                ),
                (false, _) => format!(
                    "-j REJECT --reject-with {}",
                    rng.word(&["icmp6-port-unreachable", "icmp6-adm-prohibited", "icmp6-addr-unreachable"])
                ),
            },
            3 => "-j DROP".into(),
            4 => "-j RETURN".into(),
            5 => String::new(),
            _ => "-j ACCEPT".into(),
        },
        _ => rng.word(&["-j ACCEPT", "-j DROP", "-j RETURN", ""]).into(),
    }
}
