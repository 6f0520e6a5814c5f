//! Items of the ledger and of the outcomes in the form that functions leave, for tools that fill tables with more than
//! could be delivered. This module makes no calls.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use sluice_kernel::delivery::ledger::Arrival;
use sluice_kernel::outcome::Record;

use crate::entry::{self, number};
use crate::outcomes;

/// The item of an event that this arrival has claimed, and marked as published at this time. `None` if the body is too
/// large for it, and would be stored in parts.
pub fn published(
    arrival: &Arrival<'_>,
    published_at_ms: i64,
) -> Option<HashMap<String, AttributeValue>> {
    let (mut item, too_large) = entry::first(arrival);
    item.insert("published_at".to_owned(), number(published_at_ms));
    too_large.is_none().then_some(item)
}

/// The item of what a domain recorded, which is kept for this number of days.
pub fn recorded(record: &Record, retention_days: u32) -> HashMap<String, AttributeValue> {
    outcomes::item(record, retention_days)
}
