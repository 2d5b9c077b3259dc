//! What is asked: a pair is a source namespace, a destination address and one port (an echo where nothing listens).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use plumb_trace::Network;
use plumb_trace::session::{Bytes, Flow, Origin, Transport};

use super::classes::classes;
use super::frontends::{self, Led};
use crate::check::Sharing;
use crate::check::policies::{Expected, Judges};
use crate::check::yardstick::{Yardstick, transport};
use crate::names::DNS;
use crate::names::state::own_servers;
use crate::place;

/// Something that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Member that owns the address; `None` for a Service.
    pub(crate) member: Option<usize>,
    /// As a report names it: `pod:default/web-0:8080`.
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    pub(crate) transport: Transport,
    pub(crate) port: u16,
    pub(crate) cluster: String,
    /// Where a Service leads to.
    pub(crate) endpoints: BTreeSet<(IpAddr, u16)>,
    /// Only clients on these nodes can expect an answer.
    pub(crate) only_from_nodes: Option<BTreeSet<String>>,
    /// Only these members ask: those whose name server it is.
    pub(crate) only_from: Option<BTreeSet<usize>>,
}

impl Target {
    /// An address and port that nobody has and everybody may ask for, without a name.
    pub(super) fn plain(address: IpAddr, transport: Transport, port: u16) -> Self {
        Self {
            member: None,
            name: String::new(),
            address,
            transport,
            port,
            cluster: String::new(),
            endpoints: BTreeSet::new(),
            only_from_nodes: None,
            only_from: None,
        }
    }

    fn is_for(&self, member: usize, node: Option<&str>) -> bool {
        if self.only_from.as_ref().is_some_and(|members| !members.contains(&member)) {
            return false;
        }
        self.only_from_nodes.as_ref().is_none_or(|nodes| node.is_some_and(|n| nodes.contains(n)))
    }
}

/// One walk, and the pairs that it answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    /// Index of the asking member, or behind those of somebody outside.
    pub(crate) source: usize,
    /// Index of the target.
    pub(crate) target: usize,
    /// Pairs that no rule, route or set can tell from this one, itself included.
    pub(crate) count: u64,
    /// On a plain host: rules of whoever has the address lead it elsewhere.
    pub(crate) led: Option<Led>,
}

/// Everything that is asked.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) targets: Vec<Target>,
    pub(crate) asks: Vec<Ask>,
    /// What should come of each; all connect where it is empty.
    pub(crate) expected: Vec<Expected>,
    /// Names of the members, and their namespaces; behind them those outside who ask on a plain host.
    pub(crate) sources: Vec<(String, usize)>,
    /// Their addresses.
    pub(crate) addresses: Vec<Vec<IpAddr>>,
    /// Where the packets of each begin.
    pub(crate) origins: Vec<Origin>,
    /// Whether a large payload is asked about: links have different MTUs.
    pub(crate) payload: bool,
    /// Nobody's intention is known.
    pub(crate) plain: bool,
    /// Namespaces whose rules lead more elsewhere than was asked for.
    pub(crate) cut: Vec<usize>,
}

impl Asked {
    /// What should come of a question, by index.
    pub(crate) fn expected(&self, i: usize) -> &Expected {
        self.expected.get(i).unwrap_or(&Expected::Connects)
    }

    /// The flow of a question, by a process of root.
    pub(crate) fn flow(&self, ask: &Ask) -> Flow {
        self.flow_to(ask.source, &self.targets[ask.target])
    }

    /// The same, by its ends.
    pub(super) fn flow_to(&self, source: usize, t: &Target) -> Flow {
        Flow {
            origin: self.origins[source],
            transport: t.transport,
            dst: t.address,
            port: t.port,
            source_port: None,
            uid: 0,
            gid: 0,
            connections: 1,
            bytes: (self.payload && t.transport == Transport::Tcp).then_some(PAYLOAD),
        }
    }
}

/// Every pair of the yardstick, pairs of like members asked once.
pub(crate) fn pairs(net: &Network, yardstick: &Yardstick, judges: &Judges, sharing: Sharing) -> Asked {
    let classes = classes(net.snapshot, yardstick, judges, sharing);
    let mut asked = of_classes(net, yardstick, &classes);
    if yardstick.plain_host {
        asked.cut = frontends::add(net, yardstick, &classes, &mut asked);
    }
    if !judges.is_empty() {
        asked.expected = asked.asks.iter().map(|ask| expected(net, yardstick, judges, &asked, ask)).collect();
    }
    asked
}

