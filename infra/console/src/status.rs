//! `sluice status`: a stack's health at a glance.
//!
//! Where each number comes from: what waits is asked of the ledger and the queues, now. What happened in the last hour and
//! day was counted by the functions' log lines: in AWS CloudWatch has the sums as metrics; here, where nobody sums them,
//! the lines themselves are read. Completeness is reconcile's own report. What can't be known is said to be unknown, never
//! shown as 0.

mod troubles;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_adapters::clock::SystemClock;
use sluice_adapters::inspect;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::listing::BATCH_MAX;
use sluice_kernel::endpoint::{self, Payload};
use sluice_kernel::ledger::DueLedger;
use sluice_kernel::reconcile::report::Report;

use crate::context::Context;
use crate::event::list::{Filter, listing, timeline};
use crate::output::{BAD, Cell, DIM, GOOD, PLAIN, WARN, fields, paint, table};
use crate::problem::Problem;
use crate::reconcile::{summary, uncovered};
use crate::times::{now_ms, span};
use crate::{logs, metrics};
use troubles::troubles;

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

/// What the functions' lines counted over a span.
#[derive(Debug, Default)]
struct Counts {
    /// By function and outcome.
    outcomes: BTreeMap<[String; 2], f64>,
    /// By code.
    codes: BTreeMap<[String; 1], f64>,
    /// There were more lines than are read: the counts are at least these.
    cut: bool,
}

impl Counts {
    fn of(&self, function: &str, outcome: &str) -> f64 {
        let key = [function.to_owned(), outcome.to_owned()];
        self.outcomes.get(&key).copied().unwrap_or_default()
    }

    fn all_of(&self, function: &str) -> f64 {
        let all = self
            .outcomes
            .iter()
            .filter(|([name, _], _)| name == function);
        all.map(|(_, count)| count).sum()
    }
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

/// A domain's queue and what was made of its messages.
#[derive(Debug, Default)]
struct Queue {
    domain: String,
    depth: u64,
    in_flight: u64,
    dead: u64,
    oldest_s: Option<f64>,
}

/// Shows it.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let now_ms = now_ms();
    let waiting = waiting(context, now_ms).await?;
    let mut queues = Vec::new();
    for domain in context.domains() {
        queues.push(queue(context, domain, now_ms).await?);
    }
    let undelivered = match context.queues.get("rule_dead_letters") {
        Some(url) => Some(depth(context, url).await?.0),
        None => None,
    };
    let hour = counts(context, now_ms - HOUR_MS, now_ms).await;
    let day = counts(context, now_ms - DAY_MS, now_ms).await;
    let unknown: Vec<_> = [&hour, &day]
        .iter()
        .filter_map(|counts| counts.as_ref().err())
        .map(ToString::to_string)
        .collect();
    let (hour, day) = (hour.ok(), day.ok());
    let report = inspect::last_report(context.aws.sdk(), context.table("ledger")?).await?;
    let swept_ms = last_sweep(context, now_ms).await.ok().flatten();
    let troubles = troubles(
        &waiting,
        &queues,
        undelivered,
        hour.as_ref(),
        report.as_ref(),
    );

