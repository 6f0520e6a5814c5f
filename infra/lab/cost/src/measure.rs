//! What a run did, in AWS's units: read from the stack's tables, log groups and counted calls.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sluice_domains::ALL as DOMAINS;
use sluice_local::contents::items;
use sluice_local::problem::Problem;
use sluice_local::stack::RunningStack;
use sluice_local::template::read;

use crate::setup::{EVERY, Played};
use crate::units::{LOG_LINE_OVERHEAD, attribute_bytes, item_bytes};

/// What the index by_time has of an entry: the keys of both, and what the template projects.
const BY_TIME: [&str; 9] = [
    "pk",
    "sk",
    "seen",
    "received_at",
    "type",
    "account",
    "livemode",
    "created",
    "object_id",
];

/// An event in the ledger. All in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The body as Stripe sent it.
    pub body: usize,
    /// The entry's item as it was claimed.
    pub claimed: usize,
    /// As it was marked.
    pub marked: usize,
    /// Its copy in the index by_time.
    pub by_time: usize,
}

/// An object's item in a domain's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Projection {
    /// The item at the end. Its earlier writes were no larger, except for pending effects.
    pub bytes: usize,
    /// How often it was written.
    pub writes: usize,
    /// Whether the whole item is also in the index by_owner.
    pub indexed: bool,
}

/// Calls of a function: its operation, and the table for a call of DynamoDB's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// `ingest`, a domain, …
    pub function: String,
    /// `PutItem`.
    pub operation: String,
    /// `ledger`, `outcomes` or a domain.
    pub table: Option<String>,
}

/// How often each call was made.
pub type Calls = BTreeMap<Call, usize>;

/// A function's log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Log {
    /// Lines.
    pub lines: usize,
    /// Bytes, including CloudWatch's own for each line.
    pub bytes: usize,
    /// The sum of `duration_ms`.
    pub duration_ms: u64,
}

/// All figures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Events that came in, each counted once.
    pub events: usize,
    /// Their entries.
    pub entries: Vec<Entry>,
    /// The domains' items.
    pub projections: BTreeMap<String, Vec<Projection>>,
    /// Calls made for the events.
    pub calls: Calls,
    /// Calls of one run of sweep.
    pub sweep: Calls,
    /// Calls of one run of reconcile.
    pub reconcile: Calls,
    /// Effects on the bus.
    pub effects: usize,
    /// The functions' logs of the events.
    pub logs: BTreeMap<String, Log>,
    /// Metrics in them: names with their dimensions' values.
    pub metrics: usize,
    /// A line of the access log of ingest's API, including CloudWatch's own bytes.
    pub access_line: usize,
    /// Alarms of the template that every stack has.
    pub alarms: usize,
    /// The metrics that they look at: these are billed.
    pub alarm_metrics: usize,
}

impl Measured {
    /// Reads all of it.
    pub(crate) fn of(played: &Played, template: &str) -> Result<Self, Problem> {
        let stack = &played.stack;
        let mut measured = Self {
            events: played.events,
            calls: calls(stack, &played.calls),
            sweep: calls(stack, &played.sweep),
            reconcile: calls(stack, &played.reconcile),
            effects: usize::try_from(played.effects).unwrap_or_default(),
            access_line: access_line(template)? + LOG_LINE_OVERHEAD,
            ..Self::default()
        };
        (measured.alarms, measured.alarm_metrics) = alarms(&read(template)?);
        for item in items(stack.aws(), stack.info(), "ledger")? {
            if item["sk"]["S"] == "entry" {
                measured.entries.push(entry(&item));
            }
        }
        for domain in DOMAINS {
            let items = items(stack.aws(), stack.info(), domain)?;
            let items = items.iter().map(projection).collect();
            measured.projections.insert(domain.to_owned(), items);
        }
        (measured.logs, measured.metrics) = logs(stack)?;
        Ok(measured)
    }

    /// Calls of these functions with this operation, at this table if one is named.
    #[must_use]
    pub fn called(&self, functions: &[&str], operation: &str, tables: &[&str]) -> usize {
        let wanted = |call: &Call| {
            functions.contains(&&*call.function)
                && call.operation == operation
                && call
                    .table
                    .as_deref()
                    .map_or(tables.is_empty(), |table| tables.contains(&table))
        };
        let calls = self.calls.iter().filter(|(call, _)| wanted(call));
        calls.map(|(_, count)| count).sum()
    }

