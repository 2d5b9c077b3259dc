//! A line on the terminal for what takes longer than a second.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Nothing is shown before this.
const PATIENCE: Duration = Duration::from_secs(1);

/// Progress on stderr, where a terminal reads it.
#[derive(Debug)]
pub struct Progress {
    started: Instant,
    what: String,
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress {
    /// Starts the clock.
    #[must_use]
    pub fn new(what: &str) -> Self {
        Self { started: Instant::now(), what: what.to_owned(), bar: Mutex::new(None) }
    }

    /// So much is done.
    pub fn at(&self, done: usize, total: usize, name: &str) {
        if self.started.elapsed() < PATIENCE || !std::io::stderr().is_terminal() {
            return;
        }
        let Ok(mut bar) = self.bar.lock() else { return };
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {wide_msg}") {
                bar.set_style(style);
            }
            bar.with_prefix(self.what.clone())
        });
        bar.set_position(done as u64);
        bar.set_message(name.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Ok(bar) = self.bar.get_mut()
            && let Some(bar) = bar
        {
            bar.finish_and_clear();
        }
    }
}
