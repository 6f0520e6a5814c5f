//! `/runs/{kind}/{name}`: one run: its plan, who and why, its progress and its result; it can be stopped and resumed.
//!
//! While a run makes progress, that part is live. Once it has ended, the page is loaded again as a whole, since other
//! things may be done with it then.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use sluice_operations::control::{May, may};
use sluice_operations::events::view::event_of;
use sluice_operations::runs::{self, RunKind, State as RunState, Summary};
use sluice_operations::times::now_ms;

use crate::actions::control;
use crate::app::{About, Shared};
use crate::fields::{Asked, Fields};
use crate::layout::{Section, page as framed};
use crate::limits::RUN_EVERY;
use crate::live::{bar, stream, topic};
use crate::query::{event, run_path, url};
use crate::refusal::Refusal;
use crate::show::{Tone, ago, command, time, toned, word};
use crate::streams::Shown;

/// The part of the page that is live.
const PART: &str = "progress";

async fn read(
    app: &Shared,
    (kind, name): (String, String),
    fields: &Fields,
) -> Result<Summary, Refusal> {
    let (kind, name, began_ms) = control::named(&kind, name, fields)?;
    let read = app
        .operations
        .ask(move |stack| async move { runs::find(&stack, kind, &name, began_ms).await });
    Ok(read.await?)
}

/// The page.
pub(crate) async fn page(
    State(app): State<Shared>,
    Path(named): Path<(String, String)>,
    Query(pairs): Asked,
) -> Result<Markup, Refusal> {
    let run = read(&app, named, &Fields(pairs)).await?;
    let content = view(&app.about, &run, now_ms());
    Ok(framed(&app.about, Section::Runs, &title(&run), content))
}

/// Its stream.
pub(crate) async fn live(
    State(app): State<Shared>,
    Path((kind, name)): Path<(String, String)>,
    Query(pairs): Asked,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let fields = Fields(pairs);
    let seen = fields.one("seen").unwrap_or_default();
    let (kind, name, began_ms) = control::named(&kind, name, &fields)?;
    let of = format!("run {} {began_ms} {name}", kind.as_str());
    let topic = topic(&app, of, PART, RUN_EVERY, move |app| {
        let name = name.clone();
        async move {
            let read = app
                .operations
                .ask(move |stack| async move { runs::find(&stack, kind, &name, began_ms).await });
            let (run, now_ms) = (read.await?, now_ms());
            Ok(Shown {
                parts: vec![(PART, of_progress(&run, now_ms))],
                is_end: may(&run, now_ms) != May::Stop,
            })
        }
    });
    stream(&app, &headers, &seen, [topic])
}

fn title(run: &Summary) -> String {
    match run.kind {
        RunKind::Rollback => format!("Rollback of {}", run.name),
        _ => format!("Run {}", run.name),
    }
}

fn view(about: &About, run: &Summary, now_ms: i64) -> Markup {
    let list = url("/runs", &[("run", &run.name)]);
    let progress = (PART, of_progress(run, now_ms));
    html! {
        p { a href=(list) { "All runs" } }
        dl.facts {
            dt { "what" } dd { (run.kind.as_str()) @if let Some([before, after]) = &run.versions { ", version " (before) " → " (after) } }
            @if let Some(id) = shown_event(run) { dt { "event" } dd { a href=(event(id)) { (id) } } }
            dt { "who" } dd { (run.who) }
            dt { "why" } dd { (run.why) }
            dt { "plan" } dd { @match &run.plan { Some(plan) => code { (plan) }, None => span.dim { "confirmed without a digest, by the program" } } }
            dt { "begun, UTC" } dd { (time(run.began_ms)) }
        }
        @if may(run, now_ms) == May::Stop {
            @let own = format!("/live{}", run_path(run.kind.as_str(), &run.name));
            @let own = url(&own, &[("began", &run.began_ms.to_string())]);
            (bar(&own, &[&progress], "Live while this tab is visible."))
        }
        section #progress aria-labelledby="far" {
            h2 #far { "Progress" }
            div data-part=(PART) { (progress.1) }
        }
        @match may(run, now_ms) {
            May::Stop => {
                h2 { "Stop it" }
                p.dim { "Its record says so at once. The program that works on it ends after what it is at: that part isn't counted, and is \
                    done again when the run is resumed." }
            }
            May::Resume => { h2 { "Resume it" } p.dim { "It continues at the place that its record has, under the same name." } }
            May::Neither => {}
        }
        (control::form(about, run, now_ms))
        (terminal(about, run))
        @if run.kind == RunKind::Rollback {
            p { "The function's other versions: " a href=(url("/actions/rollback", &[("function", &run.name)])) { "plan a rollback" } }
        }
    }
}

