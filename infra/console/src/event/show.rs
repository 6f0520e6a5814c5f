//! `sluice event show`: an event's story.

use serde_json::{Value, json};
use sluice_adapters::inspect;

use crate::context::Context;
use crate::output::{fields, said, time_of_ms};
use crate::problem::Problem;

/// Which event.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The event's id (`evt_…`).
    pub(crate) id: String,
    /// Its stored body alone, byte for byte.
    #[arg(long, conflicts_with = "json")]
    pub(crate) body: bool,
}

/// Shows it.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let Args { id, body } = args;
    let (ledger, outcomes) = (context.table("ledger")?, context.table("outcomes")?);
    let story = inspect::event(context.aws.sdk(), ledger, outcomes, &id).await?;
    let story = story.ok_or_else(|| Problem::NotFound(format!("the ledger has no event {id}")))?;
    if body {
        let body = story.body;
        let body = body.ok_or_else(|| Problem::failed("the stored body is not whole"))?;
        return context.out.bytes(&body);
    }
    if context.out.is_json() {
        let mut summary = story.summary;
        summary["body"] = json!(story.body.as_deref().map(String::from_utf8_lossy));
        return context.out.value(&summary);
    }
    context.out.text(words(&story.summary))
}

fn words(event: &Value) -> String {
    let time = |name: &str| event[name].as_i64().map(time_of_ms).unwrap_or_default();
    let (kind, id) = (said(&event["object_type"]), said(&event["object_id"]));
    let (size, hash) = (said(&event["size_bytes"]), said(&event["sha256"]));
    let mut lines = vec![
        ("type", said(&event["type"])),
        ("state", said(&event["state"])),
        ("received", time("received_at_ms")),
        ("published", time("published_at_ms")),
        ("due", time("due_at_ms")),
        ("ledger only", said(&event["ledger_only"])),
        ("endpoint", said(&event["endpoint"])),
        ("account", said(&event["account"])),
        ("livemode", said(&event["livemode"])),
        ("object", format!("{kind} {id}").trim().to_owned()),
        ("body", format!("{size} bytes, SHA-256 {hash}")),
        ("attempt", said(&event["attempt"])),
        ("trace", said(&event["traceparent"])),
    ];
    for outcome in event["outcomes"].as_array().into_iter().flatten() {
        let words = ["sk", "outcome", "code", "cause"].map(|name| said(&outcome[name]));
        lines.push(("outcome", words.join(" ")));
    }
    for other in event["others"].as_array().into_iter().flatten() {
        let (kind, hash) = (said(&other["type"]), said(&other["hash"]));
        lines.push(("conflict", format!("another event: {kind} {hash}")));
    }
    fields(&said(&event["id"]), &lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::without_colour;

    #[test]
    fn an_event_is_told_in_a_few_lines() {
        let event = json!({
            "id": "evt_1", "type": "charge.succeeded", "state": "published", "received_at_ms": 1_767_225_600_000_i64,
            "object_type": "charge", "object_id": "ch_1", "size_bytes": 7, "sha256": "00",
            "outcomes": [{ "sk": "payments", "outcome": "rejected", "code": "object.field_missing", "cause": "no text at status" }],
        });
        assert_eq!(
            without_colour(&words(&event)),
            "evt_1\n  type         charge.succeeded\n  state        published\n  received     2026-01-01T00:00:00Z\n  \
             object       charge ch_1\n  body         7 bytes, SHA-256 00\n  \
             outcome      payments rejected object.field_missing no text at status\n"
        );
    }
}
