//! Rules and elements as `nft` reads them.

use plumb_nft::text::{self, Options};
use plumb_nft::{Element, Expr, Rule, Set, Table};

use crate::Namespace;

/// The rule, for `nft add rule`; `None` where nft has no words for it.
pub(super) fn rule_text(ns: &Namespace, table: &Table, rule: &Rule) -> Option<String> {
    // nft lists extensions of iptables as comments, which it would skip when read again.
    rule.exprs.iter().all(has_words).then(|| text::rule_with(table, rule, &options(ns)))
}

fn has_words(e: &Expr) -> bool {
    !matches!(e, Expr::Match { .. } | Expr::Target { .. } | Expr::Unknown { .. })
}

/// The table in one line, as an argument of `nft`; `None` where nft has no words for a rule.
pub(super) fn table_text(ns: &Namespace, table: &Table) -> Option<String> {
    table.family.word()?;
    if !table.chains.iter().flat_map(|c| &c.rules).flat_map(|r| &r.exprs).all(has_words) {
        return None;
    }
    let text = text::table(table, &options(ns));
    let mut line = String::with_capacity(text.len());
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        line.push_str(part);
        // What a line's end separates, a semicolon does as well; within a list there is none.
        line.push_str(if part.ends_with(['{', ';', ',']) { " " } else { "; " });
    }
    Some(line.trim_end_matches([';', ' ']).to_owned())
}

/// The element between braces, for `nft add element` and `nft delete element`.
pub(super) fn element_text(ns: &Namespace, set: &Set, element: &Element) -> String {
    let mut elements = vec![Element { expires_ms: None, ..element.clone() }];
    let split = set.has(Set::INTERVAL) && !set.has(Set::CONCAT) && !element.is_catchall();
    if split {
        // The end of the interval: as given, as it is in the set, or the key after this one.
        let given = element.key_end.as_deref().map(super::nft::successor);
        let end = given.unwrap_or_else(|| {
            super::nft::interval_end(set, element).or_else(|| super::nft::successor(&element.key))
        });
        elements.iter_mut().for_each(|e| e.key_end = None);
        let ends =
            end.map(|key| Element { key: key.into(), flags: Element::INTERVAL_END, ..Element::default() });
        // As in a dump, from the last key to the first.
        elements.splice(0..0, ends);
    }
    text::elements(&Set { elements, ..set.clone() }, &options(ns))
}

fn options(ns: &Namespace) -> Options {
    let links = ns.links.items().iter().map(|l| (l.index, l.name.clone())).collect();
    Options { links, ..Options::default() }
}
