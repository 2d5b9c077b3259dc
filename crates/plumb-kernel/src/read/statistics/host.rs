//! What the kernel counts once for all namespaces.

use std::collections::BTreeMap;

use plumb_model::{CpuTimes, HostStatistics, Pressure, Softnet};

/// What is not there is left out; what there is and cannot be read becomes a gap.
pub(in crate::read) fn read(gaps: &mut Vec<String>) -> HostStatistics {
    let mut file = |path: &str| match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            gaps.push(format!("{path} cannot be read: {error}"));
            None
        }
    };
    let softnet = file("/proc/thread-self/net/softnet_stat").map_or_else(Vec::new, |t| softnet(&t));
    let cpus = file("/proc/stat").map_or_else(Vec::new, |t| cpus(&t));
    let mut pressure = BTreeMap::new();
    for resource in ["cpu", "io", "memory"] {
        // A kernel booted with psi=0 has the files and refuses to open them (EOPNOTSUPP).
        let text = std::fs::read_to_string(format!("/proc/pressure/{resource}")).ok();
        if let Some(one) = text.and_then(|t| pressure_of(&t)) {
            pressure.insert(resource.to_owned(), one);
        }
    }
    let neighbour_tables = super::neighbour::read().unwrap_or_else(|error| {
        gaps.push(error.to_string());
        Vec::new()
    });
    HostStatistics { read_at: super::now(), softnet, neighbour_tables, cpus, pressure }
}

/// A line a processor that is online, hexadecimal (`softnet_seq_show`): processed, dropped, squeezed, five that are no
/// more, collisions, RPS, flow limit, backlog, number. Kernels before 5.10 leave the last two out.
fn softnet(text: &str) -> Vec<Softnet> {
    let mut all = Vec::new();
    for (line, n) in text.lines().zip(0u32..) {
        let words: Vec<u64> =
            line.split_ascii_whitespace().map_while(|w| u64::from_str_radix(w, 16).ok()).collect();
        let at = |n: usize| words.get(n).copied().unwrap_or(0);
        if words.len() < 3 {
            continue;
        }
        let cpu = words.get(12).and_then(|cpu| u32::try_from(*cpu).ok()).unwrap_or(n);
        all.push(Softnet {
            cpu,
            processed: at(0),
            dropped: at(1),
            time_squeeze: at(2),
            received_rps: at(9),
            flow_limit: at(10),
            backlog: at(11),
        });
    }
    all
}

/// `cpu0 343873 7152 98593 1855269 2592 0 2296 526 0 0`
fn cpus(text: &str) -> Vec<CpuTimes> {
    let mut all = Vec::new();
    for line in text.lines() {
        let Some((name, values)) = line.split_once(' ') else { continue };
        let Some(Ok(cpu)) = name.strip_prefix("cpu").map(str::parse) else { continue };
        let values: Vec<u64> = values.split_ascii_whitespace().map_while(|v| v.parse().ok()).collect();
        let at = |n: usize| values.get(n).copied().unwrap_or(0);
        all.push(CpuTimes {
            cpu,
            user: at(0),
            nice: at(1),
            system: at(2),
            idle: at(3),
            iowait: at(4),
            irq: at(5),
            softirq: at(6),
            steal: at(7),
        });
    }
    all
}

/// `some avg10=24.32 avg60=59.05 avg300=49.27 total=1420002459`, and the same with `full`.
fn pressure_of(text: &str) -> Option<Pressure> {
    let line = |kind: &str| text.lines().find_map(|l| l.strip_prefix(kind)?.strip_prefix(' '));
    let value = |line: &str, name: &str| -> Option<String> {
        let found = line.split_ascii_whitespace().find_map(|w| w.strip_prefix(name)?.strip_prefix('='))?;
        Some(found.to_owned())
    };
    let share = |line: &str, name: &str| value(line, name).as_deref().and_then(hundredths);
    let total = |line: &str| value(line, "total").and_then(|t| t.parse().ok());
    let some = line("some")?;
    Some(Pressure {
        some_avg10: share(some, "avg10")?,
        some_avg60: share(some, "avg60")?,
        some_total: total(some)?,
        full_avg10: line("full").and_then(|l| share(l, "avg10")),
        full_total: line("full").and_then(total),
    })
}

/// `24.32` → 2432
fn hundredths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.')?;
    if part.len() != 2 {
        return None;
    }
    whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(part.parse().ok()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn processors() {
        let text = "00686c70 00000002 00000001 0 0 0 0 0 0 00000005 00000006 00000007 00000003 0 0\n\
                    007650b6 00000000 0000000a\n";
        let all = softnet(text);
        let first = all[0];
        assert_eq!((first.cpu, first.processed, first.dropped, first.time_squeeze), (3, 0x0068_6c70, 2, 1));
        assert_eq!((first.received_rps, first.flow_limit, first.backlog), (5, 6, 7));
        assert_eq!((all[1].cpu, all[1].time_squeeze), (1, 10));
        let all = cpus("cpu  9 9\ncpu0 343873 7152 98593 1855269 2592 0 2296 526 0 0\nintr 1\n");
        assert_eq!((all.len(), all[0].softirq, all[0].steal), (1, 2296, 526));
    }

    #[test]
    fn pressures() {
        let text = "some avg10=24.32 avg60=59.05 avg300=49.27 total=1420\nfull avg10=0.07 avg60=0.00 avg300=0.00 total=3\n";
        let one = pressure_of(text).unwrap();
        assert_eq!((one.some_avg10, one.some_avg60, one.some_total), (2432, 5905, 1420));
        assert_eq!((one.full_avg10, one.full_total), (Some(7), Some(3)));
        assert_eq!(pressure_of("some avg10=x"), None);
    }

    #[test]
    fn this_machine() {
        let mut gaps = Vec::new();
        let host = read(&mut gaps);
        assert!(!host.softnet.is_empty() && !host.cpus.is_empty(), "{gaps:?}");
        let arp = host.neighbour_table("arp_cache").unwrap();
        assert!(arp.gc_thresh3 >= arp.gc_thresh2);
    }
}
