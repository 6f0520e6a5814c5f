//! CloudWatch's metrics of a stack in AWS: what the functions' log lines counted, and what the queues hold.
//!
//! All that is wanted for one span is asked with one `GetMetricData` ([`ask`]): CloudWatch bills each metric that an
//! answer contains, whatever the number of calls.

use aws_smithy_types::date_time::{DateTime, Format};
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

/// A question: a metric of the functions' lines by its dimensions, or a metric of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The fields of the query, without its place in the call.
    fields: Vec<(String, String)>,
}

impl Question {
    /// A metric of the functions' lines, for each combination of these dimensions' values. `only` limits the values:
    /// each as CloudWatch's search takes it, e.g. `outcome="applied"`.
    pub fn of_lines(
        stack: &Stack,
        metric: &str,
        dimensions: &[&str],
        only: &str,
        statistic: &str,
        period_s: i64,
    ) -> Self {
        let namespace = format!("Sluice/{}", stack.name);
        let search = format!(
            "SEARCH('{{\"{namespace}\",{}}} MetricName=\"{metric}\" {only}', '{statistic}', {period_s})",
            dimensions.join(",")
        );
        let label = dimensions
            .iter()
            .map(|name| format!("${{PROP('Dim.{name}')}}"));
        let label = label.collect::<Vec<_>>().join(&SEPARATOR.to_string());
        let fields = [("Expression", search), ("Label", label)];
        Self {
            fields: fields.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    /// The greatest value of a queue's metric in each period. Its label is `name`.
    pub fn of_queue(metric: &str, queue_url: &str, name: &str, period_s: i64) -> Self {
        let queue = queue_url.rsplit('/').next().unwrap_or_default();
        let stat = "MetricStat.Metric";
        let fields = [
            (format!("{stat}.Namespace"), "AWS/SQS".to_owned()),
            (format!("{stat}.MetricName"), metric.to_owned()),
            (
                format!("{stat}.Dimensions.member.1.Name"),
                "QueueName".to_owned(),
            ),
            (
                format!("{stat}.Dimensions.member.1.Value"),
                queue.to_owned(),
            ),
            ("MetricStat.Period".to_owned(), period_s.to_string()),
            ("MetricStat.Stat".to_owned(), "Maximum".to_owned()),
            ("Label".to_owned(), name.to_owned()),
        ];
        Self {
            fields: fields.into(),
        }
    }
}

/// The values of one metric.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Points {
    /// The place of the question in the list of questions.
    pub question: usize,
    /// The values of the dimensions, in the question's order; a queue's name.
    pub key: Vec<String>,
    /// When each period began, in milliseconds, and its value; periods without a value are left out.
    pub values: Vec<(i64, f64)>,
}

impl Points {
    /// A dimension's value; empty if there is none at this place.
    pub fn dimension(&self, place: usize) -> &str {
        self.key.get(place).map_or("", String::as_str)
    }
}

/// Asks all of it with one call, or with a few if the answer has more than a page.
///
/// # Errors
/// When CloudWatch can't be asked.
pub async fn ask(
    stack: &Stack,
    questions: &[Question],
    from_ms: i64,
    until_ms: i64,
) -> Result<Vec<Points>, Problem> {
    let mut fields = fields(questions, from_ms, until_ms);
    let length = fields.len();
    let mut all = Vec::new();
    for _ in 0..PAGES_MAX {
        let page: Data = stack
            .aws
            .form("monitoring", VERSION, "GetMetricData", &fields)
            .await?;
        all.extend(page.result.series.member.into_iter().map(Points::from));
        let Some(token) = page.result.next_token.filter(|token| !token.is_empty()) else {
            break;
        };
        fields.truncate(length);
        fields.push(("NextToken".to_owned(), token));
    }
    Ok(all)
}

fn fields(questions: &[Question], from_ms: i64, until_ms: i64) -> Vec<(String, String)> {
    let mut fields = vec![
        ("StartTime".to_owned(), time_of_ms(from_ms)),
        ("EndTime".to_owned(), time_of_ms(until_ms)),
        ("ScanBy".to_owned(), "TimestampAscending".to_owned()),
    ];
    for (place, question) in questions.iter().enumerate() {
        let member = format!("MetricDataQueries.member.{}", place + 1);
        fields.push((format!("{member}.Id"), format!("m{place}")));
        let own = question.fields.iter();
        fields.extend(own.map(|(name, value)| (format!("{member}.{name}"), value.clone())));
    }
    fields
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
    id: String,
    #[serde(default)]
    label: String,
    #[serde(default = "list")]
    timestamps: List<String>,
    #[serde(default = "list")]
    values: List<f64>,
}

impl From<Series> for Points {
    fn from(series: Series) -> Self {
        let ms = |text: &String| {
            let at = DateTime::from_str(text, Format::DateTimeWithOffset).ok();
            at.and_then(|at| at.to_millis().ok())
        };
        let times = series.timestamps.member.iter().map(ms);
        let values = times.zip(series.values.member);
        let place = series.id.strip_prefix('m').and_then(|id| id.parse().ok());
        Self {
            // An id that no question has belongs to none of them.
            question: place.unwrap_or(usize::MAX),
            key: series.label.split(SEPARATOR).map(str::to_owned).collect(),
            values: values
                .filter_map(|(at_ms, value)| Some((at_ms?, value)))
                .collect(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What CloudWatch's answer says.
    pub(crate) fn read(xml: &str) -> Vec<Points> {
        let data: Data = crate::xml::read("GetMetricData", xml).expect("it is read");
        let series = data.result.series.member;
        series.into_iter().map(Points::from).collect()
    }

    #[test]
    fn labels_times_and_values_are_read_from_cloudwatchs_answer() {
        let xml = "<GetMetricDataResponse><GetMetricDataResult><MetricDataResults><member><Timestamps>\
            <member>2026-01-01T00:00:00Z</member><member>2026-01-01T00:05:00Z</member></Timestamps>\
            <StatusCode>Complete</StatusCode><Values><member>2.0</member><member>3.5</member></Values><Id>m1</Id>\
            <Label>ingest|accepted</Label></member><member><Timestamps/><Values></Values><Label>a &amp; b</Label>\
            </member></MetricDataResults><Messages/></GetMetricDataResult></GetMetricDataResponse>";
        let found = read(xml);
        assert_eq!(found[0].question, 1);
        assert_eq!(
            (found[0].dimension(0), found[0].dimension(1)),
            ("ingest", "accepted")
        );
        let at_ms = 1_767_225_600_000;
        assert_eq!(found[0].values, [(at_ms, 2.0), (at_ms + 300_000, 3.5)]);
        assert_eq!(
            (found[1].dimension(0), found[1].dimension(1)),
            ("a & b", "")
        );
        assert_eq!(found[1].values, []);
    }

    #[test]
    fn every_question_of_a_call_has_a_place_of_its_own() {
        let stack = Stack::for_tests();
        let questions = [
            Question::of_lines(&stack, "events", &["function", "outcome"], "", "Sum", 60),
            Question::of_queue("Age", "https://q/1/payments", "payments", 60),
        ];
        let fields = fields(&questions, 0, 60_000);
        let value = |name: &str| {
            let mut all = fields.iter().filter(|(one, _)| one == name);
            let found = all.next().map(|(_, value)| value.as_str());
            assert_eq!(all.next(), None, "{name} is there once");
            found.unwrap_or_default()
        };
        assert_eq!(value("MetricDataQueries.member.1.Id"), "m0");
        assert_eq!(
            value("MetricDataQueries.member.1.Expression"),
            "SEARCH('{\"Sluice/sluice\",function,outcome} MetricName=\"events\" ', 'Sum', 60)"
        );
        let queue = "MetricDataQueries.member.2";
        assert_eq!(value(&format!("{queue}.Id")), "m1");
        assert_eq!(
            value(&format!(
                "{queue}.MetricStat.Metric.Dimensions.member.1.Value"
            )),
            "payments"
        );
    }
}
