//! Sluice's protocol and use cases, without AWS, HTTP, a clock or an environment.
//!
//! # Layout
//!
//! The words, which everything else is written in:
//! - [`event`]: a Stripe event: what is read of it at the door, and what a domain sees of it.
//! - [`endpoint`]: where events come in, and which it admits.
//! - [`object`]: reading fields of Stripe's objects; [`raw`]: parts of a JSON document that is odd elsewhere.
//! - [`fault`]: why something could not be done, classed by what the caller does next.
//! - [`queue`]: a message as it is received, and what every consumer of a queue keeps to.
//! - [`backoff`]: when a message that failed is worth another try.
//! - [`detail`]: an event as it travels on the bus.
//! - [`effect`]: facts and levels, what a change calls for.
//! - [`trace`]: the trace context that an event travels in.
//! - [`route`]: which domain an event type goes to.
//!
//! The ports, implemented by the adapters for AWS and by the harness in memory:
//! - [`ledger`]: the table of every event seen, and the decision over an entry already there.
//! - [`bus`]: where events and effects are published.
//! - [`projection`]: the state that a domain derives, one item an object.
//! - [`outcome`]: the record of what a domain would not apply.
//! - [`fetch`]: Stripe's objects, and how often they may be asked for.
//! - [`clock`] and [`secrets`]: time, and the webhook secrets with their cache.
//!
//! The use cases:
//! - [`take`]: the door, claim → publish → mark.
//! - [`sweep`]: publish what is due.
//! - [`consume`]: one message to one domain's projection; [`batch`] runs a queue's batch of them.
//! - [`reconcile`]: hold the ledger against Stripe's own list of events.
//! - [`replay`]: ledgered events once more; [`foresee`]: what a domain would do with them.
//! - [`pending`]: which effects giving a message up would lose.
//! - [`erase`]: what belongs to a person, and what is left of it.
//! - [`rebuild`]: a domain's projections made anew, and of what was there before the first event.
//! - [`order`]: which of an object's events is the latest.
//! - [`receive`]: what a user's own function does with effects.
//!
//! # What this crate never does
//! It reads no clock ([`clock::Clock`] is handed in), makes no random numbers, names no AWS type, and logs nothing:
//! each use case returns what happened, and the function that called it writes one line.

pub mod backoff;
pub mod batch;
pub mod bus;
pub mod clock;
pub mod consume;
pub mod detail;
pub mod domain;
pub mod effect;
pub mod endpoint;
pub mod erase;
pub mod event;
pub mod fault;
pub mod fetch;
pub mod foresee;
pub mod ledger;
pub mod object;
pub mod order;
pub mod outcome;
pub mod pending;
pub mod projection;
pub mod queue;
pub mod raw;
pub mod rebuild;
pub mod receive;
pub mod reconcile;
pub mod replay;
pub mod route;
pub mod secrets;
pub mod sweep;
pub mod take;
pub mod trace;
