//! A failing branch, taken apart: which packet ended where, and everything that happened to it on the way.

use plumb_trace::Network;
use plumb_trace::event::{Decider, Event, NoAnswer, Stop};
use plumb_trace::session::{AttemptBranch, Exchange, Outcome, Part, Reaction, Response, ResponseKind};
use plumb_trace::state::State;

use crate::finding::Packet;

/// The end of a failing branch.
pub(crate) struct Failure<'a> {
    /// Why.
    pub(crate) stop: &'a Stop,
    /// Which packet.
    pub(crate) packet: Packet,
    /// That packet where it ended.
    pub(crate) state: &'a State,
    /// Its steps.
    pub(crate) events: Vec<&'a Event>,
    /// The request's steps; the same as `events` where the request failed.
    pub(crate) request_events: Vec<&'a Event>,
    /// The request where it ended.
    pub(crate) request: &'a State,
    /// What of the attempt failed.
    pub(crate) part: Part,
    /// Why the packet ended whose sender was to be told of a smaller MTU.
    pub(crate) too_big: Option<&'a Stop>,
}

/// The packet that shows how a branch ends: of those that ended like the last one the first, since later ones follow
/// decisions that were made for it and do not show them again.
pub(crate) fn decisive(b: &AttemptBranch) -> Option<&Exchange> {
    if b.outcome != Outcome::Connects && !b.payload.is_empty() {
        return b.payload.last();
    }
    let last = b.packets.last()?;
    let end = |e: &Exchange| match &e.response {
        Some(r) => (e.request.stop.clone(), Some((r.kind, r.end.stop.clone()))),
        None => (e.request.stop.clone(), None),
    };
    let wanted = end(last);
    b.packets.iter().find(|e| end(e) == wanted)
}

/// Whether two packets ended alike, with what came back for them.
pub(crate) fn alike(a: &Exchange, b: &Exchange) -> bool {
    let length = |e: &Exchange| e.request.state.packet.len;
    let back = |e: &Exchange| e.response.as_ref().map(|r| (r.kind, r.end.stop.clone()));
    a.part == b.part && length(a) == length(b) && a.request.stop == b.request.stop && back(a) == back(b)
}

impl<'a> Failure<'a> {
    /// The failure of one packet of the client.
    pub(crate) fn of_exchange(e: &'a Exchange) -> Self {
        let request_events = e.request.state.history.events();
        let part = e.part;
        let told = |r: &Response| matches!(r.end.stop, Stop::Delivered { .. } | Stop::LeavesSnapshot { .. });
        match &e.response {
            // The acknowledgement of a payload.
            Some(r) if part != Part::Opening && r.kind == ResponseKind::Reply => Self {
                stop: &r.end.stop,
                packet: if part == Part::Up { Packet::Reply } else { Packet::Request },
                state: &r.end.state,
                events: r.end.state.history.events(),
                request_events,
                request: &e.request.state,
                part,
                too_big: None,
            },
            Some(r) if matches!(e.request.stop, Stop::TooBig { .. }) && part != Part::Opening && !told(r) => {
                Self {
                    stop: &r.end.stop,
                    packet: Packet::TooBig,
                    state: &r.end.state,
                    events: r.end.state.history.events(),
                    request_events,
                    request: &e.request.state,
                    part,
                    too_big: Some(&e.request.stop),
                }
            }
            Some(r) if r.kind == ResponseKind::Reply => Self {
                stop: &r.end.stop,
                packet: Packet::Reply,
                state: &r.end.state,
                events: r.end.state.history.events(),
                request_events,
                request: &e.request.state,
                part,
                too_big: None,
            },
            _ => Self {
                stop: &e.request.stop,
                packet: match part {
                    Part::Opening => Packet::Request,
                    Part::Up => Packet::Payload,
                    Part::Down => Packet::PayloadBack,
                },
                state: &e.request.state,
                events: request_events.clone(),
                request_events,
                request: &e.request.state,
                part,
                too_big: None,
            },
        }
    }

    /// The packet that decided a branch; where it only came late, the first that was lost.
    pub(crate) fn of_branch(b: &'a AttemptBranch) -> Option<Self> {
        let late = match b.packets.len() {
            0 | 1 => b.payload.iter().find(|e| e.reaction != Reaction::Reply),
            _ => b.packets.first(),
        };
        let e = if b.outcome == Outcome::Connects { late } else { decisive(b) }?;
        Some(Self::of_exchange(e))
    }

    /// Which packet did not come: whoever asks for a neighbour waits for an answer of its own.
    pub(crate) fn missed(&self) -> Packet {
        match self.stop {
            Stop::NeighbourFailed { why: NoAnswer::Lost { answer: true, .. }, .. } => Packet::NeighbourAnswer,
            _ => self.packet,
        }
    }

    /// What tells this failure from another: who stopped which packet. A rule by its handle: its number changes when
    /// one before it goes.
    pub(crate) fn key(&self, net: &Network) -> String {
        let (Stop::Dropped { by: Decider::Rule(r), .. } | Stop::Rejected { by: Decider::Rule(r), .. }) =
            self.stop
        else {
            return format!("{:?} {:?}", self.packet, self.stop);
        };
        let chain = net.namespace(r.ns).rule_table(r.table).and_then(|t| t.chains.get(r.chain as usize));
        let handle = chain.and_then(|c| c.rules.get(r.rule as usize)).map(|rule| rule.handle);
        format!("{:?} rule {} {} {} {handle:?}", self.packet, r.ns, r.table, r.chain)
    }

    /// Whether this failure lies further on the way than one that was mended: behind more steps, or at a later rule of
    /// the same chain (or its policy).
    pub(crate) fn is_behind(&self, before: &Failure) -> bool {
        let (own, theirs) = (self.progress(), before.progress());
        let chain_and_rule = |f: &Failure| match f.stop {
            Stop::Dropped { by, .. } | Stop::Rejected { by, .. } => Some(match by {
                Decider::Rule(r) => ((r.ns, r.table, r.chain), r.rule),
                Decider::Policy(c) => ((c.ns, c.table, c.chain), u32::MAX),
            }),
            _ => None,
        };
        let later = || match (chain_and_rule(self), chain_and_rule(before)) {
            (Some((chain, rule)), Some((other, mended))) => chain == other && rule >= mended,
            _ => false,
        };
        own > theirs || own == theirs && later()
    }

    /// How far the flow got: replies further than requests, then by steps over links and hooks.
    pub(crate) fn progress(&self) -> (u8, usize) {
        let part = match self.part {
            Part::Opening => 0,
            Part::Up => 2,
            Part::Down => 4,
        };
        let back =
            self.packet == Packet::Reply && self.part == Part::Opening || self.packet == Packet::TooBig;
        let phase = part + u8::from(back);
        let steps = self
            .events
            .iter()
            .filter(|e| {
                matches!(
                    e,
                    Event::Enters { .. }
                        | Event::Leaves { .. }
                        | Event::Bridge { .. }
                        | Event::Local { .. }
                        | Event::Neighbour { .. }
                        | Event::Route { .. }
                        | Event::Chain { .. }
                        | Event::Verdict { accept: true, .. }
                )
            })
            .count();
        (phase, steps)
    }

    /// Every step of request and reply, in order.
    pub(crate) fn all_events(&self) -> impl Iterator<Item = &'a Event> + '_ {
        let reply =
            if matches!(self.packet, Packet::Reply | Packet::TooBig) { &self.events[..] } else { &[] };
        self.request_events.iter().chain(reply).copied()
    }
}
