//! The ledger: the table of every event seen, and its entries.
//!
//! One entry per event, keyed by the event's id. The write that claims an event also stores its body, so a claim is
//! also the durable record. An entry's life:
//!
//! ```text
//!            claim                 mark
//!  (absent) ───────▶ held by an attempt ───────▶ published | ledger-only
//!                     │      ▲  │ defer                  ▲          │
//!              lapses │      │  ▼          sweep          │          │ admit
//!                     └──────┘  due ─────────────────────┘          │
//!                                ▲──────────────────────────────────┘
//! ```
//!
//! An entry is ledger-only on purpose, or because it [waits](endpoint::is_waiting) for its endpoint's configuration.
//!
//! Guarantees, which the conformance suite in the harness checks on every implementation:
//! - of any number of parallel claims of one event, one wins;
//! - an attempt that finds its own claim again has won it (the SDK repeats a put if its answer was lost);
//! - a claim that has lapsed can be taken over. That changes only the attempt and its lapse: the first complete body,
//!   `due_at` and everything else stay;
//! - an entry that is past `expires_at` counts as absent, whether or not the table's TTL has removed it.

use std::borrow::Cow;
use std::future::Future;

use crate::code::Code;
use crate::delivery::endpoint;
use crate::event::{Head, Origin};
use crate::fault::Fault;

/// The fewest days that an entry may be kept: Stripe lets an operator resend an event for 30 days.
pub const RETENTION_DAYS_MIN: u32 = 31;

/// One delivery of one event at ingest: what a claim is made with.
#[derive(Debug, Clone)]
pub struct Arrival<'a> {
    /// The fields that were read from the event.
    pub head: Head<'a>,
    /// The endpoint that received it, by its configured name.
    pub endpoint: &'a str,
    /// How it came in, if not by a delivery: `reconcile`.
    pub via: Option<&'static str>,
    /// The bytes that Stripe signed.
    pub body: &'a [u8],
    /// The name of this invocation, and of no other.
    pub attempt: &'a str,
    /// When the delivery came in.
    pub received_at_ms: i64,
    /// When this attempt is certainly over: the invocation's deadline plus a margin for clock skew.
    pub lapses_at_ms: i64,
    /// When the entry expires, in Unix seconds.
    pub expires_at_s: i64,
    /// The W3C trace context that the delivery belongs to.
    pub traceparent: &'a str,
    /// Why the event is only stored and never published, if so.
    pub ledger_only: Option<&'static str>,
}

impl Arrival<'_> {
    /// The fields that the entry keeps of the event, owned.
    pub fn origin(&self) -> Origin<'_> {
        let object = self.head.object.as_ref();
        Origin {
            id: Cow::Borrowed(&self.head.id),
            kind: Cow::Borrowed(&self.head.kind),
            shape: self.head.shape,
            endpoint: Cow::Borrowed(self.endpoint),
            via: self.via.map(Cow::Borrowed),
            account: borrow(&self.head.account),
            livemode: self.head.livemode,
            created: self.head.created,
            api_version: borrow(&self.head.api_version),
            object_id: object.and_then(|object| borrow(&object.id)),
            object_kind: object.and_then(|object| borrow(&object.kind)),
            received_at_ms: self.received_at_ms,
            traceparent: Cow::Borrowed(self.traceparent),
            as_pointer: self.head.has_reserved_key,
        }
    }
}

fn borrow<'a>(value: &'a Option<Cow<'_, str>>) -> Option<Cow<'a, str>> {
    value.as_deref().map(Cow::Borrowed)
}

/// An entry's position in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryState {
    /// The attempt that holds, or last held, the claim.
    pub attempt: String,
    /// When that claim lapses.
    pub lapses_at_ms: i64,
    /// When the entry expires, in Unix seconds.
    pub expires_at_s: i64,
    /// Set once the event is known to be on the bus.
    pub published_at_ms: Option<i64>,
    /// Set while the event waits for sweep.
    pub due_at_ms: Option<i64>,
    /// How many times the bus refused the event from sweep.
    pub refusals: u32,
    /// Why the event is stored and not published.
    pub ledger_only: Option<String>,
}

