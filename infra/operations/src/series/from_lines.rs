//! A span's measures by the functions' log lines, for a stack that makes no metrics of them.

use std::collections::BTreeMap;

use super::{Buckets, LAG_MAX_MS, Measure};
use crate::logs::Line;

/// The functions whose outcomes aren't a domain's.
const NOT_DOMAINS: [&str; 4] = ["ingest", "sweep", "reconcile", "notify"];

/// What the lines say, before percentiles are taken.
#[derive(Debug, Default)]
pub(super) struct Lines {
    counts: BTreeMap<(Measure, String, usize), f64>,
    /// Durations in milliseconds, from which percentiles are taken; the name is the beginning of the lines' names.
    durations: BTreeMap<(Measure, String, usize), Vec<f64>>,
    completeness: BTreeMap<usize, f64>,
}

impl Lines {
    /// Takes a line.
    pub(super) fn take(&mut self, buckets: &Buckets, line: &Line) {
        let Some(place) = buckets.place(line.at_ms) else {
            return;
        };
        let function = line.function.as_str();
        if let (true, Some(percent)) = (
            function == "reconcile",
            line.fields["completeness"].as_f64(),
        ) {
            let least = self.completeness.entry(place).or_insert(percent);
            *least = least.min(percent);
        }
        let Some(outcome) = line.fields["outcome"].as_str() else {
            return;
        };
        if function == "ingest" {
            self.count(Measure::Deliveries, outcome, place);
            if outcome == "accepted" {
                self.last(
                    Measure::Latency,
                    "",
                    place,
                    line.fields["duration_ms"].as_f64(),
                );
            }
            return;
        }
        if NOT_DOMAINS.contains(&function) {
            return;
        }
        match outcome {
            "applied" => {
                self.count(Measure::Applied, function, place);
                let lag_ms = line.fields["lag_ms"].as_f64();
                let delay_ms = lag_ms.filter(|lag_ms| *lag_ms <= LAG_MAX_MS);
                self.last(Measure::Lag, function, place, delay_ms);
            }
            "failed" => self.count(Measure::Failed, function, place),
            "rejected" => self.count(Measure::Rejected, function, place),
            _ => {}
        }
    }

    fn count(&mut self, measure: Measure, name: &str, place: usize) {
        let count = self.counts.entry((measure, name.to_owned(), place));
        *count.or_default() += 1.0;
    }

    fn last(&mut self, measure: Measure, name: &str, place: usize, ms: Option<f64>) {
        let durations = self.durations.entry((measure, name.to_owned(), place));
        durations.or_default().extend(ms);
    }

    /// Fills in what they say.
    pub(super) fn fill(self, buckets: &mut Buckets) {
        for ((measure, name, place), count) in self.counts {
            buckets.add(measure, &name, place, count);
        }
        for ((measure, name, place), mut durations) in self.durations {
            durations.sort_by(f64::total_cmp);
            for (percentile, percent) in [("p50", 50), ("p99", 99)] {
                if let Some(ms) = nearest_rank(&durations, percent) {
                    let name = format!("{name} {percentile}");
                    buckets.set(measure, name.trim_start(), place, ms);
                }
            }
        }
        for (place, percent) in self.completeness {
            buckets.set(Measure::Complete, "complete", place, percent);
        }
    }
}

/// The least value that this percentage of the values don't exceed; none of no values. They have to be in order.
fn nearest_rank(values: &[f64], percent: usize) -> Option<f64> {
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Source, Span};
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<_> = (1..=100).map(f64::from).collect();
        assert_eq!(nearest_rank(&values, 50), Some(50.0));
        assert_eq!(nearest_rank(&values, 99), Some(99.0));
        assert_eq!(nearest_rank(&[7.0], 50), Some(7.0));
        assert_eq!(nearest_rank(&[], 99), None);
    }

    #[test]
    fn lines_are_counted_by_outcome_and_domain_in_their_buckets() {
        let buckets = Buckets::until(Span::Hour, 3_600_000);
        let mut lines = Lines::default();
        let mut take = |function: &str, at_ms: i64, fields: Value| {
            let function = function.to_owned();
            lines.take(
                &buckets,
                &Line {
                    at_ms,
                    function,
                    fields,
                },
            );
        };
        for ms in [10, 20, 300] {
            let accepted = json!({ "outcome": "accepted", "duration_ms": ms });
            take("ingest", 3_600_000, accepted);
        }
        take(
            "ingest",
            3_599_999,
            json!({ "outcome": "refused", "duration_ms": 1 }),
        );
        take("ingest", 3_600_000, json!({ "outcome": "failed" }));
        take(
            "payments",
            3_600_000,
            json!({ "outcome": "applied", "lag_ms": 1_500 }),
        );
        // As old as a sample of a file: no delay.
        take(
            "payments",
            3_600_000,
            json!({ "outcome": "applied", "lag_ms": LAG_MAX_MS + 1.0 }),
        );
        take("payments", 3_600_000, json!({ "outcome": "failed" }));
        take("payments", 0, json!({ "outcome": "applied" }));
        take("payments", 3_600_000, json!({ "published": 1 }));
        take("reconcile", 3_600_000, json!({ "completeness": 99.5 }));
        take("reconcile", 3_600_000, json!({ "completeness": 100.0 }));
        let mut buckets = buckets;
        lines.fill(&mut buckets);
        let series = buckets.into_series(Source::LogLines, 0);
        let named = |measure| {
            let lines = series.of(measure).expect("there").lines.iter();
            lines
                .map(|line| (line.name.as_str(), line.last()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            named(Measure::Deliveries),
            [
                ("accepted", Some(3.0)),
                ("failed", Some(1.0)),
                ("refused", Some(0.0))
            ]
        );
        assert_eq!(
            named(Measure::Latency),
            [("p50", Some(20.0)), ("p99", Some(300.0))]
        );
        assert_eq!(named(Measure::Applied), [("payments", Some(2.0))]);
        assert_eq!(named(Measure::Failed), [("payments", Some(1.0))]);
        assert_eq!(
            named(Measure::Lag),
            [
                ("payments p50", Some(1_500.0)),
                ("payments p99", Some(1_500.0))
            ]
        );
        assert_eq!(named(Measure::Complete), [("complete", Some(99.5))]);
        assert_eq!(named(Measure::Backlog), []);
    }
}
