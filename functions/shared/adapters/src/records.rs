//! Reads for operators what domains recorded of events that they rejected or fail to apply. The table is that of
//! [`crate::outcomes`], which says what a record holds.

use aws_sdk_dynamodb::Client;
use aws_types::SdkConfig;
use serde::Serialize;
use sluice_kernel::fault::Fault;

use crate::aws;
use crate::code;
use crate::entry::{self, Item, number};
use crate::erase::Cursor;

/// What a domain recorded of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredRecord {
    /// `evt_…`; for a check or a message that names no event, the subject that it is recorded under.
    #[serde(rename = "event")]
    pub subject: String,
    /// The domain.
    pub domain: String,
    /// `rejected`, `failing`, or the final outcome of a failing one.
    pub outcome: String,
    /// The fault's code.
    pub code: String,
    /// Its cause: for people; no payload.
    pub cause: String,
    /// Equal for equal code and cause.
    pub digest: String,
    /// Stripe's type; empty if the message could not be read.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it was recorded, in Unix milliseconds.
    pub at_ms: i64,
}

/// The records of a table of outcomes.
#[derive(Debug, Clone)]
pub struct DynamoRecords {
    client: Client,
    table: String,
}

impl DynamoRecords {
    /// Reads the table of this name.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: aws::dynamodb(config),
            table,
        }
    }

    /// The next page of the records that haven't expired at this time, in no order. The table holds only exceptions;
    /// its other items (notes, runs) are left out.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub async fn page(
        &self,
        from: Option<Cursor>,
        now_s: i64,
    ) -> Result<(Vec<StoredRecord>, Option<Cursor>), Fault> {
        let scan = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression("attribute_exists(digest) AND expires_at > :now")
            .expression_attribute_values(":now", number(now_s));
        let sent = scan.set_exclusive_start_key(from).send().await;
        let page =
            sent.map_err(|error| aws::unavailable(code::OUTCOME_UNAVAILABLE, "Scan", &error))?;
        let found = page.items().iter().filter_map(record).collect();
        Ok((found, page.last_evaluated_key))
    }
}

fn record(item: &Item) -> Option<StoredRecord> {
    let text = |name: &str| item.get(name)?.as_s().ok().cloned();
    let at = item.get("at");
    Some(StoredRecord {
        subject: entry::id_of(item)?.to_owned(),
        domain: text("sk")?,
        outcome: text("outcome")?,
        code: text("code")?,
        cause: text("cause").unwrap_or_default(),
        digest: text("digest")?,
        kind: text("type").unwrap_or_default(),
        at_ms: at
            .and_then(|at| at.as_n().ok()?.parse().ok())
            .unwrap_or_default(),
    })
}
