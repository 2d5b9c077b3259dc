//! The network between the nodes, as a namespace: a bridge a segment, a router for gateways that no node owns.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{JoinNote, Segment, UNDERLAY};
use crate::{
    Address, Bridge, BridgePort, IpFamily, Link, Mac, Namespace, NamespaceId, NextHop, Owner, Peer, Prefix,
    Read, Route, RouteKind, Snapshot, Sysctls,
};

/// A device of a node by which its packets leave what the files cover.
struct Uplink {
    /// Index of the namespace.
    ns: usize,
    /// Index of the device there.
    device: u32,
    node: String,
    name: String,
    mac: Option<Mac>,
    mtu: u32,
    /// Networks that it has addresses in.
    networks: BTreeSet<Prefix>,
}

/// Connects the uplinks that have addresses in one network.
pub(super) fn connect(whole: &mut Snapshot, notes: &mut Vec<JoinNote>) -> Vec<Segment> {
    let uplinks = uplinks(whole);
    let groups = groups(&uplinks);
    for u in uplinks.iter().enumerate().filter(|(i, _)| !groups.iter().any(|g| g.contains(i))).map(|(_, u)| u)
    {
        notes.push(JoinNote::Alone { node: u.node.clone(), device: u.name.clone() });
    }
    if groups.is_empty() {
        return Vec::new();
    }
    let gateways = gateways(whole);
    let mut between = Wiring::new();
    let mut segments = Vec::new();
    for group in &groups {
        let bridge = between.bridge();
        for u in group.iter().map(|&i| &uplinks[i]) {
            let port = between.port(bridge, u, whole);
            let link = whole.namespaces[u.ns]
                .links
                .value_mut()
                .and_then(|links| links.iter_mut().find(|l| l.index == u.device));
            if let Some(link) = link {
                // A cable: what goes in at one end comes out at the other, as on a veth pair.
                "veth".clone_into(&mut link.kind);
                link.peer = Some(Peer { namespace: between.n.id, index: port });
                link.carrier = Some(link.flags & Link::LOWER_UP != 0);
            }
        }
        let networks: BTreeSet<Prefix> = group.iter().flat_map(|&i| uplinks[i].networks.clone()).collect();
        for network in &networks {
            for gateway in gateways.iter().filter(|g| network.contains(**g)) {
                between.address(bridge, *gateway, network.len);
            }
            let ends = group.iter().map(|&i| &uplinks[i]).filter(|u| u.networks.contains(network));
            let uplinks = ends.map(|u| (u.node.clone(), u.name.clone())).collect();
            segments.push(Segment { prefix: *network, uplinks });
        }
    }
    between.beyond();
    whole.namespaces.push(between.n);
    segments
}

/// Devices of nodes' own namespaces that carry addresses and whose other end no file covers.
fn uplinks(whole: &Snapshot) -> Vec<Uplink> {
    let covered: BTreeSet<NamespaceId> = whole.namespaces.iter().map(|n| n.id).collect();
    let mut all = Vec::new();
    for (ns, n) in whole.namespaces.iter().enumerate() {
        if !matches!(n.owner, Some(Owner::Node { .. })) {
            continue;
        }
        for l in n.links.items().iter().filter(|l| l.is_up() && !l.is_loopback()) {
            let leaves = match l.kind.as_str() {
                "" => true,
                "veth" => l.peer.is_none_or(|p| !covered.contains(&p.namespace)),
                _ => false,
            };
            let networks: BTreeSet<Prefix> = n
                .addresses
                .items()
                .iter()
                .filter(|a| a.index == l.index && a.scope == 0 && !a.prefix.is_host())
                .map(|a| a.prefix.masked())
                .collect();
            if leaves && !networks.is_empty() {
                all.push(Uplink {
                    ns,
                    device: l.index,
                    node: n.node.clone().unwrap_or_default(),
                    name: l.name.clone(),
                    mac: l.mac,
                    mtu: l.mtu,
                    networks,
                });
            }
        }
    }
    all
}