    if context.out.is_json() {
        context.out.value(&json!({
            "stack": context.stack, "at_ms": now_ms, "last_hour": hour.as_ref().map(in_json), "last_day": day.as_ref().map(in_json),
            "due": waiting.due, "overdue": waiting.overdue, "held": waiting.held, "lapsed": waiting.lapsed,
            "waiting_for_configuration": waiting.misfits, "kept_on_purpose": waiting.kept,
            "looked_at": waiting.looked_at, "undelivered": undelivered,
            "queues": queues.iter().map(|queue| json!({
                "domain": queue.domain, "depth": queue.depth, "in_flight": queue.in_flight,
                "dead_letters": queue.dead, "oldest_s": queue.oldest_s,
            })).collect::<Vec<_>>(),
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
    let endpoints = context.endpoints().await.unwrap_or_default();
    let is_listed = |kind: &str| {
        let payload = Payload::of(kind);
        endpoints.is_empty() || endpoints.values().any(|one| one.payload == payload)
    };
    let table = context.table("ledger")?.to_owned();
    let ledger = DynamoLedger::new(context.aws.sdk(), table, SystemClock);
    let mut waiting = Waiting {
        due: ledger.due(i64::MAX, DUE_MAX).await?.len(),
        overdue: ledger.due(now_ms - OVERDUE_MS, DUE_MAX).await?.len(),
        ..Waiting::default()
    };
    let wanted = Filter::default().wanted(now_ms - DAY_MS, now_ms + 1, true);
    let (mut walk, listing) = (timeline(context)?.walk(wanted), listing(context)?);
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

async fn queue(context: &Context, domain: &str, now_ms: i64) -> Result<Queue, Problem> {
    let url = |name: &str| {
        let url = context.queues.get(name);
        url.ok_or_else(|| Problem::NotFound(format!("the stack has no queue {name}")))
    };
    let own = url(domain)?;
    let (depth_now, in_flight) = depth(context, own).await?;
    let (dead, _) = depth(context, url(&format!("{domain}_dead_letters"))?).await?;
    let oldest_s = match context.aws.is_real() {
        // Without the permission to read metrics the rest is still worth showing.
        true => metrics::oldest_s(context, own, now_ms - 10 * 60_000, now_ms)
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
    })
}

/// How many messages a queue holds: waiting, and in flight.
pub(crate) async fn depth(context: &Context, url: &str) -> Result<(u64, u64), Problem> {
    let names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
    ];
    let input = json!({ "QueueUrl": url, "AttributeNames": names });
    let answer = context
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

async fn counts(context: &Context, from_ms: i64, until_ms: i64) -> Result<Counts, Problem> {
    if context.aws.is_real() {
        return Ok(Counts {
            outcomes: metrics::sums(
                context,
                "events",
                ["function", "outcome"],
                from_ms,
                until_ms,
            )
            .await?,
            codes: metrics::sums(context, "Faults", ["code"], from_ms, until_ms).await?,
            cut: false,
        });
    }
    let mut counts = Counts::default();
    for function in context.log_groups.keys() {
        let found = logs::search(context, function, None, from_ms, until_ms).await?;
        counts.cut |= found.cut;
        for line in found.lines {
            if let Some(outcome) = line.fields["outcome"].as_str() {
                *counts
                    .outcomes
                    .entry([function.clone(), outcome.to_owned()])
                    .or_default() += 1.0;
            }
            if let Some(code) = line.fields["code"].as_str() {
                *counts.codes.entry([code.to_owned()]).or_default() += 1.0;
            }
        }
    }
    Ok(counts)
}

async fn last_sweep(context: &Context, now_ms: i64) -> Result<Option<i64>, Problem> {
    let found = logs::search(context, "sweep", None, now_ms - SWEEP_MS, now_ms).await?;
    let runs = found.lines.iter().rev();
    let mut runs = runs.filter(|line| line.fields["published"].is_number());
    Ok(runs.next().map(|line| line.at_ms))
}

fn in_json(counts: &Counts) -> Value {
    let mut functions = BTreeMap::<_, BTreeMap<_, _>>::new();
    for ([function, outcome], count) in &counts.outcomes {
        functions
            .entry(function)
            .or_default()
            .insert(outcome, count);
    }
    let codes: BTreeMap<_, _> = counts
        .codes
        .iter()
        .map(|([code], count)| (code, count))
        .collect();
    json!({ "outcomes": functions, "codes": codes, "at_least": counts.cut })
}

/// A count, or that it is unknown.
fn number(counts: Option<&Counts>, count: impl Fn(&Counts) -> f64) -> String {
    match counts {
        None => "unknown".to_owned(),
        Some(counts) if counts.cut => format!("≥ {:.0}", count(counts)),
        Some(counts) => format!("{:.0}", count(counts)),
    }
}

fn door(context: &Context, hour: Option<&Counts>, day: Option<&Counts>) -> String {
    let received = |counts: &Counts| counts.all_of("ingest");
    let mut rows = vec![[
        Cell::from("received"),
        number(hour, received).into(),
        number(day, received).into(),
    ]];
    for (outcome, style) in [
        ("accepted", GOOD),
        ("duplicate", PLAIN),
        ("queued", WARN),
        ("held", PLAIN),
        ("test", PLAIN),
        ("refused", WARN),
        ("failed", BAD),
        ("conflict", BAD),
    ] {
        let of = |counts: &Counts| counts.of("ingest", outcome);
        rows.push([
            Cell::new(style, outcome),
            number(hour, of).into(),
            number(day, of).into(),
        ]);
    }
    table([context.stack.as_str(), "last hour", "last day"], &rows)
}

fn codes(hour: Option<&Counts>, day: Option<&Counts>) -> String {
    let Some(of_day) = day.filter(|day| !day.codes.is_empty()) else {
        return String::new();
    };
    let rows: Vec<_> = of_day
        .codes
        .keys()
        .map(|key| {
            let of = |counts: &Counts| counts.codes.get(key).copied().unwrap_or_default();
            [
                Cell::from(&*key[0]),
                number(hour, of).into(),
                number(day, of).into(),
            ]
        })
        .collect();
    format!("\n{}", table(["code", "last hour", "last day"], &rows))
}

fn domains(queues: &[Queue], hour: Option<&Counts>, day: Option<&Counts>) -> String {
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
        "dead",
    ];
    table(heading, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::without_colour;

    pub(super) fn counts() -> Counts {
        let key = |function: &str, outcome: &str| [function.to_owned(), outcome.to_owned()];
        Counts {
            outcomes: BTreeMap::from([
                (key("ingest", "accepted"), 7.0),
                (key("ingest", "refused"), 2.0),
                (key("payments", "rejected"), 1.0),
            ]),
            codes: BTreeMap::from([(["signature.no_match".to_owned()], 2.0)]),
            cut: false,
        }
    }

    #[test]
    fn what_is_not_known_is_said_to_be_unknown_and_a_cut_count_is_at_least_that() {
        let mut some = counts();
        assert_eq!(number(None, |counts| counts.all_of("ingest")), "unknown");
        assert_eq!(number(Some(&some), |counts| counts.all_of("ingest")), "9");
        some.cut = true;
        assert_eq!(number(Some(&some), |counts| counts.all_of("ingest")), "≥ 9");
        assert!(without_colour(&codes(Some(&some), Some(&some))).contains("signature.no_match"));
    }
}
