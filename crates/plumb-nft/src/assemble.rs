//! The messages of several dumps to one [`Ruleset`].

use std::collections::HashMap;

use crate::decode::{self, DecodeError, ElementsOf, Part, RuleOf};
use crate::request::message_type;
use crate::types::*;
use crate::uapi::{SUBSYSTEM, msg};

/// Gathers the answers to the requests of [`crate::request`], in whatever order they come.
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    generation: u32,
    tables: Vec<Table>,
    chains: Vec<Part<Chain>>,
    sets: Vec<Part<Set>>,
    elements: Vec<Part<ElementsOf>>,
    rules: Vec<Part<RuleOf>>,
    objects: Vec<Part<Object>>,
    flowtables: Vec<Part<Flowtable>>,
    strangers: Vec<String>,
}

/// A ruleset, and what found no place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assembled {
    /// The ruleset.
    pub ruleset: Ruleset,
    /// What came without its table, chain or set (the ruleset changed between two dumps: read again), and messages
    /// of an unknown type.
    pub orphans: Vec<String>,
}

impl Assembler {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one message: its `nlmsg_type` and what follows its `nlmsghdr`.
    pub fn push(&mut self, nlmsg_type: u16, payload: &[u8]) -> Result<(), DecodeError> {
        let message = nlmsg_type & 0xff;
        if nlmsg_type >> 8 != SUBSYSTEM {
            self.strangers.push(format!("message of type {nlmsg_type:#06x}"));
            return Ok(());
        }
        match message {
            msg::NEWGEN => self.generation = decode::generation(payload)?,
            msg::NEWTABLE => self.tables.push(decode::table(payload)?),
            msg::NEWCHAIN => self.chains.push(decode::chain(payload)?),
            msg::NEWSET => self.sets.push(decode::set(payload)?),
            msg::NEWSETELEM => self.elements.push(decode::elements(payload)?),
            msg::NEWRULE => self.rules.push(decode::rule(payload)?),
            msg::NEWOBJ => self.objects.push(decode::object(payload)?),
            msg::NEWFLOWTABLE => self.flowtables.push(decode::flowtable(payload)?),
            other => self.strangers.push(format!("message of type {:#06x}", message_type(other))),
        }
        Ok(())
    }

    /// The sets that were pushed so far: their elements are asked for one by one.
    pub fn sets(&self) -> impl Iterator<Item = (&TableKey, &str)> {
        self.sets.iter().map(|part| (&part.table, part.value.name.as_str()))
    }

    /// The tables that were told of.
    pub fn tables(&self) -> impl Iterator<Item = TableKey> {
        self.tables.iter().map(key_of)
    }

    /// Puts all together.
    #[must_use]
    pub fn finish(self) -> Assembled {
        let mut orphans = self.strangers;
        let mut tables = self.tables;
        let by_key: HashMap<TableKey, usize> =
            tables.iter().enumerate().map(|(i, t)| (key_of(t), i)).collect();
        let mut chain_at: HashMap<(usize, String), usize> = HashMap::new();
        let mut set_at: HashMap<(usize, String), usize> = HashMap::new();

        for part in self.chains {
            let what = || format!("chain {}", part.value.name);
            let Some((i, table)) = place(&mut tables, &by_key, &part.table, &mut orphans, what) else {
                continue;
            };
            table.unknown_attributes.extend(part.unknown);
            chain_at.insert((i, part.value.name.clone()), table.chains.len());
            table.chains.push(part.value);
        }
        for part in self.sets {
            let what = || format!("set {}", part.value.name);
            let Some((i, table)) = place(&mut tables, &by_key, &part.table, &mut orphans, what) else {
                continue;
            };
            table.unknown_attributes.extend(part.unknown);
            set_at.insert((i, part.value.name.clone()), table.sets.len());
            table.sets.push(part.value);
        }
        for part in self.elements {
            let what = || format!("elements of {}", part.value.set);
            let Some((i, table)) = place(&mut tables, &by_key, &part.table, &mut orphans, what) else {
                continue;
            };
            table.unknown_attributes.extend(part.unknown);
            let ElementsOf { set, elements } = part.value;
            let at = (i, set);
            match set_at.get(&at).and_then(|n| table.sets.get_mut(*n)) {
                Some(set) => set.elements.extend(elements),
                None => orphans.push(format!("elements of {}", at.1)),
            }
        }
        for part in self.rules {
            let what = || format!("rule {} handle {}", part.value.chain, part.value.rule.handle);
            let Some((i, table)) = place(&mut tables, &by_key, &part.table, &mut orphans, what) else {
                continue;
            };
            table.unknown_attributes.extend(part.unknown);
            let RuleOf { chain, rule } = part.value;
            let at = (i, chain);
            match chain_at.get(&at).and_then(|n| table.chains.get_mut(*n)) {
                Some(chain) => chain.rules.push(rule),
                None => orphans.push(format!("rule {} handle {}", at.1, rule.handle)),
            }
        }
        for part in self.objects {
            let what = || format!("object {}", part.value.name);
            let Some((_, table)) = place(&mut tables, &by_key, &part.table, &mut orphans, what) else {
                continue;
            };
            table.unknown_attributes.extend(part.unknown);
            table.objects.push(part.value);
        }
        for part in self.flowtables {
            let what = || format!("flowtable {}", part.value.name);
            let Some((_, table)) = place(&mut tables, &by_key, &part.table, &mut orphans, what) else {
                continue;
            };
            table.unknown_attributes.extend(part.unknown);
            table.flowtables.push(part.value);
        }
        Assembled { ruleset: Ruleset { generation: self.generation, tables }, orphans }
    }
}

fn key_of(table: &Table) -> TableKey {
    TableKey { family: table.family, name: table.name.clone() }
}

fn place<'t>(
    tables: &'t mut [Table],
    by_key: &HashMap<TableKey, usize>,
    key: &TableKey,
    orphans: &mut Vec<String>,
    what: impl Fn() -> String,
) -> Option<(usize, &'t mut Table)> {
    let found = by_key.get(key).copied();
    match found.and_then(|i| tables.get_mut(i).map(|t| (i, t))) {
        Some(found) => Some(found),
        None => {
            orphans.push(format!("{} of table {}", what(), key.name));
            None
        }
    }
}
