//! From Pods to endpoints (`podToEndpoint`, `getEndpointPorts`, `ShouldPodBeInEndpoints` in `k8s.io/endpointslice`).

use std::collections::BTreeMap;

use super::Nodes;
use super::plan::Note;
use super::set::{EndpointSet, PortSet};
use crate::address::{IpFamily, parse_ip};
use crate::objects::{
    AddressType, Container, Endpoint, EndpointConditions, EndpointPort, IntOrString, ObjectReference, Pod,
    Service, ServicePort,
};

/// What the slices of one address type ought to hold: the endpoints by the ports that they have.
pub(super) type Desired = BTreeMap<PortSet, (Vec<EndpointPort>, EndpointSet)>;

/// The endpoints of these Pods.
pub(super) fn desired(
    service: &Service,
    pods: &[&Pod],
    nodes: &Nodes,
    kind: AddressType,
    notes: &mut Vec<Note>,
) -> Desired {
    let mut desired = Desired::new();
    for pod in pods.iter().filter(|p| counts(p)) {
        let ports = ports(service, pod, notes);
        let (_, endpoints) =
            desired.entry(PortSet::of(&ports)).or_insert_with(|| (ports, EndpointSet::default()));
        let node = &pod.spec.node_name;
        if !nodes.is_empty() && !nodes.contains(node) && !service.spec.publish_not_ready_addresses {
            notes.push(Note::NodeMissing { pod: pod.metadata.full_name(), node: node.clone() });
            continue;
        }
        let endpoint = endpoint(service, pod, nodes, kind);
        if !endpoint.addresses.is_empty() {
            endpoints.insert(endpoint);
        }
    }
    desired
}

/// Whether the Pod can be an endpoint: it has an address, and has not run to its end.
fn counts(pod: &Pod) -> bool {
    let ended = matches!(&*pod.status.phase, "Failed" | "Succeeded");
    let addressed = !pod.status.pod_ip.is_empty() || !pod.status.pod_ips.is_empty();
    addressed && !ended
}

fn endpoint(service: &Service, pod: &Pod, nodes: &Nodes, kind: AddressType) -> Endpoint {
    let serving = is_ready(pod);
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
    let named = !pod.spec.hostname.is_empty()
        && pod.spec.subdomain == service.metadata.name
        && pod.metadata.namespace == service.metadata.namespace;
    let node = &pod.spec.node_name;
    Endpoint {
        addresses: addresses(pod, kind),
        conditions: EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        },
        hostname: named.then(|| pod.spec.hostname.clone()),
        node_name: (!node.is_empty()).then(|| node.clone()),
        zone: nodes.zone(node).map(Into::into),
        hints: None,
        target_ref: Some(Box::new(ObjectReference {
            kind: "Pod".into(),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
        })),
    }
}

fn is_ready(pod: &Pod) -> bool {
    pod.status.conditions.iter().find(|c| &*c.kind == "Ready").is_some_and(|c| &*c.status == "True")
}

/// Addresses of the type, as Go prints them.
fn addresses(pod: &Pod, kind: AddressType) -> Vec<Box<str>> {
    let alone = std::slice::from_ref(&pod.status.pod_ip);
    // Old kubelets, and people, write the first address only.
    let texts: Vec<&str> = match pod.status.pod_ips.as_slice() {
        [] => alone.iter().map(AsRef::as_ref).collect(),
        all => all.iter().map(|p| &*p.ip).collect(),
    };
    let mut found: Vec<Box<str>> = texts
        .into_iter()
        .filter_map(parse_ip)
        .filter(|ip| address_type(IpFamily::of(*ip)) == kind)
        .map(|ip| ip.to_string().into())
        .collect();
    found.sort_unstable();
    found
}

/// The type of addresses of a family.
pub(super) fn address_type(family: IpFamily) -> AddressType {
    match family {
        IpFamily::V4 => AddressType::V4,
        IpFamily::V6 => AddressType::V6,
    }
}

/// The Service's ports at this Pod. A port that the Pod does not have is left out, the Pod stays in.
fn ports(service: &Service, pod: &Pod, notes: &mut Vec<Note>) -> Vec<EndpointPort> {
    let mut found = Vec::with_capacity(service.spec.ports.len());
    for port in &service.spec.ports {
        let Some(number) = target(pod, port) else {
            let name = port.target_port.as_ref().map(ToString::to_string).unwrap_or_default();
            notes.push(Note::PortMissing { pod: pod.metadata.full_name(), port: name.into() });
            continue;
        };
        found.push(EndpointPort {
            name: Some(port.name.clone()),
            protocol: port.protocol,
            port: Some(number),
            app_protocol: port.app_protocol.clone(),
        });
    }
    found
}

/// The number that the Service's `targetPort` means at this Pod (`FindPort`).
fn target(pod: &Pod, port: &ServicePort) -> Option<u16> {
    let name = match &port.target_port {
        None | Some(IntOrString::Int(0)) => return Some(port.port),
        Some(IntOrString::Int(number)) => return u16::try_from(*number).ok(),
        Some(IntOrString::String(name)) if name.is_empty() => return Some(port.port),
        Some(IntOrString::String(name)) => name,
    };
    // Init containers that go on running are sidecars.
    let is_sidecar = |c: &&Container| c.restart_policy.as_deref() == Some("Always");
    let containers = pod.spec.containers.iter().chain(pod.spec.init_containers.iter().filter(is_sidecar));
    let mut ports = containers.flat_map(|c| &c.ports);
    ports.find(|p| p.name == *name && p.protocol == port.protocol).map(|p| p.container_port)
}
