//! Connections to a Service, one after the other, for as long as something is tried.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use plumb_kernel::in_namespace;
use plumb_tests::hosts::path;
use plumb_tests::{Failure, Result};

use super::bed::{Bed, connect};

/// A lost SYN is sent again after a second at the earliest (`TCP_TIMEOUT_INIT`).
const LOST: Duration = Duration::from_millis(900);
/// Pause between connections, so that the client does not run out of ports in a minute.
const PAUSE: Duration = Duration::from_millis(3);
/// How long a few connections may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Seen {
    connections: usize,
    wrong: Vec<String>,
}

/// Connections to one Service; they end with this.
pub(crate) struct Traffic {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Traffic {
    /// To a Service for which one of these endpoints must answer, always and at once.
    pub(crate) fn start(bed: &Bed, number: u32, endpoints: &'static [u8]) -> Self {
        let (seen, stop) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicBool::new(false)));
        let namespace = path(&bed.hosts.client);
        let thread = std::thread::spawn({
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            move || {
                let ended = in_namespace(namespace, {
                    let seen = Arc::clone(&seen);
                    move || {
                        while !stop.load(Ordering::Relaxed) {
                            let wrong = try_once(number, endpoints);
                            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                            seen.connections += 1;
                            seen.wrong.extend(wrong);
                            drop(seen);
                            std::thread::sleep(PAUSE);
                        }
                    }
                });
                if let Err(error) = ended {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.wrong.push(error.to_string());
                }
            }
        });
        Self { seen, stop, thread: Some(thread) }
    }

    fn look<T>(&self, f: impl FnOnce(&Seen) -> T) -> T {
        f(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for some more connections; none so far was lost, refused, or answered by somebody else.
    pub(crate) fn flows(&self) -> Result<()> {
        let wanted = self.look(|s| s.connections) + 20;
        let deadline = Instant::now() + PATIENCE;
        while self.look(|s| s.connections) < wanted && Instant::now() < deadline {
            std::thread::sleep(PAUSE);
        }
        let (count, wrong) = self.look(|s| (s.connections, s.wrong.clone()));
        if count < wanted {
            let why = format!("only {count} connections, {wrong:?}");
            return Err(Failure::Agent { what: "the client".into(), why });
        }
        Failure::unless_same(format!("{count} connections"), wrong)
    }
}

fn try_once(number: u32, endpoints: &[u8]) -> Option<String> {
    let began = Instant::now();
    let answer = connect(number);
    let took = began.elapsed();
    match answer {
        Ok(index) if !endpoints.contains(&index) => Some(format!("endpoint {index} answered")),
        Ok(_) if took > LOST => Some(format!("a packet was lost: {took:?}")),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
