//! Sluice's protocol and use cases, without AWS, HTTP, a clock or an environment.
//!
//! # Layout
//!
//! A module names only those above it in this list; `infra/checks/circles.py` sees to that.
//!
//! The words, which everything else is written in:
//! - [`fault`]: why something could not be done, classed by what the caller does next.
//! - [`clock`]: time, which is a port.
//! - [`event`]: a Stripe event: what is read of it at the door, and what a domain sees of it.
//! - [`object`]: reading fields of Stripe's objects; [`raw`]: parts of a JSON document that is odd elsewhere.
//! - [`queue`]: a message as it is received, and what every consumer of a queue keeps to.
//! - [`backoff`]: when a message that failed is worth another try.
//! - [`outcome`]: the record of what a domain would not apply.
//!
//! What travels, and what comes in:
//! - [`bus`]: where events and effects are published, and as what: [`bus::detail`], [`bus::route`], [`bus::trace`].
//! - [`effects`]: facts and levels, what a change calls for, and how a user's own function receives them.
//! - [`delivery`]: from a delivery to the ledger and the bus: [`delivery::record`], claim → publish → mark, and
//!   [`delivery::sweep`].
//!
//! A domain, and its function:
//! - [`domain`]: what a domain says.
//! - [`consumer`]: a queue's batch of messages to the domain's projections: [`consumer::batch`], [`consumer::consume`].
//!
//! What puts right:
//! - [`reconcile`]: compares Stripe's own list of events with the ledger.
//! - [`replay`]: ledgered events once more; [`replay::dry_run`]: what a domain would do with them.
//! - [`rebuild`]: a domain's projections made again, and of what was there before the first event.
//! - [`erase`]: what belongs to a person, and what is left of it.
//!
//! Ports (`Ledger`, `Bus`, `Projections`, `Objects`, `Outcomes`, …) are traits beside what asks them. The adapters implement
//! them for AWS, and the harness in memory.
//!
//! # What this crate never does
//! It reads no clock ([`clock::Clock`] is handed in), makes no random numbers, names no AWS type, and logs nothing:
//! each use case returns what happened, and the function that called it writes one line.

pub mod backoff;
pub mod bus;
pub mod clock;
pub mod consumer;
pub mod delivery;
pub mod domain;
pub mod effects;
pub mod erase;
pub mod event;
pub mod fault;
pub mod object;
pub mod outcome;
pub mod queue;
pub mod raw;
pub mod rebuild;
pub mod reconcile;
pub mod replay;
