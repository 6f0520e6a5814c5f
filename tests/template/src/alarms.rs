//! Alarms: each says what to do, and everything that can go wrong has one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::template::{Template, list, named, root};

const ALARM: &str = "AWS::CloudWatch::Alarm";

/// The namespace of the functions' own metrics.
const OWN: &str = "Sluice/${AWS::StackName}";

/// What EventBridge counts when a rule's target can't be reached and not even the dead letters accept the event. It
/// counts retries as `RetryInvocationAttempts`, and events that it gave up as `FailedInvocations`.
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>)
const LOST: &str = "InvocationsFailedToBeSentToDlq";

/// The folder of the runbooks.
const RUNBOOKS: &str = "infra/runbooks/";

/// The runbook that an alarm's text names.
pub fn runbook(alarm: &Value) -> Option<&str> {
    let text = alarm["AlarmDescription"].as_str()?;
    let page = text.split(RUNBOOKS).nth(1)?.split_whitespace().next()?;
    page.strip_suffix(".md")
}

/// Each alarm names its runbook, says what missing data means, and notifies the topic of its start and its end, if
/// there is one.
pub fn texts(template: &Template) -> Vec<String> {
    let topic = template.parameters["AlarmTopicArn"]
        .as_str()
        .unwrap_or_default();
    let mut broken = Vec::new();
    for (id, alarm) in template.of(ALARM) {
        let page = runbook(alarm).map(|page| format!("{RUNBOOKS}{page}.md"));
        if !page.is_some_and(|page| root().join(page).is_file()) {
            broken.push(format!("{id}: its text names no page that is there"));
        }
        if alarm["TreatMissingData"].is_null() {
            broken.push(format!("{id}: doesn't say what missing figures mean"));
        }
        for actions in ["AlarmActions", "OKActions"] {
            let given = list(&alarm[actions]);
            let right = match topic.is_empty() {
                true => given.is_empty(),
                false => given == [topic],
            };
            if !right {
                broken.push(format!("{id}: its {actions} do not follow AlarmTopicArn"));
            }
        }
    }
    broken
}

/// Whether some alarm is about this metric's value, with these dimensions: name → value, or the logical id that it
/// names. A heartbeat counts data points and ignores their values.
fn watched(
    template: &Template,
    namespace: &str,
    metric: &str,
    dimensions: &[(&str, &str)],
) -> bool {
    template.of(ALARM).any(|(_, alarm)| {
        let space = alarm["Namespace"]["Fn::Sub"]
            .as_str()
            .or(alarm["Namespace"].as_str());
        let has = |(name, value): &(&str, &str)| {
            list(&alarm["Dimensions"]).into_iter().any(|dimension| {
                let given = &dimension["Value"];
                dimension["Name"] == *name && (given == value || named(given) == Some(*value))
            })
        };
        alarm["Statistic"] != "SampleCount"
            && space == Some(namespace)
            && alarm["MetricName"] == metric
            && dimensions.iter().all(has)
    })
}

/// The missing alarm, if no alarm is about this metric with these dimensions.
fn unwatched(
    template: &Template,
    namespace: &str,
    metric: &str,
    dimensions: &[(&str, &str)],
) -> Option<String> {
    let is_watched = watched(template, namespace, metric, dimensions);
    (!is_watched).then(|| format!("no alarm is about {namespace} {metric} of {dimensions:?}"))
}

/// The rules that have no alarm about this metric.
fn rules_without(template: &Template, metric: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, rule) in template.of("AWS::Events::Rule") {
        let name = rule["Name"]["Fn::Sub"].as_str();
        let is_watched = template.of(ALARM).any(|(_, alarm)| {
            let about = |value: &Value| value["Value"]["Fn::Sub"].as_str() == name;
            let dimensions = list(&alarm["Dimensions"]);
            // Both dimensions: a metric with only the rule's belongs to the account's default bus.
            alarm["MetricName"] == metric
                && dimensions
                    .iter()
                    .any(|dimension| dimension["Name"] == "EventBusName")
                && dimensions.into_iter().any(about)
        });
        if name.is_none() || !is_watched {
            broken.push(format!("{id}: no alarm is about {metric}"));
        }
    }
    broken
}

