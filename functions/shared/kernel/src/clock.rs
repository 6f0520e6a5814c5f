//! Time, handed in: the kernel reads no clock, so that tests can move it.

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
