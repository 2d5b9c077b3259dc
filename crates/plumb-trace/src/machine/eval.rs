//! One operation on one branch: loads, comparisons, look-ups, and the splits that they lead to.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use plumb_nft::{CmpOp, PayloadBase};
use smallvec::SmallVec;

use super::branch::Branch;
use super::draw::{Draw, ENUMERABLE};
use super::ops::{Op, Verd};
use super::regs::Special;
use super::sets::{ItemData, Set};
use super::solve::Run;
use crate::event::{Event, Stop};
use crate::share::Share;

/// What an operation did.
pub(super) enum Step {
    Next,
    Verdict(Verd),
    Stop(Stop),
    /// It came out differently for parts of the mass.
    Split(Vec<Branch>),
    /// Whether the rule goes on depends on something unknown; if it does, with this verdict.
    Maybe {
        unknown: u32,
        matched: Verd,
    },
}

/// The rule ends here without effect (`NFT_BREAK`).
pub(super) const BREAK: Step = Step::Verdict(Verd::Break);

/// Goes on where a condition holds.
#[inline]
pub(super) fn when(holds: bool) -> Step {
    if holds { Step::Next } else { BREAK }
}

/// `memcmp` with one of the kernel's operators.
fn holds(op: CmpOp, left: &[u8], right: &[u8]) -> bool {
    match op {
        CmpOp::Eq => left == right,
        CmpOp::Neq => left != right,
        CmpOp::Lt => left < right,
        CmpOp::Lte => left <= right,
        CmpOp::Gt => left > right,
        CmpOp::Gte => left >= right,
        _ => false,
    }
}

/// Whether a comparison holds for every value of the unknown bits, for none, or for some.
fn holds_partly(op: CmpOp, left: &[u8], unknown: &[u8], right: &[u8]) -> Option<bool> {
    let lowest: SmallVec<[u8; 32]> = left.iter().zip(unknown).map(|(l, u)| l & !u).collect();
    let highest: SmallVec<[u8; 32]> = left.iter().zip(unknown).map(|(l, u)| l | u).collect();
    if matches!(op, CmpOp::Eq | CmpOp::Neq) {
        let differs = left.iter().zip(unknown).zip(right).any(|((l, u), r)| (l ^ r) & !u != 0);
        let sure = differs || unknown.iter().all(|u| *u == 0);
        return sure.then_some(differs == (op == CmpOp::Neq));
    }
    let (a, b) = (holds(op, &lowest, right), holds(op, &highest, right));
    (a == b).then_some(a)
}

