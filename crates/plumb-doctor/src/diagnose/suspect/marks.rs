//! Marks that other rules count on and that a packet lacks: a connection's mark that is not copied back to its replies,
//! a packet's that is not kept in the connection, a rule that should have marked and misses by one condition.

use plumb_model::{Action, PolicyRule, Position};
use plumb_nft::{ChainType, CtKey, Expr, Family, Hook, MetaKey, Register, Rule};
use plumb_trace::event::{Decider, Event, RouteUse, Stop};
use plumb_trace::state::{ChainPlace, NsIndex, RuleRef};
use plumb_xtables::targets::{ConnmarkAction, ConnmarkTarget};
use plumb_xtables::{Target, XtFamily};

use super::marking::{Marking, asks_for, marking};
use super::missed::relaxed;
use super::nat::rule_text;
use super::rules::table_of;
use super::{Case, Suspect};
use crate::finding::{Finding, Packet};
use crate::place;
use crate::report::Layer;

/// A look-up of a route on the failing packet's way.
struct LookUp {
    ns: NsIndex,
    /// Where a rule must stand to mark the packet before it.
    hook: Hook,
    /// The packet's mark then.
    mark: u32,
    /// Preference of the policy rule that decided; `None`: no table had a route.
    rule_pref: Option<u32>,
}

/// The last look-up in each namespace that the failing packet went through.
fn look_ups(case: &Case) -> Vec<LookUp> {
    let mut out: Vec<LookUp> = Vec::new();
    let (mut hook, mut mark) = (Hook::Output, 0);
    let mut note = |l: LookUp| match out.iter_mut().find(|o| o.ns == l.ns) {
        Some(o) => *o = l,
        None => out.push(l),
    };
    for e in &case.failure.events {
        match e {
            Event::Start { packet, .. } => (hook, mark) = (Hook::Output, packet.mark),
            // A packet that enters another namespace leaves its mark behind (`skb_scrub_packet`).
            Event::Enters { .. } => (hook, mark) = (Hook::Prerouting, 0),
            Event::Mark { to, .. } => mark = *to,
            Event::Route { purpose: RouteUse::Output | RouteUse::Input, found } => {
                note(LookUp { ns: found.ns, hook, mark, rule_pref: Some(found.rule_pref) });
            }
            _ => {}
        }
    }
    // The look-up that ended the packet stands in no event.
    match case.failure.stop {
        Stop::NoRoute { ns, .. } => note(LookUp { ns: *ns, hook, mark, rule_pref: None }),
        Stop::RouteDiscards { route, .. } => {
            note(LookUp { ns: route.ns, hook, mark, rule_pref: Some(route.rule_pref) });
        }
        Stop::PolicyRule { ns, rule, .. } => {
            let by = case.net.namespace(*ns).rules.items().get(*rule).map(|r| r.priority);
            note(LookUp { ns: *ns, hook, mark, rule_pref: by });
        }
        _ => {}
    }
    out
}

/// Policy rules by mark that would have been asked before the one that decided, and that the packet's mark misses.
fn passed_over<'a>(case: &'a Case, at: &LookUp) -> Vec<&'a PolicyRule> {
    let family = case.failure.state.packet.family;
    let earlier = |r: &&PolicyRule| r.family == family && at.rule_pref.is_none_or(|p| r.priority < p);
    let rules = case.net.namespace(at.ns).rules.items().iter();
    rules.filter(earlier).filter(|r| r.fwmark.is_some_and(|m| !fits(m, at.mark))).collect()
}

fn fits((value, mask): (u32, u32), mark: u32) -> bool {
    (value ^ mark) & mask == 0
}

