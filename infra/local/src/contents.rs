//! What a stack contains, read without its functions: items, messages, and what is put on its bus.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::aws::Aws;
use crate::problem::Problem;
use crate::stack::StackInfo;

/// The attributes of a queue whose sum is the number of its messages: visible, in flight, delayed.
const COUNTS: [&str; 3] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
];

/// Items per page.
const PAGE: usize = 500;

/// Every item of a table, by the table's key in [`StackInfo::tables`], in DynamoDB's JSON.
///
/// # Errors
/// When there is no such table, or the emulator doesn't answer.
pub fn items(aws: &Aws, info: &StackInfo, table: &str) -> Result<Vec<Value>, Problem> {
    let known = info.tables.get(table);
    let table = known.ok_or_else(|| Problem::Deploy(format!("has no table {table}")))?;
    let mut input = json!({ "TableName": table, "ConsistentRead": true, "Limit": PAGE });
    let mut found = Vec::new();
    loop {
        let mut answer = aws.json("DynamoDB_20120810.Scan", &input)?;
        if let Value::Array(items) = answer["Items"].take() {
            found.extend(items);
        }
        match answer["LastEvaluatedKey"].take() {
            Value::Null => return Ok(found),
            key => input["ExclusiveStartKey"] = key,
        }
    }
}

/// The number of messages in a queue, by its URL: those in flight and those that are delayed included.
///
/// # Errors
/// When there is no such queue, or the emulator doesn't answer.
pub fn depth(aws: &Aws, queue_url: &str) -> Result<u64, Problem> {
    let input = json!({ "QueueUrl": queue_url, "AttributeNames": COUNTS });
    let answer = aws.json("AmazonSQS.GetQueueAttributes", &input)?;
    let count = |name: &str| answer["Attributes"][name].as_str()?.parse::<u64>().ok();
    Ok(COUNTS.into_iter().filter_map(count).sum())
}

/// The number of messages in each of the stack's queues that isn't empty, by the queue's key in [`StackInfo::queues`].
///
/// # Errors
/// When the emulator doesn't answer.
pub fn messages(aws: &Aws, info: &StackInfo) -> Result<BTreeMap<String, u64>, Problem> {
    let mut messages = BTreeMap::new();
    for (name, url) in &info.queues {
        let count = depth(aws, url)?;
        if count > 0 {
            messages.insert(name.clone(), count);
        }
    }
    Ok(messages)
}

/// Creates a queue, and a rule of this name that puts every event on the stack's bus that matches a pattern into that
/// queue. Returns the queue's URL.
///
/// # Errors
/// When the emulator refuses it, or doesn't answer.
pub fn listen(aws: &Aws, info: &StackInfo, name: &str, pattern: &Value) -> Result<String, Problem> {
    let made = aws.json("AmazonSQS.CreateQueue", &json!({ "QueueName": name }))?;
    let bus = &info.bus;
    let rule = json!({
        "Name": name, "EventBusName": bus, "EventPattern": pattern.to_string(), "State": "ENABLED",
    });
    aws.json("AWSEvents.PutRule", &rule)?;
    let arn = format!("arn:aws:sqs:{}:000000000000:{name}", info.region);
    let targets =
        json!({ "Rule": name, "EventBusName": bus, "Targets": [{ "Id": name, "Arn": arn }] });
    aws.json("AWSEvents.PutTargets", &targets)?;
    Ok(made["QueueUrl"].as_str().unwrap_or_default().to_owned())
}
