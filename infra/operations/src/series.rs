//! What happened over an hour, a day or a week, bucket by bucket: measures with one line for each of their dimension's
//! values.
//!
//! In AWS, all of a span's measures come from one `GetMetricData`. The local AWS makes no metrics of log lines, so the
//! lines themselves are counted there. Types aren't a dimension of any metric, because each combination is billed.
//! They are counted in the ledger's index by time ([`types`]).
//!
//! # Limits
//! | what | limit |
//! |---|---|
//! | buckets | 60 of a minute, 96 of 15 minutes, 84 of two hours |
//! | events whose types are counted | the newest [`TYPES_MAX`] of a span |
//! | queues' measures | in AWS only: the local AWS keeps no history of a queue |
//! | lag | by log lines, events of the last three days ([`LAG_MAX_MS`]); a metric has all of them |
//! | log lines | as many as [`logs::search`] reads for each function; [`Series::cut`] says if there were more |

mod from_lines;
mod from_metrics;
pub mod types;

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::logs;
use crate::metrics;
use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::now_ms;
pub use types::TYPES_MAX;

const MINUTE_MS: i64 = 60_000;

/// The longest lag that is taken for a delay, if log lines are counted: Stripe repeats a delivery for three days. An event
/// that is older when it is applied is a sample of a file, an import or a replay.
pub const LAG_MAX_MS: f64 = 3.0 * 24.0 * 3_600_000.0;

/// A span of time up to now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Span {
    /// In buckets of a minute.
    #[default]
    Hour,
    /// In buckets of 15 minutes.
    Day,
    /// In buckets of two hours.
    Week,
}

impl Span {
    /// All, the shortest first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    /// How many buckets it has.
    pub fn buckets(self) -> usize {
        match self {
            Self::Hour => 60,
            Self::Day => 96,
            Self::Week => 84,
        }
    }

    /// How long a bucket is, in milliseconds.
    pub fn bucket_ms(self) -> i64 {
        match self {
            Self::Hour => MINUTE_MS,
            Self::Day => 15 * MINUTE_MS,
            Self::Week => 120 * MINUTE_MS,
        }
    }
}

impl FromStr for Span {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let found = Self::ALL.into_iter().find(|span| span.name() == text);
        found.ok_or_else(|| Problem::Usage(format!("{text:?} is no span: say hour, day or week")))
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Deliveries that ingest answered, by outcome.
    Deliveries,
    /// Messages that a domain applied, by domain.
    Applied,
    /// Messages that a domain failed at, by domain: they come back.
    Failed,
    /// Messages that a domain rejected, by domain.
    Rejected,
    /// How long Stripe waited for the answer to a delivery that was accepted: p50 and p99.
    Latency,
    /// From Stripe's clock to the end of a domain's work, by domain: p50 and p99.
    Lag,
    /// Messages that wait, by queue.
    Backlog,
    /// The age of the oldest message, by queue.
    Oldest,
    /// Messages that were given up, by queue.
    Dead,
    /// The share of Stripe's events that the ledger had, by reconcile's runs.
    Complete,
}

impl Measure {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::Deliveries,
        Self::Applied,
        Self::Latency,
        Self::Lag,
        Self::Failed,
        Self::Rejected,
        Self::Backlog,
        Self::Oldest,
        Self::Dead,
        Self::Complete,
    ];

    /// Its name in data and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deliveries => "deliveries",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Latency => "latency",
            Self::Lag => "lag",
            Self::Backlog => "backlog",
            Self::Oldest => "oldest",
            Self::Dead => "dead",
            Self::Complete => "complete",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Deliveries => "Deliveries, by outcome",
            Self::Applied => "Applied, by domain",
            Self::Failed => "Failed receives, by domain",
            Self::Rejected => "Rejected, by domain",
            Self::Latency => "Until ingest's answer to an accepted delivery",
            Self::Lag => "From Stripe's clock to the end of a domain's work",
            Self::Backlog => "Messages that wait, by queue",
            Self::Oldest => "Oldest message, by queue",
            Self::Dead => "Dead letters, by queue",
            Self::Complete => "Complete, compared with Stripe's list",
        }
    }

    /// What its values are in; empty for counts.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Latency | Self::Lag => "ms",
            Self::Oldest => "s",
            Self::Complete => "%",
            _ => "",
        }
    }

    /// Whether values add up: a bucket without a value is then 0, otherwise it isn't known.
    pub fn is_count(self) -> bool {
        match self {
            Self::Deliveries | Self::Applied | Self::Failed | Self::Rejected => true,
            Self::Latency
            | Self::Lag
            | Self::Backlog
            | Self::Oldest
            | Self::Dead
            | Self::Complete => false,
        }
    }
}

