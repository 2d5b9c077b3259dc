//! Sending units to the kernel, and what it refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use plumb_kernel::KernelError;
use plumb_model::Read;
use plumb_nft::Batch;

use super::sets::SetId;
use super::sync::{NftError, Nftables, Synced};
use super::transaction::{Start, Structure, Subject, Then, Unit, compile};

/// `ENOENT`, `EBUSY`
const ENOENT: i32 = 2;
const EBUSY: i32 = 16;
/// A transaction that is refused is tried again without what the kernel refused, so often at most.
const ROUNDS: usize = 24;

pub(super) fn name_of(subject: &Subject) -> String {
    match subject {
        Subject::Frontend(key) => key.to_string(),
        Subject::Affinity(port) => format!("affinity of {port} {}", port.protocol),
        Subject::Shared => "cluster IPs and endpoints of this node".to_owned(),
        Subject::Settings => "addresses for node ports, ranges of pods and Services".to_owned(),
    }
}

/// Talks to the kernel.
impl Nftables {
    /// Sends units as one transaction. What the kernel refuses is found, left out, and the rest sent again.
    pub(super) fn commit(&mut self, start: Start, mut units: Vec<Unit>) -> Result<Synced, NftError> {
        let mut synced = Synced::default();
        let mut apart: BTreeSet<SetId> = BTreeSet::new();
        for _ in 0..ROUNDS {
            let mut compiled = compile(&self.key, &start, &units, &apart)?;
            let bytes = compiled.batch.seal();
            let size = bytes.len();
            let began = Instant::now();
            let errors = self.kernel.nftables_bytes(bytes)?;
            synced.kernel_time += began.elapsed();
            if errors.is_empty() {
                synced.transactions += 1;
                synced.bytes += size;
                self.generation = self.kernel.nftables_generation()?;
                self.settle(units, &mut synced);
                return Ok(synced);
            }
            let mut blamed: BTreeMap<usize, String> = BTreeMap::new();
            let mut unclear = BTreeSet::new();
            let mut other = None;
            for (sequence, error) in errors {
                match (compiled.owners(sequence), compiled.set(sequence)) {
                    ([only], _) => {
                        blamed.entry(*only).or_insert_with(|| error.to_string());
                    }
                    ([], _) | (_, None) => {
                        let subject =
                            compiled.batch.subject(sequence).unwrap_or("the transaction").to_owned();
                        other.get_or_insert((subject, error));
                    }
                    (_, Some(set)) => {
                        unclear.insert(set);
                    }
                }
            }
            self.still_there(&start)?;
            let news = unclear.iter().any(|set| !apart.contains(set));
            apart.extend(unclear);
            if blamed.is_empty() && !news {
                return Err(match other {
                    Some((subject, error)) => error.within(&subject).into(),
                    None => NftError::Lost(self.key.name.clone()),
                });
            }
            // What all Services share is no single object's fault: the table is not as it was left.
            let common = |i: &usize| {
                units.get(*i).is_some_and(|u| matches!(u.subject, Subject::Shared | Subject::Settings))
            };
            if let Some((_, error)) = blamed.iter().find(|(i, _)| common(i)) {
                tracing::warn!(%error, "the kernel refuses what all Services share");
                return Err(NftError::Lost(self.key.name.clone()));
            }
            units = self.leave_out(units, &blamed);
        }
        Err(NftError::Lost(self.key.name.clone()))
    }

    /// Changes to a table that is not there are refused one and all: nothing of that is the objects' fault.
    pub(super) fn still_there(&mut self, start: &Start) -> Result<(), NftError> {
        if matches!(start, Start::Make { .. }) {
            return Ok(());
        }
        let handle = self.read_handle()?;
        let same = handle.is_some_and(|h| self.handle == 0 || h == self.handle);
        if same { Ok(()) } else { Err(NftError::Lost(self.key.name.clone())) }
    }

    pub(super) fn leave_out(&mut self, units: Vec<Unit>, blamed: &BTreeMap<usize, String>) -> Vec<Unit> {
        let mut kept = Vec::with_capacity(units.len());
        for (i, unit) in units.into_iter().enumerate() {
            match blamed.get(&i) {
                None => kept.push(unit),
                Some(error) => {
                    let frontend = match unit.then {
                        Then::Frontend(_, installed) => installed.map(|i| i.frontend),
                        _ => None,
                    };
                    tracing::warn!(what = name_of(&unit.subject), %error, "the kernel refuses this; it is left out");
                    self.refused.insert(unit.subject, (frontend, error.clone()));
                }
            }
        }
        kept
    }

    /// The transaction was taken: what it carried is in force.
    pub(super) fn settle(&mut self, units: Vec<Unit>, synced: &mut Synced) {
        for unit in units {
            synced.elements += unit.ops.len();
            match unit.then {
                Then::Nothing => {}
                Then::Frontend(key, Some(installed)) => {
                    self.installed.insert(key, installed);
                }
                Then::Frontend(key, None) => {
                    self.installed.remove(&key);
                }
                Then::Affinity(port, affinity) => {
                    let live = affinity.dispatch.keys().chain(affinity.endpoints.keys());
                    live.for_each(|name| {
                        self.garbage.remove(name);
                    });
                    self.garbage.extend(unit.after.iter().filter_map(|s| match s {
                        Structure::Empty(name) => Some(Arc::clone(name)),
                        _ => None,
                    }));
                    if affinity.endpoints.is_empty() {
                        self.affinity.remove(&port);
                    } else {
                        self.affinity.insert(port, affinity);
                    }
                }
            }
        }
        synced.refused = self.refused().collect();
    }

    /// Deletes chains and sets that nothing refers to. Kernels before 6.2 count a reference that went until some time after its
    /// transaction: what is still busy is tried again with the next sync.
    pub(super) fn sweep(&mut self, synced: &mut Synced) -> Result<(), NftError> {
        if self.garbage.is_empty() {
            return Ok(());
        }
        let table = match self.kernel.nftables_table(&self.key, &|_| false)? {
            Read::Got(Some(table)) | Read::Torn { value: Some(table), .. } => table,
            _ => return Ok(()),
        };
        let mut batch = Batch::new(1, None);
        for chain in table.chains.iter().filter(|c| self.garbage.contains(c.name.as_str())) {
            batch.delete_chain(&self.key, &chain.name);
        }
        for set in table.sets.iter().filter(|s| self.garbage.contains(s.name.as_str())) {
            batch.delete_set(&self.key, &set.name);
        }
        match self.kernel.nftables(batch) {
            Ok(()) => {
                self.garbage.clear();
                synced.transactions += 1;
                self.generation = self.kernel.nftables_generation()?;
            }
            Err(KernelError::Refused { errno: EBUSY | ENOENT, .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    pub(super) fn read_handle(&mut self) -> Result<Option<u64>, NftError> {
        Ok(self
            .kernel
            .nftables_tables(self.key.family)?
            .into_iter()
            .find(|t| t.name == self.key.name)
            .map(|t| t.handle))
    }
}
