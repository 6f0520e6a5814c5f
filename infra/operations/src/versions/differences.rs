//! What differs between two configurations of a function, without the values of variables.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

/// The fields of a configuration that a deployment sets. They are shown with their values. [`differences`] compares
/// variables, and never shows their values.
const FIELDS: [&str; 12] = [
    "Description",
    "CodeSha256",
    "Timeout",
    "MemorySize",
    "Runtime",
    "Handler",
    "Architectures",
    "Role",
    "KMSKeyArn",
    "TracingConfig",
    "LoggingConfig",
    "VpcConfig",
];

/// What differs between two configurations of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `Timeout`, or `variable ENDPOINTS`.
    pub what: String,
    /// `30 → 60`; for a variable, `added`, `removed` or `changed`.
    pub change: String,
}

impl Difference {
    /// The names alone, for one line.
    pub fn names(all: &[Self]) -> String {
        let names: Vec<_> = all.iter().map(|one| one.what.as_str()).collect();
        names.join(", ")
    }
}

/// What the second configuration of a function has otherwise than the first. The values of variables are compared and
/// never shown: some are secrets in other teams' stacks.
pub fn differences(from: &Value, to: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    for name in FIELDS {
        let [before, after] = [shown(&from[name]), shown(&to[name])];
        if before != after {
            found.push(Difference {
                what: name.to_owned(),
                change: format!("{} → {}", or_none(&before), or_none(&after)),
            });
        }
    }
    let [before, after] = [from, to].map(|one| &one["Environment"]["Variables"]);
    let keys = |variables: &Value| -> BTreeSet<String> {
        let named = variables.as_object().into_iter().flatten();
        named.map(|(name, _)| name.clone()).collect()
    };
    for name in keys(before).union(&keys(after)) {
        let change = match (&before[name], &after[name]) {
            (Value::Null, _) => "added",
            (_, Value::Null) => "removed",
            (before, after) if before != after => "changed",
            _ => continue,
        };
        found.push(Difference {
            what: format!("variable {name}"),
            change: change.to_owned(),
        });
    }
    found
}

/// Why variables of these can't be compared. Lambda leaves out the variables that it can't decrypt for the caller, and
/// returns a code.
pub fn unreadable(all: [&Value; 2]) -> Option<&str> {
    let errors = all.map(|one| one["Environment"]["Error"]["ErrorCode"].as_str());
    errors.into_iter().flatten().next()
}

/// A field as text; none if it is absent or empty: AWS uses both.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(shown).collect::<Vec<_>>().join(" "),
        Value::Object(all) => {
            let fields = all.iter().map(|(name, value)| (name, shown(value)));
            let fields = fields.filter(|(_, text)| !text.is_empty());
            let fields: Vec<_> = fields
                .map(|(name, text)| format!("{name}={text}"))
                .collect();
            fields.join(" ")
        }
        other => other.to_string(),
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::versions::tests::version;

    #[test]
    fn variables_that_lambda_left_out_are_not_taken_for_equal() {
        let read = version(1, "a", &json!({ "KEPT": "x" }));
        let mut left_out = read.clone();
        left_out["Environment"] =
            json!({ "Error": { "ErrorCode": "AccessDeniedException", "Message": "no" } });
        assert_eq!(
            unreadable([&left_out, &left_out]),
            Some("AccessDeniedException")
        );
        assert_eq!(unreadable([&read, &read]), None);
    }

    #[test]
    fn differences_name_variables_and_never_show_their_values() {
        let before = version(
            1,
            "a",
            &json!({ "KEPT": "x", "GONE": "whsec_1", "OTHER": "sk_live_1" }),
        );
        let mut after = version(
            2,
            "b",
            &json!({ "KEPT": "x", "NEW": "whsec_2", "OTHER": "sk_live_2" }),
        );
        after["Timeout"] = json!(60);
        after["KMSKeyArn"] = json!("arn:key");
        let found = differences(&before, &after);
        let said: Vec<_> = found
            .iter()
            .map(|one| format!("{}: {}", one.what, one.change))
            .collect();
        assert_eq!(
            said,
            [
                "Description: a → b",
                "Timeout: 30 → 60",
                "KMSKeyArn: none → arn:key",
                "variable GONE: removed",
                "variable NEW: added",
                "variable OTHER: changed",
            ]
        );
        assert!(!format!("{found:?}").contains("_1"), "{found:?}");
    }

    #[test]
    fn what_lambda_leaves_out_and_what_it_shows_empty_are_the_same() {
        let shown = version(1, "a", &json!({}));
        let mut left_out = shown.clone();
        left_out
            .as_object_mut()
            .expect("an object")
            .remove("VpcConfig");
        left_out["RevisionId"] = json!("another");
        assert_eq!(differences(&shown, &left_out), []);
    }
}
