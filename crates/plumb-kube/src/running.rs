//! A source at work.

use std::thread::JoinHandle;

/// A source at work; it ends when this is dropped.
#[must_use = "the source ends when this is dropped"]
pub struct Running {
    stop: Option<Box<dyn FnOnce() + Send>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn new(stop: impl FnOnce() + Send + 'static, thread: JoinHandle<()>) -> Self {
        Self { stop: Some(Box::new(stop)), thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop();
        }
        if let Some(thread) = self.thread.take() {
            // It panicked only where the receiver did.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}
