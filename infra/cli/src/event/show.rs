//! `sluice event show`: an event's story, put together from all that tells of it.
//!
//! | what | from | kept |
//! |---|---|---|
//! | received, where it stands, published, due, refusals, trace, body | the ledger | `RetentionDays` |
//! | rejected, failing and why | the outcomes | `RetentionDays` |
//! | whether its object's state rests on it; effects of it that are pending | the projection | always; the last events only |
//! | each delivery, each time a domain had it, how long it took | the log lines | `LogRetentionDays` |
//!
//! That an attempt died with the event shows in what came after it: its claim was taken over. Where a domain emitted effects,
//! its line says which.
//!
//! Without log lines the story has its beginning and its end, and not the attempts between them; it says so then.

use serde_json::{Value, json};
use sluice_adapters::inspect;
use sluice_kernel::bus::route::{Route, route};
use sluice_kernel::bus::trace::to_xray;

use crate::context::Context;
use crate::output::{BAD, Cell, DIM, GOOD, PLAIN, WARN, fields, paint, said, table};
use sluice_operations::logs::{self, Line};
use sluice_operations::problem::Problem;
use sluice_operations::times::time_of_ms;
use sluice_operations::times::{now_ms, span};

/// How long before an event is in the ledger its first line may have been written: clocks differ.
const SKEW_MS: i64 = 60_000;

/// Which event.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The event's id (`evt_…`).
    pub(crate) id: String,
    /// Its stored body alone, byte for byte.
    #[arg(long, conflicts_with = "json")]
    pub(crate) body: bool,
}

/// A step of the story.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    at_ms: i64,
    place: String,
    what: String,
    code: String,
    more: String,
}

/// Shows it.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let Args { id, body } = args;
    let (ledger, outcomes) = (
        context.stack.table("ledger")?,
        context.stack.table("outcomes")?,
    );
    let story = inspect::event(context.stack.aws.sdk(), ledger, outcomes, &id).await?;
    let story = story.ok_or_else(|| Problem::NotFound(format!("the ledger has no event {id}")))?;
    if body {
        let body = story.body;
        let body = body.ok_or_else(|| Problem::failed("the stored body is not whole"))?;
        return context.out.bytes(&body);
    }
    let mut event = story.summary;
    event["projection"] = projection(context, &event).await?;
    let (lines, lines_missing) = match lines(context, &event).await {
        Ok(lines) if lines.is_empty() => (
            lines,
            Some("none was found; they come a moment late".to_owned()),
        ),
        Ok(lines) => (lines, None),
        // The rest of the story stands without them.
        Err(problem) => (Vec::new(), Some(problem.to_string())),
    };
    event["log_lines_missing"] = json!(lines_missing);
    event["trace_link"] = json!(trace_link(context, &event));
    let steps = steps(&event, &lines);
    if context.out.is_json() {
        event["steps"] = steps.iter().map(in_json).collect();
        event["body"] = json!(story.body.as_deref().map(String::from_utf8_lossy));
        return context.out.value(&event);
    }
    context.out.text(words(&event))?;
    context.out.line("")?;
    context.out.text(told(&steps))?;
    if let Some(why) = lines_missing {
        context
            .out
            .line(paint(WARN, format!("without log lines: {why}")))?;
    }
    Ok(())
}

/// What the domain of the event's type makes of it by now; null where it has nothing of its object.
async fn projection(context: &Context, event: &Value) -> Result<Value, Problem> {
    let (id, kind) = (said(&event["id"]), said(&event["type"]));
    let (Route::Domain(domain), Some(object)) = (route(&kind), event["object_id"].as_str()) else {
        return Ok(Value::Null);
    };
    let Ok(name) = context.stack.table(domain) else {
        return Ok(Value::Null);
    };
    let account = event["account"].as_str().unwrap_or("platform");
    let mode = match event["livemode"] == true {
        true => "live",
        false => "test",
    };
    let key = format!("{account}#{mode}#{object}");
    let Some(item) = inspect::projection(context.stack.aws.sdk(), name, &key).await? else {
        return Ok(Value::Null);
    };
    let doc = &item["doc"];
    let listed = |name: &str| doc[name].as_array().cloned().unwrap_or_default();
    let pending = listed("pending");
    let pending = pending
        .iter()
        .filter(|effect| effect["event"] == id.as_str());
    Ok(json!({
        "domain": domain, "key": key, "version": item["version"],
        "is_in_history": listed("history").iter().any(|event| event == id.as_str()),
        "rests_on_it": listed("members").iter().any(|member| member["event"] == id.as_str()),
        "tie_unresolved": doc["tie_unresolved"],
        "pending": pending.map(|effect| effect["id"].clone()).collect::<Vec<_>>(),
    }))
}

