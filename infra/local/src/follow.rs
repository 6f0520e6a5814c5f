//! The functions' log lines, as they come.
//!
//! Each function writes one JSON line per event. The lines show what was done, without reading the tables and without
//! disturbing anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};
use sluice_stripe_sim::iso;

use crate::aws::Aws;
use crate::problem::Problem;
use crate::stack::StackInfo;

/// One line of one function.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// When it was written, in milliseconds.
    pub at_ms: i64,
    /// `ingest`, `sweep` or a domain.
    pub function: String,
    /// The line's fields.
    pub fields: Value,
}

impl Line {
    /// A field's text.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields[field].as_str()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = iso::written(self.at_ms);
        let clock = clock.get(11..23).unwrap_or(&clock);
        let said = |field: &str| self.text(field).unwrap_or("-").to_owned();
        write!(f, "{clock}  {:<13}  ", self.function)?;
        if self.fields["event"].is_string() {
            write!(
                f,
                "{}  {}  {}",
                said("event"),
                said("type"),
                said("outcome")
            )?;
        } else if let Some(published) = self.fields["published"].as_u64() {
            write!(f, "swept, {published} published")?;
        } else {
            write!(
                f,
                "{}",
                self.text("outcome").or(self.text("message")).unwrap_or("-")
            )?;
        }
        if let Some(code) = self.text("code") {
            write!(f, "  {code}")?;
        }
        match self.fields["duration_ms"].as_i64() {
            Some(duration_ms) => write!(f, "  {duration_ms} ms"),
            None => Ok(()),
        }
    }
}

/// Reads new lines of all functions.
#[derive(Debug)]
pub struct Follower {
    aws: Aws,
    groups: BTreeMap<String, Cursor>,
}

#[derive(Debug, Default)]
struct Cursor {
    group: String,
    newest_ms: i64,
    /// Lines of the newest millisecond, which the next call returns once more. The emulator gives lines no ids.
    seen: BTreeSet<String>,
}

impl Follower {
    /// Follows this stack's functions from their first line.
    pub fn of(info: &StackInfo) -> Self {
        let groups = info.log_groups.iter().map(|(function, group)| {
            (
                function.clone(),
                Cursor {
                    group: group.clone(),
                    ..Cursor::default()
                },
            )
        });
        Self {
            aws: Aws::at(&info.aws_endpoint_url),
            groups: groups.collect(),
        }
    }

    /// The lines since the last call, by time.
    ///
    /// # Errors
    /// When the emulator doesn't answer.
    pub fn poll(&mut self) -> Result<Vec<Line>, Problem> {
        let mut lines = Vec::new();
        for (function, cursor) in &mut self.groups {
            let input = json!({ "logGroupName": cursor.group, "startTime": cursor.newest_ms });
            let answer = self.aws.json("Logs_20140328.FilterLogEvents", &input)?;
            for event in answer["events"].as_array().into_iter().flatten() {
                if let Some(line) = cursor.take(function, event) {
                    lines.push(line);
                }
            }
        }
        lines.sort_by_key(|line| line.at_ms);
        Ok(lines)
    }
}

impl Cursor {
    fn take(&mut self, function: &str, event: &Value) -> Option<Line> {
        let at_ms = event["timestamp"].as_i64()?;
        let message = event["message"].as_str()?;
        let line = format!(
            "{} {message}",
            event["logStreamName"].as_str().unwrap_or_default()
        );
        if at_ms < self.newest_ms || self.seen.contains(&line) {
            return None;
        }
        if at_ms > self.newest_ms {
            self.newest_ms = at_ms;
            self.seen.clear();
        }
        self.seen.insert(line);
        // The platform's own lines (START, END, REPORT) aren't JSON.
        let fields: Value = serde_json::from_str(message).ok()?;
        fields.is_object().then(|| Line {
            at_ms,
            function: function.to_owned(),
            fields,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_newest_millisecond_are_returned_once_and_none_is_missed() {
        let mut cursor = Cursor::default();
        let mut takes = |at_ms: i64, message: &str| {
            let event = json!({ "timestamp": at_ms, "logStreamName": "s", "message": message });
            cursor.take("ingest", &event).is_some()
        };
        assert!(takes(5, r#"{"event":"evt_1"}"#));
        assert!(!takes(5, r#"{"event":"evt_1"}"#));
        assert!(takes(5, r#"{"event":"evt_2"}"#));
        assert!(!takes(6, "START RequestId: 1"));
        assert!(takes(6, r#"{"event":"evt_1"}"#));
        assert!(!takes(5, r#"{"event":"evt_2"}"#));
    }

    #[test]
    fn a_line_is_shown_with_what_people_look_for() {
        let fields = json!({ "event": "evt_1", "type": "charge.succeeded", "outcome": "held", "code": "claim.held", "duration_ms": 7 });
        let line = Line {
            at_ms: 1_800_000_000_500,
            function: "ingest".to_owned(),
            fields,
        };
        assert_eq!(
            line.to_string(),
            "08:00:00.500  ingest         evt_1  charge.succeeded  held  claim.held  7 ms"
        );
        let swept = json!({ "published": 3, "duration_ms": 2 });
        let line = Line {
            at_ms: 0,
            function: "sweep".to_owned(),
            fields: swept,
        };
        assert_eq!(
            line.to_string(),
            "00:00:00.000  sweep          swept, 3 published  2 ms"
        );
    }
}
