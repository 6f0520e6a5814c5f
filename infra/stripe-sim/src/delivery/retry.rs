//! When a delivery that wasn't acknowledged is retried.
//!
//! Stripe says "for up to three days with exponential back-off" for live mode and "three times over a few hours" for
//! sandboxes, and publishes no table. Here the wait doubles from five minutes to twelve hours. Each wait is a little
//! longer or shorter, so deliveries that failed together aren't retried together.

use std::time::Duration;

use crate::delivery::clock::HOUR;
use crate::ids::{Purpose, stream};

/// The rule of waits. Times are Stripe's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The wait after the first failure.
    pub first: Duration,
    /// The factor from each wait to the next.
    pub factor: u32,
    /// The longest wait.
    pub longest: Duration,
    /// The most time from the first try to the last.
    pub window: Duration,
    /// Each wait is up to this percentage longer or shorter. At most 100.
    pub jitter_percent: u8,
}

impl Retry {
    /// Live mode: 13 tries within three days.
    pub const LIVE: Self = Self {
        first: Duration::from_secs(300),
        factor: 2,
        longest: Duration::from_secs(12 * 3_600),
        window: Duration::from_secs(72 * 3_600),
        jitter_percent: 10,
    };

    /// A sandbox: the first try and three more within a few hours.
    pub const SANDBOX: Self = Self {
        first: Duration::from_secs(900),
        factor: 3,
        longest: HOUR.saturating_mul(3),
        window: HOUR.saturating_mul(4),
        jitter_percent: 10,
    };

    /// One try only.
    pub const NEVER: Self = Self {
        first: HOUR,
        factor: 1,
        longest: HOUR,
        window: Duration::ZERO,
        jitter_percent: 0,
    };

    /// The rule of live mode or of a sandbox.
    #[must_use]
    pub fn of(livemode: bool) -> Self {
        if livemode { Self::LIVE } else { Self::SANDBOX }
    }

    /// How many times an event is tried in all, the first included. It is a number and not a moment, so that a receiver
    /// which is slow by the compressed clock doesn't lose tries.
    #[must_use]
    pub fn tries(&self) -> u32 {
        let (mut tries, mut spent) = (1, Duration::ZERO);
        loop {
            spent = spent.saturating_add(self.plain(tries));
            if spent > self.window || tries == TRIES_MAX {
                return tries;
            }
            tries += 1;
        }
    }

    /// The wait after this number of tries of an event (any number that stands for the event); `None` when no try is
    /// left.
    #[must_use]
    pub fn after(&self, tries: u32, seed: u64, event: u64) -> Option<Duration> {
        if tries >= self.tries() {
            return None;
        }
        let number = event.wrapping_mul(u64::from(TRIES_MAX) + 1) + u64::from(tries);
        let percent = u32::from(self.jitter_percent.min(100));
        let roll = stream(seed, number, Purpose::Waits).u32(0..=2 * percent);
        Some(self.plain(tries).saturating_mul(100 - percent + roll) / 100)
    }

    fn plain(&self, tries: u32) -> Duration {
        let factor = self.factor.saturating_pow(tries.saturating_sub(1));
        self.first.saturating_mul(factor).min(self.longest)
    }
}

/// The most tries of one event, whatever the rule: a rule with waits of zero would never end.
pub const TRIES_MAX: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(retry: Retry) -> Vec<Duration> {
        let waits = (1..).map_while(|tries| retry.after(tries, 1, 7));
        waits.collect()
    }

    #[test]
    fn live_waits_double_and_end_within_three_days() {
        let plain = Retry {
            jitter_percent: 0,
            ..Retry::LIVE
        };
        let waits = waits(plain);
        assert_eq!(waits[0], Duration::from_secs(300));
        assert_eq!(waits[1], 2 * waits[0]);
        assert!(waits.iter().all(|wait| *wait <= 12 * HOUR));
        let sum: Duration = waits.iter().sum();
        assert!(sum > 60 * HOUR && sum <= 72 * HOUR, "{sum:?}");
        assert_eq!(Retry::LIVE.tries(), 13);
    }

    #[test]
    fn a_sandbox_tries_three_times_more_within_hours() {
        assert_eq!(waits(Retry::SANDBOX).len(), 3);
        assert_eq!(waits(Retry::NEVER).len(), 0);
    }

    #[test]
    fn waits_vary_by_event_and_are_the_same_for_a_seed() {
        let once: Vec<_> = (0..50)
            .map(|event| Retry::LIVE.after(1, 3, event))
            .collect();
        let again: Vec<_> = (0..50)
            .map(|event| Retry::LIVE.after(1, 3, event))
            .collect();
        assert_eq!(once, again);
        let different: std::collections::BTreeSet<_> = once.iter().flatten().collect();
        assert!(different.len() > 10);
        let around = Duration::from_secs(270)..=Duration::from_secs(330);
        assert!(different.iter().all(|wait| around.contains(*wait)));
    }

    #[test]
    fn a_rule_without_waits_ends_too() {
        let hasty = Retry {
            first: Duration::ZERO,
            ..Retry::LIVE
        };
        assert_eq!(hasty.tries(), TRIES_MAX);
    }
}
