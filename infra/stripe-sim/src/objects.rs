//! The objects of Stripe, complete: each begins as a template in the newest shape, and a function sets the fields that
//! matter.
//!
//! Everything in the templates is invented; addresses end in `example.com`. Keys that begin with `~` are never shown:
//! they hold what older shapes need.

pub(crate) mod billing;
pub(crate) mod connect;
pub(crate) mod discounts;
pub(crate) mod documents;
pub(crate) mod payments;
pub(crate) mod schedules;
pub(crate) mod transfers;
