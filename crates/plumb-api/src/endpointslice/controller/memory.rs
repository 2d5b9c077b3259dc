//! The slices that exist, by namespace and by Service.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::endpointslice::{MANAGER, MIRROR_MANAGER, Plan};
use crate::objects::{EndpointSlice, NamespacedName, label};

/// All slices.
#[derive(Debug, Default)]
pub(super) struct Slices {
    all: BTreeMap<Box<str>, BTreeMap<Box<str>, EndpointSlice>>,
    by_service: HashMap<NamespacedName, BTreeSet<Box<str>>>,
}

impl Slices {
    /// Takes a slice over. The Services that are to be looked at.
    pub(super) fn apply(&mut self, slice: EndpointSlice) -> Vec<NamespacedName> {
        let name = slice.metadata.full_name();
        let now = interested(&slice);
        let in_namespace = self.all.entry(name.namespace.clone()).or_default();
        let old = in_namespace.get(&name.name);
        let same = old.is_some_and(|old| is_same(old, &slice));
        let before = old.and_then(interested);
        let services: Vec<_> = if same { Vec::new() } else { before.into_iter().chain(now).collect() };
        self.insert(slice);
        services
    }

    /// Takes a slice away. The Services that are to be looked at.
    pub(super) fn delete(&mut self, name: &NamespacedName) -> Option<NamespacedName> {
        self.remove(name).as_ref().and_then(interested)
    }

    /// Takes over what is written.
    pub(super) fn take_over(&mut self, plan: &Plan) {
        for slice in plan.create.iter().chain(&plan.update) {
            self.insert(slice.clone());
        }
        for name in &plan.delete {
            self.remove(name);
        }
    }

    /// Those that bear the Service's name, in the order of their own.
    pub(super) fn of_service(&self, name: &NamespacedName) -> Vec<&EndpointSlice> {
        let in_namespace = self.all.get(&name.namespace);
        let names = self.by_service.get(name).into_iter().flatten();
        names.filter_map(|slice| in_namespace?.get(slice)).collect()
    }

    /// Whether there is a slice of this name.
    pub(super) fn contains(&self, namespace: &str, name: &str) -> bool {
        self.all.get(namespace).is_some_and(|slices| slices.contains_key(name))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &EndpointSlice> {
        self.all.values().flat_map(BTreeMap::values)
    }

    fn insert(&mut self, slice: EndpointSlice) {
        let name = slice.metadata.full_name();
        self.remove(&name);
        if let Some(service) = service(&slice) {
            self.by_service.entry(service).or_default().insert(name.name.clone());
        }
        self.all.entry(name.namespace).or_default().insert(name.name, slice);
    }

    fn remove(&mut self, name: &NamespacedName) -> Option<EndpointSlice> {
        let in_namespace = self.all.get_mut(&name.namespace)?;
        let old = in_namespace.remove(&name.name)?;
        if in_namespace.is_empty() {
            self.all.remove(&name.namespace);
        }
        if let Some(service) = service(&old)
            && let Some(names) = self.by_service.get_mut(&service)
        {
            names.remove(&name.name);
            if names.is_empty() {
                self.by_service.remove(&service);
            }
        }
        Some(old)
    }
}

/// The Service that the slice belongs to.
fn service(slice: &EndpointSlice) -> Option<NamespacedName> {
    let name = slice.metadata.label(label::SERVICE_NAME)?;
    Some(NamespacedName::new(&slice.metadata.namespace, name))
}

/// The same, where one of the two controllers writes the slice.
fn interested(slice: &EndpointSlice) -> Option<NamespacedName> {
    let manager = slice.metadata.label(label::MANAGED_BY);
    service(slice).filter(|_| matches!(manager, Some(MANAGER | MIRROR_MANAGER)))
}

/// Whether a slice says what it said before; versions and the like, that the API server gives, aside.
fn is_same(old: &EndpointSlice, new: &EndpointSlice) -> bool {
    let (a, b) = (&old.metadata, &new.metadata);
    a.labels == b.labels
        && a.annotations == b.annotations
        && a.owner_references == b.owner_references
        && old.address_type == new.address_type
        && old.endpoints == new.endpoints
        && old.ports == new.ports
}
