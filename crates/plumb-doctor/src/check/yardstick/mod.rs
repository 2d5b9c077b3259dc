//! What should connect, and to what end: the yardstick that reach is held against.

mod objects;
#[cfg(test)]
mod tests;

pub(crate) use objects::{is_of, slices};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use plumb_api::Object;
use plumb_api::policy::PolicyRef;
use plumb_model::{IpFamily, Namespace, NamespaceId, Owner, Protocol, Socket};
use plumb_trace::Network;
use plumb_trace::session::{Flow, Outcome, Transport};
use plumb_trace::state::NsIndex;

/// A pod, a node, or, on a plain host, a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its namespace.
    pub ns: NsIndex,
    /// As `FROM` names it: `pod:default/web-0`, `node:node-1`, `netns:web`, `host`.
    pub name: String,
    /// Addresses by which others reach it.
    pub addresses: Vec<IpAddr>,
    /// What it serves, by address: what listens there for others, and what its topology says that it serves.
    pub serves: BTreeSet<(IpAddr, Protocol, u16)>,
    /// Whether it asks.
    pub is_source: bool,
    /// Whether others should reach it.
    pub is_target: bool,
    /// Node that it is on, where it is on one.
    pub node: Option<String>,
    /// Cluster that it is of, where a machine holds several labs: nobody reaches another's. On a plain host the network
    /// that devices connect it with: others may use the same addresses.
    pub cluster: String,
}

/// An address and port of a Service, and who should answer there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTarget {
    /// `svc:default/web`
    pub name: String,
    /// Cluster that it is of.
    pub cluster: String,
    /// Address.
    pub address: IpAddr,
    /// Protocol.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
    /// Ready endpoints. Without any the Service is not asked.
    pub endpoints: BTreeSet<(IpAddr, u16)>,
    /// Only clients on these nodes have endpoints (`internalTrafficPolicy: Local`).
    pub only_from_nodes: Option<BTreeSet<String>>,
}

/// A question of `--expect`, resolved.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// As it was written.
    pub from: String,
    /// As it was written.
    pub to: String,
    /// The flow.
    pub flow: Flow,
    /// What should come of it; `None`: anything but that it connects.
    pub outcome: Option<Outcome>,
}

/// What should connect.
#[derive(Clone, Debug, Default)]
pub struct Yardstick {
    /// Where it is known from, as `scope.yardstick` says it.
    pub known_from: Vec<String>,
    /// Everybody who asks and is asked.
    pub members: Vec<Member>,
    /// Services that everybody should reach.
    pub services: Vec<ServiceTarget>,
    /// Objects of the API, by the cluster that they are of: what NetworkPolicies say, and whom.
    pub objects: BTreeMap<String, Vec<Object>>,
    /// Policies of kinds that are not read, by the cluster that they are of.
    pub foreign: BTreeMap<String, Vec<PolicyRef>>,
    /// What of the API was needed and could not be read, in sentences.
    pub unread: Vec<String>,
    /// Namespaces that are nobody's by the API, and are not asked.
    pub nobodys: Vec<String>,
    /// Questions of `--expect`.
    pub expectations: Vec<Expectation>,
    /// Namespaces that are looked at, by index; all where `None`.
    pub only: Option<BTreeSet<NsIndex>>,
    /// Nobody's intention is known: only what no one can have meant is a finding.
    pub plain_host: bool,
}

impl Yardstick {
    /// From what a snapshot knows: its pods and nodes, by the rules of the Kubernetes network model; without any, the
    /// namespaces of a plain host.
    #[must_use]
    pub fn of_snapshot(net: &Network, only: Option<BTreeSet<NsIndex>>) -> Self {
        let all = &net.snapshot.namespaces;
        let here: Vec<NsIndex> =
            (0..all.len()).filter(|i| only.as_ref().is_none_or(|only| only.contains(i))).collect();
        let owned =
            here.iter().any(|&i| matches!(all[i].owner, Some(Owner::Pod { .. })) || all[i].node.is_some());
        if !owned {
            let networks = networks(net);
            let member = |&ns: &NsIndex| {
                let cluster = networks.get(&net.namespace(ns).id).cloned().unwrap_or_default();
                Member { cluster, ..plain(net, ns) }
            };
            let members = here.iter().map(member).collect();
            let known_from = vec!["host".to_owned()];
            return Self { known_from, members, plain_host: true, only, ..Self::default() };
        }
        let members =
            here.iter().filter_map(|&ns| owned_member(net, ns).or_else(|| on_node(net, ns))).collect();
        Self { known_from: vec!["model".to_owned()], members, only, ..Self::default() }
    }

    /// Whether a namespace is looked at.
    #[must_use]
    pub fn looks_at(&self, ns: NsIndex) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&ns))
    }

    /// The member whose namespace this is.
    #[must_use]
    pub fn member(&self, ns: NsIndex) -> Option<&Member> {
        self.members.iter().find(|m| m.ns == ns)
    }

    /// The member with this namespace, to change.
    pub fn member_mut(&mut self, ns: NsIndex) -> Option<&mut Member> {
        self.members.iter_mut().find(|m| m.ns == ns)
    }
}

