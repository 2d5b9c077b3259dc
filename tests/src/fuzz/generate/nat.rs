//! Rules of nat chains.

use super::super::rng::Rng;
use super::super::ruleset::Rule;
use super::matches::{self, ip};
use super::words::{port, server};
use super::{Context, Hook};

pub(super) fn rule(rng: &mut Rng, context: &Context<'_>, v4: bool, rule: &mut Rule) {
    let with_port = rng.percent(50);
    if with_port {
        rule.push(match rng.below(4) {
            0 => "meta l4proto { tcp, udp }".to_owned(),
            1 => format!("tcp dport {}", port(rng)),
            2 => format!("udp dport {}", port(rng)),
            _ => "meta l4proto udp".to_owned(),
        });
    }
    if rng.percent(60) {
        rule.push(matches::one(rng, context, v4));
    }
    rule.push("counter".to_owned());
    let destination = matches!(context.hook, Some(Hook::Prerouting | Hook::Output));
    rule.push(if destination {
        dnat(rng, context, v4, with_port)
    } else {
        snat(rng, context, v4, with_port)
    });
}

/// `ip` or `ip6` behind the statement, which only tables of both families need.
fn family(context: &Context<'_>, v4: bool) -> String {
    if context.family == "inet" { format!("{} ", ip(v4)) } else { String::new() }
}

fn colon(v4: bool, addr: &str, port: &str) -> String {
    if v4 { format!("{addr}:{port}") } else { format!("[{addr}]:{port}") }
}

fn dnat(rng: &mut Rng, context: &Context<'_>, v4: bool, with_port: bool) -> String {
    let family = family(context, v4);
    let maps: Vec<_> = context
        .sets
        .iter()
        .filter(|s| matches!(s.holds, "address" | "target") && s.v4 == Some(v4))
        .cloned()
        .collect();
    if !maps.is_empty() && with_port && rng.percent(60) {
        let map = rng.pick(&maps);
        let interval = if map.holds == "target" {
            format!("dnat {} addr . port to {} map @{}", ip(v4), map.keys[0], map.set.name)
        } else {
            format!("dnat {family}to {} map @{}", map.keys[0], map.set.name)
        };
        return interval;
    }
    match rng.below(6) {
        0 | 1 if with_port => {
            format!("dnat {family}to {}", colon(v4, server(rng, v4), &port(rng).to_string()))
        }
        2 if with_port => format!("redirect to :{}", rng.pick(&["53", "3000", "4000", "81"])),
        3 if with_port && context.family != "inet" => format!("dnat {family}to :{}", port(rng)),
        4 => "redirect".to_owned(),
        _ => format!("dnat {family}to {}", server(rng, v4)),
    }
}

fn snat(rng: &mut Rng, context: &Context<'_>, v4: bool, with_port: bool) -> String {
    let family = family(context, v4);
    let addr = if v4 {
        rng.pick(&["10.77.2.1", "10.77.1.1", "10.77.1.2"])
    } else {
        rng.pick(&["fd77:2::1", "fd77:1::1", "fd77:1::2"])
    };
    let postrouting = context.hook == Some(Hook::Postrouting);
    match rng.below(5) {
        0 | 1 if postrouting => "masquerade".to_owned(),
        2 if postrouting && with_port => format!("masquerade to :{}", rng.between(10_000, 19_000)),
        3 if with_port => {
            format!("snat {family}to {}", colon(v4, addr, &rng.between(10_000, 19_000).to_string()))
        }
        _ => format!("snat {family}to {addr}"),
    }
}
