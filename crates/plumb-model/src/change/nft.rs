//! Changes to nftables (net/netfilter/nf_tables_api.c).

use plumb_nft::{ChainRef, Data, Element, Expr, Family, Rule, Set, Table, Verdict};

use super::error::read;
use super::{ChangeError, Position};
use crate::Namespace;

/// `NFT_CHAIN_BINDING`: a chain without a name of its own, which lives as long as the rule that leads to it.
const CHAIN_BINDING: u32 = 4;

pub(super) fn table<'a>(
    ns: &'a mut Namespace,
    family: Family,
    name: &str,
) -> Result<&'a mut Table, ChangeError> {
    let of = ns.name.clone();
    read(&mut ns.nft, "nftables", &of)?
        .tables
        .iter_mut()
        .find(|t| t.family == family && t.name == name)
        .ok_or_else(|| {
            ChangeError::NotFound(format!("table `{} {name}` in {of}", family.word().unwrap_or("?")))
        })
}

pub(super) fn add_table(ns: &mut Namespace, table: &Table) -> Result<(), ChangeError> {
    let of = ns.name.clone();
    let ruleset = read(&mut ns.nft, "nftables", &of)?;
    if ruleset.table(table.family, &table.name).is_some() {
        let family = table.family.word().unwrap_or("?");
        return Err(ChangeError::AlreadyThere(format!("table `{family} {}` in {of}", table.name)));
    }
    let mut table = table.clone();
    // Each thing gets the next number of its table, as the kernel would give it.
    table.handle = ruleset.tables.iter().map(|t| t.handle).max().unwrap_or(0) + 1;
    let mut handle = 0;
    let mut next = || {
        handle += 1;
        handle
    };
    table.chains.iter_mut().for_each(|c| c.handle = next());
    table.sets.iter_mut().for_each(|s| s.handle = next());
    table.objects.iter_mut().for_each(|o| o.handle = next());
    table.flowtables.iter_mut().for_each(|f| f.handle = next());
    table.chains.iter_mut().flat_map(|c| &mut c.rules).for_each(|r| r.handle = next());
    ruleset.tables.push(table);
    Ok(())
}

pub(super) fn delete_table(ns: &mut Namespace, family: Family, name: &str) -> Result<(), ChangeError> {
    table(ns, family, name)?;
    if let Some(ruleset) = ns.nft.value_mut() {
        ruleset.tables.retain(|t| t.family != family || t.name != name);
    }
    Ok(())
}

fn chain_mut<'a>(table: &'a mut Table, name: &str) -> Result<&'a mut plumb_nft::Chain, ChangeError> {
    let of = table.name.clone();
    table
        .chains
        .iter_mut()
        .find(|c| c.name == name)
        .ok_or_else(|| ChangeError::NotFound(format!("chain `{name}` in table `{of}`")))
}

fn set_mut<'a>(table: &'a mut Table, name: &str) -> Result<&'a mut Set, ChangeError> {
    let of = table.name.clone();
    table
        .sets
        .iter_mut()
        .find(|s| s.name == name)
        .ok_or_else(|| ChangeError::NotFound(format!("set `{name}` in table `{of}`")))
}