/// Uplinks that share a network, directly or by way of others; alone they are no segment.
fn groups(uplinks: &[Uplink]) -> Vec<Vec<usize>> {
    let mut of_network: BTreeMap<Prefix, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (i, u) in uplinks.iter().enumerate() {
        let known: BTreeSet<usize> = u.networks.iter().filter_map(|p| of_network.get(p).copied()).collect();
        let at = known.first().copied().unwrap_or_else(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        for other in known.iter().skip(1) {
            let moved = std::mem::take(&mut groups[*other]);
            groups[at].extend(moved);
            of_network.values_mut().filter(|g| *g == other).for_each(|g| *g = at);
        }
        groups[at].push(i);
        of_network.extend(u.networks.iter().map(|p| (*p, at)));
    }
    groups.retain(|g| g.len() > 1);
    groups
}

/// Next hops of the nodes' routes that no file owns.
fn gateways(whole: &Snapshot) -> BTreeSet<IpAddr> {
    let owned: BTreeSet<IpAddr> =
        whole.namespaces.iter().flat_map(|n| n.addresses.items()).map(|a| a.prefix.addr).collect();
    whole
        .namespaces
        .iter()
        .flat_map(|n| n.routes.items())
        .flat_map(|r| &r.next_hops)
        .filter_map(|h| h.gateway)
        .filter(|g| !owned.contains(g))
        .collect()
}

/// The namespace between the nodes, being made.
struct Wiring {
    n: Namespace,
    links: Vec<Link>,
    addresses: Vec<Address>,
    routes: Vec<Route>,
}

impl Wiring {
    fn new() -> Self {
        let mut n = Namespace::empty(NamespaceId(0), UNDERLAY);
        n.owner = Some(Owner::Other { name: UNDERLAY.to_owned() });
        let mut sysctls = Sysctls::default();
        for (name, value) in [
            ("net.ipv4.ip_forward", "1"),
            ("net.ipv6.conf.all.forwarding", "1"),
            ("net.bridge.bridge-nf-call-iptables", "0"),
            ("net.bridge.bridge-nf-call-ip6tables", "0"),
        ] {
            sysctls.0.insert(name.to_owned(), Read::Got(value.to_owned()));
        }
        n.sysctls = sysctls;
        Self { n, links: Vec::new(), addresses: Vec::new(), routes: Vec::new() }
    }

    fn link(&mut self, link: Link) -> u32 {
        let index = self.links.len() as u32 + 1;
        for (family, name) in [("ipv4", "forwarding"), ("ipv6", "forwarding")] {
            let name = format!("net.{family}.conf.{}.{name}", link.name);
            self.n.sysctls.0.insert(name, Read::Got("1".to_owned()));
        }
        let up = Link::UP | Link::RUNNING | Link::LOWER_UP | Link::BROADCAST;
        self.links.push(Link { index, flags: link.flags | up, operstate: 6, carrier: Some(true), ..link });
        index
    }

    fn bridge(&mut self) -> u32 {
        let number = self.links.iter().filter(|l| l.kind == "bridge").count();
        self.link(Link {
            name: format!("segment{number}"),
            kind: "bridge".to_owned(),
            hardware_type: 1,
            mac: Some(own_mac(number)),
            mtu: 65535,
            bridge: Some(Bridge { ageing_time: 30000, ..Bridge::default() }),
            ..Link::default()
        })
    }

    fn port(&mut self, bridge: u32, u: &Uplink, whole: &Snapshot) -> u32 {
        let id = whole.namespaces[u.ns].id;
        let number = self.links.len();
        self.link(Link {
            name: format!("{}.{}", u.node, u.name),
            kind: "veth".to_owned(),
            hardware_type: 1,
            mac: u.mac.map(|_| own_mac(0x10000 + number)),
            mtu: u.mtu,
            master: Some(bridge),
            peer: Some(Peer { namespace: id, index: u.device }),
            port: Some(BridgePort::default()),
            ..Link::default()
        })
    }

    /// A gateway's address on a segment, with the routes that come with it.
    fn address(&mut self, bridge: u32, addr: IpAddr, len: u8) {
        let prefix = Prefix::new(addr, len);
        self.addresses.push(Address::permanent(bridge, prefix));
        let (local, link) = (Prefix::host(addr), prefix.masked());
        self.route(RouteKind::Local, Route::TABLE_LOCAL, local, bridge, 254);
        self.route(RouteKind::Unicast, Route::TABLE_MAIN, link, bridge, 253);
    }

    fn route(&mut self, kind: RouteKind, table: u32, dst: Prefix, device: u32, scope: u8) {
        let family = dst.family();
        self.routes.push(Route {
            family,
            table,
            kind,
            dst,
            src: None,
            tos: 0,
            priority: if family == IpFamily::V6 { 1024 } else { 0 },
            protocol: 2,
            scope,
            prefsrc: None,
            next_hops: vec![NextHop { gateway: None, oif: Some(device), weight: 1, flags: 0 }],
            nexthop_id: None,
            flags: 0,
            pref: 0,
            metrics: BTreeMap::new(),
            unknown_attributes: Vec::new(),
        });
    }

    /// The way to everything that no file knows: a device that nobody is at the other end of.
    fn beyond(&mut self) {
        let device = self.link(Link {
            name: "beyond".to_owned(),
            hardware_type: 1,
            mtu: 65535,
            flags: Link::NOARP,
            ..Link::default()
        });
        for family in [IpFamily::V4, IpFamily::V6] {
            let all = Prefix::new(family.unspecified(), 0);
            self.route(RouteKind::Unicast, Route::TABLE_MAIN, all, device, 253);
        }
        self.n.links = Read::Got(std::mem::take(&mut self.links));
        self.n.addresses = Read::Got(std::mem::take(&mut self.addresses));
        self.n.routes = Read::Got(std::mem::take(&mut self.routes));
        self.n.rules = Read::Got(crate::PolicyRule::defaults());
        self.n.neighbours = Read::Got(Vec::new());
        self.n.fdb = Read::Got(Vec::new());
        self.n.sockets = Read::Got(Vec::new());
    }
}

/// A locally administered address that no node has by chance.
fn own_mac(number: usize) -> Mac {
    let n = (number as u32).to_be_bytes();
    Mac([0x02, 0x70, n[0], n[1], n[2], n[3]])
}