/// Every queue that a function reads has an alarm on its age, and every dead-letter queue one on its depth. No function
/// reads a standby's queue: its messages are meant to wait.
pub fn queues(template: &Template) -> Vec<String> {
    let is_read = |id: &str| {
        template
            .of("AWS::Lambda::EventSourceMapping")
            .any(|(_, mapping)| {
                named(&mapping["EventSourceArn"]) == Some(id) && mapping["Enabled"] != false
            })
    };
    let mut broken = Vec::new();
    for (id, queue) in template.of("AWS::SQS::Queue") {
        let metric = match queue.get("RedrivePolicy") {
            Some(_) if !is_read(id) => continue,
            Some(_) => "ApproximateAgeOfOldestMessage",
            None => "ApproximateNumberOfMessagesVisible",
        };
        broken.extend(unwatched(template, "AWS/SQS", metric, &[("QueueName", id)]));
    }
    broken
}

/// Every function that a queue feeds has alarms on its errors, its throttles and its messages that keep failing.
pub fn consumers(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, function) in template.of("AWS::Lambda::Function") {
        let has = |name| function["Environment"]["Variables"].get(name).is_some();
        // The function's name in its log lines: a domain's name, or the runner's.
        let word = match () {
            () if has("DOMAIN_TABLE") => id.trim_end_matches("Function").to_lowercase(),
            () if has("RECEIPTS_TABLE") => "receiver".to_owned(),
            () => continue,
        };
        for metric in ["Errors", "Throttles"] {
            broken.extend(unwatched(
                template,
                "AWS/Lambda",
                metric,
                &[("FunctionName", id)],
            ));
        }
        let failing = [("function", &*word), ("outcome", "failed")];
        broken.extend(unwatched(template, OWN, "receives", &failing));
    }
    broken
}

/// Every rule has an alarm on what the bus dropped, because neither its queue nor the dead letters took it.
pub fn losses(template: &Template) -> Vec<String> {
    rules_without(template, LOST)
}

/// Alarms that compare counts of log lines with metrics from another source, and fire after one period: the last data
/// of one may arrive before that of the other.
fn hasty(template: &Template) -> Vec<String> {
    let counted = |metric: &Value| metric["MetricStat"]["Metric"]["MetricName"] == "Faults";
    let alarms = template.of(ALARM).filter(|(_, alarm)| {
        let metrics = list(&alarm["Metrics"]).into_iter();
        let metrics = metrics.filter(|metric| metric.get("MetricStat").is_some());
        let (faults, others): (Vec<_>, Vec<_>) = metrics.partition(|metric| counted(metric));
        let periods = alarm["DatapointsToAlarm"].as_u64().unwrap_or(1);
        !faults.is_empty() && !others.is_empty() && periods < 2
    });
    alarms
        .map(|(id, _)| format!("{id}: fires at one period of metrics from two sources"))
        .collect()
}

