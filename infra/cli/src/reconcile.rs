//! `sluice reconcile`: the last reports, or a run now.

use clap::Args as ClapArgs;
use sluice_kernel::reconcile::report::{AccountsFrom, Report};
use sluice_operations::actor::reason;
use sluice_operations::problem::Problem;
use sluice_operations::reconcile::{Reported, begin, last, plan, trouble};
pub(crate) use sluice_operations::reconcile::{summary, uncovered};
use sluice_operations::runs::Confirmed;
use sluice_operations::times::{span, time_of_ms};

use crate::context::Context;
use crate::output::{BAD, Cell, PLAIN, WARN, paint, table};

/// The reason that is recorded if none is given.
const WHY: &str = "compared from the terminal";

const EXAMPLES: &str = r#"Examples:
  sluice reconcile                 the last reports
  sluice reconcile --last 1 --json the last one, for a script
  sluice reconcile --run           compares now, until nothing is left, as a run on record

"ties" are states that are a guess until Stripe is asked; those of a mode without an API key wait for one.
"never made" are events that Stripe says it failed to make, whose objects were looked at instead. What the newest run doesn't
cover is listed below the table; with --json, each report has it in fields.

Exit code 4: something was missing, the last run was stopped, an account or mode could not be compared (unless it is just
unreachable), or there is no API key."#;

/// The options.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Runs now, again and again until nothing is left to compare, and shows what was found.
    #[arg(long)]
    run: bool,
    /// Why it is run now: part of its record.
    #[arg(long, requires = "run", value_name = "TEXT")]
    why: Option<String>,
    /// How many reports to show, the newest first.
    #[arg(long, default_value_t = 10, conflicts_with = "run")]
    last: u16,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let reports = match args.run {
        true => compare(context, args.why.as_deref()).await?,
        false => last(&context.stack, args.last).await?,
    };
    if reports.is_empty() {
        return Err(Problem::NotFound(
            "no reconcile has run yet; `sluice reconcile --run` runs one".to_owned(),
        ));
    }
    print(context, &reports)?;
    context.out.flush()?;
    match reports.first().and_then(trouble) {
        Some(wrong) => Err(Problem::Partly(wrong)),
        None => Ok(()),
    }
}

/// Compares now, as a run that is recorded.
async fn compare(context: &Context, why: Option<&str>) -> Result<Vec<Report>, Problem> {
    let stack = &context.stack;
    let plan = plan(stack).await?;
    let confirmed = Confirmed {
        run: plan.name().to_owned(),
        plan: plan.digest(),
        reason: reason(stack, why, WHY).await?,
    };
    let mut say = |_: &Report| {
        eprintln!("  a bounded run has ended with more to compare: continuing");
    };
    let comparison = begin(stack, confirmed).await?;
    comparison.run(stack, &mut say).await
}

fn print(context: &Context, reports: &[Report]) -> Result<(), Problem> {
    if context.out.is_json() {
        for report in reports {
            context.out.value(&Reported::from(report.clone()))?;
        }
        return Ok(());
    }
    let rows: Vec<_> = reports.iter().map(row).collect();
    let heading = [
        "began",
        "seen",
        "missing",
        "stuck",
        "recovered",
        "ties",
        "checked",
        "drifted",
        "never made",
        "complete",
        "accounts",
        "failed",
        "behind",
        "stopped by",
    ];
    context.out.text(table(heading, &rows))?;
    for line in reports.first().map(uncovered).unwrap_or_default() {
        context
            .out
            .line(paint(WARN, format!("not covered: {line}")))?;
    }
    Ok(())
}

fn row(report: &Report) -> [Cell; 14] {
    let bad = |count: u64| {
        let style = if count > 0 { BAD } else { PLAIN };
        Cell::new(style, count.to_string())
    };
    let accounts = match report.accounts_from {
        AccountsFrom::Api => Cell::from("all"),
        AccountsFrom::Seen => Cell::new(WARN, "those seen"),
        AccountsFrom::Unknown => Cell::new(BAD, "unknown"),
    };
    let complete = report.completeness_percent();
    [
        time_of_ms(report.began_ms).into(),
        report.seen.to_string().into(),
        bad(report.missing),
        bad(report.stuck),
        report.recovered.to_string().into(),
        ties(report),
        report.checked.to_string().into(),
        report
            .drifted
            .map_or_else(|| "?".to_owned(), |count| count.to_string())
            .into(),
        match report.ungenerated_code {
            Some(_) => Cell::new(WARN, "?"),
            None => report.ungenerated.to_string().into(),
        },
        complete
            .map_or_else(|| "-".to_owned(), |percent| format!("{percent:.2} %"))
            .into(),
        accounts,
        bad(report.scopes_failed),
        match report.is_behind() {
            true => Cell::new(BAD, span(1_000 * report.behind_s)),
            false => span(1_000 * report.behind_s).into(),
        },
        Cell::new(BAD, report.stopped.clone().unwrap_or_default()),
    ]
}

/// The number of ties, and how many of them can't be resolved because a key is missing.
fn ties(report: &Report) -> Cell {
    match report.ties_without_key {
        0 => report.ties.to_string().into(),
        waiting => Cell::new(WARN, format!("{} ({waiting} without a key)", report.ties)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::without_colour;

    #[test]
    fn a_row_says_how_complete_it_is_and_which_ties_nobody_can_ask_about() {
        let report = Report {
            seen: 200,
            missing: 2,
            recovered: 2,
            ties: 5,
            ties_without_key: 3,
            ..Report::default()
        };
        let text = without_colour(&table([""; 14], &[row(&report)]));
        assert!(text.contains("99.00 %"), "{text}");
        assert!(text.contains("5 (3 without a key)"), "{text}");
    }
}
