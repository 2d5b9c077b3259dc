//! A question about a flow, asked of a snapshot: what `trace` and `diagnose` share.

use std::collections::BTreeSet;
use std::net::IpAddr;

use plumb_doctor::diagnose::Question;
use plumb_doctor::names::{Cluster, NameError, NameQuestion};
use plumb_doctor::owners;
use plumb_doctor::resolve::{self, ResolveError, Who};
use plumb_kernel::Parts;
use plumb_lab::ClusterNames;
use plumb_model::{NamespaceId, Snapshot};
use plumb_trace::Network;
use plumb_trace::session::{Flow, Origin, Transport};

use super::known::{self, Known, Need};
use super::objects::{self, Client, Objects};
use super::{Context, source};
use crate::endpoint::From;
use crate::error::Error;
use crate::file;
use crate::flow::{Destination, FlowArgs, FlowProtocol, Question as Asked};
use crate::lang;

/// What is known of the cluster that the question is about. What it needs must be readable.
pub(super) fn known(args: &FlowArgs, context: &Context) -> Result<Known, Error> {
    let known = known::read(&args.manifests, &args.api, Need::Flow, context)?;
    if known.unread.is_empty() {
        return Ok(known);
    }
    let problems = known.unread.iter().map(|u| lang::notice::unread(context.lang(), u)).collect();
    Err(Error::NoObjects { problems })
}

/// Reads what the question is asked of, with the names that the objects give: the namespaces that the two ends are
/// connected with, and plumb's own. Others of the machine may have the same addresses, and are none of its business.
pub(super) fn snapshot(
    args: &FlowArgs,
    asked: &Asked,
    known: &Known,
    context: &Context,
) -> Result<Snapshot, Error> {
    if let Some(path) = args.snapshot.as_deref() {
        let mut snapshot = file::read(path)?;
        known.name_owners(&mut snapshot, context);
        if let Some(around) = around(&snapshot, asked) {
            snapshot.namespaces.retain(|n| around.contains(&n.id));
        }
        return Ok(snapshot);
    }
    let mut links = source::links()?;
    owners::name(&mut links, &known.objects);
    let only = around(&links, asked).map(|ids| ids.iter().map(ToString::to_string).collect());
    // What is counted decides nothing.
    let parts = Parts { statistics: false, ..Parts::default() };
    let mut snapshot = source::live(context, only, parts)?;
    known.name_owners(&mut snapshot, context);
    Ok(snapshot)
}

/// The namespaces that a question can be about; `None` where that cannot be told, and it may be about any.
fn around(snapshot: &Snapshot, asked: &Asked) -> Option<BTreeSet<NamespaceId>> {
    let net = Network::compile(snapshot);
    let id = |who: &Who| resolve::namespace(&net, who).ok().map(|ns| net.namespace(ns).id);
    let from = match who(&asked.from) {
        // Several may have it, or nobody.
        Who::Address(_) => return None,
        who => id(&who)?,
    };
    let mut ends = BTreeSet::from([from]);
    if let Destination::Owner { owner, .. } = &asked.to {
        // A Pod of its node's network is where its node is, which only its object tells.
        ends.insert(id(&who(owner))?);
    }
    let mut around = snapshot.connected(ends);
    around.extend(snapshot.namespaces.iter().filter(|n| n.own).map(|n| n.id));
    Some(around)
}

/// What is asked of a snapshot.
pub(super) enum Resolved {
    /// A flow to an address.
    Flow(Question),
    /// A flow to a name, which is looked up first.
    Name(NameQuestion),
}

/// Resolves whom the question is about.
pub(super) fn resolve(
    net: &Network,
    args: &FlowArgs,
    asked: &Asked,
    known: &Known,
    context: &Context,
) -> Result<Resolved, Error> {
    let origin = origin(net, &asked.from, known)?;
    let known = Objects { given: &known.objects, live: args.snapshot.is_none() && !known.is_whole };
    let client = Client { net, origin, from: &asked.from, protocol: api_protocol(asked.protocol) };
    let (dst, port) = match &asked.to {
        Destination::Address { address, port } => (*address, *port),
        // Any address, until the name is looked up.
        Destination::Name { port, .. } => (IpAddr::from([0; 4]), *port),
        Destination::Owner { owner, port } => {
            let (address, port) = objects::owner(&client, owner, port.as_ref(), &known)?;
            (address, Some(port))
        }
        Destination::Service { name, port } => {
            let all = objects::service(&client, name, port.as_ref(), &known)?;
            let at = objects::only(name, &all)?;
            (at.ip(), Some(at.port()))
        }
    };
    let transport = match asked.protocol {
        FlowProtocol::Udp => Transport::Udp,
        FlowProtocol::Icmp => Transport::Icmp,
        FlowProtocol::Tcp | FlowProtocol::Sctp => Transport::Tcp,
    };
    let flow = Flow {
        origin,
        transport,
        dst,
        port: port.unwrap_or(0),
        source_port: asked.source_port,
        uid: asked.uid,
        gid: asked.uid,
        connections: asked.connections,
        bytes: asked.bytes,
    };
    let (from, lang) = (args.from.to_string(), context.lang());
    Ok(match &asked.to {
        Destination::Name { name, .. } => {
            Resolved::Name(NameQuestion { name: name.clone(), flow, from, lang })
        }
        _ => Resolved::Flow(Question { flow, from, lang }),
    })
}

