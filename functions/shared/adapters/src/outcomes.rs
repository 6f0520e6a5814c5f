//! Rejections in their own table on DynamoDB: one item an event and domain, replaced when it is rejected again.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::{Outcomes, Rejection};

use crate::aws;

const DAY_S: i64 = 86_400;

/// The table of outcomes.
#[derive(Debug, Clone)]
pub struct DynamoOutcomes {
    client: Client,
    table: String,
    retention_days: u32,
}

impl DynamoOutcomes {
    /// The table of this name; rejections are kept for `retention_days`.
    pub fn new(config: &SdkConfig, table: String, retention_days: u32) -> Self {
        Self {
            client: Client::new(config),
            table,
            retention_days,
        }
    }
}

impl Outcomes for DynamoOutcomes {
    async fn record(&self, rejection: &Rejection) -> Result<(), Fault> {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let expires_at_s = rejection.at_ms / 1000 + i64::from(self.retention_days) * DAY_S;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(&format!("evt#{}", rejection.subject)))
            .item("sk", text(rejection.domain))
            .item("outcome", text("rejected"))
            .item("code", text(rejection.code))
            .item("cause", text(&rejection.cause))
            .item("digest", text(&rejection.digest))
            .item("at", AttributeValue::N(rejection.at_ms.to_string()))
            .item("expires_at", AttributeValue::N(expires_at_s.to_string()));
        let sent = put.send().await;
        sent.map_err(|error| aws::unavailable("outcome.unavailable", "PutItem", &error))?;
        Ok(())
    }
}
