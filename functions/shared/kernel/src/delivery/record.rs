//! The protocol of ingest: claim → publish → mark.
//!
//! [`record_and_publish`] is called with a delivery whose signature has been verified. What it guarantees for each
//! answer:
//!
//! - [`DeliveryOutcome::Accepted`], [`DeliveryOutcome::Duplicate`], [`DeliveryOutcome::Queued`] (200): the event is
//!   durably stored, and is on the bus, or is due in the ledger so that sweep publishes it;
//! - [`DeliveryOutcome::Held`] (409): another attempt is live and may still fail, so Stripe has to deliver again;
//! - a fault (5xx): nothing is promised. Stripe delivers again, and the next delivery continues from whatever the
//!   attempt left.
//!
//! The windows in which a crash or a lost answer may happen, and what follows:
//!
//! | after | the ledger has | what follows |
//! |---|---|---|
//! | nothing | no entry | the next delivery wins |
//! | claim | a claim that lapses | the next delivery takes over after the lapse |
//! | store parts | the same, body complete | the same; the stored body stays |
//! | publish | a claim that lapses | the next delivery publishes a second time; consumers absorb it |
//! | mark | a published entry | the next delivery is a duplicate |
//! | defer | a due entry | sweep publishes |
//!
//! The model in `tests/model` checks this with lost answers, crashes, lapses, clock skew and parallel deliveries.

use crate::bus::{Bus, PublishRefusal, detail};
use crate::clock::Clock;
use crate::delivery::ledger::{Arrival, Claimed, Decision, Deferred, Entry, Ledger};
use crate::event::Origin;
use crate::fault::{Class, Fault};

/// How long to wait before each further look at an entry that another attempt holds: about a second in all. Most
/// parallel deliveries finish well within that time, and a 409 costs Stripe another delivery.
pub const LOOK_AGAIN_MS: [u64; 4] = [100, 200, 300, 400];

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// This delivery put the event on the bus, or only stored it if it is ledger-only.
    Accepted {
        /// How long ago the event first came in, if this delivery took over the claim of an attempt that never ended.
        claim_age_ms: Option<i64>,
        /// The event is on the bus, but the ledger doesn't know: neither mark nor defer succeeded.
        unmarked: bool,
    },
    /// The event had been recorded before.
    Duplicate,
    /// The bus can't accept the event now; sweep will publish it.
    Queued {
        /// Why, if this delivery met the refusal itself.
        cause: Option<String>,
        /// As in [`DeliveryOutcome::Accepted`].
        claim_age_ms: Option<i64>,
    },
    /// Another attempt is live.
    Held,
    /// The same id names another event: this delivery's body is kept beside the entry.
    Conflict,
}

/// Records and publishes a verified delivery.
///
/// # Errors
/// `Retry` whenever nothing can be promised.
pub async fn record_and_publish(
    ledger: &impl Ledger,
    bus: &impl Bus,
    clock: &impl Clock,
    arrival: &Arrival<'_>,
) -> Result<DeliveryOutcome, Fault> {
    let age = |entry: &Entry| {
        Some(
            arrival
                .received_at_ms
                .saturating_sub(entry.origin.received_at_ms),
        )
    };
    match claim(ledger, clock, arrival).await? {
        Claimed::Won { complete } => {
            if !complete {
                store_parts(ledger, arrival).await?;
            }
            let own = arrival.origin();
            publish(ledger, bus, clock, arrival, &own, arrival.body, None).await
        }
        Claimed::TookOver {
            entry,
            body: Some(first),
        } => {
            publish(
                ledger,
                bus,
                clock,
                arrival,
                &entry.origin,
                &first,
                age(&entry),
            )
            .await
        }
        Claimed::TookOver { entry, body: None } => {
            store_parts(ledger, arrival).await?;
            publish(
                ledger,
                bus,
                clock,
                arrival,
                &entry.origin,
                arrival.body,
                age(&entry),
            )
            .await
        }
        Claimed::Finished => Ok(DeliveryOutcome::Duplicate),
        Claimed::Queued => Ok(DeliveryOutcome::Queued {
            cause: None,
            claim_age_ms: None,
        }),
        Claimed::Held => Ok(DeliveryOutcome::Held),
        Claimed::Conflict => {
            ledger.keep_other(arrival).await?;
            Ok(DeliveryOutcome::Conflict)
        }
    }
}

