//! Places of rules and policies.

use std::collections::{HashMap, HashSet};

use plumb_model::Namespace;
use plumb_nft::text::{self, Options};
use plumb_nft::{Chain, ChainRef, Data, Expr, Family, Rule, Set, Table, Verdict};
use plumb_trace::Network;
use plumb_trace::event::SetRef;
use plumb_trace::state::{ChainPlace, NsIndex, RuleRef};
use plumb_xtables::nft_compat::{has_xtables_expression, is_xtables_table, xtables_rule};
use plumb_xtables::{XtFamily, legacy};
use serde_json::Value;

use super::{namespace, of, set};
use crate::report::Place;

/// Which tool lists a rule faithfully.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// `nft list chain`
    Nft,
    /// `iptables-nft -S`, `ip6tables-nft -S`
    Xtables,
    /// `iptables-legacy -S`, `ip6tables-legacy -S`
    Legacy,
}

impl Listing {
    /// The `backend` of a place.
    #[must_use]
    pub fn backend(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::Xtables => "xtables-nft",
            Self::Legacy => "xtables-legacy",
        }
    }
}

fn xt_family(table: &Table) -> Option<XtFamily> {
    match table.family {
        Family::Ip => Some(XtFamily::Ip),
        Family::Ip6 => Some(XtFamily::Ip6),
        _ => None,
    }
}

pub(super) fn table<'s>(net: &Network<'s>, ns: NsIndex, table: u32) -> Option<&'s Table> {
    of(net, ns)?.rule_table(table)
}

fn chain<'s>(net: &Network<'s>, at: ChainPlace) -> Option<(&'s Table, &'s Chain)> {
    let t = table(net, at.ns, at.table)?;
    Some((t, t.chains.get(at.chain as usize)?))
}

fn found<'s>(net: &Network<'s>, at: RuleRef) -> Option<(&'s Table, &'s Chain, &'s Rule)> {
    let (t, c) = chain(net, ChainPlace { ns: at.ns, table: at.table, chain: at.chain })?;
    Some((t, c, c.rules.get(at.rule as usize)?))
}

/// Which tool lists the rules of the table with this number.
#[must_use]
pub fn listing(net: &Network, ns: NsIndex, number: u32) -> Listing {
    let Some(found) = table(net, ns, number) else { return Listing::Nft };
    if of(net, ns).is_some_and(|n| n.is_legacy_table(number)) {
        return Listing::Legacy;
    }
    listing_of_table(found)
}

/// Which tool lists the rules of a table of nftables.
pub(crate) fn listing_of_table(table: &Table) -> Listing {
    if is_xtables_table(table) { Listing::Xtables } else { Listing::Nft }
}

/// A rule in a table of nft that holds an xtables match was written by iptables-nft all the same, and only its own
/// listing shows it.
fn listing_of_rule(table: &Table, rule: &Rule, of_table: Listing) -> Listing {
    if of_table == Listing::Nft && has_xtables_expression(&rule.exprs) && xt_family(table).is_some() {
        Listing::Xtables
    } else {
        of_table
    }
}

fn options(net: &Network, ns: NsIndex) -> Options {
    let links = of(net, ns).map_or(&[][..], |n| n.links.items());
    Options { links: links.iter().map(|l| (l.index, l.name.clone())).collect(), ..Options::default() }
}

/// A rule on one line, as the tool of its engine lists it.
fn line(
    net: &Network,
    ns: NsIndex,
    table: &Table,
    chain: &Chain,
    rule: &Rule,
    of_table: Listing,
) -> (Listing, String) {
    let listing = listing_of_rule(table, rule, of_table);
    let read = xt_family(table).and_then(|family| match listing {
        Listing::Nft => None,
        Listing::Xtables => xtables_rule(family, &chain.name, &rule.exprs).ok(),
        Listing::Legacy => None,
    });
    if listing == Listing::Legacy
        && let Some(text) = of(net, ns).and_then(|n| legacy_text(n, table, chain, rule))
    {
        return (listing, text);
    }
    if let Some(xt) = read {
        return (listing, xt.text(&of(net, ns).map(Namespace::set_names).unwrap_or_default()));
    }
    let text = text::rule_with(table, rule, &options(net, ns));
    // A jump into a chain without a name is listed over several lines.
    (listing, text.split('\n').map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" "))
}

/// A rule of iptables-legacy as `iptables-legacy -S` prints it.
fn legacy_text(n: &Namespace, table: &Table, chain: &Chain, rule: &Rule) -> Option<String> {
    let read = legacy::rule(xt_family(table)?, &chain.name, &rule.exprs).ok()?;
    Some(read.text(&n.set_names()))
}

