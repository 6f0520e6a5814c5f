//! A stack's health at a glance: what happened, what waits, and what is wrong.
//!
//! What waits is read from the ledger and the queues, now. What happened in the last hour and day comes from the
//! functions' log lines: in AWS, CloudWatch has the sums as metrics; in the local stack, which has no sums, the lines
//! themselves are read. Completeness is reconcile's own report. A number that can't be known is null in the data, never
//! 0, and [`Status::unknown`] says why.
//!
//! # Layout
//! - [`counts`]: what happened. [`failing`]: messages that keep failing.
//! - [`queues`]: the domains' queues. [`waiting`]: what waits in the ledger.
//! - `figures`: CloudWatch's metrics of a stack in AWS. `live`: functions that run something else than what was deployed last. `troubles`: what is wrong, in words.

pub mod counts;
pub mod failing;
mod figures;
mod live;
pub mod queues;
mod troubles;
pub mod waiting;

use std::collections::BTreeMap;

use serde::Serialize;
use sluice_adapters::inspect;
use sluice_kernel::reconcile::report::Report;

use crate::logs;
use crate::problem::Problem;
use crate::queues::depth;
use crate::reconcile::uncovered;
use crate::stack::Stack;
use crate::times::now_ms;
use counts::Counts;
use failing::Failing;
use figures::Figures;
use queues::Queue;
use troubles::{Seen, troubles};
use waiting::Waiting;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Sweep runs each minute: if an event has been due for longer than this, something prevents sweep from publishing it.
pub const OVERDUE_MS: i64 = 5 * 60_000;

/// How far back sweep's last run is looked for.
pub const SWEEP_MS: i64 = 15 * 60_000;

/// A stack's health.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The stack's name.
    pub stack: String,
    /// When the data was read, in milliseconds.
    pub at_ms: i64,
    /// What happened in the last hour; none if it isn't known.
    pub last_hour: Option<Counts>,
    /// What happened in the last day; none if it isn't known.
    pub last_day: Option<Counts>,
    /// What waits in the ledger.
    #[serde(flatten)]
    pub waiting: Waiting,
    /// Dead letters of the bus's rules: messages that no queue took.
    pub undelivered: Option<u64>,
    /// Dead letters of the bus itself: messages that it took and could not process.
    pub unprocessed: Option<u64>,
    /// The domains' queues, by the domains' names.
    pub queues: Vec<Queue>,
    /// One line for each function that runs something else than what was deployed last.
    pub not_as_deployed: Vec<String>,
    /// The share of Stripe's events that the ledger had at reconcile's last run.
    pub completeness_percent: Option<f64>,
    /// Reconcile's last report; none if it has not run.
    pub reconciled: Option<Report>,
    /// What that run doesn't cover, one line each; none if it has not run.
    pub not_covered: Option<Vec<String>>,
    /// When sweep last ended, in milliseconds; none if no line says so within [`SWEEP_MS`].
    pub last_sweep_ms: Option<i64>,
    /// What an operator should look at, one line each.
    pub troubles: Vec<String>,
    /// Why some of it isn't known, one line each; not part of the JSON.
    #[serde(skip)]
    pub unknown: Vec<String>,
}

