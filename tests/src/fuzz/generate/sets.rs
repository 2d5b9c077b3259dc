//! Named sets and maps.

use super::super::rng::Rng;
use super::super::ruleset::Set;
use super::matches::{distinct, hex, list};
use super::words::{MARKS, PORTS, address, addresses, mark, port};

/// A named set, and what may be looked up in it.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) set: Set,
    /// `None`: of no family.
    pub(super) v4: Option<bool>,
    /// Keys; `{dir}` stands for `saddr` or `daddr`.
    pub(super) keys: Vec<String>,
    /// What a map holds: `mark`, `verdict`, `address`, `target` (address and port).
    pub(super) holds: &'static str,
    /// Whether it leads to chains.
    pub(super) leads_on: bool,
}

pub(super) fn named(rng: &mut Rng, family: &str, chains: &[String]) -> Vec<Named> {
    (0..rng.below(4))
        .map(|n| {
            let v4 = match family {
                "ip" => true,
                "ip6" => false,
                _ => rng.percent(60),
            };
            one(rng, n, v4, chains)
        })
        .collect()
}

fn one(rng: &mut Rng, n: usize, v4: bool, chains: &[String]) -> Named {
    let (ip, addr) = if v4 { ("ip", "ipv4_addr") } else { ("ip6", "ipv6_addr") };
    let all = distinct(rng, addresses(v4), 1, 5);
    let two = (address(rng, v4), address(rng, v4));
    let set = |kind: &str, body: String| Set { kind: kind.into(), name: format!("s{n}"), body };
    let plain = |set: Set, keys: &[&str]| Named {
        set,
        v4: Some(v4),
        keys: keys.iter().map(|k| k.replace("{ip}", ip)).collect(),
        holds: "",
        leads_on: false,
    };
    let prefixes: &[&str] = if v4 {
        &["10.77.1.0/24", "10.77.2.2-10.77.2.9", "10.77.9.9", "10.77.8.0/24"]
    } else {
        &["fd77:1::/64", "fd77:2::2-fd77:2::9", "fd77:9::9", "fd77:8::/64"]
    };
    match rng.below(10) {
        0 => plain(set("set", format!("type {addr}; elements = {{ {} }};", list(&all))), &["{ip} {dir}"]),
        1 => plain(
            set(
                "set",
                format!("type {addr}; flags interval; elements = {{ {} }};", list(&rng.some(prefixes, 1, 4))),
            ),
            &["{ip} {dir}"],
        ),
        2 => {
            let ports = rng.some(PORTS, 1, 4);
            let keys = ["tcp dport", "udp dport", "th dport", "th sport"].map(String::from).to_vec();
            let set = set("set", format!("type inet_service; elements = {{ {} }};", list(&ports)));
            Named { v4: None, keys, ..plain(set, &[]) }
        }
        3 => {
            let set = set("set", format!("type mark; elements = {{ {} }};", hex(&rng.some(MARKS, 1, 4))));
            Named { v4: None, keys: vec!["meta mark".into(), "ct mark".into()], ..plain(set, &[]) }
        }
        4 => {
            let elements: Vec<String> =
                all.iter().map(|a| format!("{a} . {} . {}", rng.pick(&["tcp", "udp"]), port(rng))).collect();
            plain(
                set(
                    "set",
                    format!("type {addr} . inet_proto . inet_service; elements = {{ {} }};", list(&elements)),
                ),
                &["{ip} {dir} . meta l4proto . th dport"],
            )
        }
        5 => {
            let ranges = rng.some(prefixes, 1, 3);
            let elements: Vec<String> = ranges
                .iter()
                .map(|a| format!("{a} . {}", rng.pick(&["53", "0-1023", "80-8080", "1-65535"])))
                .collect();
            plain(
                set(
                    "set",
                    format!(
                        "type {addr} . inet_service; flags interval; elements = {{ {} }};",
                        list(&elements)
                    ),
                ),
                &["{ip} {dir} . th dport", "{ip} {dir} . udp dport"],
            )
        }
        6 => {
            let elements: Vec<String> = all.iter().map(|a| format!("{a} : {:#x}", mark(rng))).collect();
            let rest = if rng.percent(30) { format!(", * : {:#x}", mark(rng)) } else { String::new() };
            let set = set("map", format!("type {addr} : mark; elements = {{ {}{rest} }};", list(&elements)));
            Named { holds: "mark", ..plain(set, &["{ip} {dir}"]) }
        }
        7 => {
            let verdict = |rng: &mut Rng| match rng.below(6) {
                0 => "drop".to_owned(),
                1 => "accept".to_owned(),
                2 => "return".to_owned(),
                3 => "continue".to_owned(),
                n if !chains.is_empty() => {
                    format!("{} {}", if n == 4 { "jump" } else { "goto" }, rng.pick(chains))
                }
                _ => "accept".to_owned(),
            };
            let elements: Vec<String> = all.iter().map(|a| format!("{a} : {}", verdict(rng))).collect();
            let set = set("map", format!("type {addr} : verdict; elements = {{ {} }};", list(&elements)));
            Named { holds: "verdict", leads_on: true, ..plain(set, &["{ip} {dir}"]) }
        }
        8 => {
            let elements: Vec<String> = all
                .iter()
                .map(|a| format!("{a} . {} : {}", port(rng), super::words::server(rng, v4)))
                .collect();
            let set = set(
                "map",
                format!("type {addr} . inet_service : {addr}; elements = {{ {} }};", list(&elements)),
            );
            Named { holds: "address", ..plain(set, &["{ip} daddr . th dport"]) }
        }
        _ => {
            let elements: Vec<String> = [two.0, two.1]
                .iter()
                .map(|a| format!("{a} . {} : {} . {}", port(rng), super::words::server(rng, v4), port(rng)))
                .collect();
            let set = set(
                "map",
                format!(
                    "type {addr} . inet_service : {addr} . inet_service; elements = {{ {} }};",
                    elements[0]
                ),
            );
            Named { holds: "target", ..plain(set, &["{ip} daddr . th dport"]) }
        }
    }
}
