//! Stripe's time, compressed: retries continue for three days, and no test waits for them.
//!
//! Only waits are compressed. The receiver's time to answer is real, and so is the second of a signature.

use std::time::Duration;

/// An hour.
pub const HOUR: Duration = Duration::from_secs(3_600);

/// How real time maps to Stripe's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    hour: Duration,
}

impl Clock {
    /// Not compressed at all.
    pub const REAL: Self = Self { hour: HOUR };

    /// The real length of one of Stripe's hours: at least a microsecond, at most an hour.
    #[must_use]
    pub fn hour_lasts(real: Duration) -> Self {
        Self {
            hour: real.clamp(Duration::from_micros(1), HOUR),
        }
    }

    /// Converts real time to Stripe's.
    #[must_use]
    pub fn stripe(self, real: Duration) -> Duration {
        scale(real, HOUR, self.hour)
    }

    /// Converts Stripe's time to real time.
    #[must_use]
    pub fn real(self, stripe: Duration) -> Duration {
        scale(stripe, self.hour, HOUR)
    }
}

/// A time × a ÷ b; b isn't zero.
fn scale(time: Duration, a: Duration, b: Duration) -> Duration {
    let nanos = time.as_nanos().saturating_mul(a.as_nanos()) / b.as_nanos();
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_days_pass_in_three_seconds() {
        let clock = Clock::hour_lasts(Duration::from_secs(3) / 72);
        let days = clock.stripe(Duration::from_secs(3));
        assert_eq!(days.as_secs().div_ceil(86_400), 3);
        assert_eq!(clock.real(HOUR), Duration::from_secs(3) / 72);
    }

    #[test]
    fn an_hour_is_never_nothing_and_never_more_than_an_hour() {
        let none = Clock::hour_lasts(Duration::ZERO);
        assert!(none.real(HOUR) > Duration::ZERO);
        assert_eq!(Clock::hour_lasts(2 * HOUR), Clock::REAL);
        assert_eq!(Clock::REAL.stripe(HOUR), HOUR);
        // A time that is too large to count becomes the largest time, not a wrong one.
        assert!(none.stripe(Duration::MAX) > 1_000_000 * HOUR);
    }
}
