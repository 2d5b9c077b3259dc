//! What leaves pairs open: unknown things on their way, and networks that no snapshot covers.

use std::collections::BTreeSet;

use plumb_trace::Network;

use super::answers::Answer;
use super::pairs::Asked;
use crate::diagnose::{self, Question};
use crate::hops::Level;
use crate::messages::Lang;
use crate::report::{Assumption, UnknownReport};

/// Pairs that are walked again to name what leaves them open; one a kind of failure is enough.
const MOST: usize = 200;

/// Named once each.
pub(super) fn unknowns(
    net: &Network,
    asked: &Asked,
    answers: &[Answer],
    lang: Lang,
) -> (Vec<UnknownReport>, Vec<Assumption>) {
    let (mut unknowns, mut assumptions): (Vec<UnknownReport>, Vec<Assumption>) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let open = (0..answers.len()).filter(|&i| answers[i].is_unknown());
    // By source and owner of the target: what differs by port alone is met again there.
    let different = open.filter(|&i| {
        let ask = &asked.asks[i];
        let target = &asked.targets[ask.target];
        seen.insert((ask.source, target.member, target.address))
    });
    for i in different.take(MOST) {
        let ask = &asked.asks[i];
        let from = asked.sources[ask.source].0.clone();
        let report = diagnose::trace(net, &Question { flow: asked.flow(ask), from, lang }, Level::Brief);
        for u in report.unknowns {
            if !unknowns.iter().any(|k| k.place == u.place && k.reason == u.reason) {
                unknowns.push(u);
            }
        }
        for a in report.assumptions {
            if !assumptions.contains(&a) {
                assumptions.push(a);
            }
        }
    }
    (unknowns, assumptions)
}
