//! Events, as the ledger has them: listed by time, followed as they come, and each with its story.
//!
//! # Layout
//! - [`filter`]: which events. [`list`]: those of a span of time, a page at a time. [`tail`]: new ones as they come.
//! - [`story`]: all that is known of one.

pub mod filter;
pub mod list;
pub mod story;
pub mod tail;
