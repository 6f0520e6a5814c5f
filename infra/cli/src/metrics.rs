//! CloudWatch's metrics of a stack in AWS: what the functions' log lines counted, and how old the queues' messages are.

use std::collections::BTreeMap;

use sluice_local::aws::{elements, unescape};

use crate::context::Context;
use crate::output::time_of_ms;
use crate::problem::Problem;

const VERSION: &str = "2010-08-01";

/// The most pages of an answer; a page has up to 100,000 values.
const PAGES_MAX: usize = 5;

/// What is between the dimensions in a label.
const SEPARATOR: char = '|';

/// The sums of a metric over a span, by the values of these dimensions.
pub(crate) async fn sums<const N: usize>(
    context: &Context,
    metric: &str,
    dimensions: [&str; N],
    from_ms: i64,
    until_ms: i64,
) -> Result<BTreeMap<[String; N], f64>, Problem> {
    let found = searched(context, metric, "Sum", dimensions, (from_ms, until_ms)).await?;
    let sums = found
        .into_iter()
        .map(|(key, values)| (key, values.iter().sum()));
    Ok(sums.collect())
}

/// The greatest value of a metric in each five minutes of a span, by the values of these dimensions; without those that had
/// none.
pub(crate) async fn maxima<const N: usize>(
    context: &Context,
    metric: &str,
    dimensions: [&str; N],
    from_ms: i64,
    until_ms: i64,
) -> Result<BTreeMap<[String; N], Vec<f64>>, Problem> {
    searched(context, metric, "Maximum", dimensions, (from_ms, until_ms)).await
}

async fn searched<const N: usize>(
    context: &Context,
    metric: &str,
    statistic: &str,
    dimensions: [&str; N],
    (from_ms, until_ms): (i64, i64),
) -> Result<BTreeMap<[String; N], Vec<f64>>, Problem> {
    let namespace = format!("Sluice/{}", context.stack);
    let search = format!(
        "SEARCH('{{\"{namespace}\",{}}} MetricName=\"{metric}\"', '{statistic}', 300)",
        dimensions.join(",")
    );
    let label = dimensions.map(|name| format!("${{PROP('Dim.{name}')}}"));
    let label = label.join(&SEPARATOR.to_string());
    let series = query(
        context,
        &[("Expression", &search), ("Label", &label)],
        from_ms,
        until_ms,
    )
    .await?;
    let mut found = BTreeMap::<_, Vec<f64>>::new();
    for (label, values) in series {
        let mut parts = label.split(SEPARATOR).map(str::to_owned);
        let key = std::array::from_fn(|_| parts.next().unwrap_or_default());
        found.entry(key).or_default().extend(values);
    }
    Ok(found)
}

/// The age of a queue's oldest message, in seconds, as SQS said last within the span.
pub(crate) async fn oldest_s(
    context: &Context,
    queue_url: &str,
    from_ms: i64,
    until_ms: i64,
) -> Result<Option<f64>, Problem> {
    let queue = queue_url.rsplit('/').next().unwrap_or_default();
    let metric = [
        ("MetricStat.Metric.Namespace", "AWS/SQS"),
        (
            "MetricStat.Metric.MetricName",
            "ApproximateAgeOfOldestMessage",
        ),
        ("MetricStat.Metric.Dimensions.member.1.Name", "QueueName"),
        ("MetricStat.Metric.Dimensions.member.1.Value", queue),
        ("MetricStat.Period", "60"),
        ("MetricStat.Stat", "Maximum"),
    ];
    let series = query(context, &metric, from_ms, until_ms).await?;
    // The newest value is first.
    Ok(series
        .into_iter()
        .next()
        .and_then(|(_, values)| values.first().copied()))
}

async fn query(
    context: &Context,
    query: &[(&str, &str)],
    from_ms: i64,
    until_ms: i64,
) -> Result<Vec<(String, Vec<f64>)>, Problem> {
    let mut fields = vec![
        ("StartTime".to_owned(), time_of_ms(from_ms)),
        ("EndTime".to_owned(), time_of_ms(until_ms)),
        ("ScanBy".to_owned(), "TimestampDescending".to_owned()),
        ("MetricDataQueries.member.1.Id".to_owned(), "m1".to_owned()),
    ];
    let named = query.iter().map(|(name, value)| {
        (
            format!("MetricDataQueries.member.1.{name}"),
            (*value).to_owned(),
        )
    });
    fields.extend(named);
    let length = fields.len();
    let mut all = Vec::new();
    for _ in 0..PAGES_MAX {
        let xml = context
            .aws
            .form("monitoring", VERSION, "GetMetricData", &fields)
            .await?;
        all.extend(series(&xml));
        let Some(token) = elements(&xml, "NextToken")
            .first()
            .map(|token| unescape(token))
        else {
            break;
        };
        fields.truncate(length);
        fields.push(("NextToken".to_owned(), token));
    }
    Ok(all)
}

/// Each series' label and values.
fn series(xml: &str) -> Vec<(String, Vec<f64>)> {
    let labels = elements(xml, "Label").into_iter().map(unescape);
    let values = elements(xml, "Values").into_iter().map(|values| {
        let members = elements(values, "member").into_iter();
        members.filter_map(|value| value.parse().ok()).collect()
    });
    labels.zip(values).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_values_are_read_from_cloudwatchs_answer() {
        let xml = "<MetricDataResults><member><Timestamps><member>2026-01-01T00:00:00Z</member></Timestamps>\
            <StatusCode>Complete</StatusCode><Values><member>2.0</member><member>3.5</member></Values><Id>m1</Id>\
            <Label>ingest|accepted</Label></member><member><Timestamps/><Values></Values><Label>a &amp; b</Label></member>\
            </MetricDataResults>";
        let found = series(xml);
        assert_eq!(found[0], ("ingest|accepted".to_owned(), vec![2.0, 3.5]));
        assert_eq!(found[1], ("a & b".to_owned(), Vec::new()));
    }
}
