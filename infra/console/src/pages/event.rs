//! `/events/{id}`: an event's story as a timeline, what became of it, and its body.
//!
//! The tables are read at once. Log lines take a search in the log of each function: the page asks for them by itself
//! on the local stack, and on request in AWS.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use sluice_operations::events::story::{self, Kind, Step, Story};
use sluice_operations::words::{counted, either};

use crate::actions::view;
use crate::app::{About, Shared};
use crate::body::shown;
use crate::layout::{Section, page as framed};
use crate::limits::{BODY_BYTES, LIVE_EVERY, STEPS};
use crate::live::{Seen, bar, stream, topic};
use crate::pages::events::mode;
use crate::query::{event, object};
use crate::refusal::{Refusal, runbook};
use crate::show::{Tone, clock, command, time, toned, word};
use crate::streams::{Part, Shown};

/// The parts of the page that are live.
const PARTS: [&str; 2] = ["known", "timeline"];

/// The page.
pub(crate) async fn page(
    State(app): State<Shared>,
    Path(id): Path<String>,
) -> Result<Markup, Refusal> {
    let read = app
        .operations
        .ask(|stack| async move { story::without_lines(&stack, &id).await });
    let story = read.await?;
    let title = format!("Event {}", story.recorded.entry.id);
    Ok(framed(
        &app.about,
        Section::Events,
        &title,
        view(&app.about, &story),
    ))
}

/// The timeline with log lines.
pub(crate) async fn timeline(
    State(app): State<Shared>,
    Path(id): Path<String>,
) -> Result<Markup, Refusal> {
    let read = app
        .operations
        .ask(|stack| async move { story::story(&stack, &id).await });
    let story = read.await?;
    Ok(html! {
        (steps(&story.steps))
        @if let Some(why) = &story.log_lines_missing { p.dim { "Log lines: " (why) "." } }
    })
}

/// Its stream.
pub(crate) async fn live(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Query(seen): Query<Seen>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let topic = topic(
        &app,
        format!("event {id}"),
        PARTS[0],
        LIVE_EVERY,
        move |app: Shared| {
            let id = id.clone();
            async move {
                let read = app
                    .operations
                    .ask(|stack| async move { story::without_lines(&stack, &id).await });
                Ok(Shown::of(parts(&app.about, &read.await?)))
            }
        },
    );
    stream(&app, &headers, &seen.seen, [topic])
}

/// What changes by itself: what is known of the event, and its timeline as the tables have it.
fn parts(about: &About, story: &Story) -> [Part; 2] {
    let own = event(&story.recorded.entry.id);
    let trigger = match about.is_real {
        true => "click",
        false => "load",
    };
    let timeline = html! {
        (steps(&story.steps))
        p { button type="button" hx-get=(format!("{own}/timeline")) hx-target="#timeline" hx-trigger=(trigger) {
            "Read log lines"
        } }
    };
    let known = html! { (facts(story)) (recorded(story)) };
    [(PARTS[0], known), (PARTS[1], timeline)]
}

fn view(about: &About, story: &Story) -> Markup {
    let entry = &story.recorded.entry;
    let own = event(&entry.id);
    let [known, timeline] = parts(about, story);
    html! {
        (bar(&format!("/live{own}"), &[&known, &timeline], "Live while this tab is visible."))
        div data-part=(known.0) { (known.1) }
        section aria-labelledby="story" {
            h2 #story { "Timeline" }
            div #timeline data-part=(timeline.0) { (timeline.1) }
        }
        section aria-labelledby="again" {
            h2 #again { "Replay" }
            div #replay {
                p {
                    a.button href=(format!("{own}/replay")) hx-get=(format!("{own}/replay")) hx-target="#replay" {
                        "What would a replay do?"
                    }
                    " " span.dim { "A dry run: it changes nothing." }
                }
            }
        }
        section aria-labelledby="body" {
            h2 #body { "Body" }
            (body(about, story))
        }
    }
}

fn facts(story: &Story) -> Markup {
    let entry = &story.recorded.entry;
    let account = entry.account.as_deref();
    html! {
        dl.facts {
            dt { "type" } dd { strong { (entry.kind) } }
            dt { "state" } dd { (word(entry.state)) @if let Some(why) = &entry.ledger_only { " " code { (why) } } }
            @if let Some(id) = &entry.object_id {
                dt { "object" } dd { a href=(object(id, account)) { (id) } " " (entry.object_kind.as_deref().unwrap_or_default()) }
            }
            @if let Some(account) = account { dt { "account" } dd { (account) } }
            @if entry.livemode.is_some() { dt { "mode" } dd { (mode(entry.livemode)) } }
            @if let Some(version) = &entry.api_version { dt { "API version" } dd { (version) } }
            @if let Some(created) = entry.created { dt { "created" } dd { (time(created.saturating_mul(1_000))) } }
            dt { "received" } dd { (time(entry.received_at_ms)) " through " (entry.via.as_deref().unwrap_or(&entry.endpoint)) }
            @if let Some(projection) = &story.projection {
                dt { "projection" } dd {
                    (projection.domain) " "
                    @if projection.rests_on_it { (toned(Tone::Good, "rests on this event")) }
                    @else if projection.is_in_history { "has applied it" }
                    @else { "doesn't rest on it" }
                    @if projection.tie_unresolved == Some(true) { " " (toned(Tone::Warn, "a guess between events of one second")) }
                    @if !projection.pending.is_empty() { ", " (counted(projection.pending.len(), "effect")) " pending" }
                }
            }
            @if !story.recorded.others.is_empty() {
                dt { "other bodies" } dd { (toned(Tone::Bad, &format!("{} came under the same id", story.recorded.others.len()))) }
            }
            @if let Some(link) = &story.trace_link { dt { "trace" } dd { a href=(link) rel="noreferrer" { "X-Ray" } } }
        }
    }
}

