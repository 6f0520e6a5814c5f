//! `/runs/{kind}/{name}`: one run: its plan, who and why, its progress and its result; it can be stopped and resumed.
//!
//! While a run makes progress, the page asks for that part each second. Once it has ended, the page is asked for again as
//! a whole, since other things may be done with it then.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use sluice_operations::control::{May, may};
use sluice_operations::events::view::event_of;
use sluice_operations::runs::{self, RunKind, State as RunState, Summary};
use sluice_operations::times::now_ms;

use crate::actions::control;
use crate::app::{About, Shared};
use crate::fields::{Asked, Fields};
use crate::layout::{Section, page as framed};
use crate::query::{event, run_path, url};
use crate::refusal::Refusal;
use crate::show::{Tone, ago, command, time, toned, word};

/// Makes htmx ask for the whole page again.
const REFRESH: [(&str, &str); 1] = [("hx-refresh", "true")];

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

/// The part that changes while the run works.
pub(crate) async fn progress(
    State(app): State<Shared>,
    Path(named): Path<(String, String)>,
    Query(pairs): Asked,
) -> Result<Response, Refusal> {
    let run = read(&app, named, &Fields(pairs)).await?;
    let now_ms = now_ms();
    let part = of_progress(&run, now_ms);
    Ok(match may(&run, now_ms) {
        May::Stop => part.into_response(),
        _ => (REFRESH, part).into_response(),
    })
}

fn title(run: &Summary) -> String {
    match run.kind {
        RunKind::Rollback => format!("Rollback of {}", run.name),
        _ => format!("Run {}", run.name),
    }
}

fn view(about: &About, run: &Summary, now_ms: i64) -> Markup {
    let list = url("/runs", &[("run", &run.name)]);
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
        (of_progress(run, now_ms))
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
    let is_moving = may(run, now_ms) == May::Stop;
    let own = url(
        &format!("{}/progress", run_path(run.kind.as_str(), &run.name)),
        &[("began", &run.began_ms.to_string())],
    );
    let every = if is_moving { "every 1s" } else { "" };
    html! {
        section #progress hx-get=[is_moving.then_some(own)] hx-swap="outerHTML" hx-trigger=[is_moving.then_some(every)] {
            h2 { "Progress" }
            p role="status" {
                (state(run, now_ms)) " "
                strong { (run.done) @if let Some(total) = run.total { " of " (total) } }
                @if run.failed > 0 { ", " (toned(Tone::Bad, &format!("{} failed", run.failed))) }
                span.dim { ", written " (ago(run.at_ms, now_ms)) }
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
    fn a_run_that_works_is_asked_for_each_second_and_may_be_stopped() {
        let shown = view(&about(true), &run(RunState::Running), 3_000).into_string();
        for word in [
            "every 1s",
            "/runs/replay/replay-20261124T181500-3fa2/progress?began=1000",
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
        assert!(!shown.contains("every 1s"));
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
