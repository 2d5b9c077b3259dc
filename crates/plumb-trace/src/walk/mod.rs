//! The walk itself: a packet from where it is made to where it ends, through every branch.

mod bridge;
mod carry;
mod hooks;
mod layer2;
mod local;
mod lookups;
mod mtu;
mod neighbour;
mod order;
#[cfg(test)]
mod order_tests;
mod receive;
mod send;
mod socket;

pub use socket::HalfOpen;

use std::cell::{Cell, RefCell};
use std::net::IpAddr;

use plumb_model::Tuple;

use crate::event::{Event, Stop, Unknown};
use crate::network::Network;
use crate::state::{NsIndex, State};

pub(crate) use carry::Arrived;
pub(crate) use hooks::HookPlan;
pub(crate) use mtu::PathMtu;
pub(crate) use mtu::header;

/// Where a branch of a walk ended, and why.
#[derive(Clone, Debug)]
pub struct End {
    /// The branch, as it was when it ended.
    pub state: State,
    /// Why.
    pub stop: Stop,
}

/// What a packet is sent for, and so where it is at its goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// A request: any socket that takes it.
    Server,
    /// A reply: the client's socket, in this namespace, with this tuple.
    Client {
        /// The client's namespace.
        ns: NsIndex,
        /// As the client waits for it.
        expected: Tuple,
    },
    /// An ICMP error: the client's socket, whose own packet had this tuple.
    Error {
        /// Namespace of the one who is told.
        ns: NsIndex,
        /// Its own packet.
        sent: Tuple,
    },
}

/// Walks packets through a network.
pub struct Walker<'n, 's> {
    /// The network.
    pub net: &'n Network<'s>,
    pub(crate) record: bool,
    pub(crate) unknowns: RefCell<Vec<Unknown>>,
    /// Packets handed to a link since the request was sent, in all branches.
    sent: Cell<u32>,
}

/// Packets handed to a link for one request, in all branches together. A rule that draws, met again and again in a
/// loop, would double the branches each time.
const MAX_SENT: u32 = 20_000;

/// Frames handed on, at most; more is a loop of bridges.
const MAX_DEPTH: u32 = 300;

/// Where a packet is on its way through one namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) ns: NsIndex,
    pub(crate) iif: Option<u32>,
    pub(crate) physin: Option<u32>,
    /// Device that the socket of a packet made here is bound to.
    pub(crate) bound: Option<u32>,
    pub(crate) depth: u32,
}

/// A device and next hop that a packet leaves by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    pub(crate) device: u32,
    pub(crate) next_hop: IpAddr,
    /// Whether this machine made the packet.
    pub(crate) made_here: bool,
    /// Largest packet that goes this way; 0: it is not asked for.
    pub(crate) mtu: u32,
}

impl<'n, 's> Walker<'n, 's> {
    /// A walker; one that records keeps every step.
    #[must_use]
    pub fn new(net: &'n Network<'s>, record: bool) -> Self {
        Self { net, record, unknowns: RefCell::default(), sent: Cell::new(0) }
    }

    /// The unknown things that were met.
    #[must_use]
    pub fn unknowns(&self) -> Vec<Unknown> {
        self.unknowns.borrow().clone()
    }

    /// A request sets out: branches are counted from here, those of its answers included.
    pub(crate) fn sets_out(&self, goal: &Goal) {
        if *goal == Goal::Server {
            self.sent.set(0);
        }
    }

    /// Counts a packet that is handed to a link. `false`: there are more branches than can be followed.
    pub(crate) fn may_send(&self) -> bool {
        self.sent.set(self.sent.get().saturating_add(1));
        self.sent.get() <= MAX_SENT
    }

    pub(crate) fn note(&self, s: &mut State, event: impl FnOnce() -> Event) {
        if self.record {
            s.history.push(event());
        }
    }

    /// Something unknown stands in the way; the walk goes on as if it let the packet pass.
    pub(crate) fn assume(&self, s: &mut State, unknown: Unknown) {
        let mut list = self.unknowns.borrow_mut();
        let at = list.iter().position(|u| *u == unknown).unwrap_or_else(|| {
            list.push(unknown);
            list.len() - 1
        });
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        if !s.world.unknowns.contains(&at) {
            s.world.unknowns.push(at);
        }
        if self.record {
            s.history.push(Event::Unknown { unknown: at });
        }
    }
}
