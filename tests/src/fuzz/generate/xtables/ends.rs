//! What rules do.

use super::super::super::rng::Rng;
use super::Context;

/// `-j TARGET …`, or nothing. `protocol` is the rule's.
pub(super) fn one(rng: &mut Rng, c: &Context<'_>, protocol: &mut &'static str) -> String {
    if !c.chains.is_empty() && rng.percent(25) {
        return format!("{} {}", rng.word(&["-j", "-j", "-g"]), rng.pick(c.chains));
    }
    if rng.percent(6)
        && let Some(set) = sets(rng, c)
    {
        return set;
    }
    if rng.percent(4) {
        return rng
            .word(&[
                "-j NFLOG --nflog-group 5",
                "-j AUDIT --type accept",
                "-j MARK --set-xmark 0x2/0x2",
                "-j CONNMARK --set-xmark 0x1/0x1",
            ])
            .into();
    }
    match c.table {
        "nat" => nat(rng, c, protocol),
        "mangle" if rng.percent(80) => mangle(rng, c, protocol),
        "raw" if rng.percent(50) => rng
            .word(&[
                "-j CT --notrack",
                "-j CT --notrack",
                "-j NOTRACK",
                "-j CT --zone 5",
                "-j CT --zone-orig 5",
                "-j CT --zone-reply 7",
                "-j CT --zone mark",
            ])
            .into(),
        "filter" if rng.percent(20) => reject(rng, c, protocol),
        _ => rng.word(&["-j ACCEPT", "-j ACCEPT", "-j DROP", "-j RETURN", "-j RETURN", "", ""]).into(),
    }
}

/// `SET`, mostly on sets that no rule asks.
fn sets(rng: &mut Rng, c: &Context<'_>) -> Option<String> {
    let often = rng.percent(90);
    let fit: Vec<_> = c.sets.iter().filter(|s| s.v4 == c.v4 && (s.scratch || !often)).collect();
    if fit.is_empty() {
        return None;
    }
    let set = *rng.pick(&fit);
    let sides: Vec<_> = (0..set.dimensions).map(|_| rng.word(&["src", "dst"])).collect();
    let (name, sides) = (&set.name, sides.join(","));
    if set.skbinfo && c.table == "mangle" && c.only(&["FORWARD", "OUTPUT", "POSTROUTING"]) && rng.percent(50)
    {
        return Some(format!("-j SET --map-set {name} {sides} --map-mark --map-prio"));
    }
    Some(match rng.below(3) {
        0 => format!("-j SET --add-set {name} {sides}"),
        1 => format!("-j SET --add-set {name} {sides} --exist"),
        _ => format!("-j SET --del-set {name} {sides}"),
    })
}

fn nat(rng: &mut Rng, c: &Context<'_>, protocol: &str) -> String {
    if rng.percent(20) {
        return rng.word(&["-j ACCEPT", "-j RETURN", ""]).into();
    }
    let with_port = matches!(protocol, "tcp" | "udp") && rng.percent(50);
    if c.only(&["PREROUTING", "OUTPUT"]) {
        let to = match (c.v4, with_port) {
            (true, false) => rng.word(&["10.77.2.3", "10.77.2.2", "10.77.2.2-10.77.2.3", "10.77.1.1"]),
            (true, true) => rng.word(&["10.77.2.3:8080", "10.77.2.2:53", "10.77.2.2:1000", ":80"]),
            (false, false) => rng.word(&["fd77:2::3", "fd77:2::2", "fd77:2::2-fd77:2::3"]),
            (false, true) => rng.word(&["[fd77:2::3]:8080", "[fd77:2::2]:53", ":80"]),
        };
        return match rng.below(10) {
            0 | 1 if with_port => {
                format!("-j REDIRECT --to-ports {}", rng.word(&["3000", "53", "3000-3001"]))
            }
            0 | 1 => "-j REDIRECT".into(),
            2 => format!("-j NETMAP --to {}", if c.v4 { "10.77.2.2/31" } else { "fd77:2::2/127" }),
            _ => format!(
                "-j DNAT --to-destination {to}{}",
                rng.word(if with_port {
                    &["", "", " --persistent", " --random"]
                } else {
                    &["", "", "", " --persistent"]
                })
            ),
        };
    }
    if c.only(&["POSTROUTING"]) && rng.percent(40) {
        let ports = if with_port { rng.word(&[" --to-ports 5000", " --to-ports 2000-2003"]) } else { "" };
        return format!("-j MASQUERADE{ports}{}", rng.word(&["", "", "", " --random-fully"]));
    }
    if rng.percent(10) {
        return format!("-j NETMAP --to {}", if c.v4 { "10.77.2.2/31" } else { "fd77:2::2/127" });
    }
    let to = match (c.v4, with_port) {
        (true, false) => rng.word(&["10.77.2.1", "10.77.1.1", "10.77.2.1-10.77.2.3"]),
        (true, true) => rng.word(&["10.77.2.1:5000", "10.77.2.1:2000-2100", ":6000"]),
        (false, false) => rng.word(&["fd77:2::1", "fd77:1::1"]),
        (false, true) => rng.word(&["[fd77:2::1]:5000", "[fd77:2::1]:2000-2100", ":6000"]),
    };
    format!("-j SNAT --to-source {to}{}", rng.word(&["", "", "", " --persistent"]))
}

