//! A domain's function: from a queue's batch of messages to the domain's projections.
//!
//! | Module | |
//! |---|---|
//! | [`batch`] | runs a queue's batch of messages, each by itself |
//! | [`pending`] | which effects giving a message up would lose |
//! | [`consume`] | one message to one domain's projection |
//! | [`projection`] | the state that a domain derives, one item an object |
//! | [`order`] | which of an object's events is the latest |
//! | [`fetch`] | Stripe's objects, and how often they may be asked for |
//!
//! Each names those below it only.

pub mod batch;
pub mod consume;
pub mod fetch;
pub mod order;
pub mod pending;
pub mod projection;
