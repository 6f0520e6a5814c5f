//! How AWS counts: sizes of items, and what is billed for a size.

use serde_json::Value;

/// What a KB is to DynamoDB, SQS and EventBridge.
const KB: usize = 1024;

/// What CloudWatch adds to each log line for its own storage.
pub const LOG_LINE_OVERHEAD: usize = 26;

/// What a table's storage adds to each item, in bytes. Reads and writes are billed without it.
pub const STORED_OVERHEAD: usize = 100;

/// The bytes of an item in DynamoDB's JSON, as DynamoDB counts them: names and values; a number is half a byte per
/// digit and one or two more.
#[must_use]
pub fn item_bytes(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes
        .map(|(name, value)| name.len() + value_bytes(value))
        .sum()
}

/// The bytes of these attributes of an item.
#[must_use]
pub fn attribute_bytes(item: &Value, names: &[&str]) -> usize {
    let of = |name: &&str| item.get(*name).map(|value| name.len() + value_bytes(value));
    names.iter().filter_map(of).sum()
}

fn value_bytes(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|typed| typed.iter().next()) else {
        return 0;
    };
    let text = value.as_str().unwrap_or_default();
    match kind.as_str() {
        "S" => text.len(),
        "N" => number_bytes(text),
        "B" => base64_bytes(text),
        "SS" | "NS" | "BS" => each(value, |one| {
            let one = one.as_str().unwrap_or_default();
            match kind.as_str() {
                "SS" => one.len(),
                "NS" => number_bytes(one),
                _ => base64_bytes(one),
            }
        }),
        "L" => 3 + each(value, |one| 1 + value_bytes(one)),
        "M" => {
            let members = value.as_object().into_iter().flatten();
            let bytes = members.map(|(name, one)| 1 + name.len() + value_bytes(one));
            3 + bytes.sum::<usize>()
        }
        // BOOL and NULL.
        _ => 1,
    }
}

fn each(list: &Value, bytes: impl Fn(&Value) -> usize) -> usize {
    list.as_array().into_iter().flatten().map(bytes).sum()
}

fn number_bytes(text: &str) -> usize {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    digits.div_ceil(2) + 1 + usize::from(text.starts_with('-'))
}

/// The length of the bytes that a base64 text encodes.
fn base64_bytes(text: &str) -> usize {
    text.trim_end_matches('=').len() * 3 / 4
}

/// Write request units of an item.
#[must_use]
pub fn write_units(bytes: usize) -> usize {
    bytes.div_ceil(KB).max(1)
}

/// Read request units of an item that is read consistently.
#[must_use]
pub fn read_units(bytes: usize) -> usize {
    bytes.div_ceil(4 * KB).max(1)
}

/// How many units of 64 KB are begun: SQS bills a request by them, and EventBridge an event.
#[must_use]
pub fn chunks(bytes: usize) -> usize {
    bytes.div_ceil(64 * KB).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_is_as_large_as_dynamodb_says() {
        // pk 2 + 5, n 1 + (3 digits: 2 + 1), b 1 + 4, ok 2 + 1.
        let item = json!({ "pk": { "S": "evt#1" }, "n": { "N": "123" }, "b": { "B": "AAECAw==" }, "ok": { "BOOL": true } });
        assert_eq!(item_bytes(&item), 7 + 4 + 5 + 3);
        assert_eq!(attribute_bytes(&item, &["pk", "ok", "absent"]), 7 + 3);
        assert_eq!(item_bytes(&json!({ "t": { "S": "ü" } })), 3);
        assert_eq!(item_bytes(&json!({ "n": { "N": "-1" } })), 1 + 3);
        let nested = json!({ "m": { "M": { "ab": { "L": [{ "S": "x" }, { "NULL": true }] } } } });
        assert_eq!(item_bytes(&nested), 1 + 3 + (1 + 2 + 3 + (1 + 1) + (1 + 1)));
    }

    #[test]
    fn what_is_begun_is_billed() {
        assert_eq!([0, 1, 1024, 1025].map(write_units), [1, 1, 1, 2]);
        assert_eq!([0, 4096, 4097].map(read_units), [1, 1, 2]);
        assert_eq!([0, 65_536, 65_537].map(chunks), [1, 1, 2]);
    }

    proptest! {
        #[test]
        fn more_bytes_are_never_fewer_units(bytes in 0_usize..500_000, more in 0_usize..500_000) {
            for units in [write_units, read_units, chunks] {
                prop_assert!(units(bytes + more) >= units(bytes));
                prop_assert!(units(bytes) >= 1);
            }
        }

        #[test]
        fn a_binary_value_counts_as_its_bytes(bytes in 0_usize..100) {
            // Four letters encode three bytes, and the last ones are padded.
            let letters = "A".repeat((bytes * 4).div_ceil(3));
            let padding = "=".repeat((4 - letters.len() % 4) % 4);
            let item = json!({ "b": { "B": letters + &padding } });
            prop_assert_eq!(item_bytes(&item), 1 + bytes);
        }
    }
}
