//! `sluice status`: a stack's health at a glance.
//!
//! Where each number comes from: what waits is asked of the ledger and the queues, now. What happened in the last hour and
//! day was counted by the functions' log lines: in AWS CloudWatch has the sums as metrics; here, where nobody sums them,
//! the lines themselves are read. Completeness is reconcile's own report. What can't be known is said to be unknown, never
//! shown as 0.

mod counts;
mod failing;
mod live;
mod queues;
mod troubles;

use serde_json::json;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::inspect;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::listing::BATCH_MAX;
use sluice_kernel::delivery::endpoint::{self, Payload};
use sluice_kernel::delivery::ledger::DueLedger;
use sluice_kernel::reconcile::report::Report;

use crate::context::Context;
use crate::event::list::Filter;
use crate::output::{BAD, GOOD, WARN, fields, paint};
use crate::reconcile::{summary, uncovered};
use counts::{codes, counts, door, in_json};
pub(crate) use queues::depth;
use queues::{domains, queue};
use sluice_operations::logs;
use sluice_operations::problem::Problem;
use sluice_operations::times::{now_ms, span};
use troubles::{Seen, troubles};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The most entries of the due index that are counted.
const DUE_MAX: usize = 10_000;

/// Sweep runs each minute: what has been due for longer than this, something keeps it from publishing.
const OVERDUE_MS: i64 = 5 * 60_000;

/// How many of the newest events are looked at for held and lapsed claims, which no index finds.
const NEWEST: usize = 500;

/// How far back sweep's last run is looked for.
const SWEEP_MS: i64 = 15 * 60_000;

const EXAMPLES: &str = "Examples:
  sluice status                                        the last hour and day, and what waits now
  sluice --stack sluice-prod status --check            exit code 4 where something isn't well: for cron and CI
  sluice status --json | jq .troubles

What isn't well now is shown here; what is set up wrongly, by sluice doctor.";

/// What to do.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// End with exit code 4 where something isn't well.
    #[arg(long)]
    check: bool,
}

/// What waits, now.
#[derive(Debug, Default)]
struct Waiting {
    due: usize,
    overdue: usize,
    looked_at: usize,
    held: usize,
    lapsed: usize,
    /// Stored, and not published until their endpoint's configuration is corrected.
    misfits: usize,
    /// Stored, and not published on purpose.
    kept: usize,
    /// Of the newest events, those in a format whose list reconcile doesn't look at.
    unlisted: usize,
}

