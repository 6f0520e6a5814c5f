//! `sluice reconcile`: the last reports, or a run now.

use clap::Args as ClapArgs;
use serde_json::json;
use sluice_adapters::notes;
use sluice_kernel::reconcile::report::{AccountsFrom, Report};

use crate::context::Context;
use crate::output::{BAD, Cell, PLAIN, WARN, table, time_of_ms};
use crate::problem::Problem;

/// The most runs that `--run` makes one after the other.
const RUNS_MAX: usize = 1_000;

const EXAMPLES: &str = r#"Examples:
  sluice reconcile                 the last reports
  sluice reconcile --last 1 --json the last one, for a script
  sluice reconcile --run           compares now, until nothing is left to compare

"never made" are events that Stripe says it failed to make, whose objects were looked at instead.

Exit code 4: something was missing, the last run was stopped, or there is no API key."#;

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
        .functions
        .get("reconcile")
        .ok_or_else(|| Problem::NotFound("the stack has no reconcile function".to_owned()))?;
    let mut reports = Vec::new();
    for _ in 0..RUNS_MAX {
        let answer = context.aws.invoke(function, &json!({})).await?;
        let report: Report = serde_json::from_value(answer).map_err(Problem::failed)?;
        let goes_on = report.more && report.stopped.is_none();
        reports.insert(0, report);
        if !goes_on {
            break;
        }
        eprintln!("  a bounded run has ended with more to compare: going on");
    }
    Ok(reports)
}

async fn last(context: &Context, count: u16) -> Result<Vec<Report>, Problem> {
    let input = json!({
        "TableName": context.table("ledger")?,
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :report)",
        "ExpressionAttributeValues": { ":pk": { "S": notes::PARTITION }, ":report": { "S": "report#" } },
        "ScanIndexForward": false, "Limit": count,
    });
    let output = context.aws.json("DynamoDB_20120810.Query", &input).await?;
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
        None => None,
    }
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
        "checked",
        "drifted",
        "never made",
        "complete",
        "accounts",
        "stopped by",
    ];
    context.out.text(table(heading, &rows))
}

fn row(report: &Report) -> [Cell; 11] {
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
        Cell::new(BAD, report.stopped.clone().unwrap_or_default()),
    ]
}

#[cfg(test)]
mod tests {
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
        let text = without_colour(&table([""; 11], &[row(&report)]));
        assert!(text.contains("99.00 %"), "{text}");
    }
}
