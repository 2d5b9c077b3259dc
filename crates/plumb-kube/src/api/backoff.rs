//! How long to wait before a request is made again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// First pause; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(200);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(15);

/// Pauses that grow, with jitter so that the nodes of a cluster do not ask all at once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed: the pause until it is tried again, up to half as long again at random.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // A hasher's keys are random; nothing here needs better.
        let random = RandomState::new().hash_one(self.failures) % 512;
        pause + pause * u32::try_from(random).unwrap_or(0) / 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let mut backoff = Backoff::default();
        let first = backoff.next();
        assert!(first >= FIRST && first < FIRST * 2, "{first:?}");
        for _ in 0..40 {
            assert!(backoff.next() <= LONGEST * 3 / 2);
        }
        backoff.reset();
        assert!(backoff.next() < FIRST * 2);
    }
}
