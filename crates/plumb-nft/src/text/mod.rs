//! Text, as Debian 12's `nft` 1.0.6 lists a ruleset.
//!
//! What the kernel holds is not what was written: `tcp dport 80` is a match on the protocol, a load and a comparison.
//! This module goes the way back as `nft` does: [`rule`] gives the line of `nft list chain`, [`ruleset`] the whole
//! listing. What has no place in nft's language is written as a comment (`# …`) in its place, with all its bytes.

mod ast;
mod chain;
mod keys;
mod nat;
mod objects;
mod parse;
mod post;
mod print;
mod proto;
mod range;
mod registers;
mod sets;
mod statement;
mod symbols;
mod typeof_;
mod types;
mod userdata;
mod value;

use std::collections::BTreeMap;

use crate::types::{Chain, Expr, Rule, Ruleset, Set, Table};

/// How to write.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// With the state of counters, quotas and time-outs (`nft list`); without it, what `nft -s list` gives.
    pub counters: bool,
    /// With handles (`nft -a`).
    pub handles: bool,
    /// Names of the namespace's interfaces by index: rules hold the index, `nft` writes the name. Index 1 is `lo` in
    /// every namespace and need not be given.
    pub links: BTreeMap<u32, String>,
    /// How xtables matches and targets are written. `nft` asks iptables' own libraries and so prints what they make
    /// of them; without this, or where it gives `None`, `xt match NAME` stands there, as where `nft` has no library.
    pub xt: Option<fn(&Expr) -> Option<String>>,
}

impl Options {
    fn link(&self, index: u32) -> Option<&str> {
        self.links.get(&index).map(String::as_str).or((index == 1).then_some("lo"))
    }
}

/// A rule on one line, without handle and without the state of its counters.
#[must_use]
pub fn rule(table: &Table, rule: &Rule) -> String {
    rule_with(table, rule, &Options::default())
}

/// A rule on one line (a jump into a chain without a name takes several).
#[must_use]
pub fn rule_with(table: &Table, rule: &Rule, options: &Options) -> String {
    chain::rule(table, rule, options)
}

/// Rules with their `comment`, chains, sets and tables keep a text for people; this is a rule's.
#[must_use]
pub fn comment(rule: &Rule) -> Option<String> {
    userdata::text(&rule.userdata, userdata::COMMENT)
}

/// A chain as in `nft list chain`, indented as in a table.
#[must_use]
pub fn chain(table: &Table, chain: &Chain, options: &Options) -> String {
    chain::chain(table, chain, options)
}

/// The elements of a set between braces, on one line.
#[must_use]
pub fn elements(set: &Set, options: &Options) -> String {
    format!("{{ {} }}", sets::elements(options, set, 0, None, usize::MAX))
}

/// A set or map as in `nft list set`, indented as in a table.
#[must_use]
pub fn set(set: &Set, options: &Options) -> String {
    sets::declaration(options, set)
}

/// A table as in `nft list table`.
#[must_use]
pub fn table(table: &Table, options: &Options) -> String {
    chain::table(table, options)
}

/// All tables, as in `nft list ruleset`.
#[must_use]
pub fn ruleset(ruleset: &Ruleset, options: &Options) -> String {
    ruleset.tables.iter().map(|t| table(t, options)).collect()
}
