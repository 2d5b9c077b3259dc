//! nft refuses a rule that is about two transport protocols at once.

use super::super::ruleset::Rule;

/// Leaves out statements that are about another protocol than one before them.
pub(super) fn reconcile(rule: &mut Rule) {
    let mut so_far: Option<&'static str> = None;
    rule.retain(|statement| {
        let Some(this) = protocol(statement) else { return true };
        let fits = so_far.is_none_or(|p| p == this);
        so_far.get_or_insert(this);
        fits
    });
}

/// The protocol that a statement makes nft believe in.
fn protocol(statement: &str) -> Option<&'static str> {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let named = |word: &str| match word {
        "tcp" | "6" => Some("tcp"),
        "udp" => Some("udp"),
        "icmp" => Some("icmp"),
        "ipv6-icmp" | "icmpv6" => Some("icmpv6"),
        "{" => Some("several"),
        _ => None,
    };
    words.windows(3).find_map(|w| match *w {
        ["meta", "l4proto", "vmap" | "."] => None,
        ["meta", "l4proto", p] | ["ip", "protocol", p] | ["ip6", "nexthdr", p] => named(p),
        [p @ ("tcp" | "udp"), "dport" | "sport" | "flags" | "doff" | "length", _] => named(p),
        [p @ ("icmp" | "icmpv6"), "type" | "code", _] => named(p),
        ["with", "tcp", "reset"] => Some("tcp"),
        _ => None,
    })
}
