//! What comes in: from a delivery to the ledger and the bus.
//!
//! | Module | |
//! |---|---|
//! | [`record`] | claim → publish → mark |
//! | [`sweep`] | publishes what is due |
//! | [`ledger`] | the table of every event seen, and the decision about an entry that already exists |
//! | [`endpoint`] | where events come in, and which of them are admitted |
//! | [`secrets`] | the webhook secrets, with their cache |
//!
//! Each module names only those below it.

pub mod endpoint;
pub mod ledger;
pub mod record;
pub mod secrets;
pub mod sweep;
