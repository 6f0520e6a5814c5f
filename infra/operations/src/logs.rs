//! Reads the functions' log lines: what happened that no table keeps. The lines exist for as long as the stack's
//! `LogRetentionDays`, and appear a moment after they were written.

use serde::Serialize;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::stack::Stack;

/// The most pages of a search that are read. CloudWatch may return many empty pages.
const PAGES_MAX: usize = 50;

/// The most lines of a search that are kept.
const LINES_MAX: usize = 20_000;

/// A line of a function's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// When it was written, in milliseconds.
    pub at_ms: i64,
    /// The function that wrote it: `ingest`, `sweep`, a domain.
    pub function: String,
    /// Its fields.
    pub fields: Value,
}

impl Line {
    /// A field as text: nothing if it is missing or null, a text without its quotes.
    pub fn text(&self, name: &str) -> String {
        match &self.fields[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Found {
    /// By time.
    pub lines: Vec<Line>,
    /// Whether there were more than are read.
    pub cut: bool,
}

/// Searches a function's lines of a span for a text, or all of them.
pub async fn search(
    stack: &Stack,
    function: &str,
    text: Option<&str>,
    from_ms: i64,
    until_ms: i64,
) -> Result<Found, Problem> {
    let mut found = Found::default();
    let Some(group) = stack.log_groups.get(function) else {
        return Ok(found);
    };
    let mut input =
        json!({ "logGroupName": group, "startTime": from_ms.max(0), "endTime": until_ms });
    if let Some(text) = text {
        input["filterPattern"] = json!(format!("\"{text}\""));
    }
    for _ in 0..PAGES_MAX {
        let answer = stack
            .aws
            .json("Logs_20140328.FilterLogEvents", &input)
            .await?;
        for event in answer["events"].as_array().into_iter().flatten() {
            found.lines.extend(line(function, event));
        }
        match answer["nextToken"].as_str() {
            Some(token) if found.lines.len() < LINES_MAX => input["nextToken"] = json!(token),
            Some(_) => break,
            None => {
                found.lines.sort_by_key(|line| line.at_ms);
                return Ok(found);
            }
        }
    }
    found.lines.sort_by_key(|line| line.at_ms);
    found.cut = true;
    Ok(found)
}

/// A line of JSON. The platform's own lines aren't JSON.
fn line(function: &str, event: &Value) -> Option<Line> {
    let fields: Value = serde_json::from_str(event["message"].as_str()?).ok()?;
    fields.is_object().then(|| Line {
        at_ms: event["timestamp"].as_i64().unwrap_or_default(),
        function: function.to_owned(),
        fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platforms_own_lines_are_left_out() {
        let of = |message: &str| line("ingest", &json!({ "timestamp": 7, "message": message }));
        assert_eq!(of("START RequestId: 1"), None);
        assert_eq!(of("17"), None);
        let line = of(r#"{"event":"evt_1"}"#).expect("a line");
        assert_eq!((line.at_ms, &line.fields["event"]), (7, &json!("evt_1")));
    }
}
