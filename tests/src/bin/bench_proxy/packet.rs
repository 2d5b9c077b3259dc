//! The first packet of a connection through 10,000 Services, beside the same through one verdict map.

use std::fmt::Write as _;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use plumb_api::{EndpointSlice, Object};
use plumb_kernel::NamespaceHandle;
use plumb_tests::netns::{self, Namespace};
use plumb_tests::services::{backend, cluster_ip, endpoints, failed, frame, service, settings, slice, view};
use plumb_tests::{Failure, Result, shell};
use serde_json::json;

use super::Times;

const SERVICES: u32 = 10_000;
/// Sockets that are made ahead: a process may have 1,024 files.
const AT_ONCE: u32 = 200;
const ROUNDS: u32 = 50;

/// A node that sends as a pod does, so that nothing is masqueraded; packets to endpoints leave by a veth pair to nobody.
struct Node {
    node: Namespace,
    handle: NamespaceHandle,
    _peer: Namespace,
}

impl Node {
    fn new(what: &str) -> Result<Self> {
        let prefix = netns::unique_prefix();
        let node = Namespace::create(format!("{prefix}{what}"))?;
        let peer = Namespace::create(format!("{prefix}{what}-peer"))?;
        let script = r#"
            ip -n "$node" link add eth0 type veth peer name eth0 netns "$peer"
            ip -n "$node" address add 10.244.0.1/24 dev eth0
            ip -n "$node" link set lo up
            ip -n "$node" link set eth0 up
            ip -n "$peer" link set eth0 up
            ip -n "$node" neighbour add 10.244.0.2 lladdr 02:00:00:00:00:02 dev eth0
            ip -n "$node" route add default via 10.244.0.2"#;
        let names = [("node".into(), node.name().to_owned()), ("peer".into(), peer.name().to_owned())];
        shell::run("making a node", script, &names)?;
        let handle =
            NamespaceHandle::open(format!("/run/netns/{}", node.name())).map_err(failed("entering"))?;
        Ok(Self { node, handle, _peer: peer })
    }

    fn sockets(&self) -> Result<Vec<UdpSocket>> {
        let bind = || (0..AT_ONCE).map(|_| UdpSocket::bind("10.244.0.1:0")).collect::<std::io::Result<_>>();
        self.handle.run(bind).map_err(failed("entering"))?.map_err(Failure::io("making sockets"))
    }
}

fn udp(mut ends: EndpointSlice) -> Result<EndpointSlice> {
    let mut value =
        Object::EndpointSlice(std::mem::take(&mut ends)).to_json().map_err(failed("writing a slice"))?;
    value["ports"][0]["protocol"] = json!("UDP");
    match Object::from_json(value) {
        Ok(Object::EndpointSlice(ends)) => Ok(ends),
        other => Err(Failure::Agent { what: "making a slice".into(), why: format!("{other:?}") }),
    }
}

/// Plumb's table.
fn services() -> Result<Node> {
    let node = Node::new("plumb")?;
    let mut view = view();
    for number in 0..SERVICES {
        let ports = json!({"ports": [{"name": "http", "port": 80, "protocol": "UDP"}]});
        view.apply_service(&service(number, ports)?);
        view.apply_slice(&udp(slice(number, &endpoints(number, 3))?)?);
    }
    view.take();
    let mut kernel = backend(node.node.name(), frame())?;
    kernel.load(&view, &settings()).map_err(failed("loading"))?;
    Ok(node)
}

/// A verdict map with as many elements, which lead to one chain.
fn verdict_map() -> Result<Node> {
    let node = Node::new("map")?;
    let mut elements = String::new();
    for number in 0..SERVICES {
        let _ = write!(elements, "{} . udp . 80 : goto to, ", cluster_ip(number));
    }
    let text = format!(
        "table ip one {{
            chain to {{ meta l4proto udp dnat to 172.16.0.1:8080; }}
            map services {{ type ipv4_addr . inet_proto . inet_service : verdict; elements = {{ {elements} }} }}
            chain prerouting {{ type nat hook prerouting priority -100; ip daddr . meta l4proto . th dport vmap @services; }}
            chain output {{ type nat hook output priority -100; ip daddr . meta l4proto . th dport vmap @services; }}
            chain postrouting {{ type nat hook postrouting priority 100; meta mark & 0x4000 == 0x4000 masquerade; }}
        }}"
    );
    let file = tempfile::NamedTempFile::new().map_err(Failure::io("making a file"))?;
    std::fs::write(file.path(), text).map_err(Failure::io("writing rules"))?;
    let variables =
        [("node".into(), node.node.name().to_owned()), ("file".into(), file.path().display().to_string())];
    shell::run("loading a verdict map", r#"ip netns exec "$node" nft -f "$file""#, &variables)?;
    Ok(node)
}

/// No rules, but the tracker.
fn tracked() -> Result<Node> {
    let node = Node::new("none")?;
    let text = "ip netns exec \"$node\" nft 'table ip none { chain output { type nat hook output priority -100; }; }'";
    shell::run("loading a chain", text, &[("node".into(), node.node.name().to_owned())])?;
    Ok(node)
}

/// What sending one datagram takes, on a socket that has not sent before.
fn send(socket: &UdpSocket, number: u32) -> Result<Duration> {
    let to = (cluster_ip(number), 80);
    let began = Instant::now();
    socket.send_to(b"first", to).map_err(Failure::io("sending"))?;
    Ok(began.elapsed())
}

/// Medians of pairs: one packet each, in turn, so that whatever else the machine does meets all.
pub(super) fn first_packet() -> Result<()> {
    plumb_tests::fuzz::network::pin_to_one_processor()?;
    let nodes = [services()?, verdict_map()?, tracked()?];
    let mut times = [Times::default(), Times::default(), Times::default()];
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let sockets = nodes.iter().map(Node::sockets).collect::<Result<Vec<_>>>()?;
        for i in 0..AT_ONCE {
            let number = (round * AT_ONCE + i).wrapping_mul(7919) % SERVICES;
            let mut pair = [Duration::ZERO; 3];
            // Each goes first as often as the others.
            for turn in 0..3 {
                let which = (turn + i as usize) % 3;
                pair[which] = send(&sockets[which][i as usize], number)?;
            }
            for (times, time) in times.iter_mut().zip(pair) {
                times.0.push(time);
            }
            ratios.push(pair[0].as_secs_f64() / pair[1].as_secs_f64());
        }
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
    let micros = |t: &mut Times| t.at(50) * 1e3;
    let [services, map, none] = &mut times;
    println!(
        "first packet of a connection at 10,000 services: {:.2} µs, through one verdict map {:.2} µs, without rules {:.2} µs; \
         median of pairs {:+.1} %",
        micros(services),
        micros(map),
        micros(none),
        (ratio - 1.0) * 100.0
    );
    Ok(())
}
