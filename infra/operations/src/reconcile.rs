//! How complete the ledger is compared with Stripe's list of events: reconcile's last reports, or a run now.

use serde::Serialize;
use serde_json::{Value, json};
use sluice_adapters::inspect;
use sluice_kernel::reconcile::report::AccountsFrom;
pub use sluice_kernel::reconcile::report::Report;

use crate::code;
use crate::problem::Problem;
use crate::runs::{Confirmed, Record, RunKind, name, plan_digest};
use crate::stack::Stack;
use crate::times::{span, time_of_ms};
use crate::words::{counted, either};

/// The most runs of the function that a [`Comparison`] makes one after the other.
const RUNS_MAX: usize = 1_000;

/// The most failures that a line names.
const NAMED_MAX: usize = 5;

/// A report, and how complete the ledger is according to it.
#[derive(Debug, Clone, Serialize)]
pub struct Reported {
    /// As reconcile wrote it.
    #[serde(flatten)]
    pub report: Report,
    /// Of the events that were compared, the share that the ledger had; none if none was compared.
    pub completeness_percent: Option<f64>,
}

impl From<Report> for Reported {
    fn from(report: Report) -> Self {
        Self {
            completeness_percent: report.completeness_percent(),
            report,
        }
    }
}

/// The last reports, the newest first.
///
/// # Errors
/// If the ledger can't be read, or a report in it can't.
pub async fn last(stack: &Stack, count: u16) -> Result<Vec<Report>, Problem> {
    let ledger = stack.table("ledger")?;
    Ok(inspect::reports(stack.aws.sdk(), ledger, count).await?)
}

/// One run of the function.
async fn once(stack: &Stack) -> Result<Report, Problem> {
    let answer = stack.aws.invoke(function(stack)?, &json!({})).await?;
    serde_json::from_value(answer).map_err(Problem::failed)
}

fn function(stack: &Stack) -> Result<&str, Problem> {
    let function = stack.functions.get("reconcile");
    let missing = || Problem::NotFound("the stack has no reconcile function".to_owned());
    Ok(function.ok_or_else(missing)?)
}

/// A comparison that would be made.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The last report; none if reconcile hasn't run yet.
    pub last: Option<Reported>,
    #[serde(skip)]
    run: String,
}

/// Plans a comparison. Changes nothing.
///
/// # Errors
/// `NotFound` for a stack without the function; if the ledger can't be read.
pub async fn plan(stack: &Stack) -> Result<Plan, Problem> {
    function(stack)?;
    let last = last(stack, 1).await?.into_iter().next();
    Ok(Plan {
        last: last.map(Reported::from),
        run: name(RunKind::Reconcile, "events"),
    })
}

impl Plan {
    /// Distinguishes this plan from one after another comparison.
    pub fn digest(&self) -> String {
        let last = self.last.as_ref().map_or(0, |last| last.report.began_ms);
        plan_digest([RunKind::Reconcile.as_str(), &last.to_string()])
    }

    /// The name of the run that carries it out.
    pub fn name(&self) -> &str {
        &self.run
    }
}

/// A comparison that has begun, with its record.
#[derive(Debug)]
pub struct Comparison(Record);

/// Records a comparison that a person has confirmed. [`Comparison::run`] makes it.
///
/// # Errors
/// `run.taken` if there is a run of this name.
pub async fn begin(stack: &Stack, confirmed: Confirmed) -> Result<Comparison, Problem> {
    let record = Record::begin(stack, RunKind::Reconcile, confirmed, Value::Null).await?;
    Ok(Comparison(record))
}

impl Comparison {
    /// When it was begun, in Unix milliseconds.
    pub fn began_ms(&self) -> i64 {
        self.0.began_ms()
    }

