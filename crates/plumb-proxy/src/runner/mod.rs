//! Syncs when there is something to sync: at once after a quiet while, bounded in a storm, again after a failure, and whole when
//! somebody else changed the table.

mod frequency;
mod inspection;
pub mod status;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use plumb_kube::{Event, Notice, Subject};

pub use frequency::{Frequency, Intervals, Reason};
pub use status::{Next, Run, Status};

use crate::proxy::{Proxy, Report};
use inspection::Inspection;

/// How often the generation of the ruleset is looked at; a foreign flush is mended within a second.
const WATCH: Duration = Duration::from_millis(200);

/// The source of objects ended although nobody asked it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source of objects ended; the rules stay as they are, start the proxy again")]
pub struct SourceEnded;

/// Runs a proxy on the events of a source.
pub struct Runner {
    proxy: Proxy,
    frequency: Frequency,
    status: Arc<Mutex<Status>>,
    problems: BTreeMap<Subject, String>,
    last_watch: Instant,
    inspection: Inspection,
}

impl Runner {
    /// For this proxy.
    #[must_use]
    pub fn new(proxy: Proxy, intervals: Intervals) -> Self {
        let status = Status {
            node: proxy.node_name().to_owned(),
            pid: std::process::id(),
            started_at: status::seconds(SystemTime::now()),
            ..Status::default()
        };
        Self {
            proxy,
            frequency: Frequency::new(intervals),
            status: Arc::new(Mutex::new(status)),
            problems: BTreeMap::new(),
            last_watch: Instant::now(),
            inspection: Inspection::default(),
        }
    }

    /// The state, for [`status::Server`].
    #[must_use]
    pub fn status(&self) -> Arc<Mutex<Status>> {
        Arc::clone(&self.status)
    }

    /// Works until `stop` is set.
    ///
    /// # Errors
    /// When the source ends before that: what it would have told is not known.
    pub fn run(&mut self, events: &Receiver<Vec<Event>>, stop: &AtomicBool) -> Result<(), SourceEnded> {
        while !stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            let due = self.frequency.next().filter(|_| self.proxy.is_ready());
            if let Some((_, reason)) = due.filter(|(at, _)| *at <= now) {
                self.run_once(reason);
                continue;
            }
            let wait = due.map_or(WATCH, |(at, _)| (at - now).min(WATCH));
            match events.recv_timeout(wait) {
                Ok(batch) => {
                    self.take(batch);
                    // Whatever else is there belongs to the same run.
                    while let Ok(batch) = events.try_recv() {
                        self.take(batch);
                    }
                    self.request();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(SourceEnded),
            }
            if self.last_watch.elapsed() >= WATCH {
                self.last_watch = Instant::now();
                self.watch();
            }
            self.tell();
        }
        Ok(())
    }

    fn request(&mut self) {
        if self.proxy.is_ready() && self.proxy.is_pending() {
            let first = self.lock().runs == 0;
            self.frequency.request(Instant::now(), if first { Reason::Start } else { Reason::Change });
        }
    }

    fn take(&mut self, batch: Vec<Event>) {
        for event in batch {
            match event {
                Event::Change(change) => self.proxy.observe(change),
                Event::Problem(problem) => {
                    tracing::warn!("{problem}");
                    self.problems.insert(problem.subject.clone(), problem.to_string());
                }
                Event::Recovered(subject) => {
                    tracing::info!("{subject}: well again");
                    self.problems.remove(&subject);
                }
                Event::Notice(notice @ Notice::Manifest(_)) => tracing::warn!("{notice}"),
                Event::Notice(notice) => tracing::info!("{notice}"),
            }
        }
    }

    /// Looks whether somebody else changed the table: at chains and sets at once, at their elements as soon as that may be.
    fn watch(&mut self) {
        let disturbed = match self.proxy.is_disturbed() {
            Ok(disturbed) => disturbed,
            Err(error) => return tracing::warn!("{error}"),
        };
        if disturbed {
            self.inspection.changed();
        }
        let deep = self.inspection.is_due(Instant::now());
        if disturbed || deep {
            self.check(deep);
        }
    }

    fn check(&mut self, deep: bool) {
        let began = Instant::now();
        let found = self.proxy.verify(deep);
        if deep && found.is_ok() {
            self.inspection.done(began, Instant::now());
        }
        match found {
            Ok(differences) if differences.is_empty() => {}
            Ok(differences) => {
                for (family, difference) in differences.iter().take(8) {
                    tracing::warn!("{family}: somebody changed the table: {difference}");
                }
                if differences.len() > 8 {
                    tracing::warn!("and {} more", differences.len() - 8);
                }
                self.frequency.request(Instant::now(), Reason::Disturbed);
            }
            Err(error) => tracing::warn!("{error}"),
        }
    }

    fn run_once(&mut self, reason: Reason) {
        if reason == Reason::Interval {
            self.proxy.ask_devices();
            self.check(true);
        }
        let waited = self.frequency.waiting_since();
        let (at, began) = (SystemTime::now(), Instant::now());
        self.frequency.begin();
        let report = self.proxy.sync();
        let ended = Instant::now();
        self.frequency.end(ended, report.is_complete());
        for error in &report.errors {
            tracing::error!("{error}");
        }
        let run = Run {
            at: status::seconds(at),
            reason,
            duration_ms: (ended - began).as_secs_f64() * 1e3,
            kernel_ms: report.synced.kernel_time.as_secs_f64() * 1e3,
            latency_ms: waited.map_or(0.0, |at| (ended - at).as_secs_f64() * 1e3),
            services: report.services,
            elements: report.synced.elements,
            bytes: report.synced.bytes,
            whole: report.loaded,
            errors: report.errors.iter().map(ToString::to_string).collect(),
        };
        tracing::info!(
            reason = ?reason,
            services = run.services,
            elements = run.elements,
            bytes = run.bytes,
            ms = run.duration_ms,
            "synced"
        );
        self.note(run, &report);
    }

    fn note(&mut self, run: Run, report: &Report) {
        let mut status = self.lock();
        status.runs += 1;
        status.failed_runs += u64::from(!report.errors.is_empty());
        status.refused = report.synced.refused.iter().map(|r| format!("{}: {}", r.what, r.error)).collect();
        status.last = Some(run);
        drop(status);
        self.tell();
    }

    /// Renews what others may ask for.
    fn tell(&self) {
        let (services, frontends) = self.proxy.counts();
        let now = Instant::now();
        let mut status = self.lock();
        status.ready = self.proxy.is_ready();
        (status.services, status.frontends) = (services, frontends);
        status.behind_ms =
            self.frequency.waiting_since().map_or(0.0, |at| now.duration_since(at).as_secs_f64() * 1e3);
        status.next = self.frequency.next().map(|(at, reason)| Next {
            at: status::seconds(SystemTime::now() + at.saturating_duration_since(now)),
            reason,
        });
        status.problems = self.problems.values().cloned().collect();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
