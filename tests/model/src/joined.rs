//! A model of the whole way: from Stripe's delivery to the effect at its receiver, with sweep, reconcile and replay.
//!
//! The door and the consumer have models of their own, which go into each of their calls. Here they are joined, each
//! with the steps between which a crash makes a difference to the others, and what surrounds them is added: Stripe,
//! which delivers again or gives up, reconcile, the operator with a replay, and a receiver of effects. So the promises
//! are those that a user would ask for: what Stripe was told is safe takes effect, once.
//!
//! # The world
//!
//! One object with one or two events ([`Event`]), its item in one domain ([`Item`]), and one receiver ([`Receiver`]).
//!
//! - **Stripe** delivers each event up to a number of times, at once or long after one another, also when it was
//!   answered 2xx and didn't hear it. It may give up at any time; and an event that another endpoint has acknowledged
//!   and thrown away, or that Stripe failed to send, is to us one that it gave up.
//! - **The door** claims, publishes, marks, or defers to **sweep**. A dead attempt's claim lapses some time later.
//! - **Reconcile** walks over Stripe's events, and takes to the door what the ledger doesn't hold as published. Its
//!   cursor moves at the end of a run, if everything was settled: acknowledged as a delivery would be. It runs beside
//!   deliveries, sweep and replays, and dies at any step.
//! - **The bus and the queue** give each message at least once, in any order. One that is on its way is one that waits.
//! - **Workers** apply, emit, clear and acknowledge, and die in between; a message may end as a dead letter, which the
//!   operator redrives some time later.
//! - **A replay** publishes everything that the ledger has at the moment when it begins, at any time. Its record holds
//!   its generation and its cursor; its process dies at any step and is resumed. A **plain** one brings the events as
//!   they came. A **forced** one brings them under a generation: facts that were told are told once more under it,
//!   facts that weren't are told for the first time, and the level is told as it is.
//! - **An import or a rebuild** ([`Refresh`]) takes the object's state from Stripe as it is there now, at any time, before
//!   the first event too. Stripe shows the object first, and the item is written later; events are sent and applied in
//!   between. A suppressed write owes its level, and the object's next message emits it. An import of a known object and a
//!   rebuild that emits go on to emit and clear, die at any step, and are run again.
//! - **A restore** puts the item back to any earlier version of it. Then its later events are replayed, or the next event
//!   comes; the receiver still holds the `seq` from before.
//! - **Time** is a counter that only grows. A level's `seq` is the time, or one more than the item's last `seq` if that is
//!   greater. Clocks stand still between two writes, which is the worst case; a restore takes longer than clocks disagree.
//! - **The receiver** acts on a fact whose id it doesn't know, and on a level whose `seq` is higher than the last.
//!
//! # What is promised
//!
//! [`properties`] lists it. Everything that can happen is either a step towards an end or counted against a budget of
//! the configuration, so that no world comes back to where it was (`tests/joined.rs` walks all ways and looks).
//! Whatever happens, everything comes to rest, and "in the end" means: in every world at rest. What a suppressed write or a
//! restore has left to the next message or to a replay is checked by letting that happen. [`properties::SIGHTS`] lists what
//! must be reached.
//!
//! # What is not modelled
//!
//! What the two other models have shown is taken as one step: a claim, be it a put or a takeover, whose attempt knows
//! itself; a body with its entry; a conditional write of the item together with the reads after its conflicts; a clear.
//! Left to them are clocks that differ, large bodies, overlapping sweeps, two events of one change, a longer history of
//! messages, answers that are lost behind the bus. Left to [`scopes`](crate::scopes) are several accounts in one run of
//! reconcile.
//!
//! Left out of all are:
//!
//! - several domains, which share nothing but the bus;
//! - suppressed replays, which leave out facts on purpose;
//! - rebuilds from the ledger alone, states that are reopened, changed settings, and levels that an object gives no longer;
//! - ties: what Stripe shows is later than one event and earlier than the next;
//! - imports and rebuilds together with a restore: a replay doesn't bring back what they have taken from Stripe;
//! - a forced replay after a restore: it takes facts that the item has forgotten for new ones;
//! - a write that was begun before a restore and meets the same version after it;
//! - checks by reconcile, which do to the item what an import does, as a message;
//! - expiry and erasure, and a receiver's own crashes.
//!
//! Numbers are small: two events or three deliveries of one, two runs of reconcile, one replay, three imports and rebuilds,
//! one restore, three disturbances. Reconcile's window and what Stripe lists too late for it are laws of its own.
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
//!   2. door 1     Claim event 1                            → Publish next
//!   3. reconcile  begins                                   → looks at event 1 next
//!   4. reconcile  compares with the ledger                 → Claim event 1 next
//!   5. reconcile  Claim event 1                            → ends, has passed
//!   6. door 1     crashes before Publish event 1
//!   7. time       lapses the claim of event 1
//!      in the end: event 1 neither published nor due, not acted on; no state; receiver holds no level
//! ```
//!
//! Each line is one step: who takes it, which, on what, how it ends if not well, and after the arrow what it leads to.
//! The last line is how the events, the item and the receiver stand. Here reconcile met the claim of a live delivery,
//! took the event for settled, and moved its cursor; the delivery died, Stripe had sent its last, and nobody looked
//! again.

mod action;
mod consumer;
mod door;
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
