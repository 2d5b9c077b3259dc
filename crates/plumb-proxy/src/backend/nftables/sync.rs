//! Bringing the kernel to what the intent says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use plumb_api::address::Cidr;
use plumb_intent::{Delta, Frontend, FrontendKey, PortName, Services};
use plumb_kernel::{KernelError, NamespaceWriter};
use plumb_model::Read;
use plumb_nft::{Batch, EncodeError, TableKey};

use super::affinity::{self, Affinity};
use super::commit::name_of;
use super::compare::{self, Difference};
use super::elements::{self, Installed};
use super::fill::MANY;
use super::frame::{FrameConfig, table_key};
use super::transaction::{Start, Subject, Then};
use super::units::{carry_clients, settings_ops};

/// `ENOENT`
const ENOENT: i32 = 2;

/// Why the kernel is not as the intent says.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The kernel could not be asked, or refused what no single object is to blame for.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Something does not go into a message.
    #[error("cannot write the transaction: {0}")]
    Encode(#[from] EncodeError),
    /// The table is not as it was left.
    #[error("table {0} was changed by somebody else; it is loaded anew")]
    Lost(String),
}

/// What the configuration puts into sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Addresses of the node that take node ports, where not all do.
    pub node_port_ips: Vec<IpAddr>,
    /// Ranges that cluster IPs are allocated from: what goes to one that is not allocated is dropped.
    pub service_cidrs: Vec<Cidr>,
}

/// Something that the kernel refused, and that is therefore not in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Frontend, or port of a Service.
    pub what: String,
    /// The kernel's answer.
    pub error: String,
}

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synced {
    /// Bytes of the transactions that the kernel took.
    pub bytes: usize,
    /// Elements that came or went.
    pub elements: usize,
    /// Transactions that the kernel took: each makes the ruleset's generation one higher.
    pub transactions: usize,
    /// Time in the kernel.
    pub kernel_time: Duration,
    /// What is not in force.
    pub refused: Vec<Refused>,
}

impl Synced {
    /// This, and then that.
    pub(super) fn and(&mut self, next: Self) {
        self.bytes += next.bytes;
        self.elements += next.elements;
        self.transactions += next.transactions;
        self.kernel_time += next.kernel_time;
        self.refused = next.refused;
    }
}

pub(super) type Map<K, V> = HashMap<K, V, RandomState>;

/// The table of one family.
pub struct Nftables {
    pub(super) key: TableKey,
    pub(super) config: FrameConfig,
    pub(super) kernel: NamespaceWriter,
    pub(super) settings: Settings,
    pub(super) installed: Map<FrontendKey, Installed>,
    /// What is in force of each port with affinity, and the frontends that it has.
    pub(super) affinity: BTreeMap<Arc<PortName>, Affinity>,
    pub(super) affine: BTreeMap<Arc<PortName>, BTreeMap<FrontendKey, Arc<Frontend>>>,
    /// What the kernel refused; tried again with whatever comes next.
    pub(super) refused: BTreeMap<Subject, (Option<Arc<Frontend>>, String)>,
    pub(super) shared: Shared,
    /// Chains and sets that nothing refers to any more.
    pub(super) garbage: BTreeSet<Arc<str>>,
    pub(super) generation: u32,
    pub(super) handle: u64,
}

/// Elements that Services share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) cluster_ips: BTreeSet<IpAddr>,
    pub(super) hairpins: BTreeSet<plumb_intent::Hairpin>,
}

impl Nftables {
    /// For the namespace of `kernel`. Nothing is read or written yet.
    #[must_use]
    pub fn new(kernel: NamespaceWriter, config: FrameConfig) -> Self {
        Self {
            key: table_key(config.family),
            config,
            kernel,
            settings: Settings::default(),
            installed: Map::default(),
            affinity: BTreeMap::new(),
            affine: BTreeMap::new(),
            refused: BTreeMap::new(),
            shared: Shared::default(),
            garbage: BTreeSet::new(),
            generation: 0,
            handle: 0,
        }
    }