/// What domains recorded, with the reason and the runbook.
fn recorded(story: &Story) -> Markup {
    let of_domains = story
        .recorded
        .outcomes
        .iter()
        .filter(|outcome| outcome.who.is_none());
    html! {
        @for outcome in of_domains {
            @if let Some(what) = outcome.outcome.as_deref() {
                div.note.bad[what == "rejected"].warn[what != "rejected"] {
                    p { strong { (outcome.by) } " " (word(what)) @if let Some(at_ms) = outcome.at_ms { " " (time(at_ms)) } }
                    @if let Some(cause) = &outcome.cause { p { (cause) } }
                    @if let Some(code) = &outcome.code { (runbook(code)) }
                }
            }
        }
    }
}

fn steps(steps: &[Step]) -> Markup {
    let class = |kind| match kind {
        Kind::Entry => "entry",
        Kind::Delivery => "delivery",
        Kind::Attempt => "attempt",
        Kind::Outcome => "outcome",
        Kind::Operation => "operation",
    };
    html! {
        ol.timeline {
            @for step in steps.iter().take(STEPS) {
                li class=(class(step.kind)) {
                    span.at { (clock(step.at_ms)) }
                    span.place { (step.place) }
                    span.what {
                        (what(&step.what))
                        @if !step.code.is_empty() { " " code { (step.code) } }
                        @if !step.more.is_empty() { " " span.dim { (step.more) } }
                    }
                }
            }
        }
        @if steps.len() > STEPS { p.dim { (steps.len() - STEPS) " later steps aren't shown." } }
    }
}

/// What was done; an outcome of someone has that one's name before it.
fn what(what: &str) -> Markup {
    match what.split_once(": ") {
        Some((by, what)) => html! { (by) " " (word(what)) },
        None => word(what),
    }
}

fn body(about: &About, story: &Story) -> Markup {
    let entry = &story.recorded.entry;
    let exact = about.command(&format!("event show {} --body", entry.id));
    let body = story.recorded.body.as_deref();
    let is_whole = body.is_some();
    html! {
        p.dim { (entry.size) " bytes, SHA-256 " code.hash { (entry.hash) } }
        @match body.and_then(|body| shown(body, BODY_BYTES)) {
            Some(shown) => {
                p.dim {
                    "Numbers and texts are as Stripe wrote them. " (counted(shown.masked, "value")) (either(shown.masked, " is", " are")) " masked by the names of their \
                    fields: names, addresses, cards, free text, metadata."
                    @if shown.is_cut { " The body is longer than this page shows." }
                }
                (shown.html)
            }
            None => p {
                @if is_whole { "It isn't JSON, so it can't be masked and isn't shown." }
                @else { "The stored body isn't whole." }
            },
        }
        @if is_whole { (view::offer(about, story)) }
        p { "Byte for byte, nothing masked: " (command(&exact)) }
        p { "All of this in the terminal: " (command(&about.command(&format!("event show {}", entry.id)))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::testing::{about, weigh};

    #[test]
    fn the_longest_timeline_and_the_longest_body_are_one_light_page() {
        let step = Step {
            at_ms: 1_767_225_600_123,
            kind: Kind::Attempt,
            place: "subscriptions".to_owned(),
            what: "failed".to_owned(),
            code: "projection.unavailable".to_owned(),
            more: "12 ms; 617 ms after Stripe's created; receive 2, again in 8 s; a cause of some words <&>".to_owned(),
            effects: Vec::new(),
        };
        let body = format!("[{}1]", r#"{"a":"<","b":"&"},"#.repeat(10_000));
        let content = html! {
            (steps(&vec![step; 2 * STEPS]))
            (shown(body.as_bytes(), BODY_BYTES).expect("JSON").html)
        };
        let page = framed(&about(true), Section::Events, "Event", content);
        assert!(
            page.0
                .contains(&format!("{STEPS} later steps aren't shown"))
        );
        let bytes = weigh("event", page);
        assert!(bytes < PAGE_BYTES, "{bytes}");
    }

    #[test]
    fn a_step_has_who_did_it_before_what_became_of_it() {
        assert!(
            what("payments: rejected")
                .into_string()
                .contains("word bad")
        );
        assert!(what("published").into_string().contains("word good"));
    }
}
