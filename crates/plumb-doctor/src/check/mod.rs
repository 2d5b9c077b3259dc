//! `check`: what is wrong on a machine, in a lab, on many nodes, before anyone says which flow fails.
//!
//! Three kinds of looking: [`reach`] walks every pair that should connect, [`state`] looks at what is wrong in itself,
//! [`motion`] compares the counters of two readings. [`merge`] makes one finding of what they say about one cause.
//!
//! ```
//! use plumb_doctor::check::{Options, Yardstick, check};
//! # let snapshot = plumb_model::Snapshot {
//! #     version: 1, taken_at: 0, host: Default::default(), namespaces: Vec::new(), gaps: Vec::new(), redacted: false };
//! let net = plumb_trace::Network::compile(&snapshot);
//! let yardstick = Yardstick::of_snapshot(&net, None);
//! let report = check(&snapshot, &yardstick, &Options::default());
//! assert!(report.findings.is_empty());
//! ```

mod coverage;
mod kinds;
mod merge;
mod motion;
mod names;
mod playbook;
mod policies;
mod reach;
pub mod report;
mod state;
mod told;
pub mod yardstick;

use std::collections::BTreeSet;

use plumb_model::{Between, Owner, Read, Snapshot};
use plumb_trace::Network;

pub use coverage::{Coverage, coverage};
pub use report::{CheckFinding, CheckReport, FoundBy, Pairs, Scope, Severity};
pub use yardstick::{Expectation, Member, ServiceTarget, Yardstick};

use crate::messages::{self, Lang};
use crate::tried_in_lab;

/// Ids of the kinds of findings that checks make on their own.
#[cfg(test)]
pub(crate) fn kind_ids() -> impl Iterator<Item = &'static str> {
    kinds::KINDS.iter().map(|k| k.id)
}

/// Whether one walk answers for pairs that nothing in the network tells apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Where there are many.
    #[default]
    Auto,
    /// Wherever it can be.
    Always,
    /// Each pair is walked by itself.
    Never,
}

/// How to check.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Language of the sentences.
    pub lang: Lang,
    /// The reading before, to judge counters by what they did since.
    pub before: Option<&'a Snapshot>,
    /// The snapshot is that of several nodes: what was assumed to make it one.
    pub between: Option<&'a Between>,
    /// Whether walks are shared.
    pub sharing: Sharing,
    /// Told how many of how many walks are done, from whatever thread did them.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("lang", &self.lang).finish_non_exhaustive()
    }
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            lang: Lang::default(),
            before: None,
            between: None,
            sharing: Sharing::Auto,
            progress: &|_, _| {},
        }
    }
}

/// Checks what a snapshot holds.
#[must_use]
pub fn check(snapshot: &Snapshot, yardstick: &Yardstick, options: &Options<'_>) -> CheckReport {
    let net = Network::compile(snapshot);
    let lang = options.lang;
    let judges = policies::Judges::of(yardstick);
    let reached = reach::reach(snapshot, &net, yardstick, &judges, lang, options.sharing, options.progress);
    let mut state = state::findings(snapshot, &net, yardstick, lang);
    state.extend(names::findings(&net, yardstick, lang));
    let moved = options
        .before
        .map(|before| motion::findings(before, snapshot, &net, yardstick, lang))
        .unwrap_or_default();
    let mut findings = merge::merge(reached.findings, state, moved.findings);
    findings.iter_mut().for_each(|f| tried_in_lab::mark(&f.id, &mut f.remedy));
    let (mut not_covered, incomplete) = not_covered(snapshot, yardstick, lang);
    not_covered
        .extend(reached.cut.iter().map(|ns| messages::translations_cut(lang, &net.namespace(*ns).name)));
    let mut assumptions = Vec::new();
    if let Some(between) = options.between {
        assumptions.extend(between.segments.iter().map(|s| messages::segment(lang, s)));
        not_covered.extend(between.notes.iter().map(|n| messages::join_note(lang, n)));
    }
    if !yardstick.nobodys.is_empty() {
        not_covered.push(messages::nobodys(lang, &yardstick.nobodys));
    }
    not_covered.extend(yardstick.unread.iter().cloned());
    assumptions.extend(reached.assumptions);
    CheckReport {
        version: 1,
        scope: Scope {
            nodes: nodes(snapshot),
            namespaces: (0..snapshot.namespaces.len()).filter(|ns| yardstick.looks_at(*ns)).count(),
            pairs: reached.pairs,
            pairs_broken: reached.pairs_broken,
            pairs_unknown: reached.pairs_unknown,
            pairs_forbidden: reached.pairs_forbidden,
            walks: reached.walks,
            yardstick: yardstick.known_from.clone(),
            interval_s: options.before.map(|_| moved.seconds),
            not_covered,
        },
        ruled_out: playbook::ruled_out(
            snapshot,
            yardstick,
            &findings,
            (reached.pairs, reached.pairs_forbidden),
            lang,
        ),
        findings,
        unknowns: reached.unknowns,
        assumptions,
        incomplete: incomplete || reached.expectations_open || !yardstick.unread.is_empty(),
    }
}

