//! Sweep: publishes what is due.
//!
//! It runs each minute. It reads due entries, at most a fixed number per run, publishes them in the batches that the
//! bus accepts, and marks each accepted one. Delivery guarantee: at least once. A crash between publish and mark
//! publishes again on the next run. Two parallel sweeps publish twice. Consumers absorb both.
//!
//! A refused entry is postponed and its refusals are counted, so that one bad entry can't starve the rest. An entry
//! refused for its size or form is published as a pointer from then on. If several calls in a row fail as a whole, the
//! bus is down: the run ends, and entries that it hasn't tried stay due as they were.

use crate::bus::{BATCH_ENTRIES_MAX, Bus, Outgoing, PublishRefusal, detail};
use crate::clock::Clock;
use crate::delivery::ledger::DueLedger;
use crate::fault::Fault;

/// The run ends after this many batches in a row of which the bus accepted nothing.
pub const FAILED_BATCHES_MAX: u32 = 3;

/// The first delay after a refusal; it doubles with each further one.
pub const POSTPONE_MS_FIRST: i64 = 30_000;

/// The longest delay after a refusal, so that recovery is prompt even after a long outage.
pub const POSTPONE_MS_MAX: i64 = 300_000;

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Entries published and marked.
    pub published: usize,
    /// Entries published whose mark failed: they stay due and are published again.
    pub unmarked: usize,
    /// Entries that the bus refused, postponed.
    pub refused: usize,
    /// Entries whose stored body is incomplete, postponed. The protocol never leaves one: an operator has to look.
    pub torn: usize,
    /// Entries that were no longer due when they were read.
    pub gone: usize,
    /// The run ended with work left.
    pub more: bool,
    /// How long the oldest entry that was read had been in the ledger, in milliseconds; 0 if none was.
    pub oldest_ms: i64,
}

/// Runs once: at most `entries_max` entries, starting no batch after `until_ms`.
///
/// # Errors
/// `Retry` if the due index can't be read. Faults of single entries are counted instead, and the others continue.
pub async fn sweep(
    ledger: &impl DueLedger,
    bus: &impl Bus,
    clock: &impl Clock,
    entries_max: usize,
    until_ms: i64,
) -> Result<Swept, Fault> {
    let mut swept = Swept::default();
    let ids = ledger.due(clock.now_ms(), entries_max).await?;
    swept.more = ids.len() >= entries_max;
    let mut failed_batches = 0;
    for batch in ids.chunks(BATCH_ENTRIES_MAX) {
        if clock.now_ms() >= until_ms || failed_batches >= FAILED_BATCHES_MAX {
            swept.more = true;
            break;
        }
        let taken = sweep_batch(ledger, bus, clock, batch, &mut swept).await;
        failed_batches = if taken { 0 } else { failed_batches + 1 };
    }
    Ok(swept)
}

struct TakenUp {
    id: String,
    refusals: u32,
    as_pointer: bool,
}

/// Returns false if there was something to publish and the bus accepted none of it.
async fn sweep_batch(
    ledger: &impl DueLedger,
    bus: &impl Bus,
    clock: &impl Clock,
    ids: &[String],
    swept: &mut Swept,
) -> bool {
    let mut taken_up = Vec::with_capacity(ids.len());
    let mut entries: Vec<Outgoing> = Vec::with_capacity(ids.len());
    for id in ids {
        match ledger.take_up(id, clock.now_ms()).await {
            Ok(None) => swept.gone += 1,
            // It can't be read now and is still due, so the next run reads it again.
            Err(_) => swept.refused += 1,
            Ok(Some(due)) => {
                let standing = &due.entry.standing;
                let age_ms = clock.now_ms() - due.entry.origin.received_at_ms;
                swept.oldest_ms = swept.oldest_ms.max(age_ms);
                if due.body.is_none() {
                    swept.torn += 1;
                    postpone(ledger, clock, id, standing.refusals, false).await;
                    continue;
                }
                entries.push(detail::outgoing(&due.entry.origin, due.body.as_deref()));
                taken_up.push(TakenUp {
                    id: id.clone(),
                    refusals: standing.refusals,
                    as_pointer: due.entry.origin.as_pointer,
                });
            }
        }
    }
    if entries.is_empty() {
        return true;
    }
    let mut results = bus.publish(&entries).await.into_iter();
    let mut any = false;
    for TakenUp {
        id,
        refusals,
        as_pointer,
    } in taken_up
    {
        match results.next() {
            Some(Ok(())) => {
                any = true;
                match ledger.mark_swept(&id, clock.now_ms()).await {
                    Ok(()) => swept.published += 1,
                    Err(_) => swept.unmarked += 1,
                }
            }
            refusal => {
                swept.refused += 1;
                let form = matches!(refusal, Some(Err(PublishRefusal::Form { .. })));
                postpone(ledger, clock, &id, refusals, as_pointer || form).await;
            }
        }
    }
    any
}

/// If this fails too, the entry keeps its due time, which loses nothing.
async fn postpone(
    ledger: &impl DueLedger,
    clock: &impl Clock,
    id: &str,
    refusals: u32,
    as_pointer: bool,
) {
    let delay_ms = POSTPONE_MS_FIRST
        .saturating_mul(1 << refusals.min(10))
        .min(POSTPONE_MS_MAX);
    let _ = ledger
        .postpone(id, clock.now_ms() + delay_ms, as_pointer)
        .await;
}
