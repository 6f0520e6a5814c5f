//! Reading many items at once.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::builders::KeysAndAttributesBuilder;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};
use sluice_kernel::code::Code;
use sluice_kernel::fault::Fault;

use crate::aws;
use crate::entry::{self, Item};
use crate::usage::Usage;

/// Keys in one BatchGetItem call: DynamoDB's own limit.
const KEYS_MAX: usize = 100;

/// A read that sees every write before it.
pub(crate) fn consistent() -> KeysAndAttributesBuilder {
    KeysAndAttributes::builder().consistent_read(true)
}

/// Reads any number of items by their keys, which have to be distinct, in any order; missing items are left out. `how`
/// is the request without its keys.
///
/// # Errors
/// `Retry` with this code if the table can't be reached. DynamoDB returns at least one item of each call or refuses it,
/// and the SDK repeats what was refused.
pub(crate) async fn get(
    client: &Client,
    table: &str,
    keys: Vec<Item>,
    how: KeysAndAttributesBuilder,
    code: Code,
) -> Result<Vec<Item>, Fault> {
    let (found, _) = read(client, table, keys, how, code, None).await?;
    Ok(found)
}

/// The same, and what it used.
///
/// # Errors
/// As [`get`].
pub(crate) async fn get_metered(
    client: &Client,
    table: &str,
    keys: Vec<Item>,
    how: KeysAndAttributesBuilder,
    code: Code,
) -> Result<(Vec<Item>, Usage), Fault> {
    let asked = Some(ReturnConsumedCapacity::Total);
    read(client, table, keys, how, code, asked).await
}

async fn read(
    client: &Client,
    table: &str,
    keys: Vec<Item>,
    how: KeysAndAttributesBuilder,
    code: Code,
    capacity: Option<ReturnConsumedCapacity>,
) -> Result<(Vec<Item>, Usage), Fault> {
    let mut found = Vec::new();
    let mut usage = Usage::default();
    for some in keys.chunks(KEYS_MAX) {
        let mut left = some.to_vec();
        while !left.is_empty() {
            let asked = left.len();
            let request = how.clone().set_keys(Some(left)).build();
            let request = request.map_err(|error| Fault::retry(code, error.to_string()))?;
            let get = client
                .batch_get_item()
                .request_items(table, request)
                .set_return_consumed_capacity(capacity.clone());
            let output = get.send().await;
            let output = output.map_err(|error| aws::unavailable(code, "BatchGetItem", &error))?;
            let items = output.responses.into_iter().flatten();
            let items: Vec<_> = items.flat_map(|(_, items)| items).collect();
            // Each item is rounded up on its own.
            usage += Usage::of(&output.consumed_capacity.unwrap_or_default(), || {
                items
                    .iter()
                    .map(|item| Usage::units(entry::bytes_of(item)))
                    .sum::<f64>()
                    / 2.0
            });
            found.extend(items);
            let unprocessed = output.unprocessed_keys.unwrap_or_default().remove(table);
            left = unprocessed.map(|left| left.keys).unwrap_or_default();
            if left.len() == asked {
                return Err(Fault::retry(code, "BatchGetItem: throttled"));
            }
        }
    }
    Ok((found, usage))
}
