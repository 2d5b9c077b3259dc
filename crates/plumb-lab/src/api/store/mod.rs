//! The objects of the small API: pure, without sockets. Every verb of the API is a method here.

mod allocate;
mod log;
mod merge;
mod meta;
mod read;
mod selector;
mod service;
mod status;
mod write;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::SystemTime;

use plumb_api::address::Cidr;
use plumb_api::{Kind, NamespacedName};
use serde_json::{Value, json};

pub use log::{EventKind, WatchEvent};
pub use read::{List, ListOptions, Match};
pub use selector::Selector;
pub use status::{Cause, Status};
pub(crate) use write::has_status;
pub use write::{DeleteOptions, Part, Patch};

use allocate::Allocation;
use log::Log;

/// How a store is set up.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Where cluster IPs come from, at most one range a family; the first says which family Services get that name none.
    pub cluster_ips: Vec<Cidr>,
    /// Where node ports come from.
    pub node_ports: RangeInclusive<u16>,
    /// Events that are remembered for each kind. Whoever watches from an older version gets 410.
    pub log_capacity: usize,
    /// The time that objects are created at.
    pub clock: fn() -> SystemTime,
}

impl Default for StoreOptions {
    /// 10.96.0.0/12 (kubeadm's default), 30000–32767, 10,000 events.
    fn default() -> Self {
        let cluster_ips = Cidr::new([10, 96, 0, 0].into(), 12).into_iter().collect();
        Self { cluster_ips, node_ports: 30000..=32767, log_capacity: 10_000, clock: SystemTime::now }
    }
}

/// An object as it was at a version.
#[derive(Debug, PartialEq)]
pub struct Stored {
    /// `metadata.resourceVersion`
    pub version: u64,
    /// The object.
    pub json: Value,
    /// The same as text, written once for all lists and watches.
    pub text: Box<str>,
}

impl Stored {
    fn new(version: u64, mut json: Value) -> Arc<Self> {
        json["metadata"]["resourceVersion"] = version.to_string().into();
        let text = json.to_string().into();
        Arc::new(Self { version, json, text })
    }
}

/// All objects of a kind.
#[derive(Debug, Default)]
struct Table {
    objects: BTreeMap<NamespacedName, Arc<Stored>>,
    log: Log,
}

/// All objects.
#[derive(Debug)]
pub struct Store {
    options: StoreOptions,
    tables: [Table; Kind::ALL.len()],
    version: u64,
    allocation: Allocation,
}

impl Store {
    /// A store with what every cluster has: the first namespaces, and the ServiceCIDR `kubernetes`.
    #[must_use]
    pub fn new(options: StoreOptions) -> Self {
        let allocation = Allocation::new(options.cluster_ips.clone(), options.node_ports.clone());
        let mut store = Self { options, tables: Default::default(), version: 1, allocation };
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            store.seed(Kind::Namespace, json!({"metadata": {"name": name}}));
        }
        let cidrs: Vec<_> = store.options.cluster_ips.iter().map(ToString::to_string).collect();
        if !cidrs.is_empty() {
            let cidr = json!({"metadata": {"name": "kubernetes"}, "spec": {"cidrs": cidrs}});
            store.seed(Kind::ServiceCidr, cidr);
        }
        store
    }

    fn seed(&mut self, kind: Kind, object: Value) {
        // Names are known to be good, and nothing is in the way.
        let _ = self.create(kind, "", object);
    }

    /// The version of the last change of any kind.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    fn table(&self, kind: Kind) -> &Table {
        &self.tables[kind as usize]
    }

    fn table_mut(&mut self, kind: Kind) -> &mut Table {
        &mut self.tables[kind as usize]
    }
}

#[cfg(test)]
mod tests;
