//! Tables of iptables-legacy: the kernel's entries (`struct ipt_entry`, `struct ip6t_entry`;
//! include/uapi/linux/netfilter_ipv4/ip_tables.h, netfilter_ipv6/ip6_tables.h) as chains and rules.
//!
//! What comes out is a table of the shape in which iptables-nft would hold the same rules, so that whoever reads, prints
//! or evaluates those reads, prints and evaluates these: conditions on the header as comparisons, extensions as `match`
//! and `target` expressions, the counter before the verdict, since ip_tables counts where all matches hold.
//! [`rule`] turns one to what its line in `iptables -S` is printed from.

mod entry;
mod lift;

use plumb_nft::{BaseChain, Chain, ChainRef, ChainType, Data, Expr, Family, Hook, Register, Rule, Table};
use thiserror::Error;

use crate::blob::BlobError;
use crate::nft_compat::{NotXtables, xtables_rule};
use crate::rule::{Action, Verdict, XtRule};
use crate::types::XtFamily;
use entry::{Entry, TargetOf};

/// What `getsockopt(IPT_SO_GET_INFO)` and `IPT_SO_GET_ENTRIES` give of a table.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a> {
    /// Family.
    pub family: XtFamily,
    /// Name of the table.
    pub name: &'a str,
    /// Bit mask of the hooks it is on (`NF_INET_*`).
    pub valid_hooks: u32,
    /// Offset of the first entry of each hook.
    pub hook_entry: [u32; 5],
    /// Offset of the policy of each hook.
    pub underflow: [u32; 5],
    /// The entries.
    pub entries: &'a [u8],
}

/// Why a table's entries are not what iptables-legacy writes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LegacyError {
    /// Bytes of an entry could not be read.
    #[error("entry at byte {at}: {source}")]
    Entry {
        /// Where the entry starts.
        at: usize,
        /// What is wrong with it.
        source: BlobError,
    },
    /// A length in an entry leads out of it, or backwards.
    #[error("entry at byte {at}: its {what} does not fit in it")]
    Length {
        /// Where the entry starts.
        at: usize,
        /// Which length.
        what: &'static str,
    },
    /// A verdict that is neither a known code nor the start of a chain.
    #[error("entry at byte {at}: verdict {verdict} leads to no chain")]
    Verdict {
        /// Where the entry starts.
        at: usize,
        /// What it holds.
        verdict: i32,
    },
    /// An entry stands where no chain is, or a chain does not end as it must.
    #[error("entry at byte {at}: {what}")]
    Shape {
        /// Where the entry starts.
        at: usize,
        /// What is odd about it.
        what: &'static str,
    },
    /// A hook at whose offset no entry starts, or another hook's first one.
    #[error("the entries of {hook} should start at byte {at}, where none of its own does")]
    Hook {
        /// Name of the built-in chain.
        hook: &'static str,
        /// Offset that the table gives for it.
        at: usize,
    },
    /// Only the tables that the kernel has of its own have known hooks.
    #[error("a table of this name is not known")]
    Table,
}

/// Names of the built-in chains, by number of the hook.
const HOOKS: [(&str, Hook); 5] = [
    ("PREROUTING", Hook::Prerouting),
    ("INPUT", Hook::Input),
    ("FORWARD", Hook::Forward),
    ("OUTPUT", Hook::Output),
    ("POSTROUTING", Hook::Postrouting),
];

/// Priority of a table on a hook (`enum nf_ip_hook_priorities`; iptable_*.c).
fn priority(table: &str, hook: Hook) -> Option<i32> {
    Some(match (table, hook) {
        ("raw", _) => -300,
        ("mangle", _) => -150,
        ("nat", Hook::Prerouting | Hook::Output) => -100,
        ("nat", _) => 100,
        ("filter", _) => 0,
        ("security", _) => 50,
        _ => return None,
    })
}

/// Type of the nftables chain that does the same on this hook: chains of type route look the route up again, as
/// `ipt_mangle_out` does (iptable_mangle.c); nat tables hang on the tracker's nat hooks (iptable_nat.c).
fn kind(table: &str, hook: Hook) -> ChainType {
    match (table, hook) {
        ("nat", _) => ChainType::Nat,
        ("mangle", Hook::Output) => ChainType::Route,
        _ => ChainType::Filter,
    }
}

