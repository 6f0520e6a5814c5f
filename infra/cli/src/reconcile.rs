//! `sluice reconcile`: the last reports, or a run now.

use clap::Args as ClapArgs;
use serde_json::json;
use sluice_adapters::notes;
use sluice_kernel::reconcile::report::{AccountsFrom, Report};
use sluice_kernel::reconcile::window::UNREACHABLE;

use crate::context::Context;
use crate::output::{BAD, Cell, PLAIN, WARN, paint, table};
use sluice_operations::problem::Problem;
use sluice_operations::status::coverage::uncovered;
use sluice_operations::times::span;
use sluice_operations::times::time_of_ms;

/// The most runs that `--run` makes one after the other.
const RUNS_MAX: usize = 1_000;

const EXAMPLES: &str = r#"Examples:
  sluice reconcile                 the last reports
  sluice reconcile --last 1 --json the last one, for a script
  sluice reconcile --run           compares now, until nothing is left to compare

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
    /// How many reports to show, the newest first.
    #[arg(long, default_value_t = 10, conflicts_with = "run")]
    last: u16,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let reports = match args.run {
        true => run_now(context).await?,
        false => last(context, args.last).await?,
    };
    if reports.is_empty() {
        return Err(Problem::NotFound(
            "no reconcile has run yet; `sluice reconcile --run` runs one".to_owned(),
        ));
    }
    print(context, &reports)?;
    context.out.flush()?;
    match reports.first().and_then(what_is_wrong) {
        Some(wrong) => Err(Problem::Partly(wrong)),
        None => Ok(()),
    }
}

async fn run_now(context: &Context) -> Result<Vec<Report>, Problem> {
    let function = context
        .stack
        .functions
        .get("reconcile")
        .ok_or_else(|| Problem::NotFound("the stack has no reconcile function".to_owned()))?;
    let mut reports = Vec::new();
    for _ in 0..RUNS_MAX {
        let answer = context.stack.aws.invoke(function, &json!({})).await?;
        let report: Report = serde_json::from_value(answer).map_err(Problem::failed)?;
        let began_ms = reports
            .last()
            .map_or(report.began_ms, |first: &Report| first.began_ms);
        let goes_on = goes_on(&report, began_ms);
        reports.insert(0, report);
        if !goes_on {
            break;
        }
        eprintln!("  a bounded run has ended with more to compare: going on");
    }
    Ok(reports)
}

/// Whether another run has something to do that none since `began_ms` has attempted.
fn goes_on(report: &Report, began_ms: i64) -> bool {
    let is_left = report.left_since_ms.is_some_and(|at_ms| at_ms < began_ms);
    report.stopped.is_none() && (is_left || report.accounts_more || report.ungenerated_more)
}

async fn last(context: &Context, count: u16) -> Result<Vec<Report>, Problem> {
    let input = json!({
        "TableName": context.stack.table("ledger")?,
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :report)",
        "ExpressionAttributeValues": { ":pk": { "S": notes::PARTITION }, ":report": { "S": "report#" } },
        "ScanIndexForward": false, "Limit": count,
    });
    let output = context
        .stack
        .aws
        .json("DynamoDB_20120810.Query", &input)
        .await?;
    let items = output["Items"].as_array().into_iter().flatten();
    let documents = items.filter_map(|item| item["doc"]["S"].as_str());
    documents
        .map(|document| serde_json::from_str(document).map_err(Problem::failed))
        .collect()
}

/// What the newest run says that somebody should know; nothing where all is well.
fn what_is_wrong(report: &Report) -> Option<String> {
    let lacked = report.missing + report.stuck;
    match report.stopped.as_deref() {
        Some("reconcile.no_key") => Some(
            "there is no API key, so nothing is compared; the parameter ApiKeySecretArn names one"
                .to_owned(),
        ),
        Some(code) => Some(format!("the last run was stopped: {code}")),
        None if report.gap_s > 0 => Some(format!(
            "{} s were never compared, and Stripe lists them no more",
            report.gap_s
        )),
        None if lacked > 0 => Some(format!(
            "{lacked} events had not come in; {} are in now",
            report.recovered
        )),
        None if report.is_behind() => Some(format!(
            "not everything was compared for {}",
            span(1_000 * report.behind_s)
        )),
        None => {
            let mut failures = report.failures.iter();
            let failure = failures.find(|failure| failure.code != UNREACHABLE)?;
            Some(format!(
                "{} could not be compared: {}",
                failure.scope, failure.code
            ))
        }
    }
}

