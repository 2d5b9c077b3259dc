//! The intent, kept up to date: what changed since it was last asked for.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use plumb_api::address::IpFamily;
use plumb_api::{EndpointSlice, NamespacedName, Protocol, Service};

use super::choose::choose;
use super::claims::{Claim, Claims};
use super::frontend::frontends;
use super::slice::{SliceView, owner};
use super::{Frontend, FrontendKey, NodeContext, Problem, ServiceView};

type Map<K, V> = HashMap<K, V, RandomState>;

/// An endpoint on this node that may reach itself by way of a Service.
pub type Hairpin = (IpAddr, Protocol, u16);

/// Services and their endpoints in one family, and what packets get for them.
#[derive(Debug)]
pub struct Services {
    family: IpFamily,
    node: NodeContext,
    entries: Map<Arc<NamespacedName>, Entry>,
    /// Which Service a slice belongs to.
    slices: Map<NamespacedName, Arc<NamespacedName>>,
    frontends: Map<FrontendKey, Claims>,
    cluster_ips: Counted<IpAddr>,
    hairpins: Counted<Hairpin>,
    pending: BTreeMap<Arc<NamespacedName>, ()>,
    problems: Vec<Problem>,
    /// Entries with a Service.
    count: usize,
}

/// One Service: what was told of it, and what of that stands in the intent.
#[derive(Debug, Default)]
struct Entry {
    service: Option<ServiceView>,
    slices: BTreeMap<Box<str>, SliceView>,
    keys: Vec<FrontendKey>,
    cluster_ip: Option<IpAddr>,
    hairpins: Vec<Hairpin>,
}

/// What became of a frontend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontendChange {
    /// Which.
    pub key: FrontendKey,
    /// What it was.
    pub before: Option<Arc<Frontend>>,
    /// What it is.
    pub after: Option<Arc<Frontend>>,
}

/// What changed since the intent was last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Frontends, in the order of their keys.
    pub frontends: Vec<FrontendChange>,
    /// Cluster IPs that came.
    pub cluster_ips_added: Vec<IpAddr>,
    /// Cluster IPs that went.
    pub cluster_ips_removed: Vec<IpAddr>,
    /// Endpoints on this node that came.
    pub hairpins_added: Vec<Hairpin>,
    /// Endpoints on this node that went.
    pub hairpins_removed: Vec<Hairpin>,
    /// Services that were looked at.
    pub services: usize,
    /// What in the objects could not be served.
    pub problems: Vec<Problem>,
}

impl Delta {
    /// Nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frontends.is_empty()
            && self.cluster_ips_added.is_empty()
            && self.cluster_ips_removed.is_empty()
            && self.hairpins_added.is_empty()
            && self.hairpins_removed.is_empty()
    }
}

impl Services {
    /// Empty.
    #[must_use]
    pub fn new(family: IpFamily, node: NodeContext) -> Self {
        Self {
            family,
            node,
            entries: Map::default(),
            slices: Map::default(),
            frontends: Map::default(),
            cluster_ips: Counted::default(),
            hairpins: Counted::default(),
            pending: BTreeMap::new(),
            problems: Vec::new(),
            count: 0,
        }
    }

    /// Family.
    #[must_use]
    pub fn family(&self) -> IpFamily {
        self.family
    }

    /// What a frontend's packets get now.
    #[must_use]
    pub fn frontend(&self, key: &FrontendKey) -> Option<&Arc<Frontend>> {
        self.frontends.get(key).and_then(Claims::owner)
    }

    /// All frontends, in no order.
    pub fn frontends(&self) -> impl Iterator<Item = (&FrontendKey, &Arc<Frontend>)> {
        self.frontends.iter().filter_map(|(k, c)| Some((k, c.owner()?)))
    }

    /// Whether a Service has this cluster IP.
    #[must_use]
    pub fn is_cluster_ip(&self, address: IpAddr) -> bool {
        self.cluster_ips.contains(&address)
    }

    /// All cluster IPs, in no order.
    pub fn cluster_ips(&self) -> impl Iterator<Item = IpAddr> {
        self.cluster_ips.keys().copied()
    }

    /// All endpoints on this node that may reach themselves, in no order.
    pub fn hairpins(&self) -> impl Iterator<Item = Hairpin> {
        self.hairpins.keys().copied()
    }

