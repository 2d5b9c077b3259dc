//! Translation gone wrong: rules that translate to nowhere, rules that should have translated, and what keeps the
//! tracker from seeing both directions as one connection.

use std::net::IpAddr;

use plumb_model::{Action, Change, Tuple};
use plumb_nft::Expr;
use plumb_trace::event::{Discard, Event, NatKind, NoAnswer, Stop};
use plumb_trace::state::{NsIndex, RuleRef};

use super::missed::{self, without_dead_loads};
use super::rules::{table_of, via};
use super::{Case, Suspect, zones};
use crate::finding::{Finding, Packet};
use crate::place;
use crate::report::Layer;

/// Translations of the request, in order: rule, kind, before, after.
pub(super) fn translations(case: &Case) -> Vec<(RuleRef, NatKind, Tuple, Tuple)> {
    case.failure
        .request_events
        .iter()
        .filter_map(|e| match e {
            Event::Nat { rule: Some(r), kind, from, to, .. } if from != to => Some((*r, *kind, *from, *to)),
            _ => None,
        })
        .collect()
}

pub(super) fn delete(case: &Case, rule: RuleRef) -> Option<Change> {
    let table = table_of(case, rule.ns, rule.table)?;
    let chain = table.chains.get(rule.chain as usize)?;
    let handle = chain.rules.get(rule.rule as usize)?.handle;
    let (table_name, chain) = (table.name.clone(), chain.name.clone());
    let action = Action::DeleteRule { family: table.family, table: table_name, chain, handle };
    Some(case.change_table(rule.ns, rule.table, action))
}

pub(super) fn rule_text(place: &crate::report::Place) -> String {
    place.get("rule").and_then(|v| v.as_str()).unwrap_or_default().to_owned()
}

/// Rule 2, before what stopped the packet is looked at.
pub(super) fn suspects(case: &Case) -> Vec<Suspect> {
    let mut out = Vec::new();
    let done = translations(case);
    out.extend(stale_entries(case));
    if is_lost(case.failure.stop) {
        out.extend(kept_from_tracking(case));
    }
    if matches!(case.failure.stop, Stop::NotExpected { .. }) {
        out.extend(unfiltered_bridges(case));
    }
    for (rule, kind, from, to) in &done {
        let (via, _) = via(case, *rule);
        let place = place::rule(case.net, *rule, &via);
        let (namespace, text) = (case.name(rule.ns), rule_text(&place));
        let finding = match kind {
            NatKind::Destination => {
                let to = place::endpoint(to.dst, to.dport);
                match case.failure.stop {
                    Stop::NoListener { .. } => Finding::NatToDeadPort { namespace, rule: text, to },
                    _ => Finding::NatToNobody { namespace, rule: text, to },
                }
            }
            NatKind::Source => Finding::NatSourceLost { namespace, rule: text, source: to.src.to_string() },
        };
        let Some(remove) = delete(case, *rule) else { continue };
        // A translation that leads to its endpoint, where only the listener is missing, did its work.
        let asked_is_served = is_served(case, from);
        if matches!(case.failure.stop, Stop::NoListener { .. }) && !asked_is_served {
            continue;
        }
        if is_end_of_translation(case, *kind, to) {
            let mut cures = vec![vec![remove.clone()]];
            cures.extend(masqueraded(case, *rule).map(|add| vec![add, remove]));
            let suspect = Suspect::new(finding, place, Layer::ServiceNat, cures);
            // A source that nobody has is wrong whatever else could be done.
            let to_nobody = *kind == NatKind::Source && !case.is_owned(to.src);
            out.push(if to_nobody { suspect } else { suspect.must_connect() });
        }
    }
    out.extend(missed(case, missed::Work::None));
    if is_lost(case.failure.stop) && case.failure.packet == Packet::Request {
        out.extend(missed::led_elsewhere(case));
    }
    out
}

/// Source translations that miss the request, where its reply was lost for want of a way.
pub(super) fn missed(case: &Case, work: missed::Work) -> Vec<Suspect> {
    if is_lost(case.failure.stop) && case.failure.packet == Packet::Reply {
        return missed::missed(case, work);
    }
    Vec::new()
}

