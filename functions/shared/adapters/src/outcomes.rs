//! Outcomes in their own table on DynamoDB: one item per event or check and domain, which is the newest record.
//!
//! | attribute | | |
//! |---|---|---|
//! | `pk` | S | `evt#<event>`; `evt#check-<account and mode>#<object>` for a check; `evt#message-<SHA-256>` if the message names neither |
//! | `sk` | S | the domain |
//! | `outcome` | S | `rejected`, `failing`, or the final outcome of a failing message: `applied`, `stale`, … |
//! | `code` | S | the fault's code; `message.unanswered`, `message.recovered` |
//! | `cause` | S | for people; no payload |
//! | `digest` | S | equal for equal code and cause: the key by which records are grouped |
//! | `type`, `account` | S | the event's, if there is one |
//! | `message` | S | the id of the SQS message, which stays the same among the dead letters |
//! | `receives` | N | how often it had been received |
//! | `at` | N | when it was recorded, in Unix milliseconds |
//! | `expires_at` | N | Unix seconds |
//! | `kind_shard` | S | `<kind>#<shard>`; with `at` the index `by_time`, see below |
//!
//! The index `by_time` (`kind_shard`, `at`) has the records by the kind of their outcome: `rejected`, `failing`, or
//! `ended` for a failing message that ended otherwise. It is how operators list them: see [`crate::records`]. Only this
//! module writes `kind_shard`, so nothing else of the table is in the index, and only what is exceptional pays for it.
//! No part of the key is a day: a list over any span is one query for each shard. A partition takes 1,000 writes per
//! second, so eight shards take 8,000 rejected events per second. The index carries whole items. A record is below 1 KB
//! with its keys, so fewer attributes would cost the same, and a new attribute would need a new index.
//!
//! Ties and drift, which domains record for reconcile, have partitions of their own: see [`crate::reconcile_store`].
//!
//! `failing` says that a message was near its last receive at `at`. The queue of dead letters shows whether it is a
//! dead letter. A message that was moved back and then succeeded leaves the record unchanged, because it has another
//! message id.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::{Drift, Finding, Outcomes, Record, RecordKind, Resolved, Tie};

use crate::code;
use crate::entry::{self, Item, number, shard, text};
use crate::{aws, reconcile_store};

const DAY_S: i64 = 86_400;

/// How many shards a kind has in the index `by_time`.
pub(crate) const KIND_SHARDS: u8 = 8;

/// The kinds of outcomes in the index `by_time`.
pub(crate) const KINDS: [&str; 3] = ["rejected", "failing", ENDED];

const ENDED: &str = "ended";

/// The kind of an outcome, by its word.
pub(crate) fn kind(outcome: &str) -> &'static str {
    let found = KINDS.into_iter().find(|kind| *kind == outcome);
    found.unwrap_or(ENDED)
}

/// A shard of a kind in the index `by_time`.
pub(crate) fn kind_shard(kind: &str, shard: u32) -> String {
    format!("{kind}#{shard}")
}

/// The table of outcomes.
#[derive(Debug, Clone)]
pub struct DynamoOutcomes {
    client: Client,
    table: String,
    retention_days: u32,
}

impl DynamoOutcomes {
    /// Outcomes in the table of this name; records are kept for `retention_days`.
    pub fn new(config: &SdkConfig, table: String, retention_days: u32) -> Self {
        Self {
            client: aws::dynamodb(config),
            table,
            retention_days,
        }
    }
}

impl Outcomes for DynamoOutcomes {
    async fn record(&self, record: &Record) -> Result<(), Fault> {
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(record, self.retention_days)));
        if record.is_fallback {
            put = put
                .condition_expression("attribute_not_exists(pk) OR #o <> :failing")
                .expression_attribute_names("#o", "outcome")
                .expression_attribute_values(":failing", text(RecordKind::Failing.as_str()));
        }
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_kept(&error) => Ok(()),
            Err(error) => Err(aws::unavailable(
                code::OUTCOME_UNAVAILABLE,
                "PutItem",
                &error,
            )),
        }
    }

    async fn remark(&self, remark: &Finding) -> Result<(), Fault> {
        match remark {
            Finding::Tie(tie) => self.note_tie(tie).await,
            Finding::Resolved(resolved) => self.resolve_tie(resolved).await,
            Finding::Drift(drift) => self.note_drift(drift).await,
        }
    }
}

