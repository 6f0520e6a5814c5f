//! The ledger as sweep uses it: the sparse index `due`, and the entries it names.

use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::{Due, DueLedger};
use sluice_kernel::fault::Fault;

use super::{DynamoLedger, send};
use crate::aws;
use crate::code;
use crate::entry::{self, DUE_SHARDS, number, text};

impl<C: Clock> DueLedger for DynamoLedger<C> {
    async fn due(&self, now_ms: i64, limit: usize) -> Result<Vec<String>, Fault> {
        let mut due: Vec<(i64, String)> = Vec::new();
        for shard in 0..DUE_SHARDS {
            let mut items = self
                .client
                .query()
                .table_name(&self.table)
                .index_name("due")
                .key_condition_expression("due_shard = :shard AND due_at <= :now")
                .expression_attribute_values(":shard", text(format!("due#{shard}")))
                .expression_attribute_values(":now", number(now_ms))
                .into_paginator()
                .page_size(i32::try_from(limit.min(1_000)).unwrap_or(1_000))
                .items()
                .send();
            let mut found = 0;
            while found < limit
                && let Some(item) = items.next().await
            {
                let item = item
                    .map_err(|error| aws::unavailable(code::LEDGER_UNAVAILABLE, "Query", &error))?;
                let due_at = item
                    .get("due_at")
                    .and_then(|value| value.as_n().ok()?.parse().ok());
                if let (Some(due_at), Some(id)) = (due_at, entry::id_of(&item)) {
                    due.push((due_at, id.to_owned()));
                    found += 1;
                }
            }
        }
        due.sort_unstable();
        due.truncate(limit);
        Ok(due.into_iter().map(|(_, id)| id).collect())
    }

    async fn take_up(&self, id: &str, now_ms: i64) -> Result<Option<Due>, Fault> {
        let Some((entry, place)) = self.entry(id).await? else {
            return Ok(None);
        };
        let standing = &entry.standing;
        let is_due = standing
            .due_at_ms
            .is_some_and(|due_at_ms| due_at_ms <= now_ms);
        if !is_due || standing.published_at_ms.is_some() {
            return Ok(None);
        }
        let body = self.load(id, &entry, place).await?;
        Ok(Some(Due { entry, body }))
    }

    async fn mark_swept(&self, id: &str, now_ms: i64) -> Result<(), Fault> {
        // Only if the entry exists: an update would otherwise create an incomplete one.
        let update = self
            .update(id)
            .update_expression("SET published_at = if_not_exists(published_at, :now) REMOVE due_at, due_shard, refusals")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", number(now_ms));
        send(update).await.map(drop)
    }

    async fn postpone(&self, id: &str, due_at_ms: i64, as_pointer: bool) -> Result<(), Fault> {
        let set = "SET due_at = :due, refusals = if_not_exists(refusals, :none) + :one";
        // The entry must still be due, or an event that another sweep has published meanwhile would be due again; and
        // due earlier, so that a repetition after a lost response counts once.
        let update = self
            .update(id)
            .condition_expression("attribute_exists(due_at) AND due_at < :due")
            .expression_attribute_values(":due", number(due_at_ms))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":one", number(1));
        let update = if as_pointer {
            update
                .update_expression(format!("{set}, pointer = :pointer"))
                .expression_attribute_values(
                    ":pointer",
                    aws_sdk_dynamodb::types::AttributeValue::Bool(true),
                )
        } else {
            update.update_expression(set)
        };
        send(update).await.map(drop)
    }
}
