//! Measures elapsed time when no single clock is reliable.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Since the process began, by a clock that never jumps. While Lambda keeps the environment frozen it may stand still:
    /// Linux's `CLOCK_MONOTONIC` doesn't count the time for which a system was suspended.
    pub(super) steady: Duration,
    /// Since 1970, by the system's clock. It counts suspended time, and may be set forward or back.
    pub(super) wall: Duration,
}

impl Moment {
    /// The time from here to a later moment, by the clock that shows more.
    pub(super) fn until(self, later: Self) -> Duration {
        let steady = later.steady.saturating_sub(self.steady);
        steady.max(later.wall.saturating_sub(self.wall))
    }

    fn now() -> Self {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        Self {
            steady: START.elapsed(),
            wall: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }
}

/// Returns the current moment.
#[derive(Clone)]
pub(super) struct Time(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Time {
    pub(super) fn now(&self) -> Moment {
        (self.0)()
    }

    /// For tests.
    #[cfg(test)]
    pub(super) fn of(now: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }
}

impl Default for Time {
    fn default() -> Self {
        Self(Arc::new(Moment::now))
    }
}

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Time")
    }
}
