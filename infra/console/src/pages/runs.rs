//! `/runs`: what operators did, from the terminal or from here: who, why, progress, result.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use sluice_operations::problem::Problem;
use sluice_operations::runs::{self, Page, RunKind, State as RunState, Summary};
use sluice_operations::stack::Stack;

use crate::app::Shared;
use crate::layout::{Section, page as framed};
use crate::limits::{INDEX_PAGES, LIVE_EVERY, RUNS_PAGE};
use crate::live::{Seen, bar, stream, topic};
use crate::query::{given, run as run_url, url};
use crate::refusal::Refusal;
use crate::show::{Tone, time, toned, word};
use crate::streams::Shown;

/// The part of the page that is live.
const PART: &str = "runs";

/// The most runs of one kind on a page.
const KIND_RUNS: usize = 2 * RUNS_PAGE as usize;

/// Where the page begins, and the run to point at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    after: String,
    run: String,
    /// Of this kind only.
    kind: String,
}

/// The page.
pub(crate) async fn page(
    State(app): State<Shared>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Refusal> {
    let after = given(&asked.after);
    let kind = RunKind::of(&asked.kind);
    let read = app
        .operations
        .ask(move |stack| async move { of_kind(&stack, kind, after).await });
    let page = read.await?;
    let own = url(
        "/live/runs",
        &[
            ("after", &asked.after),
            ("run", &asked.run),
            ("kind", &asked.kind),
        ],
    );
    let part = (PART, view(&page, &asked));
    let content = html! {
        (bar(&own, &[&part], "Runs of the program and of the console, live while this tab is visible."))
        (kinds(kind))
        div #runs data-part=(PART) { (part.1) }
    };
    Ok(framed(&app.about, Section::Runs, "Runs", content))
}

/// Its stream.
pub(crate) async fn live(
    State(app): State<Shared>,
    Query(asked): Query<Asked>,
    Query(seen): Query<Seen>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Asked { after, run, kind } = &asked;
    let name = format!("runs {kind:?} {after:?} {run:?}");
    let asked = Arc::new(asked);
    let topic = topic(&app, name, PART, LIVE_EVERY, move |app| {
        let asked = asked.clone();
        async move {
            let (kind, after) = (RunKind::of(&asked.kind), given(&asked.after));
            let read = app
                .operations
                .ask(move |stack| async move { of_kind(&stack, kind, after).await });
            Ok(Shown::of([(PART, view(&read.await?, &asked))]))
        }
    });
    stream(&app, &headers, &seen.seen, [topic])
}

/// A page of the list with the runs of one kind, or of all.
async fn of_kind(
    stack: &Stack,
    kind: Option<RunKind>,
    mut after: Option<String>,
) -> Result<Page, Problem> {
    let mut found = Vec::new();
    for _ in 0..INDEX_PAGES {
        let page = runs::list(stack, after.as_deref(), RUNS_PAGE).await?;
        let wanted = page.runs.into_iter();
        found.extend(wanted.filter(|run| kind.is_none_or(|kind| run.kind == kind)));
        after = page.next;
        // A page of the list is never cut.
        if after.is_none() || kind.is_none() || found.len() + usize::from(RUNS_PAGE) > KIND_RUNS {
            break;
        }
    }
    Ok(Page {
        runs: found,
        next: after,
    })
}

/// Links to the runs of each kind.
fn kinds(now: Option<RunKind>) -> Markup {
    html! {
        nav.kinds aria-label="Kinds of runs" {
            a href="/runs" aria-current=[now.is_none().then_some("true")] { "all" }
            @for kind in RunKind::ALL {
                a href=(url("/runs", &[("kind", kind.as_str())])) aria-current=[(now == Some(kind)).then_some("true")] { (kind.as_str()) }
            }
        }
    }
}

fn view(page: &Page, asked: &Asked) -> Markup {
    html! {
        @if page.runs.is_empty() { p.empty { "No run is on record." } } @else {
            div.scroll tabindex="0" { table.list {
                thead { tr {
                    th { "begun, UTC" } th { "run" } th { "state" } th.number { "done" } th.number { "failed" }
                    th { "result" } th { "who" } th { "why" }
                } }
                tbody { @for run in &page.runs { (row(run, &asked.run)) } }
            } }
        }
        @if let Some(next) = &page.next { p.bar { a.button rel="next" href=(url("/runs", &[("after", next), ("kind", &asked.kind)])) { "Older" } } }
    }
}

fn row(run: &Summary, pointed: &str) -> Markup {
    let total = run
        .total
        .map(|total| format!(" of {total}"))
        .unwrap_or_default();
    let counts = run.counts.iter().filter(|(_, count)| **count > 0);
    let counts: Vec<_> = counts
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    html! {
        tr aria-current=[(run.name == pointed).then_some("true")] {
            td { (time(run.began_ms)) }
            td { (name(run)) }
            td.text { (state(&run.state)) }
            td.number { (run.done) (total) }
            td.number { @if run.failed == 0 { "0" } @else { (toned(Tone::Bad, &run.failed.to_string())) } }
            td.text {
                (counts.join(", "))
                @if let Some([before, after]) = &run.versions { "version " (before) " → " (after) }
            }
            td.text { (run.who) }
            td.text { (run.why) }
        }
    }
}

fn link(run: &Summary) -> String {
    run_url(run.kind.as_str(), &run.name, run.began_ms)
}

/// The name of a run says what it does; a rollback's is the function's.
fn name(run: &Summary) -> Markup {
    let kind = run.kind.as_str();
    html! {
        @if !run.name.starts_with(kind) { (kind) " " }
        a href=(link(run)) { strong { (run.name) } }
    }
}

fn state(state: &RunState) -> Markup {
    match state {
        RunState::Running => html! { (word("running")) },
        RunState::Done => html! { (word("done")) },
        RunState::Stopped(reason) => html! { (word("stopped")) " " (reason) },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::testing::{about, weigh};

    fn run(why: &str) -> Summary {
        Summary {
            kind: RunKind::Replay,
            name: "replay-20261124T181500-3fa2".to_owned(),
            who: "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Operator_0123456789abcdef/ann@example.com".to_owned(),
            why: why.to_owned(),
            plan: None,
            began_ms: 1_767_225_600_000,
            at_ms: 1_767_225_600_000,
            state: RunState::Running,
            done: 3,
            total: Some(10),
            failed: 0,
            counts: BTreeMap::from([("published".to_owned(), 3), ("refused".to_owned(), 0)]),
            versions: None,
        }
    }

    #[test]
    fn a_full_page_of_runs_with_the_longest_reasons_is_light() {
        let runs = vec![run(&"x".repeat(500)); usize::from(RUNS_PAGE)];
        let page = Page {
            runs,
            next: Some("0".to_owned()),
        };
        let bytes = weigh(
            "runs",
            framed(
                &about(true),
                Section::Runs,
                "Runs",
                view(&page, &Asked::default()),
            ),
        );
        assert!(bytes < PAGE_BYTES, "{bytes}");
    }

    #[test]
    fn a_run_shows_who_why_progress_and_result_and_markup_in_a_reason_stays_text() {
        let page = Page {
            runs: vec![run("<b>a test</b>")],
            next: None,
        };
        let shown = {
            let asked = Asked {
                run: "replay-20261124T181500-3fa2".to_owned(),
                ..Asked::default()
            };
            view(&page, &asked).into_string()
        };
        for word in [
            "ann@example.com",
            "&lt;b&gt;a test&lt;/b&gt;",
            "3 of 10",
            "3 published",
            "running",
            "aria-current=\"true\"",
        ] {
            assert!(shown.contains(word), "{word}: {shown}");
        }
        assert!(!shown.contains("0 refused"));
    }
}
