//! `sluice event show`: an event's story.

use serde_json::Value;
use sluice_adapters::inspect::{EntryView, OutcomeRecord};
use sluice_operations::events::story::{Projection, Step, Story, body, story};
use sluice_operations::problem::Problem;
use sluice_operations::times::time_of_ms;
use sluice_operations::words::{counted, either};

use crate::context::Context;
use crate::output::{BAD, Cell, DIM, GOOD, PLAIN, WARN, fields, paint, said, table};

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
    if args.body {
        let body = body(&context.stack, &args.id).await?;
        return context.out.bytes(&body);
    }
    let story = story(&context.stack, &args.id).await?;
    if context.out.is_json() {
        return context.out.value(&story);
    }
    context.out.text(words(&story))?;
    context.out.line("")?;
    context.out.text(steps(&story.steps))?;
    if let Some(why) = story.log_lines_missing {
        context
            .out
            .line(paint(WARN, format!("without log lines: {why}")))?;
    }
    Ok(())
}

fn steps(steps: &[Step]) -> String {
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

fn words(story: &Story) -> String {
    let EntryView {
        id,
        kind,
        state,
        endpoint,
        via,
        account,
        livemode,
        object_id,
        object_kind,
        received_at_ms,
        published_at_ms,
        due_at_ms,
        ledger_only,
        attempt,
        traceparent,
        size,
        hash,
        ..
    } = &story.recorded.entry;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let time = |at_ms: &Option<i64>| at_ms.map(time_of_ms).unwrap_or_default();
    let object = format!("{} {}", text(object_kind), text(object_id));
    let projection = story.projection.as_ref().map(projection);
    let mut lines = vec![
        ("type", kind.clone()),
        ("state", (*state).to_owned()),
        ("received", time_of_ms(*received_at_ms)),
        ("published", time(published_at_ms)),
        ("due", time(due_at_ms)),
        ("ledger only", text(ledger_only)),
        ("endpoint", endpoint.clone()),
        ("via", text(via)),
        ("account", text(account)),
        (
            "livemode",
            livemode.map(|mode| mode.to_string()).unwrap_or_default(),
        ),
        ("object", object.trim().to_owned()),
        ("body", format!("{size} bytes, SHA-256 {hash}")),
        ("attempt", attempt.clone()),
        ("trace", traceparent.clone()),
        ("trace link", text(&story.trace_link)),
        ("projection", projection.unwrap_or_default()),
    ];
    lines.extend(
        story
            .recorded
            .outcomes
            .iter()
            .map(|one| ("outcome", outcome(one))),
    );
    lines.extend(
        story
            .recorded
            .others
            .iter()
            .map(|other| ("conflict", conflict(other))),
    );
    fields(id, &lines)
}

fn outcome(outcome: &OutcomeRecord) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!(
        "{} {} {} {}",
        outcome.by,
        text(&outcome.outcome),
        text(&outcome.code),
        text(&outcome.cause)
    )
}

fn conflict(other: &Value) -> String {
    let (kind, hash) = (said(&other["type"]), said(&other["hash"]));
    format!("another event: {kind} {hash}")
}

fn projection(projection: &Projection) -> String {
    let known = match (projection.rests_on_it, projection.is_in_history) {
        (true, _) => "rests on this event",
        (false, true) => "has had this event, and a later one",
        (false, false) => {
            "doesn't show this event: a later one was there first, or it has not come yet"
        }
    };
    let pending = match projection.pending.len() {
        0 => String::new(),
        count => format!(
            "; {} of it {} pending",
            counted(count, "effect"),
            either(count, "is", "are")
        ),
    };
    format!("{} {} {known}{pending}", projection.domain, projection.key)
}

#[cfg(test)]
mod tests {
    use sluice_adapters::inspect;

    use super::*;
    use crate::output::without_colour;

    #[test]
    fn an_event_is_shown_in_a_few_lines() {
        let text = |text: &str| Some(text.to_owned());
        let entry = EntryView {
            id: "evt_1".to_owned(),
            kind: "charge.succeeded".to_owned(),
            state: "published",
            endpoint: "platform".to_owned(),
            via: None,
            account: None,
            livemode: None,
            created: None,
            api_version: None,
            object_id: text("ch_1"),
            object_kind: text("charge"),
            received_at_ms: 1_767_225_600_000,
            published_at_ms: None,
            due_at_ms: None,
            refusals: 0,
            ledger_only: None,
            attempt: String::new(),
            lapses_at_ms: 0,
            expires_at_s: 0,
            traceparent: String::new(),
            as_pointer: false,
            size: 7,
            hash: "00".to_owned(),
            body_is_whole: true,
        };
        let outcome = OutcomeRecord {
            by: "payments".to_owned(),
            outcome: text("rejected"),
            code: text("object.field_missing"),
            cause: text("no text at status"),
            ..OutcomeRecord::default()
        };
        let story = Story {
            recorded: inspect::EventRecords {
                entry,
                others: Vec::new(),
                outcomes: vec![outcome],
                body: None,
            },
            projection: None,
            log_lines_missing: None,
            trace_link: None,
            steps: Vec::new(),
        };
        assert_eq!(
            without_colour(&words(&story)),
            "evt_1\n  type         charge.succeeded\n  state        published\n  received     2026-01-01T00:00:00Z\n  \
             endpoint     platform\n  object       charge ch_1\n  body         7 bytes, SHA-256 00\n  \
             outcome      payments rejected object.field_missing no text at status\n"
        );
    }
}
