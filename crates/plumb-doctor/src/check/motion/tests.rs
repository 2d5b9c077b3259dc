#![allow(clippy::unwrap_used)]
//! Each check of motion on two readings between which its counter rose, and on two that look like it and are not: the same
//! counter high but still, other counters, less than the threshold.

use std::collections::BTreeSet;

use plumb_model::{
    ConntrackStats, CpuTimes, Host, Link, Namespace, NamespaceId, NeighbourTable, Qdisc, Read, Snapshot,
    Softnet,
};

use super::*;
use crate::check::report::CheckFinding;

/// A machine with one namespace and one device, which has been up for long: every counter stands high.
fn machine() -> Snapshot {
    let mut n = Namespace::empty(NamespaceId(1), "node");
    n.own = true;
    let mut eth0 = Link { index: 2, name: "eth0".into(), kind: "veth".into(), mtu: 1500, ..Link::default() };
    eth0.flags = Link::UP | Link::LOWER_UP;
    eth0.carrier_changes = Some(40);
    eth0.stats.rx_packets = 5_000_000;
    eth0.stats.rx_crc_errors = 900;
    eth0.stats.rx_missed_errors = 900;
    n.links = Read::Got(vec![eth0]);
    let qdisc = Qdisc { index: 2, kind: "fq_codel".into(), parent: u32::MAX, drops: 900, ..Qdisc::default() };
    n.qdiscs = Read::Got(vec![qdisc]);
    for (group, names) in COUNTERS {
        n.counters.insert((*group).to_owned(), names.iter().map(|c| ((*c).to_owned(), 100_000)).collect());
    }
    let stats = ConntrackStats {
        drop: 90,
        early_drop: 90,
        insert_failed: 90,
        chain_toolong: 90,
        ..Default::default()
    };
    n.statistics.conntrack = Some(Read::Got(stats));
    for name in ["all", "default", "eth0"] {
        n.sysctls.0.insert(format!("net.ipv4.conf.{name}.rp_filter"), Read::Got("0".to_owned()));
    }
    let mut host = Host::default();
    host.statistics.softnet = vec![Softnet { processed: 1_000_000, dropped: 90, ..Softnet::default() }];
    host.statistics.neighbour_tables = ["arp_cache", "ndisc_cache"]
        .map(|name| NeighbourTable {
            name: name.to_owned(),
            entries: 200,
            table_fulls: 90,
            unresolved_discards: Some(90),
            ..NeighbourTable::default()
        })
        .into();
    host.statistics.cpus = vec![CpuTimes { user: 1000, idle: 100_000, steal: 50_000, ..CpuTimes::default() }];
    let namespaces = vec![n];
    Snapshot { version: 1, taken_at: 100, host, namespaces, gaps: Vec::new(), redacted: false }
}

/// Every counter that a check reads.
const COUNTERS: &[(&str, &[&str])] = &[
    (
        "TcpExt",
        &[
            "ListenOverflows",
            "ListenDrops",
            "TCPReqQFullDrop",
            "TCPReqQFullDoCookies",
            "TCPTimeWaitOverflow",
            "TCPAbortOnMemory",
            "TCPToZeroWindowAdv",
            "TCPRcvQDrop",
            "TCPZeroWindowDrop",
            "TCPSynRetrans",
            "IPReversePathFilter",
        ],
    ),
    ("Tcp", &["OutSegs", "RetransSegs", "ActiveOpens"]),
    ("Udp", &["RcvbufErrors", "NoPorts"]),
    ("Udp6", &["RcvbufErrors"]),
    ("Ip", &["ReasmFails", "ReasmReqds"]),
    ("Ip6", &["ReasmFails"]),
    ("Icmp", &["OutRateLimitGlobal", "OutRateLimitHost", "OutTimeExcds"]),
    ("Icmp6", &["OutRateLimitHost"]),
];

fn between(change: impl FnOnce(&mut Snapshot)) -> Vec<CheckFinding> {
    let before = machine();
    let mut after = Snapshot { taken_at: 110, ..machine() };
    change(&mut after);
    let net = Network::compile(&after);
    let yardstick = Yardstick::of_snapshot(&net, None);
    let found = findings(&before, &after, &net, &yardstick, Lang::En);
    assert!((found.seconds - 10.0).abs() < f64::EPSILON);
    for f in &found.findings {
        assert!(!f.summary.contains('{') && !f.effect.contains('{'), "{}: {}", f.id, f.summary);
        assert!(
            f.evidence.iter().any(|e| e.delta.is_some() || f.id == "cpu-stolen"),
            "{} shows no rise",
            f.id
        );
        assert!(!f.remedy.is_empty(), "{} says nothing to do", f.id);
    }
    found.findings
}

