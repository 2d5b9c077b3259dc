//! The network that cases run on: three namespaces, made once, and sockets that stay.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use plumb_kernel::{NamespaceHandle, NamespaceWriter, Options};
use plumb_model::Snapshot;

use super::case::Place;
use super::ruleset::SENTINEL_PORT;
use crate::error::{Failure, Result};
use crate::netns::{self, Namespace};
use crate::shell;

/// Devices, addresses, routes. Neighbours are entered by hand, so that no discovery passes the rules.
const BUILD: &str = r#"
for n in "$client" "$router" "$server"; do
  ip netns exec "$n" sysctl -qew net.ipv6.bindv6only=1 net.ipv4.tcp_synack_retries=0 \
    net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0 net.ipv4.ip_forward=1 \
    net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.route_localnet=0 net.ipv4.icmp_ratelimit=0 \
    net.ipv6.icmp.ratelimit=0 net.ipv4.icmp_msgs_per_sec=1000000 net.ipv4.icmp_msgs_burst=100000
done
ip -n "$router" link add c0 address 02:00:00:00:01:01 type veth peer name eth0 address 02:00:00:00:01:02 netns "$client"
ip -n "$router" link add s0 address 02:00:00:00:02:01 type veth peer name eth0 address 02:00:00:00:02:02 netns "$server"
ip -n "$client" addr add 10.77.1.2/24 dev eth0; ip -n "$client" addr add fd77:1::2/64 dev eth0 nodad
ip -n "$router" addr add 10.77.1.1/24 dev c0; ip -n "$router" addr add fd77:1::1/64 dev c0 nodad
ip -n "$router" addr add 10.77.2.1/24 dev s0; ip -n "$router" addr add fd77:2::1/64 dev s0 nodad
for a in 2 3; do ip -n "$server" addr add "10.77.2.$a/24" dev eth0; ip -n "$server" addr add "fd77:2::$a/64" dev eth0 nodad; done
ip -n "$client" link set eth0 up; ip -n "$server" link set eth0 up; ip -n "$router" link set c0 up; ip -n "$router" link set s0 up
ip -n "$client" route add default via 10.77.1.1; ip -n "$client" -6 route add default via fd77:1::1
ip -n "$server" route add default via 10.77.2.1; ip -n "$server" -6 route add default via fd77:2::1
for f in -4 -6; do
  ip -n "$router" $f rule add pref 1000 fwmark 0x40/0x40 lookup 100
  ip -n "$router" $f route add unreachable default table 100
done
neigh() { ip -n "$1" neigh replace "$2" lladdr "$3" dev "$4" nud permanent; }
neigh "$client" 10.77.1.1 02:00:00:00:01:01 eth0; neigh "$client" fd77:1::1 02:00:00:00:01:01 eth0
neigh "$router" 10.77.1.2 02:00:00:00:01:02 c0; neigh "$router" fd77:1::2 02:00:00:00:01:02 c0
for a in 2 3; do neigh "$router" "10.77.2.$a" 02:00:00:00:02:02 s0; neigh "$router" "fd77:2::$a" 02:00:00:00:02:02 s0; done
neigh "$server" 10.77.2.1 02:00:00:00:02:01 eth0; neigh "$server" fd77:2::1 02:00:00:00:02:01 eth0
"#;

/// Where something listens, for UDP and TCP alike.
const LISTENERS: &[(Place, &str)] = &[
    (Place::Server, "10.77.2.2:53"),
    (Place::Server, "10.77.2.2:80"),
    (Place::Server, "10.77.2.2:1000"),
    (Place::Server, "10.77.2.3:53"),
    (Place::Server, "10.77.2.3:8080"),
    (Place::Server, "0.0.0.0:7000"),
    (Place::Server, "[fd77:2::2]:53"),
    (Place::Server, "[fd77:2::2]:80"),
    (Place::Server, "[fd77:2::2]:1000"),
    (Place::Server, "[fd77:2::3]:53"),
    (Place::Server, "[fd77:2::3]:8080"),
    (Place::Server, "[::]:7000"),
    (Place::Router, "0.0.0.0:53"),
    (Place::Router, "0.0.0.0:3000"),
    (Place::Router, "[::]:53"),
    (Place::Router, "[::]:3000"),
    (Place::Client, "0.0.0.0:4000"),
    (Place::Client, "[::]:4000"),
];

/// Both listeners at one address and port.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) place: Place,
    pub(super) at: SocketAddr,
    pub(super) udp: UdpSocket,
    pub(super) tcp: TcpListener,
}

/// The network.
#[derive(Debug)]
pub struct Network {
    pub(super) writers: Vec<NamespaceWriter>,
    pub(super) handles: Vec<NamespaceHandle>,
    pub(super) listeners: Vec<Listener>,
    pub(super) sentinels: [UdpSocket; 2],
    /// As it is with no rules loaded.
    pub(super) base: Snapshot,
    /// Index of each place in the snapshot.
    pub(super) at: [usize; 3],
    /// Whether a place may hold ipsets of a case before.
    pub(super) filled: [bool; 3],
    names: Vec<String>,
    _namespaces: Vec<Namespace>,
}

