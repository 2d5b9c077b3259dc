//! Sets compiled for look-up, one form per kind of set that the kernel has (net/netfilter/nft_set_*.c).

use std::collections::HashMap;

use foldhash::fast::FixedState;
use plumb_nft::{Expr, ObjectData};
use smallvec::SmallVec;

use super::ops::Verd;
use crate::event::SetRef;

/// What an element holds beside its key.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    /// Index of the element in the snapshot.
    pub element: usize,
    /// Value of a map.
    pub data: Option<ItemData>,
    /// Object of an object map, with its name.
    pub object: Option<Box<(Box<str>, ObjectData)>>,
    /// Expressions that decide (limits, quotas), carried out at each look-up.
    pub exprs: Box<[Expr]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum ItemData {
    Value(Box<[u8]>),
    Verdict(Verd),
}

/// A concatenation of ranges: per field, first and last.
#[derive(Clone, Debug)]
struct Ranges {
    from: Box<[u8]>,
    to: Box<[u8]>,
    item: u32,
}

#[derive(Clone, Debug)]
enum Form {
    /// Keys up to 16 bytes.
    Exact(HashMap<u128, u32, FixedState>),
    Long(HashMap<Box<[u8]>, u32, FixedState>),
    /// Sorted boundaries: from this key on, that element, or none.
    Interval(Vec<(Box<[u8]>, Option<u32>)>),
    /// The same for keys up to 16 bytes, as numbers in the order of `memcmp`.
    Interval16(Vec<(u128, Option<u32>)>),
    /// Field by field; single values apart from ranges.
    Fields {
        lens: SmallVec<[u8; 4]>,
        exact: HashMap<Box<[u8]>, u32, FixedState>,
        ranges: Vec<Ranges>,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Set {
    pub place: SetRef,
    pub name: String,
    pub key_len: usize,
    pub data_len: usize,
    /// Whether elements hold data that a look-up copies out.
    pub map: bool,
    /// Whether rules may add to it, so that the walk's own additions count.
    pub dynamic: bool,
    /// Largest number of elements.
    pub size: Option<u32>,
    /// Elements in the snapshot that count against `size`.
    pub count: usize,
    pub items: Vec<Item>,
    /// Expressions that a new element gets.
    pub exprs: Box<[Expr]>,
    catchall: Option<u32>,
    form: Form,
}

/// First and last key, and the element; an end of an interval has none.
type KeyRange = (Box<[u8]>, Box<[u8]>, Option<u32>);

/// A key as a number that orders as `memcmp` does.
fn number(key: &[u8]) -> u128 {
    let mut b = [0_u8; 16];
    for (to, from) in b.iter_mut().zip(key) {
        *to = *from;
    }
    u128::from_be_bytes(b)
}

/// `key` cut or filled with zeros to the set's key length.
fn sized(key: &[u8], len: usize) -> Box<[u8]> {
    let mut v = key.to_vec();
    v.resize(len, 0);
    v.into_boxed_slice()
}

impl Set {
    /// `item` turns an element's data and expressions to their compiled form.
    pub(super) fn compile(
        place: SetRef,
        set: &plumb_nft::Set,
        mut item: impl FnMut(usize, &plumb_nft::Element) -> Item,
    ) -> Self {
        use plumb_nft::Set as S;
        let key_len = (set.key_len as usize).min(64);
        let mut items = Vec::with_capacity(set.elements.len());
        let mut catchall = None;
        let interval = set.has(S::INTERVAL);
        let fields = interval && set.field_lens.len() > 1;
        let mut keys: Vec<KeyRange> = Vec::new();
        let mut count = 0;
        for (i, e) in set.elements.iter().enumerate() {
            if e.is_interval_end() {
                keys.push((sized(&e.key, key_len), Box::default(), None));
                continue;
            }
            let at = items.len() as u32;
            items.push(item(i, e));
            count += 1;
            if e.is_catchall() {
                catchall = Some(at);
            } else {
                let from = sized(&e.key, key_len);
                let to = e.key_end.as_ref().map_or_else(|| from.clone(), |k| sized(k, key_len));
                keys.push((from, to, Some(at)));
            }
        }
        let form = if fields {
            let lens = set.field_lens.iter().map(|l| (*l).min(64) as u8).collect();
            let (mut exact, mut ranges) = (HashMap::default(), Vec::new());
            for (from, to, at) in keys {
                let Some(item) = at else { continue };
                if from == to {
                    exact.entry(from).or_insert(item);
                } else {
                    ranges.push(Ranges { from, to, item });
                }
            }
            Form::Fields { lens, exact, ranges }
        } else if interval {
            // Of a start and an end with the same key the start counts.
            keys.sort_by(|a, b| a.0.cmp(&b.0).then(a.2.is_some().cmp(&b.2.is_some())));
            let mut bounds: Vec<(Box<[u8]>, Option<u32>)> = Vec::with_capacity(keys.len());
            for (key, _, at) in keys {
                match bounds.last_mut() {
                    Some((last, slot)) if *last == key => *slot = at.or(*slot),
                    _ => bounds.push((key, at)),
                }
            }
            if key_len <= 16 {
                Form::Interval16(bounds.iter().map(|(k, at)| (number(k), *at)).collect())
            } else {
                Form::Interval(bounds)
            }
        } else if key_len <= 16 {
            let known = keys.iter().filter_map(|(k, _, at)| Some((number(k), (*at)?)));
            Form::Exact(known.collect())
        } else {
            Form::Long(keys.into_iter().filter_map(|(k, _, at)| Some((k, at?))).collect())
        };
        Self {
            place,
            name: set.name.clone(),
            key_len,
            data_len: if set.has(S::MAP) { set.data_len.unwrap_or(0) as usize } else { 0 },
            map: set.has(S::MAP),
            dynamic: !set.has(S::CONSTANT) && !set.has(S::ANONYMOUS),
            size: set.size,
            count,
            items,
            exprs: set.exprs.clone().into(),
            catchall,
            form,
        }
    }

    /// The element that a key leads to, the catch-all apart.
    pub(super) fn find(&self, key: &[u8]) -> Option<u32> {
        match &self.form {
            Form::Exact(map) => map.get(&number(key)).copied(),
            Form::Long(map) => map.get(key).copied(),
            Form::Interval16(bounds) => {
                let key = number(key);
                let after = bounds.partition_point(|(k, _)| *k <= key);
                bounds.get(after.checked_sub(1)?)?.1
            }
            Form::Interval(bounds) => {
                let after = bounds.partition_point(|(k, _)| **k <= *key);
                bounds.get(after.checked_sub(1)?)?.1
            }
            Form::Fields { lens, exact, ranges } => {
                let one = exact.get(key).copied();
                let other = ranges.iter().find(|r| r.holds(lens, key)).map(|r| r.item);
                match (one, other) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                }
            }
        }
    }

    /// The element that takes whatever no other does.
    pub(super) fn catchall(&self) -> Option<u32> {
        self.catchall
    }

    /// Whether any element might match a key of which some bits are not known.
    pub(super) fn possible(&self, key: &[u8], unknown: &[u8]) -> bool {
        let fits = |k: &[u8]| k.iter().zip(key).zip(unknown).all(|((a, b), u)| (a ^ b) & !u == 0);
        match &self.form {
            Form::Exact(map) => map.keys().any(|k| fits(&k.to_be_bytes())),
            Form::Long(map) => map.keys().any(|k| fits(k)),
            Form::Interval(_) | Form::Interval16(_) => !self.items.is_empty(),
            Form::Fields { lens, exact, ranges } => {
                exact.keys().any(|k| fits(k)) || ranges.iter().any(|r| r.possible(lens, key, unknown))
            }
        }
    }

    /// Keys of an exact set, with their elements.
    pub(super) fn exact_keys(&self) -> Option<Vec<(Vec<u8>, u32)>> {
        match &self.form {
            Form::Exact(map) => Some(
                map.iter()
                    .map(|(k, v)| (k.to_be_bytes().get(..self.key_len).unwrap_or(&[]).to_vec(), *v))
                    .collect(),
            ),
            Form::Long(map) => Some(map.iter().map(|(k, v)| (k.to_vec(), *v)).collect()),
            _ => None,
        }
    }

    /// Boundaries of an interval set of keys up to 16 bytes: from this key on, that element.
    pub(super) fn bounds(&self) -> Option<&[(u128, Option<u32>)]> {
        match &self.form {
            Form::Interval16(bounds) => Some(bounds),
            _ => None,
        }
    }
}

impl Ranges {
    fn fields<'a>(lens: &'a [u8]) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
        lens.iter().scan(0_usize, |at, len| {
            let start = *at;
            *at += usize::from(*len).next_multiple_of(4);
            Some(start..start + usize::from(*len))
        })
    }

    fn holds(&self, lens: &[u8], key: &[u8]) -> bool {
        Self::fields(lens).all(|f| match (key.get(f.clone()), self.from.get(f.clone()), self.to.get(f)) {
            (Some(k), Some(a), Some(b)) => a <= k && k <= b,
            _ => false,
        })
    }

    /// Fields with an unknown bit count as fitting.
    fn possible(&self, lens: &[u8], key: &[u8], unknown: &[u8]) -> bool {
        Self::fields(lens).all(|f| {
            unknown.get(f.clone()).is_some_and(|u| u.iter().any(|b| *b != 0))
                || match (key.get(f.clone()), self.from.get(f.clone()), self.to.get(f)) {
                    (Some(k), Some(a), Some(b)) => a <= k && k <= b,
                    _ => false,
                }
        })
    }
}
