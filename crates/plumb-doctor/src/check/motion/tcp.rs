//! TCP's counters (`net/ipv4/proc.c`, `include/uapi/linux/snmp.h`).

use super::Moved;
use crate::check::told::{Observation, Seen};

/// K01, K03: listeners turned connections away since their accept queues were full (`tcp_conn_request`,
/// `tcp_v4_syn_recv_sock`). With `tcp_abort_on_overflow` the client is reset, else it waits.
pub(super) fn accept_queue(m: &Moved<'_>) -> Vec<Observation> {
    let overflows = m.rose("TcpExt", "ListenOverflows");
    if overflows == 0 {
        return Vec::new();
    }
    let aborts = m.after.sysctls.number("net.ipv4.tcp_abort_on_overflow").unwrap_or(0) != 0;
    let id = if aborts { "accept-queue-aborts" } else { "accept-queue-overflows" };
    let place =
        if aborts { m.sysctl("net.ipv4.tcp_abort_on_overflow") } else { m.counter("TcpExtListenOverflows") };
    let full = m.after.sockets.items().iter().filter(|s| s.is_listening()).max_by_key(|s| s.receive_queue);
    let listener = full.map_or_else(String::new, crate::place::socket_text);
    vec![
        Observation::new(id, place)
            .with("listener", listener)
            .with("count", overflows.to_string())
            .seen(m.seen("TcpExt", "ListenOverflows", "connections")),
    ]
}

/// K02: SYNs were dropped, and not for a full accept queue: the SYN queue is full and cookies are off (`tcp_conn_request`).
pub(super) fn syn_queue(m: &Moved<'_>) -> Vec<Observation> {
    let drops = m.rose("TcpExt", "TCPReqQFullDrop");
    let cookies = m.rose("TcpExt", "TCPReqQFullDoCookies");
    if drops == 0 && cookies == 0 {
        return Vec::new();
    }
    let name = "net.ipv4.tcp_max_syn_backlog";
    let (id, seen) = if drops > 0 {
        ("syn-queue-full", m.seen("TcpExt", "TCPReqQFullDrop", "connections"))
    } else {
        ("syn-queue-cookies", m.seen("TcpExt", "TCPReqQFullDoCookies", "connections"))
    };
    vec![Observation::new(id, m.sysctl(name)).with("count", drops.max(cookies).to_string()).seen(seen)]
}

/// K10: TIME_WAIT sockets were ended early since there are too many (`inet_twsk_alloc`).
pub(super) fn time_wait(m: &Moved<'_>) -> Vec<Observation> {
    if m.rose("TcpExt", "TCPTimeWaitOverflow") == 0 {
        return Vec::new();
    }
    vec![Observation::new("time-wait-overflows", m.sysctl("net.ipv4.tcp_max_tw_buckets")).seen(m.seen(
        "TcpExt",
        "TCPTimeWaitOverflow",
        "sockets",
    ))]
}

/// K06: sockets were ended for want of memory (`tcp_out_of_memory`).
pub(super) fn memory(m: &Moved<'_>) -> Vec<Observation> {
    if m.rose("TcpExt", "TCPAbortOnMemory") == 0 {
        return Vec::new();
    }
    vec![Observation::new("tcp-memory", m.sysctl("net.ipv4.tcp_mem")).seen(m.seen(
        "TcpExt",
        "TCPAbortOnMemory",
        "connections",
    ))]
}

/// K05: a receiver closes its window again and again: the application does not read.
pub(super) fn zero_window(m: &Moved<'_>) -> Vec<Observation> {
    // A single one is a burst; a reader that does not read makes the sender probe once and again.
    const MANY: i64 = 3;
    if m.rose("TcpExt", "TCPToZeroWindowAdv") == 0
        || m.rose("TcpExt", "TCPRcvQDrop") + m.rose("TcpExt", "TCPZeroWindowDrop") < MANY
    {
        return Vec::new();
    }
    vec![
        Observation::new("zero-window", m.counter("TcpExtTCPToZeroWindowAdv"))
            .seen(m.seen("TcpExt", "TCPToZeroWindowAdv", "times"))
            .seen(m.seen("TcpExt", "TCPZeroWindowDrop", "packets")),
    ]
}

/// I02: more than one segment in a hundred is sent again (the catalogue's threshold), with so many sent that a few lost
/// ones do not make it.
pub(super) fn retransmissions(m: &Moved<'_>) -> Vec<Observation> {
    const ENOUGH: i64 = 1000;
    let (out, again) = (m.rose("Tcp", "OutSegs"), m.rose("Tcp", "RetransSegs"));
    if out < ENOUGH || again * 100 <= out {
        return Vec::new();
    }
    let percent = format!("{:.1}", again as f64 * 100.0 / out as f64);
    vec![
        Observation::new("retransmissions", m.counter("TcpRetransSegs"))
            .with("percent", percent)
            .seen(m.seen("Tcp", "RetransSegs", "packets"))
            .seen(m.seen("Tcp", "OutSegs", "packets")),
    ]
}

/// I01: connections are made only after their SYN was sent again.
pub(super) fn lost_syns(m: &Moved<'_>) -> Vec<Observation> {
    // One in a hundred, and more than a handful: what a restart of a server costs is no fault of the network.
    const FEW: i64 = 5;
    let (again, opens) = (m.rose("TcpExt", "TCPSynRetrans"), m.rose("Tcp", "ActiveOpens"));
    if again < FEW || again * 100 <= opens {
        return Vec::new();
    }
    vec![
        Observation::new("syns-lost", m.counter("TcpExtTCPSynRetrans"))
            .with("count", again.to_string())
            .seen(m.seen("TcpExt", "TCPSynRetrans", "packets"))
            .seen(m.seen("Tcp", "ActiveOpens", "connections")),
    ]
}

impl Moved<'_> {
    /// The counter as evidence.
    pub(super) fn seen(&self, group: &'static str, name: &'static str, unit: &'static str) -> Seen {
        let read_with = self.after.command(&format!("nstat -az {group}{name}"));
        Seen::new(name, self.now(group, name), serde_json::Value::Null, read_with)
            .unit(unit)
            .rose(self.rose(group, name))
    }
}
