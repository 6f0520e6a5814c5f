//! A queue's batch: each message on its own.
//!
//! One bad message never fails the others: each is parsed, applied and judged by itself, a panic of the domain's code
//! included. What comes back says for each message whether to acknowledge it. Messages that the deadline leaves no
//! time for go back untouched.
//!
//! A rejected message is acknowledged only once its rejection is recorded. A panic is retried twice and rejected the
//! third time: it may come from a deployment that is being rolled back.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;

use crate::bus::Bus;
use crate::clock::Clock;
use crate::consume::{self, Ports};
use crate::detail;
use crate::domain::Domain;
use crate::fault::{Class, Fault};
use crate::fetch::Objects;
use crate::ledger::Bodies;
use crate::outcome::{self, Outcome, Outcomes, Rejection};
use crate::projection::Projections;

/// No message is begun with less time than this left: a read, a write, an emission and a clear have to fit.
pub const MESSAGE_RESERVE_MS: i64 = 5_000;

/// A panic is rejected when the message has been received this often.
pub const PANIC_RECEIVES_MAX: u32 = 3;

/// A message as the queue gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Names the message to the queue.
    pub message_id: String,
    /// The text that the rule's target wrote.
    pub text: String,
    /// How often it has been received, this time included.
    pub receives: u32,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// Names the message to the queue.
    pub message_id: String,
    /// `evt_…`, where the message could be read.
    pub event: Option<String>,
    /// Stripe's type, where the message could be read.
    pub kind: Option<String>,
    /// The connected account, if any.
    pub account: Option<String>,
    /// The trace that the event belongs to.
    pub traceparent: Option<String>,
    /// `Ok`: acknowledge. `Err`: back to the queue.
    pub result: Result<Outcome, Fault>,
    /// The fault behind [`Outcome::Rejected`].
    pub rejected: Option<Fault>,
    /// A code for the log, where an acknowledged message has more to say.
    pub note: Option<&'static str>,
    /// How long it took.
    pub took_ms: i64,
}

/// Handles a batch, in order; returns one result a message.
pub async fn handle<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies, impl Objects>,
    outcomes: &impl Outcomes,
    clock: &impl Clock,
    messages: &[Received],
    deadline_ms: i64,
) -> Vec<Handled> {
    let mut handled = Vec::with_capacity(messages.len());
    for message in messages {
        handled.push(handle_one::<D>(ports, outcomes, clock, message, deadline_ms).await);
    }
    handled
}

async fn handle_one<D: Domain>(
    ports: &Ports<'_, impl Projections, impl Bus, impl Bodies, impl Objects>,
    outcomes: &impl Outcomes,
    clock: &impl Clock,
    received: &Received,
    deadline_ms: i64,
) -> Handled {
    let start_ms = clock.now_ms();
    let mut handled = Handled {
        message_id: received.message_id.clone(),
        event: None,
        kind: None,
        account: None,
        traceparent: None,
        result: Err(Fault::retry(
            "batch.no_time",
            "the deadline is too near to begin",
        )),
        rejected: None,
        note: None,
        took_ms: 0,
    };
    if deadline_ms - start_ms < MESSAGE_RESERVE_MS {
        return handled;
    }
    let result = match detail::read(&received.text) {
        Err(fault) => Err(fault),
        Ok(message) => {
            handled.event = Some(message.id.clone());
            handled.kind = Some(message.kind.clone());
            handled.account.clone_from(&message.tag.account);
            handled.traceparent = Some(message.tag.traceparent.clone());
            caught(
                consume::consume::<D>(ports, clock, &message),
                received.receives,
            )
            .await
        }
    };
    handled.result = match result {
        Err(fault) if fault.class == Class::Reject => {
            let recorded = outcomes
                .record(&rejection::<D>(&handled, received, &fault, clock))
                .await;
            handled.rejected = Some(fault);
            recorded.map(|()| Outcome::Rejected)
        }
        other => other.map(|consumed| {
            handled.note = consumed.note;
            consumed.outcome
        }),
    };
    handled.took_ms = clock.now_ms() - start_ms;
    handled
}

fn rejection<D: Domain>(
    handled: &Handled,
    received: &Received,
    fault: &Fault,
    clock: &impl Clock,
) -> Rejection {
    let subject = handled.event.clone();
    Rejection {
        subject: subject.unwrap_or_else(|| outcome::subject_of_message(&received.text)),
        domain: D::NAME,
        code: fault.code,
        cause: fault.cause.clone(),
        digest: outcome::digest(fault.code, &fault.cause),
        at_ms: clock.now_ms(),
    }
}

/// Runs a future of a user's code and turns a panic in it into a fault. The panic's text is not kept: it may quote the payload.
pub(crate) async fn caught<T>(
    future: impl Future<Output = Result<T, Fault>>,
    receives: u32,
) -> Result<T, Fault> {
    let mut future = pin!(future);
    std::future::poll_fn(move |context| {
        // Nothing half-done is seen again: the future is dropped, and all state is in the tables.
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        polled.unwrap_or_else(|_| {
            let cause = "the function's own code panicked";
            Poll::Ready(Err(if receives < PANIC_RECEIVES_MAX {
                Fault::retry("domain.panicked", cause)
            } else {
                Fault::reject("domain.panicked", cause)
            }))
        })
    })
    .await
}
