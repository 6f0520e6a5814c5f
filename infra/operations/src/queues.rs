//! The stack's queues: the URL of each, and how many messages it holds.

use serde_json::json;

use crate::problem::Problem;
use crate::stack::Stack;

/// A queue's URL, by its role: a domain, `<domain>_dead_letters`, `rule_dead_letters` or `bus_dead_letters`.
///
/// # Errors
/// `NotFound` when the stack has none.
pub fn url<'a>(stack: &'a Stack, role: &str) -> Result<&'a str, Problem> {
    let found = stack.queues.get(role).map(String::as_str);
    found.ok_or_else(|| Problem::NotFound(format!("the stack {} has no queue {role}", stack.name)))
}

/// About how many messages a queue holds, waiting and in flight, as SQS counts.
///
/// # Errors
/// `Failed` when SQS can't be asked or doesn't say.
pub async fn depth(stack: &Stack, url: &str) -> Result<(u64, u64), Problem> {
    let names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
    ];
    let input = json!({ "QueueUrl": url, "AttributeNames": names });
    let answer = stack
        .aws
        .json("AmazonSQS.GetQueueAttributes", &input)
        .await?;
    let count = |name: &str| -> Option<u64> { answer["Attributes"][name].as_str()?.parse().ok() };
    match names.map(count) {
        [Some(waiting), Some(in_flight)] => Ok((waiting, in_flight)),
        _ => Err(Problem::Failed(format!(
            "GetQueueAttributes: no depth of {url}"
        ))),
    }
}