/// What policies say of a question.
fn expected(net: &Network, yardstick: &Yardstick, judges: &Judges, asked: &Asked, ask: &Ask) -> Expected {
    expected_as(net, (yardstick, judges), asked, ask, None)
}

/// The same where the request arrives from another address than its client's own.
pub(super) fn expected_as(
    net: &Network,
    (yardstick, judges): (&Yardstick, &Judges),
    asked: &Asked,
    ask: &Ask,
    seen: Option<IpAddr>,
) -> Expected {
    let target = &asked.targets[ask.target];
    let Some(judge) = judges.cluster(&target.cluster) else { return Expected::Connects };
    if target.member.is_some() {
        return judge.of_seen(ask.source, seen, target.address, target.transport, target.port);
    }
    if target.only_from.is_some() {
        return judge.of_server(net, ask.source, &asked.flow(ask));
    }
    let node = yardstick.members[ask.source].node.as_deref();
    // Clients of such a Service are led to endpoints on their own node alone.
    let is_near = |a: IpAddr| match (judge.owner(a).node.as_deref(), node) {
        (Some(a), Some(b)) => target.only_from_nodes.is_none() || a == b,
        _ => true,
    };
    let endpoints = target.endpoints.iter().filter(|(address, _)| is_near(*address));
    judge.of_service_seen(ask.source, seen, target.transport, endpoints)
}

/// Every pair, with the class of each member: one question for all pairs of two classes.
pub(super) fn of_classes(net: &Network, yardstick: &Yardstick, classes: &[usize]) -> Asked {
    let mut asked = Asked {
        sources: yardstick.members.iter().map(|m| (m.name.clone(), m.ns)).collect(),
        addresses: yardstick.members.iter().map(|m| m.addresses.clone()).collect(),
        origins: yardstick.members.iter().map(|m| Origin::Process { ns: m.ns, source: None }).collect(),
        targets: targets(net, yardstick),
        asks: Vec::new(),
        expected: Vec::new(),
        payload: mtus_differ(net),
        plain: yardstick.plain_host,
        cut: Vec::new(),
    };
    let mut size: HashMap<usize, u64> = HashMap::new();
    let mut second: HashMap<usize, usize> = HashMap::new();
    for (m, &class) in classes.iter().enumerate() {
        *size.entry(class).or_default() += 1;
        if m != class {
            second.entry(class).or_insert(m);
        }
    }
    for (s, source) in yardstick.members.iter().enumerate().filter(|(s, m)| m.is_source && classes[*s] == *s)
    {
        let sources = size[&s];
        for (t, target) in asked.targets.iter().enumerate() {
            let of = target.member;
            // One of each class is asked for.
            if of.is_some_and(|m| classes[m] != m) {
                continue;
            }
            // Within a class the second asks the first: nobody asks itself.
            let within = of == Some(s);
            let (asker, count) = match (within, of) {
                (true, _) => match second.get(&s) {
                    Some(&other) => (other, sources * (sources - 1)),
                    None => continue,
                },
                (false, Some(m)) => (s, sources * size[&m]),
                (false, None) => (s, sources),
            };
            // An address that the source has itself (two networks that use the same ones) leads to itself.
            let from = &yardstick.members[asker];
            if of.is_some() && from.addresses.contains(&target.address) {
                continue;
            }
            if target.cluster != source.cluster || !target.is_for(asker, source.node.as_deref()) {
                continue;
            }
            // Nobody without an address of a family asks in it.
            if !from.addresses.iter().any(|a| a.is_ipv4() == target.address.is_ipv4()) {
                continue;
            }
            if yardstick.plain_host && !can_mean(net, from.ns, target.address) {
                continue;
            }
            asked.asks.push(Ask { source: asker, target: t, count, led: None });
        }
    }
    asked
}

/// What is sent and received where MTUs differ: many segments of full size.
const PAYLOAD: Bytes = Bytes { up: 100_000, down: 100_000 };