/// Claims the event. If another attempt holds it, looks again for about a second.
async fn claim(
    ledger: &impl Ledger,
    clock: &impl Clock,
    arrival: &Arrival<'_>,
) -> Result<Claimed, Fault> {
    let claimed = ledger.claim(arrival).await?;
    if claimed != Claimed::Held {
        return Ok(claimed);
    }
    for wait_ms in LOOK_AGAIN_MS {
        clock.sleep_ms(wait_ms).await;
        match ledger.look(arrival).await? {
            Decision::Held => {}
            Decision::Finished => return Ok(Claimed::Finished),
            Decision::Queued => return Ok(Claimed::Queued),
            Decision::Conflict => return Ok(Claimed::Conflict),
            Decision::Own | Decision::TakeOver | Decision::Absent => {
                return ledger.claim(arrival).await;
            }
        }
    }
    Ok(Claimed::Held)
}

/// Stores a large body completely before anything points to it. If the claim was lost meanwhile, the other attempt
/// finishes, and Stripe delivers this event again.
async fn store_parts(ledger: &impl Ledger, arrival: &Arrival<'_>) -> Result<(), Fault> {
    ledger
        .complete(arrival)
        .await
        .map_err(|fault| match fault.class {
            Class::Held => Fault::retry(fault.code, fault.cause),
            _ => fault,
        })
}

async fn publish(
    ledger: &impl Ledger,
    bus: &impl Bus,
    clock: &impl Clock,
    arrival: &Arrival<'_>,
    origin: &Origin<'_>,
    body: &[u8],
    claim_age_ms: Option<i64>,
) -> Result<DeliveryOutcome, Fault> {
    if arrival.ledger_only.is_some() {
        // There is nothing to publish, so nothing to defer either: without the mark there is no promise.
        return match ledger.mark(arrival, clock.now_ms()).await? {
            true => Ok(DeliveryOutcome::Accepted {
                claim_age_ms,
                unmarked: false,
            }),
            false => Ok(DeliveryOutcome::Held),
        };
    }
    match publish_one(bus, origin, body).await {
        Ok(()) => Ok(mark(ledger, clock, arrival, claim_age_ms).await),
        Err(cause) => defer(ledger, clock, arrival, cause, claim_age_ms).await,
    }
}

/// Publishes inline if possible, and as a pointer if the bus refuses the form.
async fn publish_one(bus: &impl Bus, origin: &Origin<'_>, body: &[u8]) -> Result<(), String> {
    let mut pointer = false;
    loop {
        let entry = detail::outgoing(origin, (!pointer).then_some(body));
        // An answer without a result for the entry counts as no answer.
        match bus.publish(std::slice::from_ref(&entry)).await.pop() {
            Some(Ok(())) => return Ok(()),
            Some(Err(PublishRefusal::Form { .. })) if !pointer => pointer = true,
            Some(Err(PublishRefusal::Form { cause } | PublishRefusal::Later { cause })) => {
                return Err(cause);
            }
            None => return Err("the bus gave no result".to_owned()),
        }
    }
}

/// The event is on the bus: whatever happens now, the answer is 200. If the mark can't be written, sweep is asked to
/// publish a second time, which consumers absorb, so that the entry doesn't look unpublished for ever.
async fn mark(
    ledger: &impl Ledger,
    clock: &impl Clock,
    arrival: &Arrival<'_>,
    claim_age_ms: Option<i64>,
) -> DeliveryOutcome {
    let now_ms = clock.now_ms();
    let unmarked = match ledger.mark(arrival, now_ms).await {
        Ok(_) => false,
        Err(_) => ledger.defer(arrival, now_ms).await.is_err(),
    };
    DeliveryOutcome::Accepted {
        claim_age_ms,
        unmarked,
    }
}

async fn defer(
    ledger: &impl Ledger,
    clock: &impl Clock,
    arrival: &Arrival<'_>,
    cause: String,
    claim_age_ms: Option<i64>,
) -> Result<DeliveryOutcome, Fault> {
    match ledger.defer(arrival, clock.now_ms()).await? {
        Deferred::Due => Ok(DeliveryOutcome::Queued {
            cause: Some(cause),
            claim_age_ms,
        }),
        Deferred::Published => Ok(DeliveryOutcome::Duplicate),
        Deferred::Lost => Ok(DeliveryOutcome::Held),
    }
}
