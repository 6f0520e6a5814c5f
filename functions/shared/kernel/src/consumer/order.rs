//! Which of an object's states is the last.
//!
//! Stripe promises no order of delivery, and `created` has whole seconds. Comparing events pairwise doesn't work: by
//! `previous_attributes` it is cyclic, and a third of small histories end wrong in some order of delivery. So the
//! newest candidates are kept as a set, and one rule decides over the set, in this order:
//!
//! 1. a terminal state is later than any that isn't;
//! 2. the greater `created` is later;
//! 3. within one second, the last link of the chain that `previous_attributes` make is the latest;
//! 4. if there is no such link, or more than one, the head is [`evidence::Head::Undecided`]: the caller fetches the
//!    object, or takes the choice and says that it is a choice.
//!
//! # Layout
//! - [`candidate`]: what is known about one state, from an event or from a fetch.
//! - [`evidence`]: the newest candidates, merged in any order, and their head.
//! - `chain`: which of them can be the last.
//! - [`digest`]: what is kept of objects, for comparison.

pub mod candidate;
mod chain;
pub mod digest;
pub mod evidence;
