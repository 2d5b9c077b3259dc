//! What is wrong with how a namespace looks names up, whatever name is asked for: pure, for checks.

use std::net::IpAddr;

use plumb_model::{NameServer, Namespace, Owner, Protocol, Resolver, Snapshot};
use plumb_trace::Network;
use plumb_trace::session::{Flow, Origin, Outcome, Transport};
use plumb_trace::state::NsIndex;

use super::plan::Plan;
use super::servers::written;
use super::{DNS, NameFinding};
use crate::diagnose::walk;
use crate::place;
use crate::report::Place;

/// A finding with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What.
    pub finding: NameFinding,
    /// Where.
    pub place: Place,
}

/// A name from outside that stands for those whose dots are fewer than `ndots`: `api.example.com` has two.
const OUTSIDE: &str = "name.example.com";
/// More questions than this for one name from outside are told: the name, and three domains before it, are a pod's own.
const USUAL_QUERIES: usize = 4;

/// A namespace's own files; none where they are somebody else's. A pod whose files have a path of the machine's has its own where
/// they hold something else than the machine's (a lab's pods).
#[must_use]
pub fn own_files<'s>(snapshot: &'s Snapshot, n: &'s Namespace) -> Option<&'s Resolver> {
    let host = || snapshot.namespaces.iter().find(|o| o.own && o.node == n.node);
    let differs = |r: &Resolver| {
        let of_host = host().and_then(|o| o.resolver.value());
        matches!(n.owner, Some(Owner::Pod { .. })) && of_host.is_some_and(|o| o.conf != r.conf)
    };
    n.resolver.value().filter(|r| is_its_own(n, r) || differs(r))
}

/// The name servers that a namespace's own files name: the three that are asked.
#[must_use]
pub fn own_servers(snapshot: &Snapshot, n: &Namespace) -> Vec<IpAddr> {
    let Some(resolver) = own_files(snapshot, n) else { return Vec::new() };
    if resolver.conf.value().is_none() {
        return Vec::new();
    }
    Plan::new(resolver, OUTSIDE).servers.iter().map(|s| s.address).collect()
}

/// Who has an address that a namespace asks for names without leaving its machine: itself, or, for a pod, its node (a node-local
/// cache).
#[must_use]
pub fn local_owner(net: &Network, ns: NsIndex, address: IpAddr) -> Option<NsIndex> {
    let n = net.namespace(ns);
    if is_here(n, address) {
        return Some(ns);
    }
    let Some(Owner::Pod { node: of_pod, .. }) = &n.owner else { return None };
    let is_its_node = |o: &Namespace| matches!(&o.owner, Some(Owner::Node { node }) if node == of_pod);
    let node = net.snapshot.namespaces.iter().position(is_its_node)?;
    is_here(net.namespace(node), address).then_some(node)
}

/// Whether the files are the namespace's own. In one that has no process with files of its own, whoever starts one decides.
fn is_its_own(n: &Namespace, resolver: &Resolver) -> bool {
    let path = &resolver.paths[0];
    n.own || path.starts_with("/proc/") || path.starts_with("/etc/netns/")
}

/// What can be said of a namespace's own files.
#[must_use]
pub fn findings(net: &Network, ns: NsIndex) -> Vec<Found> {
    let n = net.namespace(ns);
    let Some(resolver) = own_files(net.snapshot, n).filter(|r| !r.conf.is_denied()) else {
        return Vec::new();
    };
    let path = &resolver.paths[0];
    let plan = Plan::new(resolver, OUTSIDE);
    let mut all = Vec::new();
    if !plan.unasked.is_empty() {
        all.push(Found {
            finding: NameFinding::ServersBeyondThree {
                namespace: n.name.clone(),
                servers: plan.unasked.iter().map(written).collect(),
                path: path.clone(),
            },
            place: at(net, ns, path, &format!("nameserver {}", written(&plan.unasked[0]))),
        });
    }
    // Without any resolv.conf nobody meant to ask.
    if !resolver.conf.is_absent() {
        let local = |s: &NameServer| Some((s.clone(), local_owner(net, ns, s.address)?));
        let dead = |(s, owner): &(NameServer, NsIndex)| !listens(net.namespace(*owner), s.address);
        for (server, owner) in plan.servers.iter().filter_map(local).filter(dead) {
            // Rules may lead elsewhere, as those of 127.0.0.11 in a container do.
            let flow = Flow {
                origin: Origin::Process { ns, source: None },
                transport: Transport::Udp,
                dst: server.address,
                port: DNS,
                source_port: None,
                uid: 0,
                gid: 0,
                connections: 1,
                bytes: None,
            };
            if walk(net, &flow).attempt.outcome != Outcome::Refused {
                continue;
            }
            all.push(local_down(net, ns, owner, &server, path));
        }
    }
    if plan.queries.len() > USUAL_QUERIES && plan.options.ndots > 2 {
        all.push(Found {
            finding: NameFinding::SearchExplosion {
                namespace: n.name.clone(),
                ndots: plan.options.ndots,
                queries: plan.queries.len() * if plan.options.no_aaaa { 1 } else { 2 },
                path: path.clone(),
            },
            place: at(net, ns, path, &format!("options ndots:{}", plan.options.ndots)),
        });
    }
    all
}

/// Nobody answers at an address of the namespace itself, or of its node.
pub(crate) fn local_down(
    net: &Network,
    ns: NsIndex,
    owner: NsIndex,
    server: &NameServer,
    path: &str,
) -> Found {
    Found {
        finding: NameFinding::LocalServerDown {
            namespace: net.namespace(ns).name.clone(),
            server: written(server),
            owner: net.namespace(owner).name.clone(),
            path: path.to_owned(),
        },
        place: place::missing_socket(net, owner, Protocol::UDP, server.address, DNS),
    }
}

fn at(net: &Network, ns: NsIndex, path: &str, line: &str) -> Place {
    super::resolve::file(net, ns, path, line)
}

/// Whether the namespace has the address itself.
fn is_here(n: &Namespace, address: IpAddr) -> bool {
    address.is_loopback() || n.addresses.items().iter().any(|a| a.prefix.addr == address)
}

/// Whether a UDP socket there takes what is sent to port 53. Where sockets could not be read it is taken to.
fn listens(n: &Namespace, address: IpAddr) -> bool {
    let Some(sockets) = n.sockets.value() else { return true };
    sockets.iter().any(|s| {
        let open = s.protocol == Protocol::UDP && s.sport == DNS;
        open && (s.src == address || s.src.is_unspecified())
    })
}