/// Every line of every function about the event, by time.
async fn lines(context: &Context, event: &Value) -> Result<Vec<Line>, Problem> {
    let id = said(&event["id"]);
    let from_ms = event["received_at_ms"].as_i64().unwrap_or_default() - SKEW_MS;
    let mut lines = Vec::new();
    for function in context.stack.log_groups.keys() {
        let found = logs::search(&context.stack, function, Some(&id), from_ms, now_ms()).await?;
        let about = |line: &Line| line.fields["event"] == id.as_str();
        lines.extend(found.lines.into_iter().filter(about));
    }
    lines.sort_by_key(|line| line.at_ms);
    Ok(lines)
}

/// Where X-Ray shows the trace; nothing for the local stack.
fn trace_link(context: &Context, event: &Value) -> Option<String> {
    let header = to_xray(event["traceparent"].as_str()?)?;
    let trace = header.strip_prefix("Root=")?.split(';').next()?.to_owned();
    let region = context.stack.aws.region();
    context.stack.aws.is_real().then(|| {
        format!("https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#xray:traces/{trace}")
    })
}

fn steps(event: &Value, lines: &[Line]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = |at_ms: Option<i64>, place: &str, what: String, code: String, more: String| {
        let place = place.to_owned();
        steps.extend(at_ms.map(|at_ms| Step {
            at_ms,
            place,
            what,
            code,
            more,
        }));
    };
    let via = event["via"].as_str().map_or_else(
        || format!("received through {}", said(&event["endpoint"])),
        |via| format!("taken in by {via}"),
    );
    let nothing = String::new;
    step(
        event["received_at_ms"].as_i64(),
        "ledger",
        via,
        nothing(),
        nothing(),
    );
    let published = "published".to_owned();
    step(
        event["published_at_ms"].as_i64(),
        "ledger",
        published,
        nothing(),
        nothing(),
    );
    let refusals = event["refusals"].as_u64().filter(|count| *count > 0);
    let refused = refusals.map_or_else(nothing, |count| format!("refused {count} times"));
    step(
        event["due_at_ms"].as_i64(),
        "ledger",
        "due".to_owned(),
        nothing(),
        refused,
    );
    for outcome in event["outcomes"].as_array().into_iter().flatten() {
        let (what, code) = (said(&outcome["outcome"]), said(&outcome["code"]));
        // What operators did says who and why; what domains recorded, what is wrong.
        let by = match outcome["who"].as_str() {
            Some(who) => format!("by {who}: {}", said(&outcome["why"])),
            None => said(&outcome["cause"]),
        };
        step(
            outcome["at"].as_i64(),
            "outcomes",
            format!("{}: {what}", said(&outcome["sk"])),
            code,
            by,
        );
    }
    // A claim that was taken over had lapsed: whoever made it ended without a word.
    if let Some(line) = lines
        .iter()
        .find(|line| line.fields["claim_age_ms"].is_number())
    {
        let after = took(line.fields["claim_age_ms"].as_i64().unwrap_or_default());
        step(
            event["received_at_ms"].as_i64(),
            "ingest",
            "crashed".to_owned(),
            nothing(),
            format!(
                "the attempt that claimed it ended without an answer; taken over {after} later"
            ),
        );
    }
    for line in lines {
        let field = |name: &str| said(&line.fields[name]);
        let mut more = Vec::new();
        for (name, what) in [
            ("duration_ms", ""),
            ("lag_ms", " after Stripe's created"),
            ("claim_age_ms", " after the claim"),
        ] {
            if let Some(ms) = line.fields[name].as_i64() {
                more.push(format!("{}{what}", took(ms)));
            }
        }
        if !field("emitted").is_empty() {
            more.push(format!("emitted {}", field("emitted").replace(',', ", ")));
        }
        if let Some(receives) = line.fields["receives"].as_u64() {
            more.push(format!(
                "receive {receives}, again in {} s",
                field("delay_s")
            ));
        }
        if !field("cause").is_empty() {
            more.push(field("cause"));
        }
        step(
            Some(line.at_ms),
            &line.function,
            field("outcome"),
            field("code"),
            more.join("; "),
        );
    }
    // Equal times stay in the order of telling: the ledger first.
    steps.sort_by_key(|step| step.at_ms);
    steps
}

