//! Time as a port: the kernel reads no clock, so that tests can control it.

use std::future::Future;

/// The time, and waiting for it to pass.
pub trait Clock: Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64;

    /// Waits for `ms` milliseconds.
    fn sleep_ms(&self, ms: u64) -> impl Future<Output = ()> + Send;
}

impl<C: Clock> Clock for &C {
    fn now_ms(&self) -> i64 {
        (**self).now_ms()
    }

    fn sleep_ms(&self, ms: u64) -> impl Future<Output = ()> + Send {
        (**self).sleep_ms(ms)
    }
}

/// Milliseconds from Stripe's `created`, in seconds, until now; `None` if there is none or it lies ahead.
pub fn lag_ms(created_s: Option<i64>, now_ms: i64) -> Option<i64> {
    let lag_ms = now_ms.checked_sub(created_s?.checked_mul(1_000)?)?;
    (lag_ms >= 0).then_some(lag_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_says_it_comes_from_the_future_has_no_lag() {
        assert_eq!(lag_ms(Some(10), 12_500), Some(2_500));
        assert_eq!(lag_ms(Some(13), 12_500), None);
        assert_eq!(lag_ms(None, 12_500), None);
        assert_eq!(lag_ms(Some(i64::MIN), 0), None);
    }
}
