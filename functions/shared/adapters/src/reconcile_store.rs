//! Reconcile's cursors and reports, in the ledger's table with the entries; ties and drift in the outcomes table, where
//! domains record them.
//!
//! | table | `pk` | `sk` | |
//! |---|---|---|---|
//! | ledger | `reconcile` | `cursor#<scope>` | `doc` S: the cursor's JSON; `expires_at` N s once it is forgotten |
//! | ledger | `reconcile` | `report#<began, 13 digits>#<run>` | `doc` S: the report's JSON; `expires_at` N s |
//! | outcomes | `ties` | `<scope>#<object>` | a tie that a domain left unresolved; `at` N ms: when it was found last; `waits_since` N ms |
//! | outcomes | `drift` | `<at ms, 13 digits>#<scope>#<object>` | a check that found the projection to differ |
//!
//! There are a handful of these per day, so one partition for each kind is enough.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use aws_types::SdkConfig;
use sluice_kernel::event::Scope;
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::{Drift, Tie};
use sluice_kernel::reconcile::report::Report;
use sluice_kernel::reconcile::window::Cursor;
use sluice_kernel::reconcile::{NotedTie, Notes};

use crate::aws;
use crate::code;
use crate::entry::{Item, number, text};

const DAY_S: i64 = 86_400;

/// The partition of cursors and reports.
pub(crate) const PARTITION: &str = "reconcile";
/// The partition of ties.
pub(crate) const TIES: &str = "ties";
/// The partition of drift.
pub(crate) const DRIFT: &str = "drift";

/// Reconcile's records.
#[derive(Debug, Clone)]
pub struct DynamoNotes {
    client: Client,
    ledger_table: String,
    outcomes_table: String,
    retention_days: u32,
}

impl DynamoNotes {
    /// Uses these tables; reports are kept for `retention_days`.
    pub fn new(
        config: &SdkConfig,
        ledger_table: String,
        outcomes_table: String,
        retention_days: u32,
    ) -> Self {
        Self {
            client: aws::dynamodb(config),
            ledger_table,
            outcomes_table,
            retention_days,
        }
    }

    /// The documents under keys with this prefix that haven't been marked to expire.
    async fn documents(&self, prefix: &str) -> Result<Vec<(String, String)>, Fault> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.ledger_table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .filter_expression("attribute_not_exists(expires_at)")
            .expression_attribute_values(":pk", text(PARTITION))
            .expression_attribute_values(":prefix", text(prefix))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item
                .map_err(|error| aws::unavailable(code::RECONCILE_UNAVAILABLE, "Query", &error))?;
            let of = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
            if let (Some(key), Some(document)) = (of("sk"), of("doc")) {
                found.push((key[prefix.len()..].to_owned(), document.clone()));
            }
        }
        Ok(found)
    }

    async fn put(
        &self,
        key: String,
        document: String,
        expires_at_s: Option<i64>,
    ) -> Result<(), Fault> {
        let put = self
            .client
            .put_item()
            .table_name(&self.ledger_table)
            .item("pk", text(PARTITION))
            .item("sk", text(key))
            .item("doc", text(document));
        let put = match expires_at_s {
            Some(at_s) => put.item("expires_at", number(at_s)),
            None => put,
        };
        let sent = put.send().await;
        sent.map_err(|error| aws::unavailable(code::RECONCILE_UNAVAILABLE, "PutItem", &error))?;
        Ok(())
    }
}

fn unwritable(_: serde_json::Error) -> Fault {
    Fault::reject(code::RECONCILE_UNWRITABLE, "a note has no JSON form")
}

impl Notes for DynamoNotes {
    async fn cursors(&self) -> Result<BTreeMap<String, Cursor>, Fault> {
        let documents = self.documents("cursor#").await?.into_iter();
        let read = documents.map(|(scope, document)| {
            let cursor = serde_json::from_str(&document).map_err(|_| {
                Fault::retry(
                    code::RECONCILE_CURSOR_UNREADABLE,
                    "a cursor isn't readable as JSON",
                )
            })?;
            Ok((scope, cursor))
        });
        read.collect()
    }

    async fn save_cursor(&self, scope: &str, cursor: &Cursor) -> Result<(), Fault> {
        let document = serde_json::to_string(cursor).map_err(unwritable)?;
        self.put(format!("cursor#{scope}"), document, None).await
    }

