//! Changes to tables of iptables-legacy, and the commands that make them.

use plumb_nft::{Family, Table, Verdict};
use plumb_xtables::{XtFamily, legacy};

use super::commands::{quote, shell_arguments};
use super::error::read;
use super::{Action, ChangeError, nft};
use crate::xtables::decides_nothing;
use crate::{IpFamily, Namespace};

fn ip_family(family: Family) -> Option<IpFamily> {
    match family {
        Family::Ip => Some(IpFamily::V4),
        Family::Ip6 => Some(IpFamily::V6),
        _ => None,
    }
}

/// What a change of a rule is about: family and table.
fn of(action: &Action) -> Option<(Family, &str)> {
    match action {
        Action::DeleteRule { family, table, .. }
        | Action::AddRule { family, table, .. }
        | Action::SetPolicy { family, table, .. } => Some((*family, table)),
        _ => None,
    }
}

pub(super) fn apply(ns: &mut Namespace, action: &Action) -> Result<(), ChangeError> {
    let refused = || ChangeError::Refused {
        what: format!("{action:?} in iptables-legacy"),
        why: "it has rules and policies only".to_owned(),
    };
    let (family, name) = of(action).ok_or_else(refused)?;
    let namespace = ns.name.clone();
    let missing = || {
        let word = family.word().unwrap_or("?");
        ChangeError::NotFound(format!("table `{word} {name}` of iptables-legacy in {namespace}"))
    };
    let tables = read(&mut ns.legacy, "tables of iptables-legacy", &namespace)?;
    let holder = tables.iter_mut().find(|t| Some(t.family) == ip_family(family) && t.name == name);
    let holder = holder.ok_or_else(missing)?;
    let table = holder.table.as_mut().ok_or_else(missing)?;
    match action {
        Action::DeleteRule { chain, handle, .. } => nft::delete_rule(table, chain, *handle)?,
        Action::AddRule { chain, position, rule, .. } => nft::add_rule(table, chain, *position, rule)?,
        Action::SetPolicy { chain, policy, .. } => nft::set_policy(table, chain, policy)?,
        _ => return Err(refused()),
    }
    holder.only_accepts = decides_nothing(table);
    Ok(())
}

/// The rule's conditions and verdict as `iptables -S` prints them, behind `-A CHAIN`.
fn arguments(ns: &Namespace, table: &Table, chain: &str, rule: &plumb_nft::Rule) -> Option<String> {
    let family = if table.family == Family::Ip6 { XtFamily::Ip6 } else { XtFamily::Ip };
    let text = legacy::rule(family, chain, &rule.exprs).ok()?.text(&ns.set_names());
    let text = text.strip_prefix(&format!("-A {chain}"))?.trim_start();
    // What is not decoded is printed in brackets, which no command takes.
    (!text.contains(" not decoded: ")).then(|| text.to_owned())
}

pub(super) fn command(ns: &Namespace, action: &Action) -> Option<String> {
    let (family, name) = of(action)?;
    let tool = if family == Family::Ip6 { "ip6tables-legacy" } else { "iptables-legacy" };
    let of_family = |t: &&crate::LegacyTable| Some(t.family) == ip_family(family) && t.name == name;
    let table = ns.legacy.items().iter().find(of_family)?.table.as_ref()?;
    let rest = match action {
        Action::DeleteRule { chain, handle, .. } => {
            let rules = &table.chain(chain)?.rules;
            let at = rules.iter().position(|r| r.handle == *handle)?;
            let text = |r| arguments(ns, table, chain, r);
            let own = text(&rules[at]);
            // `-D` with a rule takes the first that is alike.
            let first = own.is_some() && !rules[..at].iter().any(|r| text(r) == own);
            match own.filter(|_| first) {
                Some(own) => format!("-D {chain} {own}").trim_end().to_owned(),
                None => format!("-D {chain} {}", at + 1),
            }
        }
        Action::AddRule { xtables: Some(arguments), .. } => arguments.clone(),
        Action::AddRule { chain, position, rule, xtables: None, .. } => {
            use super::Position;
            let rules = &table.chain(chain)?.rules;
            let number = |h: u64| rules.iter().position(|r| r.handle == h).map(|i| i + 1);
            let text = arguments(ns, table, chain, rule)?;
            match position {
                Position::Last => format!("-A {chain} {text}"),
                Position::First => format!("-I {chain} {text}"),
                Position::Before(h) => format!("-I {chain} {} {text}", number(*h)?),
                Position::After(h) => format!("-I {chain} {} {text}", number(*h)? + 1),
            }
        }
        Action::SetPolicy { chain, policy, .. } => match policy {
            Verdict::Accept => format!("-P {chain} ACCEPT"),
            Verdict::Drop => format!("-P {chain} DROP"),
            _ => return None,
        },
        _ => return None,
    };
    Some(format!("{tool} -t {} {}", quote(name), shell_arguments(&rest)))
}
