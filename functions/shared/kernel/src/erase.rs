//! Erasure: which stored things belong to a person, and what is left of a projection.
//!
//! Stripe's objects name each other: a refund names its charge, the charge its customer. So what belongs to a customer
//! is found step by step ([`Belongings::takes`]). Everything stored is read again until a whole pass finds nothing new,
//! since things come in any order.
//!
//! # What belongs, and what only mentions
//!
//! An object belongs to the customer that its own fields name as its customer ([`OWNERS`]). An object that names none
//! belongs to the same customer as the object that it is a part of ([`LINKS`]). Nothing else counts: a customer's id in
//! the metadata or description of another customer's object is a mention. A mention stays and is reported, so that a
//! person decides. An object or an event whose id is given belongs, whatever it says.
//!
//! The account of a message has to be known too ([`Account`]), because ids are not unique across accounts.
//!
//! # What is guaranteed
//! Ids and hashes stay: they prove what was received, keep duplicates out and show that something existed. Bodies are
//! removed. Of a projection's state, only what the domain itself keeps of an object that Stripe has deleted remains
//! ([`write_tombstone`]). The projection's place in the order stays, so late and repeated events don't bring it back.
//!
//! # What is not guaranteed
//! An object that names neither the customer nor any of the customer's objects can't be found by the customer's id, for
//! example a guest's checkout. Its own id can be given as well. What Stripe sends *after* the erasure is a new event:
//! erase in Stripe first.

mod account;
mod belongings;
mod tombstone;

pub use account::{Account, event_in};
pub use belongings::{Belongings, LINKS, OWNERS};
pub use tombstone::{TombstoneOutcome, write_tombstone};