/// Looks at everything.
///
/// # Errors
/// If the ledger or a queue can't be read; anything else that can't be known is none.
pub async fn look(stack: &Stack) -> Result<Status, Problem> {
    let now_ms = now_ms();
    let waiting = waiting::look(stack, now_ms).await?;
    let mut queues = Vec::new();
    for domain in stack.domains() {
        queues.push(queues::look(stack, domain).await?);
    }
    let dead_letters = async |name: &str| match stack.queues.get(name) {
        Some(url) => depth(stack, url).await.map(|(waiting, _)| Some(waiting)),
        None => Ok(None),
    };
    let undelivered = dead_letters("rule_dead_letters").await?;
    let unprocessed = dead_letters("bus_dead_letters").await?;
    let happened = happened(stack, &mut queues, now_ms).await;
    let live = live::differing(stack).await;
    let unknown = [happened.as_ref().err(), live.as_ref().err()];
    let unknown = unknown.into_iter().flatten().map(ToString::to_string);
    let unknown = unknown.collect();
    let (hour, day) = happened.ok().unzip();
    let live = live.unwrap_or_default();
    let report = inspect::last_report(stack.aws.sdk(), stack.table("ledger")?).await?;
    let last_sweep_ms = last_sweep(stack, now_ms).await.ok().flatten();
    let troubles = troubles(&Seen {
        waiting: &waiting,
        queues: &queues,
        undelivered,
        unprocessed,
        live: &live,
        hour: hour.as_ref(),
        report: report.as_ref(),
    });
    Ok(Status {
        stack: stack.name.clone(),
        at_ms: now_ms,
        last_hour: hour,
        last_day: day,
        waiting,
        undelivered,
        unprocessed,
        queues,
        not_as_deployed: live,
        completeness_percent: report.as_ref().and_then(Report::completeness_percent),
        not_covered: report.as_ref().map(uncovered),
        reconciled: report,
        last_sweep_ms,
        troubles,
        unknown,
    })
}

/// What happened in the last hour and day. It also says of each queue what fails, and how old its oldest message is.
async fn happened(
    stack: &Stack,
    queues: &mut [Queue],
    now_ms: i64,
) -> Result<(Counts, Counts), Problem> {
    if stack.aws.is_real() {
        let figures = Figures::read(stack, now_ms).await?;
        for queue in queues {
            queue.failing = Some(failing::of_figures(&figures, &queue.domain));
            queue.oldest_s = figures.oldest_s(&queue.domain);
        }
        let of = |span_ms| Counts::of_figures(&figures, span_ms);
        return Ok((of(HOUR_MS), of(DAY_MS)));
    }
    let mut failing: BTreeMap<String, Failing> =
        failing::look(stack, now_ms - HOUR_MS, now_ms).await?;
    for queue in queues {
        queue.failing = failing.remove(&queue.domain);
    }
    Ok((
        Counts::between(stack, now_ms - HOUR_MS, now_ms).await?,
        Counts::between(stack, now_ms - DAY_MS, now_ms).await?,
    ))
}

async fn last_sweep(stack: &Stack, now_ms: i64) -> Result<Option<i64>, Problem> {
    let found = logs::search(stack, "sweep", None, now_ms - SWEEP_MS, now_ms).await?;
    let runs = found.lines.iter().rev();
    let mut runs = runs.filter(|line| line.fields["published"].is_number());
    Ok(runs.next().map(|line| line.at_ms))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_is_null_in_json_and_its_reason_is_left_out() {
        let status = Status {
            stack: "sluice".to_owned(),
            at_ms: 7,
            last_hour: None,
            last_day: Some(Counts::default()),
            waiting: Waiting::default(),
            undelivered: None,
            unprocessed: Some(0),
            queues: vec![Queue::default()],
            not_as_deployed: Vec::new(),
            completeness_percent: None,
            reconciled: None,
            not_covered: None,
            last_sweep_ms: None,
            troubles: Vec::new(),
            unknown: vec!["AccessDenied".to_owned()],
        };
        let shown = serde_json::to_value(status).expect("JSON");
        let expected = json!({
            "stack": "sluice", "at_ms": 7, "last_hour": null,
            "last_day": { "outcomes": {}, "codes": {}, "at_least": false },
            "due": 0, "overdue": 0, "held": 0, "lapsed": 0, "waiting_for_configuration": 0, "kept_on_purpose": 0,
            "looked_at": 0, "undelivered": null, "unprocessed": 0,
            "queues": [{
                "domain": "", "depth": 0, "in_flight": 0, "dead_letters": 0, "oldest_s": null, "failing": null,
            }],
            "not_as_deployed": [], "completeness_percent": null, "reconciled": null, "not_covered": null,
            "of_a_list_not_looked_at": 0, "last_sweep_ms": null, "troubles": [],
        });
        assert_eq!(shown, expected);
    }
}
