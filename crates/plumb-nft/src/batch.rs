//! A transaction: messages between `NFNL_MSG_BATCH_BEGIN` and `_END` that the kernel takes all or none of.

use crate::compat::compat_of;
use crate::encode::{self, EncodeError};
use crate::nlattr::Writer;
use crate::request::{NLM_F_ACK, NLM_F_REQUEST, message_type, nfgenmsg};
use crate::types::*;
use crate::uapi::{self as u, BATCH_BEGIN, BATCH_END, SUBSYSTEM, msg};

const NLM_F_REPLACE: u16 = 0x100;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const NLM_F_APPEND: u16 = 0x800;
/// `NFNL_BATCH_GENID`: the batch is refused (ERESTART) unless this is the generation.
const BATCH_GENID: u16 = 1;

/// Where a new rule goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before all others.
    First,
    /// After all others.
    Last,
    /// After the rule with this handle.
    After(u64),
    /// Before the rule with this handle.
    Before(u64),
}

/// What becomes of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementChange {
    /// They come; one that is there with other data is refused (EEXIST).
    Add,
    /// They go; one that is not there is refused (ENOENT).
    Delete,
}

/// An element by reference; see [`Element`] for the fields.
#[derive(Clone, Copy, Debug, Default)]
pub struct ElementRef<'a> {
    /// Key.
    pub key: &'a [u8],
    /// Last key of a range in a concatenation.
    pub key_end: Option<&'a [u8]>,
    /// `NFT_SET_ELEM_*`.
    pub flags: u32,
    /// Value of a map.
    pub data: Option<&'a [u8]>,
    /// Chain that a verdict map goes to.
    pub goto: Option<&'a str>,
    /// Comment and the like.
    pub userdata: &'a [u8],
}

/// Writes a transaction. Every operation returns its sequence number; the kernel's errors bear it.
#[derive(Clone, Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    first: u32,
    /// What each message is about, by sequence number after `first`.
    subjects: Vec<String>,
    last_at: usize,
    sets: u32,
}

impl Batch {
    /// An empty one; messages are numbered from `first`. With `generation`, the kernel refuses the whole
    /// transaction (ERESTART) when the ruleset is no longer of that generation.
    #[must_use]
    pub fn new(first: u32, generation: Option<u32>) -> Self {
        let mut batch = Self { bytes: Vec::new(), first, subjects: Vec::new(), last_at: 0, sets: 0 };
        let mut w = Writer::new();
        w.raw(&nfgenmsg(0, SUBSYSTEM));
        if let Some(generation) = generation {
            w.be32(BATCH_GENID, generation);
        }
        batch.push(BATCH_BEGIN, 0, &w.into_bytes(), "begin".to_owned());
        batch
    }

