//! The catalogue's number of a cause, where its rule says more than the verdict.

use serde_json::Value;

use crate::check::yardstick::{Member, Yardstick};
use crate::report::Cause;

/// Words of rules (as `nft` and `iptables -S` print them) that make a drop another fault than a plain one.
const BY_WORD: &[(&str, &[&str])] = &[
    ("F09", &["limit rate", "-m limit ", "-m hashlimit ", "-m recent ", "-m connlimit ", "ct count"]),
    ("F10", &["numgen random", "-m statistic "]),
    ("F11", &["meta skuid", "meta skgid", "-m owner ", "-m cgroup ", "socket cgroupv2"]),
    ("C06", &["ct state invalid", "--ctstate INVALID", "--state INVALID"]),
];

/// Numbers that reach makes of its own, each with the id of its finding.
pub(crate) const REFINED: &[(&str, &str)] = &[
    ("A05", "route-astray"),
    ("A06", "route-astray"),
    ("C06", "netfilter-drop"),
    ("D02", "dns-server-down"),
    ("F06", "netfilter-drop"),
    ("F09", "netfilter-drop"),
    ("F10", "netfilter-drop"),
    ("F11", "netfilter-drop"),
    ("F12", "netfilter-drop"),
    ("D02", "service-port-dead"),
    ("P05", "policy-sees-translated"),
    ("P07", "policy-overridden"),
    ("P08", "policy-not-enforced"),
    ("P09", "policy-set-stale"),
    ("R08", "nat-to-nobody"),
    ("R09", "route-astray"),
    ("S03", "service-port-dead"),
    ("S09", "return-route-missing"),
];

/// The number of a cause: that of its kind, or what its rule makes of it.
pub(super) fn refined(
    fault: Option<&'static str>,
    cause: &Cause,
    yardstick: &Yardstick,
) -> Option<&'static str> {
    let text = |key: &str| cause.place.get(key).and_then(Value::as_str).unwrap_or_default();
    // Who is outside needs no way back to a pod's own address: it should not see it.
    let is_pods = |m: &Member| {
        m.name.starts_with("pod:") && m.addresses.iter().any(|a| a.to_string() == text("address"))
    };
    let outside = cause.place.get("node").is_none_or(Value::is_null);
    if cause.id == "return-route-missing" && outside && yardstick.members.iter().any(is_pods) {
        return Some("S09");
    }
    let route = text("route");
    match cause.id.as_str() {
        "route-astray" if route.contains(" nexthop ") => return Some("R09"),
        // A connected network (a bridge's, say) or one put on a link by hand hides where an address really lives.
        "route-astray" if route.contains("scope link") && !route.contains(" via ") => {
            return Some(if route.contains("proto kernel") { "A06" } else { "A05" });
        }
        "nat-to-nobody" if text("rule").contains(" to 127.") => return Some("R08"),
        _ => {}
    }
    if fault != Some("F01") && fault != Some("F02") {
        return fault;
    }
    if matches!(text("family"), "bridge" | "netdev" | "arp") {
        return Some("F06");
    }
    let rule = text("rule");
    if let Some((number, _)) = BY_WORD.iter().find(|(_, words)| words.iter().any(|w| rule.contains(w))) {
        return Some(number);
    }
    if !text("set").is_empty() { Some("F12") } else { fault }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Layer;

    fn of(place: &[(&str, &str)]) -> Option<&'static str> {
        let cause = Cause {
            id: "netfilter-drop".to_owned(),
            share: 1.0,
            layer: Layer::Netfilter,
            place: place.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect(),
            summary: String::new(),
            evidence: Vec::new(),
            effect: String::new(),
            remedy: Vec::new(),
            delay_s: None,
        };
        refined(Some("F01"), &cause, &Yardstick::default())
    }

    #[test]
    fn rules_say_which_fault_they_are() {
        assert_eq!(of(&[("rule", "tcp dport 80 drop")]), Some("F01"));
        assert_eq!(of(&[("rule", "numgen random mod 3 < 1 drop")]), Some("F10"));
        assert_eq!(of(&[("rule", "-A X -m recent --rcheck -j DROP")]), Some("F09"));
        assert_eq!(of(&[("rule", "meta skuid 1000 drop")]), Some("F11"));
        assert_eq!(of(&[("rule", "drop"), ("family", "netdev")]), Some("F06"));
        assert_eq!(of(&[("rule", "ip saddr @bad drop"), ("set", "bad")]), Some("F12"));
    }
}
