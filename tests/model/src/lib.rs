//! A model of ingest's protocol: claim, publish, mark, defer, sweep. [`consumer`] models what comes after the bus,
//! [`joined`] the whole path between them, with Stripe, reconcile and replay, [`scopes`] the order of accounts in a run
//! of reconcile.
//!
//! Ingest's code makes four or five calls to AWS for one webhook. Each may fail, or succeed and lose its answer; the
//! function may die between any two of them; and Stripe may deliver the same event three times at once. No test tries
//! all of that. This model does: stateright visits every reachable world and checks every promise in each. The model
//! was written before the code, and its steps have the code's names.
//!
//! # The world
//!
//! One event, with one row in the ledger ([`Entry`]), its items for a large body ([`Parts`]), the bus (a count of
//! copies), up to three deliveries of it ([`Attempt`]), and two sweeps ([`SweepStep`]).
//!
//! - **Deliveries** begin at any time, in parallel or long after one another. Each is one attempt with its own id.
//! - **Claim** is a put on condition that there is no entry. Its outcomes are [`Outcome`]'s: `Won`; `TookOver`, by a
//!   second call ([`Step::TakeOver`]) before which anything may happen; `Finished`; `Queued`; `Held`. The code reads a
//!   held claim again for a second before it answers 409; for the model that is the same as a claim one second later.
//! - **Lost answers** ([`Call::AnswerLost`]): the call is carried out, and the SDK sends it again. So a put meets its
//!   own claim, `PutEvents` puts a second copy, and a repeated `due_at` may come after sweep has published.
//! - **Failures** ([`Call::Failed`], [`Bus::Failed`]): the call is not carried out, and there is no time left to repeat
//!   it. If that leads to a 5xx with any guards, the model treats it as a crash.
//! - **Refusals** ([`Bus::Refused`]): `PutEvents` answers 200, but the result of this entry is an error. In sweep's
//!   batch, this is a partial failure.
//! - **Crashes** can come at every step of every attempt and sweep, in any number.
//! - **Lapses** ([`Action::Lapse`]): the claim lapses, by the clock of the next reader. With [`Protocol::skew`], that
//!   may happen while its holder is active; without, only once the holder is dead.
//! - **Large bodies** are [`PARTS`] items, stored before anything points to them. Bytes differ between deliveries
//!   ([`Version`]), so parts are keyed by the hash of the body. The entry names one hash, in a separate write after the
//!   last part ([`Step::NameBody`]), on condition that the attempt holds the claim and that none is named yet. So a
//!   name means a complete body, and the first one is kept. An attempt that takes over an entry without a body stores
//!   its own.
//! - **Sweeps** read an entry that is due, publish it, and clear or postpone it. They overlap and crash. How often an
//!   entry is picked up is bounded ([`Protocol::picks`]).
//!
//! # What is promised
//!
//! [`properties`] lists it. The first is promise 1: in every world without an active attempt or sweep, an acknowledged
//! event is on the bus, or sweep alone will put it there, and its whole body can be read. The other promises are that
//! no delivery is stuck, that what is on the bus can be read, and that second copies have a cause. A model can also
//! keep its promises because it does nothing; so [`SIGHTS`] lists what must be *reached*: a takeover, even of a live
//! holder, an attempt that meets its own claim, two copies, two sweeps at once.
//!
//! # What is not modelled
//!
//! Signatures and Stripe's retry schedule. Expiry and erasure of entries. Differing copies under one id, and bodies
//! that fit the entry in one delivery's bytes but not in another's. The number of times that a refused entry is
//! postponed, and pointers in place of bodies that the bus refuses. Index lag (sweep reads the entry itself). What
//! happens after the bus. Reconcile and replay are in [`joined`]. More than three deliveries, two sweeps at a time and
//! the bounded number of picks were not tried. The model assumes that DynamoDB's single-item writes are atomic and its
//! reads consistent, so the code must read consistently.
//!
//! # Reading a counterexample
//!
//! `tests/guards.rs` drops one rule ([`Guards`]) at a time and expects a specific promise to break. To read the
//! stories:
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
//! Each line is one call: the caller, the call, how it ends if it fails, and after the arrow what the caller learns,
//! then its answer or its next step. The last line is the ledger at that moment; no later step would improve it. Here
//! "neither published nor due", with no copy on the bus, under an answer 200, is a lost event: `Held` was answered as
//! if the event were safe. The remedy is the rule that the test drops and is named after.

mod action;
mod checking;
pub mod consumer;
mod guards;
mod ingest;
pub mod joined;
pub mod properties;
mod protocol;
pub mod scopes;
mod story;
mod sweep;
mod transitions;
mod world;

pub use action::{Action, Bus, Call};
pub use checking::{Described, Verdict, check, find};
pub use guards::Guards;
pub use properties::SIGHTS;
pub use protocol::{Protocol, Size};
pub use world::{Answer, Attempt, Entry, Outcome, PARTS, Parts, Step, SweepStep, Version, World};
