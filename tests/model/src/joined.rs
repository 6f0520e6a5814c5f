//! A model of the whole path: from Stripe's delivery to the effect at its receiver, with sweep, reconcile and replay.
//!
//! Ingest and the consumer have models of their own, which cover each of their calls. This model joins them, each with
//! the steps between which a crash makes a difference to the others. It adds their surroundings: Stripe, which delivers
//! again or gives up, reconcile, the operator with a replay, and a receiver of effects. So the promises are those that
//! a user would ask for: what was acknowledged to Stripe takes effect, once.
//!
//! # The world
//!
//! One object with one or two events ([`Event`]), its item in one domain ([`Item`]), and one receiver ([`Receiver`]).
//!
//! - **Stripe** delivers each event up to a number of times, concurrently or long after one another, even if it was
//!   answered 2xx but the answer was lost. It may give up at any time. An event that another endpoint has acknowledged
//!   and lost, or that Stripe failed to send, counts as one that Stripe gave up.
//! - **Ingest** claims, publishes, marks, or defers to **sweep**. A dead attempt's claim lapses some time later.
//! - **Reconcile** lists Stripe's events, and passes those to ingest that the ledger doesn't hold as published. Its
//!   cursor moves at the end of a run, if every event was settled, which means acknowledged as a delivery would be. It
//!   runs concurrently with deliveries, sweep and replays, and may die at any step.
//! - **The bus and the queue** deliver each message at least once, in any order. A message in transit counts as one
//!   that waits.
//! - **Workers** apply, emit, clear and acknowledge, and die in between; a message may end as a dead letter, which the
//!   operator redrives some time later.
//! - **A replay** publishes everything that the ledger has when it begins, at any time. Its record holds its generation
//!   and its cursor; its process may die at any step and is resumed. A **plain** one publishes the events as they came.
//!   A **forced** one publishes them under a generation: facts that were emitted are emitted once more under it, facts
//!   that weren't are emitted for the first time, and the current level is emitted.
//! - **An import or a rebuild** ([`Refresh`]) reads the object's current state from Stripe, at any time, even before
//!   the first event. Stripe shows the object first, and the item is written later; events are sent and applied in
//!   between. A suppressed write owes its level, and the object's next message emits it. An import of a known object
//!   and a rebuild that emits also emit and clear; they may die at any step, and are run again.
//! - **A restore** sets the item back to any of its earlier versions. Then its later events are replayed, or the next
//!   event comes; the receiver still holds the `seq` from before.
//! - **Time** is a counter that only grows. A level's `seq` is the time, or one more than the item's last `seq` if that
//!   is greater. Clocks stand still between two writes, which is the worst case; a restore takes longer than the
//!   difference between clocks.
//! - **The receiver** acts on a fact with an unknown id, and on a level with a `seq` higher than the last.
//!
//! # What is promised
//!
//! [`properties`] lists it. Every action is either a step towards an end or counted against a budget of the
//! configuration. So no path returns to an earlier world (`tests/joined.rs` checks all paths). In every case everything
//! comes to rest, and "in the end" means: in every world at rest. A suppressed write or a restore leaves work to the
//! next message or to a replay; to check that, the test lets these happen. [`properties::SIGHTS`] lists what must be
//! reached.
//!
//! # What is not modelled
//!
//! Some parts that the two other models have checked are one step here. These are a claim, by a put or a takeover, in
//! which an attempt knows its own claim; a body with its entry; a conditional write of the item with the reads after
//! its conflicts; and a clear. Those models also cover differing clocks, large bodies, overlapping sweeps, two events
//! of one change, a longer history of messages, and answers that are lost after the bus. [`scopes`](crate::scopes)
//! covers several accounts in one run of reconcile.
//!
//! No model covers:
//!
//! - several domains, which share nothing but the bus;
//! - suppressed replays, which leave out facts on purpose;
//! - rebuilds from the ledger alone, reopened states, changed settings, and levels that an object no longer has;
//! - ties: what Stripe shows is later than one event and earlier than the next;
//! - imports and rebuilds together with a restore: a replay doesn't bring back the state that they read from Stripe;
//! - a forced replay after a restore: it mistakes facts that the item has forgotten for new ones;
//! - a write that was begun before a restore and meets the same version after it;
//! - checks by reconcile, which change the item like an import, but by a message;
//! - expiry and erasure, and a receiver's own crashes.
//!
//! Numbers are small: two events or three deliveries of one, two runs of reconcile, one replay, three imports and
//! rebuilds, one restore, three disturbances. Separate laws check reconcile's window, and events that Stripe lists too
//! late for it.
//!
//! # Reading a counterexample
//!
//! `tests/joined_rules` drops one rule ([`Rules`]) at a time. To read the stories:
//!
//! ```text
//! cargo test -p sluice-model --test joined_rules -- --nocapture --test-threads 1
//! ```
//!
//! One of them is:
//!
//! ```text
//! what Stripe has takes effect once reconcile has run (1 event, reconcile)
//!   1. Stripe     delivers event 1
//!   2. ingest 1   Claim event 1                            → Publish next
//!   3. reconcile  begins                                   → looks at event 1 next
//!   4. reconcile  compares with the ledger                 → Claim event 1 next
//!   5. reconcile  Claim event 1                            → ends, has passed
//!   6. ingest 1   crashes before Publish event 1
//!   7. time       lapses the claim of event 1
//!      in the end: event 1 neither published nor due, not acted on; no state; receiver holds no level
//! ```
//!
//! Each line is one step: the actor, the step, its subject, how it ends if it fails, and after the arrow its result.
//! The last line is the state of the events, the item and the receiver. Here reconcile met the claim of a live
//! delivery, counted the event as settled, and moved its cursor. The delivery died, Stripe had sent its last one, and
//! the event was never read again.

mod action;
mod consumer;
mod ingest;
mod level;
pub mod properties;
mod protocol;
mod refresh;
mod replay;
mod restore;
mod rules;
mod story;
mod transitions;
mod world;

pub use action::{Action, End};
pub use protocol::{Joined, Kind};
pub use rules::Rules;
pub use world::{
    Attempt, Counts, EVENTS, Effect, Entry, Event, GENERATIONS, Item, Level, Message, PLACES,
    RECONCILE, Receiver, Reconcile, Refresh, RefreshStep, Refreshing, Replay, ReplayStep, Step,
    Sweep, Walk, Work, Worker, World,
};
