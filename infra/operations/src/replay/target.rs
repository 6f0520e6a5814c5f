//! Where replayed events go, and what became of them there.

use serde_json::{Value, json};
use sluice_adapters::bus::EventBridgeBus;
use sluice_adapters::runs::replays::DynamoRuns;
use sluice_kernel::bus::{Bus, Outgoing, PublishRefusal};
use sluice_kernel::fault::Fault;
use sluice_kernel::replay::Verdicts;

use crate::aws::Aws;
use crate::code;
use crate::problem::Problem;
use crate::stack::Stack;

/// The bus, or one domain's queue.
#[derive(Debug)]
pub enum Target {
    /// The bus.
    Bus(EventBridgeBus),
    /// A domain's queue.
    Queue {
        /// Where it is.
        aws: Box<Aws>,
        /// Its URL.
        url: String,
    },
}

impl Target {
    /// The queue of this domain; without one, the bus.
    ///
    /// # Errors
    /// `NotFound` if the stack has no such queue, or no bus.
    pub fn of(stack: &Stack, domain: Option<&str>) -> Result<Self, Problem> {
        if let Some(domain) = domain {
            let url = stack.queues.get(domain).cloned();
            let url =
                url.ok_or_else(|| Problem::NotFound(format!("there is no queue of {domain}")))?;
            return Ok(Self::Queue {
                aws: Box::new(stack.aws.clone()),
                url,
            });
        }
        let name = stack.outputs.get("BusName").cloned();
        let name =
            name.ok_or_else(|| Problem::NotFound("the stack has no output BusName".to_owned()))?;
        Ok(Self::Bus(EventBridgeBus::new(stack.aws.sdk(), name)))
    }
}

/// The message that the rule's target writes, as far as consumers read it.
fn envelope(entry: &Outgoing) -> String {
    // The detail stays text: parsing and writing it again would lose number literals.
    let head = json!({ "version": "0", "source": entry.source, "detail-type": entry.detail_type, "resources": [] });
    let head = head.to_string();
    format!(
        "{},\"detail\":{}}}",
        head.trim_end_matches('}'),
        entry.detail
    )
}

impl Bus for Target {
    async fn publish(&self, entries: &[Outgoing]) -> Vec<Result<(), PublishRefusal>> {
        let (aws, url) = match self {
            Self::Bus(bus) => return bus.publish(entries).await,
            Self::Queue { aws, url } => (aws, url),
        };
        let mut fates = Vec::with_capacity(entries.len());
        for some in sluice_kernel::bus::pack(entries) {
            let list: Vec<_> = some
                .iter()
                .enumerate()
                .map(|(n, entry)| json!({ "Id": n.to_string(), "MessageBody": envelope(entry) }))
                .collect();
            let input = json!({ "QueueUrl": url, "Entries": list });
            let answer = aws.json("AmazonSQS.SendMessageBatch", &input).await;
            fates.extend((0..some.len()).map(|n| fate(&answer, n)));
        }
        fates
    }
}

fn fate(answer: &Result<Value, Problem>, n: usize) -> Result<(), PublishRefusal> {
    let later = |cause: String| Err(PublishRefusal::Later { cause });
    let answer = match answer {
        Ok(answer) => answer,
        Err(problem) => return later(problem.to_string()),
    };
    let sent = answer["Successful"].as_array().into_iter().flatten();
    match sent.into_iter().any(|entry| entry["Id"] == *n.to_string()) {
        true => Ok(()),
        false => later("SendMessageBatch: refused".to_owned()),
    }
}

/// What the domains have recorded, and whether their queues are empty.
#[derive(Debug)]
pub struct Outcomes<'a> {
    stack: &'a Stack,
    runs: &'a DynamoRuns,
    domains: Vec<&'a str>,
}

impl<'a> Outcomes<'a> {
    /// Of this domain; without one, of all domains of the stack.
    pub fn of(stack: &'a Stack, runs: &'a DynamoRuns, domain: Option<&'a str>) -> Self {
        let domains = match domain {
            Some(domain) => vec![domain],
            None => stack.domains().collect(),
        };
        Self {
            stack,
            runs,
            domains,
        }
    }
}

impl Verdicts for Outcomes<'_> {
    async fn failed(&self, ids: &[String], since_ms: i64) -> Result<usize, Fault> {
        self.runs.failed(ids, &self.domains, since_ms).await
    }

    async fn is_waiting(&self) -> Result<bool, Fault> {
        const COUNTS: [&str; 2] = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ];
        for domain in &self.domains {
            let Some(url) = self.stack.queues.get(*domain) else {
                continue;
            };
            let input = json!({ "QueueUrl": url, "AttributeNames": COUNTS });
            let answer = self
                .stack
                .aws
                .json("AmazonSQS.GetQueueAttributes", &input)
                .await;
            let answer = answer
                .map_err(|problem| Fault::retry(code::QUEUE_UNAVAILABLE, problem.to_string()))?;
            let count = |name: &str| answer["Attributes"][name].as_str().unwrap_or("0") != "0";
            if COUNTS.into_iter().any(count) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use sluice_kernel::bus::detail;

    use super::*;

    #[test]
    fn a_queue_is_sent_what_a_rules_target_would_write() {
        let entry = Outgoing {
            source: sluice_kernel::bus::SOURCE_EVENTS,
            detail_type: "charge.succeeded".to_owned(),
            detail: r#"{"sluice":{"account":null,"endpoint":"platform","livemode":true,"received_at_ms":1,"traceparent":"00","body":"inline","generation":"run-1"},"id":"evt_1","type":"charge.succeeded","n":1e2}"#.to_owned(),
            traceparent: String::new(),
        };
        let written = envelope(&entry);
        assert!(written.contains("1e2"));
        let message = detail::read(&written).expect("a consumer reads it");
        assert_eq!(message.id, "evt_1");
        assert_eq!(message.tag.emit_mode(), detail::EmitMode::Forced("run-1"));
    }

    #[test]
    fn what_the_queue_does_not_say_it_took_is_refused() {
        let answer = Ok(json!({ "Successful": [{ "Id": "1" }] }));
        assert!(fate(&answer, 0).is_err() && fate(&answer, 1).is_ok());
    }
}
