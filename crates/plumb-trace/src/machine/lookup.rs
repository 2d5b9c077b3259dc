//! Look-ups in sets and maps (`nft_lookup_eval`), also by keys that are drawn or not known.

use smallvec::SmallVec;

use super::branch::Branch;
use super::draw::Draw;
use super::eval::{BREAK, Step};
use super::ops::Verd;
use super::sets::{ItemData, Set};
use super::solve::Run;
use super::split::{Group, Groups, Key, complement};
use crate::event::Event;
use crate::share::Share;

impl Run<'_> {
    pub(super) fn lookup(
        &mut self,
        b: &mut Branch,
        at: u32,
        set: u32,
        sreg: u8,
        dreg: Option<u8>,
        inverted: bool,
    ) -> Step {
        let nf = self.nf;
        let Some(set) = nf.sets.get(set as usize) else { return BREAK };
        if b.regs.known(sreg, set.key_len) {
            let found = self.find(b, set, b.regs.raw(sreg, set.key_len));
            return self.found(b, set, found, dreg, inverted);
        }
        let walk: Vec<Added> = additions(b, set);
        let groups = match self.large_lookup(b, set, sreg) {
            Some(groups) => Some(groups),
            None => self.split_by(b, sreg, set.key_len, &|key, unknown| {
                if unknown.iter().any(|u| *u != 0) {
                    if set.catchall().is_none() && walk.is_empty() && !set.possible(key, unknown) {
                        return Key::Found(Found::Nothing);
                    }
                    return Key::Open;
                }
                Key::Found(find_in(set, &walk, key))
            }),
        };
        let Some(groups) = groups else {
            let unknown = self.unknown(b, format!("which element of {} a draw leads to", set.name));
            return Step::Maybe { unknown, matched: Verd::Break };
        };
        // Elements with the same data lead on alike.
        let groups = merge_by_data(set, groups);
        if let [group] = groups.as_slice() {
            return match &group.key {
                Key::Found(found) => {
                    let found = found.clone();
                    self.found(b, set, found, dreg, inverted)
                }
                _ => self.open_lookup(b, set, sreg, dreg, inverted),
            };
        }
        let mut out = Vec::with_capacity(groups.len());
        for group in groups {
            let mut part = self.part(b, &group);
            let step = match &group.key {
                Key::Found(found) => self.found(&mut part, set, found.clone(), dreg, inverted),
                _ => {
                    let why = part.regs.why(sreg, set.key_len).map_or_else(String::new, ToString::to_string);
                    self.pass(&mut part, why);
                    BREAK
                }
            };
            match step {
                Step::Next => part.resume = Some((at + 1, Verd::Continue)),
                Step::Verdict(Verd::Break) => part.rule += 1,
                Step::Verdict(v) => part.resume = Some((at + 1, v)),
                // An element's own limit or quota that is not known.
                _ => part.rule += 1,
            }
            out.push(part);
        }
        Step::Split(out)
    }

    /// A look-up with a key that is not known.
    fn open_lookup(&mut self, b: &mut Branch, set: &Set, sreg: u8, dreg: Option<u8>, inverted: bool) -> Step {
        let why = b.regs.why(sreg, set.key_len).map_or_else(|| "a register".to_owned(), |w| w.to_string());
        let unknown = self.unknown(b, format!("{why}, looked up in {}", set.name));
        let mut data = set.items.iter().filter_map(|i| i.data.as_ref());
        let first = data.next();
        // Only where every element says the same can the match be followed.
        let same = first.is_none_or(|f| data.all(|d| d == f));
        let matched = match (dreg, first) {
            (Some(dreg), Some(ItemData::Value(v))) if same && !inverted => {
                b.regs.store(dreg, v);
                Verd::Continue
            }
            (Some(_), Some(ItemData::Verdict(v))) if same => *v,
            (Some(_), _) => Verd::Break,
            (None, _) => Verd::Continue,
        };
        Step::Maybe { unknown, matched }
    }

    /// The element that a key leads to, those that the walk added or removed included.
    pub(super) fn find(&self, b: &Branch, set: &Set, key: &[u8]) -> Found {
        if b.state.world.dynamic.is_empty() {
            return match set.find(key).or(set.catchall()) {
                Some(item) => Found::Item(item),
                None => Found::Nothing,
            };
        }
        find_in(set, &additions(b, set), key)
    }

    /// `nft_lookup_eval` behind the search.
    fn found(&mut self, b: &mut Branch, set: &Set, found: Found, dreg: Option<u8>, inverted: bool) -> Step {
        if self.env.record {
            let element = match &found {
                Found::Item(i) => set.items.get(*i as usize).map(|i| i.element),
                _ => None,
            };
            let rule = self.rule_of(b);
            b.state.history.push(Event::Lookup { rule, set: set.place, element });
        }
        if (found != Found::Nothing) == inverted {
            return BREAK;
        }
        let item = match &found {
            Found::Item(i) => set.items.get(*i as usize),
            _ => None,
        };
        let mut verdict = Step::Next;
        if let Some(dreg) = dreg {
            match (&found, item.and_then(|i| i.data.as_ref())) {
                (_, Some(ItemData::Value(v))) => b.regs.store(dreg, v),
                (_, Some(ItemData::Verdict(v))) => verdict = Step::Verdict(*v),
                (Found::Added(_, data), None) => b.regs.store(dreg, data),
                _ => {}
            }
        }
        let (key, exprs) = match (&found, item) {
            (Found::Added(key, _), _) => (&key[..], &set.exprs[..]),
            (_, Some(item)) => (&[][..], &item.exprs[..]),
            _ => (&[][..], &[][..]),
        };
        if !exprs.is_empty() {
            match self.element(b, set.place, &element_name(&found, key), exprs) {
                Step::Next => {}
                other => return other,
            }
        }
        verdict
    }

    /// A look-up in which one word is a draw with too many values to go through.
    fn large_lookup(&self, b: &Branch, set: &Set, sreg: u8) -> Option<Groups> {
        let (id, draw, swapped) = self.large_draw(b, sreg, set.key_len)?;
        if set.dynamic && !b.state.world.dynamic.is_empty() {
            return None;
        }
        let mut hits: Vec<(u32, u64, u64)> = Vec::new();
        if let Some(keys) = set.exact_keys() {
            let (word, _) = b.regs.specials(sreg, set.key_len).next()?;
            let base = (word * 4).checked_sub(sreg as usize)?;
            let raw = b.regs.raw(sreg, set.key_len);
            for (key, item) in keys {
                let others = key
                    .iter()
                    .zip(raw)
                    .enumerate()
                    .all(|(i, (a, b))| (base..base + 4).contains(&i) || a == b);
                let bytes = <[u8; 4]>::try_from(key.get(base..base + 4)?).ok()?;
                let value = if swapped { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
                if others {
                    let value = u64::from(value.wrapping_sub(draw.offset));
                    hits.push((item, value, value));
                }
            }
        } else {
            let bounds = set.bounds().filter(|_| swapped && set.key_len == 4 && draw.offset == 0)?;
            for (i, (from, item)) in bounds.iter().enumerate() {
                let next = bounds.get(i + 1).map_or(u64::from(u32::MAX) + 1, |(k, _)| (k >> 96) as u64);
                if let Some(item) = item {
                    hits.push((*item, (from >> 96) as u64, next - 1));
                }
            }
        }
        let total = u128::from(draw.total());
        let mut groups: Groups = Vec::new();
        let pieces: Vec<(u64, u64)> = hits.iter().map(|(_, a, b)| (*a, *b)).collect();
        let mut add = |key: Key, d: Draw| {
            if d.total() > 0 {
                let share = Share::new(u128::from(d.total()), total);
                groups.push(Group { key, share, draws: smallvec::smallvec![(id, d)] });
            }
        };
        for (item, from, to) in hits {
            add(Key::Found(Found::Item(item)), draw.within(&[(from, to)]));
        }
        let rest = set.catchall().map_or(Found::Nothing, Found::Item);
        add(Key::Found(rest), draw.within(&complement(&pieces)));
        Some(groups)
    }
}

