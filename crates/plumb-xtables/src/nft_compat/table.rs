//! Telling the tables of iptables-nft from others.

use plumb_nft::{ChainType, Expr, Family, Hook, Table};

use super::xtables_rule;
use crate::types::XtFamily;

/// A base chain that iptables-nft makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltinChain {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub kind: ChainType,
    /// Hook.
    pub hook: Hook,
    /// Priority.
    pub priority: i32,
}

const fn chain(name: &'static str, kind: ChainType, hook: Hook, priority: i32) -> BuiltinChain {
    BuiltinChain { name, kind, hook, priority }
}

const RAW: [BuiltinChain; 2] = [
    chain("PREROUTING", ChainType::Filter, Hook::Prerouting, -300),
    chain("OUTPUT", ChainType::Filter, Hook::Output, -300),
];
const MANGLE: [BuiltinChain; 5] = [
    chain("PREROUTING", ChainType::Filter, Hook::Prerouting, -150),
    chain("INPUT", ChainType::Filter, Hook::Input, -150),
    chain("FORWARD", ChainType::Filter, Hook::Forward, -150),
    chain("OUTPUT", ChainType::Route, Hook::Output, -150),
    chain("POSTROUTING", ChainType::Filter, Hook::Postrouting, -150),
];
const FILTER: [BuiltinChain; 3] = [
    chain("INPUT", ChainType::Filter, Hook::Input, 0),
    chain("FORWARD", ChainType::Filter, Hook::Forward, 0),
    chain("OUTPUT", ChainType::Filter, Hook::Output, 0),
];
const SECURITY: [BuiltinChain; 3] = [
    chain("INPUT", ChainType::Filter, Hook::Input, 150),
    chain("FORWARD", ChainType::Filter, Hook::Forward, 150),
    chain("OUTPUT", ChainType::Filter, Hook::Output, 150),
];
const NAT: [BuiltinChain; 4] = [
    chain("PREROUTING", ChainType::Nat, Hook::Prerouting, -100),
    chain("INPUT", ChainType::Nat, Hook::Input, 100),
    chain("OUTPUT", ChainType::Nat, Hook::Output, -100),
    chain("POSTROUTING", ChainType::Nat, Hook::Postrouting, 100),
];

/// The base chains that iptables-nft makes in a table of this name; none for any other name.
#[must_use]
pub fn builtin_chains(table: &str) -> &'static [BuiltinChain] {
    match table {
        "raw" => &RAW,
        "mangle" => &MANGLE,
        "filter" => &FILTER,
        "security" => &SECURITY,
        "nat" => &NAT,
        _ => &[],
    }
}

/// Whether an expression of a rule is an xtables match or target: such a rule was written by iptables-nft, and
/// `nft` cannot show it faithfully.
#[must_use]
pub fn has_xtables_expression(exprs: &[Expr]) -> bool {
    exprs.iter().any(|e| matches!(e, Expr::Match { .. } | Expr::Target { .. }))
}

/// Whether a table is one that iptables-nft can show: an `ip` or `ip6` table of one of its names, in which every base
/// chain is one of its own and every rule can be read back. The names alone do not tell: other programs may make a
/// table `ip filter` too, but then with chains, sets or rules that iptables-nft calls incompatible.
#[must_use]
pub fn is_xtables_table(table: &Table) -> bool {
    let family = match table.family {
        Family::Ip => XtFamily::Ip,
        Family::Ip6 => XtFamily::Ip6,
        _ => return false,
    };
    let builtin = builtin_chains(&table.name);
    if builtin.is_empty() || table.chains.is_empty() {
        return false;
    }
    if !table.sets.is_empty() || !table.objects.is_empty() || !table.flowtables.is_empty() {
        return false;
    }
    table.chains.iter().all(|c| {
        let known = match &c.base {
            None => true,
            Some(base) => builtin.iter().any(|b| {
                (b.name, b.kind, b.hook, b.priority) == (c.name.as_str(), base.kind, base.hook, base.priority)
            }),
        };
        known && c.rules.iter().all(|r| xtables_rule(family, &c.name, &r.exprs).is_ok())
    })
}