impl EntryState {
    /// Whether the event is only stored until the configuration of its endpoint is corrected.
    pub fn is_waiting(&self) -> bool {
        self.ledger_only
            .as_deref()
            .is_some_and(endpoint::is_waiting)
    }
}

/// An entry as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is known about the event.
    pub origin: Origin<'static>,
    /// Its state.
    pub standing: EntryState,
    /// SHA-256 of the body.
    pub hash: [u8; 32],
    /// The body's bytes, before compression.
    pub size: u64,
}

/// What an attempt does with an entry that already exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The claim is this attempt's own, found again.
    Own,
    /// The event is on the bus, or stored as ledger-only and not for this arrival to publish.
    Finished,
    /// The event waits for sweep.
    Queued,
    /// The claim has lapsed, or was made only to store the event: take it over.
    TakeOver,
    /// Another attempt is live.
    Held,
    /// The same id names another event.
    Conflict,
    /// The entry has expired: it counts as absent.
    Absent,
}

/// Decides about an entry that a claim found.
///
/// The order of the questions is part of the protocol. An expired entry proves nothing. An own claim is recognised
/// before its lapse is checked. A due entry is never taken over, because sweep will publish it. An event that one
/// endpoint only stores may be for another to publish: Stripe sends a connected account's test event to both, under one
/// id. The account of an event that waits for the configuration isn't decided yet: the arrival that takes it over names
/// it.
pub fn decide(entry: &Entry, arrival: &Arrival<'_>, now_ms: i64) -> Decision {
    let standing = &entry.standing;
    if is_expired(standing, now_ms) {
        Decision::Absent
    } else if is_other_event(entry, &arrival.head) {
        Decision::Conflict
    } else if standing.published_at_ms.is_some() {
        Decision::Finished
    } else if standing.due_at_ms.is_some() {
        Decision::Queued
    } else if standing.ledger_only.is_some() {
        match arrival.ledger_only {
            Some(_) => Decision::Finished,
            None => Decision::TakeOver,
        }
    } else if standing.attempt == arrival.attempt {
        Decision::Own
    } else if standing.lapses_at_ms <= now_ms {
        Decision::TakeOver
    } else {
        Decision::Held
    }
}

/// Whether an entry counts as absent. An entry that is still due never expires: it has been acknowledged.
pub fn is_expired(standing: &EntryState, now_ms: i64) -> bool {
    standing.expires_at_s.saturating_mul(1000) <= now_ms && standing.due_at_ms.is_none()
}

/// True when the same id names something else: type, account or object differ.
///
/// The bytes may differ although the event is the same (`pending_webhooks` counts down; endpoints are pinned to
/// different API versions). An object id that only one API version has is no difference either.
fn is_other_event(entry: &Entry, second: &Head<'_>) -> bool {
    let first = &entry.origin;
    let second_object = second
        .object
        .as_ref()
        .and_then(|object| object.id.as_deref());
    let objects_differ = match (first.object_id.as_deref(), second_object) {
        (Some(first), Some(second)) => first != second,
        _ => false,
    };
    let accounts_differ =
        !entry.standing.is_waiting() && first.account.as_deref() != second.account.as_deref();
    first.kind != second.kind || accounts_differ || objects_differ
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The event is new, or the attempt found its own claim again. `complete` is false if the body is too large for the
    /// entry and has to be stored in parts before anything is published.
    Won {
        /// The stored body is complete.
        complete: bool,
    },
    /// A claim was taken over that had lapsed or was made only to store the event. `body` is the stored body, or `None`
    /// if its parts are not all there.
    TookOver {
        /// The entry, under the new attempt.
        entry: Box<Entry>,
        /// The stored body, if it is complete.
        body: Option<Vec<u8>>,
    },
    /// On the bus already, or stored as ledger-only.
    Finished,
    /// Waiting for sweep.
    Queued,
    /// Another attempt is live.
    Held,
    /// The same id names another event.
    Conflict,
}

