//! Tables, chains, sets and their elements.

use plumb_nft::{ChainRef, Data, Element, ObjectData, Ruleset, Set, Table, Verdict};

use super::Redactor;
use super::names::Kind as Name;
use super::values::{Part, Tag, octets, to_address, whole};
use crate::IpFamily;

/// Bits of one field's type in a concatenation's type.
const TYPE_BITS: u32 = 6;
/// Type of an entry of a set's user data that is a comment (libnftnl).
const SET_COMMENT: u8 = 7;
const COMMENT: u8 = 0;

impl Redactor {
    pub(super) fn ruleset(&mut self, ruleset: &mut Ruleset) {
        let Ruleset { generation: _, tables } = ruleset;
        for table in tables {
            self.table(table);
        }
    }

    pub(super) fn table(&mut self, table: &mut Table) {
        let sets = table.sets.clone();
        let Table {
            family,
            name,
            handle: _,
            flags: _,
            userdata,
            chains,
            sets: own,
            objects,
            flowtables,
            unknown_attributes,
        } = table;
        let place = format!("table {} {name}", family.word().unwrap_or("?"));
        *name = self.names.name(Name::Table, name);
        self.comment(userdata, COMMENT);
        if !unknown_attributes.is_empty() {
            self.warn(format!("{place}: attributes that are not decoded were taken out"));
            unknown_attributes.iter_mut().for_each(|a| (a.of, a.data) = (String::new(), Vec::new().into()));
        }
        // Rules tell what the keys of sets without a type are, so they come first.
        let mut learnt = super::rules::Learnt::default();
        for chain in chains {
            for rule in &mut chain.rules {
                let place = format!("{place} chain {} handle {}", chain.name, rule.handle);
                self.rule(*family, &sets, rule, &mut learnt, &place);
            }
            chain.name = self.names.name(Name::Chain, &chain.name);
            self.comment(&mut chain.userdata, COMMENT);
            if let Some(base) = &mut chain.base {
                base.devices.iter_mut().for_each(|d| *d = self.names.name(Name::Device, d));
                self.verdict(&mut base.policy);
            }
        }
        for set in own {
            let place = format!("{place} set {}", set.name);
            let keys = learnt.keys(&set.name);
            self.set(set, keys, *family, &sets, &place);
        }
        for object in objects {
            object.name = self.names.name(Name::Object, &object.name);
            self.comment(&mut object.userdata, COMMENT);
            match &mut object.data {
                ObjectData::Secmark { context } => "redacted".clone_into(context),
                ObjectData::Unknown(bytes) if !bytes.is_empty() => {
                    bytes.0.clear();
                    self.warn(format!("{place}: an object that is not decoded was emptied"));
                }
                _ => {}
            }
        }
        for flowtable in flowtables {
            flowtable.name = self.names.name(Name::Flowtable, &flowtable.name);
            flowtable.devices.iter_mut().for_each(|d| *d = self.names.name(Name::Device, d));
        }
    }

    pub(super) fn verdict(&mut self, verdict: &mut Verdict) {
        if let Verdict::Jump(ChainRef::Name(name)) | Verdict::Goto(ChainRef::Name(name)) = verdict {
            *name = self.names.name(Name::Chain, name);
        }
    }

    /// Takes comments out of user data and leaves the rest; all of it where it cannot be read.
    pub(super) fn comment(&mut self, userdata: &mut plumb_nft::Bytes, comment: u8) {
        let mut rest = userdata.0.as_slice();
        let mut kept = Vec::new();
        while let Some((&[kind, len], after)) = rest.split_first_chunk::<2>() {
            let Some(value) = after.get(..usize::from(len)) else { break };
            if kind != comment {
                kept.extend([kind, len]);
                kept.extend(value);
            }
            rest = after.get(usize::from(len)..).unwrap_or_default();
        }
        if !rest.is_empty() {
            kept.clear();
            self.warn("user data that cannot be read was taken out".to_owned());
        }
        userdata.0 = kept;
    }

    fn set(
        &mut self,
        set: &mut Set,
        learnt: Option<&[Tag]>,
        family: plumb_nft::Family,
        sets: &[Set],
        place: &str,
    ) {
        let keys = key_tags(set).or_else(|| learnt.map(<[Tag]>::to_vec));
        let keys = keys.unwrap_or_else(|| vec![Tag::PLAIN; set.key_len as usize]);
        let data =
            set.data_type.map(|t| type_tags(t, set.data_len.unwrap_or(0) as usize)).unwrap_or_default();
        set.name = self.names.name(Name::Set, &set.name);
        self.comment(&mut set.userdata, SET_COMMENT);
        self.exprs(family, sets, &mut set.exprs, place);
        for element in &mut set.elements {
            self.comment(&mut element.userdata, COMMENT);
            if let Some(object) = &mut element.object {
                *object = self.names.name(Name::Object, object);
            }
            self.exprs(family, sets, &mut element.exprs, place);
            match &mut element.data {
                Some(Data::Value(bytes)) => self.value(&mut bytes.0, &data, place),
                Some(Data::Verdict(verdict)) => self.verdict(verdict),
                None => {}
            }
        }
        let replaced = keys.iter().any(|t| t.part != Part::Plain);
        if !replaced {
            return;
        }
        if set.has(Set::INTERVAL) && !set.has(Set::CONCAT) {
            self.intervals(set, &keys, place);
            return;
        }
        for element in set.elements.iter_mut().filter(|e| !e.is_catchall()) {
            match element.key_end.take() {
                Some(end) => self.ranges(element, end, &keys, place),
                None => self.value(&mut element.key.0, &keys, place),
            }
        }
    }

