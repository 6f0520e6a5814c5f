//! What CloudWatch says of the last day of a stack in AWS, asked with one call for all that a status shows.

use super::{DAY_MS, HOUR_MS};
use crate::metrics::{self, Points, Question};
use crate::problem::Problem;
use crate::stack::Stack;

/// A period of these metrics, in seconds: the one of the alarm `<domain>.failing`.
const PERIOD_S: i64 = 300;

/// How old a queue's newest value may be, in milliseconds.
const RECENT_MS: i64 = 600_000;

/// Events by function and outcome.
pub(super) const EVENTS: usize = 0;
/// Faults by code.
pub(super) const FAULTS: usize = 1;
/// The most receives of a message that failed, by function and outcome.
pub(super) const RECEIVES: usize = 2;
/// The longest lag of a message that failed, by function and outcome.
pub(super) const LAG: usize = 3;
/// The age of a queue's oldest message.
const OLDEST: usize = 4;

/// The metrics of a day.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    now_ms: i64,
    points: Vec<Points>,
}

impl Figures {
    /// Asks CloudWatch.
    pub(super) async fn read(stack: &Stack, now_ms: i64) -> Result<Self, Problem> {
        let both = ["function", "outcome"];
        let failed = "outcome=\"failed\"";
        let of = |metric, dimensions: &[&str], only, statistic| {
            Question::of_lines(stack, metric, dimensions, only, statistic, PERIOD_S)
        };
        let mut questions = vec![
            of("events", &both, "", "Sum"),
            of("Faults", &["code"], "", "Sum"),
            of("receives", &both, failed, "Maximum"),
            of("lag_ms", &both, failed, "Maximum"),
        ];
        for domain in stack.domains() {
            if let Some(url) = stack.queues.get(domain) {
                let metric = "ApproximateAgeOfOldestMessage";
                questions.push(Question::of_queue(metric, url, domain, PERIOD_S));
            }
        }
        Ok(Self {
            now_ms,
            points: metrics::ask(stack, &questions, now_ms - DAY_MS, now_ms).await?,
        })
    }

    /// Each metric of a question, with its values of the last hour or day.
    pub(super) fn of(
        &self,
        question: usize,
        span_ms: i64,
    ) -> impl Iterator<Item = (&Points, Vec<f64>)> {
        let from_ms = self.now_ms - span_ms;
        let of_question = self.points.iter();
        let of_question = of_question.filter(move |points| points.question == question);
        of_question.map(move |points| {
            let values = points.values.iter();
            let values = values.filter(|(at_ms, _)| *at_ms >= from_ms);
            (points, values.map(|(_, value)| *value).collect())
        })
    }

    /// The values of the last hour of a domain's messages that failed.
    pub(super) fn of_failed(&self, question: usize, domain: &str) -> Vec<f64> {
        let mut all = self.of(question, HOUR_MS);
        let own = all
            .find(|(points, _)| (points.dimension(0), points.dimension(1)) == (domain, "failed"));
        own.map(|(_, values)| values).unwrap_or_default()
    }

    /// The age of a queue's oldest message, in seconds, as SQS last reported it.
    pub(super) fn oldest_s(&self, domain: &str) -> Option<f64> {
        let mut queues = self
            .points
            .iter()
            .filter(|points| points.question >= OLDEST);
        let queue = queues.find(|points| points.dimension(0) == domain)?;
        let (at_ms, value) = queue.values.last()?;
        (*at_ms >= self.now_ms - RECENT_MS).then_some(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hour_is_a_part_of_the_day_and_a_queues_old_value_is_none() {
        let points = |question, key: &[&str], values: &[(i64, f64)]| Points {
            question,
            key: key.iter().map(|text| (*text).to_owned()).collect(),
            values: values.to_vec(),
        };
        let now_ms = DAY_MS;
        let figures = Figures {
            now_ms,
            points: vec![
                points(
                    EVENTS,
                    &["ingest", "accepted"],
                    &[(0, 2.0), (now_ms - 1, 3.0)],
                ),
                points(
                    RECEIVES,
                    &["payments", "failed"],
                    &[(0, 9.0), (now_ms - 1, 4.0)],
                ),
                points(
                    OLDEST,
                    &["payments"],
                    &[(0, 90.0), (now_ms - RECENT_MS, 7.0)],
                ),
                points(OLDEST + 1, &["billing"], &[(0, 90.0)]),
            ],
        };
        let sums = |span_ms| -> f64 {
            let all = figures.of(EVENTS, span_ms);
            all.flat_map(|(_, values)| values).sum()
        };
        assert_eq!((sums(HOUR_MS), sums(DAY_MS)), (3.0, 5.0));
        assert_eq!(figures.of_failed(RECEIVES, "payments"), [4.0]);
        assert_eq!(figures.of_failed(RECEIVES, "billing"), [0.0; 0]);
        assert_eq!(figures.oldest_s("payments"), Some(7.0));
        assert_eq!(figures.oldest_s("billing"), None);
    }
}
