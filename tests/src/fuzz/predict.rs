//! What the walk says of a packet, in the terms in which the kernel can be observed.

use plumb_trace::event::{Event, Stop};
use plumb_trace::session::{self, Exchange, Origin, Reaction};
use plumb_trace::share::Share;
use plumb_trace::state::{History, RuleRef, World};
use plumb_trace::{Network as Walked, Walker};

use super::case::{Flow, Place, Transport};
use super::drive::{LEGACY, opened};
use super::observe::{Arrival, Counts, Leeway, Observation, RulePlace, Seen, at};

/// Ports to which rules translate sources, each alone.
const NAMED_PORTS: std::ops::RangeInclusive<u16> = 5000..=19_000;

/// One way that the walk says it can go.
#[derive(Clone, Debug)]
pub(super) struct Prediction {
    /// What would be observed.
    pub(super) observation: Observation,
    /// The world afterwards.
    pub(super) world: World,
    /// What the walk did not know and passed over.
    pub(super) unknown: Option<String>,
    /// What the walk did not know, whether or not it mattered for the packet.
    pub(super) passing: Option<String>,
    /// What the kernel may do otherwise.
    pub(super) leeway: Leeway,
    /// How the packet ended, and its answer: for people.
    pub(super) story: String,
}

/// All the ways one packet can go in one world. `zones`: rules put connections into zones.
#[must_use]
pub(super) fn predict(
    net: &Walked<'_>,
    places: [usize; 3],
    flow: &Flow,
    world: &World,
    zones: bool,
) -> Vec<Prediction> {
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
        connections: 1,
        bytes: None,
    };
    // Its source address was chosen when the socket was connected: it is chosen anew for another socket.
    let mut world = world.clone();
    world.source = None;
    let exchanges = walker.exchange(&asked, flow.source_port, &world, Share::ONE);
    let unknowns = walker.unknowns();
    exchanges
        .into_iter()
        .flat_map(|e| {
            let silent = limited(flow, &e);
            [Some(e), silent]
        })
        .flatten()
        .map(|e| {
            let mut counts = Counts::new();
            count(net, places, &e.request.state.history, &mut counts);
            if let Some(r) = &e.response {
                count(net, places, &r.end.state.history, &mut counts);
            }
            let named = |w: &World| {
                w.unknowns.first().and_then(|u| unknowns.get(*u as usize)).map(|u| u.what.clone())
            };
            let unknown = match (&e.request.stop, e.reaction) {
                (Stop::Unmodelled { what, .. }, _) => Some(what.clone()),
                (_, Reaction::Unknown) => Some(format!("{:?}", e.response.as_ref().map(|r| &r.end.stop))),
                _ => named(&e.world).or_else(|| named(&e.request.state.world)),
            };
            // Something unknown that changes nothing for the packet may still have counted it.
            let passing = unknowns.first().map(|u| u.what.clone());
            let observation =
                Observation { seen: seen(e.reaction), arrival: arrival(net, places, flow, &e), counts };
            Prediction {
                observation,
                unknown,
                passing,
                leeway: leeway(flow, &e, zones),
                story: story(&e),
                world: e.world,
            }
        })
        .collect()
}

/// The same without the answer where the kernel may be tired of giving it: of IPv4's unreachable destinations it tells
/// one source five times at once and once a second then (`ip_error`), which only the first namespace can change.
fn limited(flow: &Flow, e: &Exchange) -> Option<Exchange> {
    let limited = matches!(
        e.request.stop,
        Stop::NoRoute { local: false, .. }
            | Stop::RouteDiscards { local: false, .. }
            | Stop::PolicyRule { local: false, .. }
    );
    if !limited || flow.to.is_ipv6() || e.response.is_none() {
        return None;
    }
    // What the error left behind in the world is what it would have: it confirms nothing.
    Some(Exchange { response: None, reaction: Reaction::Silence, ..e.clone() })
}

/// Whether an echo's answer came to the sender with its identifier but from somebody else.
fn foreign_echo(e: &Exchange) -> bool {
    e.response.as_ref().is_some_and(|r| match &r.end.stop {
        Stop::NotExpected { tuple, expected, .. } => {
            tuple.dst == expected.dst && tuple.icmp.is_some() && tuple.icmp == expected.icmp
        }
        _ => false,
    })
}

/// Whether a datagram's answer came from a port that its sender does not wait for: it tells the answerer so.
fn astray(flow: &Flow, e: &Exchange) -> bool {
    let stop = e.response.as_ref().map(|r| &r.end.stop);
    flow.transport == Transport::Udp && matches!(stop, Some(Stop::NotExpected { .. }))
}

/// Whether a rule drew: branches that meet again are one, with the steps of one of them.
fn drawn(history: &History) -> bool {
    history.events().iter().any(|e| matches!(e, Event::Draw { rule: Some(_), .. }))
}

/// Whether a source translation took another port than one that the rules name alone: these are [`NAMED_PORTS`] and that
/// of the client, which is kept.
fn drawn_port(flow: &Flow, world: &World) -> bool {
    let mut port = flow.source_port;
    let id = |t: &plumb_model::Tuple, port: u16| t.icmp.map_or(port, |i| i.id);
    // Each machine on the way may translate what the one before made of it.
    for c in &world.conntrack.0 {
        let to = id(&c.reply, c.reply.dport);
        if id(&c.original, c.original.sport) == port && to != port {
            port = to;
        }
    }
    port != flow.source_port && !NAMED_PORTS.contains(&port)
}

fn leeway(flow: &Flow, e: &Exchange, zones: bool) -> Leeway {
    let error = matches!(e.reaction, Reaction::Error(_));
    let own = matches!(e.reaction, Reaction::Error(plumb_trace::session::Errno::Eperm));
    Leeway {
        error_may_wait: error && flow.transport == Transport::Tcp,
        error_may_be_lost: (own || error && e.request.state.is_rerouted())
            && flow.transport == Transport::Icmp
            && flow.to.is_ipv6(),
        reply_from_any: flow.transport == Transport::Icmp && foreign_echo(e),
        counts_unsure: drawn(&e.request.state.history)
            || e.response.as_ref().is_some_and(|r| drawn(&r.end.state.history)),
        port_drawn: drawn_port(flow, &e.request.state.world),
        told_twice: own && matches!(e.request.stop, Stop::Rejected { .. }),
        counts_more: astray(flow, e),
        may_be_torn: zones && flow.transport == Transport::Tcp,
    }
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
        if let Event::Counted { rule } = event
            && let Some(place) = rule_place(net, places, rule)
        {
            *counts.entry(place).or_insert(0) += 1;
        }
    }
}

fn rule_place(net: &Walked<'_>, places: [usize; 3], rule: &RuleRef) -> Option<RulePlace> {
    let place = *Place::ALL.iter().find(|p| places[p.index()] == rule.ns)?;
    let namespace = net.namespace(rule.ns);
    let table = namespace.rule_table(rule.table)?;
    let engine = if namespace.is_legacy_table(rule.table) { LEGACY } else { "" };
    let chain = table.chains.get(rule.chain as usize)?;
    let family = table.family.word()?;
    let skipped = opened(family, chain);
    let index = (rule.rule as usize).checked_sub(skipped)?;
    Some(RulePlace { place, chain: format!("{engine}{family} {} {}", table.name, chain.name), rule: index })
}