    fn push(&mut self, kind: u16, flags: u16, payload: &[u8], subject: String) -> u32 {
        let sequence = self.first.wrapping_add(u32::try_from(self.subjects.len()).unwrap_or(u32::MAX));
        self.last_at = self.bytes.len();
        let length = u32::try_from(16 + payload.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(&(NLM_F_REQUEST | flags).to_ne_bytes());
        self.bytes.extend_from_slice(&sequence.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(payload);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.subjects.push(subject);
        sequence
    }

    fn short(
        &mut self,
        message: u16,
        key: &TableKey,
        subject: String,
        fill: impl FnOnce(&mut Writer),
    ) -> u32 {
        let mut w = Writer::new();
        w.raw(&nfgenmsg(key.family.number(), 0));
        fill(&mut w);
        self.push(message_type(message), 0, &w.into_bytes(), subject)
    }

    /// What the message with this sequence number is about.
    #[must_use]
    pub fn subject(&self, sequence: u32) -> Option<&str> {
        self.subjects.get(sequence.wrapping_sub(self.first) as usize).map(String::as_str)
    }

    /// The bytes to send in one go. The last message asks for an acknowledgement; one without error means that
    /// the transaction was taken.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.seal();
        self.bytes
    }

    /// As [`Self::finish`], for whoever asks for subjects afterwards. Nothing may be added any more.
    pub fn seal(&mut self) -> &[u8] {
        if let Some(flags) = self.bytes.get_mut(self.last_at + 6..self.last_at + 8) {
            let wanted = match *flags {
                [a, b] => u16::from_ne_bytes([a, b]) | NLM_F_ACK,
                _ => NLM_F_ACK,
            };
            flags.copy_from_slice(&wanted.to_ne_bytes());
        }
        self.push(BATCH_END, 0, &nfgenmsg(0, SUBSYSTEM), "end".to_owned());
        &self.bytes
    }

    /// Adds a table (nothing happens when it is there).
    pub fn add_table(&mut self, table: &Table) -> Result<u32, EncodeError> {
        let payload = encode::table(&Table { handle: 0, ..bare(table) })?;
        let subject = format!("add table {} {}", word(table.family), table.name);
        Ok(self.push(message_type(msg::NEWTABLE), NLM_F_CREATE, &payload, subject))
    }

    /// Deletes a table and all in it; an error when there is none.
    pub fn delete_table(&mut self, key: &TableKey) -> u32 {
        let subject = format!("delete table {} {}", word(key.family), key.name);
        self.short(msg::DELTABLE, key, subject, |w| w.text(u::table::NAME, &key.name))
    }

    /// Deletes a table if there is one (Linux ≥ 6.3).
    pub fn destroy_table(&mut self, key: &TableKey) -> u32 {
        let subject = format!("destroy table {} {}", word(key.family), key.name);
        self.short(msg::DESTROYTABLE, key, subject, |w| w.text(u::table::NAME, &key.name))
    }

    /// Deletes every table of every family.
    pub fn flush(&mut self) -> u32 {
        // Of no family and no name: all of them (`nf_tables_deltable`).
        let payload = nfgenmsg(0, 0);
        self.push(message_type(msg::DELTABLE), 0, &payload, "flush ruleset".to_owned())
    }

    /// Adds a chain without its rules.
    pub fn add_chain(&mut self, key: &TableKey, chain: &Chain) -> Result<u32, EncodeError> {
        let bare = Chain { handle: 0, rules: Vec::new(), ..chain.clone() };
        let payload = encode::chain(key, &bare)?;
        let subject = format!("add chain {} {} {}", word(key.family), key.name, chain.name);
        Ok(self.push(message_type(msg::NEWCHAIN), NLM_F_CREATE, &payload, subject))
    }

    /// Changes the policy of a base chain: accept or drop.
    pub fn set_policy(&mut self, key: &TableKey, chain: &str, accept: bool) -> u32 {
        let subject = format!("policy of chain {} {} {chain}", word(key.family), key.name);
        self.short(msg::NEWCHAIN, key, subject, |w| {
            w.text(u::chain::TABLE, &key.name);
            w.text(u::chain::NAME, chain);
            w.be32(u::chain::POLICY, u32::from(accept));
        })
    }

    /// Deletes an empty chain that nothing jumps to.
    pub fn delete_chain(&mut self, key: &TableKey, chain: &str) -> u32 {
        let subject = format!("delete chain {} {} {chain}", word(key.family), key.name);
        self.short(msg::DELCHAIN, key, subject, |w| {
            w.text(u::chain::TABLE, &key.name);
            w.text(u::chain::NAME, chain);
        })
    }

    /// Adds a rule.
    pub fn add_rule(
        &mut self,
        key: &TableKey,
        chain: &str,
        rule: &Rule,
        place: Place,
    ) -> Result<u32, EncodeError> {
        let (position, flags) = match place {
            Place::First => (None, 0),
            Place::Last => (None, NLM_F_APPEND),
            Place::After(handle) => (Some(handle), NLM_F_APPEND),
            Place::Before(handle) => (Some(handle), 0),
        };
        let compat = compat_of(key.family, rule);
        let payload = encode::rule(key, chain, &Rule { handle: 0, compat, ..rule.clone() }, position)?;
        let subject = format!("add rule {} {} {chain}", word(key.family), key.name);
        Ok(self.push(message_type(msg::NEWRULE), NLM_F_CREATE | flags, &payload, subject))
    }

    /// Replaces the rule with `rule.handle`.
    pub fn replace_rule(&mut self, key: &TableKey, chain: &str, rule: &Rule) -> Result<u32, EncodeError> {
        let compat = compat_of(key.family, rule);
        let payload = encode::rule(key, chain, &Rule { compat, ..rule.clone() }, None)?;
        let subject =
            format!("replace rule {} {} {chain} handle {}", word(key.family), key.name, rule.handle);
        Ok(self.push(message_type(msg::NEWRULE), NLM_F_REPLACE, &payload, subject))
    }

    /// Deletes one rule.
    pub fn delete_rule(&mut self, key: &TableKey, chain: &str, handle: u64) -> u32 {
        let subject = format!("delete rule {} {} {chain} handle {handle}", word(key.family), key.name);
        self.short(msg::DELRULE, key, subject, |w| {
            w.text(u::rule::TABLE, &key.name);
            w.text(u::rule::CHAIN, chain);
            w.be64(u::rule::HANDLE, handle);
        })
    }

    /// Deletes all rules of a chain.
    pub fn flush_chain(&mut self, key: &TableKey, chain: &str) -> u32 {
        let subject = format!("flush chain {} {} {chain}", word(key.family), key.name);
        self.short(msg::DELRULE, key, subject, |w| {
            w.text(u::rule::TABLE, &key.name);
            w.text(u::rule::CHAIN, chain);
        })
    }

    /// Adds a set without its elements.
    pub fn add_set(&mut self, key: &TableKey, set: &Set) -> Result<u32, EncodeError> {
        self.sets += 1;
        let bare = Set { handle: 0, elements: Vec::new(), ..set.clone() };
        let payload = encode::set(key, &bare, Some(self.sets))?;
        let subject = format!("add set {} {} {}", word(key.family), key.name, set.name);
        Ok(self.push(message_type(msg::NEWSET), NLM_F_CREATE, &payload, subject))
    }

    /// Deletes a set that no rule uses.
    pub fn delete_set(&mut self, key: &TableKey, set: &str) -> u32 {
        let subject = format!("delete set {} {} {set}", word(key.family), key.name);
        self.short(msg::DELSET, key, subject, |w| {
            w.text(u::set::TABLE, &key.name);
            w.text(u::set::NAME, set);
        })
    }

    /// Adds elements, in as many messages as they need; the sequence numbers of those.
    pub fn add_elements(
        &mut self,
        key: &TableKey,
        set: &str,
        all: &[Element],
    ) -> Result<Vec<u32>, EncodeError> {
        self.element_messages(msg::NEWSETELEM, NLM_F_CREATE, key, set, all, "add")
    }

    /// Deletes elements by their keys.
    pub fn delete_elements(
        &mut self,
        key: &TableKey,
        set: &str,
        all: &[Element],
    ) -> Result<Vec<u32>, EncodeError> {
        self.element_messages(msg::DELSETELEM, 0, key, set, all, "delete")
    }

    /// Adds or deletes elements that are told by reference: for sets with very many, where a [`Element`] each would cost more
    /// than its encoding. Tells the sequence number of each message with how many elements went into it. At most `at_most`
    /// elements share a message.
    pub fn elements<'a>(
        &mut self,
        key: &TableKey,
        set: &str,
        change: ElementChange,
        all: impl IntoIterator<Item = ElementRef<'a>>,
        at_most: usize,
    ) -> Result<Vec<(u32, usize)>, EncodeError> {
        let (message, flags, verb) = match change {
            ElementChange::Add => (msg::NEWSETELEM, NLM_F_CREATE, "add"),
            ElementChange::Delete => (msg::DELSETELEM, 0, "delete"),
        };
        let subject = format!("{verb} elements of {} {} {set}", word(key.family), key.name);
        let mut sequences = Vec::new();
        for (payload, count) in encode::element_refs(key, set, all, at_most)? {
            sequences.push((self.push(message_type(message), flags, &payload, subject.clone()), count));
        }
        Ok(sequences)
    }