    /// The first sync, and the one after somebody else changed the table: whatever is there becomes what the intent says. A table
    /// that packets meet does in one transaction, so that none meets anything in between; clients that Services with affinity
    /// know stay known.
    pub fn load(&mut self, services: &Services, settings: &Settings) -> Result<Synced, NftError> {
        let frame = self.config.table();
        let existing = match self.kernel.nftables_table(&self.key, &affinity::is_ours)? {
            Read::Got(table) | Read::Torn { value: table, .. } => table,
            _ => None,
        };
        self.installed.clear();
        self.affinity.clear();
        self.affine.clear();
        self.refused.clear();
        self.garbage.clear();
        self.settings = settings.clone();
        self.shared =
            Shared { cluster_ips: services.cluster_ips().collect(), hairpins: services.hairpins().collect() };
        let fits = existing.as_ref().is_some_and(|table| compare::frame(&frame, table).is_empty());
        for (key, frontend) in services.frontends() {
            self.note_affinity(*key, None, Some(frontend));
        }
        let mut affine: Vec<_> = self.affine.keys().map(|port| self.affinity_unit(port)).collect();
        let in_use = existing.as_ref().is_some_and(|t| t.chains.iter().any(|c| c.base.is_some()));
        let few = services.frontends().take(MANY).count() < MANY;
        let mut synced = if fits || in_use || few {
            let mut units = vec![self.settings_unit(&Settings::default()), self.shared_unit()];
            units.extend(services.frontends().map(|(key, f)| self.frontend_unit(*key, Some(f))));
            units.append(&mut affine);
            let start = if fits {
                self.old_affinity(existing.as_ref(), &mut units);
                Start::Refill
            } else {
                carry_clients(existing.as_ref(), &mut units);
                Start::Make { frame: Box::new(frame), replaces: existing.is_some() }
            };
            self.commit(start, units)?
        } else {
            self.build(frame, existing.is_some(), services, affine)?
        };
        self.sweep(&mut synced)?;
        self.handle = self.read_handle()?.unwrap_or_default();
        Ok(synced)
    }

    /// One transaction that carries what changed.
    pub fn apply(&mut self, delta: &Delta) -> Result<Synced, NftError> {
        let mut units = Vec::with_capacity(delta.frontends.len() + 1);
        if let Some(unit) = self.shared_change(delta) {
            units.push(unit);
        }
        // What was refused before is tried again, unless it is told anew.
        let told: BTreeSet<FrontendKey> = delta.frontends.iter().map(|c| c.key).collect();
        let again = std::mem::take(&mut self.refused);
        let mut ports = BTreeSet::new();
        for (subject, (frontend, _)) in again {
            match subject {
                Subject::Frontend(key) if !told.contains(&key) => {
                    units.push(self.frontend_unit(key, frontend.as_ref()));
                }
                Subject::Affinity(port) => {
                    ports.insert(port);
                }
                _ => {}
            }
        }
        for change in &delta.frontends {
            units.push(self.frontend_unit(change.key, change.after.as_ref()));
            let names = [&change.before, &change.after].into_iter().flatten();
            ports.extend(names.filter(|f| f.affinity.is_some()).map(|f| Arc::clone(&f.name)));
            self.note_affinity(change.key, change.before.as_ref(), change.after.as_ref());
        }
        for port in ports {
            units.push(self.affinity_unit(&port));
        }
        units.retain(|u| !u.ops.is_empty() || !u.before.is_empty() || !matches!(u.then, Then::Nothing));
        if units.is_empty() {
            return Ok(Synced::default());
        }
        let mut synced = self.commit(Start::Keep, units)?;
        self.sweep(&mut synced)?;
        Ok(synced)
    }

    /// The rules are to be others; the next [`Self::load`] writes them.
    pub fn set_frame(&mut self, config: FrameConfig) {
        self.config = config;
    }

