//! What deliveries leave behind: effects on the bus, lines in the logs, items in the tables.

use serde_json::{Value, json};

use super::files::Goldens;
use super::placeholders::Placeholders;
use crate::world::World;

/// The local AWS decides how often these run, so repeated lines are kept once.
const SCHEDULED: [&str; 2] = ["reconcile", "sweep"];

/// Lines with these texts are left out. The number of requests to Stripe in a second depends on the machine; the other
/// line is logged by ingest because of `settle`.
const LEFT_OUT: [&str; 3] = [
    r#""code":"stripe.budget_spent""#,
    r#"{"message":"Request payload deserialization"#,
    // The minute's tick, which falls into a run or doesn't.
    r#"{"message":"swept","published":0,"#,
];

/// Everything in a stack, one JSON value per line. `are_bodies_fixed` says whether bodies are the same in every run.
pub(super) fn of(world: &World, placeholders: &Placeholders, are_bodies_fixed: bool) -> Goldens {
    let mut goldens = Goldens::new();
    world.see_all_of_the_bus();
    let effects = world.all_effects();
    let effects = effects.iter().map(|effect| {
        let [kind, detail] = ["detail-type", "detail"].map(|name| &effect[name]);
        json!({ "detail-type": kind, "detail": detail })
    });
    goldens.insert("effects.jsonl".to_owned(), lines(effects, placeholders));
    for function in world.info().log_groups.keys() {
        let logged = logged(world, function);
        let logged = logged.iter().map(|line| placeholders.apply(line) + "\n");
        let mut logged: Vec<_> = logged.collect();
        if SCHEDULED.contains(&function.as_str()) {
            logged.sort();
            logged.dedup();
        }
        // Two environments of a function handle concurrently what reconcile and a replay of several events send.
        if !are_bodies_fixed {
            logged.sort();
        }
        goldens.insert(format!("log/{function}.jsonl"), metrics_once(&logged));
    }
    for (name, table) in &world.info().tables {
        let mut items = scanned(world, table);
        items.sort_by_cached_key(|item| {
            ["pk", "sk"]
                .map(|name| placeholders.apply(item[name]["S"].as_str().unwrap_or_default()))
        });
        // Entries as they came in: those with fixed bodies are enough.
        items.retain(|item| are_bodies_fixed || item["body"].is_null());
        for item in &mut items {
            // What `sluice smoke` sends has a time in its id.
            let is_smoke = item["pk"]["S"]
                .as_str()
                .is_some_and(|key| key.contains("evt_smoke"));
            if is_smoke {
                item["seen"] = json!("<a part of a day>");
            }
            shorten(item, are_bodies_fixed && !is_smoke);
        }
        let items = lines(items.into_iter(), placeholders);
        goldens.insert(format!("items/{name}.jsonl"), items);
    }
    goldens
}

fn lines(values: impl Iterator<Item = Value>, placeholders: &Placeholders) -> String {
    values
        .map(|value| placeholders.apply(&value.to_string()) + "\n")
        .collect()
}

/// The lines of a function that are JSON.
fn logged(world: &World, function: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({ "logGroupName": world.info().log_groups[function] });
        if token.is_string() {
            input["nextToken"] = token;
        }
        let page = world.stack(|stack| stack.aws().json("Logs_20140328.FilterLogEvents", &input));
        // A function that has never run has no log yet.
        let page = page.unwrap_or_default();
        let events = page["events"].as_array().into_iter().flatten();
        found.extend(events.filter_map(|event| {
            let line = event["message"].as_str()?.trim_end();
            let is_kept = line.starts_with('{') && !LEFT_OUT.iter().any(|text| line.contains(text));
            is_kept.then(|| line.to_owned())
        }));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    // Sorted by the function's own time: the local AWS may get a line late.
    found.sort_by_cached_key(|line| {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let time = line["timestamp"].as_str().unwrap_or_default();
        let (second, part) = time
            .trim_end_matches('Z')
            .split_once('.')
            .unwrap_or((time, ""));
        (
            second.trim_end_matches('Z').to_owned(),
            format!("{part:0<9}"),
        )
    });
    found
}

/// The lines, each with its metric declaration only if no earlier line had the same one.
fn metrics_once(lines: &[String]) -> String {
    let mut seen = Vec::new();
    let shortened = lines.iter().map(|line| {
        let Some((said, metrics)) = line.split_once(r#","_aws":"#) else {
            return line.clone();
        };
        match seen.iter().position(|it| it == &metrics) {
            Some(index) => format!("{said},\"_aws\":\"metrics {}\"}}\n", index + 1),
            None => {
                seen.push(metrics);
                line.clone()
            }
        }
    });
    shortened.collect()
}

fn scanned(world: &World, table: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut input = json!({ "TableName": table });
    loop {
        let page = world.stack(|stack| stack.aws().json("DynamoDB_20120810.Scan", &input));
        let page = page.expect("scanned");
        found.extend(page["Items"].as_array().cloned().unwrap_or_default());
        if page["LastEvaluatedKey"].is_null() {
            return found;
        }
        input["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
    }
}

/// Bytes are replaced by their digest, because bodies are compressed, or by a placeholder if bodies contain times of
/// the run. It is random which attempt recorded an event.
fn shorten(value: &mut Value, are_bodies_fixed: bool) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    _ if ["attempt", "trace"].contains(&name.as_str()) => {
                        *value = json!(format!("<{name}>"))
                    }
                    Value::String(_) if name == "B" && !are_bodies_fixed => {
                        *value = json!("<bytes>")
                    }
                    Value::String(text) if name == "B" => {
                        *value = json!(format!(
                            "{} characters, digest {:x}",
                            text.len(),
                            digest(text)
                        ));
                    }
                    _ => shorten(value, are_bodies_fixed),
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| shorten(item, are_bodies_fixed)),
        _ => {}
    }
}

/// FNV-1a: the same on every machine at any time.
fn digest(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
