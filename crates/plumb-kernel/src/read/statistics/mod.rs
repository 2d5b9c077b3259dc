//! What the kernel counts: of the calling thread's namespace, and of the machine.

mod conntrack;
mod host;
mod neighbour;

use std::collections::BTreeMap;

use rustix::time::{ClockId, clock_gettime};

#[cfg(test)]
pub(super) use conntrack::parse as parse_conntrack;
pub(super) use conntrack::read as conntrack;
pub(super) use host::read as host;
#[cfg(test)]
pub(super) use neighbour::parse as parse_table;

/// Nanoseconds of CLOCK_MONOTONIC.
pub(super) fn now() -> Option<u64> {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec).ok()?, u64::try_from(now.tv_nsec).ok()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

/// /proc/net/sockstat and sockstat6 of the calling thread's namespace.
pub(super) fn sockstat() -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut all = BTreeMap::new();
    for file in ["sockstat", "sockstat6"] {
        if let Ok(text) = std::fs::read_to_string(format!("/proc/thread-self/net/{file}")) {
            parse_sockstat(&text, &mut all);
        }
    }
    all
}

/// `TCP: inuse 3 orphan 0 tw 1 alloc 5 mem 2`
fn parse_sockstat(text: &str, all: &mut BTreeMap<String, BTreeMap<String, u64>>) {
    for line in text.lines() {
        let Some((group, values)) = line.split_once(':') else { continue };
        let group = all.entry(group.to_owned()).or_default();
        let words: Vec<&str> = values.split_ascii_whitespace().collect();
        for pair in words.chunks_exact(2) {
            if let [name, value] = pair
                && let Ok(value) = value.parse()
            {
                group.insert((*name).to_owned(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_counts() {
        let mut all = BTreeMap::new();
        parse_sockstat(
            "sockets: used 4\nTCP: inuse 3 orphan 0 tw 1 alloc 5 mem 2\nFRAG: inuse 1 memory 4608\nodd",
            &mut all,
        );
        parse_sockstat("TCP6: inuse 2\n", &mut all);
        assert_eq!((all["TCP"]["tw"], all["TCP"]["mem"], all["FRAG"]["memory"]), (1, 2, 4608));
        assert_eq!((all["TCP6"]["inuse"], all["sockets"]["used"]), (2, 4));
    }

    #[test]
    fn the_clock_goes_on() {
        let first = now();
        assert!(first.is_some() && first <= now());
    }
}