    /// Deletes all elements of a set.
    pub fn flush_set(&mut self, key: &TableKey, set: &str) -> u32 {
        let subject = format!("flush set {} {} {set}", word(key.family), key.name);
        self.short(msg::DELSETELEM, key, subject, |w| {
            w.text(u::elem_list::TABLE, &key.name);
            w.text(u::elem_list::SET, set);
        })
    }

    fn element_messages(
        &mut self,
        message: u16,
        flags: u16,
        key: &TableKey,
        set: &str,
        all: &[Element],
        verb: &str,
    ) -> Result<Vec<u32>, EncodeError> {
        let payloads = encode::elements(key, set, all)?;
        let subject = format!("{verb} elements of {} {} {set}", word(key.family), key.name);
        Ok(payloads.iter().map(|p| self.push(message_type(message), flags, p, subject.clone())).collect())
    }

    /// Adds a named object; an error when there is one of its kind and name.
    pub fn add_object(&mut self, key: &TableKey, object: &Object) -> Result<u32, EncodeError> {
        let payload = encode::object(key, &Object { handle: 0, ..object.clone() })?;
        let subject = format!("add object {} {} {}", word(key.family), key.name, object.name);
        Ok(self.push(message_type(msg::NEWOBJ), NLM_F_CREATE | NLM_F_EXCL, &payload, subject))
    }