/// Where a flow from someone begins. A Pod of its node's network is there where its node is.
fn origin(net: &Network, from: &From, known: &Known) -> Result<Origin, Error> {
    let who = who(from);
    match resolve::origin(net, &who) {
        Err(error @ ResolveError::Nobody { .. }) => {
            let node = match &who {
                Who::Pod { namespace, name } => owners::host_network_node(&known.objects, namespace, name),
                _ => None,
            };
            match node {
                Some(node) => resolve::origin(net, &Who::Node(node)).map_err(usage),
                None => Err(usage(error)),
            }
        }
        found => found.map_err(usage),
    }
}

/// As the objects of the API have it; `None` for an echo.
fn api_protocol(protocol: FlowProtocol) -> Option<plumb_api::Protocol> {
    match protocol {
        FlowProtocol::Tcp => Some(plumb_api::Protocol::Tcp),
        FlowProtocol::Udp => Some(plumb_api::Protocol::Udp),
        FlowProtocol::Sctp => Some(plumb_api::Protocol::Sctp),
        FlowProtocol::Icmp => None,
    }
}

/// The names of the clusters that are known: those of the labs of this machine, where it is asked about itself.
pub(super) fn clusters(args: &FlowArgs) -> Result<Vec<ClusterNames>, Error> {
    if args.snapshot.is_some() { Ok(Vec::new()) } else { Ok(plumb_lab::cluster_names()?) }
}

/// The cluster that the client belongs to.
pub(super) fn cluster<'a>(net: &Network, q: &NameQuestion, all: &'a [ClusterNames]) -> Option<Cluster<'a>> {
    let id = net.namespace(q.flow.origin.ns()).id;
    let mine = all.iter().find(|c| c.members.contains(&id))?;
    Some(Cluster { zone: &mine.zone, servers: &mine.servers })
}

/// A name that cannot be looked up.
pub(super) fn no_look_up(e: NameError) -> Error {
    Error::Usage {
        problem: e.to_string(),
        help: "name a namespace of this machine as FROM, or an address as TO".to_owned(),
    }
}

pub(super) fn usage(e: ResolveError) -> Error {
    Error::Usage { problem: e.to_string(), help: "`plumb ns` lists the namespaces".to_owned() }
}

pub(super) fn who(from: &From) -> Who {
    match from {
        From::Netns(name) => Who::Namespace(name.clone()),
        From::NetnsPath(path) => Who::Namespace(path.display().to_string()),
        From::Host => Who::Own,
        From::Pod(p) => Who::Pod { namespace: p.namespace.clone(), name: p.name.clone() },
        From::Node(name) => Who::Node(name.clone()),
        From::Address(a) => Who::Address(*a),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use plumb_model::{Host, Link, Namespace, Owner, Peer, Read};

    use super::*;
    use crate::endpoint::ObjectName;

    const OWN: NamespaceId = NamespaceId(1);
    const PODS: [NamespaceId; 2] = [NamespaceId(2), NamespaceId(3)];
    const ROUTERS: [NamespaceId; 2] = [NamespaceId(4), NamespaceId(5)];

    /// Plumb's own namespace, and two networks of a pod and its router that nothing connects.
    fn two_networks() -> Snapshot {
        let own = Namespace { own: true, ..Namespace::empty(OWN, "host") };
        let pod = |at: usize| {
            let link = Link { peer: Some(Peer { namespace: ROUTERS[at], index: 2 }), ..Link::default() };
            let owner =
                Owner::Pod { namespace: "default".into(), node: "node-1".into(), name: format!("p{at}") };
            let empty = Namespace::empty(PODS[at], &format!("pod-{at}"));
            Namespace { links: Read::Got(vec![link]), owner: Some(owner), ..empty }
        };
        let router = |at: usize| Namespace::empty(ROUTERS[at], &format!("router-{at}"));
        Snapshot {
            version: Snapshot::VERSION,
            taken_at: 0,
            host: Host::default(),
            namespaces: vec![own, pod(0), router(0), pod(1), router(1)],
            gaps: Vec::new(),
            redacted: false,
        }
    }

    fn asked(from: From, to: Destination) -> Asked {
        let protocol = FlowProtocol::Tcp;
        Asked { from, to, protocol, source_port: None, uid: 0, connections: 1, bytes: None }
    }

    fn pod(name: &str) -> From {
        From::Pod(ObjectName { namespace: "default".into(), name: name.into() })
    }

    #[test]
    fn a_question_is_about_what_its_ends_are_connected_with() {
        let snapshot = two_networks();
        let address = || Destination::Address { address: "10.0.0.1".parse().unwrap(), port: Some(80) };
        let first = BTreeSet::from([OWN, PODS[0], ROUTERS[0]]);
        let all = snapshot.namespaces.iter().map(|n| n.id).collect();
        for from in [pod("p0"), From::Netns("pod-0".into()), From::Netns("router-0".into())] {
            assert_eq!(around(&snapshot, &asked(from, address())), Some(first.clone()));
        }
        let to = Destination::Owner { owner: pod("p1"), port: None };
        assert_eq!(around(&snapshot, &asked(pod("p0"), to)), Some(all));
    }

    #[test]
    fn who_is_not_found_may_be_anywhere() {
        let snapshot = two_networks();
        let address = || Destination::Address { address: "10.0.0.1".parse().unwrap(), port: Some(80) };
        let from_address = From::Address("10.0.0.2".parse().unwrap());
        assert_eq!(around(&snapshot, &asked(from_address, address())), None);
        assert_eq!(around(&snapshot, &asked(pod("p7"), address())), None);
        let to = Destination::Owner { owner: pod("p7"), port: None };
        assert_eq!(around(&snapshot, &asked(pod("p0"), to)), None);
    }
}