impl Run<'_> {
    #[inline]
    pub(super) fn eval(&mut self, b: &mut Branch, at: u32, op: &Op) -> Step {
        match op {
            Op::Nop => Step::Next,
            Op::Verdict(v) => Step::Verdict(*v),
            Op::Cmp4 { sreg, neq, mask, value } => {
                if b.regs.known(*sreg, 4) {
                    return when((b.regs.word(*sreg) & mask == *value) != *neq);
                }
                let op = if *neq { CmpOp::Neq } else { CmpOp::Eq };
                let len = mask.count_ones() as usize / 8;
                self.compare(b, at, *sreg, op, value.to_le_bytes().get(..len).unwrap_or(&[]))
            }
            Op::Cmp { sreg, op, data } => {
                if b.regs.known(*sreg, data.len()) {
                    return when(holds(*op, b.regs.raw(*sreg, data.len()), data));
                }
                self.compare(b, at, *sreg, *op, data)
            }
            Op::Range { sreg, neq, from, to } => {
                let inside = |v: &[u8]| (v >= &**from && v <= &**to) != *neq;
                if b.regs.known(*sreg, from.len()) {
                    return when(inside(b.regs.raw(*sreg, from.len())));
                }
                self.range(b, at, *sreg, *neq, from, to)
            }
            Op::Immediate { dreg, data } => {
                b.regs.store(*dreg, data);
                Step::Next
            }
            Op::Payload { dreg, base, offset, len } => {
                self.payload(b, *dreg, *base, *offset, usize::from(*len))
            }
            Op::Meta { key, dreg } => self.meta(b, *key, *dreg),
            Op::Ct { key, dreg, direction } => self.ct(b, *key, *dreg, *direction),
            Op::Mask4 { sreg, dreg, mask, xor } => {
                if b.regs.known(*sreg, 4) {
                    let v = (b.regs.word(*sreg) & mask) ^ xor;
                    b.regs.store4(*dreg, v);
                    return Step::Next;
                }
                self.mask(b, *sreg, *dreg, &mask.to_le_bytes(), &xor.to_le_bytes());
                Step::Next
            }
            Op::Lookup { set, sreg, dreg, inverted } => self.lookup(b, at, *set, *sreg, *dreg, *inverted),
            Op::Rare(expr) => self.rare(b, at, expr),
            Op::Dynset { set, expr } => self.dynset(b, at, *set, expr),
            Op::Object(object) => self.object(b, object),
            Op::ObjectMap { set, sreg } => self.object_map(b, at, *set, *sreg),
            Op::Unknown(what) => {
                let unknown = self.unknown(b, &**what);
                Step::Maybe { unknown, matched: Verd::Continue }
            }
            Op::Match(m) => self.xt_match(b, at, m),
            Op::Target(t) => self.xt_target(b, at, t),
        }
    }

    /// `(s & mask) ^ xor` where the source is not plainly known.
    pub(super) fn mask(&self, b: &mut Branch, sreg: u8, dreg: u8, mask: &[u8], xor: &[u8]) {
        let words = mask.len().div_ceil(4);
        for w in 0..words {
            let part = |v: &[u8]| {
                let mut out = [0; 4];
                for (to, from) in out.iter_mut().zip(v.iter().skip(4 * w)) {
                    *to = *from;
                }
                u32::from_le_bytes(out)
            };
            let (m, x) = (part(mask), part(xor));
            let (from, to) = (sreg as usize / 4 + w, dreg as usize / 4 + w);
            let special = b.regs.special_of(from).cloned();
            let value = (b.regs.word((from * 4) as u8) & m) ^ x;
            match special {
                None => b.regs.store4((to * 4) as u8, value),
                Some(Special::Unknown { bits, why }) => {
                    b.regs.store_partly(
                        (to * 4) as u8,
                        &value.to_le_bytes(),
                        &(bits & m).to_le_bytes(),
                        &why,
                    );
                }
                Some(Special::Draw { draw, mut transforms }) => {
                    transforms.push(super::draw::Transform::And(m));
                    transforms.push(super::draw::Transform::Xor(x));
                    b.regs.store_draw((to * 4) as u8, draw, transforms);
                }
            }
        }
    }

    /// A condition on a register that is not plainly known. `sure` says what holds for known bytes with unknown bits.
    pub(super) fn condition(
        &mut self,
        b: &mut Branch,
        at: u32,
        sreg: u8,
        len: usize,
        sure: &dyn Fn(&[u8], &[u8]) -> Option<bool>,
    ) -> Step {
        let groups = self.split_by(b, sreg, len, &|bytes, unknown| match sure(bytes, unknown) {
            Some(true) => Key::Yes,
            Some(false) => Key::No,
            None => Key::Open,
        });
        self.by_groups(b, at, sreg, len, groups)
    }

    fn by_groups(&mut self, b: &mut Branch, at: u32, sreg: u8, len: usize, groups: Option<Groups>) -> Step {
        let Some(groups) = groups else {
            let unknown = self.unknown(b, format!("{} possible values, too many to tell apart", "a draw of"));
            return Step::Maybe { unknown, matched: Verd::Continue };
        };
        let open = |run: &Self, b: &Branch| {
            let why = b.regs.why(sreg, len).map_or_else(|| "a register".to_owned(), |w| w.to_string());
            let unknown = run.unknown(b, why);
            Step::Maybe { unknown, matched: Verd::Continue }
        };
        if let [group] = groups.as_slice() {
            return match group.key {
                Key::Yes => Step::Next,
                Key::No => BREAK,
                _ => open(self, b),
            };
        }
        let mut out = Vec::with_capacity(groups.len());
        for group in groups {
            let mut part = self.part(b, &group);
            match group.key {
                Key::Yes => part.resume = Some((at + 1, Verd::Continue)),
                Key::No => part.rule += 1,
                // What is both drawn and unknown: carried on as not matching, named.
                _ => {
                    let why =
                        b.regs.why(sreg, len).map_or_else(|| "a register".to_owned(), |w| w.to_string());
                    self.pass(&mut part, why);
                    part.rule += 1;
                }
            }
            out.push(part);
        }
        Step::Split(out)
    }

    fn compare(&mut self, b: &mut Branch, at: u32, sreg: u8, op: CmpOp, data: &[u8]) -> Step {
        if let Some(groups) = self.large(b, sreg, data.len(), &[(op, data)]) {
            return self.by_groups(b, at, sreg, data.len(), Some(groups));
        }
        self.condition(b, at, sreg, data.len(), &|v, u| holds_partly(op, v, u, data))
    }

    fn range(&mut self, b: &mut Branch, at: u32, sreg: u8, neq: bool, from: &[u8], to: &[u8]) -> Step {
        if let Some(mut groups) = self.large(b, sreg, from.len(), &[(CmpOp::Gte, from), (CmpOp::Lte, to)]) {
            if neq {
                for g in &mut groups {
                    g.key = if g.key == Key::Yes { Key::No } else { Key::Yes };
                }
            }
            return self.by_groups(b, at, sreg, from.len(), Some(groups));
        }
        self.condition(b, at, sreg, from.len(), &|v, u| {
            let inside = match (holds_partly(CmpOp::Gte, v, u, from), holds_partly(CmpOp::Lte, v, u, to)) {
                (Some(false), _) | (_, Some(false)) => false,
                (Some(true), Some(true)) => true,
                _ => return None,
            };
            Some(inside != neq)
        })
    }

    fn lookup(
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
                (Found::Added(data), None) => b.regs.store(dreg, data),
                _ => {}
            }
        }
        for expr in item.map_or(&[][..], |i| &i.exprs) {
            match self.rare(b, u32::MAX, expr) {
                Step::Next => {}
                other => return other,
            }
        }
        verdict
    }
}

