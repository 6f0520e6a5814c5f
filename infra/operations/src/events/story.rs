//! An event's story, put together from everything that says something about it.
//!
//! | what | from | kept |
//! |---|---|---|
//! | received, where it is, published, due, refusals, trace, body | the ledger | `RetentionDays` |
//! | rejected, failing and why; what operators did with it | the outcomes | `RetentionDays` |
//! | whether its object's state rests on it; effects of it that are pending | the projection | always; the last events only |
//! | each delivery, each attempt of a function, how long it took, what it emitted | the log lines | `LogRetentionDays` |
//!
//! An attempt that died with the event shows in what came after it: another attempt took its claim over.
//!
//! Without log lines the story has its beginning and its end, but not the attempts between them. It then says so.

use serde::Serialize;
use serde_json::Value;
use sluice_adapters::inspect::{self, EntryView, OutcomeRecord};
use sluice_kernel::bus::route::{Route, route};
use sluice_kernel::bus::trace::to_xray;

use crate::logs::{self, Line};
use crate::problem::Problem;
use crate::stack::{PLATFORM, Stack};
use crate::times::{now_ms, span};

/// How long before an event is in the ledger its first line may have been written: clocks differ.
const SKEW_MS: i64 = 60_000;

/// All that is known of an event.
#[derive(Debug, Clone, Serialize)]
pub struct Story {
    /// What the ledger and the outcomes have.
    #[serde(flatten)]
    pub recorded: inspect::EventRecords,
    /// What its domain makes of it by now; none if the domain has nothing of its object.
    pub projection: Option<Projection>,
    /// Why there are no log lines; none if there are some.
    pub log_lines_missing: Option<String>,
    /// Where X-Ray shows the trace; none for the local stack.
    pub trace_link: Option<String>,
    /// What was done with it, by time.
    pub steps: Vec<Step>,
}

/// What a domain makes of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Projection {
    /// `payments`
    pub domain: &'static str,
    /// The key of the event's object: `platform#live#pi_1`.
    pub key: String,
    /// The item's version.
    pub version: Option<u64>,
    /// It is one of the last events of the object.
    pub is_in_history: bool,
    /// The object's state rests on it.
    pub rests_on_it: bool,
    /// The object's state is a guess between events of one second; none if it never was a guess.
    pub tie_unresolved: Option<bool>,
    /// The ids of the effects that it caused and that aren't on the bus yet.
    pub pending: Vec<String>,
}

/// What a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The ledger's entry: received, published, due.
    Entry,
    /// A delivery to ingest.
    Delivery,
    /// Another function's attempt: a domain's, sweep's.
    Attempt,
    /// What a domain recorded of it.
    Outcome,
    /// What an operator did with it.
    Operation,
}

/// A step of the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When, in milliseconds.
    pub at_ms: i64,
    /// What it belongs to; not part of the JSON, whose fields `place` and `what` say it.
    #[serde(skip)]
    pub kind: Kind,
    /// Where: `ledger`, `outcomes`, or a function.
    pub place: String,
    /// What was done, or what the result was.
    pub what: String,
    /// The code, if it has one.
    pub code: String,
    /// What else is known of it, in words; the effects are part of it.
    pub more: String,
    /// The types of the effects that it emitted; not part of the JSON but in `more`.
    #[serde(skip)]
    pub effects: Vec<String>,
}

impl Step {
    fn at(at_ms: i64, kind: Kind, place: &str, what: impl Into<String>) -> Self {
        Self {
            at_ms,
            kind,
            place: place.to_owned(),
            what: what.into(),
            code: String::new(),
            more: String::new(),
            effects: Vec::new(),
        }
    }
}

/// Reads an event's story.
///
/// # Errors
/// `NotFound` if the ledger has no such event; when a table can't be read.
pub async fn story(stack: &Stack, id: &str) -> Result<Story, Problem> {
    let recorded = recorded(stack, id).await?;
    let (lines, missing) = match lines(stack, &recorded.entry).await {
        Ok(lines) if lines.is_empty() => (
            lines,
            Some("none was found; they come a moment late".to_owned()),
        ),
        Ok(lines) => (lines, None),
        // The rest of the story is shown without them.
        Err(problem) => (Vec::new(), Some(problem.to_string())),
    };
    of(stack, recorded, &lines, missing).await
}

