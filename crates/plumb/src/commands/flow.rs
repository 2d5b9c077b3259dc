//! A question about a flow, asked of a snapshot: what `trace` and `diagnose` share.

use std::net::IpAddr;

use plumb_doctor::diagnose::Question;
use plumb_doctor::names::{Cluster, NameError, NameQuestion};
use plumb_doctor::owners;
use plumb_doctor::resolve::{self, ResolveError, Who};
use plumb_kernel::Parts;
use plumb_lab::ClusterNames;
use plumb_model::Snapshot;
use plumb_trace::Network;
use plumb_trace::session::{Flow, Origin, Transport};

use super::known::{self, Known, Need};
use super::objects::{self, Client, Objects};
use super::{Context, source};
use crate::endpoint::From;
use crate::error::Error;
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

/// Reads what the question is asked of, with the names that the objects give.
pub(super) fn snapshot(args: &FlowArgs, known: &Known, context: &Context) -> Result<Snapshot, Error> {
    // What is counted decides nothing.
    let parts = Parts { statistics: false, ..Parts::default() };
    let mut snapshot = source::read(context, args.snapshot.as_deref(), parts)?;
    known.name_owners(&mut snapshot, context);
    Ok(snapshot)
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
