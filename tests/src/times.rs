//! Times of benches, and their tables.

use std::time::{Duration, Instant};

use crate::error::Result;

/// Median, fastest and slowest of some runs.
#[derive(Debug)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Does some work so often.
    pub fn of(runs: usize, mut work: impl FnMut() -> Result<()>) -> Result<Self> {
        let mut all = Vec::with_capacity(runs);
        for _ in 0..runs {
            let began = Instant::now();
            work()?;
            all.push(began.elapsed());
        }
        all.sort();
        Ok(Self(all))
    }

    /// The time that this many of a hundred runs do not exceed.
    #[must_use]
    pub fn percentile(&self, of_hundred: usize) -> String {
        let at = (self.0.len() * of_hundred).div_ceil(100).saturating_sub(1);
        format!("{:.1} ms", self.0.get(at).map_or(0.0, |d| d.as_secs_f64() * 1000.0))
    }

    /// `median (fastest–slowest)` in milliseconds.
    #[must_use]
    pub fn show(&self) -> String {
        let ms = |d: Option<&Duration>| d.map_or(0.0, |d| d.as_secs_f64() * 1000.0);
        let median = self.0.get(self.0.len() / 2);
        format!("{:.1} ms ({:.1}–{:.1})", ms(median), ms(self.0.first()), ms(self.0.last()))
    }
}

/// A row of a bench's table: what, Plumb's time, what stands beside it.
pub fn row(what: &str, plumb: &str, beside: &str) {
    println!("| {what} | {plumb} | {beside} |");
}
