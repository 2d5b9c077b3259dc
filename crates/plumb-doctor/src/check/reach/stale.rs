//! Clients that policies let in and whose addresses are not yet (or not any more) in the set by which the kernel holds the policy.

use std::collections::BTreeSet;
use std::net::IpAddr;

use plumb_api::PolicyType;
use plumb_api::policy::Verdict;
use plumb_model::{Action, Change, IpSet, IpSetElement, Snapshot};
use plumb_nft::{Element, Set};
use plumb_trace::event::Event;
use plumb_trace::event::SetRef;
use plumb_trace::session::{Outcome, attempt};
use plumb_trace::{Network, Walker};

use super::forbidden::object;
use super::pairs::{Ask, Asked};
use crate::check::policies::Judges;
use crate::check::report::{CheckFinding, FoundBy};
use crate::check::told::{self, Observation, Seen};
use crate::diagnose;
use crate::messages::Lang;
use crate::place;
use crate::report::Remedy;

/// A rule that stops pairs which a policy lets through by name, where it does so for want of an address in a set that holds other Pods of
/// the same rule and nobody else: then not the rule is at fault, but the set. Any other finding stays as it is.
pub(super) fn in_place_of(
    snapshot: &Snapshot,
    net: &Network,
    judges: &Judges,
    asked: &Asked,
    pairs: &BTreeSet<usize>,
    found: CheckFinding,
    lang: Lang,
) -> CheckFinding {
    if judges.is_empty()
        || !matches!(found.id.as_str(), "netfilter-drop" | "netfilter-policy" | "netfilter-reject")
    {
        return found;
    }
    let Some(missing) = pairs.first().and_then(|&i| missing(snapshot, net, judges, asked, &asked.asks[i]))
    else {
        return found;
    };
    // What other pairs lack must be the same, else the rule is more than its set.
    let lacks = |&i: &usize| who(asked, &asked.asks[i], missing.grant.direction).contains(&missing.address);
    if !pairs.iter().all(|i| lacks(i) && granted(judges, asked, &asked.asks[*i]).contains(&missing.grant)) {
        return found;
    }
    let Some(ask) = pairs.first().map(|&i| &asked.asks[i]) else { return found };
    let mut at = found.place.clone();
    for key in ["rule", "handle", "element"] {
        at.remove(key);
    }
    place::set(&mut at, "set", missing.set.clone());
    place::set(&mut at, "missing", missing.address.to_string());
    place::set(&mut at, "object", object(&missing.grant.policy, missing.grant.direction.fields().0));
    let observation = Observation::new("policy-set-stale", at)
        .with("policy", missing.grant.policy.to_string())
        .with("from", &asked.sources[ask.source].0)
        .with("to", &asked.targets[ask.target].name)
        .with("set", &missing.set)
        .with("address", missing.address.to_string())
        .seen(Seen::new("pods-in-set", missing.others, serde_json::Value::Null, missing.read_with.clone()));
    let said = told::finding(lang, observation, FoundBy::Reach);
    let (command, advice) = diagnose::commands(snapshot, &[missing.change], lang);
    let tried =
        Remedy { tried_in_model: Some(Outcome::Connects.name().to_owned()), advice, ..Remedy::of(command) };
    let mut remedy = vec![tried];
    remedy.extend(said.remedy.iter().cloned());
    CheckFinding {
        severity: found.severity,
        affects: found.affects,
        pairs: found.pairs,
        path: found.path,
        remedy,
        ..said
    }
}

/// An address that a set lacks.
struct Missing {
    grant: Verdict,
    address: IpAddr,
    /// The set's name.
    set: String,
    /// Others that the policy lets through, in the set.
    others: usize,
    change: Change,
    read_with: String,
}

/// Policies that let a pair through by name.
fn granted(judges: &Judges, asked: &Asked, ask: &Ask) -> Vec<Verdict> {
    let target = &asked.targets[ask.target];
    let judge = judges.cluster(&target.cluster).filter(|_| target.member.is_some());
    judge.map_or_else(Vec::new, |j| j.granted(ask.source, target.address, target.transport, target.port))
}

/// The addresses that a rule tells one end by: that of the client, or what it connects to.
fn who(asked: &Asked, ask: &Ask, direction: PolicyType) -> Vec<IpAddr> {
    match direction {
        PolicyType::Ingress => asked.addresses[ask.source].clone(),
        PolicyType::Egress => vec![asked.targets[ask.target].address],
    }
}