    /// Services that have a cluster IP of the family.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// No Service has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What was told of a Service, in the order of its slices' names.
    pub(super) fn told(
        &self,
        name: &NamespacedName,
    ) -> Option<(&ServiceView, &BTreeMap<Box<str>, SliceView>)> {
        let entry = self.entries.get(name)?;
        Some((entry.service.as_ref()?, &entry.slices))
    }

    pub(super) fn node(&self) -> &NodeContext {
        &self.node
    }

    /// Something was told since the intent was last taken.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The node's zone or addresses are others: everything is looked at again.
    pub fn set_node(&mut self, zone: Option<Box<str>>, node_ips: Vec<IpAddr>) {
        if self.node.zone == zone && self.node.node_ips == node_ips {
            return;
        }
        self.node.zone = zone;
        self.node.node_ips = node_ips;
        self.pending.extend(self.entries.keys().map(|name| (Arc::clone(name), ())));
    }

    /// A Service is new or differs.
    pub fn apply_service(&mut self, service: &Service) {
        match ServiceView::new(service, self.family, &mut self.problems) {
            Some(view) => {
                let name = Arc::clone(&view.name);
                let entry = self.entries.entry(Arc::clone(&name)).or_default();
                if entry.service.as_ref() != Some(&view) {
                    self.count += usize::from(entry.service.is_none());
                    entry.service = Some(view);
                    self.pending.insert(name, ());
                }
            }
            None => self.remove_service(&service.metadata.full_name()),
        }
    }

    /// A Service is gone.
    pub fn remove_service(&mut self, name: &NamespacedName) {
        if let Some((name, entry)) = self.entries.get_key_value(name)
            && entry.service.is_some()
        {
            let name = Arc::clone(name);
            if let Some(entry) = self.entries.get_mut(&name) {
                entry.service = None;
                self.count -= 1;
            }
            self.pending.insert(name, ());
        }
    }

    /// A slice is new or differs.
    pub fn apply_slice(&mut self, slice: &EndpointSlice) {
        let name = slice.metadata.full_name();
        let Some((service, _)) = owner(slice).filter(|(_, family)| *family == self.family) else {
            self.remove_slice(&name);
            return;
        };
        if self.slices.get(&name).is_some_and(|before| **before != service) {
            self.remove_slice(&name);
        }
        let view = SliceView::new(slice, self.family, &self.node, &mut self.problems);
        let service = match self.entries.get_key_value(&service) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(service),
        };
        let entry = self.entries.entry(Arc::clone(&service)).or_default();
        if entry.slices.get(&name.name) != Some(&view) {
            entry.slices.insert(name.name.clone(), view);
            self.pending.insert(Arc::clone(&service), ());
        }
        self.slices.insert(name, service);
    }

    /// A slice is gone.
    pub fn remove_slice(&mut self, name: &NamespacedName) {
        let Some(service) = self.slices.remove(name) else { return };
        if let Some(entry) = self.entries.get_mut(&service)
            && entry.slices.remove(&name.name).is_some()
        {
            self.pending.insert(service, ());
        }
    }

    /// What changed since the last time. What came and went in between is not in it.
    pub fn take(&mut self) -> Delta {
        let pending = std::mem::take(&mut self.pending);
        let mut delta = Delta { services: pending.len(), ..Delta::default() };
        let mut before: BTreeMap<FrontendKey, Option<Arc<Frontend>>> = BTreeMap::new();
        for name in pending.into_keys() {
            self.renew(&name, &mut before);
        }
        for (key, before) in before {
            let claims = self.frontends.get(&key);
            let after = claims.and_then(Claims::owner).cloned();
            if let (Some(claims), Some(owner)) = (claims, &after) {
                self.problems.extend(claims.losers().filter(|l| l.name != owner.name).map(|l| {
                    Problem::Claimed { frontend: key, owner: (*owner.name).clone(), loser: (*l.name).clone() }
                }));
            }
            if claims.is_some_and(Claims::is_empty) {
                self.frontends.remove(&key);
            }
            if before != after {
                delta.frontends.push(FrontendChange { key, before, after });
            }
        }
        (delta.cluster_ips_added, delta.cluster_ips_removed) = self.cluster_ips.take();
        (delta.hairpins_added, delta.hairpins_removed) = self.hairpins.take();
        delta.problems = std::mem::take(&mut self.problems);
        delta
    }

    /// Puts what a Service asks for now in the place of what it asked for before; `before` gets what the frontends were.
    fn renew(
        &mut self,
        name: &Arc<NamespacedName>,
        before: &mut BTreeMap<FrontendKey, Option<Arc<Frontend>>>,
    ) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        let wanted = entry.wanted(&self.node);
        for key in entry.keys.drain(..) {
            if let Some(claims) = self.frontends.get_mut(&key) {
                before.entry(key).or_insert_with(|| claims.owner().cloned());
                claims.release(name);
            }
        }
        for (key, frontend) in wanted.frontends {
            let claims = self.frontends.entry(key).or_default();
            before.entry(key).or_insert_with(|| claims.owner().cloned());
            let created = entry.service.as_ref().and_then(|s| s.created.clone());
            claims.add(Claim { service: Arc::clone(name), created, frontend: Arc::new(frontend) });
            entry.keys.push(key);
        }
        let old = std::mem::replace(&mut entry.cluster_ip, wanted.cluster_ip);
        wanted.cluster_ip.into_iter().for_each(|ip| self.cluster_ips.add(ip));
        old.into_iter().for_each(|ip| self.cluster_ips.release(ip));
        let old = std::mem::replace(&mut entry.hairpins, wanted.hairpins);
        entry.hairpins.iter().for_each(|h| self.hairpins.add(*h));
        old.into_iter().for_each(|h| self.hairpins.release(h));
        if entry.service.is_none() && entry.slices.is_empty() {
            self.entries.remove(name);
        }
    }
}