impl FromStr for Measure {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let found = Self::ALL.into_iter().find(|measure| measure.name() == text);
        found.ok_or_else(|| Problem::Usage(format!("{text:?} is no measure")))
    }
}

/// Where numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// CloudWatch's metrics.
    Metrics,
    /// The functions' log lines.
    LogLines,
}

/// One line of a measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The value of the dimension: an outcome, a domain, a percentile.
    pub name: String,
    /// A value for each bucket; none if it isn't known.
    pub values: Vec<Option<f64>>,
}

impl Line {
    /// What its counts add up to.
    pub fn sum(&self) -> f64 {
        self.values.iter().flatten().sum()
    }

    /// Its newest value.
    pub fn last(&self) -> Option<f64> {
        self.values.iter().rev().flatten().next().copied()
    }

    /// Its greatest value.
    pub fn most(&self) -> Option<f64> {
        self.values.iter().flatten().copied().reduce(f64::max)
    }

    /// Its least value.
    pub fn least(&self) -> Option<f64> {
        self.values.iter().flatten().copied().reduce(f64::min)
    }
}

/// A measure over a span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// What is measured.
    pub measure: Measure,
    /// For people.
    pub title: &'static str,
    /// What its values are in; empty for counts.
    pub unit: &'static str,
    /// Its lines, by their names; empty if nothing is known.
    pub lines: Vec<Line>,
}

/// What happened over a span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// The span.
    pub span: Span,
    /// When it was read, in milliseconds.
    pub at_ms: i64,
    /// When the first bucket begins, in milliseconds.
    pub from_ms: i64,
    /// How long a bucket is, in milliseconds.
    pub bucket_ms: i64,
    /// Where the numbers come from.
    pub source: Source,
    /// Whether there were more lines than are read: counts are then a minimum.
    #[serde(rename = "at_least")]
    pub cut: bool,
    /// Each measure, in the order of [`Measure::ALL`].
    pub measures: Vec<Measured>,
}

impl Series {
    /// A measure.
    pub fn of(&self, measure: Measure) -> Option<&Measured> {
        self.measures.iter().find(|one| one.measure == measure)
    }

    /// When each bucket begins, in milliseconds.
    pub fn times_ms(&self) -> impl Iterator<Item = i64> + '_ {
        let buckets = i64::try_from(self.span.buckets()).unwrap_or(i64::MAX);
        (0..buckets).map(|bucket| self.from_ms + bucket * self.bucket_ms)
    }
}

/// What happened over a span up to now.
///
/// # Errors
/// When CloudWatch, or for the local stack the log lines, can't be read.
pub async fn look(stack: &Stack, span: Span) -> Result<Series, Problem> {
    let at_ms = now_ms();
    let mut buckets = Buckets::until(span, at_ms);
    let source = match stack.aws.is_real() {
        true => {
            let asked = from_metrics::questions(stack, span);
            let questions: Vec<_> = asked.iter().map(|(_, question)| question.clone()).collect();
            let points = metrics::ask(stack, &questions, buckets.from_ms, at_ms).await?;
            let measures: Vec<_> = asked.into_iter().map(|(measure, _)| measure).collect();
            from_metrics::fill(&mut buckets, &measures, &points);
            Source::Metrics
        }
        false => {
            let mut lines = from_lines::Lines::default();
            for function in stack.log_groups.keys() {
                let found = logs::search(stack, function, None, buckets.from_ms, at_ms).await?;
                buckets.cut |= found.cut;
                for line in &found.lines {
                    lines.take(&buckets, line);
                }
            }
            lines.fill(&mut buckets);
            Source::LogLines
        }
    };
    Ok(buckets.into_series(source, at_ms))
}

/// The values in the making.
#[derive(Debug)]
struct Buckets {
    span: Span,
    from_ms: i64,
    cut: bool,
    values: BTreeMap<(Measure, String), Vec<Option<f64>>>,
}

