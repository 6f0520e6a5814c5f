//! Webhooks as Stripe delivers them: signed, at any pace, in any order, some more than once, and retried for days if
//! they weren't acknowledged.
//!
//! # Layout
//!
//! | Module | |
//! |---|---|
//! | [`endpoint`] | which events an endpoint receives: an [`Endpoint`]; how they are delivered: a [`Destination`] |
//! | [`mod@plan`] | in which order, how often and when: [`Mix`], [`Pace`] |
//! | [`clock`] | days of retrying in seconds: [`Clock`] |
//! | [`retry`] | when a failed delivery is retried: [`Retry`] |
//! | [`outage`] | an endpoint that can't be reached for a while: [`Outage`] |
//! | `scheduler` | what to post next, and what an answer means, without any I/O |
//! | [`run`] | the posting itself, over connections that are kept open: [`Run`] |
//! | [`report`] | what became of each event: [`Report`] |
//! | [`http_api`] | a delivery as API Gateway passes it to a function: [`HttpApi`] |
//! | [`sender`] | one signed POST: [`Sender`] |
//!
//! # What holds
//!
//! - 2xx acknowledges; every other answer, including a redirect, and no answer is a failure.
//! - An event that isn't acknowledged is posted again, signed again with the second in which it is sent, until it is
//!   acknowledged or has no tries left. Then the report says that it was given up. Every event has an outcome.
//! - The plan (order, duplicates, waits, which deliveries an outage hits) depends on the seed alone. Which of several
//!   connections is answered first depends on the machine.
//! - `pending_webhooks` in the bytes counts the destinations that haven't acknowledged the event yet, as at Stripe.
//!
//! # What it doesn't do
//!
//! The report doesn't cover events that are being posted when the program ends.

pub mod clock;
pub mod endpoint;
mod endpoint_event;
pub mod http_api;
pub mod outage;
pub mod plan;
pub mod report;
pub mod retry;
pub mod run;
pub(crate) mod scheduler;
pub mod sender;

pub use clock::Clock;
pub use endpoint::{Destination, Endpoint, EventsFrom, Payload, Roll, TIMEOUT_S, Unsound};
pub use http_api::HttpApi;
pub use outage::{How, Outage};
pub use plan::{Delivery, Mix, Order, Pace, plan};
pub use report::{Fate, Report, Tally};
pub use retry::Retry;
pub use run::Run;
pub use scheduler::{Outcome, Post};
pub use sender::{Answered, Sender};