    /// Deletes a named object that no rule uses.
    pub fn delete_object(&mut self, key: &TableKey, kind: ObjectType, name: &str) -> u32 {
        let subject = format!("delete object {} {} {name}", word(key.family), key.name);
        self.short(msg::DELOBJ, key, subject, |w| {
            w.text(u::obj::TABLE, &key.name);
            w.text(u::obj::NAME, name);
            w.be32(u::obj::TYPE, kind.number());
        })
    }

    /// Adds a flowtable.
    pub fn add_flowtable(&mut self, key: &TableKey, flowtable: &Flowtable) -> Result<u32, EncodeError> {
        let payload = encode::flowtable(key, &Flowtable { handle: 0, ..flowtable.clone() })?;
        let subject = format!("add flowtable {} {} {}", word(key.family), key.name, flowtable.name);
        Ok(self.push(message_type(msg::NEWFLOWTABLE), NLM_F_CREATE, &payload, subject))
    }

    /// Adds a table and all that is in it.
    pub fn add_all(&mut self, table: &Table) -> Result<(), EncodeError> {
        let key = TableKey { family: table.family, name: table.name.clone() };
        self.add_table(table)?;
        for flowtable in &table.flowtables {
            self.add_flowtable(&key, flowtable)?;
        }
        for object in &table.objects {
            self.add_object(&key, object)?;
        }
        // Elements name chains, rules name sets: chains come first, empty.
        for chain in &table.chains {
            self.add_chain(&key, chain)?;
        }
        for set in &table.sets {
            self.add_set(&key, set)?;
        }
        for set in &table.sets {
            self.add_elements(&key, &set.name, &set.elements)?;
        }
        // A chain without a name (NFT_CHAIN_BINDING) takes no more rules once it is jumped to: innermost first.
        let (bound, named): (Vec<&Chain>, Vec<&Chain>) = table.chains.iter().partition(|c| c.flags & 4 != 0);
        for chain in bound.into_iter().rev().chain(named) {
            for rule in &chain.rules {
                self.add_rule(&key, &chain.name, rule, Place::Last)?;
            }
        }
        Ok(())
    }
}

/// The table itself, without copying all that is in it.
fn bare(table: &Table) -> Table {
    Table {
        handle: table.handle,
        flags: table.flags,
        userdata: table.userdata.clone(),
        ..Table::new(table.family, &table.name)
    }
}

fn word(family: Family) -> &'static str {
    family.word().unwrap_or("unknown")
}
