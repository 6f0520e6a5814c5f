//! One JSON object per line on standard output, one line per log event. Lambda collects it; its metrics are in the same
//! line.
//!
//! Fields are flat: `event` (or `check`, the object that a check is about), `type`, `account`, `trace` (its id),
//! `outcome`, `duration_ms`. `level` is present if it isn't `INFO`, Lambda's default. `code` is present whenever
//! something was refused, rejected or failed; the template's metric filters count it. No payload, secret or personal
//! data is ever a field.
//!
//! A field named in [`METRICS`] is a metric. The line declares it under `_aws`, in CloudWatch's embedded metric format,
//! with the dimensions `function` and `outcome` (few values each, because every combination is billed). A metric's
//! declaration is in each line and costs its bytes, so it is only the name, which ends in its unit. `events` is 1 in
//! every line that has an outcome. Metrics cost no call and can't be lost separately from their line. If no namespace
//! is given (`METRICS_NAMESPACE`), lines carry no metrics.

use std::fmt;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_smithy_types::date_time::{DateTime, Format};
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry;

use crate::code;

/// The fields that are metrics.
pub const METRICS: [&str; 20] = [
    // One, in every line that has an outcome.
    "events",
    // How long Stripe waited for its answer; only in ingest's lines.
    "duration_ms",
    // From Stripe's `created` until the end of a domain's work; in all lines but ingest's.
    "lag_ms",
    // The age of an entry that another attempt had claimed and left.
    "claim_age_ms",
    "published",
    "unmarked",
    "publish_failures",
    "torn",
    // How long the oldest event that sweep read had waited.
    "due_age_s",
    "seen",
    "missing",
    "stuck",
    "recovered",
    "drifted",
    "checked",
    "ties",
    "gap_s",
    // In percent.
    "completeness",
    "effects",
    "receives",
];

/// The function that Stripe waits for.
const INGEST: &str = "ingest";

/// Starts the subscriber for a function, by its name as the template names it: `ingest`, `payments`.
pub fn start(function: &'static str) {
    let namespace = std::env::var("METRICS_NAMESPACE").ok();
    let lines = Lines {
        function,
        namespace: namespace.filter(|namespace| !namespace.is_empty()),
        // Standard output passes a line on at its end, in one write. If that fails, there is no place to report it.
        write: |line: &[u8]| drop(std::io::stdout().lock().write_all(line)),
    };
    // A second subscriber would be an error in the program; the first one stays.
    let _ = tracing::subscriber::set_global_default(registry().with(lines));
}

/// Logs a failure to start, once, at the boundary; the process ends with it.
pub fn failed_start(error: &dyn std::error::Error) {
    tracing::error!(code = code::CONFIG_BAD_VARIABLES.as_str(), cause = %error, "the function can't start");
}

/// Writes events as lines, and ignores spans.
struct Lines<W> {
    function: &'static str,
    namespace: Option<String>,
    write: W,
}

impl<W> Lines<W> {
    fn line(&self, event: &Event<'_>, at_ms: i64) -> Vec<u8> {
        let mut fields = Fields {
            line: Vec::with_capacity(1_024),
            function: self.function,
            metrics: Vec::new(),
            has_outcome: false,
        };
        fields.line.push(b'{');
        event.record(&mut fields);
        let level = event.metadata().level();
        let timestamp = DateTime::from_millis(at_ms).fmt(Format::DateTime);
        fields.put("function", self.function);
        if *level != Level::INFO {
            fields.put("level", level.as_str());
        }
        fields.put("timestamp", timestamp.unwrap_or_default());
        if let Some(namespace) = &self.namespace {
            if fields.has_outcome {
                fields.number("events", 1);
            }
            fields.directive(namespace, at_ms);
        }
        let mut line = fields.line;
        line.extend_from_slice(b"}\n");
        line
    }
}

impl<W: Fn(&[u8]) + 'static, S: Subscriber> Layer<S> for Lines<W> {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match is_written(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_written(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_ms = since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        });
        (self.write)(&self.line(event, at_ms));
    }
}

/// No span ever is written, so the registry behind the lines keeps none.
fn is_written(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && *metadata.level() <= Level::INFO
}

/// A line in the making: an event's fields as members of a JSON object.
struct Fields {
    line: Vec<u8>,
    function: &'static str,
    /// The indexes in [`METRICS`] of the metrics in this line.
    metrics: Vec<usize>,
    has_outcome: bool,
}

impl Fields {
    fn put(&mut self, name: &str, value: impl Serialize) {
        if self.line.last() != Some(&b'{') {
            self.line.push(b',');
        }
        // Writing texts and numbers into memory doesn't fail.
        let _ = serde_json::to_writer(&mut self.line, name);
        self.line.push(b':');
        let _ = serde_json::to_writer(&mut self.line, &value);
    }

    fn number(&mut self, name: &str, value: impl Serialize) {
        if self.measures(name) {
            self.metrics
                .extend(METRICS.iter().position(|metric| *metric == name));
        }
        self.put(name, value);
    }

    /// Whether a field may be a metric in this function's lines. Ingest's lag is a part of the domains' lag. The
    /// duration of a function that no caller waits for is already one of Lambda's own metrics.
    fn measures(&self, name: &str) -> bool {
        match name {
            "duration_ms" => self.function == INGEST,
            "lag_ms" => self.function != INGEST,
            _ => true,
        }
    }

