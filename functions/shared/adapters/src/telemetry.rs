//! One JSON line an event on standard output, where Lambda picks it up; its metrics are in the same line.
//!
//! Fields are flat: `event`, `type`, `account`, `trace`, `outcome`, `duration_ms`; `code` is there whenever something was
//! refused, rejected or failed, and is counted by the template's metric filters. No payload, secret or personal data is
//! ever a field.
//!
//! A field named in [`METRICS`] is a metric: the line says so under `_aws`, in CloudWatch's embedded metric format, with
//! the dimensions `function` and `outcome` (few values each, because every combination is billed). `events` is 1 in every
//! line that has an outcome. Metrics cost no call and can't be lost apart from their line. Where no namespace is given
//! (`METRICS_NAMESPACE`), lines carry no metrics.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_smithy_types::date_time::{DateTime, Format};
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// The fields that are metrics, and their units.
pub const METRICS: [(&str, &str); 20] = [
    // One, in every line that has an outcome.
    ("events", "Count"),
    ("duration_ms", "Milliseconds"),
    // From Stripe's `created` until the line: to the door, or to the end of a domain's work.
    ("lag_ms", "Milliseconds"),
    // How old an entry was that another attempt had claimed and left.
    ("claim_age_ms", "Milliseconds"),
    ("published", "Count"),
    ("unmarked", "Count"),
    ("publish_failures", "Count"),
    ("torn", "Count"),
    // How long the oldest event that sweep took up had waited.
    ("due_age_s", "Seconds"),
    ("seen", "Count"),
    ("missing", "Count"),
    ("stuck", "Count"),
    ("recovered", "Count"),
    ("drifted", "Count"),
    ("checked", "Count"),
    ("ties", "Count"),
    ("gap_s", "Seconds"),
    ("completeness", "Percent"),
    ("effects", "Count"),
    ("receives", "Count"),
];

/// Starts the subscriber for a function, by its name in the template's words: `ingest`, `payments`.
pub fn start(function: &'static str) {
    let namespace = std::env::var("METRICS_NAMESPACE").ok();
    tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .event_format(Lines {
            function,
            namespace: namespace.filter(|namespace| !namespace.is_empty()),
        })
        .init();
}

/// Logs a failure to start, once, at the boundary; the process ends with it.
pub fn failed_start(error: &dyn std::error::Error) {
    tracing::error!(code = "config.bad_variables", cause = %error, "the function can't start");
}

struct Lines {
    function: &'static str,
    namespace: Option<String>,
}

impl Lines {
    fn line(&self, level: Level, mut fields: Map<String, Value>, at_ms: i64) -> Value {
        fields.insert("function".to_owned(), json!(self.function));
        fields.insert("level".to_owned(), json!(level.as_str()));
        let timestamp = DateTime::from_millis(at_ms).fmt(Format::DateTime);
        fields.insert("timestamp".to_owned(), json!(timestamp.unwrap_or_default()));
        let has_outcome = fields.contains_key("outcome");
        if let Some(namespace) = &self.namespace {
            if has_outcome {
                fields.insert("events".to_owned(), json!(1));
            }
            let metrics: Vec<_> = METRICS
                .iter()
                .filter(|(name, _)| fields.get(*name).is_some_and(Value::is_number))
                .map(|(name, unit)| json!({ "Name": name, "Unit": unit }))
                .collect();
            if !metrics.is_empty() {
                let dimensions: &[&str] = match has_outcome {
                    true => &["function", "outcome"],
                    false => &["function"],
                };
                let directive = json!({ "Namespace": namespace, "Dimensions": [dimensions], "Metrics": metrics });
                let aws = json!({ "Timestamp": at_ms, "CloudWatchMetrics": [directive] });
                fields.insert("_aws".to_owned(), aws);
            }
        }
        Value::Object(fields)
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_ms = since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        });
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let line = self.line(*event.metadata().level(), fields.0, at_ms);
        writeln!(writer, "{line}")
    }
}

/// An event's fields as JSON.
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        // A raw identifier's name keeps its prefix: `r#type` is `type`.
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, json!(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a subscriber with a namespace, or without, writes of one event.
    fn written(namespace: Option<&str>, log: impl FnOnce()) -> Value {
        #[derive(Clone, Default)]
        struct Sink(Arc<Mutex<Vec<u8>>>);
        impl Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().expect("whole").write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (sink, lines) = (
            Sink::default(),
            Lines {
                function: "ingest",
                namespace: namespace.map(str::to_owned),
            },
        );
        let into = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(lines)
            .with_writer(move || into.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = sink.0.lock().expect("whole").clone();
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
        serde_json::from_slice(&bytes).expect("a line of JSON")
    }

    #[test]
    fn a_line_carries_its_metrics_by_function_and_outcome() {
        let line = written(Some("Sluice/s"), || {
            tracing::info!(
                event = "evt_1",
                r#type = "charge.succeeded",
                account = None::<&str>,
                outcome = "accepted",
                duration_ms = 7_i64,
                lag_ms = Some(1_200_i64)
            );
        });
        assert_eq!(line["type"], "charge.succeeded");
        assert_eq!(
            (&line["function"], &line["level"]),
            (&json!("ingest"), &json!("INFO"))
        );
        assert!(line.get("account").is_none(), "{line}");
        let aws = &line["_aws"];
        assert!(aws["Timestamp"].is_i64());
        let directive = &aws["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Sluice/s");
        assert_eq!(directive["Dimensions"], json!([["function", "outcome"]]));
        let metrics = directive["Metrics"].as_array().expect("a list");
        let names: Vec<_> = metrics.iter().map(|metric| &metric["Name"]).collect();
        assert_eq!(names, ["events", "duration_ms", "lag_ms"]);
        // The format asks that every metric and dimension is a member of the line, of the right kind.
        for metric in metrics {
            let name = metric["Name"].as_str().expect("a name");
            assert!(line[name].is_number(), "{name}");
        }
        assert_eq!(line["events"], 1);
        assert!(
            line.to_string().len() < 520,
            "{} bytes",
            line.to_string().len()
        );
    }

    #[test]
    fn a_line_without_an_outcome_is_its_functions_and_without_a_namespace_has_no_metrics() {
        let log = || tracing::info!(published = 3_usize, more = false, "swept");
        let line = written(Some("Sluice/s"), log);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["function"]]));
        assert_eq!(
            directive["Metrics"],
            json!([{ "Name": "published", "Unit": "Count" }])
        );
        assert_eq!(
            (&line["message"], &line["more"]),
            (&json!("swept"), &json!(false))
        );
        assert!(written(None, log).get("_aws").is_none());
    }
}
