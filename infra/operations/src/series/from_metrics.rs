//! A span's measures by CloudWatch's metrics: the questions of one call, and what their answers fill.

use super::{Buckets, Measure, Span};
use crate::metrics::{Points, Question};
use crate::stack::Stack;

/// Where the name of a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// Of ingest's lines, the outcome.
    Outcome,
    /// The function or queue.
    Domain,
    /// The function and this percentile.
    DomainAnd(&'static str),
    /// Always this.
    As(&'static str),
}

/// What a question fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    measure: Measure,
    named: Named,
}

const BOTH: [&str; 2] = ["function", "outcome"];

/// The questions of a span.
pub(super) fn questions(stack: &Stack, span: Span) -> Vec<(Asked, Question)> {
    let period_s = span.bucket_ms() / 1_000;
    let of_lines = |measure, named, metric, dimensions: &[&str], only: &str, statistic| {
        let question = Question::of_lines(stack, metric, dimensions, only, statistic, period_s);
        (Asked { measure, named }, question)
    };
    let accepted = "function=\"ingest\" outcome=\"accepted\"";
    let ingest = "function=\"ingest\"";
    let applied = "outcome=\"applied\"";
    let mut all = vec![
        of_lines(
            Measure::Deliveries,
            Named::Outcome,
            "events",
            &BOTH,
            ingest,
            "Sum",
        ),
        of_lines(
            Measure::Applied,
            Named::Domain,
            "events",
            &BOTH,
            applied,
            "Sum",
        ),
        of_lines(
            Measure::Failed,
            Named::Domain,
            "events",
            &BOTH,
            "outcome=\"failed\"",
            "Sum",
        ),
        of_lines(
            Measure::Rejected,
            Named::Domain,
            "events",
            &BOTH,
            "outcome=\"rejected\"",
            "Sum",
        ),
        of_lines(
            Measure::Complete,
            Named::As("complete"),
            "completeness",
            &BOTH[..1],
            "function=\"reconcile\"",
            "Minimum",
        ),
    ];
    for percentile in ["p50", "p99"] {
        let latency = Named::As(percentile);
        all.push(of_lines(
            Measure::Latency,
            latency,
            "duration_ms",
            &BOTH,
            accepted,
            percentile,
        ));
        let lag = Named::DomainAnd(percentile);
        all.push(of_lines(
            Measure::Lag,
            lag,
            "lag_ms",
            &BOTH,
            applied,
            percentile,
        ));
    }
    let visible = "ApproximateNumberOfMessagesVisible";
    for domain in stack.domains() {
        let mut of_queue = |measure, metric, role: &str| {
            if let Some(url) = stack.queues.get(role) {
                let named = Named::Domain;
                let question = Question::of_queue(metric, url, domain, period_s);
                all.push((Asked { measure, named }, question));
            }
        };
        of_queue(Measure::Backlog, visible, domain);
        of_queue(Measure::Oldest, "ApproximateAgeOfOldestMessage", domain);
        of_queue(Measure::Dead, visible, &format!("{domain}_dead_letters"));
    }
    all
}

