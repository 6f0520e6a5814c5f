//! A model of the door's protocol: claim, publish, mark, defer, sweep. [`consumer`] models what comes behind the bus,
//! [`joined`] the whole way between them, with Stripe, reconcile and replay, [`scopes`] whose turn it is in a run of
//! reconcile.
//!
//! The code at the door makes four or five calls to AWS for one webhook. Each may fail, or succeed and lose its answer;
//! the function may die between any two of them; and Stripe may deliver the same event three times at once. No test
//! tries all of that. This model does: stateright walks through every world that can be reached and checks every
//! promise in each. It was written before the code, and its steps carry the code's names.
//!
//! # The world
//!
//! One event, with one row in the ledger ([`Entry`]), its items for a large body ([`Parts`]), the bus (a count of
//! copies), up to three deliveries of it ([`Attempt`]), and two sweeps ([`SweepStep`]).
//!
//! - **Deliveries** begin whenever they like, in parallel or long after one another. Each is one attempt with an id of
//!   its own.
//! - **Claim** is a put on condition that there is no entry. Its outcomes are [`Outcome`]'s: `Won`; `TookOver`, by a
//!   second call ([`Step::TakeOver`]) in front of which anything may happen; `Finished`; `Queued`; `Held`. That a held
//!   delivery looks again for a second before it answers 409 is the same as its claim coming a second later.
//! - **Lost answers** ([`Call::AnswerLost`]): the call is carried out, and the SDK sends it again. So a put meets its
//!   own claim, PutEvents puts a second copy, and a repeated `due_at` may come after sweep has published.
//! - **Failures** ([`Call::Failed`], [`Bus::Failed`]): the call is not carried out, and the time for repeating it is
//!   over. Where that leads to a 5xx whatever the guards, it is not told apart from a crash.
//! - **Refusals** ([`Bus::Refused`]): PutEvents answers 200 and the result of this entry is an error. In sweep's batch,
//!   this is a partial failure.
//! - **Crashes** can come at every step of every attempt and sweep, as often as there are any.
//! - **Lapses** ([`Action::Lapse`]): the claim's time is over, by the clock of whoever looks next. With
//!   [`Protocol::skew`], that may be so while its holder is at work; without, only once it is dead.
//! - **Large bodies** are [`PARTS`] items, stored before anything points to them. Bytes differ between deliveries
//!   ([`Version`]), so parts are keyed by the hash of the body. The entry names one hash, in a write of its own after
//!   the last part ([`Step::NameBody`]), on condition that the attempt holds the claim and that none is named yet: so a
//!   name means a complete body, the first one stands, and whoever takes over an entry without one stores its own.
//! - **Sweeps** read an entry that is due, publish it, and clear or postpone it. They overlap and crash. How often an
//!   entry is picked up is bounded ([`Protocol::picks`]).
//!
//! # What is promised
//!
//! [`properties`] lists it. The first is promise 1: in every world in which nobody is at work, an acknowledged event
//! is on the bus, or sweep alone will put it there, and its whole body can be read. The other promises are that nobody
//! is stuck, that what is on the bus can be read, and that second copies have a cause.
//! A model can also hold because it does nothing; so [`SIGHTS`] lists what must be *reached*: a takeover, also of a live
//! holder, an attempt that meets its own claim, two copies, two sweeps at once.
//!
//! # What is not modelled
//!
//! Signatures; Stripe's retry schedule; expiry and erasure of entries; differing copies under one id; bodies of which
//! one delivery's bytes fit the entry and another's don't; how often a refused entry is postponed, and pointers in place
//! of bodies that the bus refuses; index lag (sweep reads the entry itself); what happens behind the bus.
//! Reconcile and replay are in [`joined`]. More than three deliveries, two sweeps at a time and the bounded number of
//! picks were not tried. DynamoDB's single-item writes are taken as atomic and its reads as consistent, so the code must
//! read consistently.
//!
//! # Reading a counterexample
//!
//! `tests/guards.rs` drops one rule ([`Guards`]) at a time and expects a certain promise to break. To read the stories:
//!
//! ```text
//! cargo test -p sluice-model --test guards -- --nocapture --test-threads 1
//! ```
//!
//! A story is the shortest way to the broken promise:
//!
//! ```text
//! nothing acknowledged is lost (Small body)
//!   1. delivery 1 Claim                     → Won, Publish next
//!   2. delivery 1 crashes
//!   3. delivery 2 Claim                     → Held, 200 duplicate
//!      in the end: entry of delivery 1 with body A, neither published nor due; copies on the bus: 0
//! ```
//!
//! Each line is one call: who makes it, which, how it ends if not well, and after the arrow what the caller learns,
//! then its answer or what it does next. The last line is the ledger at that moment; nothing that comes after would make
//! it better. Here "neither published nor due", with no copy on the bus, under an answer 200, is a lost event: `Held`
//! was answered as if the event were safe. The remedy is the rule whose absence the test is named after.

mod action;
mod checking;
pub mod consumer;
mod door;
mod guards;
pub mod joined;
pub mod properties;
mod protocol;
pub mod scopes;
mod story;
mod sweep;
mod transitions;
mod world;

pub use action::{Action, Bus, Call};
pub use checking::{Told, Verdict, check, find};
pub use guards::Guards;
pub use properties::SIGHTS;
pub use protocol::{Protocol, Size};
pub use world::{Answer, Attempt, Entry, Outcome, PARTS, Parts, Step, SweepStep, Version, World};
