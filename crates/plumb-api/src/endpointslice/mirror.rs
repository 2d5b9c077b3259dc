//! Slices that mirror an Endpoints object that somebody writes by hand
//! (`pkg/controller/endpointslicemirroring/reconciler.go`).

use std::collections::BTreeMap;

use super::names::Names;
use super::plan::{Note, Plan};
use super::pods::address_type;
use super::set::{EndpointSet, PortSet, same};
use super::{MIRROR_MANAGER, meta, recycle, selector};
use crate::address::{IpFamily, parse_ip};
use crate::objects::{
    AddressType, Endpoint, EndpointAddress, EndpointConditions, EndpointPort, EndpointSlice, EndpointSubset,
    Endpoints, ObjectMeta, Service, annotation, label,
};

/// Addresses that are mirrored of the subsets of one set of ports (`--mirroring-max-endpoints-per-subset`).
pub const MAX_ADDRESSES: usize = 1000;

/// On Endpoints that served to elect a leader.
const LEADER_ELECTION: &str = "control-plane.alpha.kubernetes.io/leader";
/// On everything that `kubectl apply` wrote: the whole object as text.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Value of [`annotation::OVER_CAPACITY`] where addresses were left out.
const TRUNCATED: &str = "truncated";

/// Whether the Endpoints are mirrored: their Service exists and has no selector, and they are not marked otherwise.
#[must_use]
pub fn should_mirror(endpoints: &Endpoints, service: Option<&Service>) -> bool {
    endpoints.metadata.label(label::SKIP_MIRROR) != Some("true")
        && !endpoints.metadata.annotations.contains_key(LEADER_ELECTION)
        && service.is_some_and(|s| selector(s).is_none())
}

/// Ports and their addresses of one type: one slice.
struct Group {
    ports: Vec<EndpointPort>,
    endpoints: EndpointSet,
    truncated: bool,
}

/// What is to be written for Endpoints for which [`should_mirror`] holds. `slices` are those of the Service that bear the
/// label of [`MIRROR_MANAGER`]; `taken` says of names whether slices of the namespace bear them.
pub fn mirror(
    endpoints: &Endpoints,
    slices: &[&EndpointSlice],
    names: &mut dyn Names,
    taken: &dyn Fn(&str) -> bool,
) -> Plan {
    let mut plan = Plan::default();
    let groups = groups(endpoints, &mut plan.notes);
    let key = |s: &EndpointSlice| (s.address_type, PortSet::of(&s.ports));
    let mut create = Vec::new();
    let mut update = Vec::new();
    let mut delete: Vec<&EndpointSlice> =
        slices.iter().copied().filter(|s| !groups.contains_key(&key(s))).collect();
    for (group, wanted) in groups {
        let mut existing = slices.iter().copied().filter(|s| key(s) == group);
        if wanted.endpoints.is_empty() {
            delete.extend(existing);
            continue;
        }
        let first = existing.next();
        delete.extend(existing);
        let metadata = metadata(endpoints, wanted.truncated);
        match first {
            Some(old) if is_current(old, &wanted.endpoints, &metadata) => {}
            Some(old) => {
                update.push(meta::take_place(slice(group.0, wanted, metadata), old));
            }
            None => create.push(slice(group.0, wanted, metadata)),
        }
    }
    recycle(&mut create, &mut update, &mut delete, |_| true);
    if endpoints.metadata.deletion_timestamp.is_some() {
        create.clear();
    }
    meta::name_all(&mut create, &endpoints.metadata.name, names, taken);
    plan.create = create;
    plan.update = update;
    plan.delete = delete.into_iter().map(|s| s.metadata.full_name()).collect();
    plan
}

