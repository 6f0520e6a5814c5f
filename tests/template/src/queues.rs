//! Queues, their policies, and the rules of the bus that feed them.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_kernel::backoff;

use crate::template::{Template, list, named, number};

const DAY_S: i64 = 24 * 60 * 60;

/// EventBridge's limit of a pattern.
const PATTERN_CHARACTERS_MAX: usize = 2_048;

/// The sources that a rule may match: Stripe's events for a domain, a domain's effects for a receiver. Never both: an
/// effect that came back to a domain could loop.
const SOURCES: [&str; 2] = ["sluice.stripe", "sluice.effects"];

/// The parameter of a template that can be deployed as a standby: `false` means standby.
const STANDBY: &str = "Active";

const QUEUE: &str = "AWS::SQS::Queue";
const MAPPING: &str = "AWS::Lambda::EventSourceMapping";

/// A mapping with the ids of its queue and function.
fn mappings(template: &Template) -> impl Iterator<Item = (&str, &Value, &str, &str)> {
    template.of(MAPPING).map(|(id, mapping)| {
        let queue = named(&mapping["EventSourceArn"]).unwrap_or_default();
        let function = template.function(&mapping["FunctionName"]);
        (id, mapping, queue, function.unwrap_or_default())
    })
}

fn variable<'a>(template: &'a Template, function: &str, name: &str) -> &'a Value {
    &template.properties(function)["Environment"]["Variables"][name]
}

/// A message isn't delivered again while its first function may still be running.
pub fn visibility(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (_, mapping, queue, function) in mappings(template) {
        let timeout = number(&template.properties(function)["Timeout"]).unwrap_or(i64::MAX / 6);
        let window = number(&mapping["MaximumBatchingWindowInSeconds"]).unwrap_or(0);
        let visible = number(&template.properties(queue)["VisibilityTimeout"]).unwrap_or(30);
        if visible < timeout.saturating_mul(6).saturating_add(window) {
            broken.push(format!(
                "{queue}: visibility {visible} s is less than 6 x {timeout} s + {window} s"
            ));
        }
    }
    broken
}

/// One bad message never fails its batch, and Lambda accepts the batches and concurrency.
pub fn batches(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, mapping, _, _) in mappings(template) {
        if mapping["FunctionResponseTypes"] != serde_json::json!(["ReportBatchItemFailures"]) {
            broken.push(format!(
                "{id}: one bad message would fail its batch (ReportBatchItemFailures)"
            ));
        }
        if number(&mapping["ScalingConfig"]["MaximumConcurrency"]).is_none_or(|most| most < 2) {
            broken.push(format!("{id}: MaximumConcurrency is at least 2"));
        }
        let window = number(&mapping["MaximumBatchingWindowInSeconds"]).unwrap_or(0);
        if number(&mapping["BatchSize"]).is_none_or(|size| size > 10 && window < 1) {
            broken.push(format!("{id}: a batch over 10 needs a window of 1 s"));
        }
    }
    broken
}

/// A function sets delays at the queue that feeds it, and knows which receive is the last.
pub fn own_queue(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, _, queue, function) in mappings(template) {
        if named(variable(template, function, "QUEUE_URL")) != Some(queue) {
            broken.push(format!(
                "{id}: its function would set delays at another queue than {queue} (QUEUE_URL)"
            ));
        }
        let limit = &template.properties(queue)["RedrivePolicy"]["maxReceiveCount"];
        let given = variable(template, function, "MAX_RECEIVES");
        if !given.is_null() && number(given) != number(limit) {
            broken.push(format!("{id}: its function takes another receive than {queue}'s for the last (MAX_RECEIVES)"));
        }
    }
    broken
}

/// Everything that a rule or a queue delivers is handled: each rule and mapping is enabled. In a standby (`Active` is
/// false) the rule is enabled and the mapping isn't: a bus without an enabled rule loses its events.
pub fn enabled(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, rule) in template.of("AWS::Events::Rule") {
        if rule.get("State").is_some_and(|state| state != "ENABLED") {
            broken.push(format!("{id}: is disabled, and what it would take is gone"));
        }
    }
    let is_active = template.parameters.get(STANDBY) != Some(&Value::from("false"));
    for (id, mapping, _, _) in mappings(template) {
        let enabled = mapping.get("Enabled").unwrap_or(&Value::Bool(true));
        if *enabled != is_active {
            broken.push(format!("{id}: does not follow {STANDBY}"));
        }
    }
    broken
}