    /// An element of a concatenation of intervals: a range in each field.
    fn ranges(&mut self, element: &mut Element, mut end: plumb_nft::Bytes, keys: &[Tag], place: &str) {
        for (from, to, part) in super::values::pieces(keys, element.key.len()) {
            let (Some(first), Some(last)) = (element.key.0.get_mut(from..to), end.0.get_mut(from..to)) else {
                continue;
            };
            match part {
                Part::Address(family) if Some(first.len()) == part.width() => {
                    let range = self.range(to_address(family, first), to_address(family, last));
                    first.copy_from_slice(&octets(range.0));
                    last.copy_from_slice(&octets(range.1));
                }
                _ if first == last || part == Part::Plain => {
                    let tags = keys.get(from..to).unwrap_or_default();
                    self.value(first, tags, place);
                    self.value(last, tags, place);
                }
                _ => {
                    self.warn(format!("{place}: a range of what is no address was set to zero"));
                    first.fill(0);
                    last.fill(0);
                }
            }
        }
        element.key_end = Some(end);
    }

    /// A set of intervals: each becomes one of its own, and they are put in the kernel's order again.
    fn intervals(&mut self, set: &mut Set, keys: &[Tag], place: &str) {
        let mut edges: Vec<Element> = std::mem::take(&mut set.elements);
        let rest: Vec<Element> = edges.iter().filter(|e| e.is_catchall()).cloned().collect();
        edges.retain(|e| !e.is_catchall());
        // From the first key to the last, an end before the start at the same key.
        edges.sort_by(|a, b| a.key.cmp(&b.key).then(b.is_interval_end().cmp(&a.is_interval_end())));
        let family = match keys.first().map(|t| t.part) {
            Some(Part::Address(family)) if Some(set.key_len as usize) == Part::Address(family).width() => {
                Some(family)
            }
            _ => None,
        };
        let mut new: Vec<Element> = Vec::new();
        for (i, start) in edges.iter().enumerate().filter(|(_, e)| !e.is_interval_end()) {
            let end = edges.get(i + 1).map(|e| e.key.clone());
            let last =
                end.as_ref().and_then(|e| predecessor(e)).unwrap_or_else(|| vec![0xff; start.key.len()]);
            let (first, last) = match family {
                Some(family) => {
                    let range = self.range(to_address(family, &start.key), to_address(family, &last));
                    (octets(range.0), octets(range.1))
                }
                None if last == start.key.0 => {
                    let mut key = start.key.0.clone();
                    self.value(&mut key, keys, place);
                    (key.clone(), key)
                }
                None => {
                    self.warn(format!("{place}: a range of what is no address was taken out"));
                    continue;
                }
            };
            if let Some(after) = crate::change::successor(&last) {
                new.push(Element { key: after.into(), flags: Element::INTERVAL_END, ..Element::default() });
            }
            new.push(Element { key: first.into(), ..start.clone() });
        }
        let order = |e: &Element| (std::cmp::Reverse(e.key.clone()), e.is_interval_end());
        new.sort_by_key(order);
        new.extend(rest);
        set.elements = new;
    }
}

fn predecessor(key: &[u8]) -> Option<Vec<u8>> {
    let mut out = key.to_vec();
    for byte in out.iter_mut().rev() {
        let borrow = *byte == 0;
        *byte = byte.wrapping_sub(1);
        if !borrow {
            return Some(out);
        }
    }
    None
}

/// What the bytes of a set's keys are, by its type; `None` where the type does not say.
pub(super) fn key_tags(set: &Set) -> Option<Vec<Tag>> {
    // `integer` and no type at all: a set made with `typeof` of raw payload, or by another program than nft.
    (!matches!(set.key_type, 0 | 4)).then(|| type_tags(set.key_type, set.key_len as usize))
}

/// The bytes of a value of nft's type with this number, or of a concatenation.
pub(super) fn type_tags(mut number: u32, len: usize) -> Vec<Tag> {
    if number == 0xffff_ff00 {
        return Vec::new();
    }
    let mut types = Vec::new();
    while number != 0 {
        types.push(number & ((1 << TYPE_BITS) - 1));
        number >>= TYPE_BITS;
    }
    types.reverse();
    let single = types.len() == 1;
    let mut out = Vec::new();
    for t in types {
        let (part, width) = match t {
            7 => (Part::Address(IpFamily::V4), 4),
            8 => (Part::Address(IpFamily::V6), 16),
            9 => (Part::Mac, 6),
            41 => (Part::Device, 16),
            6 => (Part::Unknown, len),
            // A name (of a helper, say), or a size that is not known.
            30 => (Part::Plain, 16),
            18 | 43 | 46 => (Part::Plain, 8),
            _ => (Part::Plain, 4),
        };
        out.extend(whole(part, width));
        while !single && out.len() % 4 != 0 {
            out.push(Tag::PLAIN);
        }
    }
    out.resize(len, Tag::PLAIN);
    out
}
