//! Reading many items at once.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_sdk_dynamodb::types::builders::KeysAndAttributesBuilder;
use sluice_kernel::code::Code;
use sluice_kernel::fault::Fault;

use crate::aws;
use crate::entry::Item;

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
    let mut found = Vec::new();
    for some in keys.chunks(KEYS_MAX) {
        let mut left = some.to_vec();
        while !left.is_empty() {
            let asked = left.len();
            let request = how.clone().set_keys(Some(left)).build();
            let request = request.map_err(|error| Fault::retry(code, error.to_string()))?;
            let get = client.batch_get_item().request_items(table, request);
            let output = get.send().await;
            let output = output.map_err(|error| aws::unavailable(code, "BatchGetItem", &error))?;
            let items = output.responses.into_iter().flatten();
            found.extend(items.flat_map(|(_, items)| items));
            let unprocessed = output.unprocessed_keys.unwrap_or_default().remove(table);
            left = unprocessed.map(|left| left.keys).unwrap_or_default();
            if left.len() == asked {
                return Err(Fault::retry(code, "BatchGetItem: throttled"));
            }
        }
    }
    Ok(found)
}
