//! Effects: what a change calls for.
//!
//! - [`effect`]: facts and levels, as they are stored and go on the bus.
//! - [`receive`]: what a user's own function does with them.

pub mod effect;
pub mod receive;
