//! ipsets by which rules decide.

use plumb_model::{IpSet, IpSetElement};
use plumb_trace::Network;
use plumb_trace::state::{NsIndex, RuleRef};

use super::{of, rule, set};
use crate::report::Place;

/// The set with this index in the snapshot, and one of its elements.
fn find<'s>(
    net: &Network<'s>,
    ns: NsIndex,
    set: usize,
    element: Option<usize>,
) -> Option<(&'s IpSet, Option<&'s IpSetElement>)> {
    let found = of(net, ns)?.ipsets.items().get(set)?;
    Some((found, element.and_then(|e| found.elements.get(e))))
}

/// Name of a set and an element of it, as `ipset list` prints them.
#[must_use]
pub fn ipset_words(
    net: &Network,
    ns: NsIndex,
    set: usize,
    element: Option<usize>,
) -> Option<(String, Option<String>)> {
    let (set, element) = find(net, ns, set, element)?;
    Some((set.name.clone(), element.map(|e| e.text(set))))
}

/// A rule whose decision an element of an ipset made, or the want of one.
#[must_use]
pub fn rule_by_ipset(net: &Network, at: RuleRef, by: usize, element: Option<usize>, via: &[String]) -> Place {
    let mut place = rule(net, at, via);
    if let Some((name, element)) = ipset_words(net, at.ns, by, element) {
        set(&mut place, "set", name);
        if let Some(element) = element {
            set(&mut place, "element", element);
        }
    }
    place
}
