//! Units of work to one transaction, and back from the kernel's errors to units.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plumb_intent::{FrontendKey, PortName};
use plumb_nft::{
    Batch, Chain, Element, ElementChange, ElementRef, EncodeError, Place, Rule, Set, Table, TableKey,
};

use super::affinity::Affinity;
use super::elements::{Installed, Op, Value};
use super::sets::SetId;
use super::userdata;

/// What a unit of work is about: the smallest thing that is left out when the kernel refuses it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Subject {
    Frontend(FrontendKey),
    Affinity(Arc<PortName>),
    /// Cluster IPs and hairpins: of all Services together.
    Shared,
    /// What the configuration says.
    Settings,
}

/// Chains and sets that come, in the order in which they must.
#[derive(Clone, Debug)]
pub(super) enum Structure {
    Set(Set),
    /// A chain, new or emptied, with these rules.
    Chain(Arc<str>, Vec<Rule>),
    /// Clients that an affinity set remembered before it was replaced.
    Clients(Arc<str>, Vec<Element>),
    /// A chain without its rules.
    Empty(Arc<str>),
}

/// What is then in the kernel.
#[derive(Clone, Debug)]
pub(super) enum Then {
    Frontend(FrontendKey, Option<Installed>),
    Affinity(Arc<PortName>, Affinity),
    Nothing,
}

/// One unit of work.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) subject: Subject,
    /// For comments.
    pub(super) name: Option<Arc<PortName>>,
    /// Before elements.
    pub(super) before: Vec<Structure>,
    pub(super) ops: Vec<Op>,
    /// After elements: chains that lose their rules.
    pub(super) after: Vec<Structure>,
    pub(super) then: Then,
}

/// What is done to the table itself first.
#[derive(Clone, Debug)]
pub(super) enum Start {
    /// It stays as it is.
    Keep,
    /// It is there; its sets are emptied.
    Refill,
    /// It comes anew, or what it lacks; one that is there goes in the same transaction.
    Make {
        /// The table, its sets empty, or what it lacks of that.
        frame: Box<Table>,
        /// One is there.
        replaces: bool,
    },
}

/// A transaction, and which units each message belongs to.
pub(super) struct Compiled {
    pub(super) batch: Batch,
    owners: BTreeMap<u32, Vec<usize>>,
    sets: BTreeMap<u32, SetId>,
}

impl Compiled {
    /// The units that a message belongs to; empty for the frame.
    pub(super) fn owners(&self, sequence: u32) -> &[usize] {
        self.owners.get(&sequence).map_or(&[], Vec::as_slice)
    }

    /// The set that a message adds to or takes from.
    pub(super) fn set(&self, sequence: u32) -> Option<SetId> {
        self.sets.get(&sequence).copied()
    }
}

/// Writes the transaction. Elements of the sets in `apart` go into messages of their own, so that the kernel's errors name them.
pub(super) fn compile(
    key: &TableKey,
    start: &Start,
    units: &[Unit],
    apart: &BTreeSet<SetId>,
) -> Result<Compiled, EncodeError> {
    let mut compiled =
        Compiled { batch: Batch::new(1, None), owners: BTreeMap::new(), sets: BTreeMap::new() };
    match start {
        Start::Keep => {}
        Start::Refill => {
            for set in SetId::all() {
                compiled.batch.flush_set(key, &set.to_string());
            }
        }
        Start::Make { frame, replaces } => {
            if *replaces {
                compiled.batch.delete_table(key);
            }
            compiled.batch.add_all(frame)?;
        }
    }
    let mut writer = Writer { key, compiled: &mut compiled };
    for (i, unit) in units.iter().enumerate() {
        writer.structures(i, &unit.before)?;
    }
    writer.elements(units, apart)?;
    for (i, unit) in units.iter().enumerate() {
        writer.structures(i, &unit.after)?;
    }
    Ok(compiled)
}

struct Writer<'a> {
    key: &'a TableKey,
    compiled: &'a mut Compiled,
}

impl Writer<'_> {
    fn own(&mut self, sequence: u32, unit: usize) {
        self.compiled.owners.entry(sequence).or_default().push(unit);
    }

    fn structures(&mut self, unit: usize, structures: &[Structure]) -> Result<(), EncodeError> {
        for structure in structures {
            let sequences = self.structure(structure)?;
            for sequence in sequences {
                self.own(sequence, unit);
            }
        }
        Ok(())
    }

    fn structure(&mut self, structure: &Structure) -> Result<Vec<u32>, EncodeError> {
        let key = self.key;
        let batch = &mut self.compiled.batch;
        let chain = |name: &str| Chain {
            name: name.to_owned(),
            handle: 0,
            base: None,
            flags: 0,
            userdata: plumb_nft::Bytes::default(),
            rules: Vec::new(),
        };
        Ok(match structure {
            Structure::Set(set) => vec![batch.add_set(key, set)?],
            Structure::Empty(name) => vec![batch.flush_chain(key, name)],
            Structure::Clients(name, elements) => batch.add_elements(key, name, elements)?,
            Structure::Chain(name, rules) => {
                let mut all = vec![batch.add_chain(key, &chain(name))?, batch.flush_chain(key, name)];
                for rule in rules {
                    all.push(batch.add_rule(key, name, rule, Place::Last)?);
                }
                all
            }
        })
    }

    /// Set by set, what goes before what comes: an element may go and come back with another value.
    fn elements(&mut self, units: &[Unit], apart: &BTreeSet<SetId>) -> Result<(), EncodeError> {
        let mut by_set: BTreeMap<(SetId, bool), Vec<(usize, &Op)>> = BTreeMap::new();
        for (i, unit) in units.iter().enumerate() {
            for op in &unit.ops {
                by_set.entry((op.set, op.add)).or_default().push((i, op));
            }
        }
        let comments: Vec<Vec<u8>> = units
            .iter()
            .map(|u| u.name.as_ref().map(|n| userdata::comment(&n.to_string())).unwrap_or_default())
            .collect();
        for ((set, add), ops) in by_set {
            let change = if add { ElementChange::Add } else { ElementChange::Delete };
            let refs = ops.iter().map(|(i, op)| ElementRef {
                key: op.key.bytes(),
                key_end: op.end.as_ref().map(|end| end.bytes()),
                // NFT_SET_ELEM_INTERVAL_END
                flags: u32::from(op.interval_end),
                data: match &op.value {
                    Value::Endpoint(value) if add => Some(value.bytes()),
                    _ => None,
                },
                goto: match &op.value {
                    Value::Chain(name) if add => Some(name),
                    _ => None,
                },
                userdata: if add && op.commented {
                    comments.get(*i).map(Vec::as_slice).unwrap_or_default()
                } else {
                    &[]
                },
            });
            let at_most = if apart.contains(&set) { 1 } else { usize::MAX };
            let messages = self.compiled.batch.elements(self.key, &set.to_string(), change, refs, at_most)?;
            let mut rest = ops.iter();
            for (sequence, count) in messages {
                self.compiled.sets.insert(sequence, set);
                let mut owners: Vec<usize> = rest.by_ref().take(count).map(|(i, _)| *i).collect();
                owners.dedup();
                self.compiled.owners.insert(sequence, owners);
            }
        }
        Ok(())
    }
}