    /// Messages that domains took in: each of them is a line of the domain's log.
    #[must_use]
    pub fn messages(&self) -> usize {
        let logs = DOMAINS.iter().filter_map(|domain| self.logs.get(*domain));
        logs.map(|log| log.lines).sum()
    }
}

fn entry(item: &Value) -> Entry {
    let marked = item_bytes(item);
    let body = item["size"]["N"]
        .as_str()
        .and_then(|size| size.parse().ok());
    Entry {
        body: body.unwrap_or_default(),
        claimed: marked - attribute_bytes(item, &["published_at"]),
        marked,
        by_time: attribute_bytes(item, &BY_TIME),
    }
}

fn projection(item: &Value) -> Projection {
    let writes = item["version"]["N"]
        .as_str()
        .and_then(|writes| writes.parse().ok());
    Projection {
        bytes: item_bytes(item),
        writes: writes.unwrap_or(1),
        indexed: item.get("owner").is_some(),
    }
}

/// Each call once: under its table's name if it has a table, else what remains of the count of every call.
fn calls(stack: &RunningStack, fired: &[Value]) -> Calls {
    let functions: BTreeMap<&str, &str> = stack
        .info()
        .functions
        .iter()
        .map(|(function, name)| (&**name, &**function))
        .collect();
    let mut calls = Calls::new();
    for one in fired {
        let text = |name: &str| one[name].as_str().unwrap_or_default();
        let function = functions.get(text("function")).copied();
        let call = |table: Option<&str>| Call {
            function: function.unwrap_or(text("function")).to_owned(),
            operation: text("call").to_owned(),
            table: table.map(str::to_owned),
        };
        let table = Some(text("rule")).filter(|rule| *rule != EVERY);
        *calls.entry(call(table)).or_default() += 1;
    }
    let at_tables: Vec<_> = calls
        .iter()
        .filter(|(call, _)| call.table.is_some())
        .map(|(call, count)| (call.clone(), *count))
        .collect();
    for (call, count) in at_tables {
        if let Some(every) = calls.get_mut(&Call {
            table: None,
            ..call
        }) {
            *every -= count;
        }
    }
    calls.retain(|_, count| *count > 0);
    calls
}

/// The logs of the functions, and how many metrics are in them.
fn logs(stack: &RunningStack) -> Result<(BTreeMap<String, Log>, usize), Problem> {
    let (mut logs, mut metrics) = (BTreeMap::new(), BTreeSet::new());
    for (function, group) in &stack.info().log_groups {
        let input = json!({ "logGroupName": group });
        let answer = stack.aws().json("Logs_20140328.FilterLogEvents", &input)?;
        let log: &mut Log = logs.entry(function.clone()).or_default();
        for event in answer["events"].as_array().into_iter().flatten() {
            let text = event["message"].as_str().unwrap_or_default().trim_end();
            // The platform's own lines aren't JSON. On AWS they aren't written (SystemLogLevel).
            let line: Value = serde_json::from_str(text).unwrap_or_default();
            if !line.is_object() {
                continue;
            }
            names(&line, &mut metrics);
            // Refusals of the first request, before the run began, are about no event.
            let is_run = line["outcome"].is_null();
            if line["event"].is_string() || is_run {
                log.lines += 1;
                log.bytes += text.len() + LOG_LINE_OVERHEAD;
                log.duration_ms += line["duration_ms"].as_u64().unwrap_or_default();
            }
        }
    }
    Ok((logs, metrics.len()))
}

/// The metrics of a line, each with the values of its dimensions.
fn names(line: &Value, metrics: &mut BTreeSet<String>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for directive in list(&line["_aws"]["CloudWatchMetrics"]) {
        for dimensions in list(&directive["Dimensions"]) {
            let values: Vec<_> = list(&dimensions)
                .iter()
                .map(|name| line[name.as_str().unwrap_or_default()].to_string())
                .collect();
            for metric in list(&directive["Metrics"]) {
                metrics.insert(format!("{} {}", metric["Name"], values.join(" ")));
            }
        }
    }
}

