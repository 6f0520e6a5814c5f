//! DynamoDB's tables: items by key, and the four calls that contestants make.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::expression::{Expression, Item};
use super::{Answer, Refused};

/// Each table, and the attributes of its key.
const TABLES: [(&str, &[&str]); 4] = [
    // The ledger, and outcomes, as the template has them.
    ("ledger", &["pk", "sk"]),
    ("outcomes", &["pk", "sk"]),
    // A domain's projections.
    ("projections", &["pk"]),
    // What the peers keep: one item per event.
    ("claims", &["id"]),
];

/// Table and key.
type Place = (&'static str, String);

/// Every table's items.
#[derive(Debug, Default)]
pub(super) struct Tables {
    items: HashMap<Place, Item>,
}

fn invalid(why: impl Into<String>) -> Refused {
    Refused {
        kind: "ValidationException",
        message: why.into(),
        with: json!({}),
    }
}

fn place(request: &Value, of: &str) -> Result<Place, Refused> {
    let table = request["TableName"].as_str().unwrap_or_default();
    let Some((table, key)) = TABLES.iter().find(|(name, _)| *name == table) else {
        return Err(Refused {
            kind: "ResourceNotFoundException",
            message: format!("Requested resource not found: Table: {table} not found"),
            with: json!({}),
        });
    };
    let mut text = String::new();
    for name in *key {
        let value = request[of][name]["S"].as_str();
        let value = value.ok_or_else(|| invalid(format!("the key has no text {name}")))?;
        text.push_str(value);
        text.push('\0');
    }
    Ok((table, text))
}

fn condition(request: &Value, current: &Item) -> Result<(), Refused> {
    let Some(text) = request["ConditionExpression"].as_str() else {
        return Ok(());
    };
    let holds = Expression::new(text, request).holds(current);
    if holds.map_err(|why| invalid(format!("Invalid ConditionExpression: {why}")))? {
        return Ok(());
    }
    let wants_old = request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD";
    Err(Refused {
        kind: "ConditionalCheckFailedException",
        message: "The conditional request failed".to_owned(),
        with: match wants_old && !current.is_empty() {
            true => json!({ "Item": current }),
            false => json!({}),
        },
    })
}

impl Tables {
    pub(super) fn call(&mut self, operation: &str, mut request: Value) -> Answer {
        let nothing = Item::new();
        match operation {
            "GetItem" => {
                let found = self.items.get(&place(&request, "Key")?);
                Ok(found.map_or_else(|| json!({}), |item| json!({ "Item": item })))
            }
            "PutItem" => {
                let place = place(&request, "Item")?;
                condition(&request, self.items.get(&place).unwrap_or(&nothing))?;
                if let Value::Object(item) = request["Item"].take() {
                    self.items.insert(place, item);
                }
                Ok(json!({}))
            }
            "UpdateItem" => {
                let place = place(&request, "Key")?;
                let current = self.items.get(&place).unwrap_or(&nothing);
                condition(&request, current)?;
                let mut item = current.clone();
                if let Value::Object(key) = &request["Key"] {
                    item.extend(key.clone());
                }
                let update = request["UpdateExpression"].as_str().unwrap_or_default();
                Expression::new(update, &request)
                    .update(&mut item)
                    .map_err(|why| invalid(format!("Invalid UpdateExpression: {why}")))?;
                self.items.insert(place, item);
                Ok(json!({}))
            }
            "DeleteItem" => {
                let place = place(&request, "Key")?;
                condition(&request, self.items.get(&place).unwrap_or(&nothing))?;
                self.items.remove(&place);
                Ok(json!({}))
            }
            other => Err(Refused::unknown(other)),
        }
    }

    /// The items of a table.
    pub(super) fn of(&self, table: &str) -> Vec<Item> {
        let items = self.items.iter().filter(|((name, _), _)| *name == table);
        items.map(|(_, item)| item.clone()).collect()
    }
}

/// The bytes of an item as DynamoDB bills them: names and texts in UTF-8, binaries as they are, numbers at one byte for
/// two digits plus one, a byte for a boolean.
pub(crate) fn billed_bytes(item: &Item) -> usize {
    let value = |value: &Value| {
        let length = |name: &str| value.get(name).and_then(Value::as_str).map(str::len);
        if let Some(text) = length("S") {
            text
        } else if let Some(digits) = length("N") {
            digits.div_ceil(2) + 1
        } else if let Some(binary) = value.get("B").and_then(Value::as_str) {
            let padding = binary
                .bytes()
                .rev()
                .take_while(|byte| *byte == b'=')
                .count();
            binary.len() / 4 * 3 - padding
        } else {
            1
        }
    };
    item.iter().map(|(name, one)| name.len() + value(one)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(tables: &mut Tables, attempt: &str) -> Answer {
        let request = json!({
            "TableName": "ledger",
            "Item": { "pk": { "S": "evt#1" }, "sk": { "S": "entry" }, "attempt": { "S": attempt } },
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        });
        tables.call("PutItem", request)
    }

    #[test]
    fn a_conditional_put_wins_once_and_shows_the_loser_what_is_there() {
        let mut tables = Tables::default();
        assert_eq!(put(&mut tables, "a").expect("won"), json!({}));
        let refused = put(&mut tables, "b").expect_err("lost");
        assert_eq!(refused.kind, "ConditionalCheckFailedException");
        assert_eq!(refused.with["Item"]["attempt"]["S"], "a");
        assert_eq!(tables.of("ledger").len(), 1);
        assert!(tables.of("claims").is_empty());
    }

    #[test]
    fn a_table_that_is_not_there_is_refused() {
        let request = json!({ "TableName": "other", "Key": { "id": { "S": "1" } } });
        let refused = Tables::default()
            .call("GetItem", request)
            .expect_err("no table");
        assert_eq!(refused.kind, "ResourceNotFoundException");
    }

    #[test]
    fn items_are_counted_as_they_are_billed() {
        let item = json!({
            "pk": { "S": "évt" },
            "at": { "N": "1764000000123" },
            "body": { "B": "AAECAw==" },
            "live": { "BOOL": true },
        });
        let expected = (2 + 4) + (2 + 8) + (4 + 4) + (4 + 1);
        assert_eq!(billed_bytes(item.as_object().expect("an object")), expected);
    }
}
