//! The rules for every consumer of a queue: a message as it is received, the time that it needs, and a guard against
//! panics in a user's code.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;

use crate::code;
use crate::fault::{Fault, Pace};

/// No message begins with less time than this left: a read, a write, an emission and a clear have to fit.
pub const MESSAGE_RESERVE_MS: i64 = 5_000;

/// A panic is rejected when the message has been received this often.
pub const PANIC_RECEIVES_MAX: u32 = 3;

/// A message as the queue gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Identifies the message to the queue.
    pub message_id: String,
    /// The text that the rule's target wrote.
    pub text: String,
    /// How often it has been received, this time included.
    pub receives: u32,
}

/// The fault of a message for which the deadline leaves no time.
pub(crate) fn no_time() -> Fault {
    Fault::retry(code::BATCH_NO_TIME, "the deadline is too near to begin").paced(Pace::Untouched)
}

/// Runs a future of a user's code and turns a panic in it into a fault. The panic's text is not kept: it may quote the
/// payload.
pub(crate) async fn caught<T>(
    future: impl Future<Output = Result<T, Fault>>,
    receives: u32,
) -> Result<T, Fault> {
    let mut future = pin!(future);
    std::future::poll_fn(move |context| {
        // Nothing half-done is used again: the future is dropped, and all state is in the tables.
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        polled.unwrap_or_else(|_| {
            let cause = "the function's own code panicked";
            Poll::Ready(Err(if receives < PANIC_RECEIVES_MAX {
                Fault::retry(code::DOMAIN_PANICKED, cause)
            } else {
                Fault::reject(code::DOMAIN_PANICKED, cause)
            }))
        })
    })
    .await
}
