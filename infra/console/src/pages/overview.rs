//! `/`: what needs a person, then the numbers, live.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use sluice_operations::problem::Problem;
use sluice_operations::rejected::Counted;
use sluice_operations::status::counts::Counts;
use sluice_operations::status::queues::Queue;
use sluice_operations::status::{OVERDUE_MS, SWEEP_MS, Status};
use sluice_operations::times::span;

use crate::app::{App, Shared};
use crate::layout::{Section, page as framed};
use crate::limits::LIVE_EVERY;
use crate::live::{Seen, bar, stream, topic};
use crate::numbers::Numbers;
use crate::pages::numbers::{Asked, over_time, section};
use crate::query::url;
use crate::refusal::Refusal;
use crate::show::{Tone, ago, clock, count, toned, word};
use crate::streams::Shown;

/// The part of the page that is live.
const PART: &str = "overview";

/// The outcomes of deliveries, in the order in which they are shown.
const DELIVERIES: [&str; 8] = [
    "accepted",
    "duplicate",
    "queued",
    "held",
    "test",
    "refused",
    "failed",
    "conflict",
];

/// The page.
pub(crate) async fn page(
    State(app): State<Shared>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Refusal> {
    let numbers = numbers(&app).await?;
    let part = (PART, view(&numbers));
    let stream = url("/live/overview", &[("span", asked.span.name())]);
    let content = html! {
        (bar(&stream, &[&part], "Live while this tab is visible."))
        div #overview data-part=(PART) { (part.1) }
        (section(asked.span))
    };
    Ok(framed(&app.about, Section::Overview, "Overview", content))
}

/// Its stream: the numbers, and what happened over the span.
pub(crate) async fn live(
    State(app): State<Shared>,
    Query(asked): Query<Asked>,
    Query(seen): Query<Seen>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let overview = async |app: Shared| {
        let numbers = numbers(&app).await?;
        Ok(Shown::of([(PART, view(&numbers))]))
    };
    let topics = [
        topic(&app, "overview".to_owned(), PART, LIVE_EVERY, overview),
        over_time(&app, asked.span),
    ];
    stream(&app, &headers, &seen.seen, topics)
}

async fn numbers(app: &App) -> Result<Arc<Numbers>, Problem> {
    app.overview.read(&app.operations, app.about.is_real).await
}

fn view(numbers: &Numbers) -> Markup {
    let status = &numbers.status;
    html! {
        (needs_a_person(numbers))
        section aria-labelledby="deliveries" {
            h2 #deliveries { "Deliveries" }
            (deliveries(status.last_hour.as_ref(), status.last_day.as_ref()))
        }
        section aria-labelledby="domains" {
            h2 #domains { "Domains" }
            (domains(&status.queues, status.last_hour.as_ref(), status.last_day.as_ref()))
        }
        section aria-labelledby="waiting" {
            h2 #waiting { "Waiting and compared" }
            (waiting(status))
        }
        p.dim { "Read at " (clock(status.at_ms)) " UTC. Counts are of the last hour and day." }
    }
}

/// What an operator should look at, first of all.
fn needs_a_person(numbers: &Numbers) -> Markup {
    let status = &numbers.status;
    let dead: u64 = status.queues.iter().map(|queue| queue.dead).sum();
    let dead =
        dead + status.undelivered.unwrap_or_default() + status.unprocessed.unwrap_or_default();
    let refused = status
        .last_hour
        .as_ref()
        .map(|hour| hour.of("ingest", "refused") + hour.of("ingest", "failed"));
    let of = |outcome: &str| url("/failures", &[("outcome", outcome)]);
    html! {
        section aria-labelledby="needs" {
            h2 #needs { "Needs a person" }
            div.tiles {
                (tile("Rejected", recorded(numbers.rejected), "on record", &of("rejected"), Tone::Bad))
                (tile("Failing", recorded(numbers.failing), "near their last receive", &of("failing"), Tone::Warn))
                (tile("Dead letters", known(Some(dead as f64)), "given up", "/dead-letters", Tone::Bad))
                (tile("Refused or failed", known(refused), "deliveries, last hour", "#deliveries", Tone::Warn))
            }
            @if status.troubles.is_empty() && status.unknown.is_empty() {
                p { (toned(Tone::Good, "Nothing else needs a look.")) }
            } @else {
                ul.troubles {
                    @for trouble in &status.troubles { li { (toned(Tone::Bad, "look")) " " (trouble) } }
                    @for why in &status.unknown { li { (toned(Tone::Warn, "unknown")) " " (why) } }
                }
            }
        }
    }
}

/// A number of a tile, and its text.
fn known(number: Option<f64>) -> (Option<f64>, String) {
    (number, count(number))
}

/// A number of records; at least that, if there are more than are counted.
fn recorded(counted: Counted) -> (Option<f64>, String) {
    let (number, text) = known(Some(counted.count as f64));
    match counted.is_more {
        true => (number, format!("≥ {text}")),
        false => (number, text),
    }
}

/// A count with a link to what it counts.
fn tile(
    name: &str,
    (number, text): (Option<f64>, String),
    of: &str,
    to: &str,
    tone: Tone,
) -> Markup {
    let tone = match number {
        Some(0.0) => Tone::Dim,
        None => Tone::Warn,
        _ => tone,
    };
    html! {
        a.tile href=(to) {
            span.name { (name) }
            strong { (toned(tone, &text)) }
            span.dim { (of) }
        }
    }
}

/// A count; at least that, if there were more lines than are read.
fn cell(counts: Option<&Counts>, of: impl Fn(&Counts) -> f64) -> String {
    match counts {
        Some(counts) if counts.cut => format!("≥ {:.0}", of(counts)),
        counts => count(counts.map(of)),
    }
}

fn deliveries(hour: Option<&Counts>, day: Option<&Counts>) -> Markup {
    let both = |of: &dyn Fn(&Counts) -> f64| [cell(hour, of), cell(day, of)];
    let row = |name: Markup, [hour, day]: [String; 2]| html! { tr { th scope="row" { (name) } td.number { (hour) } td.number { (day) } } };
    let codes = day.map(|day| &day.codes).filter(|codes| !codes.is_empty());
    html! {
        div.columns {
            div.scroll tabindex="0" { table {
                thead { tr { th { "outcome" } th.number { "hour" } th.number { "day" } } }
                tbody {
                    (row(html! { "received" }, both(&|counts| counts.all_of("ingest"))))
                    @for outcome in DELIVERIES {
                        @let has_none = day.is_some_and(|day| day.of("ingest", outcome) == 0.0);
                        // What hasn't happened has no colour.
                        @let name = match has_none { true => toned(Tone::Dim, outcome), false => word(outcome) };
                        (row(name, both(&|counts| counts.of("ingest", outcome))))
                    }
                }
            } }
            @if let Some(codes) = codes {
                div.scroll tabindex="0" { table {
                    thead { tr { th { "code" } th.number { "hour" } th.number { "day" } } }
                    tbody {
                        @for code in codes.keys() {
                            (row(
                                html! { code { (code) } },
                                both(&|counts| counts.codes.get(code).copied().unwrap_or_default()),
                            ))
                        }
                    }
                } }
            }
        }
    }
}

fn domains(queues: &[Queue], hour: Option<&Counts>, day: Option<&Counts>) -> Markup {
    let both = |domain: &str, outcome: &str| {
        let of = |counts: &Counts| counts.of(domain, outcome);
        format!("{} / {}", cell(hour, of), cell(day, of))
    };
    html! {
        div.scroll tabindex="0" { table {
            thead { tr {
                th { "domain" } th.number { "applied" } th.number { "stale" } th.number { "rejected" }
                th.number { "failed" } th.number { "backlog" } th.number { "at work" } th.number { "oldest" }
                th.number { "failing" } th.number { "dead" }
            } }
            tbody {
                @for queue in queues {
                    @let domain = queue.domain.as_str();
                    tr {
                        th scope="row" { a href=(url("/events", &[("domain", domain)])) { (domain) } }
                        @for outcome in ["applied", "stale", "rejected", "failed"] {
                            td.number { (both(domain, outcome)) }
                        }
                        td.number { (queue.depth) }
                        td.number { (queue.in_flight) }
                        td.number { (queue.oldest_s.map_or_else(|| "unknown".to_owned(), |s| span(1_000 * s as i64))) }
                        td.number { (failing(queue)) }
                        td.number {
                            @if queue.dead == 0 { "0" }
                            @else { a href=(format!("/dead-letters/{domain}")) { (toned(Tone::Bad, &queue.dead.to_string())) } }
                        }
                    }
                }
            }
        } }
    }
}

/// How often the message that failed most often was received.
fn failing(queue: &Queue) -> Markup {
    match &queue.failing {
        None => toned(Tone::Dim, "unknown"),
        Some(failing) if failing.receives == 0.0 => toned(Tone::Dim, "none"),
        Some(failing) => {
            let tone = match failing.is_lasting() {
                true => Tone::Bad,
                false => Tone::Dim,
            };
            toned(tone, &format!("× {:.0}", failing.receives))
        }
    }
}

fn waiting(status: &Status) -> Markup {
    let waiting = &status.waiting;
    let swept = status.last_sweep_ms.map_or_else(
        || format!("no line in {}", span(SWEEP_MS)),
        |at_ms| ago(at_ms, status.at_ms),
    );
    let known = |count: Option<u64>| count.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
    let complete = status.completeness_percent.map_or_else(
        || "reconcile has not run".to_owned(),
        |percent| format!("{percent:.3} %"),
    );
    html! {
        dl.facts {
            dt { "due" } dd { (waiting.due) ", " (waiting.overdue) " of them for more than " (span(OVERDUE_MS)) }
            dt { "claims" } dd {
                (waiting.held) " held, " (waiting.lapsed) " lapsed, of the newest " (waiting.looked_at) " of a day"
            }
            dt { "ledger only" } dd {
                (waiting.misfits) " wait for their endpoint's configuration, " (waiting.kept) " kept on purpose"
            }
            dt { "undelivered" } dd { (known(status.undelivered)) " that no queue took" }
            dt { "unprocessed" } dd { (known(status.unprocessed)) " that the bus took and could not process" }
            dt { "last sweep" } dd { (swept) }
            dt { "complete" } dd { (complete) }
            @for line in status.not_covered.iter().flatten() { dt { "not covered" } dd { (line) } }
        }
    }
}