impl Buckets {
    /// The last bucket is the one that `at_ms` is in.
    fn until(span: Span, at_ms: i64) -> Self {
        let bucket_ms = span.bucket_ms();
        let others = i64::try_from(span.buckets()).unwrap_or(i64::MAX) - 1;
        Self {
            span,
            from_ms: at_ms - at_ms.rem_euclid(bucket_ms) - others * bucket_ms,
            cut: false,
            values: BTreeMap::new(),
        }
    }

    /// The bucket of a time; none for a time outside of the span.
    fn place(&self, at_ms: i64) -> Option<usize> {
        let place = usize::try_from((at_ms - self.from_ms).div_euclid(self.span.bucket_ms())).ok();
        place.filter(|place| *place < self.span.buckets())
    }

    /// The value of a bucket of a line, to be set or changed.
    fn at(&mut self, measure: Measure, name: &str, place: usize) -> Option<&mut Option<f64>> {
        let empty = measure.is_count().then_some(0.0);
        let buckets = self.span.buckets();
        let line = self.values.entry((measure, name.to_owned()));
        line.or_insert_with(|| vec![empty; buckets]).get_mut(place)
    }

    fn add(&mut self, measure: Measure, name: &str, place: usize, count: f64) {
        if let Some(value) = self.at(measure, name, place) {
            *value = Some(value.unwrap_or_default() + count);
        }
    }

    fn set(&mut self, measure: Measure, name: &str, place: usize, to: f64) {
        if let Some(value) = self.at(measure, name, place) {
            *value = Some(to);
        }
    }

    fn into_series(mut self, source: Source, at_ms: i64) -> Series {
        let measures = Measure::ALL.map(|measure| Measured {
            measure,
            title: measure.title(),
            unit: measure.unit(),
            lines: self
                .values
                .iter_mut()
                .filter(|((of, _), _)| *of == measure)
                .map(|((_, name), values)| Line {
                    name: name.clone(),
                    values: std::mem::take(values),
                })
                .collect(),
        });
        Series {
            span: self.span,
            at_ms,
            from_ms: self.from_ms,
            bucket_ms: self.span.bucket_ms(),
            source,
            cut: self.cut,
            measures: measures.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_bucket_is_the_one_of_now_and_all_begin_at_whole_ones() {
        for span in Span::ALL {
            let at_ms = 1_767_225_600_000 + 7 * MINUTE_MS + 1;
            let buckets = Buckets::until(span, at_ms);
            assert_eq!(buckets.from_ms % span.bucket_ms(), 0);
            assert_eq!(buckets.place(at_ms), Some(span.buckets() - 1));
            assert_eq!(buckets.place(buckets.from_ms), Some(0));
            assert_eq!(buckets.place(buckets.from_ms - 1), None);
            assert_eq!(buckets.place(at_ms + span.bucket_ms()), None);
        }
    }

    #[test]
    fn a_bucket_without_a_count_is_zero_and_without_a_value_is_unknown() {
        let mut buckets = Buckets::until(Span::Hour, 0);
        buckets.add(Measure::Applied, "payments", 3, 2.0);
        buckets.add(Measure::Applied, "payments", 3, 1.0);
        buckets.set(Measure::Backlog, "payments", 3, 5.0);
        let series = buckets.into_series(Source::Metrics, 0);
        let line = |measure| &series.of(measure).expect("there").lines[0];
        assert_eq!(line(Measure::Applied).values[2..4], [Some(0.0), Some(3.0)]);
        assert_eq!(line(Measure::Backlog).values[2..4], [None, Some(5.0)]);
        assert_eq!(line(Measure::Backlog).least(), Some(5.0));
        assert_eq!(series.times_ms().count(), 60);
        assert_eq!(series.of(Measure::Dead).expect("there").lines, []);
        assert_eq!("week".parse::<Span>().expect("a span"), Span::Week);
        assert!("year".parse::<Span>().is_err());
    }

    #[test]
    fn a_series_is_data_that_serializes() {
        let mut buckets = Buckets::until(Span::Hour, 0);
        buckets.set(Measure::Complete, "complete", 59, 99.5);
        let series = buckets.into_series(Source::LogLines, 7);
        let shown = serde_json::to_value(&series).expect("JSON");
        assert_eq!(shown["span"], "hour");
        assert_eq!(shown["source"], "log_lines");
        assert_eq!(shown["at_least"], false);
        let complete = &shown["measures"][9];
        assert_eq!(complete["measure"], "complete");
        assert_eq!(complete["lines"][0]["values"][59], 99.5);
        assert_eq!(complete["lines"][0]["values"][58], serde_json::Value::Null);
    }
}