/// Whether a packet was lost since nothing leads to its address, or to another machine than its owner.
pub(super) fn is_astray(stop: &Stop) -> bool {
    is_lost(stop) && !matches!(stop, Stop::RouteDiscards { .. })
        || matches!(stop, Stop::TtlExceeded { .. } | Stop::OtherHost { .. } | Stop::LeavesSnapshot { .. })
        || matches!(stop, Stop::Sysctl { because: Discard::OwnSource | Discard::NotForwarding, .. })
}

/// The rule with `masquerade` in place of an address of its own, before it.
fn masqueraded(case: &Case, at: RuleRef) -> Option<Change> {
    let table = table_of(case, at.ns, at.table)?;
    let chain = table.chains.get(at.chain as usize)?;
    let mut rule = chain.rules.get(at.rule as usize)?.clone();
    let last = rule.exprs.last_mut()?;
    match last {
        Expr::Snat { .. } => *last = Expr::Masq { flags: 0, port_min: None, port_max: None },
        Expr::Target { name, .. } if name == "SNAT" => {
            // One range without flags (`struct nf_nat_ipv4_multi_range_compat`), or a plain range for IPv6.
            let mut info = vec![0; if table.family == plumb_nft::Family::Ip6 { 40 } else { 24 }];
            info[0] = u8::from(table.family == plumb_nft::Family::Ip);
            *last = Expr::Target { name: "MASQUERADE".to_owned(), revision: 0, info: info.into() };
        }
        _ => return None,
    }
    without_dead_loads(&mut rule.exprs);
    add_before(case, at, rule)
}

/// A rule before another, as the tool that wrote the other would add it.
pub(super) fn add_before(case: &Case, at: RuleRef, rule: plumb_nft::Rule) -> Option<Change> {
    let table = table_of(case, at.ns, at.table)?;
    let chain = table.chains.get(at.chain as usize)?;
    let handle = chain.rules.get(at.rule as usize)?.handle;
    let listing = place::listing(case.net, at.ns, at.table);
    let xtables = (listing == place::Listing::Xtables)
        .then(|| {
            let family = match table.family {
                plumb_nft::Family::Ip => plumb_xtables::XtFamily::Ip,
                plumb_nft::Family::Ip6 => plumb_xtables::XtFamily::Ip6,
                _ => return None,
            };
            let written = plumb_xtables::nft_compat::xtables_rule(family, &chain.name, &rule.exprs).ok()?;
            let text = written.text(&case.net.namespace(at.ns).set_names());
            let arguments = text.strip_prefix(&format!("-A {} ", chain.name))?.to_owned();
            Some(format!("-I {} {} {arguments}", chain.name, at.rule + 1))
        })
        .flatten();
    let action = Action::AddRule {
        family: table.family,
        table: table.name.clone(),
        chain: chain.name.clone(),
        position: plumb_model::Position::Before(handle),
        rule,
        xtables,
    };
    Some(case.change_table(at.ns, at.table, action))
}

/// Whether somebody listens on the address and port.
fn is_served(case: &Case, t: &Tuple) -> bool {
    case.net.owners_of(t.dst).into_iter().any(|o| {
        let mut sockets = case.net.namespace(o).sockets.items().iter();
        sockets.any(|s| s.is_listening() && s.protocol == t.protocol && s.sport == t.dport)
    })
}