    /// Declares which members are metrics, in CloudWatch's embedded metric format.
    fn directive(&mut self, namespace: &str, at_ms: i64) {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Directive<'a> {
            namespace: &'a str,
            dimensions: [&'a [&'a str]; 1],
            metrics: Vec<Metric>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Metric {
            name: &'static str,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Aws<'a> {
            timestamp: i64,
            cloud_watch_metrics: [Directive<'a>; 1],
        }
        if self.metrics.is_empty() {
            return;
        }
        self.metrics.sort_unstable();
        let metric = |place: &usize| Metric {
            name: METRICS[*place],
        };
        let dimensions: &[&str] = match self.has_outcome {
            true => &["function", "outcome"],
            false => &["function"],
        };
        let directive = Directive {
            namespace,
            dimensions: [dimensions],
            metrics: self.metrics.iter().map(metric).collect(),
        };
        self.put(
            "_aws",
            Aws {
                timestamp: at_ms,
                cloud_watch_metrics: [directive],
            },
        );
    }
}

/// A field's name in the line: the prefix of a raw identifier is removed, so `r#type` is `type`.
fn name(field: &Field) -> &'static str {
    let name = field.name();
    name.strip_prefix("r#").unwrap_or(name)
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(name(field), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let name = name(field);
        self.has_outcome |= name == "outcome";
        self.put(name, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(name(field), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(name(field), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has neither infinities nor NaN: they become null, and no metric.
        match value.is_finite() {
            true => self.number(name(field), value),
            false => self.put(name(field), value),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(name(field), value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;

    /// What a subscriber, with or without a namespace, writes for one event.
    fn written(function: &'static str, namespace: Option<&str>, log: impl FnOnce()) -> Value {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = bytes.clone();
        let lines = Lines {
            function,
            namespace: namespace.map(str::to_owned),
            write: move |line: &[u8]| sink.lock().expect("whole").extend_from_slice(line),
        };
        tracing::subscriber::with_default(registry().with(lines), log);
        let bytes = bytes.lock().expect("whole").clone();
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
        serde_json::from_slice(&bytes).expect("a line of JSON")
    }

    #[test]
    fn a_line_carries_its_metrics_by_function_and_outcome() {
        let line = written("ingest", Some("Sluice/s"), || {
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
        assert_eq!(line["function"], "ingest");
        assert!(line.get("level").is_none(), "{line}");
        assert!(line.get("account").is_none(), "{line}");
        let aws = &line["_aws"];
        assert!(aws["Timestamp"].is_i64());
        let directive = &aws["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Sluice/s");
        assert_eq!(directive["Dimensions"], json!([["function", "outcome"]]));
        let metrics = directive["Metrics"].as_array().expect("a list");
        let names: Vec<_> = metrics.iter().map(|metric| &metric["Name"]).collect();
        assert_eq!(names, ["events", "duration_ms"]);
        // The format asks that every metric and dimension is a member of the line, of the right kind.
        for metric in metrics {
            let name = metric["Name"].as_str().expect("a name");
            assert!(line[name].is_number(), "{name}");
        }
        assert_eq!(line["events"], 1);
        assert!(
            line.to_string().len() < 400,
            "{} bytes",
            line.to_string().len()
        );
    }

    #[test]
    fn a_line_without_an_outcome_is_its_functions_and_without_a_namespace_has_no_metrics() {
        let log = || tracing::info!(published = 3_usize, more = false, "swept");
        let line = written("sweep", Some("Sluice/s"), log);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["function"]]));
        assert_eq!(directive["Metrics"], json!([{ "Name": "published" }]));
        assert_eq!(
            (&line["message"], &line["more"]),
            (&json!("swept"), &json!(false))
        );
        assert!(written("sweep", None, log).get("_aws").is_none());
        let line = written("sweep", None, || tracing::error!("failed"));
        assert_eq!(line["level"], "ERROR");
    }

    #[test]
    fn the_lag_is_measured_where_an_event_ends_and_the_duration_where_stripe_waits() {
        let log = || tracing::info!(outcome = "applied", duration_ms = 7_i64, lag_ms = 1_200_i64);
        for (function, metric) in [("ingest", "duration_ms"), ("payments", "lag_ms")] {
            let line = written(function, Some("Sluice/s"), log);
            let metrics = &line["_aws"]["CloudWatchMetrics"][0]["Metrics"];
            assert_eq!(*metrics, json!([{ "Name": "events" }, { "Name": metric }]));
            assert_eq!(
                (&line["duration_ms"], &line["lag_ms"]),
                (&json!(7), &json!(1_200))
            );
        }
    }

    #[test]
    fn what_json_can_not_say_is_escaped_or_null_and_no_metric() {
        let line = written("ingest", Some("Sluice/s"), || {
            tracing::info!(
                cause = "a \"quoted\"\nline",
                completeness = f64::NAN,
                gap_s = 1_u64
            );
        });
        assert_eq!(line["cause"], "a \"quoted\"\nline");
        assert!(line["completeness"].is_null());
        let metrics = &line["_aws"]["CloudWatchMetrics"][0]["Metrics"];
        assert_eq!(*metrics, json!([{ "Name": "gap_s" }]));
    }

    #[test]
    fn spans_and_what_is_below_info_cost_nothing() {
        let lines = Lines {
            function: "ingest",
            namespace: None,
            write: |_: &[u8]| panic!("nothing is written"),
        };
        tracing::subscriber::with_default(registry().with(lines), || {
            assert!(tracing::info_span!("a span").is_disabled());
            tracing::debug!("ignored");
        });
    }
}
