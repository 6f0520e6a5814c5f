//! What comes in: from a delivery to the ledger and the bus.
//!
//! | Module | |
//! |---|---|
//! | [`record`] | claim → publish → mark |
//! | [`sweep`] | publishes what is due |
//! | [`ledger`] | the table of every event seen, and the decision over an entry already there |
//! | [`endpoint`] | where events come in, and which it admits |
//! | [`secrets`] | the webhook secrets, with their cache |
//!
//! Each names those below it only.

pub mod endpoint;
pub mod ledger;
pub mod record;
pub mod secrets;
pub mod sweep;
