//! Keeps the EndpointSlices of the lab's API as its Services and Pods say: the controller's logic is [`plumb_api`]'s, this brings
//! it changes and writes what it says.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use plumb_api::endpointslice::{Controller, Plan, SteadyNames, Time};
use plumb_api::{Change, Kind, Object, ObjectKey};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::api::store::{DeleteOptions, EventKind, Part, Selector, WatchEvent};
use crate::api::{Api, Status, Store};

/// Kinds that the controller reads.
const READ: [Kind; 5] = [Kind::Service, Kind::Pod, Kind::Node, Kind::Endpoints, Kind::EndpointSlice];

/// The controller at work; it ends when this is dropped.
pub(super) struct Running {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Starts it, on a thread of its own. What the store holds now is done before this returns.
pub(super) fn start(api: Arc<Api>) -> io::Result<Running> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (stop, mut stopped) = oneshot::channel();
    let mut work = Work { controller: Controller::new(SteadyNames::default()), api, at: 0, first: true };
    work.step();
    let thread = thread::Builder::new().name("plumb-lab-controller".to_owned()).spawn(move || {
        runtime.block_on(async {
            let mut news = work.api.news();
            loop {
                work.step();
                tokio::select! {
                    changed = news.changed() => if changed.is_err() { return },
                    _ = &mut stopped => return,
                }
            }
        });
    })?;
    Ok(Running { stop: Some(stop), thread: Some(thread) })
}

struct Work {
    controller: Controller<SteadyNames>,
    api: Arc<Api>,
    /// Version up to which all is known.
    at: u64,
    first: bool,
}

impl Work {
    /// Takes what is new, and writes what follows from it, until nothing more does.
    fn step(&mut self) {
        loop {
            self.take();
            let plan = self.controller.reconcile(now());
            for note in &plan.notes {
                eprintln!("controller: {note}");
            }
            if plan.is_empty() {
                return;
            }
            let problems = self.api.with(|store| write(store, &plan));
            for problem in problems {
                eprintln!("controller: {problem}");
            }
        }
    }

    fn take(&mut self) {
        let (at, first) = (self.at, self.first);
        let (events, version) = self.api.with(|store| (read(store, at, first), store.version()));
        match events {
            Ok(events) => {
                for event in events {
                    self.apply(&event);
                }
                if first {
                    Kind::ALL.into_iter().for_each(|kind| self.controller.apply(Change::Listed(kind)));
                }
                (self.at, self.first) = (version, false);
            }
            // More happened than is remembered: all is read again.
            Err(_) => {
                self.controller = Controller::new(SteadyNames::default());
                (self.at, self.first) = (0, true);
            }
        }
    }

    fn apply(&mut self, event: &WatchEvent) {
        let object = match Object::from_json(event.object.json.clone()) {
            Ok(object) => object,
            Err(error) => {
                eprintln!("controller: {error}");
                return;
            }
        };
        self.controller.apply(match event.kind {
            EventKind::Deleted => {
                Change::Deleted(ObjectKey { kind: object.kind(), name: object.metadata().full_name() })
            }
            EventKind::Added | EventKind::Modified => Change::Applied(Box::new(object)),
        });
    }
}

fn now() -> Option<Time> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Time::from_unix(i64::try_from(since.as_secs()).ok()?, since.subsec_nanos()))
}

/// All events after a version, or all objects.
fn read(store: &Store, at: u64, all: bool) -> Result<Vec<WatchEvent>, Status> {
    let mut events = Vec::new();
    for kind in READ {
        if all {
            events.extend(store.initial_events(kind, "", &Selector::default()));
        } else {
            events.extend(store.events_since(kind, at, "", &Selector::default())?);
        }
    }
    Ok(events)
}

/// Writes; what could not be written is told. The next change of the Service tries again.
fn write(store: &mut Store, plan: &Plan) -> Vec<String> {
    let mut problems = Vec::new();
    let json = |slice: &plumb_api::EndpointSlice| -> Value {
        Object::EndpointSlice(slice.clone()).to_json().unwrap_or_default()
    };
    let mut note = |what: &str, name: String, result: Result<(), Status>| {
        if let Err(status) = result {
            problems.push(format!("{what} EndpointSlice {name}: {}", status.to_json()["message"]));
        }
    };
    for slice in &plan.create {
        let name = slice.metadata.full_name().to_string();
        let result = store.create(Kind::EndpointSlice, &slice.metadata.namespace, json(slice));
        note("create", name, result.map(drop));
    }
    for slice in &plan.update {
        let name = slice.metadata.full_name();
        let result = store.update(Kind::EndpointSlice, &name, Part::Main, json(slice));
        note("update", name.to_string(), result.map(drop));
    }
    for name in &plan.delete {
        let result = store.delete(Kind::EndpointSlice, name, &DeleteOptions::default());
        note("delete", name.to_string(), result.map(drop));
    }
    problems
}
