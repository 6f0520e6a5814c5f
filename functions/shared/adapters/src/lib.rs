//! Sluice's ports on AWS.
//!
//! # Layout
//! - [`config`]: each function's environment, read once, with every bad variable reported at once.
//! - [`aws`]: the SDK's configuration, trimmed to what a Lambda function needs; [`http`] is its HTTP client.
//! - [`ledger`]: the ledger on DynamoDB; `entry` is its item layout, [`codec`] the form of its bodies; [`bulk_items`]: the same
//!   items in bulk, for tools. `batch` reads many items at once.
//! - [`projections`] and [`outcomes`]: the domains' tables. [`receipts`]: a receiver's.
//! - [`runs`]: what operators did, that is replays, rebuilds, imports, rollbacks, and the list of all.
//!   [`dead_letters`]: what they did with dead letters. [`records`]: outcomes as operators read them.
//! - [`objects`]: Stripe's objects, with the keys from Secrets Manager.
//! - [`bus`]: EventBridge. [`secrets`]: Secrets Manager. [`clock`]: the system's.
//! - [`consumer`] and [`receiver`]: the SQS runners that a domain's and a receiver's `main.rs` call.
//!   `visibility` sets when a failed message comes back.
//! - [`bodies`]: stored bodies of many events. [`usage`]: the read units that reads use.
//! - [`timeline`]: the ledger's events by time; [`listing`]: their states. `merge` makes one list of an index's shards.
//!   [`inspect`]: what the tables hold, for operators and tests.
//! - [`telemetry`]: one JSON object per line. [`code`]: what faults are called.
//! - `faults`: in development builds only, faults at the AWS client, controlled by tests.
//!
//! Only `main.rs` of a function names this crate: everything else is written against the kernel's ports.

pub mod aws;
mod batch;
pub mod bodies;
pub mod bulk_items;
pub mod bus;
pub mod clock;
pub mod code;
pub mod codec;
pub mod config;
pub mod consumer;
#[cfg(test)]
mod contract;
pub mod dead_letters;
mod entry;
pub mod erase;
#[cfg(debug_assertions)]
pub mod faults;
pub mod http;
pub mod inspect;
pub mod ledger;
pub mod listing;
mod merge;
pub mod objects;
pub mod outcomes;
pub mod projections;
pub mod receipts;
pub mod receiver;
pub mod reconcile_store;
pub mod records;
pub mod runs;
pub mod secrets;
pub mod telemetry;
pub mod timeline;
pub mod usage;
mod visibility;
