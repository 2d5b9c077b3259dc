//! What the walk says of a packet, in the terms in which the kernel can be observed.

use plumb_nft::{Expr, Ruleset};
use plumb_trace::event::{Event, Stop};
use plumb_trace::session::{self, Exchange, Origin, Reaction};
use plumb_trace::share::Share;
use plumb_trace::state::{History, RuleRef, World};
use plumb_trace::{Network as Walked, Walker};

use super::case::{Flow, Place, Transport};
use super::observe::{Arrival, Counts, Observation, RulePlace, Seen, at};
use super::ruleset::opening_len;

/// One way that the walk says it can go.
#[derive(Clone, Debug)]
pub(super) struct Prediction {
    /// What would be observed.
    pub(super) observation: Observation,
    /// The world afterwards.
    pub(super) world: World,
    /// What the walk did not know and passed over.
    pub(super) unknown: Option<String>,
    /// How the packet ended, and its answer: for people.
    pub(super) story: String,
}

/// All the ways one packet can go in one world.
#[must_use]
pub(super) fn predict(net: &Walked<'_>, places: [usize; 3], flow: &Flow, world: &World) -> Vec<Prediction> {
    let walker = Walker::new(net, true);
    let transport = match flow.transport {
        Transport::Tcp => session::Transport::Tcp,
        Transport::Udp => session::Transport::Udp,
        Transport::Icmp => session::Transport::Icmp,
    };
    let asked = session::Flow {
        origin: Origin::Process { ns: places[flow.from.index()], source: None },
        transport,
        dst: flow.to,
        port: if flow.transport == Transport::Icmp { 0 } else { flow.port },
        source_port: Some(flow.source_port),
        uid: 0,
        gid: 0,
    };
    // Its source address was chosen when the socket was connected: it is chosen anew for another socket.
    let world = World { source: None, ..world.clone() };
    let exchanges = walker.exchange(&asked, flow.source_port, &world, Share::ONE);
    let unknowns = walker.unknowns();
    exchanges
        .into_iter()
        .map(|e| {
            let mut counts = Counts::new();
            count(net, places, &e.request.state.history, &mut counts);
            if let Some(r) = &e.response {
                count(net, places, &r.end.state.history, &mut counts);
            }
            let named = |w: &World| w.unknowns.first().and_then(|u| unknowns.get(*u as usize)).map(|u| u.what.clone());
            let unknown = match (&e.request.stop, e.reaction) {
                (Stop::Unmodelled { what, .. }, _) => Some(what.clone()),
                (_, Reaction::Unknown) => Some(format!("{:?}", e.response.as_ref().map(|r| &r.end.stop))),
                _ => named(&e.world).or_else(|| named(&e.request.state.world)),
            };
            let observation = Observation { seen: seen(e.reaction), arrival: arrival(net, places, flow, &e), counts };
            Prediction { observation, unknown, story: story(&e), world: e.world }
        })
        .collect()
}

fn seen(reaction: Reaction) -> Seen {
    match reaction {
        Reaction::Reply => Seen::Reply,
        Reaction::Error(e) => Seen::Error(e.name().to_owned()),
        Reaction::Silence | Reaction::Unknown => Seen::Nothing,
    }
}

fn story(e: &Exchange) -> String {
    let answer = e.response.as_ref().map(|r| format!("; {:?}: {:?}", r.kind, r.end.stop)).unwrap_or_default();
    format!("request {} {:?}{answer}", tuple(&e.request.state.packet.tuple()), e.request.stop)
}

fn tuple(t: &plumb_model::Tuple) -> String {
    format!("{}:{} to {}:{}", t.src, t.sport, t.dst, t.dport)
}

/// What a listener would see of it.
fn arrival(net: &Walked<'_>, places: [usize; 3], flow: &Flow, e: &Exchange) -> Option<Arrival> {
    let Stop::Delivered { ns, socket: Some(socket) } = &e.request.stop else { return None };
    let place = *Place::ALL.iter().find(|p| places[p.index()] == *ns)?;
    let packet = &e.request.state.packet;
    let from = at(packet.src, packet.sport);
    match flow.transport {
        Transport::Udp => {
            let socket = net.namespace(*ns).sockets.items().get(*socket)?;
            Some(Arrival { place, to: at(socket.src, socket.sport), from })
        }
        Transport::Tcp if e.reaction == Reaction::Reply => {
            Some(Arrival { place, to: at(packet.dst, packet.dport), from })
        }
        _ => None,
    }
}

/// Adds what the counters of rules would count on a way.
fn count(net: &Walked<'_>, places: [usize; 3], history: &History, counts: &mut Counts) {
    for event in history.events() {
        let rule = match event {
            Event::Rule { rule } => Some(rule),
            // A look-up behind the counter that found nothing: it was counted, but the rule goes no further.
            Event::Lookup { rule, set, element: None } if behind_counter(net, rule, set.set) => Some(rule),
            _ => None,
        };
        if let Some(place) = rule.and_then(|r| rule_place(net, places, r)) {
            *counts.entry(place).or_insert(0) += 1;
        }
    }
}

fn ruleset<'s>(net: &Walked<'s>, rule: &RuleRef) -> Option<&'s Ruleset> {
    net.namespace(rule.ns).nft.value()
}

fn behind_counter(net: &Walked<'_>, rule: &RuleRef, set: u32) -> bool {
    let found = || {
        let table = ruleset(net, rule)?.tables.get(rule.table as usize)?;
        let name = &table.sets.get(set as usize)?.name;
        let exprs = &table.chains.get(rule.chain as usize)?.rules.get(rule.rule as usize)?.exprs;
        let counter = exprs.iter().position(|e| matches!(e, Expr::Counter { .. }))?;
        Some(exprs.iter().skip(counter).any(|e| match e {
            Expr::Lookup { set, inverted: false, .. } => set == name,
            _ => false,
        }))
    };
    found().unwrap_or(false)
}

fn rule_place(net: &Walked<'_>, places: [usize; 3], rule: &RuleRef) -> Option<RulePlace> {
    let place = *Place::ALL.iter().find(|p| places[p.index()] == rule.ns)?;
    let table = ruleset(net, rule)?.tables.get(rule.table as usize)?;
    let chain = table.chains.get(rule.chain as usize)?;
    let family = table.family.word()?;
    let skipped = if chain.base.is_some() { opening_len(family) } else { 0 };
    let index = (rule.rule as usize).checked_sub(skipped)?;
    Some(RulePlace { place, chain: format!("{family} {} {}", table.name, chain.name), rule: index })
}
