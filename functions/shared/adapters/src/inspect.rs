//! Reading what the ledger, the outcomes and the projections hold, for operators and tests. Writes nothing.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use serde_json::{Map, Value, json};
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::Entry;
use sluice_kernel::fault::Fault;
use sluice_kernel::reconcile::report::Report;

use crate::aws;
use crate::clock::SystemClock;
use crate::entry::{self, Item, text};
use crate::ledger::DynamoLedger;
use crate::{listing, notes};

const UNAVAILABLE: &str = "inspect.unavailable";

/// An event as the ledger and the outcomes have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// What is known of the event, as JSON.
    pub summary: Value,
    /// The stored body, byte for byte, where it is whole.
    pub body: Option<Vec<u8>>,
}

/// Reads an event's story; `None` where the ledger has no entry of it.
///
/// # Errors
/// `Retry` where a table can't be reached.
pub async fn event(
    config: &SdkConfig,
    ledger: &str,
    outcomes: &str,
    id: &str,
) -> Result<Option<Story>, Fault> {
    let reader = DynamoLedger::new(config, ledger.to_owned(), SystemClock);
    let Some((entry, body)) = reader.read(id).await? else {
        return Ok(None);
    };
    let client = Client::new(config);
    let others = query(&client, ledger, id, Some("other#")).await?;
    let rejected = query(&client, outcomes, id, None).await?;
    let mut summary = summary(&entry, body.is_some());
    summary["others"] = others.iter().map(plain).collect();
    summary["outcomes"] = rejected.iter().map(plain).collect();
    Ok(Some(Story { summary, body }))
}

fn summary(entry: &Entry, is_whole: bool) -> Value {
    let (origin, standing) = (&entry.origin, &entry.standing);
    let now_ms = SystemClock.now_ms();
    let state = listing::state(standing, now_ms);
    json!({
        "id": origin.id, "type": origin.kind, "state": state, "endpoint": origin.endpoint, "via": origin.via, "account": origin.account,
        "livemode": origin.livemode, "created": origin.created, "api_version": origin.api_version,
        "object_id": origin.object_id, "object_type": origin.object_kind, "received_at_ms": origin.received_at_ms,
        "published_at_ms": standing.published_at_ms, "due_at_ms": standing.due_at_ms, "refusals": standing.refusals,
        "ledger_only": standing.ledger_only, "attempt": standing.attempt, "lapses_at_ms": standing.lapses_at_ms,
        "expires_at_s": standing.expires_at_s, "traceparent": origin.traceparent, "as_pointer": origin.as_pointer,
        "size_bytes": entry.size, "sha256": entry::hex(&entry.hash), "body_is_whole": is_whole,
    })
}

async fn query(
    client: &Client,
    table: &str,
    id: &str,
    prefix: Option<&str>,
) -> Result<Vec<Item>, Fault> {
    let query = client
        .query()
        .table_name(table)
        .expression_attribute_values(":pk", entry::pk(id))
        .consistent_read(true);
    let query = match prefix {
        Some(prefix) => query
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":prefix", text(prefix)),
        None => query.key_condition_expression("pk = :pk"),
    };
    let items = query.into_paginator().items().send().try_collect().await;
    items.map_err(|error| aws::unavailable(UNAVAILABLE, "Query", &error))
}

/// An item without its bytes, as plain JSON.
fn plain(item: &Item) -> Value {
    let fields = item.iter().filter_map(|(name, value)| {
        let value = match value {
            AttributeValue::S(text) => json!(text),
            AttributeValue::N(number) => {
                serde_json::from_str(number).unwrap_or_else(|_| json!(number))
            }
            AttributeValue::Bool(flag) => json!(flag),
            AttributeValue::B(bytes) if name == "hash" => json!(entry::hex(bytes.as_ref())),
            _ => return None,
        };
        Some((name.clone(), value))
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

/// Reconcile's newest report, where it has run. One that another version wrote, and that can't be read, counts as none.
///
/// # Errors
/// `Retry` where the table can't be reached.
pub async fn last_report(config: &SdkConfig, ledger: &str) -> Result<Option<Report>, Fault> {
    let documents = report_documents(config, ledger, 1).await?;
    let newest = documents.first();
    Ok(newest.and_then(|document| serde_json::from_str(document).ok()))
}

/// Reconcile's last reports, the newest first: at most so many.
///
/// # Errors
/// `Retry` where the table can't be reached, or a report can't be read.
pub async fn reports(config: &SdkConfig, ledger: &str, count: u16) -> Result<Vec<Report>, Fault> {
    let documents = report_documents(config, ledger, count).await?;
    let read = documents.iter().map(|document| {
        serde_json::from_str(document)
            .map_err(|error| Fault::retry(UNAVAILABLE, format!("a report: {error}")))
    });
    read.collect()
}

async fn report_documents(
    config: &SdkConfig,
    ledger: &str,
    count: u16,
) -> Result<Vec<String>, Fault> {
    let query = Client::new(config)
        .query()
        .table_name(ledger)
        .key_condition_expression("pk = :pk AND begins_with(sk, :report)")
        .expression_attribute_values(":pk", text(notes::PARTITION))
        .expression_attribute_values(":report", text("report#"))
        .scan_index_forward(false)
        .limit(i32::from(count));
    let output = query.send().await;
    let output = output.map_err(|error| aws::unavailable(UNAVAILABLE, "Query", &error))?;
    let documents = output.items.unwrap_or_default().into_iter();
    Ok(documents
        .filter_map(|mut item| match item.remove("doc") {
            Some(AttributeValue::S(document)) => Some(document),
            _ => None,
        })
        .collect())
}

/// Reads an object's projection from a domain's table, by its key (`acct_1#live#ch_1`): its version and document.
///
/// # Errors
/// `Retry` where the table can't be reached.
pub async fn projection(
    config: &SdkConfig,
    table: &str,
    key: &str,
) -> Result<Option<Value>, Fault> {
    let output = Client::new(config)
        .get_item()
        .table_name(table)
        .key("pk", text(key))
        .consistent_read(true)
        .send()
        .await;
    let output = output.map_err(|error| aws::unavailable(UNAVAILABLE, "GetItem", &error))?;
    let Some(item) = output.item else {
        return Ok(None);
    };
    let document = item.get("doc").and_then(|value| value.as_s().ok());
    let document = document
        .and_then(|document| serde_json::from_str(document).ok())
        .unwrap_or(Value::Null);
    let mut found = plain(&item);
    found["doc"] = document;
    Ok(Some(found))
}
