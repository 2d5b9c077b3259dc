//! What is wrong in itself: each check looks for one kind of fault in what a snapshot holds.
//!
//! A check must stay silent on a healthy machine, whatever runs there: it reports only what no one can have meant.

mod links;

use plumb_model::{Change, Namespace, Snapshot};
use plumb_trace::Network;

use super::report::{CheckFinding, FoundBy};
use super::told::{self, Observation, Tried};
use super::yardstick::Yardstick;
use crate::messages::Lang;

/// What a check looks at.
pub(crate) struct Look<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) net: &'a Network<'a>,
    pub(crate) yardstick: &'a Yardstick,
}

impl<'a> Look<'a> {
    /// Every namespace, with its index.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = (usize, &'a Namespace)> + '_ {
        self.snapshot.namespaces.iter().enumerate().filter(|(i, _)| self.yardstick.looks_at(*i))
    }

    /// How reports name whoever lives in a namespace.
    pub(crate) fn name(&self, ns: usize) -> String {
        self.yardstick
            .member(ns)
            .map_or_else(|| self.snapshot.namespaces[ns].name.clone(), |m| m.name.clone())
    }
}

/// A check.
pub(crate) struct Check {
    /// The kinds of findings that it makes.
    pub(crate) kinds: &'static [&'static str],
    pub(crate) run: fn(&Look<'_>) -> Vec<Observation>,
}

/// Every check, in the order in which an engineer looks.
pub(crate) const CHECKS: &[Check] = &[
    Check { kinds: &["link-down"], run: links::down },
    Check { kinds: &["loopback-down"], run: links::loopback_down },
];

/// More namespaces than this, and remedies of single findings are not tried in the model: each takes a copy of it.
const MOST_TO_TRY: usize = 400;

/// What all checks find.
pub(super) fn findings(
    snapshot: &Snapshot,
    net: &Network,
    yardstick: &Yardstick,
    lang: Lang,
) -> Vec<CheckFinding> {
    let look = Look { snapshot, net, yardstick };
    CHECKS
        .iter()
        .flat_map(|check| (check.run)(&look).into_iter().map(|o| told(&look, check, o, lang)))
        .collect()
}

fn told(look: &Look<'_>, check: &Check, o: Observation, lang: Lang) -> CheckFinding {
    let tried = |changes: &[Change]| try_in_model(look, check, &o, changes);
    let mut remedy = told::remedies(lang, look.snapshot, &o.mend, tried);
    let mut finding = told::finding(lang, o, FoundBy::State);
    remedy.append(&mut finding.remedy);
    finding.remedy = remedy;
    finding
}

/// Makes the changes in the model and looks again.
fn try_in_model(look: &Look<'_>, check: &Check, o: &Observation, changes: &[Change]) -> Tried {
    if look.snapshot.namespaces.len() > MOST_TO_TRY {
        return Tried::Unknown;
    }
    let Some(mended) = crate::diagnose::with(look.snapshot, changes) else { return Tried::Unknown };
    let net = Network::compile(&mended);
    let again = Look { snapshot: &mended, net: &net, yardstick: look.yardstick };
    let same = |other: &Observation| other.kind == o.kind && other.place == o.place;
    if (check.run)(&again).iter().any(same) { Tried::Unknown } else { Tried::Cleared }
}
