//! Erasing on DynamoDB: going through the ledger and the projections, and taking bodies out of the ledger.
//!
//! Only the operator's program uses this, with the operator's permissions: of these tables no function may delete anything.
//!
//! An entry that was erased keeps its ids, its hash and size, and when it was published, so a duplicate is still one; it
//! has `erased_at` (Unix milliseconds) and no body. Its parts, and bodies of other events that came under its id, are
//! deleted after that. Whoever is interrupted in between runs it again: entries with `erased_at` are cleaned anew each time.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use sluice_kernel::fault::Fault;
use sluice_kernel::projection::Stored;

use crate::aws;
use crate::clock::SystemClock;
use crate::codec;
use crate::entry::{self, BodyPlace, ENTRY, Item, number, text};
use crate::ledger::DynamoLedger;

const UNAVAILABLE: &str = "erase.unavailable";

/// A page's end, from which the next one begins.
pub type Cursor = HashMap<String, AttributeValue>;

/// A stored body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// `evt_…`.
    pub id: String,
    /// The connected account, if any.
    pub account: Option<String>,
    /// The body as Stripe sent it; none where it isn't whole, or can't be read.
    pub body: Option<Vec<u8>>,
    /// Its body was taken out before.
    pub is_erased: bool,
}

/// A projection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projected {
    /// `acct_1#live#ch_1`.
    pub key: String,
    /// What is stored.
    pub stored: Stored,
    /// The key of its owner, if it has one.
    pub owner: Option<String>,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// Its body is gone.
    Done,
    /// It isn't on the bus yet: sweep, or the attempt that holds it, still needs the body.
    Waits,
}

/// Goes through tables and erases in the ledger.
#[derive(Debug, Clone)]
pub struct Eraser {
    client: Client,
    table: String,
    reader: DynamoLedger<SystemClock>,
}

impl Eraser {
    /// Of this ledger.
    pub fn new(config: &SdkConfig, ledger_table: String) -> Self {
        Self {
            client: aws::dynamodb(config),
            reader: DynamoLedger::new(config, ledger_table.clone(), SystemClock),
            table: ledger_table,
        }
    }

    /// The next page of all bodies, those of other events under an id and of discarded dead letters included.
    ///
    /// # Errors
    /// `Retry` where the table can't be reached.
    pub async fn bodies(&self, from: Option<Cursor>) -> Result<(Vec<Kept>, Option<Cursor>), Fault> {
        let filter = "sk = :entry OR begins_with(sk, :other) OR begins_with(sk, :discarded)";
        let scan = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression(filter);
        let scan = scan
            .expression_attribute_values(":entry", text(ENTRY))
            .expression_attribute_values(":other", text("other#"))
            .expression_attribute_values(":discarded", text("discarded#"));
        let sent = scan.set_exclusive_start_key(from).send().await;
        let page = sent.map_err(|error| aws::unavailable(UNAVAILABLE, "Scan", &error))?;
        let mut found = Vec::new();
        for item in page.items() {
            found.extend(self.kept(item).await?);
        }
        Ok((found, page.last_evaluated_key))
    }

    async fn kept(&self, item: &Item) -> Result<Option<Kept>, Fault> {
        let Some(id) = entry::id_of(item) else {
            return Ok(None);
        };
        let said = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let body = match (entry::read(item), said("message")) {
            (_, Some(message)) => Some(message.into_bytes()),
            (Ok((entry, BodyPlace::Inline { codec, bytes })), _) => {
                codec::decode(&codec, &bytes, entry.size).ok()
            }
            (Ok((_, BodyPlace::Parts { .. })), _) => {
                self.reader.read(id).await?.and_then(|(_, body)| body)
            }
            (Ok((_, BodyPlace::Missing)), _) => None,
            // Another event's under this id: it has no claim of its own.
            (Err(_), None) => other(item),
        };
        Ok(Some(Kept {
            id: id.to_owned(),
            account: said("account"),
            body,
            is_erased: item.contains_key("erased_at"),
        }))
    }

    /// Takes an event's bodies out: the entry's, its parts', those that came under its id, and its discarded messages.
    ///
    /// # Errors
    /// `Retry` where the table can't be reached. What was begun is ended by the next call.
    pub async fn erase(&self, id: &str, now_ms: i64) -> Result<Erased, Fault> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", entry::pk(id))
            .key("sk", text(ENTRY))
            .update_expression("SET erased_at = if_not_exists(erased_at, :now) REMOVE body, codec, parts, parts_hash")
            .condition_expression("attribute_exists(published_at) OR attribute_exists(ledger_only)")
            .expression_attribute_values(":now", number(now_ms));
        if let Err(error) = update.send().await {
            let service = error.as_service_error();
            if service.is_some_and(|error| error.is_conditional_check_failed_exception()) {
                return Ok(Erased::Waits);
            }
            return Err(aws::unavailable(UNAVAILABLE, "UpdateItem", &error));
        }
        for prefix in ["part#", "other#", "discarded#"] {
            self.delete(id, prefix).await?;
        }
        Ok(Erased::Done)
    }

    async fn delete(&self, id: &str, prefix: &str) -> Result<(), Fault> {
        let mut keys = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", entry::pk(id))
            .expression_attribute_values(":prefix", text(prefix))
            .projection_expression("pk, sk")
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        while let Some(key) = keys.next().await {
            let key = key.map_err(|error| aws::unavailable(UNAVAILABLE, "Query", &error))?;
            let delete = self
                .client
                .delete_item()
                .table_name(&self.table)
                .set_key(Some(key));
            delete
                .send()
                .await
                .map_err(|error| aws::unavailable(UNAVAILABLE, "DeleteItem", &error))?;
        }
        Ok(())
    }

    /// The next page of a domain's projections.
    ///
    /// # Errors
    /// `Retry` where the table can't be reached.
    pub async fn projections(
        &self,
        table: &str,
        from: Option<Cursor>,
    ) -> Result<(Vec<Projected>, Option<Cursor>), Fault> {
        let scan = self.client.scan().table_name(table).consistent_read(true);
        let sent = scan.set_exclusive_start_key(from).send().await;
        let page = sent.map_err(|error| aws::unavailable(UNAVAILABLE, "Scan", &error))?;
        let found = page.items().iter().filter_map(|item| {
            let said = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
            let version = item.get("version")?.as_n().ok()?.parse().ok()?;
            let document = said("doc")?;
            Some(Projected {
                key: said("pk")?,
                stored: Stored { version, document },
                owner: said("owner"),
            })
        });
        Ok((found.collect(), page.last_evaluated_key.clone()))
    }
}

fn other(item: &Item) -> Option<Vec<u8>> {
    let codec = item.get("codec")?.as_s().ok()?;
    let bytes = item.get("body")?.as_b().ok()?;
    let size = item.get("size")?.as_n().ok()?.parse().ok()?;
    codec::decode(codec, bytes.as_ref(), size).ok()
}