/// Whether a packet can be too large for a link that it comes to later: not all devices and routes have one MTU.
fn mtus_differ(net: &Network) -> bool {
    let links = net.snapshot.namespaces.iter().flat_map(|n| n.links.items());
    let mut mtus = links.filter(|l| l.is_up() && !l.is_loopback()).map(|l| l.mtu);
    let first = mtus.next();
    let routes = || net.snapshot.namespaces.iter().flat_map(|n| n.routes.items());
    mtus.any(|mtu| Some(mtu) != first) || routes().any(|r| r.metrics.contains_key(&2))
}

/// Whether a namespace of a plain host can mean this machine's owner of an address: it has a route there. Namespaces
/// without one have nothing to do with each other.
pub(super) fn can_mean(net: &Network, ns: usize, address: IpAddr) -> bool {
    net.device_towards(ns, address).is_some()
}

fn targets(net: &Network, yardstick: &Yardstick) -> Vec<Target> {
    let mut all = Vec::new();
    let pod = |m: usize, cluster: &str, name, address, transport, port| Target {
        member: Some(m),
        name,
        cluster: cluster.to_owned(),
        ..Target::plain(address, transport, port)
    };
    for (m, member) in yardstick.members.iter().enumerate().filter(|(_, m)| m.is_target) {
        for &address in &member.addresses {
            let mut served = false;
            for &(_, protocol, port) in member.serves.iter().filter(|(a, _, _)| *a == address) {
                let Some(transport) = transport(protocol) else { continue };
                served = true;
                let several =
                    member.addresses.iter().any(|a| *a != address && a.is_ipv4() == address.is_ipv4());
                let name = name(&member.name, address, Some(port), several);
                all.push(pod(m, &member.cluster, name, address, transport, port));
            }
            if !served {
                let name = name(&member.name, address, None, true);
                all.push(pod(m, &member.cluster, name, address, Transport::Icmp, 0));
            }
        }
    }
    for s in yardstick.services.iter().filter(|s| !s.endpoints.is_empty()) {
        let Some(transport) = transport(s.protocol) else { continue };
        let name = name(&s.name, s.address, Some(s.port), true);
        all.push(Target {
            name,
            cluster: s.cluster.clone(),
            endpoints: s.endpoints.clone(),
            only_from_nodes: s.only_from_nodes.clone(),
            ..Target::plain(s.address, transport, s.port)
        });
    }
    let servers = name_servers(net, yardstick, &all);
    all.extend(servers);
    all
}

/// The name servers of pods' own resolv.conf, asked by datagram and by handshake, where nobody asks them yet.
fn name_servers(net: &Network, yardstick: &Yardstick, known: &[Target]) -> Vec<Target> {
    let mut clients: BTreeMap<(&str, IpAddr), BTreeSet<usize>> = BTreeMap::new();
    let pods = yardstick.members.iter().enumerate().filter(|(_, m)| m.is_source && m.is_target);
    for (i, member) in pods.filter(|_| !yardstick.plain_host) {
        for server in own_servers(net.snapshot, net.namespace(member.ns)) {
            // Its own loopback address leads to itself: a check of the files tells of that.
            let is_near = matches!(server, IpAddr::V6(a) if a.is_unicast_link_local());
            if !server.is_loopback() && !is_near {
                clients.entry((member.cluster.as_str(), server)).or_default().insert(i);
            }
        }
    }
    let is_asked = |cluster: &str, address, transport| {
        known
            .iter()
            .any(|t| t.cluster == cluster && (t.address, t.transport, t.port) == (address, transport, DNS))
    };
    let mut all = Vec::new();
    for ((cluster, address), members) in clients {
        for transport in [Transport::Udp, Transport::Tcp] {
            if is_asked(cluster, address, transport) {
                continue;
            }
            all.push(Target {
                name: format!("nameserver {}", place::endpoint(address, DNS)),
                cluster: cluster.to_owned(),
                only_from: Some(members.clone()),
                ..Target::plain(address, transport, DNS)
            });
        }
    }
    all
}

/// `pod:default/web-0:8080`; with the address where the name alone would not tell it: `pod:default/web-0 [fd00::2]:8080`.
pub(super) fn name(owner: &str, address: IpAddr, port: Option<u16>, with_address: bool) -> String {
    match port {
        Some(port) if address.is_ipv4() && !with_address => format!("{owner}:{port}"),
        port => format!("{owner} {}", place::endpoint(address, port.unwrap_or(0))),
    }
}