pub(super) fn delete_rule(table: &mut Table, chain: &str, handle: u64) -> Result<(), ChangeError> {
    let found = chain_mut(table, chain)?;
    let i = found
        .rules
        .iter()
        .position(|r| r.handle == handle)
        .ok_or_else(|| ChangeError::NotFound(format!("rule with handle {handle} in chain `{chain}`")))?;
    let rule = found.rules.remove(i);
    // What only this rule could use goes with it: anonymous sets and chains.
    for expr in &rule.exprs {
        match expr {
            Expr::Lookup { set, .. } | Expr::ObjrefMap { set, .. } | Expr::Dynset { set, .. } => {
                table.sets.retain(|s| s.name != *set || !s.has(Set::ANONYMOUS));
            }
            Expr::Immediate { data: Data::Verdict(verdict), .. } => {
                if let Some(to) = target(verdict) {
                    table.chains.retain(|c| c.name != to || c.flags & CHAIN_BINDING == 0);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn target(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Jump(ChainRef::Name(name)) | Verdict::Goto(ChainRef::Name(name)) => Some(name),
        _ => None,
    }
}

pub(super) fn add_rule(
    table: &mut Table,
    chain: &str,
    position: Position,
    rule: &Rule,
) -> Result<(), ChangeError> {
    for expr in &rule.exprs {
        match expr {
            Expr::Lookup { set, .. } | Expr::ObjrefMap { set, .. } | Expr::Dynset { set, .. } => {
                set_mut(table, set)?;
            }
            Expr::Immediate { data: Data::Verdict(verdict), .. } => check_target(table, verdict)?,
            Expr::Objref { kind, name } if table.object(*kind, name).is_none() => {
                return Err(ChangeError::NotFound(format!("object `{name}` in table `{}`", table.name)));
            }
            Expr::FlowOffload { flowtable } if !table.flowtables.iter().any(|f| f.name == *flowtable) => {
                return Err(ChangeError::NotFound(format!(
                    "flowtable `{flowtable}` in table `{}`",
                    table.name
                )));
            }
            _ => {}
        }
    }
    let handle = next_handle(table);
    let rules = &mut chain_mut(table, chain)?.rules;
    let at = |handle: u64| {
        rules
            .iter()
            .position(|r| r.handle == handle)
            .ok_or_else(|| ChangeError::NotFound(format!("rule with handle {handle} in chain `{chain}`")))
    };
    let i = match position {
        Position::Last => rules.len(),
        Position::First => 0,
        Position::Before(h) => at(h)?,
        Position::After(h) => at(h)? + 1,
    };
    rules.insert(i, Rule { handle, ..rule.clone() });
    Ok(())
}

fn check_target(table: &Table, verdict: &Verdict) -> Result<(), ChangeError> {
    match target(verdict) {
        Some(to) if table.chain(to).is_none() => {
            Err(ChangeError::NotFound(format!("chain `{to}` in table `{}`", table.name)))
        }
        _ => Ok(()),
    }
}

/// Handles count up per table, over all kinds of objects.
fn next_handle(table: &Table) -> u64 {
    let rules = table.chains.iter().flat_map(|c| c.rules.iter().map(|r| r.handle));
    let rest = table.chains.iter().map(|c| c.handle).chain(table.sets.iter().map(|s| s.handle));
    let other = table.objects.iter().map(|o| o.handle).chain(table.flowtables.iter().map(|f| f.handle));
    rules.chain(rest).chain(other).max().unwrap_or(0) + 1
}

pub(super) fn set_policy(table: &mut Table, chain: &str, policy: &Verdict) -> Result<(), ChangeError> {
    let refused = |why: &str| ChangeError::Refused {
        what: format!("setting the policy of chain `{chain}`"),
        why: why.to_owned(),
    };
    if !matches!(policy, Verdict::Accept | Verdict::Drop) {
        return Err(refused("a policy is accept or drop"));
    }
    let base =
        chain_mut(table, chain)?.base.as_mut().ok_or_else(|| refused("it is not hooked, so it has none"))?;
    base.policy = policy.clone();
    Ok(())
}

/// The first key after this one, `None` after the last.
pub(crate) fn successor(key: &[u8]) -> Option<Vec<u8>> {
    let mut out = key.to_vec();
    for byte in out.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(out);
        }
    }
    None
}

/// An interval set without concatenation: its intervals are two elements, the first key and the one after the last.
fn is_split_interval(set: &Set) -> bool {
    set.has(Set::INTERVAL) && !set.has(Set::CONCAT)
}

/// The intervals of a set as (first, one after the last; `None`: open).
fn intervals(set: &Set) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut keys: Vec<(&[u8], bool)> =
        set.elements.iter().filter(|e| !e.is_catchall()).map(|e| (&*e.key, !e.is_interval_end())).collect();
    // Ends before starts of the same key: adjacent intervals share it.
    keys.sort_unstable();
    let mut out: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
    for (key, starts) in keys {
        if let Some((_, end @ None)) = out.last_mut() {
            *end = Some(key.to_vec());
        }
        if starts {
            out.push((key.to_vec(), None));
        }
    }
    out
}

/// Adds an element. For an interval set without concatenation, `key_end` is the last key of the interval; without it
/// the interval is the one key.
pub(super) fn add_element(table: &mut Table, set: &str, element: &Element) -> Result<(), ChangeError> {
    if let Some(Data::Verdict(verdict)) = &element.data {
        check_target(table, verdict)?;
    }
    let set = set_mut(table, set)?;
    let what = || format!("element 0x{} of set `{}`", element.key, set.name);
    let refused =
        |why: &str| ChangeError::Refused { what: format!("adding {}", what()), why: why.to_owned() };
    if !element.is_catchall() && element.key.len() != set.key_len as usize {
        return Err(refused(&format!("keys of this set have {} bytes", set.key_len)));
    }
    if element.data.is_some() != set.has(Set::MAP) || element.object.is_some() != set.has(Set::OBJECT) {
        return Err(refused("elements of maps have data, others have none"));
    }
    if set.has(Set::CONSTANT) && set.has(Set::ANONYMOUS) {
        return Err(refused("an anonymous set is constant"));
    }
    if set.size.is_some_and(|size| set.elements.len() >= size as usize) && !is_split_interval(set) {
        return Err(refused("the set is full"));
    }
    if !is_split_interval(set) || element.is_catchall() {
        let same = |e: &&Element| {
            e.key == element.key && e.key_end == element.key_end && e.is_catchall() == element.is_catchall()
        };
        if set.elements.iter().find(same).is_some() {
            return Err(ChangeError::AlreadyThere(what()));
        }
        set.elements.push(element.clone());
        return Ok(());
    }
    let last = element.key_end.as_ref().unwrap_or(&element.key);
    if last < &element.key {
        return Err(refused("the interval ends before it starts"));
    }
    let end = successor(last);
    let overlaps = intervals(set).iter().any(|(first, after)| {
        end.as_ref().is_none_or(|end| first < end)
            && after.as_ref().is_none_or(|after| after.as_slice() > &*element.key)
    });
    if overlaps {
        return Err(ChangeError::AlreadyThere(format!("an element that overlaps {}", what())));
    }
    insert_sorted(set, Element { key_end: None, ..element.clone() });
    if let Some(end) = end {
        let flags = Element::INTERVAL_END;
        insert_sorted(set, Element { key: end.into(), flags, ..Element::default() });
    }
    Ok(())
}

/// Dumps give intervals from the last key to the first, the start of one before the end of the one below it
/// (net/netfilter/nft_set_rbtree.c).
fn insert_sorted(set: &mut Set, element: Element) {
    let order = |e: &Element| (std::cmp::Reverse(e.key.clone()), e.is_interval_end());
    let i = set.elements.iter().position(|e| order(e) > order(&element)).unwrap_or(set.elements.len());
    set.elements.insert(i, element);
}

pub(super) fn delete_element(table: &mut Table, set: &str, element: &Element) -> Result<(), ChangeError> {
    let set = set_mut(table, set)?;
    let missing = || {
        ChangeError::NotFound(format!("element 0x{} in set `{set_name}`", element.key, set_name = set.name))
    };
    let split = is_split_interval(set);
    let i = set
        .elements
        .iter()
        .position(|e| {
            e.key == element.key
                && e.is_catchall() == element.is_catchall()
                && !e.is_interval_end()
                && (split || e.key_end == element.key_end)
        })
        .ok_or_else(missing)?;
    let end = if split { interval_end(set, element) } else { None };
    set.elements.remove(i);
    if let Some(end) = end {
        set.elements.retain(|e| !(e.is_interval_end() && *e.key == *end));
    }
    Ok(())
}

/// The first key after the interval that starts with this element: the nearest end above, unless another interval
/// starts before it.
pub(super) fn interval_end(set: &Set, element: &Element) -> Option<Vec<u8>> {
    let above = |end: bool| {
        let keys = set.elements.iter().filter(move |e| e.is_interval_end() == end && e.key > element.key);
        keys.map(|e| &e.key).min()
    };
    let end = above(true)?;
    above(false).is_none_or(|start| start >= end).then(|| end.to_vec())
}
