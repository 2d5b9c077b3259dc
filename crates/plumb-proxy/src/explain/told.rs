//! The endpoints that slices tell, and why each is used on this node or not.

use std::net::SocketAddr;

use plumb_api::address::parse_ip;
use plumb_api::{Endpoint, label};
use plumb_intent::{Considered, PortEndpoints};

use super::context::{Context, FamilyContext};
use super::{PortState, Told, name};

/// Ports in the order of the Service, each in both families.
pub(super) fn all(context: &Context<'_>) -> Vec<PortState> {
    let service = name(context.service);
    let served = context.families.iter().filter(|f| f.serves);
    let ports = served.flat_map(|f| f.services.endpoints_of(&service).into_iter().map(move |p| (f, p)));
    ports.map(|(family, port)| state(context, family, &port)).collect()
}

fn state(context: &Context<'_>, family: &FamilyContext<'_>, port: &PortEndpoints) -> PortState {
    let count = |is: fn(&Considered) -> bool| port.all.iter().filter(|c| is(c)).count();
    let own = port.all.iter().filter(|c| c.endpoint.local && (c.cluster.is_used() || c.local.is_used()));
    let hairpins = own.map(|c| family.kernel.hairpin((c.endpoint.ip, port.name.protocol, c.endpoint.port)));
    let (mut held, mut missing) = (Vec::new(), Vec::new());
    for hairpin in hairpins {
        match hairpin {
            Ok(element) => held.push(element),
            Err(item) => missing.push(item),
        }
    }
    PortState {
        port: port.name.port.to_string(),
        protocol: port.name.protocol.to_string(),
        family: family.family,
        ready: count(|c| c.ready),
        serving: count(|c| c.serving),
        terminating: count(|c| c.terminating),
        hints: port.hints,
        endpoints: port.all.iter().map(|c| told(context, c)).collect(),
        held,
        missing,
    }
}

fn told(context: &Context<'_>, considered: &Considered) -> Told {
    let end = &considered.endpoint;
    let object = object(context, end.ip);
    let hints = object.and_then(|o| o.hints.as_ref());
    let zones = hints.into_iter().flat_map(|h| h.for_zones.iter().map(|z| format!("zone {}", z.name)));
    let nodes = hints.into_iter().flat_map(|h| h.for_nodes.iter().map(|n| format!("node {}", n.name)));
    Told {
        address: SocketAddr::new(end.ip, end.port).to_string(),
        node: object.and_then(|o| o.node_name.as_deref()).map(str::to_owned),
        local: end.local,
        ready: considered.ready,
        serving: considered.serving,
        terminating: considered.terminating,
        hints: zones.chain(nodes).collect(),
        cluster: considered.cluster,
        local_only: considered.local,
    }
}

/// The endpoint in the Service's slices.
fn object<'a>(context: &Context<'a>, ip: std::net::IpAddr) -> Option<&'a Endpoint> {
    let service = &context.service.metadata;
    let ours = context.slices.iter().filter(|s| {
        s.metadata.namespace == service.namespace
            && s.metadata.label(label::SERVICE_NAME) == Some(&service.name)
    });
    let is = |e: &&Endpoint| e.addresses.first().and_then(|a| parse_ip(a)) == Some(ip);
    ours.flat_map(|s| &s.endpoints).find(is)
}