/// Table and chain of a place that has them.
#[must_use]
pub fn chain_of<'n>(n: &'n Namespace, place: &Place) -> Option<(&'n Table, &'n Chain)> {
    let text = |key: &str| place.get(key).and_then(Value::as_str);
    let (family, name) = (text("family")?, text("table")?);
    let legacy = text("backend") == Some(Listing::Legacy.backend());
    let mut tables = (0..).zip(n.rule_tables());
    let (_, table) = tables.find(|(i, t)| {
        n.is_legacy_table(*i) == legacy && t.family.word() == Some(family) && t.name == name
    })?;
    Some((table, table.chain(text("chain")?)?))
}

/// A rule of a chain by its handle or, where it has none, by its text: of rules that read alike, the first.
#[must_use]
pub fn rule_of<'n>(
    n: &Namespace,
    table: &Table,
    chain: &'n Chain,
    text: &str,
    handle: Option<u64>,
) -> Option<&'n Rule> {
    match handle {
        Some(handle) => chain.rule(handle),
        None => chain.rules.iter().find(|r| legacy_text(n, table, chain, r).as_deref() == Some(text)),
    }
}

/// How a changed rule would read in the place of another.
#[must_use]
pub fn condition_text(net: &Network, at: RuleRef, rule: &Rule) -> String {
    let Some((t, c, _)) = found(net, at) else { return String::new() };
    match listing(net, at.ns, at.table) {
        Listing::Legacy => line(net, at.ns, t, c, rule, Listing::Legacy).1,
        _ => text::rule(t, rule),
    }
}

/// A rule that is not there yet as the tool of its chain would list it.
#[must_use]
pub fn new_rule_text(net: &Network, at: ChainPlace, rule: &Rule) -> String {
    let Some((t, c)) = chain(net, at) else { return String::new() };
    line(net, at.ns, t, c, rule, listing(net, at.ns, at.table)).1
}

/// A rule as its own tool lists it, without handle and counter values.
#[must_use]
pub fn rule_text(net: &Network, at: RuleRef) -> String {
    rule_text_as(net, at, listing(net, at.ns, at.table))
}

pub(super) fn rule_text_as(net: &Network, at: RuleRef, of_table: Listing) -> String {
    match found(net, at) {
        Some((t, c, r)) => line(net, at.ns, t, c, r, of_table).1,
        None => format!("rule {}", at.rule + 1),
    }
}

/// Where in its chain a rule stands, counted from 1 as iptables does.
#[must_use]
pub fn rule_number(at: RuleRef) -> u32 {
    at.rule + 1
}

/// Family, table and chain as `nft` takes them: `ip filter forward`.
#[must_use]
pub fn chain_words(net: &Network, at: ChainPlace) -> String {
    match chain(net, at) {
        Some((t, c)) => format!("{} {} {}", family(t), t.name, c.name),
        None => format!("chain {}", at.chain),
    }
}

fn family(table: &Table) -> String {
    table.family.word().map_or_else(|| table.family.number().to_string(), str::to_owned)
}

fn chain_keys(net: &Network, at_chain: ChainPlace, listing: Option<Listing>) -> Place {
    let mut place = namespace(net, at_chain.ns);
    let Some((t, c)) = chain(net, at_chain) else { return place };
    set(
        &mut place,
        "backend",
        listing.unwrap_or_else(|| self::listing(net, at_chain.ns, at_chain.table)).backend(),
    );
    set(&mut place, "family", family(t));
    set(&mut place, "table", t.name.clone());
    set(&mut place, "chain", c.name.clone());
    if let Some(device) = device(t, c) {
        set(&mut place, "device", device);
    }
    place
}

/// The device of a netdev chain (or of an inet ingress one). A chain that is jumped to has the device of the only base
/// chain of its table, where there is but one.
fn device(table: &Table, chain: &Chain) -> Option<String> {
    if let Some(base) = &chain.base {
        return (!base.devices.is_empty()).then(|| base.devices.join(", "));
    }
    if table.family != Family::Netdev {
        return None;
    }
    let mut all: Vec<&String> =
        table.chains.iter().filter_map(|c| c.base.as_ref()).flat_map(|b| &b.devices).collect();
    all.sort_unstable();
    all.dedup();
    match all.as_slice() {
        [one] => Some((*one).clone()),
        _ => None,
    }
}

/// A rule; `via` says how the packet got there.
#[must_use]
pub fn rule(net: &Network, rule: RuleRef, via: &[String]) -> Place {
    rule_as(net, rule, listing(net, rule.ns, rule.table), via)
}

pub(super) fn rule_as(net: &Network, rule: RuleRef, of_table: Listing, via: &[String]) -> Place {
    let of = ChainPlace { ns: rule.ns, table: rule.table, chain: rule.chain };
    let Some((t, c, r)) = found(net, rule) else { return chain_keys(net, of, Some(of_table)) };
    let (listing, text) = line(net, rule.ns, t, c, r, of_table);
    let mut place = chain_keys(net, of, Some(listing));
    set(&mut place, "rule", text);
    if listing != Listing::Legacy {
        set(&mut place, "handle", r.handle);
    }
    add_via(&mut place, via);
    place
}