/// `-NF_ACCEPT - 1` and its like (`XT_RETURN` is `-NF_REPEAT - 1`).
const ACCEPT: i32 = -2;
const DROP: i32 = -1;
const QUEUE: i32 = -4;
const RETURN: i32 = -5;

/// Reads a table. Rules get their number in the table, from 1, as handle: the kernel has none.
///
/// # Errors
/// If the entries are not laid out as iptables-legacy does it.
pub fn table(of: &Entries<'_>) -> Result<Table, LegacyError> {
    let entries = entry::all(of.family, of.entries)?;
    let family = match of.family {
        XtFamily::Ip => Family::Ip,
        XtFamily::Ip6 => Family::Ip6,
    };
    // Where chains start, to know where jumps lead: built-in chains are not jumped to.
    let mut heads: Vec<(usize, &str)> = Vec::new();
    for (i, e) in entries.iter().enumerate() {
        if let TargetOf::Head(name) = &e.target
            && i + 1 < entries.len()
        {
            heads.push((e.next(), name));
        }
    }
    heads.sort_unstable();
    let chain_at = |at: usize| heads.binary_search_by_key(&at, |(h, _)| *h).ok().map(|i| heads[i].1);
    let mut out = Table {
        family,
        name: of.name.to_owned(),
        handle: 0,
        flags: 0,
        userdata: plumb_nft::Bytes::default(),
        chains: Vec::new(),
        sets: Vec::new(),
        objects: Vec::new(),
        flowtables: Vec::new(),
        unknown_attributes: Vec::new(),
    };
    let mut handle = 0;
    let mut open: Option<(Chain, Option<usize>)> = None;
    let shape = |at: usize, what: &'static str| LegacyError::Shape { at, what };
    for (i, e) in entries.iter().enumerate() {
        let last = i + 1 == entries.len();
        if let TargetOf::Head(name) = &e.target {
            close(&mut out, open.take(), e.at)?;
            if last && name != "ERROR" {
                return Err(shape(e.at, "a chain without rules"));
            }
            if last {
                return missed_hook(of, &out).map_or(Ok(out), Err);
            }
            open = Some((chain(name, None), None));
            continue;
        }
        let hook = (0..5).find(|h| of.valid_hooks & (1 << h) != 0 && of.hook_entry[*h] as usize == e.at);
        if let Some(h) = hook {
            close(&mut out, open.take(), e.at)?;
            let (name, hook) = HOOKS[h];
            let base = BaseChain {
                kind: kind(of.name, hook),
                hook,
                priority: priority(of.name, hook).ok_or(LegacyError::Table)?,
                policy: plumb_nft::Verdict::Accept,
                devices: Vec::new(),
                counters: None,
            };
            open = Some((chain(name, Some(base)), Some(of.underflow[h] as usize)));
        }
        let (current, underflow) = open.as_mut().ok_or_else(|| shape(e.at, "it belongs to no chain"))?;
        if *underflow == Some(e.at) {
            let base = current.base.as_mut().ok_or_else(|| shape(e.at, "a policy without a hook"))?;
            base.policy = match (&e.target, e.is_unconditional()) {
                (TargetOf::Standard(ACCEPT), true) => plumb_nft::Verdict::Accept,
                (TargetOf::Standard(DROP), true) => plumb_nft::Verdict::Drop,
                _ => return Err(shape(e.at, "a policy is an unconditional ACCEPT or DROP")),
            };
            base.counters = Some(e.counters);
            out.chains.extend(open.take().map(|(c, _)| c));
            continue;
        }
        handle += 1;
        let exprs = expressions(e, &chain_at)?;
        current.rules.push(Rule { handle, exprs, userdata: plumb_nft::Bytes::default(), compat: None });
    }
    Err(LegacyError::Shape { at: of.entries.len(), what: "the closing error entry is missing" })
}

