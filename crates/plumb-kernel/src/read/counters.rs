//! Counters of protocols: /proc/net/snmp, netstat and snmp6.

use std::collections::BTreeMap;

pub(super) type Counters = BTreeMap<String, BTreeMap<String, i64>>;

/// Of the calling thread's namespace.
pub(super) fn read() -> Counters {
    let mut counters = Counters::new();
    for file in ["snmp", "netstat"] {
        if let Ok(text) = std::fs::read_to_string(format!("/proc/thread-self/net/{file}")) {
            pairs(&text, &mut counters);
        }
    }
    if let Ok(text) = std::fs::read_to_string("/proc/thread-self/net/snmp6") {
        lines(&text, &mut counters);
    }
    counters
}

/// Two lines each: `Tcp: RtoAlgorithm RtoMin …`, `Tcp: 1 200 …`.
fn pairs(text: &str, counters: &mut Counters) {
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let (Some((group, names)), Some((_, values))) = (names.split_once(':'), values.split_once(':'))
        else {
            continue;
        };
        let group = counters.entry(group.to_owned()).or_default();
        for (name, value) in names.split_ascii_whitespace().zip(values.split_ascii_whitespace()) {
            if let Ok(value) = value.parse() {
                group.insert(name.to_owned(), value);
            }
        }
    }
}

/// `Ip6InReceives    5`: the group is the longest of `Icmp6`, `UdpLite6`, `Udp6` and `Ip6` that the name begins with.
fn lines(text: &str, counters: &mut Counters) {
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(name), Some(Ok(value))) = (words.next(), words.next().map(str::parse)) else { continue };
        for group in ["Icmp6", "UdpLite6", "Udp6", "Ip6"] {
            if let Some(rest) = name.strip_prefix(group) {
                counters.entry(group.to_owned()).or_default().insert(rest.to_owned(), value);
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_names() {
        let mut counters = Counters::new();
        pairs("Tcp: MaxConn OutRsts\nTcp: -1 7\nodd", &mut counters);
        lines("Ip6InReceives \t5\nIcmp6OutEchos 2\nx\n", &mut counters);
        assert_eq!(counters["Tcp"]["OutRsts"], 7);
        assert_eq!(counters["Tcp"]["MaxConn"], -1);
        assert_eq!(counters["Ip6"]["InReceives"], 5);
        assert_eq!(counters["Icmp6"]["OutEchos"], 2);
    }
}
