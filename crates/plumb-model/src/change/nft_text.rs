//! Rules and elements as `nft` reads them.

use plumb_nft::{Element, Rule, Set, Table};

pub(super) fn rule_text(_table: &Table, _rule: &Rule) -> Option<String> {
    None
}

pub(super) fn element_text(_set: &Set, _element: &Element) -> Option<String> {
    None
}