fn ids(found: &[CheckFinding]) -> Vec<&str> {
    found.iter().map(|f| f.id.as_str()).collect()
}

type Rise = (&'static str, &'static str, i64);

fn rise(s: &mut Snapshot, rises: &[Rise]) {
    for (group, name, by) in rises {
        *s.namespaces[0].counters.get_mut(*group).unwrap().get_mut(*name).unwrap() += by;
    }
}

/// What is found when these counters of the namespace rise.
const BY_COUNTERS: &[(&[Rise], &[&str])] = &[
    (&[("TcpExt", "ListenOverflows", 1), ("TcpExt", "ListenDrops", 1)], &["accept-queue-overflows"]),
    // SYNs dropped for another reason than a full accept queue.
    (&[("TcpExt", "ListenDrops", 5)], &[]),
    (&[("TcpExt", "TCPReqQFullDrop", 3), ("TcpExt", "ListenDrops", 3)], &["syn-queue-full"]),
    (&[("TcpExt", "TCPReqQFullDoCookies", 3)], &["syn-queue-cookies"]),
    (&[("TcpExt", "TCPTimeWaitOverflow", 1)], &["time-wait-overflows"]),
    (&[("TcpExt", "TCPAbortOnMemory", 1)], &["tcp-memory"]),
    (&[("TcpExt", "TCPToZeroWindowAdv", 2), ("TcpExt", "TCPZeroWindowDrop", 3)], &["zero-window"]),
    // A reader that was late once.
    (&[("TcpExt", "TCPToZeroWindowAdv", 1)], &[]),
    (&[("TcpExt", "TCPSynRetrans", 6), ("Tcp", "ActiveOpens", 100)], &["syns-lost"]),
    // One server that was started anew.
    (&[("TcpExt", "TCPSynRetrans", 4), ("Tcp", "ActiveOpens", 100)], &[]),
    (&[("TcpExt", "TCPSynRetrans", 6), ("Tcp", "ActiveOpens", 1000)], &[]),
    (&[("Tcp", "OutSegs", 10_000), ("Tcp", "RetransSegs", 150)], &["retransmissions"]),
    (&[("Tcp", "OutSegs", 10_000), ("Tcp", "RetransSegs", 90)], &[]),
    // Too few to say what share is lost.
    (&[("Tcp", "OutSegs", 20), ("Tcp", "RetransSegs", 2)], &[]),
    (&[("Udp", "RcvbufErrors", 1)], &["udp-buffer-full"]),
    (&[("Udp6", "RcvbufErrors", 1)], &["udp-buffer-full"]),
    // Nobody listens: another thing.
    (&[("Udp", "NoPorts", 9)], &[]),
    (&[("TcpExt", "IPReversePathFilter", 1)], &["rp-filter-drops"]),
    (&[("Ip", "ReasmFails", 1)], &["fragments-lost"]),
    (&[("Ip6", "ReasmFails", 1)], &["fragments-lost"]),
    (&[("Ip", "ReasmReqds", 9)], &[]),
    (&[("Icmp", "OutRateLimitGlobal", 1)], &["icmp-rate-limited"]),
    (&[("Icmp6", "OutRateLimitHost", 1)], &["icmp-rate-limited"]),
    (&[("Icmp", "OutTimeExcds", 30)], &["time-exceeded"]),
    // Somebody traces a route.
    (&[("Icmp", "OutTimeExcds", 3)], &[]),
];

type Change = fn(&mut Snapshot);

fn eth0(s: &mut Snapshot) -> &mut Link {
    &mut s.namespaces[0].links.value_mut().unwrap()[0]
}

fn conntrack(s: &mut Snapshot) -> &mut ConntrackStats {
    s.namespaces[0].statistics.conntrack.as_mut().unwrap().value_mut().unwrap()
}