fn missing(snapshot: &Snapshot, net: &Network, judges: &Judges, asked: &Asked, ask: &Ask) -> Option<Missing> {
    let grants = granted(judges, asked, ask);
    if grants.is_empty() {
        return None;
    }
    let a = attempt(&Walker::new(net, true), &asked.flow(ask));
    let failing = a.branches.iter().find(|b| b.outcome != Outcome::Connects)?;
    let events = failing.packets.last()?.request.state.history.events();
    for grant in &grants {
        // Who else the policy lets through in this direction, where the other end is the same.
        let alike = |other: &&Ask| match grant.direction {
            PolicyType::Ingress => other.target == ask.target && other.source != ask.source,
            PolicyType::Egress => other.source == ask.source && other.target != ask.target,
        };
        let is_let = |other: &&Ask| granted(judges, asked, other).contains(grant);
        let others: BTreeSet<IpAddr> = asked
            .asks
            .iter()
            .filter(alike)
            .filter(is_let)
            .flat_map(|other| who(asked, other, grant.direction))
            .collect();
        for address in who(asked, ask, grant.direction) {
            for event in &events {
                let Some(lacking) = lacking(net, event, address) else { continue };
                if lacking.holds.is_empty() || !lacking.holds.iter().all(|h| others.contains(h)) {
                    continue;
                }
                // The proof: with the address in it, the pair connects.
                let Some(mended) = diagnose::with(snapshot, std::slice::from_ref(&lacking.change)) else {
                    continue;
                };
                let again = Network::compile(&mended);
                if attempt(&Walker::new(&again, false), &asked.flow(ask)).outcome == Outcome::Connects {
                    return Some(Missing {
                        grant: grant.clone(),
                        address,
                        set: lacking.set,
                        others: lacking.holds.len(),
                        change: lacking.change,
                        read_with: lacking.read_with,
                    });
                }
            }
        }
    }
    None
}

/// A set of addresses that was asked in vain.
struct Lacking {
    set: String,
    holds: Vec<IpAddr>,
    change: Change,
    read_with: String,
}

fn lacking(net: &Network, event: &Event, address: IpAddr) -> Option<Lacking> {
    match event {
        Event::Lookup { set, element: None, .. } => of_nft(net, *set, address),
        Event::IpSet { rule, set, element: None } => {
            let set = net.namespace(rule.ns).ipsets.items().get(*set)?;
            of_ipset(net, rule.ns, set, address)
        }
        _ => None,
    }
}

fn of_nft(net: &Network, at: SetRef, address: IpAddr) -> Option<Lacking> {
    let n = net.namespace(at.ns);
    let table = n.rule_table(at.table)?;
    let set = table.sets.get(at.set as usize)?;
    // A plain named set of addresses: nothing else has a key of this length that stands for one.
    let plain = [Set::ANONYMOUS, Set::MAP, Set::INTERVAL, Set::CONCAT].iter().all(|f| !set.has(*f));
    let octets = octets(address);
    if !plain || set.key_len as usize != octets.len() {
        return None;
    }
    let holds: Option<Vec<IpAddr>> = set.elements.iter().map(|e| from_octets(&e.key.0)).collect();
    let element = Element { key: plumb_nft::Bytes(octets), ..Element::default() };
    let (family, name) = (table.family, set.name.clone());
    let read_with = format!("nft list set {} {} {name}", table.family.word().unwrap_or("?"), table.name);
    let action = Action::AddElement { family, table: table.name.clone(), set: name.clone(), element };
    Some(Lacking { set: name, holds: holds?, change: Change { namespace: n.id, action }, read_with })
}

fn of_ipset(net: &Network, ns: usize, set: &IpSet, address: IpAddr) -> Option<Lacking> {
    if !matches!(set.kind.as_str(), "hash:ip" | "hash:net") || set.netmask.is_some() || set.bitmask.is_some()
    {
        return None;
    }
    let whole = |e: &IpSetElement| {
        let ip = e.ip?;
        let length = if ip.is_ipv4() { 32 } else { 128 };
        e.cidr.is_none_or(|c| c == length).then_some(ip)
    };
    let holds: Option<Vec<IpAddr>> = set.elements.iter().map(whole).collect();
    let element = IpSetElement { ip: Some(address), ..IpSetElement::default() };
    let action = Action::AddIpsetElement { set: set.name.clone(), element };
    let change = Change { namespace: net.namespace(ns).id, action };
    let read_with = format!("ipset list {}", set.name);
    Some(Lacking { set: set.name.clone(), holds: holds?, change, read_with })
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

fn from_octets(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}
