//! Rules and policies that drop or reject.

use plumb_model::{Action, Change};
use plumb_nft::{Set, Table, Verdict};
use plumb_trace::event::{Decider, Event, SetRef, Stop};
use plumb_trace::packet::Tracking;
use plumb_trace::state::{ChainPlace, RuleRef};

use super::{Case, Suspect, nat};
use crate::finding::{Finding, Packet, Rejection};
use crate::place;
use crate::report::Layer;

pub(super) fn table_of<'a>(case: &'a Case, ns: usize, table: u32) -> Option<&'a Table> {
    case.net.namespace(ns).rule_table(table)
}

pub(super) fn suspects(case: &Case, stop: &Stop, by: Decider, packet: Packet) -> Vec<Suspect> {
    let mut out = Vec::new();
    // A packet that the tracker does not know is dropped for that: whoever kept it from knowing comes first.
    if packet == Packet::Reply && !matches!(case.failure.state.packet.tracking, Tracking::Entry { .. }) {
        out.extend(nat::kept_from_tracking(case));
    }
    match by {
        Decider::Rule(rule) => out.extend(rule_suspect(case, stop, rule, packet)),
        Decider::Policy(chain) => out.extend(policy_suspect(case, chain, packet)),
    }
    out
}

fn rule_suspect(case: &Case, stop: &Stop, rule: RuleRef, packet: Packet) -> Option<Suspect> {
    let table = table_of(case, rule.ns, rule.table)?;
    let chain = table.chains.get(rule.chain as usize)?;
    let r = chain.rules.get(rule.rule as usize)?;
    let (via, mark_set_in) = via(case, rule);
    let mut place = place::rule(case.net, rule, &via);
    let text = place.get("rule").and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let backend = place.get("backend").and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let (namespace, table_name, chain_name) = (case.name(rule.ns), table.name.clone(), chain.name.clone());
    let finding = match stop {
        Stop::Rejected { answer, .. } => Finding::RuleRejects {
            namespace,
            backend,
            table: table_name,
            chain: chain_name,
            rule: text,
            packet,
            answer: Rejection { family: case.failure.state.packet.family, answer: *answer },
        },
        _ => Finding::RuleDrops {
            namespace,
            backend,
            table: table_name,
            chain: chain_name,
            rule: text,
            packet,
            mark_set_in,
        },
    };
    let delete_rule = case.change_table(
        rule.ns,
        rule.table,
        Action::DeleteRule {
            family: table.family,
            table: table.name.clone(),
            chain: chain.name.clone(),
            handle: r.handle,
        },
    );
    let mut alternatives: Vec<Vec<Change>> = Vec::new();
    if let Some((set, element)) = deciding_element(case, rule) {
        place = place::rule_by_element(case.net, rule, set, element, &via);
        if let Some(change) = delete_element(case, set, element) {
            alternatives.push(vec![change]);
        }
    }
    if let Some((set, element)) = deciding_ipset(case, rule) {
        place = place::rule_by_ipset(case.net, rule, set, element, &via);
        alternatives.extend(delete_from_ipset(case, rule.ns, set, element).map(|change| vec![change]));
    }
    alternatives.push(vec![delete_rule]);
    Some(Suspect::new(finding, place, Layer::Netfilter, alternatives).decided_by(Decider::Rule(rule)))
}

/// The element of a named set or map by which the rule decided.
fn deciding_element(case: &Case, rule: RuleRef) -> Option<(SetRef, Option<usize>)> {
    case.last(|e| match e {
        Event::Lookup { rule: r, set, element } if *r == rule => Some((*set, *element)),
        _ => None,
    })
    .filter(|(set, _)| set_of(case, *set).is_some_and(|s| !s.has(Set::ANONYMOUS)))
}

/// The ipset that the rule asked last, and the element by which it decided.
fn deciding_ipset(case: &Case, rule: RuleRef) -> Option<(usize, Option<usize>)> {
    case.last(|e| match e {
        Event::IpSet { rule: r, set, element } if *r == rule => Some((*set, *element)),
        _ => None,
    })
}

fn delete_from_ipset(case: &Case, ns: usize, set: usize, element: Option<usize>) -> Option<Change> {
    let set = case.net.namespace(ns).ipsets.items().get(set)?;
    let element = set.elements.get(element?)?.clone();
    Some(case.change(ns, Action::DeleteIpsetElement { set: set.name.clone(), element }))
}