/// A short time in milliseconds, and a long one in words.
fn took(ms: i64) -> String {
    match ms {
        0..10_000 => format!("{ms} ms"),
        _ => span(ms),
    }
}

fn in_json(step: &Step) -> Value {
    json!({ "at_ms": step.at_ms, "place": step.place, "what": step.what, "code": step.code, "more": step.more })
}

fn told(steps: &[Step]) -> String {
    let rows: Vec<_> = steps
        .iter()
        .map(|step| {
            let style = match step.what.rsplit(' ').next().unwrap_or_default() {
                "accepted" | "applied" | "published" => GOOD,
                "rejected" | "refused" | "conflict" | "crashed" => BAD,
                "failed" | "failing" | "held" | "due" | "queued" => WARN,
                _ => PLAIN,
            };
            [
                Cell::from(time_of_ms(step.at_ms)),
                Cell::from(&*step.place),
                Cell::new(style, &*step.what),
                Cell::from(&*step.code),
                Cell::new(DIM, &*step.more),
            ]
        })
        .collect();
    table(["time", "where", "what", "code", "more"], &rows)
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
        ("via", said(&event["via"])),
        ("account", said(&event["account"])),
        ("livemode", said(&event["livemode"])),
        ("object", format!("{kind} {id}").trim().to_owned()),
        ("body", format!("{size} bytes, SHA-256 {hash}")),
        ("attempt", said(&event["attempt"])),
        ("trace", said(&event["traceparent"])),
        ("trace link", said(&event["trace_link"])),
        ("projection", projection_words(&event["projection"])),
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

fn projection_words(projection: &Value) -> String {
    if projection.is_null() {
        return String::new();
    }
    let known = match (
        projection["rests_on_it"] == true,
        projection["is_in_history"] == true,
    ) {
        (true, _) => "rests on this event",
        (false, true) => "has had this event, and a later one",
        (false, false) => {
            "doesn't show this event: a later one was there first, or it has not come yet"
        }
    };
    let pending = projection["pending"].as_array().map_or(0, Vec::len);
    let pending = match pending {
        0 => String::new(),
        count => format!("; {count} effects of it are pending"),
    };
    let (domain, key) = (said(&projection["domain"]), said(&projection["key"]));
    format!("{domain} {key} {known}{pending}")
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

    #[test]
    fn steps_of_the_tables_and_of_the_log_are_one_story_by_time() {
        let event = json!({
            "id": "evt_1", "endpoint": "platform", "received_at_ms": 10, "published_at_ms": 30,
            "outcomes": [{ "sk": "payments", "outcome": "failing", "code": "ledger.unavailable", "at": 50 }],
        });
        let line = |at_ms, function: &str, fields| Line {
            at_ms,
            function: function.to_owned(),
            fields,
        };
        let lines = [
            line(
                20,
                "ingest",
                json!({ "outcome": "held", "code": "claim.held", "duration_ms": 3 }),
            ),
            line(
                60,
                "payments",
                json!({ "outcome": "applied", "duration_ms": 9, "lag_ms": 70 }),
            ),
            line(
                40,
                "payments",
                json!({ "outcome": "failed", "receives": 2, "delay_s": 8, "cause": "throttled" }),
            ),
        ];
        let steps = steps(&event, &lines);
        let told: Vec<_> = steps.iter().map(|step| (step.at_ms, &*step.what)).collect();
        assert_eq!(
            told,
            [
                (10, "received through platform"),
                (20, "held"),
                (30, "published"),
                (40, "failed"),
                (50, "payments: failing"),
                (60, "applied")
            ]
        );
        assert_eq!(steps[3].more, "receive 2, again in 8 s; throttled");
        assert_eq!(steps[5].more, "9 ms; 70 ms after Stripe's created");
    }
}
