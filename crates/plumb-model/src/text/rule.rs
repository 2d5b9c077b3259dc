//! A policy rule as `ip rule` of iproute2 6.1 prints it.

use std::fmt::Write as _;

use super::route::protocol_name;
use crate::{PolicyAction, PolicyRule, PortRange, Prefix, Protocol, Route};

/// A policy rule as `ip rule` prints it, with a space for the tab behind the preference:
/// `32766: from all lookup main`. `[detached]` and `[unresolved]`, which depend on what else there is, are left out.
#[must_use]
pub fn fmt_rule(rule: &PolicyRule) -> String {
    let mut out = format!("{}: ", rule.priority);
    out.push_str(&rule_selector_words(rule));
    out.push_str(&rule_action_words(rule));
    // RTPROT_KERNEL and none at all are not shown.
    if rule.protocol != 0 && rule.protocol != 2 {
        _ = write!(out, " proto {}", protocol_name(rule.protocol));
    }
    out
}

pub(crate) fn rule_selector_words(rule: &PolicyRule) -> String {
    let mut out = String::new();
    if rule.invert {
        out.push_str("not ");
    }
    _ = write!(out, "from {}", rule.src.map_or_else(|| "all".to_owned(), network));
    if let Some(dst) = rule.dst {
        _ = write!(out, " to {}", network(dst));
    }
    if rule.tos != 0 {
        _ = write!(out, " tos 0x{:02x}", rule.tos);
    }
    match rule.fwmark {
        Some((mark, u32::MAX)) => _ = write!(out, " fwmark {mark:#x}"),
        Some((0, 0)) | None => {}
        Some((mark, mask)) => _ = write!(out, " fwmark {mark:#x}/{mask:#x}"),
    }
    if let Some(name) = &rule.iifname {
        _ = write!(out, " iif {name}");
    }
    if let Some(name) = &rule.oifname {
        _ = write!(out, " oif {name}");
    }
    if rule.l3mdev {
        out.push_str(" lookup [l3mdev-table]");
    }
    if let Some((first, last)) = rule.uid_range {
        _ = write!(out, " uidrange {first}-{last}");
    }
    if let Some(protocol) = rule.ip_proto {
        _ = write!(out, " ipproto {}", ip_protocol(protocol));
    }
    for (word, ports) in [("sport", rule.sport), ("dport", rule.dport)] {
        match ports {
            Some(PortRange { first, last }) if first == last => _ = write!(out, " {word} {first}"),
            Some(PortRange { first, last }) => _ = write!(out, " {word} {first}-{last}"),
            None => {}
        }
    }
    out
}

pub(crate) fn rule_action_words(rule: &PolicyRule) -> String {
    let mut out = String::new();
    match rule.action {
        PolicyAction::ToTable(0) => {}
        PolicyAction::ToTable(table) => {
            _ = write!(out, " lookup {}", Route::table_name(table));
            if let Some(length) = rule.suppress_prefixlen {
                _ = write!(out, " suppress_prefixlength {length}");
            }
            if let Some(group) = rule.suppress_ifgroup {
                let group = if group == 0 { "default".to_owned() } else { group.to_string() };
                _ = write!(out, " suppress_ifgroup {group}");
            }
        }
        PolicyAction::Goto(to) => _ = write!(out, " goto {to}"),
        PolicyAction::Nop => out.push_str(" nop"),
        PolicyAction::Blackhole => out.push_str(" blackhole"),
        PolicyAction::Unreachable => out.push_str(" unreachable"),
        PolicyAction::Prohibit => out.push_str(" prohibit"),
        PolicyAction::Unknown(n) => _ = write!(out, " {n}"),
    }
    out
}

fn network(prefix: Prefix) -> String {
    if prefix.is_host() { prefix.addr.to_string() } else { prefix.to_string() }
}

fn ip_protocol(protocol: u8) -> String {
    match Protocol(protocol) {
        Protocol::ICMPV6 => "ipv6-icmp".to_owned(),
        Protocol::ICMP | Protocol::TCP | Protocol::UDP | Protocol::SCTP => Protocol(protocol).to_string(),
        Protocol(33) => "dccp".to_owned(),
        Protocol(47) => "gre".to_owned(),
        Protocol(50) => "esp".to_owned(),
        Protocol(51) => "ah".to_owned(),
        Protocol(n) => format!("ipproto-{n}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::IpFamily;

    fn rule(priority: u32, action: PolicyAction) -> PolicyRule {
        PolicyRule {
            family: IpFamily::V4,
            priority,
            action,
            invert: false,
            src: None,
            dst: None,
            iifname: None,
            oifname: None,
            fwmark: None,
            tos: 0,
            uid_range: None,
            ip_proto: None,
            sport: None,
            dport: None,
            suppress_prefixlen: None,
            suppress_ifgroup: None,
            l3mdev: false,
            protocol: 3,
            unknown_attributes: Vec::new(),
        }
    }

    /// The expected lines were printed by `ip rule` (iproute2 6.1.0, Linux 6.18).
    #[test]
    fn as_ip_rule_prints() {
        let mut main = rule(32766, PolicyAction::ToTable(254));
        main.protocol = 2;
        assert_eq!(fmt_rule(&main), "32766: from all lookup main");

        let full = PolicyRule {
            invert: true,
            src: "10.0.0.0/8".parse().ok(),
            dst: "10.1.0.5".parse().ok(),
            tos: 0x10,
            fwmark: Some((0x8000, 0xff00)),
            iifname: Some("d0".into()),
            oifname: Some("nope".into()),
            uid_range: Some((5, 7)),
            ip_proto: Some(6),
            sport: Some(PortRange { first: 5, last: 5 }),
            dport: Some(PortRange { first: 6, last: 8 }),
            suppress_prefixlen: Some(0),
            protocol: 4,
            ..rule(1000, PolicyAction::ToTable(100))
        };
        assert_eq!(
            fmt_rule(&full),
            "1000: not from 10.0.0.0/8 to 10.1.0.5 tos 0x10 fwmark 0x8000/0xff00 iif d0 oif nope uidrange 5-7 \
             ipproto tcp sport 5 dport 6-8 lookup 100 suppress_prefixlength 0 proto static"
        );
        let quiet = |r: PolicyRule| fmt_rule(&PolicyRule { protocol: 0, ..r });
        let mark = PolicyRule { fwmark: Some((1, u32::MAX)), ..rule(97, PolicyAction::Prohibit) };
        assert_eq!(quiet(mark), "97: from all fwmark 0x1 prohibit");
        assert_eq!(quiet(rule(96, PolicyAction::Nop)), "96: from all nop");
        let goto = PolicyRule { src: "1.1.1.1".parse().ok(), ..rule(99, PolicyAction::Goto(1000)) };
        assert_eq!(quiet(goto), "99: from 1.1.1.1 goto 1000");
        let l3mdev = PolicyRule { l3mdev: true, ..rule(94, PolicyAction::ToTable(0)) };
        assert_eq!(quiet(l3mdev), "94: from all lookup [l3mdev-table]");
        let other = PolicyRule { ip_proto: Some(99), ..rule(93, PolicyAction::Blackhole) };
        assert_eq!(quiet(other), "93: from all ipproto ipproto-99 blackhole");
    }
}
