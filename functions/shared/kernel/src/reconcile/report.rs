//! What a run of reconcile found: stored, logged, and shown to operators.

use serde::{Deserialize, Serialize};

use super::window::Failing;
use crate::fault::Fault;

/// The source of the connected accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountsFrom {
    /// No endpoint receives events of connected accounts, or Stripe listed them all.
    #[default]
    Api,
    /// The key may not list accounts: the accounts are those that deliveries named.
    Seen,
    /// Neither: the accounts are unknown, and weren't compared.
    Unknown,
}

/// How far behind a scope may be before an operator should know: a few hourly runs that were stopped or refused.
pub const BEHIND_S: i64 = 6 * 3_600;

/// The most failures that a report names.
pub const FAILURES_MAX: usize = 20;

/// A scope that this run couldn't compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its cursor's key: `acct_1#live`, `platform#test`; with `#thin` if its thin events are compared.
    pub scope: String,
    /// The fault's code.
    pub code: String,
    /// Since when every attempt has failed, in Unix seconds.
    pub since_s: i64,
}

/// What a run found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The run: the invocation's id.
    pub run: String,
    /// When it began, in Unix milliseconds.
    pub began_ms: i64,
    /// When it ended.
    pub ended_ms: i64,
    /// The earliest second that was compared; none if nothing was.
    pub from_s: Option<i64>,
    /// The latest second that was compared.
    pub to_s: Option<i64>,
    /// The source of the connected accounts.
    pub accounts_from: AccountsFrom,
    /// Why they couldn't be listed.
    pub accounts_code: Option<String>,
    /// Stripe's list of accounts wasn't read to its end: the next run continues it.
    #[serde(default)]
    pub accounts_more: bool,
    /// Accounts and modes that were compared up to now.
    pub scopes_whole: u64,
    /// Scopes that couldn't be compared, each because of a fault of its own.
    #[serde(default)]
    pub scopes_failed: u64,
    /// The first of these, at most [`FAILURES_MAX`].
    #[serde(default)]
    pub failures: Vec<Failure>,
    /// Scopes that weren't compared completely because the run ended: they come first in the next one.
    #[serde(default)]
    pub scopes_left: u64,
    /// When the earliest attempt among those was made, in Unix milliseconds; 0 if a walk was left in the middle.
    #[serde(default)]
    pub left_since_ms: Option<i64>,
    /// Accounts that this run skipped because they were unreachable for long: they are tried daily.
    #[serde(default)]
    pub scopes_put_off: u64,
    /// Accounts that aren't connected any more, and whose cursors were forgotten.
    #[serde(default)]
    pub scopes_forgotten: u64,
    /// How far back the time lies up to which every scope was compared, in seconds, whatever the reason: a scope's own
    /// fault, the run's fault, or the run's bounds. Accounts that are unreachable don't count.
    #[serde(default)]
    pub behind_s: i64,
    /// Requests for pages, including those that failed.
    #[serde(default)]
    pub requests: u32,
    /// Pages that Stripe listed.
    pub pages: u32,
    /// Events that Stripe listed, of types that are subscribed to.
    pub seen: u64,
    /// Of these, events that the ledger lacked.
    pub missing: u64,
    /// Events held unpublished by an attempt that had ended.
    pub stuck: u64,
    /// Missing and stuck events that are on the bus, or due, by now.
    pub recovered: u64,
    /// Events that another attempt held at that moment.
    pub held: u64,
    /// Events waiting for sweep.
    pub due: u64,
    /// Ids that name another event in the ledger.
    pub conflicts: u64,
    /// Events that were listed, and couldn't be read as this account's events.
    pub unreadable: u64,
    /// Unresolved ties that domains have recorded, as far as they were read.
    pub ties: u64,
    /// Of these, ties of a mode without an API key: they wait for one.
    #[serde(default)]
    pub ties_without_key: u64,
    /// Objects that domains were asked to check, including those of ties.
    pub checked: u64,
    /// Events that Stripe says it failed to make, and that would have come in here.
    #[serde(default)]
    pub ungenerated: u64,
    /// Why Stripe couldn't be asked for those.
    #[serde(default)]
    pub ungenerated_code: Option<String>,
    /// There was no time to ask for all of those: the next run continues.
    #[serde(default)]
    pub ungenerated_more: bool,
    /// Checks of the last day that found drift; none if that can't be read.
    pub drifted: Option<u64>,
    /// Seconds that Stripe no longer lists and that were never compared.
    pub gap_s: i64,
    /// The run ended by its bounds, or was stopped, with more to compare: the next run continues.
    pub more: bool,
    /// The code of what stopped the whole run before its end, or one of its modes. What failed for one scope is a
    /// failure.
    pub stopped: Option<String>,
}

