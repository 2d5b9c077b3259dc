//! Services, Pods, nodes and Endpoints, and which Pods are whose.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::endpointslice::{Nodes, selector, selects};
use crate::objects::{Endpoints, NamespacedName, Object, Pod, Service};
use crate::{Kind, ObjectKey};

type ByName<T> = BTreeMap<Box<str>, T>;
/// A namespace, and a label that all Pods of a Service bear.
type Pair = (Box<str>, Box<str>, Box<str>);

/// All objects that slices follow from.
#[derive(Debug, Default)]
pub(super) struct View {
    services: HashMap<Box<str>, ByName<Service>>,
    pods: HashMap<Box<str>, ByName<Pod>>,
    endpoints: HashMap<NamespacedName, Endpoints>,
    nodes: Nodes,
    /// Services by the first label of their selectors: the only ones that a Pod with that label need be shown to.
    by_label: HashMap<Pair, BTreeSet<Box<str>>>,
    /// Names of the Pods that each Service's selector takes.
    members: HashMap<NamespacedName, BTreeSet<Box<str>>>,
}

impl View {
    /// Takes an object over. The Services that are to be looked at.
    pub(super) fn apply(&mut self, object: Object) -> BTreeSet<NamespacedName> {
        match object {
            Object::Service(service) => self.apply_service(service),
            Object::Pod(pod) => self.apply_pod(pod),
            Object::Node(node) => {
                let alone = self.nodes.is_empty();
                match self.nodes.insert(&node) {
                    true if alone => self.members.keys().cloned().collect(),
                    true => self.on_node(&node.metadata.name),
                    false => BTreeSet::new(),
                }
            }
            Object::Endpoints(endpoints) => {
                let name = endpoints.metadata.full_name();
                let old = self.endpoints.insert(name.clone(), endpoints);
                let same = old.as_ref() == self.endpoints.get(&name);
                if same { BTreeSet::new() } else { BTreeSet::from([name]) }
            }
            Object::EndpointSlice(_)
            | Object::ServiceCidr(_)
            | Object::Namespace(_)
            | Object::NetworkPolicy(_)
            | Object::AdminNetworkPolicy(_)
            | Object::BaselineAdminNetworkPolicy(_) => BTreeSet::new(),
        }
    }

    /// Takes an object away. The Services that are to be looked at.
    pub(super) fn delete(&mut self, key: &ObjectKey) -> BTreeSet<NamespacedName> {
        let name = &key.name;
        match key.kind {
            Kind::Service => match self.remove_service(name) {
                Some(_) => BTreeSet::from([name.clone()]),
                None => BTreeSet::new(),
            },
            Kind::Pod => match self.remove_pod(name) {
                Some((_, services)) => services,
                None => BTreeSet::new(),
            },
            Kind::Node if self.nodes.remove(&name.name) && self.nodes.is_empty() => {
                self.members.keys().cloned().collect()
            }
            Kind::Node => self.on_node(&name.name),
            Kind::Endpoints => self.endpoints.remove(name).map(|_| name.clone()).into_iter().collect(),
            Kind::EndpointSlice
            | Kind::ServiceCidr
            | Kind::Namespace
            | Kind::NetworkPolicy
            | Kind::AdminNetworkPolicy
            | Kind::BaselineAdminNetworkPolicy => BTreeSet::new(),
        }
    }

    pub(super) fn service(&self, name: &NamespacedName) -> Option<&Service> {
        self.services.get(&name.namespace)?.get(&name.name)
    }

    pub(super) fn endpoints(&self, name: &NamespacedName) -> Option<&Endpoints> {
        self.endpoints.get(name)
    }

    pub(super) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// The Pods that the Service's selector takes, by name.
    pub(super) fn pods_of(&self, name: &NamespacedName) -> Vec<&Pod> {
        let in_namespace = self.pods.get(&name.namespace);
        let names = self.members.get(name).into_iter().flatten();
        names.filter_map(|pod| in_namespace?.get(pod)).collect()
    }

