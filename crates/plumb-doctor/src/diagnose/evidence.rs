//! What supports a cause: counters, values, entries.

use plumb_trace::Network;
use plumb_trace::event::Decider;
use serde_json::json;

use super::Walked;
use super::suspect::Suspect;
use crate::finding::{Shown, ShownWhat, Unit};
use crate::messages::{self, Lang};
use crate::report::Evidence;

/// The suspect's own evidence, counters first.
pub(crate) fn evidence(net: &Network, _walked: &Walked, s: &Suspect, lang: Lang) -> Vec<Evidence> {
    let mut out = Vec::new();
    if let Some(by) = s.decided_by {
        out.extend(counter(net, by, lang));
    }
    out.extend(s.shown.iter().map(|shown| messages::evidence(lang, shown)));
    out
}

/// Packets that the deciding rule or policy counted.
fn counter(net: &Network, by: Decider, lang: Lang) -> Option<Evidence> {
    let (ns, table, chain) = match by {
        Decider::Rule(r) => (r.ns, r.table, r.chain),
        Decider::Policy(c) => (c.ns, c.table, c.chain),
    };
    let n = net.namespace(ns);
    let t = n.rule_table(table)?;
    let c = t.chains.get(chain as usize)?;
    let family = t.family.word().unwrap_or("inet");
    let read_with = if n.is_legacy_table(table) {
        let tool = if family == "ip6" { "ip6tables-legacy" } else { "iptables-legacy" };
        n.command(&format!("{tool} -t {} -nvL {}", t.name, c.name))
    } else {
        n.command(&format!("nft list chain {family} {} {}", t.name, c.name))
    };
    let packets = match by {
        Decider::Rule(r) => c.rules.get(r.rule as usize)?.exprs.iter().find_map(|e| match e {
            plumb_nft::Expr::Counter { packets, .. } => Some(*packets),
            _ => None,
        })?,
        Decider::Policy(_) => c.base.as_ref()?.counters?.0,
    };
    let what = match by {
        Decider::Rule(_) => ShownWhat::RuleCounter,
        Decider::Policy(_) => ShownWhat::PolicyCounter,
    };
    // A rule that no packet has met yet is no worse for its counter.
    let right = if packets > 0 { json!(0) } else { serde_json::Value::Null };
    let shown = Shown { unit: Some(Unit::Packets), ..Shown::new(what, json!(packets), right, read_with) };
    Some(messages::evidence(lang, &shown))
}
