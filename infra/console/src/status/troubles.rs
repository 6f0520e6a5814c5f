//! What isn't well now, a line each, with the command that says more or corrects it.

use sluice_kernel::reconcile::report::{AccountsFrom, Report};

use super::{Counts, OVERDUE_MS, Queue, Waiting};
use crate::times::span;

/// What an operator should look at.
pub(super) fn troubles(
    waiting: &Waiting,
    queues: &[Queue],
    undelivered: Option<u64>,
    hour: Option<&Counts>,
    report: Option<&Report>,
) -> Vec<String> {
    let mut troubles = Vec::new();
    let mut say = |count: f64, what: String| {
        if count > 0.0 {
            troubles.push(format!("{count:.0} {what}"));
        }
    };
    say(
        waiting.overdue as f64,
        format!(
            "due for more than {}: is the bus refusing, or sweep not running?",
            span(OVERDUE_MS)
        ),
    );
    say(waiting.lapsed as f64, "whose attempt ended and which nobody has taken over: Stripe's next delivery or reconcile does".to_owned());
    say(waiting.misfits as f64, "wait for their endpoint's configuration: sluice event list --code 'endpoint.*', correct Endpoints, sluice replay --waiting".to_owned());
    say(waiting.unlisted as f64, "of the newest events are in a format that no endpoint is configured for, so reconcile doesn't look for lost ones: sluice doctor says which".to_owned());
    for queue in queues {
        say(
            queue.dead as f64,
            format!("dead letters of {0}: sluice dlq list {0}", queue.domain),
        );
        let rejected = hour.map_or(0.0, |hour| hour.of(&queue.domain, "rejected"));
        say(
            rejected,
            format!(
                "rejected by {} in the last hour: sluice rejected list",
                queue.domain
            ),
        );
    }
    say(
        undelivered.unwrap_or_default() as f64,
        "that the bus could not put into a queue".to_owned(),
    );
    let failed = hour.map_or(0.0, |hour| hour.of("ingest", "failed"));
    say(
        failed,
        "deliveries answered 503 in the last hour".to_owned(),
    );
    if let Some(percent) = report
        .and_then(Report::completeness_percent)
        .filter(|percent| *percent < 100.0)
    {
        troubles.push(format!("{percent:.3} % complete at reconcile's last run"));
    }
    if let Some(report) = report.filter(|report| report.is_behind()) {
        troubles.push(format!(
            "not everything was compared with Stripe for {}: sluice reconcile --last 1",
            span(1_000 * report.behind_s)
        ));
    }
    if report.is_some_and(|report| report.accounts_from == AccountsFrom::Unknown) {
        troubles.push(
            "reconcile doesn't know the connected accounts: sluice reconcile --last 1".to_owned(),
        );
    }
    troubles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::counts;

    #[test]
    fn a_healthy_stack_has_no_troubles_and_each_trouble_is_named() {
        let queue = |dead| Queue {
            domain: "payments".to_owned(),
            dead,
            ..Queue::default()
        };
        let quiet = Counts::default();
        assert!(
            troubles(
                &Waiting::default(),
                &[queue(0)],
                Some(0),
                Some(&quiet),
                None
            )
            .is_empty()
        );
        let waiting = Waiting {
            overdue: 3,
            lapsed: 1,
            misfits: 4,
            // On purpose is no trouble.
            kept: 9,
            unlisted: 2,
            ..Waiting::default()
        };
        let report = Report {
            seen: 100,
            missing: 1,
            behind_s: 7 * 3_600,
            accounts_from: AccountsFrom::Unknown,
            ..Report::default()
        };
        let named = troubles(
            &waiting,
            &[queue(5)],
            Some(2),
            Some(&counts()),
            Some(&report),
        );
        assert_eq!(named.len(), 10, "{named:?}");
        assert!(named[2].starts_with("4 wait for"), "{named:?}");
        assert!(named[3].starts_with("2 of the newest"), "{named:?}");
        assert!(
            named[4].starts_with("5 dead letters of payments"),
            "{named:?}"
        );
    }
}
