//! Receipts of effects on DynamoDB: one item per fact, one per key of a level.
//!
//! | attribute | |
//! |---|---|
//! | `pk` S | the fact's id, or the level's key |
//! | `seq` N | the level's seq; 0 for a fact |
//! | `attempt` S, `lapses_at` N ms | the attempt that holds the receipt |
//! | `done` BOOL | it has been carried out |
//! | `expires_at` N s | the table's TTL |

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_types::SdkConfig;
use sluice_kernel::effects::receive::{Attempt, Effect, Receipt, Receipts};
use sluice_kernel::fault::Fault;

use crate::aws;
use crate::code;
use crate::entry::{number, text};

/// The table of receipts.
#[derive(Debug, Clone)]
pub struct DynamoReceipts {
    client: Client,
    table: String,
}

impl DynamoReceipts {
    /// Receipts in the table of this name.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: aws::dynamodb(config),
            table,
        }
    }

    /// Updates the receipt while this attempt holds it at this seq; any other receipt stays unchanged.
    async fn update(
        &self,
        effect: &Effect,
        attempt: Attempt<'_>,
        set: (&str, AttributeValue),
    ) -> Result<(), Fault> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(effect.subject()))
            .update_expression("SET #name = :value")
            .condition_expression("attempt = :mine AND seq = :seq")
            .expression_attribute_names("#name", set.0)
            .expression_attribute_values(":value", set.1)
            .expression_attribute_values(":mine", text(attempt.name))
            .expression_attribute_values(":seq", number(effect.seq.unwrap_or(0)));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(aws::unavailable(
                    code::RECEIPT_UNAVAILABLE,
                    "UpdateItem",
                    &error,
                )),
            },
        }
    }
}

impl Receipts for DynamoReceipts {
    async fn claim(
        &self,
        effect: &Effect,
        attempt: Attempt<'_>,
        now_ms: i64,
    ) -> Result<Receipt, Fault> {
        let seq = effect.seq.unwrap_or(0);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(effect.subject()))
            .item("seq", number(seq))
            .item("attempt", text(attempt.name))
            .item("lapses_at", number(attempt.lapses_at_ms))
            .item("expires_at", number(attempt.expires_at_s))
            // Absent or expired; or an older level; or this one, not carried out, and held by this attempt or lapsed.
            .condition_expression(
                "attribute_not_exists(pk) OR expires_at <= :now_s OR seq < :seq OR \
                 (seq = :seq AND attribute_not_exists(done) AND (attempt = :mine OR lapses_at <= :now_ms))",
            )
            .expression_attribute_values(":now_s", number(now_ms.div_euclid(1000)))
            .expression_attribute_values(":now_ms", number(now_ms))
            .expression_attribute_values(":seq", number(seq))
            .expression_attribute_values(":mine", text(attempt.name))
            .return_values_on_condition_check_failure(AllOld);
        let error = match put.send().await {
            Ok(_) => return Ok(Receipt::Mine),
            Err(error) => error,
        };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
        else {
            return Err(aws::unavailable(
                code::RECEIPT_UNAVAILABLE,
                "PutItem",
                &error,
            ));
        };
        let Some(item) = &failed.item else {
            return Ok(Receipt::Held);
        };
        let there: u64 = item
            .get("seq")
            .and_then(|value| value.as_n().ok()?.parse().ok())
            .unwrap_or(0);
        let is_over = item.contains_key("done") || there > seq;
        Ok(if is_over {
            Receipt::Done
        } else {
            Receipt::Held
        })
    }

    async fn mark(&self, effect: &Effect, attempt: Attempt<'_>) -> Result<(), Fault> {
        self.update(effect, attempt, ("done", AttributeValue::Bool(true)))
            .await
    }

    async fn release(&self, effect: &Effect, attempt: Attempt<'_>) -> Result<(), Fault> {
        self.update(effect, attempt, ("lapses_at", number(0))).await
    }
}
