//! The domains' queues: what waits in them, what fails, and what was given up.

use serde::Serialize;

use super::failing::Failing;
use crate::problem::Problem;
use crate::queues::depth;
use crate::stack::Stack;

/// A domain's queue, and what becomes of its messages.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Queue {
    /// The domain's name.
    pub domain: String,
    /// How many messages wait.
    pub depth: u64,
    /// How many messages a function has at this moment.
    pub in_flight: u64,
    /// How many messages were given up.
    #[serde(rename = "dead_letters")]
    pub dead: u64,
    /// The age of the oldest message that was received fewer than three times, in seconds; none if it isn't known.
    pub oldest_s: Option<f64>,
    /// Messages that failed in the last hour; none if it isn't known.
    pub failing: Option<Failing>,
}

/// Reads the state of a domain's queue.
pub(super) async fn look(stack: &Stack, domain: &str) -> Result<Queue, Problem> {
    let url = |name: &str| {
        let url = stack.queues.get(name);
        url.ok_or_else(|| Problem::NotFound(format!("the stack has no queue {name}")))
    };
    let own = url(domain)?;
    let (depth_now, in_flight) = depth(stack, own).await?;
    let (dead, _) = depth(stack, url(&format!("{domain}_dead_letters"))?).await?;
    Ok(Queue {
        domain: domain.to_owned(),
        depth: depth_now,
        in_flight,
        dead,
        oldest_s: None,
        failing: None,
    })
}
