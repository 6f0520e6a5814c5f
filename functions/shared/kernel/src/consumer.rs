//! A domain's function: from a queue's batch of messages to the domain's projections.
//!
//! | Module | |
//! |---|---|
//! | [`batch`] | runs a queue's batch of messages, each on its own |
//! | [`pending`] | which effects would be lost if a message is given up |
//! | [`consume`] | applies one message to one domain's projection |
//! | [`projection`] | the state that a domain derives, one item per object |
//! | [`order`] | which of an object's events is the latest |
//! | [`fetch`] | Stripe's objects, and how often they may be asked for |
//!
//! Each module names only those below it.

pub mod batch;
pub mod consume;
pub mod fetch;
pub mod order;
pub mod pending;
pub mod projection;
