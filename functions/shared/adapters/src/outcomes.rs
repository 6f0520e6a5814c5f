//! Outcomes in their own table on DynamoDB: one item per event or check and domain, the newest record of it.
//!
//! | attribute | | |
//! |---|---|---|
//! | `pk` | S | `evt#<event>`; `evt#check-<account and mode>#<object>` of a check; `evt#message-<SHA-256>` where the message names neither |
//! | `sk` | S | the domain |
//! | `outcome` | S | `rejected`, `failing`, or what a failing message came to after all: `applied`, `stale`, … |
//! | `code` | S | the fault's code; `message.unanswered`, `message.recovered` |
//! | `cause` | S | for people; no payload |
//! | `digest` | S | equal for equal code and cause: what records are grouped by |
//! | `type`, `account` | S | the event's, where there is one |
//! | `message` | S | the id of the SQS message, which it keeps among the dead letters |
//! | `receives` | N | how often it had been received |
//! | `at` | N | when it was recorded, in Unix milliseconds |
//! | `expires_at` | N | Unix seconds |
//!
//! Ties and drift, which domains note for reconcile, have partitions of their own: see [`crate::notes`].
//!
//! `failing` says that a message was near its last receive at `at`. Whether it is a dead letter, the queue of dead letters
//! says; one that was moved back and has ended well leaves the record as it is, because it comes under another message id.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::{Outcomes, Record, Remark, Word};

use crate::{aws, notes};

const DAY_S: i64 = 86_400;

/// The table of outcomes.
#[derive(Debug, Clone)]
pub struct DynamoOutcomes {
    client: Client,
    table: String,
    retention_days: u32,
}

impl DynamoOutcomes {
    /// The table of this name; records are kept for `retention_days`.
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
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let number = |value: i64| AttributeValue::N(value.to_string());
        let optional = |value: &Option<String>| value.clone().map(AttributeValue::S);
        let expires_at_s = record.at_ms / 1000 + i64::from(self.retention_days) * DAY_S;
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(&format!("evt#{}", record.subject)))
            .item("sk", text(record.domain))
            .item("outcome", text(record.word.as_str()))
            .item("code", text(record.code))
            .item("cause", text(&record.cause))
            .item("digest", text(&record.digest))
            .item("message", text(&record.message_id))
            .item("receives", number(i64::from(record.receives)))
            .item("at", number(record.at_ms))
            .item("expires_at", number(expires_at_s));
        for (name, value) in [("type", &record.kind), ("account", &record.account)] {
            if let Some(value) = optional(value) {
                put = put.item(name, value);
            }
        }
        if record.is_fallback {
            put = put
                .condition_expression("attribute_not_exists(pk) OR #o <> :failing")
                .expression_attribute_names("#o", "outcome")
                .expression_attribute_values(":failing", text(Word::Failing.as_str()));
        }
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_kept(&error) => Ok(()),
            Err(error) => Err(aws::unavailable("outcome.unavailable", "PutItem", &error)),
        }
    }

    async fn remark(&self, remark: &Remark) -> Result<(), Fault> {
        let (item, at_ms) = match remark {
            Remark::Tie(tie) => (notes::tie_item(tie), tie.at_ms),
            Remark::Drift(drift) => (notes::drift_item(drift), drift.at_ms),
        };
        let expires_at_s = at_ms / 1000 + i64::from(self.retention_days) * DAY_S;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .item("at", AttributeValue::N(at_ms.to_string()))
            .item("expires_at", AttributeValue::N(expires_at_s.to_string()));
        let sent = put.send().await;
        sent.map_err(|error| aws::unavailable("outcome.unavailable", "PutItem", &error))?;
        Ok(())
    }
}

/// Whether a fallback met a record that knows more.
fn is_kept<R>(error: &SdkError<PutItemError, R>) -> bool {
    error
        .as_service_error()
        .is_some_and(PutItemError::is_conditional_check_failed_exception)
}
