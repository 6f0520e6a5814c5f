//! What a run of reconcile found: stored, logged, and shown to operators.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// Where the connected accounts came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountsFrom {
    /// No endpoint listens to any, or Stripe listed them all.
    #[default]
    Api,
    /// The key may not list accounts: those that deliveries named.
    Seen,
    /// Neither: accounts are unknown, and weren't compared.
    Unknown,
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
    /// The earliest second that was compared; none where nothing was.
    pub from_s: Option<i64>,
    /// The latest.
    pub to_s: Option<i64>,
    /// Where the connected accounts came from.
    pub accounts_from: AccountsFrom,
    /// Why they couldn't be listed.
    pub accounts_code: Option<String>,
    /// Accounts and modes that were compared up to now.
    pub scopes_whole: u64,
    /// Pages that Stripe listed.
    pub pages: u32,
    /// Events that Stripe listed, of types that are subscribed to.
    pub seen: u64,
    /// Of these, those that the ledger lacked.
    pub missing: u64,
    /// Held unpublished by an attempt that had ended.
    pub stuck: u64,
    /// Missing and stuck ones that are on the bus, or due, by now.
    pub recovered: u64,
    /// In another attempt's hands at that moment.
    pub held: u64,
    /// Waiting for sweep.
    pub due: u64,
    /// Ids that name another event in the ledger.
    pub conflicts: u64,
    /// Listed, and not readable as this account's events.
    pub unreadable: u64,
    /// Unresolved ties that were found and checked.
    pub ties: u64,
    /// Objects that domains were asked to check, ties among them.
    pub checked: u64,
    /// Events that Stripe says it failed to make, and that would have come in here.
    #[serde(default)]
    pub ungenerated: u64,
    /// Why Stripe couldn't be asked for those.
    #[serde(default)]
    pub ungenerated_code: Option<String>,
    /// Checks of the last day that found drift; none where that can't be read.
    pub drifted: Option<u64>,
    /// Seconds that Stripe lists no more and that were never compared.
    pub gap_s: i64,
    /// There is more to compare: the next run goes on.
    pub more: bool,
    /// The code of what stopped the run before its end.
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
        self.stopped.get_or_insert_with(|| fault.code.to_owned());
    }

    /// How many of a hundred listed events the ledger had before the run; none where none was listed.
    pub fn completeness_percent(&self) -> Option<f64> {
        let had = self.seen.saturating_sub(self.missing);
        #[expect(clippy::cast_precision_loss, reason = "counts of a run, for people")]
        (self.seen > 0).then(|| had as f64 * 100.0 / self.seen as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completeness_is_what_the_ledger_had_of_what_stripe_lists() {
        let mut report = Report::begun(0, "run");
        assert_eq!(report.completeness_percent(), None);
        (report.seen, report.missing) = (200, 1);
        assert_eq!(report.completeness_percent(), Some(99.5));
    }

    #[test]
    fn the_first_thing_that_stops_a_run_is_the_one_that_is_told() {
        let mut report = Report::begun(0, "run");
        report.stop(&Fault::retry("stripe.rate_limited", "x"));
        report.stop(&Fault::retry("stripe.unavailable", "x"));
        assert_eq!(report.stopped.as_deref(), Some("stripe.rate_limited"));
        assert!(report.more);
    }
}
