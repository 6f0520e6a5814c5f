//! CloudWatch's metrics of a stack in AWS: what the functions' log lines counted, and how old the queues' messages are.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::problem::Problem;
use crate::stack::Stack;
use crate::times::time_of_ms;
use crate::xml::{List, list};

const VERSION: &str = "2010-08-01";

/// The most pages of an answer; a page has up to 100,000 values.
const PAGES_MAX: usize = 5;

/// The text between the dimensions in a label.
const SEPARATOR: char = '|';

/// The sums of a metric over a span, by the values of these dimensions.
pub async fn sums<const N: usize>(
    stack: &Stack,
    metric: &str,
    dimensions: [&str; N],
    from_ms: i64,
    until_ms: i64,
) -> Result<BTreeMap<[String; N], f64>, Problem> {
    let found = searched(stack, metric, "Sum", dimensions, (from_ms, until_ms)).await?;
    let sums = found
        .into_iter()
        .map(|(key, values)| (key, values.iter().sum()));
    Ok(sums.collect())
}

/// The greatest value of a metric in each five minutes of a span, by the values of these dimensions. Five minutes
/// without a value are left out.
pub async fn maxima<const N: usize>(
    stack: &Stack,
    metric: &str,
    dimensions: [&str; N],
    from_ms: i64,
    until_ms: i64,
) -> Result<BTreeMap<[String; N], Vec<f64>>, Problem> {
    searched(stack, metric, "Maximum", dimensions, (from_ms, until_ms)).await
}

async fn searched<const N: usize>(
    stack: &Stack,
    metric: &str,
    statistic: &str,
    dimensions: [&str; N],
    (from_ms, until_ms): (i64, i64),
) -> Result<BTreeMap<[String; N], Vec<f64>>, Problem> {
    let namespace = format!("Sluice/{}", stack.name);
    let search = format!(
        "SEARCH('{{\"{namespace}\",{}}} MetricName=\"{metric}\"', '{statistic}', 300)",
        dimensions.join(",")
    );
    let label = dimensions.map(|name| format!("${{PROP('Dim.{name}')}}"));
    let label = label.join(&SEPARATOR.to_string());
    let series = query(
        stack,
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

/// The age of a queue's oldest message, in seconds, as SQS last reported it within the span.
pub async fn oldest_s(
    stack: &Stack,
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
    let series = query(stack, &metric, from_ms, until_ms).await?;
    // The newest value is first.
    Ok(series
        .into_iter()
        .next()
        .and_then(|(_, values)| values.first().copied()))
}

async fn query(
    stack: &Stack,
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
        let page: Data = stack
            .aws
            .form("monitoring", VERSION, "GetMetricData", &fields)
            .await?;
        let series = page.result.series.member.into_iter();
        all.extend(series.map(|one| (one.label, one.values.member)));
        let Some(token) = page.result.next_token else {
            break;
        };
        fields.truncate(length);
        fields.push(("NextToken".to_owned(), token));
    }
    Ok(all)
}

/// The answer to `GetMetricData`.
#[derive(Debug, Deserialize)]
struct Data {
    #[serde(rename = "GetMetricDataResult")]
    result: DataResult,
}

#[derive(Debug, Deserialize)]
struct DataResult {
    #[serde(rename = "MetricDataResults", default = "list")]
    series: List<Series>,
    #[serde(rename = "NextToken")]
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    #[serde(default)]
    label: String,
    #[serde(default = "list")]
    values: List<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_values_are_read_from_cloudwatchs_answer() {
        let xml = "<GetMetricDataResponse><GetMetricDataResult><MetricDataResults><member><Timestamps>\
            <member>2026-01-01T00:00:00Z</member></Timestamps><StatusCode>Complete</StatusCode><Values>\
            <member>2.0</member><member>3.5</member></Values><Id>m1</Id><Label>ingest|accepted</Label></member>\
            <member><Timestamps/><Values></Values><Label>a &amp; b</Label></member></MetricDataResults>\
            <Messages/></GetMetricDataResult></GetMetricDataResponse>";
        let data: Data = crate::xml::read("GetMetricData", xml).expect("it is read");
        let found = data.result.series.member;
        assert_eq!(
            (found[0].label.as_str(), &found[0].values.member[..]),
            ("ingest|accepted", &[2.0, 3.5][..])
        );
        assert_eq!(
            (found[1].label.as_str(), &found[1].values.member[..]),
            ("a & b", &[][..])
        );
    }
}