/// Reads a rule of such a table back.
///
/// # Errors
/// If the expressions are none that [`table`] makes.
pub fn rule(family: XtFamily, chain: &str, exprs: &[Expr]) -> Result<XtRule, NotXtables> {
    // iptables-nft has no such verdict.
    if let [rest @ .., Expr::Immediate { data: Data::Verdict(plumb_nft::Verdict::Queue(0)), .. }] = exprs {
        let mut rule = xtables_rule(family, chain, rest)?;
        rule.action = Some(Action::Verdict(Verdict::Queue));
        return Ok(rule);
    }
    xtables_rule(family, chain, exprs)
}

/// A hook of the table that no chain was made for.
fn missed_hook(of: &Entries<'_>, made: &Table) -> Option<LegacyError> {
    let has = |hook: Hook| made.chains.iter().any(|c| c.base.as_ref().is_some_and(|b| b.hook == hook));
    let on = |h: &usize| of.valid_hooks & (1 << h) != 0;
    let missed = (0..5).filter(on).find(|h| !has(HOOKS[*h].1))?;
    Some(LegacyError::Hook { hook: HOOKS[missed].0, at: of.hook_entry[missed] as usize })
}

fn chain(name: &str, base: Option<BaseChain>) -> Chain {
    let flags = u32::from(base.is_some());
    Chain {
        name: name.to_owned(),
        handle: 0,
        base,
        flags,
        userdata: plumb_nft::Bytes::default(),
        rules: Vec::new(),
    }
}

/// Ends a chain of the user's: the RETURN that closes it in the kernel is no rule of its own.
fn close(out: &mut Table, open: Option<(Chain, Option<usize>)>, at: usize) -> Result<(), LegacyError> {
    let Some((mut chain, underflow)) = open else { return Ok(()) };
    if underflow.is_some() {
        return Err(LegacyError::Shape { at, what: "the chain before it has no policy" });
    }
    let last = chain.rules.pop().map(|r| r.exprs);
    let returns =
        |v: &Expr| matches!(v, Expr::Immediate { data: Data::Verdict(plumb_nft::Verdict::Return), .. });
    match last.as_deref() {
        Some([Expr::Counter { .. }, verdict]) if returns(verdict) => {}
        _ => return Err(LegacyError::Shape { at, what: "the chain before it does not end with RETURN" }),
    }
    out.chains.push(chain);
    Ok(())
}

/// The rule of an entry, as iptables-nft would write it.
fn expressions<'n>(
    e: &Entry<'_>,
    chain_at: &dyn Fn(usize) -> Option<&'n str>,
) -> Result<Vec<Expr>, LegacyError> {
    let mut out = Vec::new();
    lift::header(&e.header, &mut out).map_err(|source| LegacyError::Entry { at: e.at, source })?;
    out.extend(e.matches.iter().map(|m| Expr::Match {
        name: m.name.clone(),
        revision: m.revision.into(),
        info: m.info.to_vec().into(),
    }));
    out.push(Expr::Counter { packets: e.counters.0, bytes: e.counters.1 });
    let verdict = match &e.target {
        TargetOf::Extension(t) => {
            out.push(Expr::Target {
                name: t.name.clone(),
                revision: t.revision.into(),
                info: t.info.to_vec().into(),
            });
            return Ok(out);
        }
        TargetOf::Head(_) => return Err(LegacyError::Shape { at: e.at, what: "a chain within a chain" }),
        TargetOf::Standard(ACCEPT) => plumb_nft::Verdict::Accept,
        TargetOf::Standard(DROP) => plumb_nft::Verdict::Drop,
        TargetOf::Standard(QUEUE) => plumb_nft::Verdict::Queue(0),
        TargetOf::Standard(RETURN) => plumb_nft::Verdict::Return,
        TargetOf::Standard(verdict) => {
            let bad = LegacyError::Verdict { at: e.at, verdict: *verdict };
            let to = usize::try_from(*verdict).map_err(|_| bad.clone())?;
            match chain_at(to) {
                Some(name) if e.header.goto => plumb_nft::Verdict::Goto(ChainRef::Name(name.to_owned())),
                Some(name) => plumb_nft::Verdict::Jump(ChainRef::Name(name.to_owned())),
                // A rule without `-j` leads to the entry behind it.
                None if to == e.next() => return Ok(out),
                None => return Err(bad),
            }
        }
    };
    out.push(Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(verdict) });
    Ok(out)
}

#[cfg(test)]
mod tests;