/// A rule whose decision an element of a named set or map made. A set without a name is part of the rule's own text.
#[must_use]
pub fn rule_by_element(
    net: &Network,
    at: RuleRef,
    by: SetRef,
    element: Option<usize>,
    via: &[String],
) -> Place {
    let mut place = rule(net, at, via);
    if let Some(s) = find_set(net, by).filter(|s| !s.has(Set::ANONYMOUS)) {
        set(&mut place, "set", s.name.clone());
        if let Some(text) = element.and_then(|e| element_text(net, by, e)) {
            set(&mut place, "element", text);
        }
    }
    place
}

fn find_set<'s>(net: &Network<'s>, at: SetRef) -> Option<&'s Set> {
    table(net, at.ns, at.table)?.sets.get(at.set as usize)
}

/// Name of a set; `None` for one without a name.
#[must_use]
pub fn set_name(net: &Network, at: SetRef) -> Option<String> {
    find_set(net, at).filter(|s| !s.has(Set::ANONYMOUS)).map(|s| s.name.clone())
}

/// An element as `nft list set` prints it: the key, and in a map what it leads to; time-outs and counters left out.
#[must_use]
pub fn element_text(net: &Network, at: SetRef, element: usize) -> Option<String> {
    let s = find_set(net, at)?;
    let start = s.elements.get(element)?;
    let bare = |e: &plumb_nft::Element| plumb_nft::Element {
        userdata: plumb_nft::Bytes::default(),
        exprs: Vec::new(),
        timeout_ms: None,
        expires_ms: None,
        ..e.clone()
    };
    let mut elements = vec![bare(start)];
    if s.has(Set::INTERVAL) && !s.has(Set::CONCAT) && !start.is_catchall() {
        // The end of an interval is an element of its own: the nearest above its start.
        let end = s
            .elements
            .iter()
            .filter(|e| e.is_interval_end() && e.key > start.key)
            .min_by(|a, b| a.key.cmp(&b.key));
        elements.splice(0..0, end.map(bare));
    }
    let alone = Set { elements, exprs: Vec::new(), timeout_ms: None, ..s.clone() };
    let listed = text::elements(&alone, &options(net, at.ns));
    let inner = listed.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    (!inner.is_empty()).then(|| inner.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The policy of a base chain.
#[must_use]
pub fn policy(net: &Network, at: ChainPlace) -> Place {
    let mut place = chain_keys(net, at, None);
    set(&mut place, "rule", "policy");
    place
}

/// A rule that is not there, as it should read.
#[must_use]
pub fn missing_rule(net: &Network, at: ChainPlace, text: &str) -> Place {
    let mut place = chain_keys(net, at, None);
    set(&mut place, "missing", text);
    place
}

/// How many rules a chain has.
#[must_use]
pub fn chain_length(net: &Network, at: ChainPlace) -> usize {
    chain(net, at).map_or(0, |(_, c)| c.rules.len())
}

/// How many rules a packet may meet in a base chain: its own, and those of the chains that they lead to.
#[must_use]
pub fn chain_size(net: &Network, at: ChainPlace) -> usize {
    let Some((t, first)) = chain(net, at) else { return 0 };
    let chains: HashMap<&str, &Chain> = t.chains.iter().map(|c| (c.name.as_str(), c)).collect();
    let sets: HashMap<&str, &Set> = t.sets.iter().map(|s| (s.name.as_str(), s)).collect();
    let mut seen: HashSet<&str> = HashSet::from([first.name.as_str()]);
    let (mut open, mut rules) = (vec![first], 0);
    while let Some(c) = open.pop() {
        rules += c.rules.len();
        let targets = c.rules.iter().flat_map(|r| &r.exprs).flat_map(|e| targets(e, &sets));
        open.extend(targets.filter(|name| seen.insert(name)).filter_map(|name| chains.get(name).copied()));
    }
    rules
}

/// Chains that an expression may lead to.
fn targets<'t>(expr: &'t Expr, sets: &HashMap<&str, &'t Set>) -> Vec<&'t str> {
    match expr {
        Expr::Immediate { data: Data::Verdict(v), .. } => target(v).into_iter().collect(),
        Expr::Lookup { set, dreg: Some(_), .. } => {
            let elements = sets.get(set.as_str()).map_or(&[][..], |s| &s.elements);
            elements
                .iter()
                .filter_map(|e| match &e.data {
                    Some(Data::Verdict(v)) => target(v),
                    _ => None,
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

fn target(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Jump(ChainRef::Name(name)) | Verdict::Goto(ChainRef::Name(name)) => Some(name),
        _ => None,
    }
}

fn add_via(place: &mut Place, via: &[String]) {
    if !via.is_empty() {
        set(place, "via", Value::String(via.join("; ")));
    }
}