    /// Other addresses take node ports, or cluster IPs come from other ranges.
    pub fn set_settings(&mut self, settings: &Settings) -> Result<Synced, NftError> {
        if *settings == self.settings {
            return Ok(Synced::default());
        }
        let before = std::mem::replace(&mut self.settings, settings.clone());
        let unit = self.settings_unit(&before);
        self.commit(Start::Keep, vec![unit])
    }

    /// Whether somebody changed anything of nftables since this last wrote or looked. Costs a few microseconds.
    pub fn is_disturbed(&mut self) -> Result<bool, NftError> {
        Ok(self.kernel.nftables_generation()? != self.generation)
    }

    /// The generation of the ruleset now.
    pub fn current_generation(&mut self) -> Result<u32, NftError> {
        Ok(self.kernel.nftables_generation()?)
    }

    /// The generation that this last wrote or looked at.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Takes this generation for one that changed nothing here: all that came since is known to be somebody else's own affair.
    pub fn set_generation(&mut self, generation: u32) {
        self.generation = generation;
    }

    /// What is not as it was left. `deep` looks at all elements, which takes long where there are very many; else at the table,
    /// its chains, rules and sets. A reading that others' changes tore tells nothing.
    pub fn verify(&mut self, deep: bool) -> Result<Vec<Difference>, NftError> {
        let generation = self.kernel.nftables_generation()?;
        let elements = |name: &str| deep && !affinity::is_ours(name);
        let Read::Got(table) = self.kernel.nftables_table(&self.key, &elements)? else {
            return Ok(Vec::new());
        };
        let Some(table) = table else { return Ok(vec![Difference::NoTable(self.key.name.clone())]) };
        let mut differences = Vec::new();
        if self.handle != 0 && table.handle != self.handle {
            differences.push(Difference::OtherTable(self.key.name.clone()));
        }
        differences.extend(compare::frame(&self.config.table(), &table));
        differences.extend(self.lost_affinity(&table));
        if deep {
            differences.extend(compare::elements(&self.expected(), &table));
        }
        if differences.is_empty() {
            self.generation = generation;
        }
        Ok(differences)
    }

    /// What a fresh load would change: the kernel against the intent, endpoints in any order.
    pub fn differences(
        &mut self,
        services: &Services,
        settings: &Settings,
    ) -> Result<Vec<Difference>, NftError> {
        let table = match self.kernel.nftables_table(&self.key, &|name| !affinity::is_ours(name))? {
            Read::Got(table) | Read::Torn { value: table, .. } => table,
            _ => None,
        };
        let Some(table) = table else { return Ok(vec![Difference::NoTable(self.key.name.clone())]) };
        let mut ops = settings_ops(&self.config, &Settings::default(), settings);
        ops.extend(services.cluster_ips().map(|ip| elements::cluster_ip(true, ip)));
        ops.extend(services.hairpins().map(|h| elements::hairpin(true, h)));
        let mut named: Vec<_> = ops.into_iter().map(|op| (op, None)).collect();
        for (key, frontend) in services.frontends() {
            let (ops, _) = elements::change(key, None, Some(frontend));
            named.extend(ops.into_iter().map(|op| (op, Some(Arc::clone(&frontend.name)))));
        }
        let mut differences = compare::frame(&self.config.table(), &table);
        differences.extend(compare::elements(&named, &table));
        Ok(differences)
    }

    /// Deletes the table; says whether there was one.
    pub fn cleanup(&mut self) -> Result<bool, NftError> {
        let mut batch = Batch::new(1, None);
        batch.delete_table(&self.key);
        match self.kernel.nftables(batch) {
            Ok(()) => Ok(true),
            Err(KernelError::Refused { errno: ENOENT, .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What is not in force.
    pub fn refused(&self) -> impl Iterator<Item = Refused> {
        self.refused
            .iter()
            .map(|(subject, (_, error))| Refused { what: name_of(subject), error: error.clone() })
    }

    /// Frontends in force.
    #[must_use]
    pub fn frontends(&self) -> usize {
        self.installed.len()
    }
}
