//! The logic of the EndpointSlice controller and of the one that mirrors Endpoints, without a cluster
//! (`staging/src/k8s.io/endpointslice`, `pkg/controller/endpointslicemirroring` of Kubernetes v1.36).
//!
//! [`reconcile`] and [`mirror`] say what is to be written for one Service; [`Controller`] keeps a view of all objects and says
//! it for those that a change touches.
//!
//! | what | how |
//! |---|---|
//! | Pods | those of the selector in the Service's namespace, with an address, that have not run to their end |
//! | `ready` | condition `Ready`, and not being deleted; true with `publishNotReadyAddresses` |
//! | `serving`, `terminating` | condition `Ready`; whether the Pod is being deleted |
//! | ports | by number, or by the name and protocol of a container's port; Pods whose ports differ get slices of their own |
//! | families | `spec.ipFamilies`, a slice is of one |
//! | packing | at most [`MAX_ENDPOINTS`] a slice, endpoints stay where they are, as few slices as can be are written |
//! | no endpoints | one empty slice a family, so that somebody can tell this from a Service that nobody has looked at |
//!
//! Not modelled: hints by `service.kubernetes.io/topology-mode: Auto`, which depend on the CPUs of nodes; such Services get
//! none.

mod controller;
mod hints;
mod meta;
mod mirror;
mod names;
mod nodes;
mod pack;
mod plan;
mod pods;
mod set;
mod time;

use std::collections::BTreeMap;

use crate::address::{IpFamily, parse_ip};
use crate::objects::{
    AddressType, Endpoint, EndpointPort, EndpointSlice, ObjectMeta, Pod, Service, ServiceType,
};
use hints::Hints;
use set::PortSet;

type Labels = BTreeMap<Box<str>, Box<str>>;

pub use controller::Controller;
pub use mirror::{MAX_ADDRESSES, mirror, should_mirror};
pub use names::{Names, SteadyNames, spell};
pub use nodes::Nodes;
pub use pack::MAX_ENDPOINTS;
pub use plan::{Note, Plan};
pub use time::Time;

/// Label `endpointslice.kubernetes.io/managed-by` of slices that Services with a selector have.
pub const MANAGER: &str = "endpointslice-controller.k8s.io";
/// Label `endpointslice.kubernetes.io/managed-by` of slices that mirror Endpoints.
pub const MIRROR_MANAGER: &str = "endpointslicemirroring-controller.k8s.io";

/// A Service, and what its slices follow from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The Service.
    pub service: &'a Service,
    /// The Pods that its selector takes.
    pub pods: &'a [&'a Pod],
    /// The nodes.
    pub nodes: &'a Nodes,
    /// Its slices that bear the label of [`MANAGER`].
    pub slices: &'a [&'a EndpointSlice],
    /// When what changed did change; without it slices bear no such time.
    pub trigger_time: Option<Time>,
}

/// Whether the controller writes slices for this Service. Those of others are left alone.
#[must_use]
pub fn has_slices(service: &Service) -> bool {
    service.spec.kind != ServiceType::ExternalName && selector(service).is_some()
}

/// The selector, where the Service has one. An empty one is none: the API server does not tell them apart when it stores
/// them.
fn selector(service: &Service) -> Option<&Labels> {
    service.spec.selector.as_ref().filter(|s| !s.is_empty())
}

/// Whether the Service's selector takes the Pod.
#[must_use]
pub fn selects(service: &Service, pod: &Pod) -> bool {
    service.metadata.namespace == pod.metadata.namespace
        && selector(service)
            .is_some_and(|s| s.iter().all(|(key, value)| pod.metadata.label(key) == Some(value)))
}

/// What is to be written for a Service for which [`has_slices`] holds. `taken` says of names whether slices of the namespace
/// bear them.
pub fn reconcile(request: &Request<'_>, names: &mut dyn Names, taken: &dyn Fn(&str) -> bool) -> Plan {
    let mut plan = Plan::default();
    let kinds = address_types(request.service);
    for slice in request.slices.iter().filter(|s| !kinds.contains(&s.address_type)) {
        plan.delete.push(slice.metadata.full_name());
    }
    for kind in kinds {
        let given: Vec<Box<str>> = plan.create.iter().map(|s| s.metadata.name.clone()).collect();
        let taken = |name: &str| taken(name) || given.iter().any(|g| **g == *name);
        plan.append(reconcile_type(request, kind, names, &taken));
    }
    // Each family tells of the same Pods.
    plan.notes.sort_unstable();
    plan.notes.dedup();
    plan
}