fn groups(endpoints: &Endpoints, notes: &mut Vec<Note>) -> BTreeMap<(AddressType, PortSet), Group> {
    let mut groups: BTreeMap<(AddressType, PortSet), Group> = BTreeMap::new();
    let mut counts: BTreeMap<PortSet, usize> = BTreeMap::new();
    let name = endpoints.metadata.full_name();
    let mut skipped = 0;
    for subset in &endpoints.subsets {
        let ports = ports(subset);
        let port_set = PortSet::of(&ports);
        for kind in [AddressType::V4, AddressType::V6] {
            groups.entry((kind, port_set.clone())).or_insert_with(|| Group {
                ports: ports.clone(),
                endpoints: EndpointSet::default(),
                truncated: false,
            });
        }
        let count = counts.entry(port_set.clone()).or_default();
        let ready = subset.addresses.iter().map(|a| (a, true));
        for (address, ready) in ready.chain(subset.not_ready_addresses.iter().map(|a| (a, false))) {
            let Some((kind, endpoint)) = endpoint(address, ready) else {
                notes.push(Note::NotAnIp { endpoints: name.clone(), text: address.ip.clone() });
                continue;
            };
            let Some(group) = groups.get_mut(&(kind, port_set.clone())) else { continue };
            // Of an address that is in both lists, or in two subsets, not being ready counts.
            match group.endpoints.get(&endpoint).map(|e| e.conditions.ready) {
                Some(Some(false)) => {}
                Some(_) => group.endpoints.insert(endpoint),
                None if *count >= MAX_ADDRESSES => {
                    group.truncated = true;
                    skipped += 1;
                }
                None => {
                    *count += 1;
                    group.endpoints.insert(endpoint);
                }
            }
        }
    }
    if skipped > 0 {
        notes.push(Note::TooManyAddresses { endpoints: name, skipped });
    }
    groups
}

fn ports(subset: &EndpointSubset) -> Vec<EndpointPort> {
    let port = |p: &crate::objects::EndpointsPort| EndpointPort {
        name: Some(p.name.clone()),
        protocol: p.protocol,
        port: Some(p.port),
        app_protocol: p.app_protocol.clone(),
    };
    subset.ports.iter().map(port).collect()
}

fn endpoint(address: &EndpointAddress, ready: bool) -> Option<(AddressType, Endpoint)> {
    let ip = parse_ip(&address.ip)?;
    let endpoint = Endpoint {
        addresses: vec![ip.to_string().into()],
        conditions: EndpointConditions { ready: Some(ready), ..EndpointConditions::default() },
        hostname: (!address.hostname.is_empty()).then(|| address.hostname.clone()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    };
    Some((address_type(IpFamily::of(ip)), endpoint))
}

/// Labels and annotations are those of the Endpoints. Beyond what upstream does, slices of which addresses were left out are
/// marked as the Endpoints controller marks its objects.
fn metadata(endpoints: &Endpoints, truncated: bool) -> ObjectMeta {
    let from = &endpoints.metadata;
    let mut labels = from.labels.clone();
    labels.insert(label::SERVICE_NAME.into(), from.name.clone());
    labels.insert(label::MANAGED_BY.into(), MIRROR_MANAGER.into());
    let mut annotations = from.annotations.clone();
    annotations.retain(|key, _| !matches!(&**key, annotation::LAST_CHANGE_TRIGGER_TIME | LAST_APPLIED));
    if truncated {
        annotations.insert(annotation::OVER_CAPACITY.into(), TRUNCATED.into());
    }
    ObjectMeta {
        namespace: from.namespace.clone(),
        labels,
        annotations,
        owner_references: meta::owner("Endpoints", from).into_iter().collect(),
        ..ObjectMeta::default()
    }
}

fn is_current(slice: &EndpointSlice, wanted: &EndpointSet, metadata: &ObjectMeta) -> bool {
    slice.metadata.labels == metadata.labels
        && slice.metadata.annotations == metadata.annotations
        && slice.endpoints.len() == wanted.len()
        && slice.endpoints.iter().all(|e| wanted.get(e).is_some_and(|w| same(w, e)))
}

fn slice(kind: AddressType, group: Group, metadata: ObjectMeta) -> EndpointSlice {
    let mut wanted = group.endpoints;
    let endpoints = std::iter::from_fn(|| wanted.pop()).collect();
    EndpointSlice { metadata, address_type: kind, endpoints, ports: group.ports }
}