/// Reads an event's story from the tables alone: without log lines, which take a search in the log of each function.
///
/// # Errors
/// As [`story`].
pub async fn without_lines(stack: &Stack, id: &str) -> Result<Story, Problem> {
    let recorded = recorded(stack, id).await?;
    of(stack, recorded, &[], Some("not asked for".to_owned())).await
}

async fn of(
    stack: &Stack,
    recorded: inspect::EventRecords,
    lines: &[Line],
    log_lines_missing: Option<String>,
) -> Result<Story, Problem> {
    let entry = &recorded.entry;
    let projection = projection(stack, entry).await?;
    Ok(Story {
        trace_link: trace_link(stack, entry),
        steps: steps(entry, &recorded.outcomes, lines),
        recorded,
        projection,
        log_lines_missing,
    })
}

/// An event's stored body, byte for byte.
///
/// # Errors
/// `NotFound` if the ledger has no such event, `Failed` if its body isn't whole or a table can't be read.
pub async fn body(stack: &Stack, id: &str) -> Result<Vec<u8>, Problem> {
    let body = recorded(stack, id).await?.body;
    body.ok_or_else(|| Problem::failed("the stored body is not whole"))
}

async fn recorded(stack: &Stack, id: &str) -> Result<inspect::EventRecords, Problem> {
    let (ledger, outcomes) = (stack.table("ledger")?, stack.table("outcomes")?);
    let found = inspect::event(stack.aws.sdk(), ledger, outcomes, id).await?;
    found.ok_or_else(|| Problem::NotFound(format!("the ledger has no event {id}")))
}

/// What the domain of the event's type makes of it by now; none if it has nothing of its object.
async fn projection(stack: &Stack, entry: &EntryView) -> Result<Option<Projection>, Problem> {
    let (Route::Domain(domain), Some(object)) = (route(&entry.kind), &entry.object_id) else {
        return Ok(None);
    };
    let Ok(name) = stack.table(domain) else {
        return Ok(None);
    };
    let account = entry.account.as_deref().unwrap_or(PLATFORM);
    let mode = match entry.livemode {
        Some(true) => "live",
        _ => "test",
    };
    let key = format!("{account}#{mode}#{object}");
    let item = inspect::projection(stack.aws.sdk(), name, &key).await?;
    Ok(item.map(|item| Projection::of(domain, key, &item, &entry.id)))
}

impl Projection {
    fn of(domain: &'static str, key: String, item: &Value, event: &str) -> Self {
        let document = &item["doc"];
        let listed = |name: &str| document[name].as_array().into_iter().flatten();
        let pending = listed("pending").filter(|effect| effect["event"] == event);
        Self {
            domain,
            key,
            version: item["version"].as_u64(),
            is_in_history: listed("history").any(|one| one == event),
            rests_on_it: listed("members").any(|member| member["event"] == event),
            tie_unresolved: document["tie_unresolved"].as_bool(),
            pending: pending
                .filter_map(|effect| effect["id"].as_str().map(str::to_owned))
                .collect(),
        }
    }
}

/// Every line of every function about the event, by time.
async fn lines(stack: &Stack, entry: &EntryView) -> Result<Vec<Line>, Problem> {
    let id = entry.id.as_str();
    let from_ms = entry.received_at_ms - SKEW_MS;
    let mut lines = Vec::new();
    for function in stack.log_groups.keys() {
        let found = logs::search(stack, function, Some(id), from_ms, now_ms()).await?;
        let about = |line: &Line| line.fields["event"] == id;
        lines.extend(found.lines.into_iter().filter(about));
    }
    lines.sort_by_key(|line| line.at_ms);
    Ok(lines)
}

fn trace_link(stack: &Stack, entry: &EntryView) -> Option<String> {
    let header = to_xray(&entry.traceparent)?;
    let trace = header.strip_prefix("Root=")?.split(';').next()?.to_owned();
    let region = stack.aws.region();
    stack.aws.is_real().then(|| {
        format!("https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#xray:traces/{trace}")
    })
}

