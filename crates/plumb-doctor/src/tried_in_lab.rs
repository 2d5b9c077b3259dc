//! Which remedies a lab ran for real: a table that the end-to-end test of the lab's faults makes, finding by finding.
//!
//! A remedy bears names of its own network; what was run elsewhere is one of its *kind*: the same command for the same kind
//! of finding. `PLUMB_BLESS=1 cargo test -p plumb-tests --test lab_faults` writes the table anew.

use std::collections::BTreeSet;

use crate::report::Remedy;

/// A line each: the finding's id, a tab, the [`kind`] of its remedy.
pub const TABLE: &str = include_str!("tried_in_lab.txt");

/// What a command does, without what it does it to: `nft delete rule`, `ip route add`, `sysctl`. Of several, each once.
#[must_use]
pub fn kind(command: &str) -> String {
    let all: BTreeSet<String> = command.split(" && ").map(one).collect();
    all.into_iter().collect::<Vec<_>>().join(" && ")
}

fn one(command: &str) -> String {
    let mut words = command.split_whitespace().peekable();
    // `ip netns exec NAMESPACE …`
    let inside = command.strip_prefix("ip netns exec ").and_then(|rest| rest.split_once(' '));
    if let Some((_, inside)) = inside {
        words = inside.split_whitespace().peekable();
    }
    let is_name = |w: &&str| w.chars().all(|c| c.is_ascii_lowercase());
    let named = words.filter(|w| !w.starts_with('-')).take_while(is_name).take(3);
    named.collect::<Vec<_>>().join(" ")
}

/// Whether a lab ran a remedy of this kind for a finding of this kind, and the symptom was gone.
#[must_use]
pub fn ran(id: &str, command: &str) -> bool {
    let kind = kind(command);
    TABLE.lines().any(|line| line.split_once('\t') == Some((id, kind.as_str())))
}

/// Says of each remedy of a finding whether a lab ran one of its kind.
pub fn mark(id: &str, remedies: &mut [Remedy]) {
    for remedy in remedies.iter_mut().filter(|r| !r.advice) {
        remedy.tried_in_lab = ran(id, &remedy.command);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_what_a_command_does() {
        for (command, is) in [
            ("ip netns exec demo-node-1 nft delete rule inet filter forward handle 6", "nft delete rule"),
            ("ip netns exec demo-node-1 sysctl -w net.ipv4.ip_forward=1", "sysctl"),
            ("ip netns exec a ip -6 route add default via fd00::1 dev eth0", "ip route add"),
            ("plumb lab listen --lab demo pod:default/web-0 8080 --protocol tcp", "plumb lab listen"),
            (
                "ip netns exec a ip link set eth0 up && ip netns exec a ip route add default",
                "ip link set && ip route add",
            ),
            ("ip route del 10.0.0.0/8 && ip route del 10.1.0.0/16", "ip route del"),
        ] {
            assert_eq!(kind(command), is, "{command}");
        }
    }

    #[test]
    fn the_table_is_in_order_and_of_findings_that_have_a_page() {
        let lines: Vec<&str> = TABLE.lines().collect();
        assert!(lines.is_sorted_by(|a, b| a < b), "each line once, in order");
        let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/faults");
        for line in lines {
            let (id, kind) = line.split_once('\t').unwrap_or_default();
            assert!(
                std::path::Path::new(pages).join(format!("{id}.md")).is_file() && !kind.is_empty(),
                "{line}"
            );
        }
    }
}
