//! What was looked at and is in order, in the order in which an engineer looks.

use plumb_model::Snapshot;

use super::report::{CheckFinding, Severity};
use super::yardstick::Yardstick;
use crate::messages::{self, Lang};
use crate::report::{Layer, RuledOut};

/// The steps, each with the layers that speak against it.
const STEPS: &[(&str, &[Layer])] = &[
    ("links", &[Layer::Link, Layer::Bridge]),
    ("addresses", &[Layer::Addressing]),
    ("neighbours", &[Layer::Neighbour]),
    ("routes", &[Layer::Routing]),
    ("sysctls", &[Layer::Sysctl]),
    ("rules", &[Layer::Netfilter, Layer::Policy]),
    ("nat", &[Layer::ServiceNat]),
    ("conntrack", &[Layer::Conntrack]),
    ("overlay", &[Layer::Overlay]),
    ("tc", &[Layer::Tc]),
    ("dns", &[Layer::Dns]),
    ("sockets", &[Layer::Socket]),
];

/// The steps that nothing at or above a warning speaks against, with how much was looked at.
pub(super) fn ruled_out(
    snapshot: &Snapshot,
    yardstick: &Yardstick,
    findings: &[CheckFinding],
    (pairs, forbidden): (u64, u64),
    lang: Lang,
) -> Vec<RuledOut> {
    let against = |layers: &[Layer]| {
        findings.iter().any(|f| f.severity >= Severity::Warning && layers.contains(&f.layer))
    };
    let mut all: Vec<RuledOut> = STEPS
        .iter()
        .filter(|(_, layers)| !against(layers))
        .filter_map(|(step, _)| Some((step, counted(snapshot, yardstick, step)?)))
        .map(|(step, count)| {
            let (what, why) = messages::checks::in_order(lang, step, count);
            RuledOut { what, why }
        })
        .collect();
    if forbidden > 0 && !against(&[Layer::Policy]) {
        let (what, why) = messages::checks::in_order(lang, "policies", forbidden);
        all.push(RuledOut { what, why });
    }
    if pairs > 0 && !findings.iter().any(|f| f.pairs.is_some() && f.severity >= Severity::Warning) {
        let (what, why) = messages::checks::in_order(lang, "pairs", pairs);
        all.push(RuledOut { what, why });
    }
    all
}

/// How many things a step looked at; `None` where there is nothing of the kind.
fn counted(snapshot: &Snapshot, yardstick: &Yardstick, step: &str) -> Option<u64> {
    let looked_at = || snapshot.namespaces.iter().enumerate().filter(|(ns, _)| yardstick.looks_at(*ns));
    let sum =
        |f: &dyn Fn(&plumb_model::Namespace) -> usize| looked_at().map(|(_, n)| f(n)).sum::<usize>() as u64;
    let count = match step {
        "links" => sum(&|n| n.links.items().len()),
        "addresses" => sum(&|n| n.addresses.items().len()),
        "neighbours" => sum(&|n| n.neighbours.items().len()),
        "routes" => sum(&|n| n.routes.items().len()),
        "sysctls" => sum(&|n| n.sysctls.0.len()),
        "rules" | "nat" => sum(&|n| n.rule_tables().flat_map(|t| &t.chains).map(|c| c.rules.len()).sum()),
        "conntrack" => sum(&|n| n.conntrack.value().map_or(0, |c| c.entries.len())),
        "overlay" => sum(&|n| n.links.items().iter().filter(|l| l.kind == "vxlan").count()),
        "tc" => sum(&|n| n.qdiscs.items().len()),
        "sockets" => sum(&|n| n.sockets.items().len()),
        _ => 0,
    };
    (count > 0).then_some(count)
}