/// The answer to a defer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deferred {
    /// The entry is due: sweep will publish it.
    Due,
    /// Another attempt has published it meanwhile.
    Published,
    /// Another attempt holds the claim by now.
    Lost,
}

/// The ledger as ingest uses it.
pub trait Ledger: Sync {
    /// Claims the event for the arrival's attempt, and stores its body in the same write if it fits.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached: nothing is known about the claim then.
    fn claim(&self, arrival: &Arrival<'_>) -> impl Future<Output = Result<Claimed, Fault>> + Send;

    /// Reads what an entry's state means for this arrival, without writing.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached.
    fn look(&self, arrival: &Arrival<'_>) -> impl Future<Output = Result<Decision, Fault>> + Send;

    /// Stores the arrival's body in parts keyed by its hash and names them in the entry. The stored body is complete
    /// when this returns. Repeating it is safe, even in parallel with another attempt.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached, `Held` if another attempt holds the claim by now.
    fn complete(&self, arrival: &Arrival<'_>) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Records that the event is on the bus, or that it is ledger-only for the given reason. Conditional on the
    /// attempt; repeating it succeeds. `Ok(false)` if another attempt holds the claim by now.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached.
    fn mark(
        &self,
        arrival: &Arrival<'_>,
        now_ms: i64,
    ) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// Hands the event to sweep: due at once. Conditional on the attempt and on the event not being published.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached: the event may or may not be due then.
    fn defer(
        &self,
        arrival: &Arrival<'_>,
        due_at_ms: i64,
    ) -> impl Future<Output = Result<Deferred, Fault>> + Send;

    /// Keeps a body that came under another event's id, beside that entry, under its hash. Safe to repeat.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached.
    fn keep_other(&self, arrival: &Arrival<'_>) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// A due entry as sweep reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The entry.
    pub entry: Entry,
    /// The stored body, or `None` if it is incomplete.
    pub body: Option<Vec<u8>>,
}

/// The ledger as sweep uses it.
pub trait DueLedger: Sync {
    /// The ids of entries due at `now_ms`, oldest first within a shard, at most `limit`. The list may be slightly
    /// outdated and may name entries that are no longer due: [`DueLedger::take_up`] checks that.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached.
    fn due(
        &self,
        now_ms: i64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<String>, Fault>> + Send;

    /// The entry, if it is due and unpublished now.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached.
    fn take_up(
        &self,
        id: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Option<Due>, Fault>> + Send;

    /// Records that sweep has put the event on the bus; it is no longer due.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached: the event stays due and will be published again.
    fn mark_swept(&self, id: &str, now_ms: i64) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Moves a refused entry to a later time and counts the refusal. With `as_pointer`, it is published as a pointer
    /// from now on. Does nothing to an entry that is no longer due, or isn't due earlier than that: a repetition counts
    /// once.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached: the event stays due where it was.
    fn postpone(
        &self,
        id: &str,
        due_at_ms: i64,
        as_pointer: bool,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// The ledger as replay uses it for entries that [wait](EntryState::is_waiting) for their endpoint's configuration.
pub trait Waiting: Sync {
    /// Admits an entry that was stored for this reason. It is no longer ledger-only, its account is the given one, and
    /// it is due from then on, so that sweep publishes it with its stored body. Repeating it succeeds, also after
    /// another operator did it. `Ok(true)` if the entry is due when this returns. `Ok(false)` if it is published, is
    /// another attempt's to publish, or was stored for another reason; nothing is changed then.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached: the entry may or may not be due then, and repeating this is safe.
    fn admit(
        &self,
        id: &str,
        reason: Code,
        account: Option<&str>,
        due_at_ms: i64,
    ) -> impl Future<Output = Result<bool, Fault>> + Send;
}

/// The ledger as consumers use it: bodies, to read.
pub trait Bodies: Sync {
    /// The stored body of an event, byte for byte; `None` if there is none, it is incomplete, or it has expired.
    ///
    /// # Errors
    /// `Retry` if the ledger can't be reached.
    fn body(
        &self,
        id: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, Fault>> + Send;
}
