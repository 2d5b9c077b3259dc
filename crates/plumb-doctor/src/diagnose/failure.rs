//! A failing branch, taken apart: which packet ended where, and everything that happened to it on the way.

use plumb_trace::event::{Event, Stop};
use plumb_trace::session::{AttemptBranch, Exchange, Outcome, ResponseKind};
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
}

/// The packet that shows how a branch ends: of those that ended like the last one the first, since later ones follow
/// decisions that were made for it and do not show them again.
pub(crate) fn decisive(b: &AttemptBranch) -> Option<&Exchange> {
    let last = b.packets.last()?;
    let end = |e: &Exchange| match &e.response {
        Some(r) => (e.request.stop.clone(), Some((r.kind, r.end.stop.clone()))),
        None => (e.request.stop.clone(), None),
    };
    let wanted = end(last);
    b.packets.iter().find(|e| end(e) == wanted)
}

impl<'a> Failure<'a> {
    /// The failure of one packet of the client.
    pub(crate) fn of_exchange(e: &'a Exchange) -> Self {
        let request_events = e.request.state.history.events();
        match &e.response {
            Some(r) if r.kind == ResponseKind::Reply => Self {
                stop: &r.end.stop,
                packet: Packet::Reply,
                state: &r.end.state,
                events: r.end.state.history.events(),
                request_events,
                request: &e.request.state,
            },
            _ => Self {
                stop: &e.request.stop,
                packet: Packet::Request,
                state: &e.request.state,
                events: request_events.clone(),
                request_events,
                request: &e.request.state,
            },
        }
    }

    /// The packet that decided a branch; where it only came late, the first that was lost.
    pub(crate) fn of_branch(b: &'a AttemptBranch) -> Option<Self> {
        let e = if b.outcome == Outcome::Connects { b.packets.first() } else { decisive(b) }?;
        Some(Self::of_exchange(e))
    }

    /// What tells this failure from another: who stopped which packet.
    pub(crate) fn key(&self) -> String {
        format!("{:?} {:?}", self.packet, self.stop)
    }

    /// How far the flow got: replies further than requests, then by steps over links and hooks.
    pub(crate) fn progress(&self) -> (u8, usize) {
        let phase = u8::from(self.packet == Packet::Reply);
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
        let reply = if self.packet == Packet::Reply { &self.events[..] } else { &[] };
        self.request_events.iter().chain(reply).copied()
    }
}
