//! The domains' queues: what waits in them, what fails, and what was given up.

use super::counts::{Counts, number};
use super::failing::Failing;
use crate::context::Context;
use crate::output::{BAD, Cell, DIM, table};
use sluice_operations::metrics;
use sluice_operations::problem::Problem;
use sluice_operations::queues;
use sluice_operations::times::span;

/// A domain's queue and what was made of its messages.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) domain: String,
    pub(super) depth: u64,
    pub(super) in_flight: u64,
    pub(super) dead: u64,
    pub(super) oldest_s: Option<f64>,
    /// Messages that failed in the last hour; none where it isn't known.
    pub(super) failing: Option<Failing>,
}

/// Asks how a domain's queue is.
pub(super) async fn queue(context: &Context, domain: &str, now_ms: i64) -> Result<Queue, Problem> {
    let url = |name: &str| {
        let url = context.stack.queues.get(name);
        url.ok_or_else(|| Problem::NotFound(format!("the stack has no queue {name}")))
    };
    let own = url(domain)?;
    let (depth_now, in_flight) = depth(context, own).await?;
    let (dead, _) = depth(context, url(&format!("{domain}_dead_letters"))?).await?;
    let oldest_s = match context.stack.aws.is_real() {
        // Without the permission to read metrics the rest is still worth showing.
        true => metrics::oldest_s(&context.stack, own, now_ms - 10 * 60_000, now_ms)
            .await
            .ok()
            .flatten(),
        false => None,
    };
    Ok(Queue {
        domain: domain.to_owned(),
        depth: depth_now,
        in_flight,
        dead,
        oldest_s,
        failing: None,
    })
}

/// How many messages a queue holds: waiting, and in flight.
pub(super) async fn depth(context: &Context, url: &str) -> Result<(u64, u64), Problem> {
    queues::depth(&context.stack, url).await
}

/// The domains' queues, and what was made of their messages.
pub(super) fn domains(queues: &[Queue], hour: Option<&Counts>, day: Option<&Counts>) -> String {
    let both = |outcome: &str, domain: &str| {
        let of = |counts: &Counts| counts.of(domain, outcome);
        format!("{} / {}", number(hour, of), number(day, of))
    };
    let rows: Vec<_> = queues
        .iter()
        .map(|queue| {
            let domain = queue.domain.as_str();
            let dead = if queue.dead > 0 { BAD } else { DIM };
            let oldest = queue.oldest_s.map(|s| span(1_000 * s as i64));
            [
                Cell::from(domain),
                both("applied", domain).into(),
                both("stale", domain).into(),
                both("rejected", domain).into(),
                both("failed", domain).into(),
                format!("{} + {}", queue.depth, queue.in_flight).into(),
                oldest.unwrap_or_else(|| "unknown".to_owned()).into(),
                failing(queue),
                Cell::new(dead, queue.dead.to_string()),
            ]
        })
        .collect();
    let heading = [
        "domain, hour / day",
        "applied",
        "stale",
        "rejected",
        "failed",
        "queued + at work",
        "oldest",
        "failing",
        "dead",
    ];
    table(heading, &rows)
}

/// How often the message was received that failed most often, and how old it was.
fn failing(queue: &Queue) -> Cell {
    match &queue.failing {
        None => Cell::new(DIM, "unknown"),
        Some(failing) if failing.receives == 0.0 => Cell::new(DIM, "none"),
        Some(failing) => {
            let style = if failing.is_lasting() { BAD } else { DIM };
            let age = match failing.lag_ms {
                Some(lag_ms) => format!(", {}", span(lag_ms as i64)),
                None => String::new(),
            };
            Cell::new(style, format!("×{:.0}{age}", failing.receives))
        }
    }
}