/// An outage of a day ends in delay and not in dead letters, and dead letters are kept longer than the messages that
/// could arrive there. If the mapping can be off, the queue keeps messages for as long as SQS can.
pub fn dead_letters(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let can_wait = template.parameters.contains_key(STANDBY);
    let days = if can_wait { 14..=14 } else { 0..=7 };
    for (id, _, queue, _) in mappings(template) {
        if template.properties(queue).get("RedrivePolicy").is_none() {
            broken.push(format!("{id}: {queue} has no dead letters"));
        }
    }
    for (id, queue) in template.of(QUEUE) {
        let kept = number(&queue["MessageRetentionPeriod"]).unwrap_or(4 * DAY_S);
        let Some(redrive) = queue.get("RedrivePolicy") else {
            if kept != 14 * DAY_S {
                broken.push(format!(
                    "{id}: has no dead letters of its own and keeps {kept} s; 14 days are right"
                ));
            }
            continue;
        };
        let dead = named(&redrive["deadLetterTargetArn"]).unwrap_or_default();
        if number(&template.properties(dead)["MessageRetentionPeriod"]) != Some(14 * DAY_S)
            || !(days.start() * DAY_S..=days.end() * DAY_S).contains(&kept)
        {
            let most = days.end();
            broken.push(format!(
                "{id}: {most} days in it and 14 in {dead} are right"
            ));
        }
        let receives = number(&redrive["maxReceiveCount"]).unwrap_or(0);
        let visible = number(&queue["VisibilityTimeout"]).unwrap_or(30);
        // By visibility if functions die, by the delays that the runner sets if they fail.
        let slow = receives - i64::from(backoff::RAMP_RECEIVES);
        let reach = (receives * visible).min(slow * i64::from(backoff::FLOOR_S));
        if reach < DAY_S {
            broken.push(format!("{id}: gives a message up after {reach} s; an outage of a day would drain into {dead}"));
        }
        let longest = receives * visible.max(i64::from(backoff::DELAY_S_MAX));
        if longest > kept {
            broken.push(format!(
                "{id}: forgets a message after {kept} s; it may be {longest} s before {dead} has it"
            ));
        }
    }
    broken
}

/// Only rules of this account may send to a queue, no sender may without TLS, and a queue that no rule feeds accepts
/// from none.
pub fn queue_policies(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let (mut tls, mut fed) = (BTreeSet::new(), BTreeSet::new());
    for (id, policy) in template.of("AWS::SQS::QueuePolicy") {
        let queues: Vec<_> = list(&policy["Queues"])
            .into_iter()
            .filter_map(named)
            .collect();
        for statement in list(&policy["PolicyDocument"]["Statement"]) {
            match statement["Effect"].as_str() {
                Some("Deny") => {
                    let insecure = &statement["Condition"]["Bool"]["aws:SecureTransport"];
                    if *insecure == "false"
                        && statement["Principal"] == "*"
                        && statement["Action"] == "sqs:*"
                    {
                        tls.extend(queues.iter().copied());
                    }
                }
                _ => {
                    let conditions = statement["Condition"].as_object().into_iter().flatten();
                    let is_bound = conditions
                        .filter(|(kind, _)| ["ArnLike", "ArnEquals"].contains(&kind.as_str()))
                        .filter_map(|(_, keys)| keys.get("aws:SourceArn"))
                        .any(|arns| list(arns).into_iter().all(|arn| *arn != "*"));
                    if !is_bound || statement["Action"] != "sqs:SendMessage" {
                        broken.push(format!(
                            "{id}: admits others than rules of this bus (aws:SourceArn)"
                        ));
                    }
                    fed.extend(queues.iter().copied());
                }
            }
        }
    }
    for (id, _) in template.of(QUEUE) {
        if !tls.contains(id) {
            broken.push(format!("{id}: takes requests without TLS"));
        }
    }
    let of_rules = template.of("AWS::Events::Rule").flat_map(|(id, rule)| {
        let targets = list(&rule["Targets"]).into_iter();
        targets.flat_map(move |target| {
            [&target["Arn"], &target["DeadLetterConfig"]["Arn"]].map(|arn| (id, arn))
        })
    });
    let of_buses = template.of("AWS::Events::EventBus");
    let of_buses = of_buses.map(|(id, bus)| (id, &bus["DeadLetterConfig"]["Arn"]));
    for (id, arn) in of_rules.chain(of_buses) {
        let queue = named(arn).unwrap_or_default();
        if !fed.contains(queue) {
            broken.push(format!("{queue}: {id} may not send to it"));
        }
    }
    broken
}

/// A bus has dead letters: under a customer's key it drops what it can't process, if it has none.
pub fn buses(template: &Template) -> Vec<String> {
    let buses = template.of("AWS::Events::EventBus");
    let without = buses.filter(|(_, bus)| {
        let queue = named(&bus["DeadLetterConfig"]["Arn"]).unwrap_or_default();
        template.properties(queue).is_null()
    });
    without
        .map(|(id, _)| format!("{id}: has no dead letters of the template's"))
        .collect()
}

/// Queues are encrypted, with AWS's key or the customer's.
pub fn queue_encryption(template: &Template) -> Vec<String> {
    let open = template.of(QUEUE).filter(|(_, queue)| {
        queue["SqsManagedSseEnabled"] != true && queue["KmsMasterKeyId"].is_null()
    });
    open.map(|(id, _)| format!("{id}: is not encrypted"))
        .collect()
}

/// A rule matches one source, its pattern is short enough, and no target loses undeliverable events.
pub fn rules(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, rule) in template.of("AWS::Events::Rule") {
        let pattern = &rule["EventPattern"];
        let sources = list(&pattern["source"]);
        let [source] = sources[..] else {
            broken.push(format!("{id}: takes other than one source"));
            continue;
        };
        if !SOURCES.iter().any(|known| source == known) {
            broken.push(format!("{id}: takes the source {source}"));
        }
        let length = pattern.to_string().len();
        if length > PATTERN_CHARACTERS_MAX {
            broken.push(format!("{id}: the pattern has {length} characters; EventBridge takes {PATTERN_CHARACTERS_MAX}"));
        }
        for target in list(&rule["Targets"]) {
            let retry = &target["RetryPolicy"];
            if named(&target["DeadLetterConfig"]["Arn"]).is_none()
                || number(&retry["MaximumRetryAttempts"]).is_none_or(|most| most < 1)
            {
                broken.push(format!(
                    "{id}: target {} has no dead letters or no retry policy",
                    target["Id"]
                ));
            }
        }
    }
    broken
}