/// What a look-up leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Found {
    Nothing,
    /// Index of a compiled element.
    Item(u32),
    /// An element that a packet of the walk added, with its data.
    Added(SmallVec<[u8; 16]>),
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
        Some((_, Some(data))) => return Found::Added(data.clone()),
        Some((_, None)) => None,
        None => set.find(key),
    };
    found.or(set.catchall()).map_or(Found::Nothing, Found::Item)
}

/// How an operation comes out for a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Yes,
    No,
    /// Something unknown decides.
    Open,
    Found(Found),
    /// A value of its own: for statements that take the number as it is.
    Value(SmallVec<[u8; 16]>),
}

/// Values of a draw for which an operation comes out alike.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub key: Key,
    /// The draws as they are in this group.
    pub draws: SmallVec<[(u8, Draw); 1]>,
    pub share: Share,
}

pub(super) type Groups = Vec<Group>;

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

impl Run<'_> {
    /// The draws that a range of registers depends on.
    fn draws_of(&self, b: &Branch, sreg: u8, len: usize) -> SmallVec<[u8; 2]> {
        let mut out: SmallVec<[u8; 2]> = SmallVec::new();
        for (_, special) in b.regs.specials(sreg, len) {
            if let Special::Draw { draw, .. } = special
                && !out.contains(draw)
            {
                out.push(*draw);
            }
        }
        out
    }

    /// Goes through the values of the draws in a range of registers and groups them by how the operation comes out.
    /// One group without a draw where there is none. `None`: too many values.
    pub(super) fn split_by(
        &self,
        b: &Branch,
        sreg: u8,
        len: usize,
        result: &dyn Fn(&[u8], &[u8]) -> Key,
    ) -> Option<Groups> {
        let ids = self.draws_of(b, sreg, len);
        let unknown = b.regs.unknown_bits(sreg, len);
        let mut bytes: SmallVec<[u8; 64]> = b.regs.raw(sreg, len).into();
        if ids.is_empty() {
            let key = result(&bytes, &unknown);
            return Some(vec![Group { key, draws: SmallVec::new(), share: Share::ONE }]);
        }
        let draws: SmallVec<[(u8, &Draw); 2]> =
            ids.iter().map(|id| Some((*id, b.draws.get(usize::from(*id))?))).collect::<Option<_>>()?;
        let total = draws.iter().try_fold(1_u64, |n, (_, d)| n.checked_mul(d.total()))?;
        if total > ENUMERABLE || total == 0 {
            return None;
        }
        let lists: SmallVec<[Vec<u64>; 2]> = draws.iter().map(|(_, d)| d.values().collect()).collect();
        let words: SmallVec<[(usize, u8, SmallVec<[super::draw::Transform; 2]>); 2]> = b
            .regs
            .specials(sreg, len)
            .filter_map(|(w, s)| match s {
                Special::Draw { draw, transforms } => Some((w, *draw, transforms.clone())),
                Special::Unknown { .. } => None,
            })
            .collect();
        let mut found: Vec<(Key, Vec<SmallVec<[u64; 2]>>)> = Vec::new();
        let mut index: HashMap<Key, usize, FixedState> = HashMap::default();
        for n in 0..total {
            let mut rest = n;
            let mut combination: SmallVec<[u64; 2]> = SmallVec::new();
            for list in &lists {
                let count = list.len() as u64;
                combination.push(list.get((rest % count) as usize).copied()?);
                rest /= count;
            }
            for (word, id, transforms) in &words {
                let i = ids.iter().position(|x| x == id)?;
                let (_, draw) = draws.get(i)?;
                let value = draw.word(*combination.get(i)?, transforms).to_le_bytes();
                let base = (word * 4).wrapping_sub(sreg as usize);
                for (k, v) in value.into_iter().enumerate() {
                    if let Some(slot) = bytes.get_mut(base.wrapping_add(k)) {
                        *slot = v;
                    }
                }
            }
            let key = result(&bytes, &unknown);
            match index.get(&key).and_then(|i| found.get_mut(*i)) {
                Some((_, list)) => list.push(combination),
                None => {
                    index.insert(key.clone(), found.len());
                    found.push((key, vec![combination]));
                }
            }
        }
        let sticky = draws.iter().any(|(_, d)| d.sticky.is_some());
        let mut groups = Vec::new();
        for (key, list) in found {
            // Several draws in one key are told apart value by value; so are those that must come out the same
            // again, as long as they are few.
            if draws.len() > 1 || (sticky && total <= 64) {
                for combination in list {
                    let parts =
                        draws.iter().zip(&combination).map(|((id, d), v)| (*id, d.only(&[*v]))).collect();
                    let share = Share::new(1, u128::from(total));
                    groups.push(Group { key: key.clone(), draws: parts, share });
                }
            } else if let Some((id, draw)) = draws.first() {
                let mut values: Vec<u64> = list.iter().filter_map(|c| c.first().copied()).collect();
                values.sort_unstable();
                let share = Share::new(values.len() as u128, u128::from(total));
                groups.push(Group { key, draws: smallvec::smallvec![(*id, draw.only(&values))], share });
            }
        }
        Some(groups)
    }

    /// A single draw with too many values to go through, as it is or in network order, compared by conditions that
    /// must all hold.
    fn large(&self, b: &Branch, sreg: u8, len: usize, conditions: &[(CmpOp, &[u8])]) -> Option<Groups> {
        let (id, draw, swapped) = self.large_draw(b, sreg, len)?;
        let mut yes = vec![(0_u64, u64::from(u32::MAX))];
        let mut negated = false;
        for (op, data) in conditions {
            let word = <[u8; 4]>::try_from(*data).ok()?;
            let value = if swapped { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) };
            if !swapped && !matches!(op, CmpOp::Eq | CmpOp::Neq) {
                return None;
            }
            let value = u64::from(value.wrapping_sub(draw.offset));
            if draw.offset != 0 && !matches!(op, CmpOp::Eq | CmpOp::Neq) {
                return None;
            }
            let range = match op {
                CmpOp::Eq => Some((value, value)),
                CmpOp::Neq => {
                    negated = true;
                    Some((value, value))
                }
                CmpOp::Lt => value.checked_sub(1).map(|v| (0, v)),
                CmpOp::Lte => Some((0, value)),
                CmpOp::Gt => Some((value + 1, u64::MAX)),
                CmpOp::Gte => Some((value, u64::MAX)),
                _ => return None,
            };
            yes = yes
                .iter()
                .filter_map(|(a, b)| range.map(|(c, d)| ((*a).max(c), (*b).min(d))))
                .filter(|(a, b)| a <= b)
                .collect();
        }
        let inside = draw.within(&yes);
        let outside = draw.within(&complement(&yes));
        let (yes, no) = if negated { (outside, inside) } else { (inside, outside) };
        let total = u128::from(draw.total());
        Some(
            [(Key::Yes, yes), (Key::No, no)]
                .into_iter()
                .filter(|(_, d)| d.total() > 0)
                .map(|(key, d)| Group {
                    key,
                    share: Share::new(u128::from(d.total()), total),
                    draws: smallvec::smallvec![(id, d)],
                })
                .collect(),
        )
    }

    /// The one draw of a range of registers, if it has too many values to go through, untransformed or swapped to
    /// network order, and is all that is special there.
    fn large_draw<'b>(&self, b: &'b Branch, sreg: u8, len: usize) -> Option<(u8, &'b Draw, bool)> {
        let mut specials = b.regs.specials(sreg, len);
        let (Some((_, Special::Draw { draw: id, transforms })), None) = (specials.next(), specials.next())
        else {
            return None;
        };
        let draw = b.draws.get(usize::from(*id))?;
        if draw.total() <= ENUMERABLE {
            return None;
        }
        let swapped = match transforms.as_slice() {
            [] => false,
            [super::draw::Transform::Swap4] => true,
            _ => return None,
        };
        Some((*id, draw, swapped))
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

    /// The branch for one group.
    pub(super) fn part(&self, b: &Branch, group: &Group) -> Branch {
        let mut part = b.clone();
        part.state.share = part.state.share * group.share;
        let rule = self.rule_of(b);
        let mut per_packet = true;
        for (id, draw) in &group.draws {
            if let Some(sticky) = draw.sticky {
                per_packet = false;
                if let Some(value) = draw.values().next() {
                    remember(&mut part, sticky, value);
                }
            }
            if let Some(slot) = part.draws.get_mut(usize::from(*id)) {
                *slot = draw.clone();
            }
        }
        if self.env.record && !group.share.is_one() {
            part.state.history.push(Event::Draw { rule: Some(rule), share: group.share, per_packet });
        }
        part
    }

    /// Makes a range of registers plainly known by splitting off every value of its draws. `None`: it is known (now).
    /// The operation is carried out again on each of the branches.
    pub(super) fn resolve(&mut self, b: &mut Branch, at: u32, sreg: u8, len: usize) -> Option<Step> {
        if b.regs.known(sreg, len) || self.draws_of(b, sreg, len).is_empty() {
            return None;
        }
        let groups =
            self.split_by(b, sreg, len, &|bytes, _| Key::Value(bytes.into())).filter(|g| g.len() <= 4096);
        let Some(groups) = groups else {
            let why: super::regs::Why = "a draw with too many values to follow each".into();
            b.regs.store_unknown(sreg, len, &why);
            return None;
        };
        let mut out = Vec::with_capacity(groups.len());
        for group in groups {
            let mut part = if group.share.is_one() { b.clone() } else { self.part(b, &group) };
            if let Key::Value(bytes) = &group.key {
                let unknown = b.regs.unknown_bits(sreg, len);
                let why = b.regs.why(sreg, len).cloned().unwrap_or_else(|| "a register".into());
                part.regs.store_partly(sreg, bytes, &unknown, &why);
            }
            part.resume = Some((at, Verd::Continue));
            out.push(part);
        }
        Some(Step::Split(out))
    }

    /// Makes a new draw and stores it in a register.
    pub(super) fn draw(&mut self, b: &mut Branch, dreg: u8, draw: Draw) -> Step {
        if draw.total() == 1 {
            let value = draw.values().next().unwrap_or(0);
            if let Some(sticky) = draw.sticky {
                remember(b, sticky, value);
            }
            b.regs.store4(dreg, draw.word(value, &[]));
            return Step::Next;
        }
        let id = b.draws.len().min(255) as u8;
        b.draws.push(draw);
        b.regs.store_draw(dreg, id, SmallVec::new());
        Step::Next
    }

    /// Loads bytes of a header (`nft_payload_eval`).
    fn payload(&mut self, b: &mut Branch, dreg: u8, base: PayloadBase, offset: u32, len: usize) -> Step {
        self.load_payload(b, dreg, base, offset as usize, len)
    }
}

/// Keeps what a draw came to, for the next time.
pub(super) fn remember(b: &mut Branch, sticky: super::draw::Sticky, value: u64) {
    let phases = &mut b.state.world.phases;
    match phases.iter_mut().find(|(rule, slot, _)| *rule == sticky.rule && *slot == sticky.slot) {
        Some((_, _, v)) => *v = value,
        None => {
            phases.push((sticky.rule, sticky.slot, value));
            phases.sort_unstable();
        }
    }
}

/// What is between the pieces, within 32 bits.
fn complement(pieces: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut sorted = pieces.to_vec();
    sorted.sort_unstable();
    let mut out = Vec::new();
    let mut from = 0;
    for (a, b) in sorted {
        if a > from {
            out.push((from, a - 1));
        }
        from = from.max(b.saturating_add(1));
    }
    if from <= u64::from(u32::MAX) {
        out.push((from, u64::from(u32::MAX)));
    }
    out
}