/// Shows it.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let now_ms = now_ms();
    let waiting = waiting(context, now_ms).await?;
    let mut queues = Vec::new();
    for domain in context.stack.domains() {
        queues.push(queue(context, domain, now_ms).await?);
    }
    let dead_letters = async |name: &str| match context.stack.queues.get(name) {
        Some(url) => depth(context, url).await.map(|(waiting, _)| Some(waiting)),
        None => Ok(None),
    };
    let undelivered = dead_letters("rule_dead_letters").await?;
    let unprocessed = dead_letters("bus_dead_letters").await?;
    let failing = failing::failing(context, now_ms - HOUR_MS, now_ms).await;
    for queue in &mut queues {
        queue.failing = failing
            .as_ref()
            .ok()
            .and_then(|all| all.get(&queue.domain).cloned());
    }
    let live = live::differing(context).await;
    let hour = counts(context, now_ms - HOUR_MS, now_ms).await;
    let day = counts(context, now_ms - DAY_MS, now_ms).await;
    let unknown: Vec<_> = [
        hour.as_ref().err(),
        day.as_ref().err(),
        failing.as_ref().err(),
        live.as_ref().err(),
    ]
    .into_iter()
    .flatten()
    .map(ToString::to_string)
    .collect();
    let (hour, day, live) = (hour.ok(), day.ok(), live.unwrap_or_default());
    let report =
        inspect::last_report(context.stack.aws.sdk(), context.stack.table("ledger")?).await?;
    let swept_ms = last_sweep(context, now_ms).await.ok().flatten();
    let troubles = troubles(&Seen {
        waiting: &waiting,
        queues: &queues,
        undelivered,
        unprocessed,
        live: &live,
        hour: hour.as_ref(),
        report: report.as_ref(),
    });

    if context.out.is_json() {
        context.out.value(&json!({
            "stack": context.stack.name, "at_ms": now_ms, "last_hour": hour.as_ref().map(in_json), "last_day": day.as_ref().map(in_json),
            "due": waiting.due, "overdue": waiting.overdue, "held": waiting.held, "lapsed": waiting.lapsed,
            "waiting_for_configuration": waiting.misfits, "kept_on_purpose": waiting.kept,
            "looked_at": waiting.looked_at, "undelivered": undelivered, "unprocessed": unprocessed,
            "queues": queues.iter().map(|queue| json!({
                "domain": queue.domain, "depth": queue.depth, "in_flight": queue.in_flight,
                "dead_letters": queue.dead, "oldest_s": queue.oldest_s,
                "failing": queue.failing.as_ref().map(|failing| json!({
                    "receives": failing.receives, "lag_ms": failing.lag_ms, "lasting": failing.is_lasting(),
                })),
            })).collect::<Vec<_>>(),
            "not_as_deployed": live,
            "completeness_percent": report.as_ref().and_then(Report::completeness_percent), "reconciled": report,
            "not_covered": report.as_ref().map(uncovered), "of_a_list_not_looked_at": waiting.unlisted,
            "last_sweep_ms": swept_ms, "troubles": troubles,
        }))?;
    } else {
        let door = door(context, hour.as_ref(), day.as_ref());
        context.out.text(door)?;
        context.out.text(codes(hour.as_ref(), day.as_ref()))?;
        context.out.line("")?;
        context
            .out
            .text(domains(&queues, hour.as_ref(), day.as_ref()))?;
        context.out.line("")?;
        let ago = |at_ms: i64| format!("{} ago", span(now_ms - at_ms));
        let swept = swept_ms.map_or_else(|| format!("unknown: no line in {}", span(SWEEP_MS)), ago);
        let due = format!(
            "{}, {} of them for more than {}",
            waiting.due,
            waiting.overdue,
            span(OVERDUE_MS)
        );
        let claims = format!(
            "{} held, {} lapsed, of the newest {} of a day",
            waiting.held, waiting.lapsed, waiting.looked_at
        );
        let ledger_only = format!(
            "{} wait for their endpoint's configuration, {} kept on purpose, of the same events",
            waiting.misfits, waiting.kept
        );
        context.out.text(fields(
            "Waiting and checked",
            &[
                ("due", due),
                ("claims", claims),
                ("ledger only", ledger_only),
                (
                    "undelivered",
                    undelivered.map_or_else(
                        || "unknown".to_owned(),
                        |count| format!("{count} that no queue took"),
                    ),
                ),
                (
                    "unprocessed",
                    unprocessed.map_or_else(
                        || "unknown".to_owned(),
                        |count| format!("{count} that the bus took and could not process"),
                    ),
                ),
                ("last sweep", swept),
                ("reconciled", summary(report.as_ref(), now_ms)),
            ],
        ))?;
        for line in report.as_ref().map(uncovered).unwrap_or_default() {
            context
                .out
                .line(paint(WARN, format!("not covered by reconcile: {line}")))?;
        }
        for why in &unknown {
            context.out.line(paint(WARN, format!("unknown: {why}")))?;
        }
        if troubles.is_empty() {
            context.out.line(paint(GOOD, "nothing to worry about"))?;
        }
        for trouble in &troubles {
            context.out.line(paint(BAD, format!("! {trouble}")))?;
        }
    }
    match args.check && !troubles.is_empty() {
        true => Err(Problem::Partly(format!(
            "{} things to look at",
            troubles.len()
        ))),
        false => Ok(()),
    }
}

async fn waiting(context: &Context, now_ms: i64) -> Result<Waiting, Problem> {
    // Without the permission to read the configuration the rest is still worth showing.
    let endpoints = context.stack.endpoints().await.unwrap_or_default();
    let is_listed = |kind: &str| {
        let payload = Payload::of(kind);
        endpoints.is_empty() || endpoints.values().any(|one| one.payload == payload)
    };
    let table = context.stack.table("ledger")?.to_owned();
    let ledger = DynamoLedger::new(context.stack.aws.sdk(), table, SystemClock);
    let mut waiting = Waiting {
        due: ledger.due(i64::MAX, DUE_MAX).await?.len(),
        overdue: ledger.due(now_ms - OVERDUE_MS, DUE_MAX).await?.len(),
        ..Waiting::default()
    };
    let wanted = Filter::default().wanted(now_ms - DAY_MS, now_ms + 1, true);
    let (mut walk, listing) = (
        context.stack.timeline()?.walk(wanted),
        context.stack.listing()?,
    );
    let mut ended = false;
    while !ended && waiting.looked_at < NEWEST {
        let mut batch = Vec::new();
        while batch.len() < BATCH_MAX && !ended {
            match walk.next().await? {
                Some(seen) => batch.push(seen),
                None => ended = true,
            }
        }
        waiting.looked_at += batch.len();
        for listed in listing.look_up(batch).await? {
            waiting.unlisted += usize::from(!is_listed(&listed.seen.kind));
            waiting.held += usize::from(listed.state == "held");
            waiting.lapsed += usize::from(listed.state == "lapsed");
            if listed.state == "ledger_only" {
                match listed.code.as_deref().is_some_and(endpoint::is_waiting) {
                    true => waiting.misfits += 1,
                    false => waiting.kept += 1,
                }
            }
        }
    }
    Ok(waiting)
}

async fn last_sweep(context: &Context, now_ms: i64) -> Result<Option<i64>, Problem> {
    let found = logs::search(&context.stack, "sweep", None, now_ms - SWEEP_MS, now_ms).await?;
    let runs = found.lines.iter().rev();
    let mut runs = runs.filter(|line| line.fields["published"].is_number());
    Ok(runs.next().map(|line| line.at_ms))
}
