//! Reading what the ledger, the outcomes and the projections hold, for operators and tests. Writes nothing.

use std::borrow::Cow;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::Entry;
use sluice_kernel::fault::Fault;
use sluice_kernel::reconcile::report::Report;

use crate::aws;
use crate::clock::SystemClock;
use crate::code;
use crate::entry::{self, Item, text};
use crate::ledger::DynamoLedger;
use crate::{listing, reconcile_store};

/// An event as the ledger and the outcomes table record it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventRecords {
    /// The ledger's entry.
    #[serde(flatten)]
    pub entry: EntryView,
    /// Bodies that came under the same id and are another event.
    pub others: Vec<Value>,
    /// What domains recorded about it, and what operators did with it.
    pub outcomes: Vec<OutcomeRecord>,
    /// The stored body, byte for byte, if it is whole; as text in JSON.
    #[serde(serialize_with = "as_text")]
    pub body: Option<Vec<u8>>,
}

/// An entry of the ledger, as it is shown to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryView {
    /// `evt_…`.
    pub id: String,
    /// Stripe's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its state: see [`listing::state`].
    pub state: &'static str,
    /// The endpoint of the first delivery.
    pub endpoint: String,
    /// How it came in, if not by a delivery: `reconcile`.
    pub via: Option<String>,
    /// The connected account, if any.
    pub account: Option<String>,
    /// Stripe's `livemode`, if the event has one.
    pub livemode: Option<bool>,
    /// Stripe's `created`, in seconds, if the event has one.
    pub created: Option<i64>,
    /// The API version of a snapshot.
    pub api_version: Option<String>,
    /// The id of the object that it is about.
    pub object_id: Option<String>,
    /// That object's type, as Stripe names it.
    #[serde(rename = "object_type")]
    pub object_kind: Option<String>,
    /// When the first delivery came, in milliseconds.
    pub received_at_ms: i64,
    /// When it was known to be on the bus, in milliseconds.
    pub published_at_ms: Option<i64>,
    /// Since when it waits for sweep, in milliseconds.
    pub due_at_ms: Option<i64>,
    /// How many times the bus refused it to sweep.
    pub refusals: u32,
    /// Why it is stored and not published.
    pub ledger_only: Option<String>,
    /// The attempt that holds the claim, or held it last.
    pub attempt: String,
    /// When that claim lapses, in milliseconds.
    pub lapses_at_ms: i64,
    /// Until when the entry counts, in seconds.
    pub expires_at_s: i64,
    /// The trace context of the first delivery.
    pub traceparent: String,
    /// The bus carries a pointer to it, and not its body.
    pub as_pointer: bool,
    /// How large the body is, in bytes.
    #[serde(rename = "size_bytes")]
    pub size: u64,
    /// The body's SHA-256, in hexadecimal.
    #[serde(rename = "sha256")]
    pub hash: String,
    /// Whether all of the body is stored.
    pub body_is_whole: bool,
}

/// A record of an event among the outcomes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OutcomeRecord {
    /// The domain that recorded it, or what an operator did: `replay#<run>`.
    #[serde(rename = "sk")]
    pub by: String,
    /// What became of the event: `rejected`, `failing`, `replayed`…
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The fault's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is wrong, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The operator who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// The operator's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When it was recorded, in milliseconds.
    #[serde(rename = "at", skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
    /// Its other attributes.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl OutcomeRecord {
    fn of(item: &Item) -> Self {
        let mut more = plain(item);
        // Its place in an index says nothing that its outcome doesn't.
        more.remove("kind_shard");
        let mut text = |name: &str| match more.remove(name) {
            Some(Value::String(text)) => Some(text),
            other => {
                more.extend(other.map(|other| (name.to_owned(), other)));
                None
            }
        };
        let [by, outcome, code, cause, who, why] =
            ["sk", "outcome", "code", "cause", "who", "why"].map(&mut text);
        let at_ms = more.get("at").and_then(Value::as_i64);
        if at_ms.is_some() {
            more.remove("at");
        }
        Self {
            by: by.unwrap_or_default(),
            outcome,
            code,
            cause,
            who,
            why,
            at_ms,
            more,
        }
    }
}

fn as_text<S: Serializer>(body: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    body.as_deref()
        .map(String::from_utf8_lossy)
        .serialize(serializer)
}

