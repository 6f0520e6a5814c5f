//! How often Stripe may be asked.
//!
//! Fetches count against the merchant's own limit (100 requests/s live, 25 in a sandbox), which also serves their shop.
//! So our limit is a small part of it. It is divided among all environments that could run at the same time, because
//! they can't see each other. What one environment leaves unused is lost.
//!
//! Guarantee: all environments together ask at most `rate` times per second in the long run. In any time range each
//! adds at most [`BURST`] to that, and one for each deletion that it proves.
//!
//! A token bucket of [`BURST`] tokens. It is kept as one number, the time at which it will be full again, so nothing
//! has to be refilled.

use std::num::NonZeroU32;

/// Fetches per second over all environments, unless configured otherwise: a tenth of what Stripe allows a live account.
pub const RATE_PER_S: NonZeroU32 = NonZeroU32::new(10).expect("ten isn't zero");

/// How many fetches an environment may make at once after a pause. A new environment adds at most this to the rate.
pub const BURST: u32 = 2;

/// One environment's share.
#[derive(Debug, Clone)]
pub struct Budget {
    /// The time after which one token comes back.
    interval_ms: u64,
    /// When the bucket is full again.
    full_at_ms: u64,
}

impl Budget {
    /// An equal share of `rate_per_s` for each of `environments`. Their number is the sum, over every function that
    /// fetches, of the environments that may run at the same time.
    pub fn shared(rate_per_s: NonZeroU32, environments: NonZeroU32) -> Self {
        let environments = u64::from(environments.get());
        Self {
            interval_ms: (1_000 * environments).div_ceil(u64::from(rate_per_s.get())),
            full_at_ms: 0,
        }
    }

    /// Takes a token. `now_ms` counts from any moment, by a clock that doesn't jump.
    ///
    /// # Errors
    /// The time until there is a token, in milliseconds.
    pub fn take(&mut self, now_ms: u64) -> Result<(), u64> {
        match self.full_at_ms.checked_sub(now_ms + self.slack_ms()) {
            None | Some(0) => {
                self.spend(now_ms);
                Ok(())
            }
            Some(wait_ms) => Err(wait_ms),
        }
    }

    /// Takes a token even if there is none: later ones come later.
    pub fn spend(&mut self, now_ms: u64) {
        self.full_at_ms = self.full_at_ms.max(now_ms).saturating_add(self.interval_ms);
    }

    /// Gives no token for the next `ms`, because Stripe said so.
    pub fn rest(&mut self, now_ms: u64, ms: u64) {
        let until_ms = now_ms.saturating_add(ms).saturating_add(self.slack_ms());
        self.full_at_ms = self.full_at_ms.max(until_ms);
    }

    /// How long before it is full the bucket already holds a token.
    fn slack_ms(&self) -> u64 {
        self.interval_ms * u64::from(BURST - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(rate_per_s: u32, environments: u32) -> Budget {
        let number = |number| NonZeroU32::new(number).expect("not zero");
        Budget::shared(number(rate_per_s), number(environments))
    }

    #[test]
    fn a_burst_is_given_at_once_and_then_a_token_an_interval() {
        let mut budget = budget(10, 1);
        assert_eq!(budget.take(5_000), Ok(()));
        assert_eq!(budget.take(5_000), Ok(()));
        assert_eq!(budget.take(5_000), Err(100));
        assert_eq!(budget.take(5_099), Err(1));
        assert_eq!(budget.take(5_100), Ok(()));
        assert_eq!(budget.take(5_100), Err(100));
    }

    #[test]
    fn a_pause_gives_no_more_than_the_burst() {
        let mut budget = budget(10, 1);
        let taken = (0..10).filter(|_| budget.take(3_600_000).is_ok()).count();
        assert_eq!(taken, 2);
    }

    #[test]
    fn environments_share_the_rate() {
        let mut budget = budget(10, 40);
        assert_eq!(budget.take(0), Ok(()));
        assert_eq!(budget.take(0), Ok(()));
        assert_eq!(budget.take(0), Err(4_000));
    }

    #[test]
    fn a_rest_is_kept_and_ends_with_one_token() {
        let mut budget = budget(10, 1);
        budget.rest(1_000, 2_000);
        assert_eq!(budget.take(1_000), Err(2_000));
        assert_eq!(budget.take(2_999), Err(1));
        assert_eq!(budget.take(3_000), Ok(()));
        assert_eq!(budget.take(3_000), Err(100));
        // A shorter rest doesn't end the longer one.
        budget.rest(3_000, 2_000);
        budget.rest(3_000, 10);
        assert_eq!(budget.take(4_000), Err(1_000));
    }

    #[test]
    fn what_is_spent_without_asking_is_missing_later() {
        let mut budget = budget(10, 1);
        for _ in 0..3 {
            budget.spend(0);
        }
        assert_eq!(budget.take(0), Err(200));
        assert_eq!(budget.take(200), Ok(()));
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_has_more_than_the_rate_and_a_burst(
            rate in 1_u32..50,
            environments in 1_u32..50,
            steps in prop::collection::vec(0_u64..400, 1..200),
        ) {
            let mut budget = budget(rate, environments);
            let mut now_ms = 0;
            let mut taken = Vec::new();
            for step in steps {
                now_ms += step;
                if budget.take(now_ms).is_ok() {
                    taken.push(now_ms);
                }
            }
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let allowed = (to - from) * u64::from(rate) / (1_000 * u64::from(environments));
                    prop_assert!((last - first + 1) as u64 <= allowed + u64::from(BURST));
                }
            }
        }

        #[test]
        fn who_waits_the_time_given_gets_a_token(rate in 1_u32..50, steps in prop::collection::vec(0_u64..400, 1..50)) {
            let mut budget = budget(rate, 7);
            let mut now_ms = 0;
            for step in steps {
                now_ms += step;
                if let Err(wait_ms) = budget.take(now_ms) {
                    prop_assert_eq!(budget.take(now_ms + wait_ms), Ok(()));
                    now_ms += wait_ms;
                }
            }
        }
    }
}
