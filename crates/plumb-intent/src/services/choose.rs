//! Which endpoints a port's connections may go to (`CategorizeEndpoints` in pkg/proxy/topology.go).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::slice::{SliceEndpoint, SliceView};
use super::view::{PortView, ServiceView};
use super::{Endpoint, NodeContext};

/// The endpoints of one port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    /// For traffic that may go to any node.
    pub(super) cluster: Arc<[Endpoint]>,
    /// For traffic that must stay here.
    pub(super) local: Arc<[Endpoint]>,
    /// Some node has an endpoint for this port.
    pub(super) anywhere: bool,
}

/// The endpoints that the slices of a Service tell for one of its ports, by address and port.
///
/// Where two tell the same one, the later slice (by name) wins unless what it tells is terminating.
pub(super) fn gather<'a>(
    slices: impl Iterator<Item = &'a SliceView>,
    port: &PortView,
) -> BTreeMap<(IpAddr, u16), &'a SliceEndpoint> {
    let mut all: BTreeMap<(IpAddr, u16), &SliceEndpoint> = BTreeMap::new();
    for slice in slices {
        for number in
            slice.ports.iter().filter(|p| p.name == port.name && p.protocol == port.protocol).map(|p| p.port)
        {
            for endpoint in &slice.endpoints {
                let key = (endpoint.ip, number);
                if !endpoint.terminating || !all.contains_key(&key) {
                    all.insert(key, endpoint);
                }
            }
        }
    }
    all
}

/// Whether the port's traffic uses endpoints of any node, and whether it uses those of this node alone.
pub(super) fn uses(service: &ServiceView, port: &PortView) -> (bool, bool) {
    let external = service.is_external(port);
    (!service.internal_local || external, service.internal_local || (service.external_local && external))
}

/// Taken where nothing is ready: it still answers while it ends.
pub(super) fn is_last_resort(endpoint: &SliceEndpoint) -> bool {
    endpoint.serving && endpoint.terminating
}

/// Chooses for one port of a Service. `slices` come in the order of their names.
pub(super) fn choose<'a>(
    service: &ServiceView,
    port: &PortView,
    slices: impl Iterator<Item = &'a SliceView>,
    node: &NodeContext,
) -> Chosen {
    let all = gather(slices, port);
    let (uses_cluster, uses_local) = uses(service, port);
    let fallback = is_last_resort;

    let list = |keep: &dyn Fn(&SliceEndpoint) -> bool| -> Arc<[Endpoint]> {
        all.iter()
            .filter(|(_, e)| keep(e))
            .map(|((ip, port), e)| Endpoint { ip: *ip, port: *port, local: e.local })
            .collect()
    };
    let or = |first: Arc<[Endpoint]>, second: &dyn Fn() -> Arc<[Endpoint]>| {
        if first.is_empty() { second() } else { first }
    };

    let mut chosen = Chosen::default();
    if uses_cluster {
        let hint = Hint::of(all.values().copied().filter(|e| e.ready), node);
        chosen.cluster = or(list(&|e| e.ready && hint.allows(e, node)), &|| list(&fallback));
    }
    if uses_local {
        chosen.local = or(list(&|e| e.ready && e.local), &|| list(&|e| fallback(e) && e.local));
    }
    chosen.anywhere =
        !chosen.cluster.is_empty() || (uses_local && all.values().any(|e| e.ready || fallback(e)));
    chosen
}

/// Which hints are followed: those of the ready endpoints, all or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Those that name nodes: all bear one, and one names this node.
    Node,
    /// Those that name zones: all bear one, and one names this node's zone.
    Zone,
    /// None.
    Ignored,
}

impl Hint {
    pub(super) fn of<'a>(ready: impl Iterator<Item = &'a SliceEndpoint> + Clone, node: &NodeContext) -> Self {
        let all_have = |kind: fn(&super::slice::Hints) -> &[Box<str>]| {
            ready.clone().all(|e| e.hints.as_ref().is_some_and(|h| !kind(h).is_empty()))
        };
        if all_have(|h| &h.nodes) && ready.clone().any(|e| names_node(e, node)) {
            Self::Node
        } else if all_have(|h| &h.zones) && ready.clone().any(|e| names_zone(e, node)) {
            Self::Zone
        } else {
            Self::Ignored
        }
    }

    pub(super) fn allows(&self, endpoint: &SliceEndpoint, node: &NodeContext) -> bool {
        match self {
            Self::Node => names_node(endpoint, node),
            Self::Zone => names_zone(endpoint, node),
            Self::Ignored => true,
        }
    }
}

fn names_node(endpoint: &SliceEndpoint, node: &NodeContext) -> bool {
    endpoint.hints.as_ref().is_some_and(|h| h.nodes.contains(&node.name))
}

fn names_zone(endpoint: &SliceEndpoint, node: &NodeContext) -> bool {
    let zone = node.zone.as_deref().unwrap_or_default();
    endpoint.hints.as_ref().is_some_and(|h| h.zones.iter().any(|z| **z == *zone))
}