/// A run in a few words.
pub(crate) fn summary(report: Option<&Report>, now_ms: i64) -> String {
    let Some(report) = report else {
        return "unknown: it has not run".to_owned();
    };
    let percent = report.completeness_percent();
    let percent = percent.map_or_else(
        || "completeness unknown".to_owned(),
        |p| format!("{p:.3} % complete"),
    );
    format!(
        "{} ago, {percent}, {} seen, {} missing",
        span(now_ms - report.ended_ms),
        report.seen,
        report.missing
    )
}

fn print(context: &Context, reports: &[Report]) -> Result<(), Problem> {
    if context.out.is_json() {
        for report in reports {
            let mut line = json!(report);
            line["completeness_percent"] = json!(report.completeness_percent());
            context.out.value(&line)?;
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

/// How many ties there are, and how many of them nobody can ask about.
fn ties(report: &Report) -> Cell {
    match report.ties_without_key {
        0 => report.ties.to_string().into(),
        waiting => Cell::new(WARN, format!("{} ({waiting} without a key)", report.ties)),
    }
}

#[cfg(test)]
mod tests {
    use sluice_kernel::reconcile::report::Failure;

    use super::*;
    use crate::output::without_colour;

    #[test]
    fn a_run_that_lacked_nothing_is_well_and_any_other_says_why_not() {
        let mut report = Report {
            seen: 200,
            ..Report::default()
        };
        assert_eq!(what_is_wrong(&report), None);
        (report.missing, report.recovered) = (2, 2);
        let lacked = what_is_wrong(&report).expect("missing");
        assert!(lacked.starts_with("2 events"), "{lacked}");
        report.stopped = Some("stripe.rate_limited".to_owned());
        let stopped = what_is_wrong(&report).expect("stopped");
        assert!(stopped.contains("stripe.rate_limited"), "{stopped}");
        (report.ties, report.ties_without_key) = (5, 3);
        let text = without_colour(&table([""; 14], &[row(&report)]));
        assert!(text.contains("99.00 %"), "{text}");
        assert!(text.contains("5 (3 without a key)"), "{text}");
    }

    fn failing(code: &str) -> Report {
        let mut report = Report {
            scopes_failed: 7,
            ..Report::default()
        };
        for n in 0..7 {
            report.failures.push(Failure {
                scope: format!("acct_{n}#live"),
                code: code.to_owned(),
                since_s: 1_767_225_600,
            });
        }
        report
    }

    #[test]
    fn a_run_that_could_not_compare_an_account_says_which_unless_it_is_just_unreachable() {
        assert_eq!(what_is_wrong(&failing(UNREACHABLE)), None);
        let wrong = what_is_wrong(&failing("stripe.key_refused")).expect("refused");
        assert!(wrong.contains("acct_0#live") && wrong.contains("stripe.key_refused"));
        let behind = Report {
            behind_s: 8 * 3_600,
            ..Report::default()
        };
        let wrong = what_is_wrong(&behind).expect("behind");
        assert!(wrong.contains("8 h"), "{wrong}");
    }

    #[test]
    fn runs_go_on_until_each_account_had_its_turn_and_not_for_what_fails() {
        let run = |change: &dyn Fn(&mut Report)| {
            let mut report = Report {
                more: true,
                ..Report::default()
            };
            change(&mut report);
            goes_on(&report, 1_000)
        };
        assert!(run(&|report| report.left_since_ms = Some(999)));
        assert!(
            !run(&|report| report.left_since_ms = Some(1_000)),
            "attempted since"
        );
        assert!(run(&|report| report.accounts_more = true));
        assert!(run(&|report| report.ungenerated_more = true));
        assert!(!run(&|report| report.scopes_failed = 5));
        assert!(!run(&|report| {
            report.left_since_ms = Some(0);
            report.stopped = Some("ledger.unavailable".to_owned());
        }));
    }
}
