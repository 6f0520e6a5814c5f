//! What operators do with a Sluice stack, the local one or one in AWS, as a library: it reads, plans and runs.
//!
//! The program `sluice` is a thin face over it. It prints nothing, asks nobody and knows no terminal: what is found is data
//! that serializes, and what changes something is first a plan.
//!
//! # Layout
//! - [`stack`]: which stack, and where everything of it is; [`aws`]: signed calls; [`problem`]: what went wrong.
//! - [`domains`]: which domains an operation takes. [`versions`]: a function's versions.
//! - [`actor`]: who changes something, and why. [`stripe`]: Stripe, as the functions ask it.
//! - [`logs`] and [`metrics`]: what the functions wrote. [`times`]: times as people give and read them.
//! - [`status`]: a stack's health. [`events`]: the ledger's events, listed, followed, and each with its story.
//! - [`state`]: objects, as their domains have them. [`access`]: what a customer may use. [`smoke`]: whether an endpoint
//!   takes what it has to, and nothing else.
//! - [`queues`]: where they are, and what they hold. [`selection`]: all that a filter matches, as a plan has it.
//! - [`doctor`]: what isn't set up as it has to be. [`rollback`]: the version before.
//! - [`rejected`]: what domains recorded. [`dlq`]: dead letters. [`erase`]: what belongs to a customer.
//! - [`signing`]: the signing secrets, read and written. [`secrets`]: how they stand, and rolling one.
//! - [`runs`]: what operators did, and runs over many objects: [`rebuild`] and [`import`]. [`replay`]: events once more.
//! - [`reconcile`]: the ledger beside Stripe's list. [`shadow`]: beside what the endpoint of today has seen.

pub mod access;
pub mod actor;
pub mod aws;
pub mod dlq;
pub mod doctor;
pub mod domains;
pub mod erase;
pub mod events;
pub mod import;
pub mod logs;
pub mod metrics;
pub mod problem;
pub mod queues;
pub mod rebuild;
pub mod reconcile;
pub mod rejected;
pub mod replay;
pub mod rollback;
pub mod runs;
pub mod secrets;
pub mod selection;
pub mod shadow;
pub mod signing;
pub mod smoke;
pub mod stack;
pub mod state;
pub mod status;
pub mod stripe;
pub mod times;
pub mod versions;
mod xml;