/// What is found when something else moves.
const BY_READINGS: &[(Change, &[&str])] = &[
    (
        |s| {
            rise(s, &[("TcpExt", "ListenOverflows", 2)]);
            abort(s)
        },
        &["accept-queue-aborts"],
    ),
    (
        |s| {
            eth0(s).stats.rx_packets += 1_000_000;
            eth0(s).stats.rx_crc_errors += 2
        },
        &["frames-damaged"],
    ),
    (
        |s| {
            eth0(s).stats.rx_packets += 3_000_000;
            eth0(s).stats.rx_crc_errors += 2
        },
        &[],
    ),
    (|s| eth0(s).stats.rx_missed_errors += 1, &["ring-overflows"]),
    (|s| eth0(s).stats.rx_dropped += 9, &[]),
    (|s| s.namespaces[0].qdiscs.value_mut().unwrap()[0].drops += 1, &["queue-drops"]),
    (|s| s.namespaces[0].qdiscs.value_mut().unwrap()[0].requeues += 9, &[]),
    // Another queue in its place begins at nought.
    (|s| s.namespaces[0].qdiscs.value_mut().unwrap()[0].drops = 3, &[]),
    (|s| eth0(s).carrier_changes = Some(43), &["carrier-flaps"]),
    // Down and up again: somebody restarted it.
    (|s| eth0(s).carrier_changes = Some(42), &[]),
    // Another device of that number.
    (
        |s| {
            eth0(s).carrier_changes = Some(90);
            eth0(s).name = "eth9".into()
        },
        &[],
    ),
    (|s| conntrack(s).drop += 1, &["conntrack-overflows"]),
    (|s| conntrack(s).early_drop += 1, &["conntrack-overflows"]),
    (|s| conntrack(s).insert_failed += 1, &["conntrack-insert-failed"]),
    (|s| conntrack(s).clash_resolve += 9, &[]),
    (|s| conntrack(s).chain_toolong += 1, &["conntrack-chains-long"]),
    (|s| conntrack(s).invalid += 9, &[]),
    (|s| s.host.statistics.softnet[0].dropped += 1, &["softnet-overflows"]),
    (|s| s.host.statistics.softnet[0].processed += 9, &[]),
    (|s| s.host.statistics.neighbour_tables[0].table_fulls += 1, &["neighbour-table-overflows"]),
    (
        |s| s.host.statistics.neighbour_tables[1].unresolved_discards = Some(91),
        &["neighbour-queue-overflows"],
    ),
    (|s| s.host.statistics.neighbour_tables[0].res_failed += 9, &[]),
    (
        |s| {
            s.host.statistics.cpus[0].steal += 60;
            s.host.statistics.cpus[0].idle += 940
        },
        &["cpu-stolen"],
    ),
    (
        |s| {
            s.host.statistics.cpus[0].steal += 50;
            s.host.statistics.cpus[0].idle += 950
        },
        &[],
    ),
    // The namespace began anew, and its counters with it.
    (|s| s.namespaces[0].counters.values_mut().flat_map(|g| g.values_mut()).for_each(|v| *v = 5), &[]),
    // It is another one.
    (
        |s| {
            rise(s, &[("TcpExt", "ListenOverflows", 2)]);
            s.namespaces[0].id = NamespaceId(2)
        },
        &[],
    ),
];

fn abort(s: &mut Snapshot) {
    s.namespaces[0].sysctls.0.insert("net.ipv4.tcp_abort_on_overflow".to_owned(), Read::Got("1".to_owned()));
}

#[test]
fn a_machine_at_rest_has_no_findings_however_high_its_counters_stand() {
    assert_eq!(ids(&between(|_| {})), [""; 0]);
}

#[test]
fn counters_are_told_by_what_they_do() {
    for (rises, expected) in BY_COUNTERS {
        assert_eq!(ids(&between(|s| rise(s, rises))), *expected, "{rises:?}");
    }
    for (number, (change, expected)) in BY_READINGS.iter().enumerate() {
        assert_eq!(ids(&between(change)), *expected, "reading {number}");
    }
}

#[test]
fn every_kind_has_a_case() {
    let kinds = CHECKS.iter().flat_map(|c| c.kinds).chain(HOST_CHECKS.iter().flat_map(|c| c.kinds));
    let kinds: BTreeSet<&str> = kinds.copied().collect();
    let cases =
        BY_COUNTERS.iter().map(|(_, found)| *found).chain(BY_READINGS.iter().map(|(_, found)| *found));
    let cases: BTreeSet<&str> = cases.flatten().copied().collect();
    assert_eq!(kinds, cases);
}

/// The kernel takes the larger of `all` and the device's (`IN_DEV_RPFILTER`).
#[test]
fn the_reverse_path_filter_is_told_where_it_is_on() {
    let place = |name: &'static str| {
        let found = between(|s| {
            rise(s, &[("TcpExt", "IPReversePathFilter", 4)]);
            let name = format!("net.ipv4.conf.{name}.rp_filter");
            s.namespaces[0].sysctls.0.insert(name, Read::Got("1".to_owned()));
        });
        (found[0].place["sysctl"].as_str().unwrap().to_owned(), found[0].place["value"].clone())
    };
    assert_eq!(place("all"), ("net.ipv4.conf.all.rp_filter".to_owned(), "1".into()));
    assert_eq!(place("eth0"), ("net.ipv4.conf.eth0.rp_filter".to_owned(), "1".into()));
}
