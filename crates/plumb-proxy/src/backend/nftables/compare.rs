//! What the kernel holds against what it should.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use plumb_intent::PortName;
use plumb_nft::{Chain, ChainRef, Data, Element, Expr, Rule, Set, Table, Verdict, text};

use super::affinity;
use super::elements::{Op, Value};
use super::sets::{SIDES, SetId, VIAS};

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// There is no table.
    NoTable(String),
    /// The table was deleted and made anew by somebody else.
    OtherTable(String),
    /// A chain is not there.
    NoChain(String),
    /// A chain's rules or hook are others.
    OtherChain(String),
    /// A chain that should not be there.
    StrayChain(String),
    /// A set is not there.
    NoSet(String),
    /// A set is of another type.
    OtherSet(String),
    /// A set that should not be there.
    StraySet(String),
    /// An element is not there.
    NoElement {
        /// Set.
        set: String,
        /// Element, as `nft` prints it.
        element: String,
    },
    /// An element that should not be there, or with another value.
    StrayElement {
        /// Set.
        set: String,
        /// Element, as `nft` prints it.
        element: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable(name) => write!(f, "+ table {name}"),
            Self::OtherTable(name) => write!(f, "~ table {name}: somebody made it anew"),
            Self::NoChain(name) => write!(f, "+ chain {name}"),
            Self::OtherChain(name) => write!(f, "~ chain {name}"),
            Self::StrayChain(name) => write!(f, "- chain {name}"),
            Self::NoSet(name) => write!(f, "+ set {name}"),
            Self::OtherSet(name) => write!(f, "~ set {name}"),
            Self::StraySet(name) => write!(f, "- set {name}"),
            Self::NoElement { set, element } => write!(f, "+ {set}: {element}"),
            Self::StrayElement { set, element } => write!(f, "- {set}: {element}"),
        }
    }
}

/// Chains, rules and declarations of sets.
pub(super) fn frame(wanted: &Table, table: &Table) -> Vec<Difference> {
    let mut out = Vec::new();
    if wanted.userdata != table.userdata {
        out.push(Difference::OtherTable(table.name.clone()));
    }
    let chains: BTreeMap<&str, &Chain> = table.chains.iter().map(|c| (c.name.as_str(), c)).collect();
    for chain in &wanted.chains {
        match chains.get(chain.name.as_str()) {
            None => out.push(Difference::NoChain(chain.name.clone())),
            Some(is) if !same_chain(chain, is) => out.push(Difference::OtherChain(chain.name.clone())),
            Some(_) => {}
        }
    }
    let known: BTreeSet<&str> = wanted.chains.iter().map(|c| c.name.as_str()).collect();
    let stray = chains.keys().filter(|n| !known.contains(*n) && !affinity::is_ours(n));
    out.extend(stray.map(|n| Difference::StrayChain((*n).to_owned())));
    let sets: BTreeMap<&str, &Set> = table.sets.iter().map(|s| (s.name.as_str(), s)).collect();
    for set in &wanted.sets {
        match sets.get(set.name.as_str()) {
            None => out.push(Difference::NoSet(set.name.clone())),
            Some(is) if !same_set(set, is) => out.push(Difference::OtherSet(set.name.clone())),
            Some(_) => {}
        }
    }
    let known: BTreeSet<&str> = wanted.sets.iter().map(|s| s.name.as_str()).collect();
    let stray = sets.keys().filter(|n| !known.contains(*n) && !affinity::is_ours(n));
    out.extend(stray.map(|n| Difference::StraySet((*n).to_owned())));
    out
}

fn same_chain(a: &Chain, b: &Chain) -> bool {
    let base = |c: &Chain| c.base.as_ref().map(|b| (b.kind, b.hook, b.priority, b.policy.clone()));
    base(a) == base(b)
        && a.rules.len() == b.rules.len()
        && a.rules.iter().zip(&b.rules).all(|(a, b)| same_rule(a, b))
}

pub(super) fn same_rule(a: &Rule, b: &Rule) -> bool {
    let plain = |e: &Expr| match e {
        Expr::Lookup { set, sreg, dreg, inverted, .. } => {
            Expr::Lookup { set: set.clone(), set_id: None, sreg: *sreg, dreg: *dreg, inverted: *inverted }
        }
        other => other.clone(),
    };
    a.exprs.len() == b.exprs.len() && a.exprs.iter().zip(&b.exprs).all(|(a, b)| plain(a) == plain(b))
}

fn same_set(a: &Set, b: &Set) -> bool {
    let shape = |s: &Set| (s.flags, s.key_type, s.key_len, s.data_type, s.data_len, s.size);
    shape(a) == shape(b) && a.userdata == b.userdata
}

/// An element that should be there, with the name in its comment.
pub(super) type Named = (Op, Option<Arc<PortName>>);

