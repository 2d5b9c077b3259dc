//! List and watch of one kind as a state machine: what came in → events, and what to ask next. No I/O and no clock.
//!
//! ```text
//!            last page                    410, garbled
//!  List ───────────────► Watch(version) ──────────────────────────────────────► List (newest)
//!   ▲ │ next page          │ ▲ │ ▲ reached                                       ▲
//!   └─┘  events, bookmarks:└─┘ ▼ │                                               │
//!        version moves on    Check(version): ended, cut off ─────────────────────┘ not reached, other objects
//! ```

use std::time::{Duration, SystemTime};

use plumb_api::{Change, Kind, NamespacedName, ObjectKey};

use super::backoff::Backoff;
use super::decode::{Page, Watched};
use super::request::Request;
use super::view::View;
use crate::{Event, Interest, Notice, Problem, Subject, Trouble};

/// How long until a kind that the API server does not know is asked for again.
const ABSENT_PAUSE: Duration = Duration::from_secs(300);

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The version or page asked for is no longer, or not yet, in the server's memory.
    Gone,
    /// The server does not know the path.
    Absent(String),
    /// The server answered with an error.
    Answer {
        /// HTTP status.
        code: u16,
        /// Text.
        message: String,
    },
    /// No answer, or the connection was lost.
    Unreachable(String),
    /// An answer that is none.
    Garbled(String),
}

impl Failure {
    /// From the API's `Status` (apimachinery `pkg/api/errors`). A version that the server has not reached yet is a timeout there;
    /// a server that was set up anew stays behind for ever, so what was read from the old one must be read again. When only a
    /// replica lags, a list waits for it.
    pub(crate) fn answer(code: u16, message: String, missing_path: bool) -> Self {
        match code {
            410 => Self::Gone,
            504 if message.contains("Too large resource version") => Self::Gone,
            404 if missing_path => Self::Absent(message),
            _ => Self::Answer { code, message },
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    /// A page came.
    Page(Page),
    /// The watch was accepted.
    Opened,
    /// The watch told something.
    Watched(Vec<Watched>),
    /// The watch ended in good order or by a lost connection.
    Ended,
    /// The request failed.
    Failed(Failure),
}

/// What follows.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Step {
    /// To be told.
    pub(crate) events: Vec<Event>,
    /// Whether the server serves; `None`: nothing new.
    pub(crate) server: Option<Result<(), Trouble>>,
    /// The request in flight goes on; otherwise [`Machine::request`] says what is next.
    pub(crate) go_on: bool,
    /// Until then.
    pub(crate) pause: Duration,
}

/// A kind's state.
#[derive(Debug)]
pub(crate) struct Machine {
    interest: Interest,
    request: Request,
    view: View,
    /// Version up to which all is known.
    reached: String,
    listed: bool,
    absent: bool,
    fields: bool,
    refused: bool,
    /// Grows while the server cannot be reached or refuses.
    failures: Backoff,
    /// Grows while watches bring nothing but their end.
    endings: Backoff,
    quiet_end: bool,
}

impl Machine {
    /// Begins with a list.
    pub(crate) fn new(interest: Interest) -> Self {
        Self {
            view: View::new(interest.clone()),
            request: Request::List { cached: true, continue_token: String::new() },
            interest,
            reached: String::new(),
            listed: false,
            absent: false,
            fields: true,
            refused: false,
            failures: Backoff::default(),
            endings: Backoff::default(),
            quiet_end: false,
        }
    }

    /// Path and query of what to ask next.
    pub(crate) fn path(&self) -> String {
        self.request.path(&self.interest, self.fields)
    }

    /// What to ask next.
    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    /// Kind.
    pub(crate) fn kind(&self) -> Kind {
        self.interest.kind
    }

    /// One step.
    pub(crate) fn step(&mut self, input: Input) -> Step {
        let mut step = Step::default();
        match input {
            Input::Page(page) => self.page(page, &mut step),
            Input::Opened => {
                self.serves(&mut step);
                self.quiet_end = true;
                step.go_on = true;
            }
            Input::Watched(events) => {
                step.go_on = true;
                self.watched(events, &mut step);
            }
            Input::Ended => {
                self.check();
                if self.quiet_end {
                    step.pause = self.endings.next();
                }
            }
            Input::Failed(failure) => self.failed(failure, &mut step),
        }
        step
    }