/// Every rule's retries and failures, every domain's rejections, ingest's errors, throttles, pace, failures, refusals, wrong secrets
/// and wrong endpoints, what is due, and the heartbeats have an alarm.
pub fn coverage(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let mut want = |namespace: &str, metric: &str, dimensions: &[(&str, &str)]| {
        broken.extend(unwatched(template, namespace, metric, dimensions));
    };
    for (id, function) in template.of("AWS::Lambda::Function") {
        if function["Environment"]["Variables"]
            .get("DOMAIN_TABLE")
            .is_some()
        {
            let domain = id.trim_end_matches("Function").to_lowercase();
            let rejected = [("function", &*domain), ("outcome", "rejected")];
            want(OWN, "events", &rejected);
        }
    }
    for metric in ["Errors", "Throttles", "Duration"] {
        want("AWS/Lambda", metric, &[("FunctionName", "IngestFunction")]);
    }
    want("AWS/ApiGateway", "5xx", &[("ApiId", "WebhookApi")]);
    for outcome in ["failed", "refused"] {
        want(
            OWN,
            "events",
            &[("function", "ingest"), ("outcome", outcome)],
        );
    }
    want(OWN, "Faults", &[("code", "claim.conflict")]);
    want(OWN, "Faults", &[("code", "reconcile.missing")]);
    want(OWN, "Faults", &[("code", "reconcile.gap")]);
    want(OWN, "Faults", &[("code", "reconcile.behind")]);
    want(OWN, "due_age_s", &[("function", "sweep")]);
    broken.extend(hasty(template));
    let slowest = template
        .of(ALARM)
        .any(|(_, alarm)| alarm["MetricName"] == "Duration" && alarm["ExtendedStatistic"] == "p99");
    if !slowest {
        broken.push("no alarm fires when the slowest hundredth of deliveries is slow".to_owned());
    }
    for metric in ["RetryInvocationAttempts", "FailedInvocations"] {
        broken.extend(rules_without(template, metric));
    }
    let silent = |function: &str| {
        template.of(ALARM).any(|(_, alarm)| {
            let is_of = |dimension: &&Value| dimension["Value"] == function;
            alarm["TreatMissingData"] == "breaching"
                && alarm["Statistic"] == "SampleCount"
                && list(&alarm["Dimensions"]).iter().any(is_of)
        })
    };
    for function in ["sweep", "reconcile"] {
        if !silent(function) {
            broken.push(format!("no alarm fires when {function} is silent"));
        }
    }
    let unverified = template.of(ALARM).any(|(_, alarm)| {
        let codes: BTreeSet<_> = list(&alarm["Metrics"])
            .into_iter()
            .flat_map(|metric| list(&metric["MetricStat"]["Metric"]["Dimensions"]))
            .filter_map(|dimension| dimension["Value"].as_str())
            .collect();
        ["signature.no_match", "secret.missing", "accepted"]
            .iter()
            .all(|code| codes.contains(code))
    });
    if !unverified {
        broken.push("no alarm fires when no signature is valid".to_owned());
    }
    let waiting = template.of(ALARM).any(|(_, alarm)| {
        let codes: BTreeSet<_> = list(&alarm["Metrics"])
            .into_iter()
            .flat_map(|metric| list(&metric["MetricStat"]["Metric"]["Dimensions"]))
            .filter_map(|dimension| dimension["Value"].as_str())
            .collect();
        [
            "endpoint.wrong_mode",
            "endpoint.unexpected_account",
            "endpoint.account_missing",
        ]
        .iter()
        .all(|code| codes.contains(code))
    });
    if !waiting {
        broken.push("no alarm says that events wait for their endpoint's configuration".to_owned());
    }
    let steady = template.parameters["SteadyType"] != "";
    if steady
        != template
            .of(ALARM)
            .any(|(_, alarm)| alarm["MetricName"] == "Steady")
    {
        broken.push("the alarm on a steady type's silence does not follow SteadyType".to_owned());
    }
    broken
}

/// CloudWatch can read the dashboard, and it shows every alarm that always exists.
pub fn dashboard(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, dashboard) in template.of("AWS::CloudWatch::Dashboard") {
        let body = dashboard["DashboardBody"]["Fn::Sub"]
            .as_str()
            .unwrap_or_default();
        let Ok(body) = serde_json::from_str::<Value>(body) else {
            broken.push(format!("{id}: is no JSON"));
            continue;
        };
        let widgets = list(&body["widgets"]);
        let shown: Vec<_> = widgets
            .iter()
            .flat_map(|widget| list(&widget["properties"]["alarms"]))
            .filter_map(Value::as_str)
            .collect();
        for (alarm, properties) in template
            .of(ALARM)
            .filter(|(_, alarm)| alarm["MetricName"] != "Steady")
        {
            let name = properties["AlarmName"]["Fn::Sub"]
                .as_str()
                .unwrap_or_default();
            if !shown
                .iter()
                .any(|arn| arn.ends_with(&format!(":alarm:{name}")))
            {
                broken.push(format!("{id}: doesn't show {alarm}"));
            }
        }
        for arn in &shown {
            let name = arn.split(":alarm:").nth(1);
            if !template
                .of(ALARM)
                .any(|(_, alarm)| alarm["AlarmName"]["Fn::Sub"].as_str() == name)
            {
                broken.push(format!("{id}: shows {arn}, which isn't there"));
            }
        }
    }
    if template.of("AWS::CloudWatch::Dashboard").count() != 1 {
        broken.push("there is no dashboard".to_owned());
    }
    broken
}