    /// Runs reconcile again and again until nothing is left to compare. Returns the reports, the newest first; a run that
    /// was [`stopped`] is the last. `progress` is called before each run but the first, with the report of the run before.
    /// What was found is in the record too.
    ///
    /// # Errors
    /// The function's own failure; `run.taken` if a person has stopped it.
    pub async fn run(
        mut self,
        stack: &Stack,
        progress: &mut dyn FnMut(&Report),
    ) -> Result<Vec<Report>, Problem> {
        let compared = self.compare(stack, progress).await;
        let newest = compared.as_ref().ok().and_then(|reports| reports.first());
        let stopped = newest.and_then(stopped);
        let problem = compared.as_ref().err().or(stopped.as_ref());
        let ended = self.0.end(problem).await;
        // A person who stopped it has written how it ended.
        let reports = compared?;
        ended.map(|()| reports)
    }

    async fn compare(
        &mut self,
        stack: &Stack,
        progress: &mut dyn FnMut(&Report),
    ) -> Result<Vec<Report>, Problem> {
        let mut reports: Vec<Report> = Vec::new();
        for _ in 0..RUNS_MAX {
            let report = once(stack).await?;
            let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
            let lacked = count(report.missing + report.stuck);
            let Self(record) = self;
            record.count("seen", count(report.seen).saturating_sub(lacked), false);
            record.count("had not come in", lacked, true);
            record.save().await?;
            let first = reports.last().unwrap_or(&report);
            let goes_on = goes_on(&report, first.began_ms);
            reports.insert(0, report);
            if !goes_on {
                break;
            }
            progress(&reports[0]);
        }
        Ok(reports)
    }
}

/// That a run of the function stopped before its end, and by which code.
pub fn stopped(report: &Report) -> Option<Problem> {
    let code = report.stopped.as_ref()?;
    Some(Problem::Partly(format!(
        "{code}: the comparison was stopped"
    )))
}

/// Whether another run has work to do that no run since `began_ms` has attempted.
fn goes_on(report: &Report, began_ms: i64) -> bool {
    let is_left = report.left_since_ms.is_some_and(|at_ms| at_ms < began_ms);
    report.stopped.is_none() && (is_left || report.accounts_more || report.ungenerated_more)
}

/// What is wrong with the newest run; none if nothing is.
pub fn trouble(report: &Report) -> Option<String> {
    let lacked = report.missing + report.stuck;
    match report.stopped.as_deref() {
        Some(code) if code::RECONCILE_NO_KEY == code => Some(
            "there is no API key, so nothing is compared; the parameter ApiKeySecretArn names one"
                .to_owned(),
        ),
        Some(code) => Some(format!("the last run was stopped: {code}")),
        None if report.gap_s > 0 => Some(format!(
            "{} s were never compared, and Stripe lists them no more",
            report.gap_s
        )),
        None if lacked > 0 => Some(format!(
            "{} had not come in; in now: {}",
            counted(lacked, "event"),
            report.recovered
        )),
        None if report.is_behind() => Some(format!(
            "not everything was compared for {}",
            span(1_000 * report.behind_s)
        )),
        None => {
            let mut failures = report.failures.iter();
            let failure =
                failures.find(|failure| failure.code != code::STRIPE_ACCOUNT_UNREACHABLE)?;
            Some(format!(
                "{} could not be compared: {}",
                failure.scope, failure.code
            ))
        }
    }
}

