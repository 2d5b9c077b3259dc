//! When to sync: at once where nothing happened for a while, else after the minimum interval; again after a failure, later each
//! time; at the maximum interval in any case. Pure: the clock is passed in.

use std::time::{Duration, Instant};

/// Intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// From the end of a run to the beginning of the next, at least.
    pub minimum: Duration,
    /// From the end of a run to a full verification, at most.
    pub maximum: Duration,
    /// From a failure to the first retry; doubled with each further one, up to [`Self::MAX_RETRY`].
    pub retry: Duration,
}

impl Intervals {
    /// Longest time between retries.
    pub const MAX_RETRY: Duration = Duration::from_secs(30);
}

impl Default for Intervals {
    fn default() -> Self {
        Self {
            minimum: Duration::from_millis(100),
            maximum: Duration::from_secs(3600),
            retry: Duration::from_millis(200),
        }
    }
}

/// Why a run takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing was written yet.
    Start,
    /// Objects or the node changed.
    Change,
    /// The run before failed.
    Retry,
    /// Somebody else changed the table.
    Disturbed,
    /// The maximum interval is over.
    Interval,
}

/// What is wanted, and what was.
#[derive(Clone, Debug)]
pub struct Frequency {
    intervals: Intervals,
    last_end: Option<Instant>,
    /// Oldest request that no run has answered, with its reason.
    wanted: Option<(Instant, Reason)>,
    failures: u32,
}

impl Frequency {
    /// Nothing has run.
    #[must_use]
    pub fn new(intervals: Intervals) -> Self {
        Self { intervals, last_end: None, wanted: None, failures: 0 }
    }

    /// A run is wanted. The oldest reason stands.
    pub fn request(&mut self, now: Instant, reason: Reason) {
        self.wanted.get_or_insert((now, reason));
    }

    /// When the next run is due, and why.
    #[must_use]
    pub fn next(&self) -> Option<(Instant, Reason)> {
        let earliest = self.last_end.map(|end| end + self.intervals.minimum);
        let retry =
            self.last_end.filter(|_| self.failures > 0).map(|end| (end + self.backoff(), Reason::Retry));
        let wanted = self.wanted.map(|(at, reason)| (earliest.map_or(at, |e| e.max(at)), reason));
        let full = self.last_end.map(|end| (end + self.intervals.maximum, Reason::Interval));
        // A change does not wait for the backoff: it may be what mends the failure.
        [wanted, retry, full].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Oldest request that no run has answered.
    #[must_use]
    pub fn waiting_since(&self) -> Option<Instant> {
        self.wanted.map(|(at, _)| at)
    }

    fn backoff(&self) -> Duration {
        let doubled = self.intervals.retry.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        doubled.min(Intervals::MAX_RETRY).max(self.intervals.minimum)
    }

    /// A run begins: it answers all requests so far.
    pub fn begin(&mut self) {
        self.wanted = None;
    }

    /// A run has ended.
    pub fn end(&mut self, now: Instant, succeeded: bool) {
        self.last_end = Some(now);
        self.failures = if succeeded { 0 } else { self.failures.saturating_add(1) };
    }

    /// Failures since the last success.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_lone_change_goes_out_at_once_and_a_storm_is_merged() {
        let start = Instant::now();
        let mut f = Frequency::new(Intervals::default());
        f.request(start, Reason::Start);
        assert_eq!(f.next(), Some((start, Reason::Start)));
        f.begin();
        f.end(start + MS, true);
        // Long after: at once.
        let later = start + 500 * MS;
        f.request(later, Reason::Change);
        assert_eq!(f.next(), Some((later, Reason::Change)));
        f.begin();
        f.end(later + MS, true);
        // Right after: at the minimum interval, however many.
        for i in 2..50 {
            f.request(later + i * MS, Reason::Change);
        }
        assert_eq!(f.next(), Some((later + 101 * MS, Reason::Change)));
        assert_eq!(f.waiting_since(), Some(later + 2 * MS));
    }

    #[test]
    fn failures_are_retried_later_and_later_but_a_change_comes_at_once() {
        let start = Instant::now();
        let mut f = Frequency::new(Intervals::default());
        let mut waits = Vec::new();
        for _ in 0..10 {
            f.begin();
            f.end(start, false);
            waits.push(f.next().map(|(at, reason)| ((at - start).as_millis(), reason)));
        }
        assert_eq!(waits[0], Some((200, Reason::Retry)));
        assert_eq!(waits[1], Some((400, Reason::Retry)));
        assert_eq!(waits[9], Some((30_000, Reason::Retry)));
        f.request(start + 200 * MS, Reason::Change);
        assert_eq!(f.next(), Some((start + 200 * MS, Reason::Change)));
        f.begin();
        f.end(start, true);
        assert_eq!(f.next(), Some((start + Intervals::default().maximum, Reason::Interval)));
    }
}
