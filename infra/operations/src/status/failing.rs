//! Messages that keep failing: by the metric that the alarm `<domain>.failing` looks at, and by the same rule.
//!
//! A domain answers for a message that failed, so Lambda counts no error. SQS's oldest age leaves out a message that
//! was received three times. What remains is how often the failed message was received, which the domain's own line
//! says.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::figures::{Figures, LAG, RECEIVES as RECEIVES_ASKED};
use crate::logs;
use crate::problem::Problem;
use crate::stack::Stack;

/// From this number of receives on, a failing message is no passing conflict: the alarm's threshold.
pub const RECEIVES: f64 = 8.0;

/// The number of periods within an hour in which that has to happen: the alarm's datapoints.
pub const PERIODS: usize = 3;

/// A period of the alarm, in milliseconds.
pub const PERIOD_MS: i64 = 300_000;

/// A domain's messages that failed within an hour.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Failing {
    /// The most receives of one; 0 if none failed.
    pub receives: f64,
    /// The longest time from Stripe's event to a failure of its message, in milliseconds.
    pub lag_ms: Option<f64>,
    /// The number of periods in which a message was received [`RECEIVES`] times or more; in JSON, whether the failing
    /// lasts.
    #[serde(rename = "lasting", serialize_with = "is_lasting")]
    periods: usize,
}

fn is_lasting<S: Serializer>(periods: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    (*periods >= PERIODS).serialize(serializer)
}

impl Failing {
    fn of(receives: &[f64], lags_ms: &[f64]) -> Self {
        let most = |values: &[f64]| values.iter().copied().reduce(f64::max);
        Self {
            receives: most(receives).unwrap_or_default(),
            lag_ms: most(lags_ms),
            periods: receives.iter().filter(|count| **count >= RECEIVES).count(),
        }
    }

    /// Whether the alarm `<domain>.failing` fires, or is about to fire.
    pub fn is_lasting(&self) -> bool {
        self.periods >= PERIODS
    }
}

/// A domain's, within the last hour.
pub(super) fn of_figures(figures: &Figures, domain: &str) -> Failing {
    Failing::of(
        &figures.of_failed(RECEIVES_ASKED, domain),
        &figures.of_failed(LAG, domain),
    )
}

/// Each domain's within this span by its lines, for a stack that makes no metrics of them.
pub(super) async fn look(
    stack: &Stack,
    from_ms: i64,
    until_ms: i64,
) -> Result<BTreeMap<String, Failing>, Problem> {
    let mut found = BTreeMap::new();
    for domain in stack.domains() {
        let said = logs::search(stack, domain, Some("failed"), from_ms, until_ms).await?;
        let lines = said.lines.iter().map(|line| (line.at_ms, &line.fields));
        found.insert(domain.to_owned(), of_lines(lines));
    }
    Ok(found)
}

/// The same from the lines themselves, for a stack that makes no metrics of them.
fn of_lines<'a>(lines: impl Iterator<Item = (i64, &'a Value)>) -> Failing {
    let mut receives = BTreeMap::<i64, f64>::new();
    let mut lags_ms = Vec::new();
    for (at_ms, fields) in lines.filter(|(_, fields)| fields["outcome"] == "failed") {
        let most = receives.entry(at_ms / PERIOD_MS).or_default();
        *most = most.max(fields["receives"].as_f64().unwrap_or_default());
        lags_ms.extend(fields["lag_ms"].as_f64());
    }
    let receives: Vec<_> = receives.into_values().collect();
    Failing::of(&receives, &lags_ms)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// As the alarm fires.
    pub(in crate::status) fn lasting() -> Failing {
        Failing::of(&[9.0, 8.0, 11.0], &[])
    }

    #[test]
    fn a_message_that_fails_often_in_three_periods_lasts_as_the_alarm_has_it() {
        assert!(lasting().is_lasting());
        // Many writers of one object: this happens often, within seconds.
        assert!(!Failing::of(&[40.0, 40.0, 1.0], &[]).is_lasting());
        assert!(!Failing::of(&[7.0, 7.0, 7.0, 7.0], &[]).is_lasting());
        assert_eq!(Failing::of(&[], &[]), Failing::default());
    }

    #[test]
    fn lines_are_counted_by_period_and_only_those_that_failed() {
        let line = |outcome: &str, receives: u32| json!({ "outcome": outcome, "receives": receives, "lag_ms": 1_000 * receives });
        let lines = [
            (0, line("failed", 8)),
            (PERIOD_MS - 1, line("failed", 9)),
            (PERIOD_MS, line("failed", 10)),
            (2 * PERIOD_MS, line("applied", 99)),
            (3 * PERIOD_MS, line("failed", 12)),
        ];
        let found = of_lines(lines.iter().map(|(at_ms, fields)| (*at_ms, fields)));
        assert_eq!(
            found,
            Failing {
                receives: 12.0,
                lag_ms: Some(12_000.0),
                periods: 3,
            }
        );
    }
}