/// A value for each variable of the access log's format: as long as what API Gateway writes for one of Stripe's
/// deliveries.
const ACCESS: [(&str, &str); 12] = [
    ("$context.requestTimeEpoch", "1795942800000"),
    ("$context.requestTime", "28/Nov/2026:23:00:00 +0000"),
    ("$context.requestId", "JKJaXmPLvHcESHA="),
    ("$context.identity.sourceIp", "54.187.174.169"),
    ("$context.httpMethod", "POST"),
    ("$context.routeKey", "ANY /webhooks/stripe/{endpoint}"),
    ("$context.status", "200"),
    ("$context.responseLength", "21"),
    ("$context.responseLatency", "24"),
    ("$context.integrationStatus", "200"),
    ("$context.integrationLatency", "22"),
    ("$context.integrationErrorMessage", "-"),
];

/// How many alarms every stack of the template has, and how many metrics they look at together.
fn alarms(template: &Value) -> (usize, usize) {
    let resources = template["Resources"].as_object().into_iter().flatten();
    let alarms = resources.filter(|(_, resource)| {
        resource["Type"] == "AWS::CloudWatch::Alarm" && resource.get("Condition").is_none()
    });
    let metrics = alarms.map(
        |(_, alarm)| match alarm["Properties"]["Metrics"].as_array() {
            Some(metrics) => metrics
                .iter()
                .filter(|metric| metric.get("MetricStat").is_some())
                .count(),
            None => 1,
        },
    );
    metrics.fold((0, 0), |(alarms, all), metrics| (alarms + 1, all + metrics))
}

/// The bytes of a line of the access log of ingest's API, by the template's format. The local AWS writes none.
fn access_line(template: &str) -> Result<usize, Problem> {
    let mut formats = template.lines().map(str::trim);
    let format = formats.find(|line| line.starts_with("{\"") && line.contains("$context."));
    let Some(format) = format else {
        return Err(Problem::Template("has no access log's format".to_owned()));
    };
    let mut line = format.replace("$context.error.message", "-");
    for (variable, value) in ACCESS {
        line = line.replace(variable, value);
    }
    match line.find("$context.") {
        Some(at) => {
            let what = format!("nothing stands for {}", &line[at..]);
            Err(Problem::Template(what))
        }
        None => Ok(line.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_access_log_s_line_is_measured_by_the_template_and_an_unknown_variable_is_refused() {
        let template = std::fs::read_to_string(sluice_local::stack::root().join("template.yaml"))
            .expect("the template is there");
        let bytes = access_line(&template).expect("every variable is known");
        assert!((100..400).contains(&bytes), "{bytes}");
        assert!(access_line("  {\"a\":\"$context.novel\"}").is_err());
        assert!(access_line("").is_err());
    }

    #[test]
    fn alarms_are_counted_by_the_metrics_that_they_look_at_without_those_of_some_stacks_only() {
        let metric = |id: &str| json!({ "Id": id, "MetricStat": {} });
        let alarm = |of: Value| json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": of });
        let mut optional = alarm(json!({}));
        optional["Condition"] = json!("HasSteadyType");
        let template = json!({ "Resources": {
            "One": alarm(json!({ "MetricName": "Errors" })),
            "Sum": alarm(json!({ "Metrics": [{ "Id": "sum", "Expression": "a + b" }, metric("a"), metric("b")] })),
            "Optional": optional,
            "Table": { "Type": "AWS::DynamoDB::Table" },
        } });
        assert_eq!(alarms(&template), (2, 3));
    }

    #[test]
    fn metrics_are_identified_by_name_and_dimensions() {
        let line = |outcome: &str| {
            json!({ "function": "ingest", "outcome": outcome, "_aws": { "CloudWatchMetrics": [
                { "Dimensions": [["function", "outcome"]], "Metrics": [{ "Name": "events" }, { "Name": "lag_ms" }] } ] } })
        };
        let mut metrics = BTreeSet::new();
        for outcome in ["accepted", "accepted", "duplicate"] {
            names(&line(outcome), &mut metrics);
        }
        assert_eq!(metrics.len(), 4);
    }
}
