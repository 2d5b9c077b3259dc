//! The proxy of one node: objects in, kernel as they say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use plumb_api::address::IpFamily;
use plumb_api::{Change, Kind, NamespacedName, Node, Object, ServiceCidr};
use plumb_intent::{NodeContext, Problem, Services};
use plumb_kernel::{KernelError, NamespaceHandle, NamespaceWriter};
use plumb_model::Read;

use crate::backend::nftables::{Difference, NftError, Nftables, Synced};
use crate::config::Config;
use crate::node::{FamilyFacts, Sources, facts, unreadable};

/// Problems that are remembered, so that each is logged once.
const MOST_TOLD: usize = 10_000;

/// Why the proxy cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The kernel of this node could not be asked at all.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A family is not as its Services say.
    #[error("{family}: {source}")]
    Family {
        /// Family.
        family: IpFamily,
        /// Why.
        #[source]
        source: NftError,
    },
}

/// The proxy of one node.
pub struct Proxy {
    config: Config,
    /// For what is asked of devices.
    devices: NamespaceWriter,
    families: Vec<Family>,
    node: Option<Box<Node>>,
    service_cidrs: BTreeMap<Box<str>, ServiceCidr>,
    listed: BTreeSet<Kind>,
    facts_changed: bool,
    /// Problems that were told already.
    told: BTreeSet<String>,
}

struct Family {
    family: IpFamily,
    services: Services,
    backend: Nftables,
    facts: FamilyFacts,
    loaded: bool,
    /// The table was loaded anew since something was refused: that did not help, or not yet.
    reloaded: bool,
}

/// What a sync did, of both families together.
#[derive(Debug, Default)]
pub struct Report {
    /// What was written.
    pub synced: Synced,
    /// Services that were looked at.
    pub services: usize,
    /// Frontends that became others.
    pub frontends: usize,
    /// A table was written whole.
    pub loaded: bool,
    /// What went wrong. The other family is synced even so.
    pub errors: Vec<ProxyError>,
}

impl Report {
    /// All that is wanted is in force.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.errors.is_empty() && self.synced.refused.is_empty()
    }

    fn add(&mut self, synced: Synced) {
        self.synced.bytes += synced.bytes;
        self.synced.elements += synced.elements;
        self.synced.transactions += synced.transactions;
        self.synced.kernel_time += synced.kernel_time;
        self.synced.refused.extend(synced.refused);
    }
}

/// Logs what was not logged yet.
fn tell(told: &mut BTreeSet<String>, problems: &[Problem]) {
    // Objects that keep on changing their faults are not remembered for ever.
    if told.len() > MOST_TOLD {
        told.clear();
    }
    for problem in problems {
        if told.insert(problem.to_string()) {
            tracing::warn!("{problem}");
        }
    }
}

/// Whether this machine speaks the family (`include/net/if_inet6.h`: the file is there when IPv6 is).
fn speaks(family: IpFamily) -> bool {
    family == IpFamily::V4 || std::path::Path::new("/proc/net/if_inet6").exists()
}

impl Proxy {
    /// For the network namespace of `handle`. Nothing is read or written yet.
    ///
    /// # Errors
    /// When no netlink socket can be opened.
    pub fn new(handle: &NamespaceHandle, config: Config) -> Result<Self, ProxyError> {
        let mut proxy = Self {
            devices: NamespaceWriter::new(handle)?,
            families: Vec::new(),
            node: None,
            service_cidrs: BTreeMap::new(),
            listed: BTreeSet::new(),
            facts_changed: false,
            told: BTreeSet::new(),
            config,
        };
        let addresses = proxy.local_addresses()?;
        for family in IpFamily::ALL {
            if !speaks(family) {
                tracing::warn!("this machine has no {family}: Services have none here");
                continue;
            }
            let facts = facts(&proxy.config, &proxy.sources(&addresses), family);
            let context = NodeContext {
                name: proxy.config.node_name.as_str().into(),
                zone: facts.zone.clone(),
                node_ips: facts.node_ips.clone(),
            };
            proxy.families.push(Family {
                family,
                services: Services::new(family, context),
                backend: Nftables::new(NamespaceWriter::new(handle)?, facts.frame.clone()),
                facts,
                loaded: false,
                reloaded: false,
            });
        }
        Ok(proxy)
    }