fn steps(entry: &EntryView, outcomes: &[OutcomeRecord], lines: &[Line]) -> Vec<Step> {
    let mut steps = of_entry(entry);
    steps.extend(outcomes.iter().filter_map(of_outcome));
    steps.extend(lines.iter().find_map(|line| of_crash(entry, line)));
    steps.extend(lines.iter().map(of_line));
    // Equal times keep the order in which they were added: the ledger first.
    steps.sort_by_key(|step| step.at_ms);
    steps
}

/// What the ledger says: received, published, due.
fn of_entry(entry: &EntryView) -> Vec<Step> {
    let step = |at_ms, what: &str| Step::at(at_ms, Kind::Entry, "ledger", what);
    let via = entry.via.as_ref().map_or_else(
        || format!("received through {}", entry.endpoint),
        |via| format!("taken in by {via}"),
    );
    let mut steps = vec![step(entry.received_at_ms, &via)];
    steps.extend(entry.published_at_ms.map(|at_ms| step(at_ms, "published")));
    steps.extend(entry.due_at_ms.map(|at_ms| Step {
        more: match entry.refusals {
            0 => String::new(),
            refusals => format!("refused {refusals} times"),
        },
        ..step(at_ms, "due")
    }));
    steps
}

/// What a domain recorded, or an operator did.
fn of_outcome(outcome: &OutcomeRecord) -> Option<Step> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let what = format!("{}: {}", outcome.by, text(&outcome.outcome));
    // An operator's record says who and why; a domain's says what is wrong.
    let (kind, more) = match &outcome.who {
        Some(who) => (Kind::Operation, format!("by {who}: {}", text(&outcome.why))),
        None => (Kind::Outcome, text(&outcome.cause)),
    };
    Some(Step {
        code: text(&outcome.code),
        more,
        ..Step::at(outcome.at_ms?, kind, "outcomes", what)
    })
}

/// If a claim was taken over, it had lapsed: the attempt that made it ended without a line.
fn of_crash(entry: &EntryView, line: &Line) -> Option<Step> {
    let age_ms = line.fields["claim_age_ms"]
        .as_number()
        .map(|age_ms| age_ms.as_i64().unwrap_or_default())?;
    Some(Step {
        more: format!(
            "the attempt that claimed it ended without an answer; taken over {} later",
            took(age_ms)
        ),
        ..Step::at(entry.received_at_ms, Kind::Delivery, "ingest", "crashed")
    })
}

/// What a function did.
fn of_line(line: &Line) -> Step {
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
    let emitted = line.text("emitted");
    let effects: Vec<_> = emitted.split(',').filter(|name| !name.is_empty()).collect();
    if !emitted.is_empty() {
        more.push(format!("emitted {}", emitted.replace(',', ", ")));
    }
    if let Some(receives) = line.fields["receives"].as_u64() {
        more.push(format!(
            "receive {receives}, again in {} s",
            line.text("delay_s")
        ));
    }
    let cause = line.text("cause");
    if !cause.is_empty() {
        more.push(cause);
    }
    let kind = match line.function.as_str() {
        "ingest" => Kind::Delivery,
        _ => Kind::Attempt,
    };
    Step {
        code: line.text("code"),
        more: more.join("; "),
        effects: effects.into_iter().map(str::to_owned).collect(),
        ..Step::at(line.at_ms, kind, &line.function, line.text("outcome"))
    }
}