/// What an element is, order of endpoints aside: key, end, value.
pub(super) type Plain = (Vec<u8>, Option<Vec<u8>>, bool, Option<Vec<u8>>);

pub(super) fn wanted_element(op: &Op) -> Plain {
    let value = match &op.value {
        Value::None => None,
        Value::Endpoint(key) => Some(key.bytes().to_vec()),
        Value::Chain(name) => Some(name.as_bytes().to_vec()),
    };
    (op.key.bytes().to_vec(), op.end.as_ref().map(|e| e.bytes().to_vec()), op.interval_end, value)
}

pub(super) fn held_element(element: &Element) -> Plain {
    let value = match &element.data {
        Some(Data::Value(bytes)) => Some(bytes.to_vec()),
        Some(Data::Verdict(Verdict::Goto(ChainRef::Name(name)))) => Some(name.as_bytes().to_vec()),
        Some(Data::Verdict(_)) => Some(Vec::new()),
        None => None,
    };
    (element.key.to_vec(), element.key_end.as_ref().map(|e| e.to_vec()), element.is_interval_end(), value)
}

/// Endpoints may be in other slots: then the slot is left out, and equal elements are counted.
fn without_slot(mut element: Plain) -> Plain {
    let end = element.0.len().saturating_sub(4);
    element.0.truncate(end);
    element
}

/// Elements of all sets but those of clients. `wanted` bears the names in the comments.
pub(super) fn elements(wanted: &[Named], table: &Table) -> Vec<Difference> {
    let mut out = Vec::new();
    let endpoints: BTreeSet<SetId> =
        VIAS.iter().flat_map(|v| SIDES.iter().map(|s| SetId::Endpoints(*v, *s))).collect();
    let mut by_set: BTreeMap<SetId, Vec<&Named>> = BTreeMap::new();
    for named in wanted {
        by_set.entry(named.0.set).or_default().push(named);
    }
    for id in SetId::all() {
        // The maps of affinity are compared by what their chains are.
        if matches!(id, SetId::Affinity(..)) {
            continue;
        }
        let name = id.to_string();
        let Some(set) = table.set(&name) else { continue };
        let normal = |e: Plain| if endpoints.contains(&id) { without_slot(e) } else { e };
        let mut balance: BTreeMap<Plain, (i64, String)> = BTreeMap::new();
        for (op, port) in by_set.remove(&id).unwrap_or_default() {
            let entry = balance.entry(normal(wanted_element(op))).or_default();
            entry.0 += 1;
            if let Some(port) = port {
                entry.1 = format!(" comment \"{port}\"");
            }
        }
        let open = set.elements.iter().filter(|e| !is_opening(set, e));
        for element in open {
            balance.entry(normal(held_element(element))).or_default().0 -= 1;
        }
        for (plain, (count, comment)) in balance.into_iter().filter(|(_, (count, _))| *count != 0) {
            let element = format!("{}{comment}", print(set, &plain, endpoints.contains(&id)));
            let set = name.clone();
            out.push(if count > 0 {
                Difference::NoElement { set, element }
            } else {
                Difference::StrayElement { set, element }
            });
        }
    }
    out
}

/// The end before the first interval, which the kernel keeps for itself (`nft` does not print it either).
pub(super) fn is_opening(set: &Set, element: &Element) -> bool {
    set.has(Set::INTERVAL)
        && !set.has(Set::CONCAT)
        && element.is_interval_end()
        && element.key.iter().all(|b| *b == 0)
}

/// The set without its elements.
fn bare(set: &Set) -> Set {
    let Set { name, userdata, field_lens, .. } = set;
    Set {
        name: name.clone(),
        userdata: userdata.clone(),
        field_lens: field_lens.clone(),
        exprs: Vec::new(),
        elements: Vec::new(),
        ..*set
    }
}

/// As `nft` prints it between braces, without comment. With `slot` the key lacks its slot, and the first one is shown.
pub(super) fn print(set: &Set, (key, end, interval_end, value): &Plain, slot: bool) -> String {
    let mut key = key.clone();
    if slot {
        key.extend_from_slice(&[0; 4]);
    }
    let data = match value {
        Some(bytes) if set.data_type == Some(0xffff_ff00) => {
            let name = String::from_utf8_lossy(bytes).into_owned();
            Some(Data::Verdict(Verdict::Goto(ChainRef::Name(name))))
        }
        Some(bytes) => Some(Data::Value(bytes.clone().into())),
        None => None,
    };
    let element = Element {
        key: key.into(),
        key_end: end.clone().map(Into::into),
        flags: u32::from(*interval_end),
        data,
        ..Element::default()
    };
    text::elements(&Set { elements: vec![element], ..bare(set) }, &text::Options::default())
}