    fn local_addresses(&mut self) -> Result<Vec<IpAddr>, ProxyError> {
        let addresses = match self.devices.addresses()? {
            Read::Got(list) | Read::Torn { value: list, .. } => list,
            _ => Vec::new(),
        };
        Ok(addresses.into_iter().map(|a| a.prefix.addr).collect())
    }

    fn sources<'a>(&'a self, local_addresses: &'a [IpAddr]) -> Sources<'a> {
        Sources {
            node: self.node.as_deref(),
            service_cidrs: self.service_cidrs.values().collect(),
            local_addresses,
        }
    }

    /// Takes a change of the view.
    pub fn observe(&mut self, change: Change) {
        match change {
            Change::Listed(kind) => {
                self.listed.insert(kind);
            }
            Change::Applied(object) => match *object {
                Object::Service(service) => {
                    self.families.iter_mut().for_each(|f| f.services.apply_service(&service));
                }
                Object::EndpointSlice(slice) => {
                    self.families.iter_mut().for_each(|f| f.services.apply_slice(&slice));
                }
                Object::Node(node) if node.metadata.name.eq_ignore_ascii_case(&self.config.node_name) => {
                    self.node = Some(Box::new(node));
                    self.facts_changed = true;
                }
                Object::ServiceCidr(range) => {
                    self.service_cidrs.insert(range.metadata.name.clone(), range);
                    self.facts_changed = true;
                }
                _ => {}
            },
            Change::Deleted(key) => self.forget(key.kind, &key.name),
        }
    }

    fn forget(&mut self, kind: Kind, name: &NamespacedName) {
        match kind {
            Kind::Service => self.families.iter_mut().for_each(|f| f.services.remove_service(name)),
            Kind::EndpointSlice => self.families.iter_mut().for_each(|f| f.services.remove_slice(name)),
            Kind::ServiceCidr => {
                self.facts_changed |= self.service_cidrs.remove(&name.name).is_some();
            }
            // What a deleted Node said holds on, as in the reference: the node is still here.
            _ => {}
        }
    }

