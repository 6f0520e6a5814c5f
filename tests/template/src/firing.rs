//! Computes when an alarm fires for given data points, by CloudWatch's rule of `DatapointsToAlarm` out of
//! `EvaluationPeriods`.
//!
//! Periods begin at multiples of the alarm's `Period`, and a period without data points counts as `TreatMissingData`
//! says: `notBreaching` and `breaching` are known here. An alarm over an expression isn't supported.
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>)

use std::collections::BTreeMap;

use serde_json::Value;

use crate::template::number;

/// A data point of a metric: its time, in seconds, and its value.
pub type Figure = (i64, f64);

/// The end of each period from the first data point's period until `until_s`, and whether the alarm is on then.
///
/// # Panics
/// For an unknown statistic, comparison or treatment of missing data.
pub fn states(alarm: &Value, figures: &[Figure], until_s: i64) -> Vec<(i64, bool)> {
    let whole = |name: &str| number(&alarm[name]);
    let period_s = whole("Period").expect("a period");
    let evaluated = whole("EvaluationPeriods").expect("periods");
    let needed = whole("DatapointsToAlarm").unwrap_or(evaluated);
    let threshold = alarm["Threshold"]
        .as_f64()
        .or_else(|| alarm["Threshold"].as_str()?.parse().ok())
        .expect("a threshold");
    let mut periods: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for (at_s, value) in figures {
        let period = at_s.div_euclid(period_s);
        periods.entry(period).or_default().push(*value);
    }
    let missing = match alarm["TreatMissingData"].as_str() {
        Some("notBreaching") => false,
        Some("breaching") => true,
        other => panic!("missing data is {other:?}"),
    };
    let breaches = |period: i64| {
        let Some(values) = periods.get(&period) else {
            return missing;
        };
        let value = match alarm["Statistic"].as_str() {
            Some("Sum") => values.iter().sum(),
            Some("Maximum") => values.iter().copied().fold(f64::MIN, f64::max),
            other => panic!("the statistic is {other:?}"),
        };
        match alarm["ComparisonOperator"].as_str() {
            Some("GreaterThanThreshold") => value > threshold,
            Some("GreaterThanOrEqualToThreshold") => value >= threshold,
            other => panic!("the comparison is {other:?}"),
        }
    };
    let first = periods.keys().next().copied().unwrap_or_default();
    let ends = first..until_s.div_euclid(period_s);
    let states = ends.map(|last| {
        let window = last - evaluated + 1..=last;
        let breaching = window.filter(|period| breaches(*period)).count();
        let is_on = i64::try_from(breaching).is_ok_and(|breaching| breaching >= needed);
        ((last + 1) * period_s, is_on)
    });
    states.collect()
}

/// When an alarm fires first, in seconds; `None` if it doesn't fire until `until_s`.
///
/// # Panics
/// As [`states`].
pub fn fires_at(alarm: &Value, figures: &[Figure], until_s: i64) -> Option<i64> {
    let mut states = states(alarm, figures, until_s).into_iter();
    states.find(|(_, is_on)| *is_on).map(|(at_s, _)| at_s)
}
