use plumb_model::{CtEntry, CtStatus, Protocol, Tuple};

use super::*;

fn client(state: SocketState, sport: u16, dport: u16) -> Socket {
    Socket { state, src: ip("10.0.8.2"), sport, dst: ip("10.0.8.3"), dport, send_queue: 0, ..listener(0) }
}

#[test]
fn a_queue_that_is_full() {
    let mut s = bridged();
    ns(&mut s, "pod1").sockets.value_mut().unwrap()[0].receive_queue = 128;
    // It holds one more than its backlog.
    is_silent(&s);
    ns(&mut s, "pod1").sockets.value_mut().unwrap()[0].receive_queue = 129;
    finds(&s, "accept-queue-full", "pod1", false);
    ns(&mut s, "pod1").sockets.value_mut().unwrap().push(listener(80));
    finds(&s, "accept-queue-full", "pod1", false);
    assert_eq!(found(&s)[0].fault.as_deref(), Some("T10"));
}

#[test]
fn handshakes_that_stay_open() {
    let mut s = bridged();
    let pod = ns(&mut s, "pod1");
    sysctl(pod, "net.ipv4.tcp_max_syn_backlog", "1024");
    let open = (0..120).map(|i| client(SocketState::SynRecv, 80, 20000 + i));
    pod.sockets.value_mut().unwrap().extend(open);
    finds(&s, "syn-queue-near-limit", "pod1", false);
    // At another port.
    ns(&mut s, "pod1").sockets.value_mut().unwrap()[0].sport = 81;
    is_silent(&s);
    // Room enough.
    let pod = ns(&mut s, "pod1");
    pod.sockets.value_mut().unwrap()[0] = Socket { send_queue: 1024, ..listener(80) };
    is_silent(&s);
    // Without cookies a quarter is kept for known clients.
    let pod = ns(&mut s, "pod1");
    sysctl(pod, "net.ipv4.tcp_syncookies", "0");
    sysctl(pod, "net.ipv4.tcp_max_syn_backlog", "128");
    finds(&s, "syn-queue-near-limit", "pod1", false);
}

#[test]
fn ports_towards_one_destination() {
    let mut s = bridged();
    let pod = ns(&mut s, "pod1");
    sysctl(pod, "net.ipv4.ip_local_port_range", "40000\t40099");
    let used = (0..95).map(|i| client(SocketState::TimeWait, 40000 + i, 80));
    pod.sockets.value_mut().unwrap().extend(used);
    finds(&s, "ports-used-up", "pod1", true);
    assert_eq!(found(&s)[0].severity, crate::check::Severity::Warning);
    // Towards many destinations ports are shared; those in TIME_WAIT may be used again.
    for (i, k) in ns(&mut s, "pod1").sockets.value_mut().unwrap().iter_mut().skip(1).enumerate() {
        k.dport = 8000 + u16::try_from(i % 2).unwrap();
    }
    is_silent(&s);
    ns(&mut s, "pod1").sockets.value_mut().unwrap().iter_mut().skip(1).for_each(|k| k.dport = 80);
    sysctl(ns(&mut s, "pod1"), "net.ipv4.tcp_tw_reuse", "1");
    is_silent(&s);
}

#[test]
fn reserved_ports_make_the_range_smaller() {
    let mut s = bridged();
    let pod = ns(&mut s, "pod1");
    sysctl(pod, "net.ipv4.ip_local_port_range", "40000\t40099");
    let used = (0..50).map(|i| client(SocketState::Established, 40000 + i, 80));
    pod.sockets.value_mut().unwrap().extend(used);
    is_silent(&s);
    sysctl(ns(&mut s, "pod1"), "net.ipv4.ip_local_reserved_ports", "8080,40050-40099");
    finds(&s, "ports-used-up", "pod1", true);
    assert_eq!(found(&s)[0].severity, crate::check::Severity::Error);
}

#[test]
fn sockets_that_nobody_closes() {
    let mut s = bridged();
    let left = |n: u16| (0..n).map(|i| client(SocketState::CloseWait, 80, 10000 + i)).collect::<Vec<_>>();
    ns(&mut s, "pod1").sockets.value_mut().unwrap().extend(left(99));
    is_silent(&s);
    ns(&mut s, "pod1").sockets.value_mut().unwrap().extend(left(20));
    finds(&s, "close-wait-pile-up", "pod1", false);
    // A busy server.
    let busy = (0..2000).map(|i| client(SocketState::Established, 80, 20000 + i));
    ns(&mut s, "pod1").sockets.value_mut().unwrap().extend(busy);
    is_silent(&s);
}

fn table_of(s: &mut Snapshot) -> &mut Conntrack {
    ns(s, "node").conntrack.value_mut().unwrap()
}

#[test]
fn a_table_that_fills() {
    let mut s = bridged();
    (table_of(&mut s).count, table_of(&mut s).max) = (Some(79), Some(100));
    is_silent(&s);
    table_of(&mut s).count = Some(80);
    finds(&s, "conntrack-full", "node", false);
    assert_eq!(found(&s)[0].severity, crate::check::Severity::Warning);
    table_of(&mut s).count = Some(95);
    assert_eq!(found(&s)[0].severity, crate::check::Severity::Error);
}

#[test]
fn long_chains_of_the_hash() {
    let mut s = bridged();
    (table_of(&mut s).count, table_of(&mut s).max) = (Some(100_000), Some(262_144));
    sysctl(ns(&mut s, "node"), "net.netfilter.nf_conntrack_buckets", "65536");
    is_silent(&s);
    sysctl(ns(&mut s, "node"), "net.netfilter.nf_conntrack_buckets", "8192");
    finds(&s, "conntrack-hash-small", "node", false);
}

#[test]
fn translated_ports_run_out() {
    let mut s = bridged();
    let tuple = |src: &str, dst: &str, sport, dport| Tuple {
        src: ip(src),
        dst: ip(dst),
        protocol: Protocol::TCP,
        sport,
        dport,
        icmp: None,
    };
    let entry = |i: u16, to: u16| CtEntry {
        original: tuple("10.0.8.2", "192.0.2.9", i, to),
        reply: tuple("192.0.2.9", "192.0.2.1", to, i),
        status: CtStatus(CtStatus::SRC_NAT),
        timeout: 60,
        tcp_state: Some(7),
        mark: 0,
        zone: 0,
        zone_direction: None,
        labels: Default::default(),
        helper: None,
        id: 0,
        counters: None,
    };
    table_of(&mut s).entries = (1024..60000).map(|i| entry(i, 443)).collect();
    finds(&s, "nat-ports-nearly-used", "node", false);
    table_of(&mut s).entries = (1024..60000).map(|i| entry(i, 443 + i % 2)).collect();
    is_silent(&s);
}

#[test]
fn clients_among_the_node_ports() {
    let mut s = bridged();
    sysctl(ns(&mut s, "node"), "net.ipv4.ip_local_port_range", "1024 65535");
    is_silent(&s);
    let node = ns(&mut s, "node");
    let chain = super::rules::chain("KUBE-NODEPORTS", None, vec![super::rules::jump("KUBE-EXT-A")]);
    node.nft = Read::Got(super::rules::ruleset("nat", vec![chain]));
    finds(&s, "port-range-covers-node-ports", "node", true);
    sysctl(ns(&mut s, "node"), "net.ipv4.ip_local_port_range", "32768 60999");
    is_silent(&s);
    sysctl(ns(&mut s, "node"), "net.ipv4.ip_local_port_range", "1024 65535");
    sysctl(ns(&mut s, "node"), "net.ipv4.ip_local_reserved_ports", "30000-32767");
    is_silent(&s);
}