/// Whether the failure is about the address (or port) that a translation gave.
fn is_end_of_translation(case: &Case, kind: NatKind, to: &Tuple) -> bool {
    let stop = match case.failure.stop {
        // The question for a neighbour bears the packet's source (`arp_solicit`), and is discarded for it.
        Stop::NeighbourFailed { why: NoAnswer::Lost { answer: false, stop }, .. }
            if matches!(**stop, Stop::Sysctl { .. } | Stop::Martian { source: true, .. }) =>
        {
            stop
        }
        stop => stop,
    };
    match (kind, stop) {
        (_, Stop::NotExpected { .. }) => true,
        (NatKind::Destination, Stop::NoListener { tuple, .. }) => {
            tuple.dst == to.dst && tuple.dport == to.dport
        }
        (NatKind::Destination, Stop::NoRoute { addr, .. }) => *addr == to.dst,
        (NatKind::Destination, Stop::NeighbourFailed { addr, .. }) => {
            *addr == to.dst || case.failure.state.packet.dst == to.dst
        }
        (NatKind::Destination, Stop::Sysctl { because: Discard::Loopback, .. } | Stop::Martian { .. }) => {
            case.failure.state.packet.dst == to.dst
        }
        (NatKind::Destination, Stop::RouteDiscards { .. } | Stop::LeavesSnapshot { .. }) => {
            case.failure.packet == Packet::Request && case.failure.state.packet.dst == to.dst
        }
        (NatKind::Source, Stop::NoRoute { addr, .. } | Stop::NeighbourFailed { addr, .. }) => {
            case.failure.packet == Packet::Reply
                && (*addr == to.src || case.failure.state.packet.dst == to.src)
        }
        (NatKind::Source, Stop::Sysctl { because: Discard::OwnSource | Discard::ReversePath, .. })
        | (NatKind::Source, Stop::Martian { source: true, .. }) => case.failure.state.packet.src == to.src,
        (NatKind::Source, Stop::Sysctl { because: Discard::Loopback, .. })
        | (NatKind::Source, Stop::Martian { source: false, .. }) => {
            [case.failure.state.packet.src, case.failure.state.packet.dst].contains(&to.src)
        }
        (NatKind::Source, Stop::NoListener { .. } | Stop::Sysctl { .. } | Stop::LeavesSnapshot { .. }) => {
            case.failure.packet == Packet::Reply
        }
        _ => false,
    }
}

/// Whether a packet was lost for want of a way to its address.
fn is_lost(stop: &Stop) -> bool {
    matches!(
        stop,
        Stop::NoRoute { .. }
            | Stop::NeighbourFailed { .. }
            | Stop::NotExpected { .. }
            | Stop::RouteDiscards { .. }
            | Stop::NoListener { .. }
    )
}

/// A destination translation to an address that nobody has: the rule, whether or not anything else could be done.
pub(super) fn to_nobody(case: &Case, addr: IpAddr) -> Option<Suspect> {
    let (rule, kind, _, to) = translations(case).into_iter().rev().find(|(_, kind, _, to)| match kind {
        NatKind::Destination => to.dst == addr,
        NatKind::Source => to.src == addr,
    })?;
    let (via, _) = via(case, rule);
    let place = place::rule(case.net, rule, &via);
    let (namespace, text) = (case.name(rule.ns), rule_text(&place));
    let finding = match kind {
        NatKind::Destination => {
            Finding::NatToNobody { namespace, rule: text, to: place::endpoint(to.dst, to.dport) }
        }
        NatKind::Source => Finding::NatSourceLost { namespace, rule: text, source: to.src.to_string() },
    };
    let cure = delete(case, rule).map(|c| vec![c]);
    // Taking it away cures nothing where the address asked for leads nowhere either: it is to blame all the same.
    let suspect = Suspect::new(finding, place, Layer::ServiceNat, cure.into_iter().collect());
    Some(suspect.must_connect().even_uncured())
}

/// Live entries of the tracker by which the request is still translated as it was once decided.
fn stale_entries(case: &Case) -> Vec<Suspect> {
    let mut out = Vec::new();
    for e in &case.failure.request_events {
        let Event::Tracked { ns, entry: Some(index), .. } = e else { continue };
        let Some(entry) = case.net.namespace(*ns).conntrack.value().and_then(|c| c.entries.get(*index))
        else {
            continue;
        };
        let finding =
            Finding::StaleEntry { namespace: case.name(*ns), entry: plumb_model::fmt_ct_entry(entry) };
        let cure = vec![case.change(*ns, Action::DeleteConntrack(entry.clone()))];
        let place = place::ct_entry(case.net, *ns, *index);
        out.push(Suspect::new(finding, place, Layer::Conntrack, vec![cure]).must_connect());
    }
    out
}

