//! When to look through all elements: once somebody else changed something, and no more often than it may cost. Pure: the clock is
//! passed in.

use std::time::{Duration, Instant};

/// From one look to the next, at least.
const AT_LEAST: Duration = Duration::from_secs(1);
/// A look that took so long is followed by this many times as much without one: two hundredths of a processor.
const REST: u32 = 50;

/// What is owed to changes of others.
#[derive(Clone, Debug, Default)]
pub(super) struct Inspection {
    /// Somebody changed something since the last look began.
    owed: bool,
    not_before: Option<Instant>,
}

impl Inspection {
    /// Somebody else changed something.
    pub(super) fn changed(&mut self) {
        self.owed = true;
    }

    /// Whether to look now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.owed && self.not_before.is_none_or(|at| now >= at)
    }

    /// A look has begun and ended.
    pub(super) fn done(&mut self, began: Instant, ended: Instant) {
        self.owed = false;
        self.not_before = Some(began + AT_LEAST.max((ended - began) * REST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_looked_at_and_large_tables_less_often() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut inspection = Inspection::default();
        assert!(!inspection.is_due(start));
        inspection.changed();
        assert!(inspection.is_due(start));
        inspection.done(start, start + ms(1));
        assert!(!inspection.is_due(start + ms(5000)));
        // A change right after a look waits, and is not forgotten.
        inspection.changed();
        assert!(!inspection.is_due(start + ms(999)));
        assert!(inspection.is_due(start + ms(1000)));
        inspection.done(start, start + ms(200));
        inspection.changed();
        assert!(!inspection.is_due(start + ms(9_999)));
        assert!(inspection.is_due(start + ms(10_000)));
    }
}
