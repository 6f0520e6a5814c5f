//! Events, as the ledger has them: listed by time, followed as they come, and shown each with its story.
//!
//! # Layout
//! - [`filter`]: which events. [`list`]: the events of a span of time, page by page. [`tail`]: new ones as they come.
//! - [`search`]: those whose bodies fulfil a condition. [`story`]: all that is known of one. [`view`]: its body unmasked, on
//!   record.

pub mod filter;
pub mod list;
pub mod search;
pub mod story;
pub mod tail;
pub mod view;
