//! What reconcile's last run doesn't cover, in words.

use sluice_kernel::reconcile::report::{AccountsFrom, Report};

use crate::times::{span, time_of_ms};

/// The most failures that a line names.
const NAMED_MAX: usize = 5;

/// What a run doesn't cover, a line each; nothing where it covered all.
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
            "{} accounts or modes could not be compared: {}{more}",
            report.scopes_failed,
            named.join(", ")
        ));
    }
    let mut count = |count: u64, what: &str| {
        if count > 0 {
            lines.push(format!("{count} {what}"));
        }
    };
    count(
        report.scopes_left,
        "accounts or modes are left to the next run",
    );
    count(
        report.scopes_put_off,
        "accounts are unreachable, and tried once a day",
    );
    count(report.unreadable, "listed events could not be read");
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
        "the list of connected accounts goes on in the next run".to_owned(),
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

#[cfg(test)]
mod tests {
    use sluice_kernel::reconcile::report::Failure;

    use super::*;

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
}
