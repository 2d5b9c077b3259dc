//! Metadata of slices: labels, owners, names, times.

use super::Labels;
use super::names::{Names, prefix, unused};
use super::time::Time;
use crate::objects::{EndpointSlice, ObjectMeta, OwnerReference, Service, annotation, label};

/// Labels of slices that a Service's own labels do not overwrite.
const RESERVED: [&str; 3] = [label::SERVICE_NAME, label::MANAGED_BY, label::HEADLESS];

/// The labels that a slice of this Service has: those of the Service, and whose it is (`setEndpointSliceLabels`).
pub(super) fn labels(service: &Service) -> Labels {
    let own = service.metadata.labels.iter().filter(|(key, _)| !RESERVED.contains(&&***key));
    let mut labels: Labels = own.map(|(k, v)| (k.clone(), v.clone())).collect();
    // Upstream counts a Service without an address as headless too (IsServiceIPSet). In a cluster there is none for long; in
    // files there is, and proxies pass over slices with this label.
    if service.spec.is_headless() {
        labels.insert(label::HEADLESS.into(), "".into());
    }
    labels.insert(label::SERVICE_NAME.into(), service.metadata.name.clone());
    labels.insert(label::MANAGED_BY.into(), super::MANAGER.into());
    labels
}

/// The reference by which the slice goes when its owner goes. Objects in files have no identity (uid); nothing can refer to
/// them, since the API server takes no reference without one.
pub(super) fn owner(kind: &str, owner: &ObjectMeta) -> Option<OwnerReference> {
    Some(OwnerReference {
        api_version: "v1".into(),
        kind: kind.into(),
        name: owner.name.clone(),
        uid: owner.uid.clone().filter(|uid| !uid.is_empty())?,
        controller: Some(true),
        block_owner_deletion: Some(true),
    })
}

/// Whether the slice is this Service's, and not that of one of the same name before it (`ownedBy`).
pub(super) fn is_owned(slice: &EndpointSlice, service: &Service) -> bool {
    let mut owners = slice.metadata.owner_references.iter().filter(|o| &*o.kind == "Service");
    match service.metadata.uid.as_deref().filter(|uid| !uid.is_empty()) {
        Some(uid) => owners.any(|o| &*o.uid == uid && &*o.api_version == "v1"),
        None => owners.all(|o| o.name == service.metadata.name),
    }
}

/// Sets or removes the time at which what the slice tells changed.
pub(super) fn set_trigger_time(metadata: &mut ObjectMeta, time: Option<Time>) {
    match time {
        Some(time) => {
            let key = annotation::LAST_CHANGE_TRIGGER_TIME.into();
            metadata.annotations.insert(key, time.to_string().into());
        }
        None => {
            metadata.annotations.remove(annotation::LAST_CHANGE_TRIGGER_TIME);
        }
    }
}

/// Gives slices without a name one.
pub(super) fn name_all(
    slices: &mut [EndpointSlice],
    service: &str,
    names: &mut dyn Names,
    taken: &dyn Fn(&str) -> bool,
) {
    let prefix = prefix(service);
    let mut given: Vec<Box<str>> = Vec::with_capacity(slices.len());
    for slice in slices {
        let taken = |name: &str| taken(name) || given.iter().any(|g| **g == *name);
        let name = unused(&prefix, names, &taken);
        slice.metadata.generate_name = Some(prefix.as_str().into());
        slice.metadata.name = name.clone();
        given.push(name);
    }
}

/// Makes updates of slices that exist out of pairs of one to create and one to delete: `slice` takes the place of `old`.
pub(super) fn take_place(mut slice: EndpointSlice, old: &EndpointSlice) -> EndpointSlice {
    let from = &old.metadata;
    let to = &mut slice.metadata;
    to.name = from.name.clone();
    to.generate_name.clone_from(&from.generate_name);
    to.uid.clone_from(&from.uid);
    to.resource_version.clone_from(&from.resource_version);
    to.generation = from.generation;
    to.creation_timestamp.clone_from(&from.creation_timestamp);
    slice
}
