//! `/numbers`: what happened over an hour, a day or a week: as curves, as totals, and bucket by bucket.

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use sluice_operations::problem::Problem;
use sluice_operations::series::types::Types;
use sluice_operations::series::{LAG_MAX_MS, Line, Measure, Measured, Series, Source, Span};
use sluice_operations::times::span as length;
use sluice_operations::words::counted;

use crate::app::Shared;
use crate::assets::ADDRESSES;
use crate::layout::{Section, page as framed};
use crate::limits::{LIVE_EVERY, ROWS};
use crate::live::topic;
use crate::query::url;
use crate::refusal::Refusal;
use crate::series::Happened;
use crate::show::{clock, time};
use crate::streams::{Shown, Topic};

/// The part of the overview that is live.
const PART: &str = "numbers";

/// Which span; without it, the last hour.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) span: Span,
}

/// The part of a page that draws this span. Its numbers are asked for once it is shown.
pub(crate) fn section(span: Span) -> Markup {
    let of = |path: &str| url(path, &[("span", span.name())]);
    html! {
        link rel="stylesheet" href=(ADDRESSES.plot_style);
        section aria-labelledby="over-time" {
            h2 #over-time { "Over time" }
            nav.spans aria-label="Span" {
                @for one in Span::ALL {
                    a href=(url("/", &[("span", one.name())])) aria-current=[(one == span).then_some("true")] {
                        "Last " (one.name())
                    }
                }
            }
            div.plots data-series=(of("/numbers.json")) {
                @for measure in Measure::ALL { (figure(measure, span)) }
            }
            div #numbers data-part=(PART) hx-get=(of("/numbers")) hx-trigger="load" {
                noscript { p { a href=(of("/numbers")) { "Show the numbers" } } }
            }
        }
        script src=(ADDRESSES.plot) defer {}
        script src=(ADDRESSES.charts) defer {}
    }
}

/// A curve, and the same numbers as a table.
fn figure(measure: Measure, span: Span) -> Markup {
    let table = url(
        &format!("/numbers/{}", measure.name()),
        &[("span", span.name())],
    );
    let unit = match measure.unit() {
        "" => String::new(),
        unit => format!(", {unit}"),
    };
    html! {
        figure.plot data-measure=(measure.name()) {
            figcaption { (measure.title()) (unit) }
            div.curve aria-hidden="true" {}
            p.dim.none { (nothing(measure)) }
            details {
                summary { "As a table" }
                div.scroll tabindex="0" hx-get=(table) hx-select="#buckets" hx-trigger="toggle from:closest details" {
                    a href=(table) { "Every bucket" }
                }
            }
        }
    }
}

/// Why a measure has no line.
fn nothing(measure: Measure) -> &'static str {
    match measure.is_count() {
        true => "None in this span.",
        false => "Nothing is known of it.",
    }
}