impl Report {
    pub(super) fn begun(now_ms: i64, run: &str) -> Self {
        Self {
            run: run.to_owned(),
            began_ms: now_ms,
            ended_ms: now_ms,
            ..Self::default()
        }
    }

    pub(super) fn covers(&mut self, from_s: i64, to_s: i64) {
        self.from_s = Some(self.from_s.map_or(from_s, |from| from.min(from_s)));
        self.to_s = Some(self.to_s.map_or(to_s, |to| to.max(to_s)));
    }

    pub(super) fn stop(&mut self, fault: &Fault) {
        self.more = true;
        self.stopped.get_or_insert_with(|| fault.code.to_string());
    }

    pub(super) fn failed(&mut self, scope: String, failing: &Failing) {
        self.scopes_failed += 1;
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(Failure {
                scope,
                code: failing.code.clone(),
                since_s: failing.since_s,
            });
        }
    }

    /// Whether something wasn't compared for such a long time that an operator should know.
    pub fn is_behind(&self) -> bool {
        self.behind_s > BEHIND_S
    }

    /// The percentage of listed events that the ledger had before the run; none if none was listed.
    pub fn completeness_percent(&self) -> Option<f64> {
        let had = self.seen.saturating_sub(self.missing);
        #[expect(clippy::cast_precision_loss, reason = "counts of a run, for people")]
        (self.seen > 0).then(|| had as f64 * 100.0 / self.seen as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code;

    #[test]
    fn completeness_is_what_the_ledger_had_of_what_stripe_lists() {
        let mut report = Report::begun(0, "run");
        assert_eq!(report.completeness_percent(), None);
        (report.seen, report.missing) = (200, 1);
        assert_eq!(report.completeness_percent(), Some(99.5));
    }

    #[test]
    fn the_first_thing_that_stops_a_run_is_the_one_that_is_reported() {
        let mut report = Report::begun(0, "run");
        report.stop(&Fault::retry(code::STRIPE_RATE_LIMITED, "x"));
        report.stop(&Fault::retry(code::STRIPE_UNAVAILABLE, "x"));
        assert_eq!(report.stopped.as_deref(), Some("stripe.rate_limited"));
        assert!(report.more);
    }

    #[test]
    fn a_report_of_an_older_version_reads() {
        let mut old = serde_json::to_value(Report::begun(5, "run")).expect("JSON");
        let fields = old.as_object_mut().expect("an object");
        for added in [
            "accounts_more",
            "scopes_failed",
            "failures",
            "scopes_left",
            "left_since_ms",
            "scopes_put_off",
            "scopes_forgotten",
            "behind_s",
            "requests",
            "ungenerated_more",
        ] {
            assert!(fields.remove(added).is_some(), "{added}");
        }
        let read: Report = serde_json::from_value(old).expect("readable");
        assert_eq!(read, Report::begun(5, "run"));
    }

    fn failing(code: &str) -> Failing {
        Failing {
            since_s: 7,
            code: code.to_owned(),
        }
    }

    #[test]
    fn a_report_counts_every_failure_and_names_the_first() {
        let mut report = Report::begun(0, "run");
        for n in 0..FAILURES_MAX + 5 {
            report.failed(format!("acct_{n}#live"), &failing("stripe.key_refused"));
        }
        assert_eq!(report.scopes_failed, FAILURES_MAX as u64 + 5);
        assert_eq!(report.failures.len(), FAILURES_MAX);
        assert_eq!(report.failures[0].scope, "acct_0#live");
        assert_eq!(report.failures[0].since_s, 7);
        assert!(!report.more && report.stopped.is_none());
    }
}