fn set_of<'a>(case: &'a Case, set: SetRef) -> Option<&'a Set> {
    table_of(case, set.ns, set.table)?.sets.get(set.set as usize)
}

fn delete_element(case: &Case, set: SetRef, element: Option<usize>) -> Option<Change> {
    let table = table_of(case, set.ns, set.table)?;
    let s = table.sets.get(set.set as usize)?;
    let element = s.elements.get(element?)?.clone();
    let action = Action::DeleteElement {
        family: table.family,
        table: table.name.clone(),
        set: s.name.clone(),
        element,
    };
    Some(case.change(set.ns, action))
}

fn policy_suspect(case: &Case, chain: ChainPlace, packet: Packet) -> Option<Suspect> {
    let table = table_of(case, chain.ns, chain.table)?;
    let c = table.chains.get(chain.chain as usize)?;
    let place = place::policy(case.net, chain);
    let finding = Finding::PolicyDrops {
        namespace: case.name(chain.ns),
        backend: place.get("backend").and_then(|v| v.as_str()).unwrap_or_default().to_owned(),
        table: table.name.clone(),
        chain: c.name.clone(),
        packet,
    };
    let accept = case.change_table(
        chain.ns,
        chain.table,
        Action::SetPolicy {
            family: table.family,
            table: table.name.clone(),
            chain: c.name.clone(),
            policy: Verdict::Accept,
        },
    );
    let suspect = Suspect::new(finding, place, Layer::Netfilter, vec![vec![accept]]);
    Some(suspect.decided_by(Decider::Policy(chain)))
}

/// How a packet got to a rule: jumps, map elements, marks set on the way in this namespace.
pub(super) fn via(case: &Case, rule: RuleRef) -> (Vec<String>, Option<String>) {
    let events = &case.failure.events;
    let at = events
        .iter()
        .rposition(|e| matches!(e, Event::Rule { rule: r } if *r == rule))
        .unwrap_or(events.len());
    let base = events[..at]
        .iter()
        .rposition(|e| matches!(e, Event::Chain { chain, .. } if chain.ns == rule.ns))
        .unwrap_or(0);
    let name = |r: &RuleRef| {
        let (table, chain) = case.net.chain_name(ChainPlace { ns: r.ns, table: r.table, chain: r.chain });
        (table, chain)
    };
    let mut via = Vec::new();
    for e in &events[base..at] {
        match e {
            Event::Rule { rule: r } if leads_to_a_chain(case, r) => {
                let (_, chain) = name(r);
                via.push(format!("chain {chain} rule {}", r.rule + 1));
            }
            Event::Lookup { set, element: Some(i), .. } => {
                if let Some(s) = set_of(case, *set).filter(|s| !s.has(Set::ANONYMOUS)) {
                    via.push(format!("set {} element {}", s.name, i + 1));
                }
            }
            _ => {}
        }
    }
    let mut mark_set_in = None;
    if reads_mark(case, &rule) {
        for e in &events[..at] {
            if let Event::Mark { rule: r, to, .. } = e
                && r.ns == rule.ns
            {
                let (table, chain) = name(r);
                via.push(format!("mark {to:#x} set in {table} {chain}"));
                mark_set_in = Some(format!("{table} {chain}"));
            }
        }
    }
    via.dedup();
    (via, mark_set_in)
}

fn exprs<'a>(case: &'a Case, r: &RuleRef) -> &'a [plumb_nft::Expr] {
    table_of(case, r.ns, r.table)
        .and_then(|t| t.chains.get(r.chain as usize))
        .and_then(|c| c.rules.get(r.rule as usize))
        .map_or(&[], |r| &r.exprs)
}

fn leads_to_a_chain(case: &Case, r: &RuleRef) -> bool {
    use plumb_nft::{Data, Expr};
    exprs(case, r).iter().any(|e| match e {
        Expr::Immediate { data: Data::Verdict(v), .. } => matches!(v, Verdict::Jump(_) | Verdict::Goto(_)),
        Expr::Lookup { dreg: Some(d), .. } => d.0 == 0,
        _ => false,
    })
}

fn reads_mark(case: &Case, r: &RuleRef) -> bool {
    use plumb_nft::{Expr, MetaKey};
    exprs(case, r).iter().any(|e| match e {
        Expr::Meta { key: MetaKey::Mark, .. } => true,
        Expr::Match { name, .. } => name == "mark",
        _ => false,
    })
}