    /// Services, their endpoints and the Node have been listed: nothing is written before, since half a view would cut traffic.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        [Kind::Service, Kind::EndpointSlice, Kind::Node].iter().all(|kind| self.listed.contains(kind))
    }

    /// Objects of this kind have been listed, or the API server does not know it.
    #[must_use]
    pub fn has_listed(&self, kind: Kind) -> bool {
        self.listed.contains(&kind)
    }

    /// Something was told that is not in the kernel yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.facts_changed || self.families.iter().any(|f| !f.loaded || f.services.is_pending())
    }

    /// Brings the kernel to what was told.
    pub fn sync(&mut self) -> Report {
        let before = self.undisturbed();
        let report = self.sync_all();
        // Every family's transactions make the one generation higher. Where nobody else's did, all families know where they are.
        let taken = u32::try_from(report.synced.transactions).unwrap_or(u32::MAX);
        if let Some(expected) = before.map(|generation| generation.wrapping_add(taken)) {
            for family in &mut self.families {
                if family.backend.current_generation().is_ok_and(|now| now == expected) {
                    family.backend.set_generation(expected);
                }
            }
        }
        report
    }

    /// The generation of the ruleset, where no family that is loaded has to look what somebody else changed.
    fn undisturbed(&mut self) -> Option<u32> {
        let now = self.families.first_mut()?.backend.current_generation().ok()?;
        let known = |f: &Family| !f.loaded || f.backend.generation() == now;
        self.families.iter().all(known).then_some(now)
    }

    fn sync_all(&mut self) -> Report {
        let mut report = Report::default();
        if let Err(error) = self.renew_facts(&mut report) {
            // The devices could not be asked: what was known of them holds, and they are asked again.
            self.facts_changed = true;
            report.errors.push(error);
        }
        for family in &mut self.families {
            let delta = family.services.take();
            report.services += delta.services;
            report.frontends += delta.frontends.len();
            tell(&mut self.told, &delta.problems);
            let loads = !family.loaded;
            let result = if family.loaded {
                family.backend.apply(&delta)
            } else {
                report.loaded = true;
                family.backend.load(&family.services, &family.facts.settings)
            };
            match result {
                Ok(synced) => {
                    // Something refused may be somebody else's work in the table: the next run writes it whole, once.
                    let refused = !synced.refused.is_empty();
                    family.loaded = !refused || family.reloaded || loads;
                    family.reloaded = refused;
                    report.add(synced);
                }
                Err(source) => {
                    // What is in the kernel is not known any more.
                    family.loaded = false;
                    report.errors.push(ProxyError::Family { family: family.family, source });
                }
            }
        }
        report
    }

    fn renew_facts(&mut self, report: &mut Report) -> Result<(), ProxyError> {
        if !std::mem::take(&mut self.facts_changed) {
            return Ok(());
        }
        let addresses = self.local_addresses()?;
        let all: Vec<FamilyFacts> =
            self.families.iter().map(|f| facts(&self.config, &self.sources(&addresses), f.family)).collect();
        let problems = unreadable(&self.sources(&addresses));
        tell(&mut self.told, &problems);
        for (family, facts) in self.families.iter_mut().zip(all) {
            if family.facts == facts {
                continue;
            }
            family.services.set_node(facts.zone.clone(), facts.node_ips.clone());
            if family.facts.frame != facts.frame {
                family.backend.set_frame(facts.frame.clone());
                family.loaded = false;
            } else if family.loaded && family.facts.settings != facts.settings {
                match family.backend.set_settings(&facts.settings) {
                    Ok(synced) => report.add(synced),
                    Err(source) => {
                        family.loaded = false;
                        report.errors.push(ProxyError::Family { family: family.family, source });
                    }
                }
            }
            family.facts = facts;
        }
        Ok(())
    }

    /// The node's devices may have other addresses than when they were last asked.
    pub fn ask_devices(&mut self) {
        self.facts_changed = true;
    }

    /// What somebody else changed in the tables. `deep` looks at every element. What differs is loaded anew at the next sync.
    pub fn verify(&mut self, deep: bool) -> Result<Vec<(IpFamily, Difference)>, ProxyError> {
        let mut all = Vec::new();
        for family in self.families.iter_mut().filter(|f| f.loaded) {
            let found = family
                .backend
                .verify(deep)
                .map_err(|source| ProxyError::Family { family: family.family, source })?;
            family.loaded = found.is_empty();
            all.extend(found.into_iter().map(|d| (family.family, d)));
        }
        Ok(all)
    }

    /// Whether nftables was changed by anybody since this last wrote or looked.
    pub fn is_disturbed(&mut self) -> Result<bool, ProxyError> {
        for family in self.families.iter_mut().filter(|f| f.loaded) {
            match family.backend.is_disturbed() {
                Ok(false) => {}
                Ok(true) => return Ok(true),
                Err(source) => return Err(ProxyError::Family { family: family.family, source }),
            }
        }
        Ok(false)
    }

    /// What a sync would change, without changing it.
    pub fn differences(&mut self) -> Result<Vec<(IpFamily, Difference)>, ProxyError> {
        // Nothing is loaded yet, so nothing is written here.
        self.renew_facts(&mut Report::default())?;
        let mut all = Vec::new();
        for family in &mut self.families {
            family.services.take();
            let found = family
                .backend
                .differences(&family.services, &family.facts.settings)
                .map_err(|source| ProxyError::Family { family: family.family, source })?;
            all.extend(found.into_iter().map(|d| (family.family, d)));
        }
        Ok(all)
    }

    /// Removes all that a proxy made; the families in which there was something.
    pub fn cleanup(&mut self) -> Result<Vec<IpFamily>, ProxyError> {
        let mut gone = Vec::new();
        for family in &mut self.families {
            let was = family
                .backend
                .cleanup()
                .map_err(|source| ProxyError::Family { family: family.family, source })?;
            family.loaded = false;
            gone.extend(was.then_some(family.family));
        }
        Ok(gone)
    }

    /// Services, frontends and elements in force or wanted, of both families together: for status and for the choice of how
    /// deep to verify.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let services = self.families.iter().map(|f| f.services.len()).max().unwrap_or_default();
        (services, self.families.iter().map(|f| f.backend.frontends()).sum())
    }

    /// Name of the node.
    #[must_use]
    pub fn node_name(&self) -> &str {
        &self.config.node_name
    }
}
