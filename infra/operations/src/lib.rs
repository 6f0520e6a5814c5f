//! What operators do with a Sluice stack, the local one or one in AWS, as a library: it reads, plans and runs.
//!
//! The program `sluice` is a thin interface to it. This library prints nothing, asks for no input and knows no
//! terminal. What it finds is data that serializes, and every change is a plan first.
//!
//! # Layout
//! - [`stack`]: which stack, and where its resources are; [`aws`]: signed calls; [`problem`]: what went wrong;
//!   [`code`]: what refusals and findings are called.
//! - [`domains`]: which domains an operation takes. [`versions`]: a function's versions.
//! - [`actor`]: who changes something, and why. [`stripe`]: Stripe, as the functions ask it.
//! - [`logs`] and [`metrics`]: what the functions wrote. [`times`]: times as people enter and read them.
//!   [`words`]: numbers of things, in words.
//! - [`status`]: a stack's health. [`series`]: what happened, over an hour, a day or a week. [`prices`]: what calls cost.
//!   [`events`]: the ledger's events, listed, followed, and each with its story.
//! - [`state`]: objects, as their domains have them. [`access`]: what a customer may use. [`smoke`]: whether an endpoint
//!   takes what it has to, and nothing else.
//! - [`queues`]: where they are, and what they hold. [`selection`]: all that a filter matches, as a plan has it.
//! - [`doctor`]: what isn't set up as it has to be. [`inventory`]: versions, and use against limits.
//!   [`rollback`]: moves an alias to the previous version.
//! - [`rejected`]: what domains recorded. [`dlq`]: dead letters. [`failures`]: both by cause. [`erase`]: what belongs to a
//!   customer.
//! - [`signing`]: reads and writes the signing secrets. [`secrets`]: their status, and rolling one.
//! - [`runs`]: what operators did, and runs over many objects: [`rebuild`] and [`import`]. [`replay`]: publishes events
//!   again. [`control`]: stops and resumes runs.
//! - [`reconcile`]: compares the ledger with Stripe's list. [`shadow`]: compares it with what the current endpoint has
//!   seen.

pub mod access;
pub mod actor;
pub mod aws;
pub mod code;
pub mod control;
pub mod dlq;
pub mod doctor;
pub mod domains;
pub mod erase;
pub mod events;
pub mod failures;
pub mod import;
pub mod inventory;
pub mod logs;
pub mod metrics;
pub mod prices;
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
pub mod series;
pub mod shadow;
pub mod signing;
pub mod smoke;
pub mod stack;
pub mod state;
pub mod status;
pub mod stripe;
pub mod times;
pub mod versions;
pub mod words;
mod xml;
