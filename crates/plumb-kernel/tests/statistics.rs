//! What the kernel counts is in a snapshot, in namespaces of the test's own. Runs as root.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::{Net, of, read};
use plumb_kernel::in_namespace;
use plumb_model::{Protocol, SocketState, SocketTimer};

fn inside<T: Send>(net: &Net, f: impl FnOnce() -> T + Send) -> T {
    in_namespace(format!("/run/netns/{}", net.name), f).unwrap()
}

fn run(net: &Net, command: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    let output = Command::new("ip").args(["netns", "exec", &net.name]).args(&words).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

fn pair() -> (Net, Net) {
    let (mut a, mut b) = (Net::new("sa"), Net::new("sb"));
    a.join("eth0", &b, "eth0");
    a.address("eth0", "10.8.0.1/24");
    b.address("eth0", "10.8.0.2/24");
    (a, b)
}

/// Waits for a state of the kernel, for ten seconds at most.
fn wait(mut reached: impl FnMut() -> bool) {
    for _ in 0..500 {
        if reached() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("the state was not reached");
}

#[test]
fn sockets_in_every_state() {
    let (a, b) = pair();
    let listener = inside(&b, || std::net::TcpListener::bind("10.8.0.2:8080").unwrap());
    // The client's answer to the SYN-ACK is lost: the server's side stays half open.
    run(&a, "nft add table ip t");
    run(&a, "nft add chain ip t in { type filter hook input priority 0; }");
    run(&a, "nft add rule ip t in tcp flags & (syn|ack) == syn|ack drop");
    let half = inside(&a, || {
        std::thread::spawn(|| {
            let to = "10.8.0.2:8080".parse().unwrap();
            std::net::TcpStream::connect_timeout(&to, std::time::Duration::from_secs(3))
        })
    });
    let mut snapshot = read(&[&a, &b]);
    wait(|| {
        snapshot = read(&[&a, &b]);
        of(&snapshot, &b).sockets.items().iter().any(|s| s.state == SocketState::SynRecv)
    });
    let asking = of(&snapshot, &a).sockets.items().iter().find(|s| s.state == SocketState::SynSent).cloned();
    let timer = asking.unwrap().timer.unwrap();
    assert!(timer.kind == SocketTimer::RETRANSMIT, "{timer:?}");
    let n = of(&snapshot, &b);
    let listening = n.sockets.items().iter().find(|s| s.state == SocketState::Listen).unwrap();
    assert_eq!(listening.drops, Some(0));
    assert!(n.statistics.read_at.is_some() && n.statistics.sockets("TCP", "inuse").unwrap() >= 1);
    drop(half.join());

    // Whoever closes first keeps TIME_WAIT.
    run(&a, "nft delete table ip t");
    inside(&a, || {
        let stream = std::net::TcpStream::connect("10.8.0.2:8080").unwrap();
        let (server, _) = listener.accept().unwrap();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
        drop(server);
    });
    wait(|| {
        let snapshot = read(&[&a]);
        let n = of(&snapshot, &a);
        let waiting = n.sockets.items().iter().find(|s| s.state == SocketState::TimeWait);
        waiting.is_some_and(|s| s.timer.is_some_and(|t| t.kind == SocketTimer::TIME_WAIT && t.expires > 0))
            && n.statistics.sockets("TCP", "tw") == Some(1)
    });
}

#[test]
fn datagrams_that_found_no_room() {
    let (a, b) = pair();
    let udp = inside(&b, || std::net::UdpSocket::bind("10.8.0.2:5353").unwrap());
    inside(&a, || {
        let socket = std::net::UdpSocket::bind("10.8.0.1:0").unwrap();
        // More than any default buffer (212,992 bytes) holds.
        for _ in 0..2000 {
            socket.send_to(&[0; 1000], "10.8.0.2:5353").unwrap();
        }
    });
    wait(|| {
        let snapshot = read(&[&b]);
        let socket = of(&snapshot, &b).sockets.items().iter().find(|s| s.protocol == Protocol::UDP).cloned();
        socket.is_some_and(|s| s.drops.is_some_and(|d| d > 0) && s.receive_buffer.is_some_and(|b| b > 0))
    });
    drop(udp);
}

#[test]
fn queues_connections_and_the_machine() {
    let (a, b) = pair();
    run(&a, "tc qdisc add dev eth0 root tbf rate 8kbit burst 1600 limit 3000");
    run(&b, "nft add table ip t");
    run(&b, "nft add chain ip t in { type filter hook input priority 0; }");
    run(&b, "nft add rule ip t in ct state invalid counter");
    inside(&a, || {
        let socket = std::net::UdpSocket::bind("10.8.0.1:0").unwrap();
        for _ in 0..20 {
            let _ = socket.send_to(&[0; 1000], "10.8.0.2:5353");
        }
    });
    let snapshot = read(&[&a, &b]);
    let qdisc = of(&snapshot, &a).qdiscs.items().iter().find(|q| q.kind == "tbf").unwrap();
    assert_eq!((qdisc.rate, qdisc.limit), (Some(1000), Some(3000)));
    assert!(
        qdisc.drops > 0 && qdisc.backlog > 0 && qdisc.queue_length > 0 && qdisc.overlimits > 0,
        "{qdisc:?}"
    );

    // A TCP segment out of nowhere that may begin no connection.
    let before = of(&snapshot, &b).statistics.conntrack.clone().unwrap();
    run(&a, "tc qdisc del dev eth0 root");
    run(&a, "nft add table ip t");
    run(&a, "nft add chain ip t out { type route hook output priority 0; }");
    run(&a, "nft add rule ip t out tcp dport 9 @th,104,8 set 0x03");
    inside(&a, || {
        let to = "10.8.0.2:9".parse().unwrap();
        let _ = std::net::TcpStream::connect_timeout(&to, std::time::Duration::from_millis(300));
    });
    let snapshot = read(&[&b]);
    let after = of(&snapshot, &b).statistics.conntrack.clone().unwrap();
    assert!(after.value().unwrap().invalid > before.value().unwrap().invalid, "{before:?} {after:?}");

    let host = &snapshot.host.statistics;
    assert!(host.softnet_sum().processed > 0 && !host.cpus.is_empty() && host.read_at.is_some());
    let arp = host.neighbour_table("arp_cache").unwrap();
    assert!(arp.entries > 0 && arp.gc_thresh3 > 0, "{arp:?}");
}

/// A process that serves, and stands still: its files, its limit and its state are told.
#[test]
fn a_server_that_is_stopped() {
    let net = Net::new("sp");
    let server = "import os,signal,socket,sys
s=socket.create_server(('', 9090))
print('up',flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
sys.stdin.read()";
    let command = format!("ulimit -n 77; exec python3 -c \"{server}\"");
    let mut child = Command::new("ip")
        .args(["netns", "exec", &net.name, "sh", "-c", &command])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut serving = None;
    wait(|| {
        let snapshot = read(&[&net]);
        let n = of(&snapshot, &net);
        let inode = n.sockets.items().iter().find(|s| s.is_listening()).map(|s| s.inode);
        serving = n.processes.iter().find_map(|p| p.serving.clone());
        serving.as_ref().is_some_and(|s| s.state == Some('T') && inode == s.sockets.first().copied())
    });
    let serving = serving.unwrap();
    let killed = child.kill();
    let _ = child.wait();
    assert!(killed.is_ok());
    assert_eq!(serving.max_open_files, Some(77));
    assert!((4..20).contains(&serving.open_files), "{serving:?}");
}
