//! The questions for frontends: who asks for which, kept where the walk sees rules translate.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use plumb_nft::Expr;
use plumb_trace::event::{Event, NatKind};
use plumb_trace::session::{Attempt, Flow, Origin, Transport, attempt};
use plumb_trace::state::{NsIndex, RuleRef};
use plumb_trace::{Network, Walker};

use super::{Frontend, Led, frontends, outside};
use crate::check::reach::pairs::{Ask, Asked, Target, can_mean, name};
use crate::check::yardstick::Yardstick;
use crate::diagnose;

/// Questions that are asked already, since somebody listens: who asks, for which address, how, for which port; and which.
type Known = HashMap<(usize, IpAddr, Transport, u16), usize>;

/// More questions than these are not tried: of what is left nothing is known.
const MOST: usize = 200_000;

/// Adds what rules lead elsewhere to what is asked on a plain host. `classes` are those of members that nothing tells
/// apart: one of each asks. Namespaces whose rules were too many to ask for all of them are named.
pub(in crate::check::reach) fn add(
    net: &Network,
    yardstick: &Yardstick,
    classes: &[usize],
    asked: &mut Asked,
) -> Vec<NsIndex> {
    let (all, mut cut) = frontends(net, yardstick);
    let known: Known = asked
        .asks
        .iter()
        .enumerate()
        .map(|(i, a)| (i, a.source, &asked.targets[a.target]))
        .map(|(i, source, t)| ((source, t.address, t.transport, t.port), i))
        .collect();
    let mut tried = 0;
    for (frontend, naming) in &all {
        if tried >= MOST {
            cut.push(frontend.ns);
            continue;
        }
        tried += of_one(net, yardstick, classes, (frontend, naming, &known), asked);
    }
    cut.sort_unstable();
    cut.dedup();
    cut
}

/// The questions for one frontend; how many were tried.
fn of_one(
    net: &Network,
    yardstick: &Yardstick,
    classes: &[usize],
    (f, naming, known): (&Frontend, &BTreeSet<RuleRef>, &Known),
    asked: &mut Asked,
) -> usize {
    let mut askers: Vec<(usize, u64)> = Vec::new();
    let network = yardstick.member(f.ns).map(|owner| &owner.cluster);
    for (m, member) in yardstick.members.iter().enumerate().filter(|(m, _)| classes[*m] == *m) {
        if network.is_some_and(|network| *network != member.cluster) {
            continue;
        }
        let own = member.ns == f.ns;
        let has_family = member.addresses.iter().any(|a| a.is_ipv4() == f.address.is_ipv4());
        // Its own address leads elsewhere where the rules' namespace is another.
        let elsewhere = !own && member.addresses.contains(&f.address);
        if !member.is_source || elsewhere || !own && (!has_family || !can_mean(net, member.ns, f.address)) {
            continue;
        }
        let like = classes.iter().filter(|c| **c == m).count() as u64;
        askers.push((m, like));
    }
    for (from, origin) in outside::dialling(net, f.ns, f.address) {
        askers.push((source(asked, from, origin), 1));
    }
    let tried = askers.len();
    let target = target(yardstick, net, f);
    let mut index = None;
    for (source, count) in askers {
        let Some((rule, to)) = translated(net, (f, naming), &asked.flow_to(source, &target)) else {
            continue;
        };
        let served = known.get(&(source, f.address, f.transport(), f.port));
        let named = naming.contains(&rule) || to != f.port;
        let led = Some(Led { named, used: used(net, rule), served: served.is_some() });
        if let Some(&ask) = served {
            asked.asks[ask].led = led;
            continue;
        }
        let target = *index.get_or_insert_with(|| {
            asked.targets.push(target.clone());
            asked.targets.len() - 1
        });
        asked.asks.push(Ask { source, target, count, led });
    }
    tried
}

/// The index of somebody outside among those who ask.
fn source(asked: &mut Asked, name: String, origin: Origin) -> usize {
    asked.origins.iter().position(|o| *o == origin).unwrap_or_else(|| {
        asked.sources.push((name, origin.ns()));
        asked.origins.push(origin);
        asked.origins.len() - 1
    })
}