    fn apply_service(&mut self, service: Service) -> BTreeSet<NamespacedName> {
        let name = service.metadata.full_name();
        let old = self.remove_service(&name);
        let same = old.is_some_and(|old| {
            let (a, b) = (&old.metadata, &service.metadata);
            old.spec == service.spec
                && a.labels == b.labels
                && a.annotations == b.annotations
                && (&a.uid, &a.deletion_timestamp) == (&b.uid, &b.deletion_timestamp)
        });
        if let Some(pair) = pair(&service) {
            let pods = self.pods.get(&name.namespace).into_iter().flatten();
            let members = pods.filter(|(_, pod)| selects(&service, pod)).map(|(name, _)| name.clone());
            self.members.insert(name.clone(), members.collect());
            self.by_label.entry(pair).or_default().insert(name.name.clone());
        }
        self.services.entry(name.namespace.clone()).or_default().insert(name.name.clone(), service);
        if same { BTreeSet::new() } else { BTreeSet::from([name]) }
    }

    fn remove_service(&mut self, name: &NamespacedName) -> Option<Service> {
        let old = self.services.get_mut(&name.namespace)?.remove(&name.name)?;
        self.members.remove(name);
        if let Some(pair) = pair(&old)
            && let Some(names) = self.by_label.get_mut(&pair)
        {
            names.remove(&name.name);
            if names.is_empty() {
                self.by_label.remove(&pair);
            }
        }
        Some(old)
    }

    fn apply_pod(&mut self, pod: Pod) -> BTreeSet<NamespacedName> {
        let name = pod.metadata.full_name();
        let services = self.services_of(&pod);
        let (old, before) = match self.remove_pod(&name) {
            Some((old, before)) => (Some(old), before),
            None => (None, BTreeSet::new()),
        };
        let same = old.is_some_and(|old| is_same(&old, &pod));
        for service in &services {
            self.members.entry(service.clone()).or_default().insert(name.name.clone());
        }
        self.pods.entry(name.namespace).or_default().insert(name.name, pod);
        if same { services.symmetric_difference(&before).cloned().collect() } else { &services | &before }
    }

    fn remove_pod(&mut self, name: &NamespacedName) -> Option<(Pod, BTreeSet<NamespacedName>)> {
        let old = self.pods.get_mut(&name.namespace)?.remove(&name.name)?;
        let services = self.services_of(&old);
        for service in &services {
            if let Some(members) = self.members.get_mut(service) {
                members.remove(&name.name);
            }
        }
        Some((old, services))
    }

    /// The Services whose selectors take the Pod.
    fn services_of(&self, pod: &Pod) -> BTreeSet<NamespacedName> {
        let namespace = &pod.metadata.namespace;
        let in_namespace = self.services.get(namespace);
        let candidates =
            pod.metadata.labels.iter().filter_map(|(key, value)| {
                self.by_label.get(&(namespace.clone(), key.clone(), value.clone()))
            });
        candidates
            .flatten()
            .filter(|name| in_namespace.and_then(|s| s.get(*name)).is_some_and(|s| selects(s, pod)))
            .map(|name| NamespacedName { namespace: namespace.clone(), name: name.clone() })
            .collect()
    }

    /// The Services that have Pods on the node.
    fn on_node(&self, node: &str) -> BTreeSet<NamespacedName> {
        let pods = self.pods.values().flat_map(BTreeMap::values).filter(|p| *p.spec.node_name == *node);
        pods.flat_map(|pod| self.services_of(pod)).collect()
    }
}

fn pair(service: &Service) -> Option<Pair> {
    let (key, value) = selector(service)?.first_key_value()?;
    Some((service.metadata.namespace.clone(), key.clone(), value.clone()))
}

/// Whether a Pod is the same endpoint as before; its labels aside.
fn is_same(old: &Pod, new: &Pod) -> bool {
    let (a, b) = (&old.metadata, &new.metadata);
    a.uid == b.uid
        && a.deletion_timestamp.is_some() == b.deletion_timestamp.is_some()
        && old.spec == new.spec
        && old.status == new.status
}
