//! Services of the Kubernetes API: which address and port should lead to which endpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use plumb_api::endpointslice::{Controller, SteadyNames};
use plumb_api::policy::PolicyRef;
use plumb_api::{Change, EndpointSlice, InternalTrafficPolicy, Kind, Object, Service, ServiceType};
use plumb_model::Protocol;

use super::{ServiceTarget, Yardstick};

/// Label of a slice that names its Service (KEP-752).
const SERVICE_NAME: &str = "kubernetes.io/service-name";

impl Yardstick {
    /// Adds what Services should do. Services without slices of their own get those that the EndpointSlice controller
    /// would write for the Pods that are given.
    pub fn add_objects(&mut self, objects: &[Object], cluster: &str) {
        let slices = slices(objects);
        for service in objects.iter().filter_map(|o| if let Object::Service(s) = o { Some(s) } else { None })
        {
            self.services.extend(targets(service, &slices, cluster));
        }
        self.objects.entry(cluster.to_owned()).or_default().extend_from_slice(objects);
    }

    /// Says which namespaces are nobody's by the API, and asks nobody there: of several nodes' files they were taken for pods.
    pub fn leave_out(&mut self, nobodys: Vec<String>) {
        let is_left = |name: &str| nobodys.iter().any(|n| name.strip_prefix("netns:") == Some(n));
        self.members.retain(|m| self.plain_host || !is_left(&m.name));
        self.nobodys = nobodys;
    }

    /// Adds policies of kinds that are not read: what they could change is not known.
    pub fn add_foreign(&mut self, policies: impl IntoIterator<Item = PolicyRef>, cluster: &str) {
        self.foreign.entry(cluster.to_owned()).or_default().extend(policies);
    }
}

/// The slices that are given, and those that follow from the other objects.
pub(crate) fn slices(objects: &[Object]) -> Vec<EndpointSlice> {
    let mut controller = Controller::new(SteadyNames::default());
    let mut all: BTreeMap<String, EndpointSlice> = BTreeMap::new();
    for object in objects {
        if let Object::EndpointSlice(s) = object {
            all.insert(s.metadata.full_name().to_string(), s.clone());
        }
        controller.apply(Change::Applied(Box::new(object.clone())));
    }
    Kind::ALL.into_iter().for_each(|kind| controller.apply(Change::Listed(kind)));
    let plan = controller.reconcile(None);
    for slice in plan.create.into_iter().chain(plan.update) {
        all.insert(slice.metadata.full_name().to_string(), slice);
    }
    for name in plan.delete {
        all.remove(&name.to_string());
    }
    all.into_values().collect()
}

fn targets(service: &Service, slices: &[EndpointSlice], cluster: &str) -> Vec<ServiceTarget> {
    if service.spec.kind == ServiceType::ExternalName {
        return Vec::new();
    }
    let mut addresses: Vec<&str> = service.spec.cluster_ips.iter().map(|a| &**a).collect();
    if addresses.is_empty() {
        addresses.push(&service.spec.cluster_ip);
    }
    let local = service.spec.internal_traffic_policy == Some(InternalTrafficPolicy::Local);
    let mut all = Vec::new();
    // `None` and an address that is not allocated yet are no addresses.
    for address in addresses.into_iter().filter_map(|a| a.parse::<IpAddr>().ok()) {
        for port in &service.spec.ports {
            let Some(protocol) = protocol(port.protocol) else { continue };
            let (mut endpoints, mut nodes) = (BTreeSet::new(), BTreeSet::new());
            for slice in slices.iter().filter(|s| is_of(s, service)) {
                let number = slice
                    .ports
                    .iter()
                    .find(|p| p.name.as_deref().unwrap_or("") == &*port.name && p.protocol == port.protocol)
                    .and_then(|p| p.port);
                let Some(number) = number else { continue };
                let ready = slice.endpoints.iter().filter(|e| e.conditions.ready != Some(false));
                for (e, ip) in ready.filter_map(|e| Some((e, e.addresses.first()?.parse::<IpAddr>().ok()?))) {
                    if ip.is_ipv4() == address.is_ipv4() {
                        endpoints.insert((ip, number));
                        nodes.extend(e.node_name.as_deref().map(str::to_owned));
                    }
                }
            }
            let (namespace, name) = (namespace(&service.metadata.namespace), &service.metadata.name);
            all.push(ServiceTarget {
                name: format!("svc:{namespace}/{name}"),
                cluster: cluster.to_owned(),
                address,
                protocol,
                port: port.port,
                endpoints,
                only_from_nodes: local.then_some(nodes),
            });
        }
    }
    all
}

/// Whether a slice is one of a Service's.
pub(crate) fn is_of(slice: &EndpointSlice, service: &Service) -> bool {
    namespace(&slice.metadata.namespace) == namespace(&service.metadata.namespace)
        && slice.metadata.labels.get(SERVICE_NAME).is_some_and(|n| **n == *service.metadata.name)
}

fn namespace(name: &str) -> &str {
    if name.is_empty() { "default" } else { name }
}

fn protocol(protocol: plumb_api::Protocol) -> Option<Protocol> {
    match protocol {
        plumb_api::Protocol::Tcp => Some(Protocol::TCP),
        plumb_api::Protocol::Udp => Some(Protocol::UDP),
        _ => None,
    }
}
