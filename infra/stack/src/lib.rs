//! The URLs and names of a Sluice stack: its tables, queues, functions and log groups, by the keys that programs use
//! for them. They are read from a deployed stack's outputs and resources, or from the file that describes the local
//! stack.
//!
//! Programs that start a stack and programs that operate one share this crate, and nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The URLs and names that scripts and operators' programs read from `target/local/stack.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackInfo {
    /// Where to post webhooks of the endpoint `platform`; other endpoints' names follow after a slash.
    pub webhook_url: String,
    /// The secret of the endpoint `platform`.
    pub webhook_secret: String,
    /// Each endpoint's newest secret.
    pub webhook_secrets: BTreeMap<String, String>,
    /// For `AWS_ENDPOINT_URL`. Any credentials do.
    pub aws_endpoint_url: String,
    /// For `AWS_REGION`.
    pub region: String,
    /// `ledger`, `outcomes` and each domain → the table's name.
    pub tables: BTreeMap<String, String>,
    /// Each domain, `<domain>_dead_letters`, `rule_dead_letters` and `bus_dead_letters` → the queue's URL.
    pub queues: BTreeMap<String, String>,
    /// The bus's name.
    pub bus: String,
    /// The secret's id.
    pub secret_id: String,
    /// `ingest`, `sweep` and each domain → the function's name.
    pub functions: BTreeMap<String, String>,
    /// As `functions` → the name of the function's log group.
    pub log_groups: BTreeMap<String, String>,
    /// Each domain that has settings → those settings, as JSON.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

impl StackInfo {
    /// The URL of an endpoint.
    pub fn url_of(&self, endpoint: &str) -> String {
        match endpoint {
            "platform" => self.webhook_url.clone(),
            other => format!("{}/{other}", self.webhook_url),
        }
    }
}

/// A stack's outputs of one kind: `PaymentsTable` with the ending `Table` is `payments`.
pub fn named_by(outputs: &BTreeMap<String, String>, ending: &str) -> BTreeMap<String, String> {
    let named = outputs
        .iter()
        .filter_map(|(name, value)| Some((name.strip_suffix(ending)?, value)));
    named
        .map(|(name, value)| (snake_case(name), value.clone()))
        .collect()
}

/// The queues among a stack's outputs: each domain, `<domain>_dead_letters`, `rule_dead_letters` and `bus_dead_letters` → the
/// queue's URL.
pub fn queues(outputs: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut queues = named_by(outputs, "QueueUrl");
    let dead_letters = named_by(outputs, "DeadLettersUrl").into_iter();
    queues.extend(dead_letters.map(|(name, url)| (format!("{name}_dead_letters"), url)));
    queues
}

/// The log groups among a stack's resources, each its logical id, type and name: function → the group's name.
pub fn log_groups<'a>(
    resources: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
) -> BTreeMap<String, String> {
    let groups = resources.filter(|(_, kind, _)| *kind == "AWS::Logs::LogGroup");
    groups
        .filter_map(|(id, _, name)| {
            // Other groups, e.g. the access log of ingest's API, belong to no function.
            let function = id.strip_suffix("Logs")?;
            Some((snake_case(function), name.to_owned()))
        })
        .collect()
}

/// `RuleDeadLetters` → `rule_dead_letters`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_outputs_become_keys_of_the_description() {
        assert_eq!(snake_case("Ledger"), "ledger");
        assert_eq!(snake_case("PaymentsDeadLetters"), "payments_dead_letters");
    }
}