/// Marks that rules of a namespace ask for: value and bits.
fn asked_for(case: &Case, ns: NsIndex) -> Vec<(u32, u32)> {
    let tables = case.net.namespace(ns).rule_tables();
    let rules = tables.flat_map(|t| &t.chains).flat_map(|c| &c.rules);
    let mut all: Vec<(u32, u32)> = rules.filter_map(|r| asks_for(&r.exprs)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Marks that the rules would have let the packet pass by, and that it lacks where one of them stopped it.
fn not_let_pass(case: &Case) -> Vec<Suspect> {
    let (Stop::Dropped { by, hook, .. } | Stop::Rejected { by, hook, .. }) = case.failure.stop else {
        return Vec::new();
    };
    let ns = match by {
        Decider::Rule(rule) => rule.ns,
        Decider::Policy(chain) => chain.ns,
    };
    let at = LookUp { ns, hook: *hook, mark: case.failure.state.packet.mark, rule_pref: None };
    let lacking = asked_for(case, ns).into_iter().filter(|wanted| !fits(*wanted, at.mark));
    lacking
        .flat_map(|wanted| {
            let mut out = overwritten(case, &at, wanted);
            out.extend(missed(case, ns, wanted));
            out
        })
        .collect()
}

/// Marks that the failing packet lacks.
pub(super) fn suspects(case: &Case) -> Vec<Suspect> {
    let mut out = not_let_pass(case);
    for at in look_ups(case) {
        for rule in passed_over(case, &at) {
            let Some(wanted) = rule.fwmark else { continue };
            if case.failure.packet == Packet::Reply {
                out.extend(not_copied(case, &at, wanted));
            }
            out.extend(overwritten(case, &at, wanted));
            out.extend(missed(case, at.ns, wanted));
        }
    }
    out
}

/// The reply of a marked connection that does not bear its mark, or whose request bore one that nobody kept.
fn not_copied(case: &Case, at: &LookUp, wanted: (u32, u32)) -> Vec<Suspect> {
    let connections = &case.failure.state.world.conntrack.0;
    let Some(connection) = connections.iter().find(|c| c.ns == at.ns) else { return Vec::new() };
    let here = |r: &RuleRef| r.ns == at.ns;
    let marked_by = |what: fn(Marking) -> bool| {
        case.failure.request_events.iter().rev().find_map(|e| match e {
            Event::Rule { rule } if here(rule) && rule_at(case, *rule).is_some_and(what) => Some(*rule),
            _ => None,
        })
    };
    if fits(wanted, connection.mark) {
        let by = marked_by(|m| matches!(m, Marking::Connection | Marking::Save));
        return not_restored(case, at, by);
    }
    let packet_mark = case.failure.request_events.iter().rev().find_map(|e| match e {
        Event::Mark { rule, to, .. } if here(rule) => Some(*to),
        _ => None,
    });
    match marked_by(|m| matches!(m, Marking::Packet(..))) {
        Some(by) if packet_mark.is_some_and(|m| fits(wanted, m)) => not_saved(case, by),
        _ => Vec::new(),
    }
}

/// Rules that took the mark away which the packet had before.
fn overwritten(case: &Case, at: &LookUp, wanted: (u32, u32)) -> Vec<Suspect> {
    let takes = |e: &&Event| match e {
        Event::Mark { rule, from, to } if rule.ns == at.ns && fits(wanted, *from) && !fits(wanted, *to) => {
            Some(*rule)
        }
        _ => None,
    };
    let suspect = |rule: RuleRef| {
        let place = place::rule(case.net, rule, &[]);
        let finding =
            Finding::MarkOverwritten { namespace: case.name(at.ns), rule: rule_text(&place), mark: wanted.0 };
        let cure = super::nat::delete(case, rule)?;
        Some(Suspect::new(finding, place, Layer::Netfilter, vec![vec![cure]]).must_connect())
    };
    case.failure.events.iter().filter_map(takes).filter_map(suspect).collect()
}

fn rule_at(case: &Case, at: RuleRef) -> Option<Marking> {
    let chain = table_of(case, at.ns, at.table)?.chains.get(at.chain as usize)?;
    marking(&chain.rules.get(at.rule as usize)?.exprs)
}

/// All rules of a namespace that do something with marks.
fn marking_rules<'a>(case: &'a Case, ns: NsIndex) -> impl Iterator<Item = (RuleRef, &'a Rule, Marking)> {
    case.net.namespace(ns).rule_tables().enumerate().flat_map(move |(t, table)| {
        table.chains.iter().enumerate().flat_map(move |(c, chain)| {
            chain.rules.iter().enumerate().filter_map(move |(r, rule)| {
                let at = RuleRef { ns, table: t as u32, chain: c as u32, rule: r as u32 };
                Some((at, rule, marking(&rule.exprs)?))
            })
        })
    })
}

/// Nobody gives the reply its connection's mark: a rule that would, were it not for one condition; else the rule that is
/// missing, in the chain where the tool that marked the connection has such rules.
fn not_restored(case: &Case, at: &LookUp, marked_by: Option<RuleRef>) -> Vec<Suspect> {
    let mut out = Vec::new();
    for (place, rule, what) in marking_rules(case, at.ns) {
        if what == Marking::Restore {
            out.extend(without_condition(case, place, rule));
        }
    }
    let marker = marked_by.or_else(|| {
        let mut rules = marking_rules(case, at.ns);
        rules.find_map(|(r, _, m)| matches!(m, Marking::Connection | Marking::Save).then_some(r))
    });
    let Some(chain) = chain_for(case, at, marker) else { return out };
    let copy = |c: &Case| copying(c, chain, ConnmarkAction::Restore);
    out.extend(missing(case, chain, Position::Last, copy, |namespace, rule| Finding::MarkNotRestored {
        namespace,
        rule,
        mark: case.failure.state.world.conntrack.0.iter().find(|c| c.ns == at.ns).map_or(0, |c| c.mark),
    }));
    out
}

/// The request was marked, and nobody keeps the mark for the replies.
fn not_saved(case: &Case, marked_by: RuleRef) -> Vec<Suspect> {
    let chain = ChainPlace { ns: marked_by.ns, table: marked_by.table, chain: marked_by.chain };
    let handle = table_of(case, marked_by.ns, marked_by.table)
        .and_then(|t| t.chains.get(marked_by.chain as usize))
        .and_then(|c| c.rules.get(marked_by.rule as usize))
        .map(|r| r.handle);
    let Some(handle) = handle else { return Vec::new() };
    let copy = |c: &Case| copying(c, chain, ConnmarkAction::Save);
    let finding = |namespace, rule| Finding::MarkNotSaved { namespace, rule };
    missing(case, chain, Position::After(handle), copy, finding).into_iter().collect()
}

/// The base chain in which a rule marks packets before their route is looked up: of the tool that wrote `marker`, where
/// that is known.
fn chain_for(case: &Case, at: &LookUp, marker: Option<RuleRef>) -> Option<ChainPlace> {
    let mut found: Vec<(bool, bool, ChainPlace)> = Vec::new();
    for (t, table) in case.net.namespace(at.ns).rule_tables().enumerate() {
        let listing = place::listing(case.net, at.ns, t as u32);
        let (same_tool, same_table) = marker.map_or((true, true), |m| {
            (place::listing(case.net, m.ns, m.table) == listing, m.table as usize == t)
        });
        let family = match case.failure.state.packet.family {
            plumb_model::IpFamily::V4 => Family::Ip,
            plumb_model::IpFamily::V6 => Family::Ip6,
        };
        if table.family != family && table.family != Family::Inet {
            continue;
        }
        // iptables' own way for marks; its other tables do not look routes up again.
        if listing != place::Listing::Nft && table.name != "mangle" {
            continue;
        }
        for (c, chain) in table.chains.iter().enumerate() {
            let Some(base) = &chain.base else { continue };
            let before_route = match at.hook {
                Hook::Output => base.kind == ChainType::Route,
                // Behind the tracker (`NF_IP_PRI_CONNTRACK`).
                _ => base.kind == ChainType::Filter && base.priority > -200,
            };
            if base.hook == at.hook && before_route {
                let place = ChainPlace { ns: at.ns, table: t as u32, chain: c as u32 };
                found.push((same_tool, same_table, place));
            }
        }
    }
    found.into_iter().max_by_key(|(tool, table, _)| (*tool, *table)).map(|(_, _, chain)| chain)
}

/// A rule that copies one mark to the other, as the tool of this chain writes it.
fn copying(case: &Case, chain: ChainPlace, action: ConnmarkAction) -> Option<Rule> {
    let reg = Register(1);
    let exprs = match (place::listing(case.net, chain.ns, chain.table), action) {
        (place::Listing::Nft, ConnmarkAction::Restore) => vec![
            Expr::Ct { key: CtKey::Mark, dreg: reg, direction: None },
            Expr::MetaSet { key: MetaKey::Mark, sreg: reg },
        ],
        (place::Listing::Nft, _) => vec![
            Expr::Meta { key: MetaKey::Mark, dreg: reg },
            Expr::CtSet { key: CtKey::Mark, sreg: reg, direction: None },
        ],
        (_, action) => {
            let all = u32::MAX;
            let target = ConnmarkTarget { action, ctmark: 0, ctmask: all, nfmask: all, shift: 0 };
            let info = Target::Connmark(target).encode(1, XtFamily::Ip).ok()?;
            vec![Expr::Target { name: "CONNMARK".to_owned(), revision: 1, info: info.into() }]
        }
    };
    Some(Rule { handle: 0, exprs, userdata: Vec::new().into(), compat: None })
}

fn missing(
    case: &Case,
    chain: ChainPlace,
    position: Position,
    rule: impl Fn(&Case) -> Option<Rule>,
    finding: impl Fn(String, String) -> Finding,
) -> Option<Suspect> {
    let rule = rule(case)?;
    let table = table_of(case, chain.ns, chain.table)?;
    let name = table.chains.get(chain.chain as usize)?.name.clone();
    let text = place::new_rule_text(case.net, chain, &rule);
    let xtables =
        (place::listing(case.net, chain.ns, chain.table) == place::Listing::Xtables).then(|| text.clone());
    let add = Action::AddRule {
        family: table.family,
        table: table.name.clone(),
        chain: name,
        position: if xtables.is_some() { Position::Last } else { position },
        rule,
        xtables,
    };
    let cure = vec![case.change_table(chain.ns, chain.table, add)];
    let place = place::missing_rule(case.net, chain, &text);
    let finding = finding(case.name(chain.ns), text);
    Some(Suspect::new(finding, place, Layer::Netfilter, vec![cure]).must_connect())
}

/// Rules that give the mark a policy rule waits for, and miss the packet by one condition.
fn missed(case: &Case, ns: NsIndex, wanted: (u32, u32)) -> Vec<Suspect> {
    marking_rules(case, ns)
        .filter(|(_, _, m)| matches!(m, Marking::Packet(value, mask) if fits(wanted, value & mask)))
        .filter(|(at, ..)| is_in_reach(case, *at))
        .flat_map(|(at, rule, _)| without_condition(case, at, rule))
        .collect()
}

/// Whether the packet can have come to a rule: one in a base chain, only if it was in that chain.
fn is_in_reach(case: &Case, at: RuleRef) -> bool {
    let chain = table_of(case, at.ns, at.table).and_then(|t| t.chains.get(at.chain as usize));
    let place = ChainPlace { ns: at.ns, table: at.table, chain: at.chain };
    let visits = |e: &&Event| matches!(e, Event::Chain { chain, .. } if *chain == place);
    chain.is_some_and(|c| c.base.is_none()) || case.failure.all_events().any(|e| visits(&e))
}

fn without_condition(case: &Case, at: RuleRef, rule: &Rule) -> Vec<Suspect> {
    relaxed(case, at, rule, Layer::Netfilter, |place, condition| Finding::MarkMissed {
        namespace: case.name(at.ns),
        rule: rule_text(place),
        condition,
    })
}
