//! `sluice show`: an event or an object, for people or machines.

use std::io::Write;
use std::path::Path;

use aws_credential_types::Credentials;
use aws_types::region::Region;
use serde_json::{Value, json};
use sluice_adapters::aws::sdk_config_of;
use sluice_adapters::inspect;
use sluice_local::stack::StackInfo;

/// How to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A few lines for people.
    Words,
    /// One line of JSON.
    Json,
    /// The stored body's bytes.
    Body,
}

/// Shows an event or an object.
pub(crate) fn run(id: &str, account: &str, form: Form, stack_file: &Path) -> Result<(), String> {
    let text = std::fs::read(stack_file).map_err(|error| {
        format!(
            "{}: {error}; is the local AWS running? `make run` starts it",
            stack_file.display()
        )
    })?;
    let info: StackInfo = serde_json::from_slice(&text)
        .map_err(|error| format!("{}: {error}", stack_file.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(show(id, account, form, &info))
}

async fn show(id: &str, account: &str, form: Form, info: &StackInfo) -> Result<(), String> {
    let config = sdk_config_of(
        Region::new(info.region.clone()),
        // The local AWS takes any.
        Credentials::new("local", "local", None, None, "local"),
        Some(info.aws_endpoint_url.clone()),
    );
    let table = |name: &str| {
        info.tables
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    };
    if id.starts_with("evt_") {
        let story = inspect::event(&config, table("ledger"), table("outcomes"), id).await;
        let story = story.map_err(|fault| fault.to_string())?;
        let story = story.ok_or_else(|| format!("the ledger has no event {id}"))?;
        return match form {
            Form::Words => print(words_of_event(&story.summary).as_bytes()),
            Form::Body => print(&story.body.ok_or("the stored body is not whole")?),
            Form::Json => {
                let mut summary = story.summary;
                summary["body"] = json!(story.body.as_deref().map(String::from_utf8_lossy));
                print(format!("{summary}\n").as_bytes())
            }
        };
    }
    if form == Form::Body {
        return Err("--body is for events (evt_…)".to_owned());
    }
    let keys = match id.contains('#') {
        true => vec![id.to_owned()],
        false => ["live", "test"]
            .map(|mode| format!("{account}#{mode}#{id}"))
            .to_vec(),
    };
    let mut found = Vec::new();
    let domains = info
        .tables
        .iter()
        .filter(|(name, _)| !["ledger", "outcomes"].contains(&name.as_str()));
    for (domain, table) in domains {
        for key in &keys {
            let item = inspect::projection(&config, table, key)
                .await
                .map_err(|fault| fault.to_string())?;
            found.extend(item.map(|item| of_domain(domain, item)));
        }
    }
    if found.is_empty() {
        return Err(format!("no domain has {}", keys.join(" or ")));
    }
    for item in found {
        match form {
            Form::Json => print(format!("{item}\n").as_bytes())?,
            _ => print(words_of_object(&item).as_bytes())?,
        }
    }
    Ok(())
}

/// The item with its document's fields at the top.
fn of_domain(domain: &str, item: Value) -> Value {
    let mut shown = json!({ "domain": domain, "key": item["pk"], "version": item["version"] });
    if let (Some(shown), Some(document)) = (shown.as_object_mut(), item["doc"].as_object()) {
        shown.extend(document.clone());
    }
    shown
}

fn print(bytes: &[u8]) -> Result<(), String> {
    std::io::stdout()
        .write_all(bytes)
        .map_err(|error| error.to_string())
}

/// A line a field, without those that are absent.
fn lines(title: &str, fields: &[(&str, String)]) -> String {
    let shown = fields.iter().filter(|(_, value)| !value.is_empty());
    let lines: String = shown
        .map(|(name, value)| format!("  {name:<12} {value}\n"))
        .collect();
    format!("{title}\n{lines}")
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn words_of_event(event: &Value) -> String {
    let time = |name: &str| event[name].as_i64().map(time_of_ms).unwrap_or_default();
    let mut fields = vec![
        ("type", text(&event["type"])),
        ("state", text(&event["state"])),
        ("received", time("received_at_ms")),
        ("published", time("published_at_ms")),
        ("due", time("due_at_ms")),
        ("ledger only", text(&event["ledger_only"])),
        ("endpoint", text(&event["endpoint"])),
        ("account", text(&event["account"])),
        ("livemode", text(&event["livemode"])),
        (
            "object",
            format!(
                "{} {}",
                text(&event["object_type"]),
                text(&event["object_id"])
            )
            .trim()
            .to_owned(),
        ),
        (
            "body",
            format!(
                "{} bytes, SHA-256 {}",
                text(&event["size_bytes"]),
                text(&event["sha256"])
            ),
        ),
        ("attempt", text(&event["attempt"])),
        ("trace", text(&event["traceparent"])),
    ];
    for outcome in event["outcomes"].as_array().into_iter().flatten() {
        let words = ["sk", "outcome", "code", "cause"].map(|name| text(&outcome[name]));
        fields.push(("outcome", words.join(" ")));
    }
    for other in event["others"].as_array().into_iter().flatten() {
        fields.push((
            "conflict",
            format!(
                "another event: {} {}",
                text(&other["type"]),
                text(&other["hash"])
            ),
        ));
    }
    lines(&text(&event["id"]), &fields)
}

fn words_of_object(item: &Value) -> String {
    let count = |name: &str| item[name].as_array().map(Vec::len).unwrap_or_default();
    lines(
        &text(&item["key"]),
        &[
            ("domain", text(&item["domain"])),
            ("version", text(&item["version"])),
            ("state", text(&item["state"])),
            ("rests on", rests_on(item)),
            (
                "events",
                item["history"]
                    .as_array()
                    .map(|ids| ids.iter().map(text).collect::<Vec<_>>().join(" "))
                    .unwrap_or_default(),
            ),
            (
                "facts",
                item["facts"]
                    .as_array()
                    .map(|ids| ids.iter().map(text).collect::<Vec<_>>().join(" "))
                    .unwrap_or_default(),
            ),
            (
                "pending",
                match count("pending") {
                    0 => String::new(),
                    some => some.to_string(),
                },
            ),
        ],
    )
}

/// The newest events or fetches, their second, and whether the state is a guess between them.
fn rests_on(item: &Value) -> String {
    let members = item["members"].as_array().into_iter().flatten();
    let names: Vec<_> = members
        .map(|member| member["event"].as_str().unwrap_or("a fetch"))
        .collect();
    let second = item["second"]
        .as_i64()
        .map(|second| time_of_ms(second * 1_000));
    let guess = if item["tie_unresolved"] == true {
        ", a guess"
    } else {
        ""
    };
    format!(
        "{} of {}{guess}",
        names.join(" "),
        second.unwrap_or_default()
    )
}

/// ISO 8601 in UTC, to the millisecond.
fn time_of_ms(ms: i64) -> String {
    use aws_smithy_types::date_time::{DateTime, Format};
    DateTime::from_millis(ms)
        .fmt(Format::DateTime)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_in_a_few_lines() {
        let event = json!({
            "id": "evt_1", "type": "charge.succeeded", "state": "published", "received_at_ms": 1_767_225_600_000_i64,
            "object_type": "charge", "object_id": "ch_1", "size_bytes": 7, "sha256": "00",
            "outcomes": [{ "sk": "payments", "outcome": "rejected", "code": "object.field_missing", "cause": "no text at status" }],
        });
        assert_eq!(
            words_of_event(&event),
            "evt_1\n  type         charge.succeeded\n  state        published\n  received     2026-01-01T00:00:00Z\n  \
             object       charge ch_1\n  body         7 bytes, SHA-256 00\n  \
             outcome      payments rejected object.field_missing no text at status\n"
        );
    }

    #[test]
    fn an_object_shows_its_documents_fields() {
        let item = json!({ "pk": "platform#live#ch_1", "version": 2, "doc": { "state": { "status": "succeeded" }, "history": ["evt_1"] } });
        let shown = of_domain("payments", item);
        assert_eq!(
            (&shown["key"], &shown["version"], &shown["history"]),
            (&json!("platform#live#ch_1"), &json!(2), &json!(["evt_1"]))
        );
        assert!(words_of_object(&shown).contains(r#"state        {"status":"succeeded"}"#));
    }
}