/// Rules that keep packets of this flow from being tracked, or put them into a zone.
pub(super) fn kept_from_tracking(case: &Case) -> Vec<Suspect> {
    let mut out = Vec::new();
    for e in case.failure.all_events() {
        let Event::Rule { rule } = e else { continue };
        let Some(table) = table_of(case, rule.ns, rule.table) else { continue };
        let Some(r) = table.chains.get(rule.chain as usize).and_then(|c| c.rules.get(rule.rule as usize))
        else {
            continue;
        };
        let Some(kind) = zones::untracks(&r.exprs) else { continue };
        let Some(cure) = delete(case, *rule) else { continue };
        let place = place::rule(case.net, *rule, &[]);
        let (namespace, text) = (case.name(rule.ns), rule_text(&place));
        let mut cures = vec![vec![cure.clone()]];
        cures.extend(zones::joined(case, *rule, r, kind).into_iter().map(|add| vec![add, cure.clone()]));
        let finding = match kind {
            None => Finding::Untracked { namespace, rule: text },
            Some(zone) => Finding::ZoneDiffers { namespace, rule: text, zone },
        };
        out.push(Suspect::new(finding, place, Layer::Conntrack, cures).must_connect());
    }
    out
}

/// The answer arrived, but not as the client waits for it: it was not translated back, or comes from elsewhere.
pub(super) fn not_expected(case: &Case, ns: NsIndex, tuple: &Tuple, expected: &Tuple) -> Vec<Suspect> {
    let mut out = kept_from_tracking(case);
    out.extend(unfiltered_bridges(case));
    let finding = Finding::AnswerFromElsewhere {
        namespace: case.name(ns),
        expected: place::endpoint(expected.src, expected.sport),
        seen: place::endpoint(tuple.src, tuple.sport),
    };
    // The last that sent: the answer's.
    let owner = case.senders().last().unwrap_or(ns);
    let device = case
        .net
        .namespace(owner)
        .addresses
        .items()
        .iter()
        .find(|a| a.prefix.addr == tuple.src)
        .map_or(0, |a| a.index);
    let place = place::address(case.net, owner, device, tuple.src);
    out.push(Suspect::new(finding, place, Layer::Addressing, Vec::new()));
    out
}

/// Bridges whose frames do not pass the IP hooks, on the way of the answer.
fn unfiltered_bridges(case: &Case) -> Vec<Suspect> {
    let mut out: Vec<Suspect> = Vec::new();
    let key = match case.failure.state.packet.family {
        plumb_model::IpFamily::V4 => "net.bridge.bridge-nf-call-iptables",
        plumb_model::IpFamily::V6 => "net.bridge.bridge-nf-call-ip6tables",
    };
    let mut seen = Vec::new();
    for e in case.failure.all_events() {
        let Event::Bridge { ns, bridge, .. } = e else { continue };
        if seen.contains(ns) || case.net.namespace(*ns).sysctls.number(key) != Some(0) {
            continue;
        }
        seen.push(*ns);
        let finding = Finding::BridgeNotFiltered {
            namespace: case.name(*ns),
            sysctl: key.to_owned(),
            bridge: case.net.device_name(*ns, *bridge),
        };
        let place = place::sysctl(case.net, *ns, key, "0");
        let cure = vec![case.set_sysctl(*ns, key, "1")];
        out.push(Suspect::new(finding, place, Layer::Sysctl, vec![cure]).must_connect());
    }
    out
}

pub(super) fn exhausted(case: &Case, ns: NsIndex, rule: Option<RuleRef>) -> Option<Suspect> {
    let rule = rule?;
    let (via, _) = via(case, rule);
    let place = place::rule(case.net, rule, &via);
    let finding = Finding::NatExhausted { namespace: case.name(ns), rule: rule_text(&place) };
    let cure = delete(case, rule)?;
    Some(Suspect::new(finding, place, Layer::ServiceNat, vec![vec![cure]]))
}