    fn page(&mut self, page: Page, step: &mut Step) {
        self.serves(step);
        match &self.request {
            Request::Check { version }
                if is_before(&page.version, version) || !self.view.agrees(&page.items) =>
            {
                return self.relist(false);
            }
            Request::Check { version } => {
                self.request = Request::Watch { version: version.clone() };
                return;
            }
            _ => {}
        }
        self.absent = false;
        if is_before(&page.version, &self.reached) {
            // Another history: what it calls by a version that was seen may be something else.
            self.view.forget_versions();
        }
        self.reached.clone_from(&page.version);
        for item in page.items {
            self.view.apply(item, &mut step.events);
        }
        if page.continue_token.is_empty() {
            self.end_list(step);
            self.request = Request::Watch { version: page.version };
        } else if let Request::List { continue_token, .. } = &mut self.request {
            *continue_token = page.continue_token;
        }
    }

    fn end_list(&mut self, step: &mut Step) {
        self.view.end_list(&mut step.events);
        if !std::mem::replace(&mut self.listed, true) {
            step.events.push(Event::Change(Change::Listed(self.kind())));
        }
    }

    fn watched(&mut self, events: Vec<Watched>, step: &mut Step) {
        for event in events {
            let version = match event {
                Watched::Applied(decoded, version) => {
                    self.view.apply(decoded, &mut step.events);
                    version
                }
                Watched::Deleted(name, version) => {
                    self.view.delete(&name, &mut step.events);
                    version
                }
                Watched::Bookmark(version) => version,
                Watched::Failed(failure) => {
                    step.go_on = false;
                    self.failed(failure, step);
                    return;
                }
            };
            self.quiet_end = false;
            self.endings.reset();
            if let (Request::Watch { version: at }, false) = (&mut self.request, version.is_empty()) {
                self.reached.clone_from(&version);
                *at = version;
            }
        }
    }

    fn failed(&mut self, failure: Failure, step: &mut Step) {
        match failure {
            Failure::Gone | Failure::Garbled(_) => {
                // Not news about the server unless it repeats: the pause grows with each that brings nothing in between.
                step.pause = self.endings.next();
                self.relist(false);
            }
            Failure::Absent(_) if self.kind() == Kind::ServiceCidr => {
                self.serves(step);
                if !std::mem::replace(&mut self.absent, true) {
                    step.events.push(Event::Notice(Notice::KindAbsent(self.kind())));
                    self.view.begin_list();
                    self.end_list(step);
                }
                step.pause = ABSENT_PAUSE;
                self.relist(true);
            }
            Failure::Absent(message) => self.refuse(404, message, step),
            Failure::Answer { code: 400, message }
                if self.fields && self.interest.field_selector().is_some() =>
            {
                self.fields = false;
                step.events.push(Event::Notice(Notice::SelectorUnsupported { kind: self.kind(), message }));
                self.relist(true);
            }
            Failure::Answer { code, message } if code == 429 || code >= 500 => {
                self.check();
                step.pause = self.failures.next();
                step.server = Some(Err(Trouble::Unavailable { code, message }));
            }
            Failure::Answer { code, message } => self.refuse(code, message, step),
            Failure::Unreachable(error) => {
                self.check();
                step.pause = self.failures.next();
                step.server = Some(Err(Trouble::Unreachable(error)));
            }
        }
    }

    /// Before a watch is opened again: whether the server is what it was, by its version and by the identity of its first object.
    fn check(&mut self) {
        if let Request::Watch { version } = &mut self.request {
            self.request = Request::Check { version: std::mem::take(version) };
        }
    }

    fn relist(&mut self, cached: bool) {
        self.view.begin_list();
        self.request = Request::List { cached, continue_token: String::new() };
    }

    fn refuse(&mut self, code: u16, message: String, step: &mut Step) {
        step.pause = self.failures.next();
        step.server = Some(Ok(()));
        if !std::mem::replace(&mut self.refused, true) {
            step.events.push(Event::Problem(Problem {
                subject: Subject::Kind(self.kind()),
                since: SystemTime::now(),
                trouble: Trouble::Refused { code, message },
            }));
        }
    }

    fn serves(&mut self, step: &mut Step) {
        step.server = Some(Ok(()));
        self.failures.reset();
        if std::mem::take(&mut self.refused) {
            step.events.push(Event::Recovered(Subject::Kind(self.kind())));
        }
    }
}

/// Whether a version is before another. Versions are numbers (KEP-5504); of any other text nothing is known.
fn is_before(version: &str, other: &str) -> bool {
    matches!((version.parse::<u64>(), other.parse::<u64>()), (Ok(a), Ok(b)) if a < b)
}

/// The key of an object of this kind.
pub(crate) fn key(kind: Kind, name: &NamespacedName) -> ObjectKey {
    ObjectKey { kind, name: name.clone() }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
