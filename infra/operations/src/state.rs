//! Objects of Stripe's, as their domains have them.

use serde::Serialize;
use serde_json::{Map, Value};
use sluice_adapters::inspect;

use crate::problem::Problem;
use crate::stack::Stack;

/// An object, as a domain has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Object {
    /// The domain.
    pub domain: String,
    /// The projection's key: `acct_1#live#ch_1`.
    pub key: Option<String>,
    /// The item's version.
    pub version: Option<u64>,
    /// The item's document: the state, what it rests on, facts, and effects that are pending.
    #[serde(flatten)]
    pub document: Map<String, Value>,
}

impl Object {
    fn of(domain: &str, mut item: Value) -> Self {
        Self {
            domain: domain.to_owned(),
            key: item["pk"].as_str().map(str::to_owned),
            version: item["version"].as_u64(),
            document: match item["doc"].take() {
                Value::Object(document) => document,
                _ => Map::new(),
            },
        }
    }
}

/// Finds an object in each domain and mode that has it: by its id and account, or by a projection's whole key.
///
/// # Errors
/// `NotFound` if no domain has it; when a table can't be read.
pub async fn find(stack: &Stack, id: &str, account: &str) -> Result<Vec<Object>, Problem> {
    let account = stack.account_key(account).await;
    let keys = match id.contains('#') {
        true => vec![id.to_owned()],
        false => ["live", "test"]
            .map(|mode| format!("{account}#{mode}#{id}"))
            .to_vec(),
    };
    let mut found = Vec::new();
    for domain in stack.domains() {
        for key in &keys {
            let item = inspect::projection(stack.aws.sdk(), stack.table(domain)?, key).await?;
            found.extend(item.map(|item| Object::of(domain, item)));
        }
    }
    match found.is_empty() {
        true => Err(Problem::NotFound(format!(
            "no domain has {}",
            keys.join(" or ")
        ))),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_shows_its_documents_fields() {
        let item = json!({ "pk": "platform#live#ch_1", "version": 2, "doc": { "state": { "status": "succeeded" }, "history": ["evt_1"] } });
        let shown = serde_json::to_value(Object::of("payments", item)).expect("JSON");
        let expected = json!({
            "domain": "payments", "key": "platform#live#ch_1", "version": 2, "state": { "status": "succeeded" },
            "history": ["evt_1"],
        });
        assert_eq!(shown, expected);
    }
}