/// What a look-up leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Found {
    Nothing,
    /// Index of a compiled element.
    Item(u32),
    /// An element that a packet of the walk added, with its key and its data.
    Added(SmallVec<[u8; 16]>, SmallVec<[u8; 16]>),
}

/// What tells the counters of a set's elements apart: an element of the snapshot goes by its number, one that the walk
/// added by its key.
pub(super) fn element_name(found: &Found, key: &[u8]) -> Vec<u8> {
    match found {
        Found::Item(i) => [&b"#"[..], &i.to_le_bytes()].concat(),
        _ => [&b"+"[..], key].concat(),
    }
}

/// A change that the walk's packets made to a set: key, and what is there now (`None`: it was removed).
type Added = (SmallVec<[u8; 16]>, Option<SmallVec<[u8; 16]>>);

/// An entry of [`World::dynamic`](crate::state::World::dynamic) holds the key, then the data; one byte more marks an
/// element that was removed.
pub(super) fn additions(b: &Branch, set: &Set) -> Vec<Added> {
    let place = set.place;
    let mine = b
        .state
        .world
        .dynamic
        .iter()
        .filter(|(ns, table, index, _)| *ns == place.ns && *table == place.table && *index == place.set);
    mine.map(|(_, _, _, bytes)| {
        let key = bytes.get(..set.key_len).unwrap_or(bytes).into();
        let removed = bytes.len() > set.key_len + set.data_len;
        (key, (!removed).then(|| bytes.get(set.key_len..).unwrap_or(&[]).into()))
    })
    .collect()
}

fn find_in(set: &Set, walk: &[Added], key: &[u8]) -> Found {
    let found = match walk.iter().find(|(k, _)| **k == *key) {
        Some((k, Some(data))) => return Found::Added(k.clone(), data.clone()),
        Some((_, None)) => None,
        None => set.find(key),
    };
    found.or(set.catchall()).map_or(Found::Nothing, Found::Item)
}

fn merge_by_data(set: &Set, groups: Groups) -> Groups {
    let data = |k: &Key| match k {
        Key::Found(Found::Item(i)) => {
            set.items.get(*i as usize).filter(|i| i.exprs.is_empty()).and_then(|i| i.data.clone())
        }
        _ => None,
    };
    let mut out: Groups = Vec::with_capacity(groups.len());
    for g in groups {
        let like = out.iter_mut().find(|o| {
            o.key == g.key
                || data(&o.key).is_some_and(|d| data(&g.key) == Some(d))
                || both_plain(set, &o.key, &g.key)
        });
        match like {
            Some(o) if o.draws.len() == 1 && g.draws.len() == 1 => {
                o.share = o.share + g.share;
                for ((_, a), (_, b)) in o.draws.iter_mut().zip(&g.draws) {
                    a.pieces.extend(b.pieces.iter().copied());
                    a.pieces.sort_unstable();
                }
            }
            _ => out.push(g),
        }
    }
    out
}

/// Two elements of a plain set: being in it is all that counts.
fn both_plain(set: &Set, a: &Key, b: &Key) -> bool {
    let plain = |k: &Key| match k {
        Key::Found(Found::Item(i)) => {
            !set.map && set.items.get(*i as usize).is_some_and(|i| i.exprs.is_empty())
        }
        _ => false,
    };
    plain(a) && plain(b)
}
