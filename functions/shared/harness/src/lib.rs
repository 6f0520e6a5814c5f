//! What tests need instead of AWS: the kernel's ports in memory, a clock that tests move, faults that tests script, and
//! the conformance suites that the memory ports and the AWS adapters both pass.
//!
//! # Layout
//! - [`clock`]: the clock. [`build`]: events and arrivals.
//! - [`ledger`], [`bus`], [`projections`], [`outcomes`], [`receipts`], [`secrets`]: in-memory ports.
//! - [`stripe`]: Stripe's objects in memory, to be fetched.
//! - [`reconcile`]: Stripe's lists, cursors and reports in memory; [`noted`]: the ties and drifts that domains record
//!   for it.
//! - [`samples`]: the sample events of the repository.
//! - [`faults`]: a ledger with calls that fail, or succeed with a lost response.
//! - [`conformance`]: what every implementation of a port has to do.

pub mod build;
pub mod bus;
pub mod clock;
pub mod conformance;
pub mod faults;
pub mod ledger;
pub mod noted;
pub mod outcomes;
pub mod projections;
pub mod receipts;
pub mod reconcile;
pub mod samples;
pub mod secrets;
pub mod stripe;