/// The numbers as data.
pub(crate) async fn data(
    State(app): State<Shared>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let happened = app
        .series
        .read(&app.operations, app.about.is_real, asked.span);
    let text = serde_json::to_string(&happened.await?.series).map_err(Problem::failed)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The totals of a span.
pub(crate) async fn totals(
    State(app): State<Shared>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Refusal> {
    let happened = app
        .series
        .read(&app.operations, app.about.is_real, asked.span);
    Ok(of_span(&*happened.await?))
}

/// The same, live.
pub(crate) fn over_time(app: &Shared, span: Span) -> Topic {
    let name = format!("numbers {}", span.name());
    topic(app, name, PART, LIVE_EVERY, move |app| async move {
        let is_real = app.about.is_real;
        let happened = app.series.read(&app.operations, is_real, span).await?;
        Ok(Shown::of([(PART, of_span(&happened))]))
    })
}

fn of_span(happened: &Happened) -> Markup {
    let series = &happened.series;
    html! {
        div.columns {
            div.scroll tabindex="0" { (of_measures(series)) }
            div.scroll tabindex="0" { (of_types(&happened.types)) }
        }
        p.dim { (source(series)) }
    }
}

/// A measure, bucket by bucket.
pub(crate) async fn buckets(
    State(app): State<Shared>,
    Path(measure): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Refusal> {
    let measure: Measure = measure.parse()?;
    let happened = app
        .series
        .read(&app.operations, app.about.is_real, asked.span);
    let happened = happened.await?;
    let content = html! {
        p { a href=(url("/", &[("span", asked.span.name())])) { "Overview" } }
        @if let Some(measured) = happened.series.of(measure) { div.scroll tabindex="0" { (table(&happened.series, measured)) } }
        p.dim { (source(&happened.series)) }
    };
    let title = format!("{}, last {}", measure.title(), asked.span.name());
    Ok(framed(&app.about, Section::Overview, &title, content))
}

fn source(series: &Series) -> Markup {
    html! {
        "Read at " (clock(series.at_ms)) " UTC from "
        @match series.source {
            Source::Metrics => "CloudWatch, which is asked at most once a minute for a span.",
            Source::LogLines => {
                "the functions' log lines. The local AWS keeps no history of queues: see the table of domains. The time from \
                Stripe's clock leaves out events that were more than " (length(LAG_MAX_MS as i64)) " old when they were applied: \
                that is no delay, since Stripe repeats a delivery for three days."
            }
        }
        @if series.cut { " There were more lines than are read, so counts are a minimum." }
    }
}

/// A value as people read it; `unknown` for none.
fn value(value: Option<f64>, unit: &str) -> String {
    match (value, unit) {
        (None, _) => "unknown".to_owned(),
        (Some(value), "%") => format!("{value:.3} %"),
        (Some(value), "") => format!("{value:.0}"),
        (Some(value), unit) => format!("{value:.0} {unit}"),
    }
}

fn of_measures(series: &Series) -> Markup {
    let all = || series.measures.iter();
    html! {
        table #totals {
            thead { tr { th { "measure" } th { "of" } th.number { "in all, or most" } th.number { "newest" } } }
            tbody { @for measured in all().filter(|measured| !measured.lines.is_empty()) {
                @if measured.measure == Measure::Deliveries {
                    @let received: f64 = measured.lines.iter().map(Line::sum).sum();
                    tr { th scope="row" { "Received" } td {} td.number { (value(Some(received), "")) } td {} }
                }
                @for (place, line) in measured.lines.iter().enumerate().take(ROWS) { tr {
                    th scope="row" { @if place == 0 { (measured.title) } @else { span.hidden { (measured.title) } } }
                    td { (line.name) }
                    td.number { (value(whole(measured, line), measured.unit)) }
                    td.number { (value(line.last(), measured.unit)) }
                } }
            } }
        }
    }
}

/// The sum of a count; the worst value of anything else.
fn whole(measured: &Measured, line: &Line) -> Option<f64> {
    match measured.measure {
        Measure::Complete => line.least(),
        measure if measure.is_count() => Some(line.sum()),
        _ => line.most(),
    }
}

fn of_types(types: &Types) -> Markup {
    html! {
        table #types {
            thead { tr { th { "type" } th { "domain" } th.number { "events" } } }
            tbody { @for one in types.types.iter().take(ROWS) { tr {
                th scope="row" { a href=(url("/events", &[("type", &one.kind)])) { (one.kind) } }
                td { (one.domain.unwrap_or("none")) }
                td.number { (one.events) }
            } } }
        }
        p.dim {
            (counted(types.events, "event")) ", each once, "
            @if types.cut { "the newest, since " } @else { "since " }
            (time(types.since_ms))
            @if types.types.len() > ROWS { "; " (types.types.len() - ROWS) " more types" }
        }
    }
}

fn table(series: &Series, measured: &Measured) -> Markup {
    let unit = measured.unit;
    html! {
        div #buckets {
            @if measured.lines.is_empty() { p.empty { (nothing(measured.measure)) } } @else {
                table {
                    caption.hidden { (measured.title) }
                    thead { tr {
                        th { "from, UTC, for " (length(series.bucket_ms)) }
                        @for line in &measured.lines { th.number { (line.name) } }
                    } }
                    tbody { @for (place, at_ms) in series.times_ms().enumerate() { tr {
                        th scope="row" { (time(at_ms)) }
                        @for line in &measured.lines {
                            td.number { (value(line.values.get(place).copied().flatten(), unit)) }
                        }
                    } } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::testing::weigh;

    fn series(lines: usize) -> Series {
        let span = Span::Day;
        let line = |n| Line {
            name: format!("a_domain_{n} p99"),
            values: vec![Some(1_234_567.0); span.buckets()],
        };
        let measured = |measure: Measure| Measured {
            measure,
            title: measure.title(),
            unit: measure.unit(),
            lines: (0..lines).map(line).collect(),
        };
        Series {
            span,
            at_ms: 1_767_225_600_000,
            from_ms: 1_767_139_200_000,
            bucket_ms: span.bucket_ms(),
            source: Source::LogLines,
            cut: true,
            measures: Measure::ALL.map(measured).into(),
        }
    }

    #[test]
    fn a_busy_days_numbers_are_light_pages() {
        let series = series(12);
        for measured in &series.measures {
            let page = table(&series, measured);
            assert!(weigh(measured.measure.name(), page) < PAGE_BYTES);
        }
        assert!(weigh("totals", of_measures(&series)) < PAGE_BYTES / 2);
        assert!(weigh("over time", section(Span::Day)) < PAGE_BYTES / 4);
    }

    #[test]
    fn a_count_adds_up_and_the_worst_value_of_anything_else_is_shown() {
        let series = series(1);
        let text = of_measures(&series).into_string();
        // 96 buckets of the same value.
        assert!(text.contains("118518432"), "{text}");
        assert!(text.contains("1234567 ms"), "{text}");
        assert!(text.contains("Received"), "{text}");
        assert_eq!(value(None, "ms"), "unknown");
        assert_eq!(value(Some(99.5), "%"), "99.500 %");
    }
}
