//! Effects: what a change emits.
//!
//! - [`effect`]: facts and levels, as they are stored and published.
//! - [`receive`]: what a user's own function does with them.

pub mod effect;
pub mod receive;
