//! An EndpointSlice as the proxy sees it.

use std::net::IpAddr;

use plumb_api::address::{IpFamily, parse_ip};
use plumb_api::{AddressType, EndpointSlice, NamespacedName, Protocol, label};

use super::{NodeContext, Problem};

/// What a slice tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SliceView {
    /// Ports that have a name and a number.
    pub(super) ports: Box<[SlicePort]>,
    /// Endpoints.
    pub(super) endpoints: Box<[SliceEndpoint]>,
}

/// A port of all endpoints of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SlicePort {
    /// Name of the Service's port.
    pub(super) name: Box<str>,
    /// Protocol.
    pub(super) protocol: Protocol,
    /// Number.
    pub(super) port: u16,
}

/// An endpoint of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SliceEndpoint {
    /// First address.
    pub(super) ip: IpAddr,
    /// New connections are welcome.
    pub(super) ready: bool,
    /// It answers.
    pub(super) serving: bool,
    /// It is about to end.
    pub(super) terminating: bool,
    /// On this node.
    pub(super) local: bool,
    /// Who should use it.
    pub(super) hints: Option<Box<Hints>>,
}

/// Who should use an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hints {
    /// Names of zones.
    pub(super) zones: Box<[Box<str>]>,
    /// Names of nodes.
    pub(super) nodes: Box<[Box<str>]>,
}

/// The Service that a slice belongs to, and in which family; `None` for slices that a proxy has no use for.
#[must_use]
pub(super) fn owner(slice: &EndpointSlice) -> Option<(NamespacedName, IpFamily)> {
    if slice.metadata.labels.contains_key(label::HEADLESS) {
        return None;
    }
    let service = slice.metadata.label(label::SERVICE_NAME).filter(|name| !name.is_empty())?;
    let family = match slice.address_type {
        AddressType::V4 => IpFamily::V4,
        AddressType::V6 => IpFamily::V6,
        AddressType::Fqdn => return None,
    };
    Some((NamespacedName::new(&slice.metadata.namespace, service), family))
}

impl SliceView {
    /// What the slice tells to this node.
    #[must_use]
    pub(super) fn new(
        slice: &EndpointSlice,
        family: IpFamily,
        node: &NodeContext,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let ports = slice
            .ports
            .iter()
            .filter_map(|p| {
                let port = p.port.filter(|n| *n != 0)?;
                Some(SlicePort { name: p.name.clone()?, protocol: p.protocol, port })
            })
            .collect();
        let mut endpoints = Vec::with_capacity(slice.endpoints.len());
        for (i, endpoint) in slice.endpoints.iter().enumerate() {
            let Some(text) = endpoint.addresses.first() else { continue };
            let object = || format!("EndpointSlice {}", slice.metadata.full_name());
            let field = || format!("endpoints[{i}].addresses[0]");
            let ip = match parse_ip(text) {
                Some(ip) if IpFamily::of(ip) == family => ip,
                Some(value) => {
                    problems.push(Problem::Family { object: object(), field: field(), value });
                    continue;
                }
                None => {
                    problems.push(Problem::Address {
                        object: object(),
                        field: field(),
                        value: text.to_string(),
                    });
                    continue;
                }
            };
            let conditions = endpoint.conditions;
            let hints = endpoint.hints.as_ref().map(|h| Hints {
                zones: h.for_zones.iter().map(|z| z.name.clone()).collect(),
                nodes: h.for_nodes.iter().map(|n| n.name.clone()).collect(),
            });
            endpoints.push(SliceEndpoint {
                ip,
                ready: conditions.ready.unwrap_or(true),
                serving: conditions.serving.unwrap_or(true),
                terminating: conditions.terminating.unwrap_or(false),
                local: endpoint.node_name.as_ref().is_some_and(|n| *n == node.name),
                hints: hints.filter(|h| !h.zones.is_empty() || !h.nodes.is_empty()).map(Box::new),
            });
        }
        Self { ports, endpoints: endpoints.into() }
    }
}