fn nodes(snapshot: &Snapshot) -> Vec<String> {
    let owners = snapshot.namespaces.iter().filter_map(|n| match &n.owner {
        Some(Owner::Node { node } | Owner::Pod { node, .. }) => Some(node.clone()),
        _ => None,
    });
    let all: BTreeSet<String> = owners.chain(snapshot.host.node.clone()).collect();
    all.into_iter().collect()
}

/// What right is missing to read something.
fn denied<T>(read: &Read<T>) -> Option<String> {
    match read {
        Read::Denied { capability } => Some(capability.clone()),
        _ => None,
    }
}

/// What could not be read, and whether something of it was needed. Of namespaces that are not looked at nothing is.
fn not_covered(snapshot: &Snapshot, yardstick: &Yardstick, lang: Lang) -> (Vec<String>, bool) {
    let all_names: Vec<&str> = snapshot.namespaces.iter().map(|n| n.name.as_str()).collect();
    let looked_at = |gap: &str| {
        let named =
            all_names.iter().position(|name| gap.strip_prefix(*name).is_some_and(|r| r.starts_with(": ")));
        match named {
            Some(ns) => yardstick.looks_at(ns),
            None => yardstick.only.is_none(),
        }
    };
    let mut all: Vec<String> = snapshot.gaps.iter().filter(|gap| looked_at(gap)).cloned().collect();
    for (_, n) in snapshot.namespaces.iter().enumerate().filter(|(ns, _)| yardstick.looks_at(*ns)) {
        let parts: [(&str, Option<String>); 12] = [
            ("links", denied(&n.links)),
            ("addresses", denied(&n.addresses)),
            ("routes", denied(&n.routes)),
            ("policy rules", denied(&n.rules)),
            ("neighbours", denied(&n.neighbours)),
            ("forwarding databases", denied(&n.fdb)),
            ("nftables", denied(&n.nft)),
            ("iptables-legacy", denied(&n.legacy)),
            ("conntrack", denied(&n.conntrack)),
            ("sockets", denied(&n.sockets)),
            ("qdiscs", denied(&n.qdiscs)),
            ("filters", denied(&n.filters)),
        ];
        let denied: Vec<String> =
            parts.into_iter().filter_map(|(what, why)| Some(format!("{what} ({})", why?))).collect();
        if !denied.is_empty() {
            all.push(format!("{}: {}", n.name, denied.join(", ")));
        }
    }
    let incomplete = !all.is_empty();
    if snapshot.host.hidden_processes > 0 && yardstick.only.is_none() {
        all.push(messages::hidden_processes(lang, snapshot.host.hidden_processes));
    }
    (all, incomplete)
}