fn mangle(rng: &mut Rng, c: &Context<'_>, protocol: &str) -> String {
    match rng.below(20) {
        0..=4 => format!(
            "-j MARK {}",
            rng.word(&[
                "--set-xmark 0x40/0x40",
                "--set-xmark 0x1/0xff",
                "--or-mark 0x10",
                "--and-mark 0xf0",
                "--xor-mark 0x41",
                "--set-mark 0x3"
            ])
        ),
        5..=8 => format!(
            "-j CONNMARK {}",
            rng.word(&[
                "--save-mark",
                "--restore-mark",
                "--save-mark --nfmask 0x40 --ctmask 0x40",
                "--restore-mark --nfmask 0xff --ctmask 0xff",
                "--set-xmark 0x1/0xff",
                "--or-mark 0x40",
                "--xor-mark 0x1"
            ])
        ),
        9 => format!("-j DSCP --set-dscp {}", rng.word(&["0x0a", "0x2e", "0x00"])),
        10 => format!(
            "-j TOS {}",
            rng.word(&["--set-tos 0x10/0x3f", "--set-tos 0xb8/0xff", "--or-tos 0x04", "--xor-tos 0x10"])
        ),
        11 | 12 if c.v4 => {
            format!("-j TTL {}", rng.word(&["--ttl-set 33", "--ttl-inc 1", "--ttl-dec 1", "--ttl-set 63"]))
        }
        11 | 12 => format!("-j HL {}", rng.word(&["--hl-set 33", "--hl-inc 1", "--hl-dec 1"])),
        13 if c.v4 && protocol == "tcp" => "-j ECN --ecn-tcp-remove".into(),
        14 if c.only(&["FORWARD", "OUTPUT", "POSTROUTING"]) => "-j CLASSIFY --set-class 1:5".into(),
        15 => "-j CHECKSUM --checksum-fill".into(),
        16 if protocol == "tcp" => "-j TCPOPTSTRIP --strip-options timestamp".into(),
        17 => "-j DROP".into(),
        _ => rng.word(&["-j ACCEPT", "-j RETURN", ""]).into(),
    }
}

fn reject(rng: &mut Rng, c: &Context<'_>, protocol: &str) -> String {
    let with = match (c.v4, protocol) {
        (_, "tcp") if rng.percent(50) => "tcp-reset",
        (true, _) => rng.word(&[
            "icmp-port-unreachable",
            "icmp-admin-prohibited",
            "icmp-host-unreachable",
            "icmp-net-unreachable",
            "icmp-proto-unreachable",
            "icmp-net-prohibited",
            "icmp-host-prohibited",
        ]),
        (false, _) => rng.word(&[
            "icmp6-port-unreachable",
            "icmp6-adm-prohibited",
            "icmp6-addr-unreachable",
            "icmp6-no-route",
            "icmp6-policy-fail",
            "icmp6-reject-route",
        ]),
    };
    format!("-j REJECT --reject-with {with}")
}
