//! A model of a consumer: receive, apply, emit, clear, acknowledge.
//!
//! A domain's code is pure functions; what surrounds them makes one conditional write an event, and a second when
//! effects go out. Between any two calls the worker may die, another worker may be at the same item, and any event may
//! come again. stateright walks through every world that can be reached so. The steps carry the code's names.
//!
//! # The world
//!
//! One object, with one projection item ([`Item`]), the queue with a message for each of its events, two workers
//! ([`Worker`]), and behind the bus one receiver of its level.
//!
//! - **Events** are numbered in their true order and come in any: the queue gives any visible message. That the consumer
//!   knows the true order is the matter of the ordering evidence, which has laws of its own.
//! - **Each event tells a fact and changes the level.** With [`Consumer::twins`], two events tell of one change.
//! - **Apply** is one write on condition that the version is the one that was read. It holds the new state, the event in
//!   a bounded history, the fact in the set of facts, and the effects as pending.
//! - **Emit** puts everything pending on the bus; the level gets there in any order, and the receiver keeps the highest
//!   `seq`.
//! - **Clear** takes exactly the emitted effects off the item, on the same condition; on a conflict it reads again.
//! - **Lost answers**: the write or the publish is carried out, and the SDK sends it again. So a write meets itself as a
//!   conflict, and effects are on the bus twice.
//! - **Refusals**: PutEvents answers 200 and the result of one effect is an error.
//! - **Crashes** and failed items put the message back, or among the dead letters when it was its last receive.
//! - **Redeliveries** are further messages of an event, at any time: while another worker is at it, after it was
//!   acknowledged (a replay), after it was given up (a redrive).
//!
//! # What is promised
//!
//! [`properties`] lists it: each event's fact is emitted, and called for once by id; the level and the state end at the
//! newest; nothing stays pending; what is cleared doesn't come back. [`properties::SIGHTS`] lists what must be reached.
//!
//! # What is not modelled
//!
//! Ties in the ordering evidence; events that don't change the level; several objects with one receiver; replays under a
//! generation and the receivers' memory of facts ([`joined`](crate::joined)); rejected events, which write nothing. At most three events, two workers
//! and the disturbances of a configuration were tried, and the history is shorter than the code's so that it is full.
//! DynamoDB's conditional writes are taken as atomic and its reads as consistent, so the code must read consistently.
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
//! Each line is one call: who makes it, which, on what, how it ends if not well, and after the arrow the version that it
//! made and what the worker does next. The last line is the item at that moment, how often each change's fact was called
//! for and put on the bus, and what the receiver of the level holds. Here the first event came second, was stale for the
//! state, and kept its fact to itself.

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
