//! Frontends, affinity and settings to units of work.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use plumb_api::address::{Cidr, next};
use plumb_intent::{Delta, Frontend, FrontendKey, PortName, merged};
use plumb_nft::{Element, Table};

use super::affinity::{self, Affinity, dispatch_rules};
use super::compare::Difference;
use super::elements::{self, Op, Value};
use super::frame::FrameConfig;
use super::sets::{Key, MOST_ENDPOINTS, SetId, Side, Via, affinity_set};
use super::sync::{Nftables, Settings};
use super::transaction::{Structure, Subject, Then, Unit};

/// Makes units.
impl Nftables {
    pub(super) fn frontend_unit(&self, key: FrontendKey, after: Option<&Arc<Frontend>>) -> Unit {
        let before = self.installed.get(&key);
        let (ops, installed) = elements::change(&key, before, after);
        if let Some(frontend) = after.filter(|f| f.cluster.len().max(f.local.len()) > MOST_ENDPOINTS) {
            tracing::warn!(
                "{key} of {} has {} endpoints: only the first {MOST_ENDPOINTS} are used",
                frontend.name,
                frontend.cluster.len().max(frontend.local.len())
            );
        }
        let name = after.map(|f| Arc::clone(&f.name));
        let then = Then::Frontend(key, installed);
        Unit { subject: Subject::Frontend(key), name, before: Vec::new(), ops, after: Vec::new(), then }
    }

    pub(super) fn plain_unit(subject: Subject, ops: Vec<Op>) -> Unit {
        Unit { subject, name: None, before: Vec::new(), ops, after: Vec::new(), then: Then::Nothing }
    }

    pub(super) fn settings_unit(&self, before: &Settings) -> Unit {
        Self::plain_unit(Subject::Settings, settings_ops(&self.config, before, &self.settings))
    }

    pub(super) fn shared_unit(&self) -> Unit {
        let ips = self.shared.cluster_ips.iter().map(|ip| elements::cluster_ip(true, *ip));
        let hairpins = self.shared.hairpins.iter().map(|h| elements::hairpin(true, *h));
        Self::plain_unit(Subject::Shared, ips.chain(hairpins).collect())
    }

    pub(super) fn shared_change(&mut self, delta: &Delta) -> Option<Unit> {
        let mut ops = Vec::new();
        for ip in &delta.cluster_ips_removed {
            if self.shared.cluster_ips.remove(ip) {
                ops.push(elements::cluster_ip(false, *ip));
            }
        }
        for ip in &delta.cluster_ips_added {
            if self.shared.cluster_ips.insert(*ip) {
                ops.push(elements::cluster_ip(true, *ip));
            }
        }
        for hairpin in &delta.hairpins_removed {
            if self.shared.hairpins.remove(hairpin) {
                ops.push(elements::hairpin(false, *hairpin));
            }
        }
        for hairpin in &delta.hairpins_added {
            if self.shared.hairpins.insert(*hairpin) {
                ops.push(elements::hairpin(true, *hairpin));
            }
        }
        (!ops.is_empty()).then(|| Self::plain_unit(Subject::Shared, ops))
    }

    /// Which frontends a port with affinity has.
    pub(super) fn note_affinity(
        &mut self,
        key: FrontendKey,
        before: Option<&Arc<Frontend>>,
        after: Option<&Arc<Frontend>>,
    ) {
        if let Some(before) = before.filter(|f| f.affinity.is_some())
            && let Some(keys) = self.affine.get_mut(&before.name)
        {
            keys.remove(&key);
            if keys.is_empty() {
                self.affine.remove(&before.name);
            }
        }
        if let Some(after) = after.filter(|f| f.affinity.is_some()) {
            self.affine.entry(Arc::clone(&after.name)).or_default().insert(key, Arc::clone(after));
        }
    }

    /// What a port with affinity needs, where it has some.
    pub(super) fn affinity_unit(&self, port: &Arc<PortName>) -> Unit {
        let wanted = Affinity::wanted(self.affine.get(port).into_iter().flatten());
        let none = Affinity::default();
        let is = self.affinity.get(port).unwrap_or(&none);
        let family = self.config.family;
        let mut before = Vec::new();
        // Endpoints that stay keep their sets, and with them their clients.
        for (name, end) in &wanted.endpoints {
            if is.endpoints.get(name) != Some(end) {
                before.push(Structure::Set(affinity_set(family, name)));
            }
            if is.endpoints.get(name) != Some(end) || is.seconds != wanted.seconds {
                let rules = wanted.endpoint_rules(family, port.protocol.number(), name, *end);
                before.push(Structure::Chain(Arc::clone(name), rules));
            }
        }
        for (name, endpoints) in &wanted.dispatch {
            if is.dispatch.get(name) != Some(endpoints) {
                before.push(Structure::Chain(Arc::clone(name), dispatch_rules(family, endpoints)));
            }
        }
        let element = |add: bool, (via, side, key): &(Via, Side, FrontendKey), chain: &Arc<str>| Op {
            value: Value::Chain(Arc::clone(chain)),
            commented: true,
            ..Op::new(SetId::Affinity(*via, *side), add, Key::frontend(key))
        };
        let gone = is.elements.iter().filter(|(k, chain)| wanted.elements.get(*k) != Some(*chain));
        let come = wanted.elements.iter().filter(|(k, chain)| is.elements.get(*k) != Some(*chain));
        let ops =
            gone.map(|(k, c)| element(false, k, c)).chain(come.map(|(k, c)| element(true, k, c))).collect();
        // Chains that choose go first, since they refer to those of endpoints.
        let gone = is.dispatch.keys().filter(|n| !wanted.dispatch.contains_key(*n));
        let gone = gone.chain(is.endpoints.keys().filter(|n| !wanted.endpoints.contains_key(*n)));
        let after = gone.map(|name| Structure::Empty(Arc::clone(name))).collect();
        Unit {
            subject: Subject::Affinity(Arc::clone(port)),
            name: Some(Arc::clone(port)),
            before,
            ops,
            after,
            then: Then::Affinity(Arc::clone(port), wanted),
        }
    }

