//! Where all kinds of a source deliver, and what is known of the server.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use plumb_api::Kind;

use super::machine::Step;
use crate::{Event, Problem, Subject, Trouble};

/// Where all kinds of a source deliver. Each kind asks the server by itself; one that is out of reach is told once.
pub(crate) struct Outlet {
    server: Subject,
    inner: Mutex<Inner>,
}

struct Inner {
    deliver: Box<dyn FnMut(Vec<Event>) + Send>,
    /// Kinds whose last request failed.
    failing: BTreeSet<Order>,
}

/// A kind by its place in [`Kind::ALL`].
type Order = usize;

impl Outlet {
    /// Nothing failed yet.
    pub(crate) fn new(address: String, deliver: Box<dyn FnMut(Vec<Event>) + Send>) -> Self {
        let inner = Inner { deliver, failing: BTreeSet::new() };
        Self { server: Subject::Server(address.into()), inner: Mutex::new(inner) }
    }

    /// Delivers what a step tells.
    pub(crate) fn deliver(&self, kind: Kind, events: Vec<Event>, server: Option<Result<(), Trouble>>) {
        let mut events = events;
        // A panic of the receiver's is its own affair.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = server.and_then(|server| self.weigh(&mut inner.failing, kind, server)) {
            events.push(event);
        }
        if !events.is_empty() {
            (inner.deliver)(events);
        }
    }

    fn weigh(&self, failing: &mut BTreeSet<Order>, kind: Kind, server: Result<(), Trouble>) -> Option<Event> {
        let order = Kind::ALL.iter().position(|k| *k == kind)?;
        let was_failing = !failing.is_empty();
        match server {
            Ok(()) => {
                failing.remove(&order);
                (was_failing && failing.is_empty()).then(|| Event::Recovered(self.server.clone()))
            }
            Err(trouble) => {
                failing.insert(order);
                (!was_failing).then(|| {
                    Event::Problem(Problem {
                        subject: self.server.clone(),
                        since: SystemTime::now(),
                        trouble,
                    })
                })
            }
        }
    }

    /// For [`Step`]s.
    pub(crate) fn tell(&self, kind: Kind, step: &mut Step) {
        self.deliver(kind, std::mem::take(&mut step.events), step.server.take());
    }
}
