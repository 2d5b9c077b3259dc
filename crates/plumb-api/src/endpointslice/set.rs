//! Endpoints and ports as keys (`EndpointSet`, `PortMapKey` in `k8s.io/endpointslice/util`).

use std::collections::BTreeMap;

use crate::objects::{Endpoint, EndpointPort};

/// What makes two endpoints the same one: all else of it may change in place. Ordered by Pod, so that slices read well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EndpointKey {
    namespace: Box<str>,
    name: Box<str>,
    hostname: Box<str>,
    addresses: Vec<Box<str>>,
}

impl EndpointKey {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let mut addresses = endpoint.addresses.clone();
        addresses.sort_unstable();
        let target = endpoint.target_ref.as_deref();
        Self {
            namespace: target.map(|t| t.namespace.clone()).unwrap_or_default(),
            name: target.map(|t| t.name.clone()).unwrap_or_default(),
            hostname: endpoint.hostname.clone().unwrap_or_default(),
            addresses,
        }
    }
}

/// Whether endpoints with the same key are the same in all else but hints, which come afterwards
/// (`EndpointsEqualBeyondHash`).
pub(super) fn same(a: &Endpoint, b: &Endpoint) -> bool {
    a.node_name == b.node_name
        && a.zone == b.zone
        && a.conditions == b.conditions
        && a.target_ref == b.target_ref
}

/// Endpoints, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct EndpointSet(BTreeMap<EndpointKey, Endpoint>);

impl EndpointSet {
    pub(super) fn insert(&mut self, endpoint: Endpoint) {
        self.0.insert(EndpointKey::of(&endpoint), endpoint);
    }

    /// The one of this key.
    pub(super) fn get(&self, like: &Endpoint) -> Option<&Endpoint> {
        self.0.get(&EndpointKey::of(like))
    }

    /// The one of this key, out of the set.
    pub(super) fn take(&mut self, like: &Endpoint) -> Option<Endpoint> {
        self.0.remove(&EndpointKey::of(like))
    }

    /// The first ones, out of the set.
    pub(super) fn pop(&mut self) -> Option<Endpoint> {
        self.0.pop_first().map(|(_, endpoint)| endpoint)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Ports without their order; a name that is absent is the empty one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PortSet(Vec<EndpointPort>);

impl PortSet {
    pub(super) fn of(ports: &[EndpointPort]) -> Self {
        let mut ports = ports.to_vec();
        for port in &mut ports {
            port.name.get_or_insert_with(Default::default);
        }
        ports.sort_unstable();
        Self(ports)
    }
}