fn target(yardstick: &Yardstick, net: &Network, f: &Frontend) -> Target {
    let owner = yardstick.member(f.ns).map_or(net.namespace(f.ns).name.as_str(), |m| m.name.as_str());
    let name = name(owner, f.address, Some(f.port), true);
    Target { name, ..Target::plain(f.address, f.transport(), f.port) }
}

/// The rule of the frontend's namespace that translates what is asked, and the port that it leads to, where one does and
/// somebody can mean it.
fn translated(
    net: &Network,
    (f, naming): (&Frontend, &BTreeSet<RuleRef>),
    flow: &Flow,
) -> Option<(RuleRef, u16)> {
    let walker = Walker::new(net, true);
    let a = attempt(&walker, flow);
    let first = first_translation(&a, f).or_else(|| untracked(net, &a, (f, naming)))?;
    (!leads_home(net, flow.origin.ns(), &a)).then_some(first)
}

/// Whether another machine leads what a client asks for back to the client itself. Nobody has a use for that, unless a rule
/// makes it work on purpose: then it comes home from another address.
pub(in crate::check::reach) fn leads_home(net: &Network, asker: NsIndex, a: &Attempt) -> bool {
    let home = |e: &Event| match e {
        Event::Nat { ns, kind: NatKind::Destination, from, to, .. } => {
            *ns != asker && from != to && !to.dst.is_loopback() && net.owners_of(to.dst).contains(&asker)
        }
        _ => false,
    };
    events(a).any(home) && !has_other_source(a)
}

fn events(a: &Attempt) -> impl Iterator<Item = &Event> {
    a.branches.iter().flat_map(|b| &b.packets).flat_map(|e| e.request.state.history.events())
}

fn first_translation(a: &Attempt, f: &Frontend) -> Option<(RuleRef, u16)> {
    events(a).find_map(|e| match e {
        Event::Nat { ns, rule: Some(rule), kind: NatKind::Destination, from, to }
            if *ns == f.ns && from != to && (from.dst, from.dport) == (f.address, f.port) =>
        {
            Some((*rule, to.dport))
        }
        _ => None,
    })
}

/// A rule keeps what is asked from being tracked, and so from the translation that a rule names its port for.
fn untracked(
    net: &Network,
    a: &Attempt,
    (f, naming): (&Frontend, &BTreeSet<RuleRef>),
) -> Option<(RuleRef, u16)> {
    let rule = naming.iter().next().filter(|_| events(a).any(|e| untracks(net, e) == Some(f.ns)))?;
    Some((*rule, f.port))
}

fn has_other_source(a: &Attempt) -> bool {
    events(a).any(|e| matches!(e, Event::Nat { kind: NatKind::Source, from, to, .. } if from.src != to.src))
}

/// Whether rules lead an attempt elsewhere, or would if others did not keep it from being tracked.
pub(in crate::check::reach) fn is_led(net: &Network, a: &Attempt) -> bool {
    let translates =
        |e: &Event| matches!(e, Event::Nat { kind: NatKind::Destination, from, to, .. } if from != to);
    events(a).any(|e| translates(e) || untracks(net, e).is_some())
}

/// The namespace in which a rule keeps a packet from being tracked.
fn untracks(net: &Network, e: &Event) -> Option<NsIndex> {
    let Event::Rule { rule: at } = e else { return None };
    let table = net.namespace(at.ns).rule_table(at.table)?;
    let rule = table.chains.get(at.chain as usize)?.rules.get(at.rule as usize)?;
    (diagnose::untracks(&rule.exprs) == Some(None)).then_some(at.ns)
}

/// Whether a rule counts packets and has met some.
fn used(net: &Network, at: RuleRef) -> bool {
    let table = net.namespace(at.ns).rule_table(at.table);
    let chain = table.and_then(|t| t.chains.get(at.chain as usize));
    let rule = chain.and_then(|c| c.rules.get(at.rule as usize));
    rule.is_some_and(|r| r.exprs.iter().any(|e| matches!(e, Expr::Counter { packets, .. } if *packets > 0)))
}