/// What a run doesn't cover, one line each; none if it covered everything.
pub fn uncovered(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(code) = &report.stopped {
        lines.push(format!("the run was stopped: {code}"));
    }
    if report.scopes_failed > 0 {
        let named = report.failures.iter().take(NAMED_MAX).map(|failure| {
            let since = time_of_ms(1_000 * failure.since_s);
            format!("{} ({} since {since})", failure.scope, failure.code)
        });
        let named: Vec<_> = named.collect();
        let more = report.scopes_failed.saturating_sub(named.len() as u64);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        lines.push(format!(
            "{} {} could not be compared: {}{more}",
            report.scopes_failed,
            either(report.scopes_failed, "account or mode", "accounts or modes"),
            named.join(", ")
        ));
    }
    let mut count = |count: u64, one: &str, others: &str| {
        if count > 0 {
            lines.push(format!("{count} {}", either(count, one, others)));
        }
    };
    count(
        report.scopes_left,
        "account or mode is left to the next run",
        "accounts or modes are left to the next run",
    );
    count(
        report.scopes_put_off,
        "account is unreachable, and tried once a day",
        "accounts are unreachable, and tried once a day",
    );
    count(
        report.unreadable,
        "listed event could not be read",
        "listed events could not be read",
    );
    let mut say = |is_so: bool, what: String| {
        if is_so {
            lines.push(what);
        }
    };
    let code = report.accounts_code.as_deref().unwrap_or("no code");
    say(
        report.accounts_from == AccountsFrom::Seen,
        format!(
            "Stripe didn't list the connected accounts ({code}): only those that deliveries named are compared"
        ),
    );
    say(
        report.accounts_from == AccountsFrom::Unknown,
        format!(
            "the connected accounts are unknown ({code}): only those of earlier runs are compared"
        ),
    );
    say(
        report.accounts_more,
        "the list of connected accounts continues in the next run".to_owned(),
    );
    let code = report.ungenerated_code.as_deref().unwrap_or_default();
    say(
        !code.is_empty(),
        format!("Stripe didn't say which events it failed to make: {code}"),
    );
    say(
        report.ungenerated_more,
        "which events Stripe failed to make is asked for to the end in the next run".to_owned(),
    );
    say(
        report.gap_s > 0,
        format!(
            "{} were never compared, and Stripe lists them no more",
            span(1_000 * report.gap_s)
        ),
    );
    lines
}

/// A run in a few words.
pub fn summary(report: Option<&Report>, now_ms: i64) -> String {
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

#[cfg(test)]
mod tests {
    use sluice_kernel::reconcile::report::Failure;

    use super::*;

    #[test]
    fn a_run_that_lacked_nothing_is_well_and_any_other_says_why_not() {
        let mut report = Report {
            seen: 200,
            ..Report::default()
        };
        assert_eq!(trouble(&report), None);
        (report.missing, report.recovered) = (2, 2);
        let lacked = trouble(&report).expect("missing");
        assert!(lacked.starts_with("2 events"), "{lacked}");
        report.stopped = Some("stripe.rate_limited".to_owned());
        let stopped = trouble(&report).expect("stopped");
        assert!(stopped.contains("stripe.rate_limited"), "{stopped}");
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
        assert_eq!(trouble(&failing("stripe.account_unreachable")), None);
        let wrong = trouble(&failing("stripe.key_refused")).expect("refused");
        assert!(wrong.contains("acct_0#live") && wrong.contains("stripe.key_refused"));
        let behind = Report {
            behind_s: 8 * 3_600,
            ..Report::default()
        };
        let wrong = trouble(&behind).expect("behind");
        assert!(wrong.contains("8 h"), "{wrong}");
    }

    #[test]
    fn everything_that_a_run_does_not_cover_is_listed() {
        assert_eq!(uncovered(&Report::default()), Vec::<String>::new());
        let report = Report {
            stopped: Some("ledger.unavailable".to_owned()),
            scopes_left: 3,
            scopes_put_off: 4,
            unreadable: 5,
            accounts_from: AccountsFrom::Seen,
            accounts_code: Some("stripe.key_refused".to_owned()),
            accounts_more: true,
            ungenerated_code: Some("stripe.unavailable".to_owned()),
            ungenerated_more: true,
            gap_s: 600,
            ..failing("stripe.rate_limited")
        };
        let lines = uncovered(&report);
        assert_eq!(lines.len(), 10, "{lines:#?}");
        let failed = "acct_0#live (stripe.rate_limited since 2026-01-01";
        assert!(
            lines[1].contains(failed) && lines[1].ends_with("and 2 more"),
            "{}",
            lines[1]
        );
        let unknown = Report {
            accounts_from: AccountsFrom::Unknown,
            ..Report::default()
        };
        assert!(uncovered(&unknown)[0].contains("unknown"));
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