    /// Chains of a former run that nothing will refer to.
    pub(super) fn old_affinity(&mut self, existing: Option<&Table>, units: &mut Vec<Unit>) {
        let wanted: BTreeSet<&str> = units
            .iter()
            .filter_map(|u| match &u.then {
                Then::Affinity(_, a) => Some(a),
                _ => None,
            })
            .flat_map(|a| a.dispatch.keys().chain(a.endpoints.keys()))
            .map(AsRef::as_ref)
            .collect();
        let mut stale: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut empty: Vec<Structure> = Vec::new();
        if let Some(table) = existing {
            let chains = table.chains.iter().map(|c| &c.name).filter(|n| affinity::is_ours(n));
            let chains: Vec<&String> = chains.filter(|n| !wanted.contains(n.as_str())).collect();
            empty.extend(chains.iter().map(|n| Structure::Empty(n.as_str().into())));
            stale.extend(chains.iter().map(|n| Arc::from(n.as_str())));
            let sets = table.sets.iter().map(|s| &s.name).filter(|n| affinity::is_ours(n));
            stale.extend(sets.filter(|n| !wanted.contains(n.as_str())).map(|n| Arc::from(n.as_str())));
        }
        self.garbage = stale;
        let mut unit = Self::plain_unit(Subject::Shared, Vec::new());
        unit.after = empty;
        units.push(unit);
    }

    /// Affinity chains or sets that are not there any more.
    pub(super) fn lost_affinity(&self, table: &Table) -> Vec<Difference> {
        let chains: BTreeSet<&str> = table.chains.iter().map(|c| c.name.as_str()).collect();
        let sets: BTreeSet<&str> = table.sets.iter().map(|s| s.name.as_str()).collect();
        let mut lost = Vec::new();
        for affinity in self.affinity.values() {
            let names = affinity.dispatch.keys().chain(affinity.endpoints.keys());
            lost.extend(
                names.filter(|n| !chains.contains(&***n)).map(|n| Difference::NoChain(n.to_string())),
            );
            lost.extend(
                affinity
                    .endpoints
                    .keys()
                    .filter(|n| !sets.contains(&***n))
                    .map(|n| Difference::NoSet(n.to_string())),
            );
        }
        lost
    }

    /// All elements that were left in the kernel, with the names in their comments.
    pub(super) fn expected(&self) -> Vec<(Op, Option<Arc<PortName>>)> {
        let mut ops = settings_ops(&self.config, &Settings::default(), &self.settings);
        ops.extend(self.shared_unit().ops);
        let mut named: Vec<_> = ops.into_iter().map(|op| (op, None)).collect();
        for (key, installed) in &self.installed {
            let name = &installed.frontend.name;
            named.extend(elements::all(key, installed).into_iter().map(|op| (op, Some(Arc::clone(name)))));
        }
        named
    }
}

/// Clients that the sets of a table remember, for the table that takes its place.
pub(super) fn carry_clients(existing: Option<&Table>, units: &mut [Unit]) {
    let Some(table) = existing else { return };
    let mut clients: BTreeMap<&str, &[Element]> = table
        .sets
        .iter()
        .filter(|s| affinity::is_ours(&s.name))
        .map(|s| (s.name.as_str(), s.elements.as_slice()))
        .collect();
    for unit in units {
        let Then::Affinity(_, affinity) = &unit.then else { continue };
        for name in affinity.endpoints.keys() {
            if let Some(elements) = clients.remove(&**name).filter(|e| !e.is_empty()) {
                unit.before.push(Structure::Clients(Arc::clone(name), elements.to_vec()));
            }
        }
    }
}

/// Elements of the sets that the configuration fills.
pub(super) fn settings_ops(config: &FrameConfig, before: &Settings, after: &Settings) -> Vec<Op> {
    let mut ops = Vec::new();
    let family = config.family;
    let ips = |s: &Settings| -> BTreeSet<IpAddr> {
        s.node_port_ips.iter().copied().filter(|ip| plumb_api::address::IpFamily::of(*ip) == family).collect()
    };
    let (was, is) = (ips(before), ips(after));
    let ip = |add, ip: &IpAddr| Op::new(SetId::NodePortIps, add, Key::new().address(*ip));
    ops.extend(was.difference(&is).map(|a| ip(false, a)));
    ops.extend(is.difference(&was).map(|a| ip(true, a)));
    let cidrs = |s: &Settings| -> Vec<Cidr> {
        s.service_cidrs.iter().copied().filter(|c| c.family() == family).collect()
    };
    let (was, is) = (cidrs(before), cidrs(after));
    if was != is {
        ops.extend(interval_ops(SetId::ServiceCidrs, false, &was));
        ops.extend(interval_ops(SetId::ServiceCidrs, true, &is));
    }
    ops
}

/// Ranges as the elements of a plain interval set: the first key of each, and the first one after it.
fn interval_ops(set: SetId, add: bool, ranges: &[Cidr]) -> Vec<Op> {
    let mut ops = Vec::new();
    for (first, last) in merged(ranges) {
        ops.push(Op::new(set, add, Key::new().address(first)));
        // The last address of all has none after it: the interval is open.
        if let Some(after) = next(last) {
            ops.push(Op { interval_end: true, ..Op::new(set, add, Key::new().address(after)) });
        }
    }
    ops
}