/// Fills in what CloudWatch answered.
pub(super) fn fill(buckets: &mut Buckets, asked: &[Asked], points: &[Points]) {
    for one in points {
        let Some(Asked { measure, named }) = asked.get(one.question).copied() else {
            continue;
        };
        // Ingest fails, too: these measures are the domains'.
        let is_of_domains = matches!(measure, Measure::Failed | Measure::Rejected);
        if is_of_domains && one.dimension(0) == "ingest" {
            continue;
        }
        let name = match named {
            Named::Outcome => one.dimension(1).to_owned(),
            Named::Domain => one.dimension(0).to_owned(),
            Named::DomainAnd(percentile) => format!("{} {percentile}", one.dimension(0)),
            Named::As(name) => name.to_owned(),
        };
        for (at_ms, value) in &one.values {
            if let Some(place) = buckets.place(*at_ms) {
                match measure.is_count() {
                    true => buckets.add(measure, &name, place, *value),
                    false => buckets.set(measure, &name, place, *value),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;
    use crate::metrics::tests::read;

    fn stack() -> Stack {
        let mut stack = Stack::for_tests();
        for name in ["payments", "payments_dead_letters"] {
            stack
                .queues
                .insert(name.to_owned(), format!("https://q/1/{name}"));
        }
        stack.tables.insert("payments".to_owned(), "p".to_owned());
        stack
    }

    #[test]
    fn one_call_has_a_question_for_each_measure() {
        let all = questions(&stack(), Span::Hour);
        for measure in Measure::ALL {
            assert!(
                all.iter().any(|(asked, _)| asked.measure == measure),
                "{measure:?}"
            );
        }
        // CloudWatch's limit of a call.
        assert!(all.len() <= 500);
    }

    #[test]
    fn what_cloudwatch_answers_is_in_its_bucket_under_its_name() {
        let stack = stack();
        let asked: Vec<_> = questions(&stack, Span::Hour);
        let asked: Vec<_> = asked.into_iter().map(|(asked, _)| asked).collect();
        let id = |measure, named| {
            let wanted = Asked { measure, named };
            let place = asked.iter().position(|one| *one == wanted);
            place.unwrap_or_else(|| panic!("{wanted:?} is asked"))
        };
        let member = |id: usize, label: &str, values: &str| {
            format!(
                "<member><Id>m{id}</Id><Label>{label}</Label><Timestamps><member>2026-01-01T00:00:00Z</member>\
                 <member>2026-01-01T00:01:00Z</member></Timestamps><Values>{values}</Values></member>"
            )
        };
        let values =
            |one: u32, two: u32| format!("<member>{one}.0</member><member>{two}.0</member>");
        let members = [
            member(
                id(Measure::Deliveries, Named::Outcome),
                "ingest|accepted",
                &values(3, 4),
            ),
            member(
                id(Measure::Failed, Named::Domain),
                "ingest|failed",
                &values(9, 9),
            ),
            member(
                id(Measure::Failed, Named::Domain),
                "payments|failed",
                &values(1, 0),
            ),
            member(
                id(Measure::Latency, Named::As("p99")),
                "ingest|accepted",
                &values(12, 14),
            ),
            member(
                id(Measure::Lag, Named::DomainAnd("p50")),
                "payments|applied",
                &values(700, 800),
            ),
            member(
                id(Measure::Oldest, Named::Domain),
                "payments",
                &values(40, 50),
            ),
            member(999, "x", &values(1, 1)),
        ];
        let xml = format!(
            "<R><GetMetricDataResult><MetricDataResults>{}</MetricDataResults></GetMetricDataResult></R>",
            members.concat()
        );
        // In the second minute of the year.
        let mut buckets = Buckets::until(Span::Hour, 1_767_225_660_500);
        fill(&mut buckets, &asked, &read(&xml));
        let series = buckets.into_series(Source::Metrics, 0);
        let line = |measure| {
            let lines = &series.of(measure).expect("there").lines;
            assert_eq!(lines.len(), 1, "{lines:?}");
            (lines[0].name.as_str(), &lines[0].values[57..])
        };
        let [none, one, two] = [None, Some(3.0), Some(4.0)];
        assert_eq!(
            line(Measure::Deliveries),
            ("accepted", &[Some(0.0), one, two][..])
        );
        assert_eq!(line(Measure::Failed).0, "payments");
        assert_eq!(
            line(Measure::Latency),
            ("p99", &[none, Some(12.0), Some(14.0)][..])
        );
        assert_eq!(line(Measure::Lag).0, "payments p50");
        assert_eq!(
            line(Measure::Oldest),
            ("payments", &[none, Some(40.0), Some(50.0)][..])
        );
    }
}
