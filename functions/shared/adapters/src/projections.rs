//! A domain's projections on DynamoDB: one item per object, one conditional put per write.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use sluice_kernel::consumer::projection::{Projections, Stored};
use sluice_kernel::fault::Fault;

use crate::aws;
use crate::code;

/// A domain's table.
#[derive(Debug, Clone)]
pub struct DynamoProjections {
    client: Client,
    table: String,
}

impl DynamoProjections {
    /// Projections in the table of this name.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: aws::dynamodb(config),
            table,
        }
    }
}

/// The index of a domain's table that finds an owner's items.
const BY_OWNER: &str = "by_owner";

impl DynamoProjections {
    /// Every item of an owner ([`sluice_kernel::consumer::projection::owner_key`]), by one query of the index
    /// `by_owner`: key and item. The index follows the table within a moment: right after a write it may show the
    /// previous item.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached or has no such index.
    pub async fn of_owner(&self, owner: &str) -> Result<Vec<(String, Stored)>, Fault> {
        let mut items = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_OWNER)
            .key_condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", AttributeValue::S(owner.to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = items.next().await {
            let item = item
                .map_err(|error| aws::unavailable(code::PROJECTION_UNAVAILABLE, "Query", &error))?;
            let key = item.get("pk").and_then(|key| key.as_s().ok()).cloned();
            found.push((key.unwrap_or_default(), stored(&item)?));
        }
        Ok(found)
    }
}

/// A page of keys, and the key after which the next page begins; `None` if it was the last.
pub type Keys = (Vec<String>, Option<String>);

impl DynamoProjections {
    /// The keys of at most `limit` items, in the table's own order, after this one; and the key after which the next
    /// page begins. It reads, and bills, the whole items.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached.
    pub async fn keys(&self, after: Option<&str>, limit: i32) -> Result<Keys, Fault> {
        let key = |pk: &str| HashMap::from([("pk".to_owned(), AttributeValue::S(pk.to_owned()))]);
        let output = self
            .client
            .scan()
            .table_name(&self.table)
            .projection_expression("pk")
            .limit(limit)
            .set_exclusive_start_key(after.map(key))
            .send()
            .await
            .map_err(|error| aws::unavailable(code::PROJECTION_UNAVAILABLE, "Scan", &error))?;
        let pk = |item: &HashMap<String, AttributeValue>| item.get("pk")?.as_s().ok().cloned();
        let next = output.last_evaluated_key.as_ref().and_then(pk);
        let items = output.items.unwrap_or_default();
        Ok((items.iter().filter_map(pk).collect(), next))
    }
}

fn stored(item: &HashMap<String, AttributeValue>) -> Result<Stored, Fault> {
    let version = item
        .get("version")
        .and_then(|value| value.as_n().ok()?.parse().ok());
    let document = item.get("doc").and_then(|value| value.as_s().ok());
    match (version, document) {
        (Some(version), Some(document)) => Ok(Stored {
            version,
            document: document.clone(),
        }),
        _ => Err(Fault::retry(
            code::PROJECTION_UNREADABLE,
            "the item has no version or no doc",
        )),
    }
}

impl Projections for DynamoProjections {
    async fn get(&self, key: &str) -> Result<Option<Stored>, Fault> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(key.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| aws::unavailable(code::PROJECTION_UNAVAILABLE, "GetItem", &error))?;
        output.item.as_ref().map(stored).transpose()
    }

    async fn put(
        &self,
        key: &str,
        expected: u64,
        document: &str,
        owner: Option<&str>,
    ) -> Result<bool, Fault> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", AttributeValue::S(key.to_owned()))
            .item("version", AttributeValue::N((expected + 1).to_string()))
            .item("doc", AttributeValue::S(document.to_owned()));
        let put = match owner {
            Some(owner) => put.item("owner", AttributeValue::S(owner.to_owned())),
            None => put,
        };
        let put = match expected {
            0 => put.condition_expression("attribute_not_exists(pk)"),
            _ => put
                .condition_expression("version = :expected")
                .expression_attribute_values(":expected", AttributeValue::N(expected.to_string())),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(aws::unavailable(
                    code::PROJECTION_UNAVAILABLE,
                    "PutItem",
                    &error,
                )),
            },
        }
    }
}
