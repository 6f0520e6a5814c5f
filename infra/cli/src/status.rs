//! `sluice status`: a stack's health at a glance.

use sluice_operations::problem::Problem;
use sluice_operations::status::counts::Counts;
use sluice_operations::status::queues::Queue;
use sluice_operations::status::waiting::Waiting;
use sluice_operations::status::{OVERDUE_MS, SWEEP_MS, Status, look};
use sluice_operations::times::span;

use crate::context::Context;
use crate::output::{BAD, Cell, DIM, GOOD, PLAIN, WARN, fields, paint, table};
use crate::reconcile::summary;

const EXAMPLES: &str = "Examples:
  sluice status                                        the last hour and day, and what waits now
  sluice --stack sluice-prod status --check            exit code 4 if something isn't well: for cron and CI
  sluice status --json | jq .troubles

What isn't well now is shown here; what is set up wrongly, by sluice doctor.";

/// What to do.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// End with exit code 4 if something isn't well.
    #[arg(long)]
    check: bool,
}

/// Shows it.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let status = look(&context.stack).await?;
    match context.out.is_json() {
        true => context.out.value(&status)?,
        false => print(context, &status)?,
    }
    match status.troubles.len() {
        count if args.check && count > 0 => {
            Err(Problem::Partly(format!("{count} things to look at")))
        }
        _ => Ok(()),
    }
}

fn print(context: &Context, status: &Status) -> Result<(), Problem> {
    let Status {
        last_hour,
        last_day,
        not_covered,
        troubles,
        unknown,
        ..
    } = status;
    let (hour, day) = (last_hour.as_ref(), last_day.as_ref());
    context.out.text(deliveries(&status.stack, hour, day))?;
    context.out.text(codes(hour, day))?;
    context.out.line("")?;
    context.out.text(domains(&status.queues, hour, day))?;
    context.out.line("")?;
    context.out.text(waiting(status))?;
    for line in not_covered.iter().flatten() {
        context
            .out
            .line(paint(WARN, format!("not covered by reconcile: {line}")))?;
    }
    for why in unknown {
        context.out.line(paint(WARN, format!("unknown: {why}")))?;
    }
    if troubles.is_empty() {
        context.out.line(paint(GOOD, "nothing to worry about"))?;
    }
    for trouble in troubles {
        context.out.line(paint(BAD, format!("! {trouble}")))?;
    }
    Ok(())
}

/// A count, or that it is unknown.
fn number(counts: Option<&Counts>, count: impl Fn(&Counts) -> f64) -> String {
    match counts {
        None => "unknown".to_owned(),
        Some(counts) if counts.cut => format!("≥ {:.0}", count(counts)),
        Some(counts) => format!("{:.0}", count(counts)),
    }
}

/// The outcomes of deliveries.
fn deliveries(stack: &str, hour: Option<&Counts>, day: Option<&Counts>) -> String {
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
    table([stack, "last hour", "last day"], &rows)
}

/// Counts of refusals and faults, by code.
fn codes(hour: Option<&Counts>, day: Option<&Counts>) -> String {
    let Some(of_day) = day.filter(|day| !day.codes.is_empty()) else {
        return String::new();
    };
    let rows: Vec<_> = of_day
        .codes
        .keys()
        .map(|code| {
            let of = |counts: &Counts| counts.codes.get(code).copied().unwrap_or_default();
            [
                Cell::from(code.as_str()),
                number(hour, of).into(),
                number(day, of).into(),
            ]
        })
        .collect();
    format!("\n{}", table(["code", "last hour", "last day"], &rows))
}

/// The domains' queues, and the outcomes of their messages.
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

/// How often the message that failed most often was received, and how old it was.
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

/// What waits, and what was last checked.
fn waiting(status: &Status) -> String {
    let Waiting {
        due,
        overdue,
        looked_at,
        held,
        lapsed,
        misfits,
        kept,
        ..
    } = status.waiting;
    let now_ms = status.at_ms;
    let counted = |count: Option<u64>, what: &str| match count {
        None => "unknown".to_owned(),
        Some(count) => format!("{count} {what}"),
    };
    let last_sweep = match status.last_sweep_ms {
        None => format!("unknown: no line in {}", span(SWEEP_MS)),
        Some(at_ms) => format!("{} ago", span(now_ms - at_ms)),
    };
    fields(
        "Waiting and checked",
        &[
            (
                "due",
                format!(
                    "{due}, {overdue} of them for more than {}",
                    span(OVERDUE_MS)
                ),
            ),
            (
                "claims",
                format!("{held} held, {lapsed} lapsed, of the newest {looked_at} of a day"),
            ),
            (
                "ledger only",
                format!(
                    "{misfits} wait for their endpoint's configuration, {kept} kept on purpose, of the same events"
                ),
            ),
            (
                "undelivered",
                counted(status.undelivered, "that no queue took"),
            ),
            (
                "unprocessed",
                counted(
                    status.unprocessed,
                    "that the bus took and could not process",
                ),
            ),
            ("last sweep", last_sweep),
            ("reconciled", summary(status.reconciled.as_ref(), now_ms)),
        ],
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::output::without_colour;

    #[test]
    fn what_is_not_known_is_said_to_be_unknown_and_a_cut_count_is_at_least_that() {
        let ingest = BTreeMap::from([("accepted".to_owned(), 7.0), ("refused".to_owned(), 2.0)]);
        let mut some = Counts {
            outcomes: BTreeMap::from([("ingest".to_owned(), ingest)]),
            codes: BTreeMap::from([("signature.no_match".to_owned(), 2.0)]),
            cut: false,
        };
        assert_eq!(number(None, |counts| counts.all_of("ingest")), "unknown");
        assert_eq!(number(Some(&some), |counts| counts.all_of("ingest")), "9");
        some.cut = true;
        assert_eq!(number(Some(&some), |counts| counts.all_of("ingest")), "≥ 9");
        assert!(without_colour(&codes(Some(&some), Some(&some))).contains("signature.no_match"));
    }
}
