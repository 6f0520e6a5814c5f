//! Items of the ledger in the form that deliveries leave, for tools that fill a ledger with more entries than could be
//! delivered. This module makes no calls.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use sluice_kernel::delivery::ledger::Arrival;

use crate::entry::{self, number};

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