/// The namespaces that devices connect, by the name of the first of them.
fn networks(net: &Network) -> HashMap<NamespaceId, String> {
    let mut all = HashMap::new();
    for n in &net.snapshot.namespaces {
        if !all.contains_key(&n.id) {
            let connected = net.snapshot.connected(BTreeSet::from([n.id]));
            all.extend(connected.into_iter().map(|id| (id, n.name.clone())));
        }
    }
    all
}

fn owned_member(net: &Network, ns: NsIndex) -> Option<Member> {
    let n = net.namespace(ns);
    let (name, is_target, node) = match n.owner.as_ref()? {
        Owner::Pod { namespace, name, node } => (format!("pod:{namespace}/{name}"), true, node.clone()),
        // Nodes ask; that pods reach nodes is no rule of the model.
        Owner::Node { node } => (format!("node:{node}"), false, node.clone()),
        Owner::Other { .. } => return None,
    };
    let addresses = global_addresses(n);
    let serves = listening(n, &addresses);
    Some(Member {
        ns,
        name,
        addresses,
        serves,
        is_source: true,
        is_target,
        node: Some(node),
        cluster: String::new(),
    })
}

/// A namespace of one of several nodes that nobody's name is known of: a pod, by all that can be told.
fn on_node(net: &Network, ns: NsIndex) -> Option<Member> {
    let n = net.namespace(ns);
    let node = n.node.clone().filter(|_| n.owner.is_none())?;
    let member = Member { node: Some(node), ..plain(net, ns) };
    (!member.addresses.is_empty()).then_some(member)
}

fn plain(net: &Network, ns: NsIndex) -> Member {
    let n = net.namespace(ns);
    let name = if n.own { "host".to_owned() } else { format!("netns:{}", n.name) };
    let addresses = global_addresses(n);
    let serves = listening(n, &addresses);
    Member {
        ns,
        name,
        addresses,
        serves,
        is_source: true,
        is_target: true,
        node: None,
        cluster: String::new(),
    }
}

/// Addresses that others can dial: global ones of devices that are not the loopback, and that are in use.
#[must_use]
pub fn global_addresses(n: &Namespace) -> Vec<IpAddr> {
    const GLOBAL: u8 = 0;
    let unusable = plumb_model::Address::TENTATIVE | plumb_model::Address::DADFAILED;
    n.addresses
        .items()
        .iter()
        .filter(|a| a.scope == GLOBAL && a.flags & unusable == 0)
        .filter(|a| !n.link(a.index).is_some_and(plumb_model::Link::is_loopback))
        .map(|a| a.prefix.addr)
        .collect()
}

/// What listens for others, by the address that it takes connections to. A listener of one family says nothing about the
/// other.
#[must_use]
pub fn listening(n: &Namespace, addresses: &[IpAddr]) -> BTreeSet<(IpAddr, Protocol, u16)> {
    let mut all = BTreeSet::new();
    for s in n.sockets.items().iter().filter(|s| s.is_listening()) {
        // A UDP socket on a port of the ephemeral range is a client's as a rule (a resolver's, say).
        if s.protocol == Protocol::UDP && (is_ephemeral(n, s.sport) || is_a_tunnels(n, s.sport)) {
            continue;
        }
        all.extend(addresses.iter().filter(|a| takes(s, **a)).map(|a| (*a, s.protocol, s.sport)));
    }
    all
}

/// Whether a UDP port is where a tunnel device takes what it unwraps: the kernel's own socket, which answers nobody
/// (`udp_tunnel_sock_create`).
fn is_a_tunnels(n: &Namespace, port: u16) -> bool {
    let port = port.to_string();
    let takes = |l: &plumb_model::Link| ["dstport", "port"].iter().any(|k| l.settings.get(*k) == Some(&port));
    n.links.items().iter().any(|l| matches!(l.kind.as_str(), "vxlan" | "geneve" | "bareudp") && takes(l))
}

fn is_ephemeral(n: &Namespace, port: u16) -> bool {
    let range = n.sysctls.text("net.ipv4.ip_local_port_range").unwrap_or("32768 60999");
    let mut bounds = range.split_whitespace().filter_map(|w| w.parse::<u16>().ok());
    let (first, last) = (bounds.next().unwrap_or(32768), bounds.next().unwrap_or(60999));
    (first..=last).contains(&port)
}

/// Whether a listener takes what comes to an address.
fn takes(s: &Socket, address: IpAddr) -> bool {
    if !s.src.is_unspecified() {
        return s.src == address;
    }
    s.family == IpFamily::of(address) || (s.family == IpFamily::V6 && s.v6only == Some(false))
}

/// How a port is asked.
#[must_use]
pub fn transport(protocol: Protocol) -> Option<Transport> {
    match protocol {
        Protocol::TCP => Some(Transport::Tcp),
        Protocol::UDP => Some(Transport::Udp),
        _ => None,
    }
}