/// The event whose body the run has shown.
fn shown_event(run: &Summary) -> Option<&str> {
    match run.kind {
        RunKind::View => event_of(&run.name),
        _ => None,
    }
}

fn terminal(about: &About, run: &Summary) -> Markup {
    let is_open = run.state != RunState::Done;
    html! {
        @match run.kind {
            RunKind::Replay if is_open => p { "In the terminal: " (command(&about.command(&format!("replay --resume {} --yes", run.name)))) },
            RunKind::Import if is_open => p { "In the terminal, the call that began it with: " code { "--resume " (run.name) " --yes" } },
            RunKind::Redrive | RunKind::Discard if is_open => p {
                "What is left is in the queue: " a href="/dead-letters" { "plan again" } "."
            },
            _ => {}
        }
    }
}

fn of_progress(run: &Summary, now_ms: i64) -> Markup {
    html! {
            p role="status" {
                (state(run, now_ms)) " "
                strong { (run.done) @if let Some(total) = run.total { " of " (total) } }
                @if run.failed > 0 { ", " (toned(Tone::Bad, &format!("{} failed", run.failed))) }
                span.dim { ", written " (ago(run.at_ms, now_ms)) }
            }
            @if run.kind == RunKind::Replay && run.failed > 0 {
                p { "Published means on the bus. A domain rejected what failed, again: " a href="/failures" { "Failures" } " says why." }
            }
            @if let Some(total) = run.total.filter(|total| *total > 1) {
                progress value=(run.done) max=(total) aria-label="done" { (run.done) " of " (total) }
            }
            @if run.counts.values().any(|count| *count > 0) {
                div.scroll tabindex="0" { table {
                    thead { tr { th { "result" } th.number { "number" } } }
                    tbody { @for (what, count) in run.counts.iter().filter(|(_, count)| **count > 0) { tr {
                        td { (word(what)) } td.number { (count) }
                    } } }
                } }
            }
    }
}

/// The state, and if it hasn't written its record for long, that it may be cut off.
fn state(run: &Summary, now_ms: i64) -> Markup {
    match &run.state {
        RunState::Running if may(run, now_ms) == May::Resume => {
            html! { (toned(Tone::Warn, "running, or cut off")) }
        }
        RunState::Running => word("running"),
        RunState::Done => word("done"),
        RunState::Stopped(reason) => html! { (word("stopped")) " " (reason) "." },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::about;

    fn run(state: RunState) -> Summary {
        Summary {
            kind: RunKind::Replay,
            name: "replay-20261124T181500-3fa2".to_owned(),
            who: "ann".to_owned(),
            why: "<b>a test</b>".to_owned(),
            plan: Some("0011".to_owned()),
            began_ms: 1_000,
            at_ms: 2_000,
            state,
            done: 3,
            total: Some(10),
            failed: 1,
            counts: BTreeMap::from([("published".to_owned(), 3), ("refused".to_owned(), 0)]),
            versions: None,
        }
    }

    #[test]
    fn a_run_that_works_is_live_and_may_be_stopped() {
        let shown = view(&about(true), &run(RunState::Running), 3_000).into_string();
        for word in [
            "data-live=\"/live/runs/replay/replay-20261124T181500-3fa2?began=1000\"",
            "/stop\"",
            "3 of 10",
            "1 failed",
            "0011",
            "&lt;b&gt;a test",
        ] {
            assert!(shown.contains(word), "{word}: {shown}");
        }
        assert!(!shown.contains("refused") && !shown.contains("/resume\""));
    }

    #[test]
    fn a_run_that_stopped_may_be_resumed_and_one_that_ended_has_no_form() {
        let stopped = run(RunState::Stopped("by ann: too many".to_owned()));
        let shown = view(&about(true), &stopped, 3_000).into_string();
        assert!(
            shown.contains("/resume\"") && shown.contains("by ann: too many"),
            "{shown}"
        );
        assert!(!shown.contains("data-live"));
        let read_only = view(&about(false), &stopped, 3_000).into_string();
        assert!(
            !read_only.contains("<form") && read_only.contains("read-only"),
            "{read_only}"
        );
        let done = view(&about(true), &run(RunState::Done), 3_000).into_string();
        assert!(!done.contains("<form"), "{done}");
        let cut_off = view(&about(true), &run(RunState::Running), 99_000).into_string();
        assert!(
            cut_off.contains("cut off") && cut_off.contains("/resume\""),
            "{cut_off}"
        );
    }
}
