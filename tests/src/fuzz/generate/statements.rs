//! What rules do.

use super::super::rng::Rng;
use super::super::ruleset::Rule;
use super::matches::{ip, list};
use super::words::{PORTS, address, mark, port};
use super::{Context, Hook, Kind};

/// Something that changes the packet or its connection, without a verdict.
pub(super) fn change(rng: &mut Rng, context: &Context<'_>, v4: bool, rule: &mut Rule) {
    let (a, b) = (mark(rng), mark(rng));
    let maps: Vec<_> =
        context.sets.iter().filter(|s| s.holds == "mark" && s.v4 == Some(v4)).cloned().collect();
    let text = match rng.below(17) {
        0 | 1 => format!("meta mark set {a:#x}"),
        2 => format!("meta mark set meta mark or {a:#x}"),
        3 => format!("meta mark set meta mark and {a:#x}"),
        4 => format!("meta mark set meta mark xor {a:#x}"),
        5 => format!("meta mark set meta mark and {a:#x} or {b:#x}"),
        6 => "meta mark set meta mark << 4".to_owned(),
        7 => "meta mark set meta mark >> 2".to_owned(),
        8 => "ct mark set meta mark".to_owned(),
        9 => "meta mark set ct mark".to_owned(),
        10 => format!("ct mark set {a:#x}"),
        11 => format!("ct mark set ct mark or {a:#x}"),
        12 => format!("meta priority set 1:{}", rng.between(1, 9)),
        13 => format!("{} dscp set {}", ip(v4), rng.pick(&["cs1", "af21", "cs0", "ef"])),
        14 if v4 => format!("ip ttl set {}", rng.pick(&[64, 33, 200])),
        14 => format!("ip6 hoplimit set {}", rng.pick(&[64, 33, 200])),
        15 if !maps.is_empty() => {
            let map = rng.pick(&maps);
            let key = map.keys[0].replace("{dir}", rng.word(&["saddr", "daddr"]));
            format!("meta mark set {key} map @{}", map.set.name)
        }
        15 => format!(
            "meta mark set {} daddr map {{ {} : {a:#x}, {} : {b:#x} }}",
            ip(v4),
            if v4 { "10.77.2.2" } else { "fd77:2::2" },
            if v4 { "10.77.9.9" } else { "fd77:9::9" }
        ),
        16 if early(context) => rng.pick(&["notrack", "notrack", "ct zone set 5"]).to_string(),
        _ => format!("meta mark set jhash {} saddr mod 8 seed 0x{:x}", ip(v4), rng.below(1 << 20)),
    };
    rule.push(text);
}

/// Before the tracker.
fn early(context: &Context<'_>) -> bool {
    matches!(context.hook, Some(Hook::Prerouting | Hook::Output)) && context.priority < -200
}

/// What ends the rule; it may be nothing.
pub(super) fn end(rng: &mut Rng, context: &Context<'_>, v4: bool, rule: &mut Rule) {
    let lead = |rng: &mut Rng| -> Option<String> {
        if context.chains.is_empty() {
            return None;
        }
        Some(format!("{} {}", rng.pick(&["jump", "jump", "goto"]), rng.pick(context.chains)))
    };
    let text = match rng.below(20) {
        0..=3 => None,
        4..=7 => Some("accept".to_owned()),
        8 | 9 => Some("drop".to_owned()),
        10 => Some("return".to_owned()),
        11 => Some("continue".to_owned()),
        12..=14 => lead(rng),
        15 | 16 => {
            reject(rng, context, v4, rule);
            return;
        }
        17 | 18 => Some(verdict_map(rng, context, v4)),
        _ => None,
    };
    rule.extend(text);
}

fn verdict_map(rng: &mut Rng, context: &Context<'_>, v4: bool) -> String {
    let named: Vec<_> =
        context.sets.iter().filter(|s| s.holds == "verdict" && s.v4 == Some(v4)).cloned().collect();
    if !named.is_empty() && rng.percent(60) {
        let map = rng.pick(&named);
        let key = map.keys[0].replace("{dir}", rng.word(&["saddr", "daddr"]));
        return format!("{key} vmap @{}", map.set.name);
    }
    let verdict = |rng: &mut Rng| match rng.below(5) {
        0 => "drop".to_owned(),
        1 => "return".to_owned(),
        2 if !context.chains.is_empty() => format!("jump {}", rng.pick(context.chains)),
        3 if !context.chains.is_empty() => format!("goto {}", rng.pick(context.chains)),
        _ => "accept".to_owned(),
    };
    match rng.below(4) {
        0 => {
            let elements: Vec<String> =
                rng.some(PORTS, 1, 4).iter().map(|p| format!("{p} : {}", verdict(rng))).collect();
            format!("{} dport vmap {{ {} }}", rng.pick(&["tcp", "udp", "th"]), list(&elements))
        }
        1 => format!("meta l4proto vmap {{ tcp : {}, udp : {} }}", verdict(rng), verdict(rng)),
        2 => {
            let two = if v4 { ["10.77.2.0/24", "10.77.9.9"] } else { ["fd77:2::/64", "fd77:9::9"] };
            format!(
                "{} daddr vmap {{ {} : {}, {} : {} }}",
                ip(v4),
                two[0],
                verdict(rng),
                two[1],
                verdict(rng)
            )
        }
        _ => format!(
            "{} saddr . th dport vmap {{ {} . {} : {} }}",
            ip(v4),
            address(rng, v4),
            port(rng),
            verdict(rng)
        ),
    }
}

fn reject(rng: &mut Rng, context: &Context<'_>, v4: bool, rule: &mut Rule) {
    let allowed = matches!(context.hook, Some(Hook::Prerouting | Hook::Input | Hook::Forward | Hook::Output));
    if !allowed || context.kind == Kind::Nat {
        rule.push("drop".to_owned());
        return;
    }
    if rng.percent(30) {
        rule.insert(0, "meta l4proto tcp".to_owned());
        rule.push("reject with tcp reset".to_owned());
        return;
    }
    if rng.percent(30) {
        let code = rng.pick(&["port-unreachable", "admin-prohibited", "no-route", "host-unreachable"]);
        // Only tables that may see both families have the form that is of no family.
        let text =
            if context.family == "inet" { format!("reject with icmpx {code}") } else { "reject".to_owned() };
        rule.push(text);
        return;
    }
    if context.family == "inet" {
        rule.insert(0, format!("meta nfproto {}", if v4 { "ipv4" } else { "ipv6" }));
    }
    let codes: &[&str] = if v4 {
        &[
            "port-unreachable",
            "host-unreachable",
            "net-unreachable",
            "admin-prohibited",
            "prot-unreachable",
            "host-prohibited",
            "net-prohibited",
        ]
    } else {
        &[
            "port-unreachable",
            "addr-unreachable",
            "no-route",
            "admin-prohibited",
            "policy-fail",
            "reject-route",
        ]
    };
    rule.push(format!("reject with {} {}", if v4 { "icmp" } else { "icmpv6" }, rng.pick(codes)));
}
