//! Rules, chains and tables to text.

use super::userdata::{self, COMMENT};
use super::{Options, objects, parse, post, print, sets, statement};
use crate::types::*;

/// The statements of a rule, and its comment.
pub(super) fn rule(table: &Table, rule: &Rule, options: &Options) -> String {
    rule_at(table, rule, options, 0)
}

/// Chains without a name within each other, deeper than the kernel's jump stack, are written by name.
const MAX_DEPTH: usize = 16;

fn rule_at(table: &Table, rule: &Rule, options: &Options, depth: usize) -> String {
    let statements = post::process(table.family, parse::statements(table, &rule.exprs));
    // nft writes no handles in there.
    let bare = Options { handles: false, ..options.clone() };
    let inline = |chain: &Chain| {
        if depth < MAX_DEPTH {
            rules(table, chain, &bare, "\t\t\t", depth + 1)
        } else {
            format!("\t\t\t# {} again\n", chain.name)
        }
    };
    let mut out =
        statements.iter().map(|s| statement::text(options, s, &inline)).collect::<Vec<_>>().join(" ");
    if let Some(comment) = userdata::text(&rule.userdata, COMMENT) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&format!("comment \"{comment}\""));
    }
    out
}

fn handle(options: &Options, handle: u64) -> String {
    if options.handles { format!(" # handle {handle}") } else { String::new() }
}

fn rules(table: &Table, chain: &Chain, options: &Options, indent: &str, depth: usize) -> String {
    let line =
        |r: &Rule| format!("{indent}{}{}\n", rule_at(table, r, options, depth), handle(options, r.handle));
    chain.rules.iter().map(line).collect()
}

/// A chain with its rules.
pub(super) fn chain(table: &Table, chain: &Chain, options: &Options) -> String {
    let mut out = format!("\tchain {} {{{}\n", chain.name, handle(options, chain.handle));
    if let Some(comment) = userdata::text(&chain.userdata, COMMENT) {
        out.push_str(&format!("\t\tcomment \"{comment}\"\n"));
    }
    if let Some(base) = &chain.base {
        let devices: Vec<String> = base.devices.iter().map(|d| format!("\"{d}\"")).collect();
        let devices = match devices.as_slice() {
            [] => String::new(),
            [one] => format!(" device {one}"),
            many => format!(" devices = {{ {} }}", many.join(", ")),
        };
        let kind = base.kind.word().unwrap_or("unknown");
        let hook = base.hook.word().map_or_else(|| format!("hook{}", base.hook.number()), str::to_owned);
        let priority = priority(table.family, base.hook, base.priority);
        let policy = print::verdict(&base.policy);
        out.push_str(&format!(
            "\t\ttype {kind} hook {hook}{devices} priority {priority}; policy {policy};\n"
        ));
        // NFT_CHAIN_HW_OFFLOAD
        if chain.flags & 2 != 0 {
            out.push_str("\t\tflags offload;\n");
        }
    }
    out.push_str(&rules(table, chain, options, "\t\t", 0));
    out.push_str("\t}\n");
    out
}

/// A priority by name where one is near (nft's src/rule.c); names depend on family and hook.
pub(super) fn priority(family: Family, hook: Hook, priority: i32) -> String {
    let names: &[(i32, &str, Option<Hook>)] = match family {
        Family::Bridge => &[
            (-300, "dstnat", Some(Hook::Prerouting)),
            (-200, "filter", None),
            (100, "out", Some(Hook::Output)),
            (300, "srcnat", Some(Hook::Postrouting)),
        ],
        Family::Arp | Family::Netdev => &[(0, "filter", None)],
        _ => &[
            (-300, "raw", None),
            (-150, "mangle", None),
            (-100, "dstnat", Some(Hook::Prerouting)),
            (0, "filter", None),
            (50, "security", None),
            (100, "srcnat", Some(Hook::Postrouting)),
        ],
    };
    for (value, name, only) in names {
        if only.is_some_and(|only| only != hook) {
            continue;
        }
        match i64::from(priority) - i64::from(*value) {
            0 => return (*name).to_owned(),
            more @ 1..=10 => return format!("{name} + {more}"),
            less @ -10..=-1 => return format!("{name} - {}", -less),
            _ => {}
        }
    }
    priority.to_string()
}

/// A table with all that is in it.
pub(super) fn table(table: &Table, options: &Options) -> String {
    let family =
        table.family.word().map_or_else(|| format!("family{}", table.family.number()), str::to_owned);
    let mut out = format!("table {family} {} {{{}\n", table.name, handle(options, table.handle));
    let mut between = "";
    if let Some(comment) = userdata::text(&table.userdata, COMMENT) {
        out.push_str(&format!("\tcomment \"{comment}\"\n"));
    }
    let flags: Vec<String> = [(1, "dormant"), (2, "owner"), (4, "persist")]
        .iter()
        .filter(|(bit, _)| table.flags & bit != 0)
        .map(|(_, name)| (*name).to_owned())
        .collect();
    if !flags.is_empty() {
        out.push_str(&format!("\tflags {}\n", flags.join(",")));
        between = "\n";
    }
    let objects = table.objects.iter().map(|o| objects::object(options, o));
    let sets = table.sets.iter().filter(|s| !s.has(Set::ANONYMOUS)).map(|s| sets::declaration(options, s));
    let flowtables = table.flowtables.iter().map(|f| objects::flowtable(options, f));
    // NFT_CHAIN_BINDING: shown where it is jumped to.
    let chains = table.chains.iter().filter(|c| c.flags & 4 == 0).map(|c| chain(table, c, options));
    for part in objects.chain(sets).chain(flowtables).chain(chains) {
        out.push_str(between);
        out.push_str(&part);
        between = "\n";
    }
    out.push_str("}\n");
    out
}