    async fn forget_cursor(&self, scope: &str, now_s: i64) -> Result<(), Fault> {
        // It expires: reconcile needs no permission to delete from the ledger.
        let document = serde_json::to_string(&Cursor::first(now_s)).map_err(unwritable)?;
        self.put(format!("cursor#{scope}"), document, Some(now_s))
            .await
    }

    async fn save_report(&self, report: &Report) -> Result<(), Fault> {
        let document = serde_json::to_string(report).map_err(unwritable)?;
        let key = format!("report#{:013}#{}", report.began_ms, report.run);
        let expires_at_s = report.began_ms / 1_000 + i64::from(self.retention_days) * DAY_S;
        self.put(key, document, Some(expires_at_s)).await
    }

    async fn ties(&self, limit: usize) -> Result<Vec<NotedTie>, Fault> {
        let mut items = self
            .client
            .query()
            .table_name(&self.outcomes_table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(TIES))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(item) = items.next().await
        {
            let item = item
                .map_err(|error| aws::unavailable(code::RECONCILE_UNAVAILABLE, "Query", &error))?;
            found.extend(read_tie(&item));
        }
        Ok(found)
    }

    async fn ties_asked(&self, ties: &[Tie], at_ms: i64) -> Result<(), Fault> {
        for tie in ties {
            let update = self
                .client
                .update_item()
                .table_name(&self.outcomes_table)
                .key("pk", text(TIES))
                .key("sk", text(subject(&tie.scope, &tie.object)))
                .update_expression("SET waits_since = :at")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_values(":at", number(at_ms));
            if let Err(error) = update.send().await {
                match error.as_service_error() {
                    // The tie was resolved meanwhile.
                    Some(UpdateItemError::ConditionalCheckFailedException(_)) => {}
                    _ => {
                        return Err(aws::unavailable(
                            code::RECONCILE_UNAVAILABLE,
                            "UpdateItem",
                            &error,
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    async fn drifted_since(&self, since_ms: i64) -> Result<u64, Fault> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.outcomes_table)
            .key_condition_expression("pk = :pk AND sk >= :since")
            .expression_attribute_values(":pk", text(DRIFT))
            .expression_attribute_values(":since", text(format!("{since_ms:013}")))
            .select(Select::Count)
            .into_paginator()
            .send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(|error| aws::unavailable(code::RECONCILE_UNAVAILABLE, "Query", &error))?;
            count += u64::try_from(page.count()).unwrap_or_default();
        }
        Ok(count)
    }
}

/// The sort key of an object's record.
pub(crate) fn subject(scope: &Scope, object: &str) -> String {
    format!("{}#{object}", scope.key())
}

/// A tie's attributes, besides its key and its times.
pub(crate) fn tie_attributes(tie: &Tie) -> Vec<(&'static str, AttributeValue)> {
    let mut attributes = vec![
        ("livemode", AttributeValue::Bool(tie.scope.livemode)),
        ("domain", text(&tie.domain)),
        ("object", text(&tie.object)),
        ("object_type", text(&tie.object_kind)),
        ("event", text(&tie.event)),
        ("type", text(&tie.kind)),
    ];
    let optional = [("account", &tie.scope.account), ("parent", &tie.parent)];
    for (name, value) in optional {
        attributes.extend(value.as_ref().map(|value| (name, text(value))));
    }
    attributes
}

fn read_tie(item: &Item) -> Option<NotedTie> {
    let of = |name: &str| Some(item.get(name)?.as_s().ok()?.clone());
    let at = |name: &str| item.get(name)?.as_n().ok()?.parse().ok();
    let at_ms = at("at")?;
    Some(NotedTie {
        // A tie that an earlier version recorded has only one time.
        waits_since_ms: at("waits_since").unwrap_or(at_ms),
        tie: Tie {
            scope: Scope {
                account: of("account"),
                livemode: *item.get("livemode")?.as_bool().ok()?,
            },
            domain: of("domain")?,
            object: of("object")?,
            object_kind: of("object_type")?,
            parent: of("parent"),
            event: of("event")?,
            kind: of("type")?,
            at_ms,
        },
    })
}

/// The item of a drift.
pub(crate) fn drift_item(drift: &Drift) -> Item {
    let key = format!(
        "{:013}#{}",
        drift.at_ms,
        subject(&drift.scope, &drift.object)
    );
    Item::from([
        ("pk".to_owned(), text(DRIFT)),
        ("sk".to_owned(), text(key)),
        ("domain".to_owned(), text(drift.domain)),
        ("object".to_owned(), text(&drift.object)),
    ])
}