pub(super) fn failed<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> Failure {
    let what = what.to_owned();
    move |e| Failure::Agent { what: what.clone(), why: e.to_string() }
}

impl Network {
    /// Makes it.
    pub fn build() -> Result<Self> {
        netns::need_root()?;
        let prefix = netns::unique_prefix();
        let names: Vec<String> = Place::ALL.iter().map(|p| format!("{prefix}{}", p.name())).collect();
        let namespaces = names.iter().map(|n| Namespace::create(n.clone())).collect::<Result<Vec<_>>>()?;
        let variables: Vec<(String, String)> =
            Place::ALL.iter().zip(&names).map(|(p, n)| (p.name().to_owned(), n.clone())).collect();
        shell::run("building the network", BUILD, &variables)?;
        let open = |n: &String| NamespaceHandle::open(format!("/run/netns/{n}"));
        let handles =
            names.iter().map(open).collect::<plumb_kernel::Result<Vec<_>>>().map_err(failed("enter"))?;
        let writers = handles
            .iter()
            .map(NamespaceWriter::new)
            .collect::<plumb_kernel::Result<Vec<_>>>()
            .map_err(failed("open netlink"))?;
        let mut listeners = Vec::new();
        for (place, at) in LISTENERS {
            let at: SocketAddr = at.parse().map_err(failed("read an address"))?;
            let handle = &handles[place.index()];
            let (udp, tcp) = handle
                .run(|| Ok::<_, std::io::Error>((UdpSocket::bind(at)?, TcpListener::bind(at)?)))
                .map_err(failed("enter"))?
                .map_err(failed(&format!("listen on {at}")))?;
            udp.set_nonblocking(true).map_err(failed("set up a socket"))?;
            tcp.set_nonblocking(true).map_err(failed("set up a socket"))?;
            listeners.push(Listener { place: *place, at, udp, tcp });
        }
        let client = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 77, 1, 2)), SENTINEL_PORT);
        let server = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 77, 2, 2)), SENTINEL_PORT);
        let sentinel = |place: Place, from: SocketAddr, to: SocketAddr| -> Result<UdpSocket> {
            let socket = handles[place.index()]
                .run(|| {
                    let s = UdpSocket::bind(from)?;
                    s.connect(to)?;
                    s.set_read_timeout(Some(Duration::from_secs(1)))?;
                    Ok::<_, std::io::Error>(s)
                })
                .map_err(failed("enter"))?;
            socket.map_err(failed("make a sentinel's socket"))
        };
        let sentinels = [sentinel(Place::Client, client, server)?, sentinel(Place::Server, server, client)?];
        let options = Options { only: Some(names.clone()), ..Options::default() };
        let base = plumb_kernel::snapshot(&options).map_err(failed("read the namespaces"))?;
        let mut at = [0; 3];
        for (slot, name) in at.iter_mut().zip(&names) {
            let found = base.namespaces.iter().position(|n| n.name == *name);
            *slot = found.ok_or_else(|| failed("find a namespace in the snapshot")(name))?;
        }
        Ok(Self {
            writers,
            handles,
            listeners,
            sentinels,
            base,
            at,
            filled: [false; 3],
            names,
            _namespaces: namespaces,
        })
    }

    /// Names of the namespaces, in the order of [`Place::ALL`].
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What a datagram from the client to the server and one back take the kernel, on one processor.
    pub fn kernel_round_trips(&mut self, count: u32) -> Result<Duration> {
        let began = std::time::Instant::now();
        for _ in 0..count {
            self.round_trip()?;
        }
        Ok(began.elapsed() / count.max(1))
    }

    /// Sends a sentinel from the client to the server and one back: what was sent before has arrived or never will, as
    /// all of it queues up on one processor.
    pub fn round_trip(&mut self) -> Result<()> {
        let [client, server] = &self.sentinels;
        let mut buffer = [0; 16];
        for (from, to) in [(client, server), (server, client)] {
            from.send(b"sentinel").map_err(failed("send a sentinel"))?;
            to.recv(&mut buffer).map_err(failed("wait for a sentinel"))?;
        }
        Ok(())
    }
}

/// The unspecified address of the family of another.
pub(super) fn any(of: IpAddr) -> IpAddr {
    match of {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// Keeps the calling thread on one processor, so that packets keep their order.
pub fn pin_to_one_processor() -> Result<()> {
    let allowed = rustix::thread::sched_getaffinity(None).map_err(failed("read the processors"))?;
    let first = (0..rustix::thread::CpuSet::MAX_CPU).find(|c| allowed.is_set(*c)).unwrap_or(0);
    let mut one = rustix::thread::CpuSet::new();
    one.set(std::env::var("PLUMB_FUZZ_CPU").ok().and_then(|c| c.parse().ok()).unwrap_or(first));
    rustix::thread::sched_setaffinity(None, &one).map_err(failed("stay on one processor"))
}