/// Reads an event's story; `None` if the ledger has no entry for it.
///
/// # Errors
/// `Retry` if a table can't be reached.
pub async fn event(
    config: &SdkConfig,
    ledger: &str,
    outcomes: &str,
    id: &str,
) -> Result<Option<EventRecords>, Fault> {
    let reader = DynamoLedger::new(config, ledger.to_owned(), SystemClock);
    let Some((entry, body)) = reader.read(id).await? else {
        return Ok(None);
    };
    let client = Client::new(config);
    let others = query(&client, ledger, id, Some("other#")).await?;
    let recorded = query(&client, outcomes, id, None).await?;
    Ok(Some(EventRecords {
        entry: view(entry, body.is_some()),
        others: others.iter().map(plain).map(Value::Object).collect(),
        outcomes: recorded.iter().map(OutcomeRecord::of).collect(),
        body,
    }))
}

fn view(entry: Entry, is_whole: bool) -> EntryView {
    let Entry {
        origin,
        standing,
        hash,
        size,
    } = entry;
    EntryView {
        state: listing::state(&standing, SystemClock.now_ms()),
        id: origin.id.into_owned(),
        kind: origin.kind.into_owned(),
        endpoint: origin.endpoint.into_owned(),
        via: origin.via.map(Cow::into_owned),
        account: origin.account.map(Cow::into_owned),
        livemode: origin.livemode,
        created: origin.created,
        api_version: origin.api_version.map(Cow::into_owned),
        object_id: origin.object_id.map(Cow::into_owned),
        object_kind: origin.object_kind.map(Cow::into_owned),
        received_at_ms: origin.received_at_ms,
        published_at_ms: standing.published_at_ms,
        due_at_ms: standing.due_at_ms,
        refusals: standing.refusals,
        ledger_only: standing.ledger_only,
        attempt: standing.attempt,
        lapses_at_ms: standing.lapses_at_ms,
        expires_at_s: standing.expires_at_s,
        traceparent: origin.traceparent.into_owned(),
        as_pointer: origin.as_pointer,
        size,
        hash: entry::hex(&hash),
        body_is_whole: is_whole,
    }
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
    items.map_err(|error| aws::unavailable(code::INSPECT_UNAVAILABLE, "Query", &error))
}

/// An item without its bytes, as plain JSON.
fn plain(item: &Item) -> Map<String, Value> {
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
    fields.collect()
}

/// Reconcile's newest report, if it has run. A report that another version wrote, and that can't be read, counts as
/// none.
///
/// # Errors
/// `Retry` if the table can't be reached.
pub async fn last_report(config: &SdkConfig, ledger: &str) -> Result<Option<Report>, Fault> {
    let documents = report_documents(config, ledger, 1).await?;
    let newest = documents.first();
    Ok(newest.and_then(|document| serde_json::from_str(document).ok()))
}

/// Reconcile's last reports, the newest first: at most `count`.
///
/// # Errors
/// `Retry` if the table can't be reached, or a report can't be read.
pub async fn reports(config: &SdkConfig, ledger: &str, count: u16) -> Result<Vec<Report>, Fault> {
    let documents = report_documents(config, ledger, count).await?;
    let read = documents.iter().map(|document| {
        serde_json::from_str(document)
            .map_err(|error| Fault::retry(code::INSPECT_UNAVAILABLE, format!("a report: {error}")))
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
        .expression_attribute_values(":pk", text(reconcile_store::PARTITION))
        .expression_attribute_values(":report", text("report#"))
        .scan_index_forward(false)
        .limit(i32::from(count));
    let output = query.send().await;
    let output =
        output.map_err(|error| aws::unavailable(code::INSPECT_UNAVAILABLE, "Query", &error))?;
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
/// `Retry` if the table can't be reached.
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
    let output =
        output.map_err(|error| aws::unavailable(code::INSPECT_UNAVAILABLE, "GetItem", &error))?;
    let Some(item) = output.item else {
        return Ok(None);
    };
    let document = item.get("doc").and_then(|value| value.as_s().ok());
    let document = document
        .and_then(|document| serde_json::from_str(document).ok())
        .unwrap_or(Value::Null);
    let mut found = plain(&item);
    found.insert("doc".to_owned(), document);
    Ok(Some(Value::Object(found)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::number;

    #[test]
    fn an_outcome_is_shown_with_all_attributes_of_its_item_and_no_others() {
        let item = Item::from([
            ("pk".to_owned(), text("evt#evt_1")),
            ("sk".to_owned(), text("replay#r")),
            ("outcome".to_owned(), text("replayed")),
            ("who".to_owned(), text("ann")),
            ("why".to_owned(), number(7)),
            ("at".to_owned(), number(50)),
            ("forced".to_owned(), AttributeValue::Bool(true)),
        ]);
        let outcome = OutcomeRecord::of(&item);
        assert_eq!((outcome.at_ms, outcome.why.as_deref()), (Some(50), None));
        let shown = serde_json::to_value(&outcome).expect("JSON");
        assert_eq!(shown, Value::Object(plain(&item)));
    }
}
