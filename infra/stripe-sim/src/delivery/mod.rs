//! Webhooks as Stripe delivers them: signed, at any pace, in any order, some more than once, and again for days where they
//! weren't taken.
//!
//! # Layout
//!
//! | Module | |
//! |---|---|
//! | [`endpoint`] | who hears which events: an [`Endpoint`]; how it is delivered to: a [`Destination`] |
//! | [`mod@plan`] | in which order, how often and when: [`Mix`], [`Pace`] |
//! | [`clock`] | days of retrying in seconds: [`Clock`] |
//! | [`retry`] | when a delivery that failed comes again: [`Retry`] |
//! | [`outage`] | an endpoint that can't be reached for a while: [`Outage`] |
//! | `desk` | what is to be posted next, and what an answer means, without any I/O |
//! | [`run`] | the posting itself, over connections that are kept: [`Run`] |
//! | [`report`] | what became of each event: [`Report`] |
//! | [`http_api`] | one as API Gateway hands it to a function: [`HttpApi`] |
//! | [`sender`] | one signed POST: [`Sender`] |
//!
//! # What holds
//!
//! - 2xx acknowledges; every other answer, a redirect too, and none at all is a failure.
//! - An event that isn't acknowledged is posted again, signed anew with the second in which it is sent, until it is or its
//!   tries are spent; then the report says that it was given up. Nothing ends without an outcome.
//! - The plan (order, duplicates, waits, whom an outage hits) depends on the seed alone. Which of several connections is
//!   answered first depends on the machine.
//! - `pending_webhooks` in the bytes counts the destinations that haven't acknowledged the event yet, as at Stripe.
//!
//! # What it doesn't do
//!
//! Events that are being posted when the program ends are not told of.

pub mod clock;
pub(crate) mod desk;
pub mod endpoint;
pub mod http_api;
pub mod outage;
pub mod plan;
pub mod report;
pub mod retry;
pub mod run;
pub mod sender;
mod told;

pub use clock::Clock;
pub use desk::{Outcome, Post};
pub use endpoint::{Destination, Endpoint, Hears, Payload, Roll, TIMEOUT_S, Unsound};
pub use http_api::HttpApi;
pub use outage::{How, Outage};
pub use plan::{Delivery, Mix, Order, Pace, plan};
pub use report::{Fate, Report, Tally};
pub use retry::Retry;
pub use run::Run;
pub use sender::{Answered, Sender};