#[cfg(test)]
impl Services {
    /// Nothing is kept of what is gone.
    pub(super) fn entries_are_gone(&self) -> bool {
        self.entries.is_empty() && self.slices.is_empty() && self.frontends.is_empty()
    }
}

/// What one Service asks for.
#[derive(Default)]
struct Wanted {
    frontends: Vec<(FrontendKey, Frontend)>,
    cluster_ip: Option<IpAddr>,
    hairpins: Vec<Hairpin>,
}

impl Entry {
    fn wanted(&self, node: &NodeContext) -> Wanted {
        let Some(service) = &self.service else { return Wanted::default() };
        let mut wanted = Wanted::default();
        for port in &service.ports {
            let chosen = choose(service, port, self.slices.values(), node);
            wanted.cluster_ip = Some(service.cluster_ip);
            let local = chosen.cluster.iter().chain(chosen.local.iter()).filter(|e| e.local);
            wanted.hairpins.extend(local.map(|e| (e.ip, port.protocol, e.port)));
            wanted.frontends.extend(frontends(service, port, &chosen, node));
        }
        wanted.hairpins.sort_unstable();
        wanted.hairpins.dedup();
        wanted
    }
}

/// Things that several Services may have in common, and which of them came or went.
#[derive(Debug)]
struct Counted<T> {
    counts: Map<T, u32>,
    /// Whether what was touched was there before.
    touched: BTreeMap<T, bool>,
}

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self { counts: Map::default(), touched: BTreeMap::new() }
    }
}

impl<T: Copy + Ord + Hash> Counted<T> {
    fn contains(&self, item: &T) -> bool {
        self.counts.contains_key(item)
    }

    fn keys(&self) -> impl Iterator<Item = &T> {
        self.counts.keys()
    }

    fn add(&mut self, item: T) {
        let count = self.counts.entry(item).or_default();
        self.touched.entry(item).or_insert(*count > 0);
        *count += 1;
    }

    fn release(&mut self, item: T) {
        if let Some(count) = self.counts.get_mut(&item) {
            self.touched.entry(item).or_insert(true);
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&item);
            }
        }
    }

    /// What came and what went since the last time.
    fn take(&mut self) -> (Vec<T>, Vec<T>) {
        let mut came = Vec::new();
        let mut went = Vec::new();
        for (item, was) in std::mem::take(&mut self.touched) {
            match (was, self.counts.contains_key(&item)) {
                (false, true) => came.push(item),
                (true, false) => went.push(item),
                _ => {}
            }
        }
        (came, went)
    }
}
