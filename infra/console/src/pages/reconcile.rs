//! `/reconcile`: how complete the ledger is compared with Stripe's list, run by run; gaps, ties, drift, and what no run
//! covers.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::{Value, json};
use sluice_operations::problem::Problem;
use sluice_operations::reconcile::{Report, last, summary, trouble, uncovered};
use sluice_operations::times::{now_ms, span};

use crate::app::Shared;
use crate::assets::ADDRESSES;
use crate::layout::{Section, page as framed};
use crate::limits::REPORTS;
use crate::refusal::Refusal;
use crate::show::{Tone, command, time, toned};

/// The page.
pub(crate) async fn page(State(app): State<Shared>) -> Result<Markup, Refusal> {
    let reports = reports(&app).await?;
    let content = view(&reports, now_ms(), &|arguments| {
        app.about.command(arguments)
    });
    Ok(framed(&app.about, Section::Reconcile, "Reconcile", content))
}

/// Completeness by run, for the curve.
pub(crate) async fn data(State(app): State<Shared>) -> Result<Response, Refusal> {
    let text = curve(&reports(&app).await?).to_string();
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The newest first.
async fn reports(app: &Shared) -> Result<Vec<Report>, Problem> {
    let read = app
        .operations
        .ask(|stack| async move { last(&stack, REPORTS).await });
    read.await
}

fn curve(reports: &[Report]) -> Value {
    let by_time = || reports.iter().rev();
    let times: Vec<_> = by_time().map(|report| report.ended_ms / 1_000).collect();
    let values: Vec<_> = by_time().map(Report::completeness_percent).collect();
    json!({
        "from_ms": 0, "bucket_ms": 0,
        "measures": [{
            "measure": "complete", "unit": "%", "times": times,
            "lines": match reports.is_empty() {
                true => json!([]),
                false => json!([{ "name": "complete", "values": values }]),
            },
        }],
    })
}

fn view(reports: &[Report], now_ms: i64, shell: &dyn Fn(&str) -> String) -> Markup {
    let newest = reports.first();
    html! {
        p { "The last run: " strong { (summary(newest, now_ms)) } }
        @if let Some(report) = newest {
            @match trouble(report) {
                Some(why) => div.note.warn { p { (toned(Tone::Warn, "look")) " " (why) } },
                None => p { (toned(Tone::Good, "Nothing is wrong with it.")) },
            }
            @let lines = uncovered(report);
            @if !lines.is_empty() {
                section aria-labelledby="uncovered" {
                    h2 #uncovered { "Not covered" }
                    ul { @for line in lines { li { (line) } } }
                }
            }
        }
        p { "A run now, and what it finds: " (command(&shell("reconcile"))) }
        p { "The last reports: " (command(&shell("reconcile --last 24"))) }
        link rel="stylesheet" href=(ADDRESSES.plot_style);
        section aria-labelledby="over-time" {
            h2 #over-time { "Completeness, by run" }
            div data-series="/reconcile.json" {
                figure.plot data-measure="complete" {
                    figcaption.hidden { "Complete, %" }
                    div.curve aria-hidden="true" {}
                    p.dim.none { "No run has compared an event yet." }
                }
            }
            (table(reports))
            p.dim { "The last " (REPORTS) " runs. Missing events had not come in; recovered ones are in now." }
        }
        script src=(ADDRESSES.plot) defer {}
        script src=(ADDRESSES.charts) defer {}
    }
}

fn table(reports: &[Report]) -> Markup {
    html! {
        div.scroll tabindex="0" { table.list {
            thead { tr {
                th { "ended, UTC" } th.number { "complete" } th.number { "seen" } th.number { "missing" } th.number { "stuck" }
                th.number { "recovered" } th.number { "ties" } th.number { "checked" } th.number { "drifted" }
                th { "never compared" } th.number { "failed" } th { "stopped" }
            } }
            tbody { @for report in reports { (row(report)) } }
        } }
    }
}

fn row(report: &Report) -> Markup {
    // What isn't 0 needs a look.
    let count = |count: u64| match count {
        0 => html! { "0" },
        count => toned(Tone::Warn, &count.to_string()),
    };
    html! {
        tr {
            td { (time(report.ended_ms)) }
            td.number {
                @match report.completeness_percent() {
                    Some(percent) if percent < 100.0 => (toned(Tone::Bad, &format!("{percent:.3} %"))),
                    Some(_) => "100 %",
                    None => span.dim { "none seen" },
                }
            }
            td.number { (report.seen) }
            td.number { (count(report.missing)) }
            td.number { (count(report.stuck)) }
            td.number { (report.recovered) }
            td.number { (count(report.ties)) @if report.ties_without_key > 0 { " (" (report.ties_without_key) " without a key)" } }
            td.number { (report.checked) }
            td.number { @match report.drifted { Some(drifted) => (count(drifted)), None => span.dim { "unknown" } } }
            td { @if report.gap_s > 0 { (toned(Tone::Bad, &span(1_000 * report.gap_s))) } @else { "nothing" } }
            td.number { (count(report.scopes_failed)) }
            td { @if let Some(code) = &report.stopped { code { (code) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::testing::weigh;

    fn report(ended_ms: i64) -> Report {
        Report {
            ended_ms,
            seen: 200,
            missing: 1,
            ties: 3,
            gap_s: 7_200,
            drifted: Some(4),
            scopes_left: 2,
            stopped: Some("stripe.rate_limited".to_owned()),
            ..Report::default()
        }
    }

    #[test]
    fn gaps_ties_drift_and_what_is_not_covered_are_said_and_the_page_is_light() {
        let reports: Vec<_> = (0..REPORTS)
            .map(|n| report(i64::from(n) * 3_600_000))
            .collect();
        let page = view(&reports, 7, &|arguments| format!("sluice {arguments}"));
        let text = page.clone().into_string();
        for said in [
            "99.500 %",
            "2 h",
            ">3<",
            ">4<",
            "2 accounts or modes are left",
            "sluice reconcile<",
        ] {
            assert!(text.contains(said), "{said}");
        }
        assert!(weigh("reconcile", page) < PAGE_BYTES);
    }

    #[test]
    fn the_curve_goes_from_the_oldest_run_to_the_newest() {
        let curve = curve(&[report(9_000), report(5_000)]);
        assert_eq!(curve["measures"][0]["times"], json!([5, 9]));
        assert_eq!(
            curve["measures"][0]["lines"][0]["values"],
            json!([99.5, 99.5])
        );
        assert_eq!(super::curve(&[])["measures"][0]["lines"], json!([]));
    }

    #[test]
    fn a_stack_that_was_never_compared_says_so() {
        let text = view(&[], 0, &|arguments| arguments.to_owned()).into_string();
        assert!(text.contains("it has not run"), "{text}");
    }
}