/// The types of addresses that the Service has (`getAddressTypesForService`).
fn address_types(service: &Service) -> Vec<AddressType> {
    let mut families = service.spec.ip_families.clone();
    if families.is_empty() {
        // From before families, or from before an address is allocated.
        families = match parse_ip(&service.spec.cluster_ip) {
            Some(ip) => vec![IpFamily::of(ip)],
            None => IpFamily::ALL.to_vec(),
        };
    }
    let mut kinds: Vec<AddressType> = families.into_iter().map(pods::address_type).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// The same for one type of addresses (`reconcileByAddressType`).
fn reconcile_type(
    request: &Request<'_>,
    kind: AddressType,
    names: &mut dyn Names,
    taken: &dyn Fn(&str) -> bool,
) -> Plan {
    let service = request.service;
    let mut plan = Plan::default();
    let mut draft = draft(request, kind, &mut plan.notes);
    let hints = Hints::of(service);
    draft.update.extend(draft.unchanged.iter().copied().filter(|s| hints.differ(s)).cloned());
    draft.create.iter_mut().chain(&mut draft.update).for_each(|s| hints.set(s));
    recycle(&mut draft.create, &mut draft.update, &mut draft.delete, |old| meta::is_owned(old, service));
    if service.metadata.deletion_timestamp.is_some() {
        draft.create.clear();
    }
    for slice in draft.create.iter_mut().chain(&mut draft.update) {
        meta::set_trigger_time(&mut slice.metadata, request.trigger_time);
    }
    meta::name_all(&mut draft.create, &service.metadata.name, names, taken);
    plan.create = draft.create;
    plan.update = draft.update;
    plan.delete = draft.delete.into_iter().map(|s| s.metadata.full_name()).collect();
    plan
}

/// What becomes of slices, hints and names aside.
#[derive(Default)]
struct Draft<'a> {
    create: Vec<EndpointSlice>,
    update: Vec<EndpointSlice>,
    delete: Vec<&'a EndpointSlice>,
    unchanged: Vec<&'a EndpointSlice>,
}

fn draft<'a>(request: &Request<'a>, kind: AddressType, notes: &mut Vec<Note>) -> Draft<'a> {
    let service = request.service;
    let labels = meta::labels(service);
    let mut draft = Draft::default();
    let mut existing: BTreeMap<PortSet, Vec<&EndpointSlice>> = BTreeMap::new();
    for slice in request.slices.iter().copied().filter(|s| s.address_type == kind) {
        if meta::is_owned(slice, service) {
            existing.entry(PortSet::of(&slice.ports)).or_default().push(slice);
        } else {
            draft.delete.push(slice);
        }
    }
    for (key, (ports, endpoints)) in pods::desired(service, request.pods, request.nodes, kind, notes) {
        let of_ports = existing.remove(&key).unwrap_or_default();
        let packed = pack::pack(&of_ports, endpoints, |s| s.metadata.labels != labels);
        let new = |endpoints| EndpointSlice { endpoints, ..new_slice(service, kind, &ports) };
        draft.create.extend(packed.create.into_iter().map(new));
        draft.update.extend(packed.update.into_iter().map(|(slice, e)| changed(slice, e, &labels)));
        draft.unchanged.extend(packed.unchanged);
        draft.delete.extend(packed.delete);
    }
    // Sets of ports that no Pod has any more.
    draft.delete.extend(existing.into_values().flatten());
    if draft.create.is_empty() && draft.update.is_empty() && draft.unchanged.is_empty() {
        // Nothing would be left: an empty slice says that the Service was seen.
        let is_placeholder = |s: &&EndpointSlice| {
            let empty = s.endpoints.is_empty() && s.ports.is_empty();
            empty && s.metadata.labels == labels && meta::is_owned(s, service)
        };
        match draft.delete.iter().position(is_placeholder) {
            Some(index) => drop(draft.delete.remove(index)),
            None => draft.create.push(new_slice(service, kind, &[])),
        }
    }
    draft
}

fn new_slice(service: &Service, kind: AddressType, ports: &[EndpointPort]) -> EndpointSlice {
    EndpointSlice {
        address_type: kind,
        ports: ports.to_vec(),
        metadata: ObjectMeta {
            namespace: service.metadata.namespace.clone(),
            labels: meta::labels(service),
            owner_references: meta::owner("Service", &service.metadata).into_iter().collect(),
            ..ObjectMeta::default()
        },
        ..EndpointSlice::default()
    }
}

fn changed(slice: &EndpointSlice, endpoints: Vec<Endpoint>, labels: &Labels) -> EndpointSlice {
    let mut slice = slice.clone();
    slice.endpoints = endpoints;
    slice.metadata.labels.clone_from(labels);
    slice
}

/// What would be deleted takes in what would be created: an update in place of two writes.
fn recycle(
    create: &mut Vec<EndpointSlice>,
    update: &mut Vec<EndpointSlice>,
    delete: &mut Vec<&EndpointSlice>,
    may: impl Fn(&EndpointSlice) -> bool,
) {
    let mut kept = Vec::new();
    for old in delete.drain(..) {
        let fits = create.iter().rposition(|s| s.address_type == old.address_type).filter(|_| may(old));
        match fits {
            Some(index) => update.push(meta::take_place(create.remove(index), old)),
            None => kept.push(old),
        }
    }
    *delete = kept;
}

#[cfg(test)]
mod tests;
