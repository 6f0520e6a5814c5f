//! A model of a consumer: receive, apply, emit, clear, acknowledge.
//!
//! A domain's code is pure functions. The runner makes one conditional write per event, and a second when effects go
//! out. Between any two calls the worker may die, another worker may use the same item, and any event may come again.
//! stateright visits every world that can be reached in this way. The steps have the code's names.
//!
//! # The world
//!
//! One object, with one projection item ([`Item`]), the queue with a message for each of its events, two workers
//! ([`Worker`]), and behind the bus one receiver of its level.
//!
//! - **Events** are numbered in their true order and come in any order: the queue delivers any visible message. The
//!   ordering evidence tells the consumer the true order; it has its own laws.
//! - **Each event calls for a fact and changes the level.** With [`Consumer::same_change`], two events report one change.
//! - **Apply** is one write, conditional on the version that was read. It writes the new state, the event in a bounded
//!   history, the fact in the set of facts, and the effects as pending.
//! - **Emit** puts everything pending on the bus; levels arrive in any order, and the receiver keeps the highest `seq`.
//! - **Clear** removes exactly the emitted effects from the item, on the same condition; after a conflict it reads
//!   again.
//! - **Lost answers**: the write or the publish is carried out, and the SDK sends it again. So a write meets itself as a
//!   conflict, and effects are on the bus twice.
//! - **Refusals**: `PutEvents` answers 200, but the result of one effect is an error.
//! - **Crashes** and failed items put the message back, or among the dead letters when it was its last receive.
//! - **Redeliveries** are further messages of an event, at any time: while another worker handles it, after it was
//!   acknowledged (a replay), after it became a dead letter (a redrive).
//!
//! # What is promised
//!
//! [`properties`] lists it: each event's fact is emitted, and called for once by id; the level and the state end at the
//! newest; nothing stays pending; what is cleared doesn't come back. [`properties::SIGHTS`] lists what must be reached.
//!
//! # What is not modelled
//!
//! Ties in the ordering evidence; events that don't change the level; several objects with one receiver; replays under
//! a generation and the receivers' memory of facts ([`joined`](crate::joined)); rejected events, which write nothing.
//! At most three events, two workers and the disturbances of a configuration were tried. The history is shorter than
//! the code's, so that it fills up. The model assumes that DynamoDB's conditional writes are atomic and its reads
//! consistent, so the code must read consistently.
//!
//! # Reading a counterexample
//!
//! `tests/consumer_rules.rs` drops one rule ([`Rules`]) at a time. To read the stories:
//!
//! ```text
//! cargo test -p sluice-model --test consumer_rules -- --nocapture --test-threads 1
//! ```
//!
//! One of them is:
//!
//! ```text
//! every event's fact is emitted (2 events)
//!   1. worker 1   Receive event 2                             → read nothing, Apply next
//!   2. worker 1   Apply event 2                               → version 1, Emit next
//!   3. worker 1   Emit fact 2, level 2 (seq 1)                → Clear next
//!   4. worker 1   Clear fact 2, level 2 (seq 1)               → version 2, Acknowledge next
//!   5. worker 1   Acknowledge event 2
//!   6. worker 1   Receive event 1                             → read version 2, Apply next
//!   7. worker 1   Apply event 1                               → Acknowledge next
//!   8. worker 1   Acknowledge event 1
//!      in the end: version 2, state 2, nothing pending; facts minted 0, 1, emitted 0, 1; receiver holds nothing
//! ```
//!
//! Each line is one call: the caller, the call, its subject, how it ends if it fails, and after the arrow the version
//! that it made and what the worker does next. The last line is the item at that moment, the number of times that each
//! change's fact was called for and put on the bus, and the level that the receiver holds. Here the first event came
//! second, was stale for the state, and didn't emit its fact.

mod action;
pub mod properties;
mod protocol;
mod rules;
mod steps;
mod story;
mod transitions;
mod world;

pub use action::{Action, Bus, Write};
pub use protocol::Consumer;
pub use rules::Rules;
pub use world::{EffectId, Item, Level, Pending, Step, Worker, World};
