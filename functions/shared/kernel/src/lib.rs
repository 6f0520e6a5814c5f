//! Sluice's protocol and use cases, without AWS, HTTP, a clock or an environment.
//!
//! # Layout
//!
//! A module names only those above it in this list; `infra/checks/circles.py` checks that.
//!
//! The basic types, which everything else uses:
//! - [`code`]: what faults, notes and refusals are called.
//! - [`fault`]: why something could not be done, classed by what the caller does next.
//! - [`clock`]: time, which is a port.
//! - [`event`]: a Stripe event: what ingest reads of it, and what a domain sees of it.
//! - [`object`]: reading fields of Stripe's objects; [`raw`]: parts of a JSON document, however odd the rest of it is.
//! - [`queue`]: a message as it is received, and the rules for every consumer of a queue.
//! - [`backoff`]: when to retry a message that failed.
//! - [`outcome`]: the record of what a domain did not apply.
//!
//! Ingest and publishing:
//! - [`bus`]: where events and effects are published, and in which form: [`bus::detail`], [`bus::route`],
//!   [`bus::trace`].
//! - [`effects`]: facts and levels, which a change emits, and how a user's own function receives them.
//! - [`delivery`]: from a delivery to the ledger and the bus: [`delivery::record`], claim → publish → mark, and
//!   [`delivery::sweep`].
//!
//! A domain and its function:
//! - [`domain`]: what a domain defines.
//! - [`consumer`]: from a queue's batch of messages to the domain's projections: [`consumer::batch`],
//!   [`consumer::consume`].
//!
//! Repair:
//! - [`reconcile`]: compares Stripe's own list of events with the ledger.
//! - [`replay`]: publishes recorded events again; [`replay::dry_run`]: what a domain would do with them.
//! - [`rebuild`]: rebuilds a domain's projections, and imports objects older than the first event.
//! - [`erase`]: what belongs to a person, and what is left of it.
//!
//! Ports (`Ledger`, `Bus`, `Projections`, `Objects`, `Outcomes`, …) are traits beside the code that uses them. The
//! adapters implement them for AWS, and the harness in memory.
//!
//! # What this crate never does
//! It reads no clock ([`clock::Clock`] is passed in), makes no random numbers, names no AWS type, and logs nothing:
//! each use case returns what happened, and the function that called it writes one line.

pub mod backoff;
pub mod bus;
pub mod clock;
pub mod code;
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