/// The place of a record in the index `by_time`.
fn place(record: &Record) -> String {
    let name = format!("{}#{}", record.subject, record.domain);
    kind_shard(kind(record.word.as_str()), shard(&name, KIND_SHARDS))
}

/// The item of a record, which is kept for this number of days.
pub(crate) fn item(record: &Record, retention_days: u32) -> Item {
    let given = [
        ("pk", entry::pk(&record.subject)),
        ("sk", text(record.domain)),
        ("outcome", text(record.word.as_str())),
        ("code", text(record.code.as_str())),
        ("cause", text(&record.cause)),
        ("digest", text(&record.digest)),
        ("message", text(&record.message_id)),
        ("receives", number(i64::from(record.receives))),
        ("at", number(record.at_ms)),
        ("expires_at", expires_at(record.at_ms, retention_days)),
        ("kind_shard", text(place(record))),
    ];
    let optional = [("type", &record.kind), ("account", &record.account)];
    let optional = optional
        .into_iter()
        .filter_map(|(name, value)| Some((name, text(value.as_ref()?))));
    given
        .into_iter()
        .chain(optional)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn expires_at(at_ms: i64, retention_days: u32) -> AttributeValue {
    number(at_ms / 1000 + i64::from(retention_days) * DAY_S)
}

impl DynamoOutcomes {
    fn expires_at(&self, at_ms: i64) -> AttributeValue {
        expires_at(at_ms, self.retention_days)
    }

    /// Of two ties of an object, the later one is kept, with the waiting time of the first.
    async fn note_tie(&self, tie: &Tie) -> Result<(), Fault> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(reconcile_store::TIES))
            .key(
                "sk",
                text(reconcile_store::subject(&tie.scope, &tie.object)),
            )
            .condition_expression("attribute_not_exists(#at) OR #at <= :at")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", number(tie.at_ms))
            .expression_attribute_values(":expires", self.expires_at(tie.at_ms));
        let mut set =
            "SET waits_since = if_not_exists(waits_since, :at), expires_at = :expires, #at = :at"
                .to_owned();
        // Many of the names are reserved words of DynamoDB.
        for (n, (name, value)) in reconcile_store::tie_attributes(tie).into_iter().enumerate() {
            set.push_str(&format!(", #n{n} = :v{n}"));
            update = update
                .expression_attribute_names(format!("#n{n}"), name)
                .expression_attribute_values(format!(":v{n}"), value);
        }
        match update.update_expression(set).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(aws::unavailable(
                    code::OUTCOME_UNAVAILABLE,
                    "UpdateItem",
                    &error,
                )),
            },
        }
    }

    /// A missing tie, one that was found later, and another domain's stay unchanged.
    async fn resolve_tie(&self, resolved: &Resolved) -> Result<(), Fault> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", text(reconcile_store::TIES))
            .key(
                "sk",
                text(reconcile_store::subject(&resolved.scope, &resolved.object)),
            )
            .condition_expression("#domain = :domain AND #at <= :before")
            .expression_attribute_names("#domain", "domain")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":domain", text(resolved.domain))
            .expression_attribute_values(":before", number(resolved.before_ms));
        match delete.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(aws::unavailable(
                    code::OUTCOME_UNAVAILABLE,
                    "DeleteItem",
                    &error,
                )),
            },
        }
    }

    async fn note_drift(&self, drift: &Drift) -> Result<(), Fault> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(reconcile_store::drift_item(drift)))
            .item("at", number(drift.at_ms))
            .item("expires_at", self.expires_at(drift.at_ms));
        let sent = put.send().await;
        sent.map_err(|error| aws::unavailable(code::OUTCOME_UNAVAILABLE, "PutItem", &error))?;
        Ok(())
    }
}

/// Whether a fallback met a record with more information.
fn is_kept<R>(error: &SdkError<PutItemError, R>) -> bool {
    error
        .as_service_error()
        .is_some_and(PutItemError::is_conditional_check_failed_exception)
}
