//! Counters of IP, UDP and ICMP (`net/ipv4/proc.c`, `net/ipv6/proc.c`).

use super::Moved;
use crate::check::told::Observation;

/// K04: datagrams were lost since the receiver's buffer was full (`__udp_enqueue_schedule_skb`).
pub(super) fn udp_buffers(m: &Moved<'_>) -> Vec<Observation> {
    let groups = ["Udp", "Udp6"].into_iter().filter(|g| m.rose(g, "RcvbufErrors") > 0);
    groups
        .map(|group| {
            Observation::new("udp-buffer-full", m.counter(&format!("{group}RcvbufErrors")))
                .with("count", m.rose(group, "RcvbufErrors").to_string())
                .seen(m.seen(group, "RcvbufErrors", "packets"))
        })
        .collect()
}

/// R07: the reverse-path filter drops (`fib_validate_source`, SNMP `IPReversePathFilter`).
pub(super) fn reverse_path(m: &Moved<'_>) -> Vec<Observation> {
    if m.rose("TcpExt", "IPReversePathFilter") == 0 {
        return Vec::new();
    }
    // The counter is one for the namespace: told where the filter is on, for all devices or on the first that has it.
    let all = "net.ipv4.conf.all.rp_filter".to_owned();
    let devices = m.after.links.items().iter().map(|l| format!("net.ipv4.conf.{}.rp_filter", l.name));
    let on = |name: &String| m.after.sysctls.number(name).is_some_and(|v| v > 0);
    let name = std::iter::once(all.clone()).chain(devices).find(on).unwrap_or(all);
    vec![
        Observation::new("rp-filter-drops", m.sysctl(&name))
            .with("count", m.rose("TcpExt", "IPReversePathFilter").to_string())
            .seen(m.seen("TcpExt", "IPReversePathFilter", "packets")),
    ]
}

/// K12: datagrams in fragments did not come together (`ip_expire`, `ip_frag_queue`).
pub(super) fn fragments(m: &Moved<'_>) -> Vec<Observation> {
    let groups = ["Ip", "Ip6"].into_iter().filter(|g| m.rose(g, "ReasmFails") > 0);
    groups
        .map(|group| {
            Observation::new("fragments-lost", m.counter(&format!("{group}ReasmFails")))
                .with("count", m.rose(group, "ReasmFails").to_string())
                .seen(m.seen(group, "ReasmFails", "packets"))
        })
        .collect()
}

/// K16: ICMP errors were not sent since too many were due (`icmp_global_allow`, `icmpv4_xrlim_allow`).
pub(super) fn icmp_limit(m: &Moved<'_>) -> Vec<Observation> {
    let names = [
        ("Icmp", "OutRateLimitGlobal", "net.ipv4.icmp_msgs_per_sec"),
        ("Icmp", "OutRateLimitHost", "net.ipv4.icmp_ratelimit"),
        ("Icmp6", "OutRateLimitHost", "net.ipv6.icmp.ratelimit"),
    ];
    names
        .into_iter()
        .filter(|(group, name, _)| m.rose(group, name) > 0)
        .map(|(group, name, sysctl)| {
            Observation::new("icmp-rate-limited", m.sysctl(sysctl))
                .with("count", m.rose(group, name).to_string())
                .seen(m.seen(group, name, "packets"))
        })
        .collect()
}

/// R06: a router answers with "time exceeded": packets go in circles (`ip_forward`), or somebody traces a route.
pub(super) fn time_exceeded(m: &Moved<'_>) -> Vec<Observation> {
    // A traceroute asks three times a hop.
    const MANY: i64 = 30;
    if m.rose("Icmp", "OutTimeExcds") < MANY {
        return Vec::new();
    }
    vec![
        Observation::new("time-exceeded", m.counter("IcmpOutTimeExcds"))
            .with("count", m.rose("Icmp", "OutTimeExcds").to_string())
            .seen(m.seen("Icmp", "OutTimeExcds", "packets")),
    ]
}