/// A short time in milliseconds, and a long one in words.
fn took(ms: i64) -> String {
    match ms {
        0..10_000 => format!("{ms} ms"),
        _ => span(ms),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry() -> EntryView {
        EntryView {
            id: "evt_1".to_owned(),
            kind: "charge.succeeded".to_owned(),
            state: "published",
            endpoint: "platform".to_owned(),
            via: None,
            account: None,
            livemode: Some(false),
            created: None,
            api_version: None,
            object_id: Some("ch_1".to_owned()),
            object_kind: Some("charge".to_owned()),
            received_at_ms: 10,
            published_at_ms: Some(30),
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
        }
    }

    fn line(at_ms: i64, function: &str, fields: Value) -> Line {
        Line {
            at_ms,
            function: function.to_owned(),
            fields,
        }
    }

    #[test]
    fn steps_of_the_tables_and_of_the_log_are_one_story_by_time() {
        let text = |text: &str| Some(text.to_owned());
        let outcomes = [
            OutcomeRecord {
                by: "payments".to_owned(),
                outcome: text("failing"),
                code: text("ledger.unavailable"),
                at_ms: Some(50),
                ..OutcomeRecord::default()
            },
            OutcomeRecord {
                by: "replay#r".to_owned(),
                outcome: text("replayed"),
                who: text("ann"),
                why: text("a test"),
                at_ms: Some(70),
                ..OutcomeRecord::default()
            },
        ];
        let lines = [
            line(
                20,
                "ingest",
                json!({ "outcome": "held", "code": "claim.held", "duration_ms": 3 }),
            ),
            line(
                60,
                "payments",
                json!({ "outcome": "applied", "duration_ms": 9, "lag_ms": 70, "emitted": "PaymentSucceeded,OrderPaid" }),
            ),
            line(
                40,
                "payments",
                json!({ "outcome": "failed", "receives": 2, "delay_s": 8, "cause": "throttled" }),
            ),
        ];
        let steps = steps(&entry(), &outcomes, &lines);
        let found: Vec<_> = steps
            .iter()
            .map(|step| (step.at_ms, step.kind, &*step.what))
            .collect();
        assert_eq!(
            found,
            [
                (10, Kind::Entry, "received through platform"),
                (20, Kind::Delivery, "held"),
                (30, Kind::Entry, "published"),
                (40, Kind::Attempt, "failed"),
                (50, Kind::Outcome, "payments: failing"),
                (60, Kind::Attempt, "applied"),
                (70, Kind::Operation, "replay#r: replayed"),
            ]
        );
        assert_eq!(steps[3].more, "receive 2, again in 8 s; throttled");
        assert_eq!(
            steps[5].more,
            "9 ms; 70 ms after Stripe's created; emitted PaymentSucceeded, OrderPaid"
        );
        assert_eq!(steps[5].effects, ["PaymentSucceeded", "OrderPaid"]);
        assert_eq!(steps[6].more, "by ann: a test");
    }

    #[test]
    fn a_claim_that_was_taken_over_shows_the_attempt_that_died() {
        let lines = [line(
            90_000,
            "ingest",
            json!({ "outcome": "accepted", "claim_age_ms": 61_000 }),
        )];
        let steps = steps(&entry(), &[], &lines);
        let crashed = steps.iter().find(|step| step.what == "crashed");
        let crashed = crashed.expect("the attempt before");
        assert_eq!((crashed.at_ms, crashed.kind), (10, Kind::Delivery));
        assert!(
            crashed.more.ends_with("taken over 61 s later"),
            "{crashed:?}"
        );
    }

    #[test]
    fn an_entry_that_waits_for_sweep_says_how_often_the_bus_refused_it() {
        let entry = EntryView {
            via: Some("reconcile".to_owned()),
            published_at_ms: None,
            due_at_ms: Some(20),
            refusals: 2,
            ..entry()
        };
        let steps = steps(&entry, &[], &[]);
        assert_eq!(steps[0].what, "taken in by reconcile");
        assert_eq!(
            (steps[1].what.as_str(), steps[1].more.as_str()),
            ("due", "refused 2 times")
        );
    }

    #[test]
    fn a_projection_says_whether_it_rests_on_the_event_and_which_effects_of_it_are_pending() {
        let item = json!({ "pk": "platform#test#ch_1", "version": 3, "doc": {
            "history": ["evt_0", "evt_1"], "members": [{ "event": "evt_1" }, {}],
            "pending": [{ "event": "evt_1", "id": "A#1" }, { "event": "evt_0", "id": "B#1" }],
        } });
        let of = |event| Projection::of("payments", "platform#test#ch_1".to_owned(), &item, event);
        let known = of("evt_1");
        assert!(known.rests_on_it && known.is_in_history);
        assert_eq!(known.pending, ["A#1"]);
        assert_eq!((known.version, known.tie_unresolved), (Some(3), None));
        let other = of("evt_2");
        assert!(!other.rests_on_it && !other.is_in_history && other.pending.is_empty());
    }
}
