//! What is wrong now, one line each, with the command that says more or corrects it.

use sluice_kernel::reconcile::report::{AccountsFrom, Report};

use super::OVERDUE_MS;
use super::counts::Counts;
use super::queues::Queue;
use super::waiting::Waiting;
use crate::times::span;
use crate::words::either;

/// What was seen of a stack.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) waiting: &'a Waiting,
    pub(super) queues: &'a [Queue],
    /// Dead letters of the bus's rules.
    pub(super) undelivered: Option<u64>,
    /// Dead letters of the bus itself.
    pub(super) unprocessed: Option<u64>,
    /// One line for each function whose alias has something else than what was deployed last.
    pub(super) live: &'a [String],
    pub(super) hour: Option<&'a Counts>,
    pub(super) report: Option<&'a Report>,
}

/// What an operator should look at.
pub(super) fn troubles(seen: &Seen<'_>) -> Vec<String> {
    let Seen {
        waiting,
        queues,
        undelivered,
        unprocessed,
        live,
        hour,
        report,
    } = *seen;
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
    say(waiting.lapsed as f64, "whose attempt ended and which no other attempt has taken over: Stripe's next delivery or reconcile does".to_owned());
    say(
        waiting.misfits as f64,
        format!(
            "{}: sluice event list --code 'endpoint.*', correct Endpoints, sluice replay --waiting",
            either(
                waiting.misfits,
                "waits for its endpoint's configuration",
                "wait for their endpoint's configuration"
            )
        ),
    );
    say(
        waiting.unlisted as f64,
        format!(
            "of the newest events {} in a format that no endpoint is configured for, so reconcile doesn't look for lost ones: sluice doctor says which",
            either(waiting.unlisted, "is", "are")
        ),
    );
    for queue in queues {
        say(
            queue.dead as f64,
            format!(
                "{} of {1}: sluice dlq list {1}",
                either(queue.dead, "dead letter", "dead letters"),
                queue.domain
            ),
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
        "that the bus could not put into a queue: infra/runbooks/rule.dead_letters.md".to_owned(),
    );
    say(
        unprocessed.unwrap_or_default() as f64,
        "that the bus took and could not process: infra/runbooks/bus.dead_letters.md".to_owned(),
    );
    let failed = hour.map_or(0.0, |hour| hour.of("ingest", "failed"));
    say(
        failed,
        format!(
            "{} answered 503 in the last hour",
            either(failed, "delivery", "deliveries")
        ),
    );
    for Queue {
        domain, failing, ..
    } in queues
    {
        if let Some(failing) = failing.as_ref().filter(|failing| failing.is_lasting()) {
            troubles.push(format!(
                "{domain} fails at messages for the {:.0}th time: infra/runbooks/domain.failing.md",
                failing.receives
            ));
        }
    }
    troubles.extend(live.iter().cloned());
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
    use crate::status::counts::tests::counts;
    use crate::status::failing::tests::lasting;

    fn queue(dead: u64) -> Queue {
        Queue {
            domain: "payments".to_owned(),
            dead,
            ..Queue::default()
        }
    }

    #[test]
    fn a_healthy_stack_has_no_troubles_and_each_trouble_is_named() {
        let quiet = Seen {
            waiting: &Waiting::default(),
            queues: &[queue(0)],
            undelivered: Some(0),
            unprocessed: Some(0),
            live: &[],
            hour: Some(&Counts::default()),
            report: None,
        };
        assert!(troubles(&quiet).is_empty());
        let waiting = Waiting {
            overdue: 3,
            lapsed: 1,
            misfits: 4,
            // What was done on purpose is no trouble.
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
        let named = troubles(&Seen {
            waiting: &waiting,
            queues: &[queue(5)],
            undelivered: Some(2),
            hour: Some(&counts()),
            report: Some(&report),
            ..quiet
        });
        assert_eq!(named.len(), 10, "{named:?}");
        assert!(named[2].starts_with("4 wait for"), "{named:?}");
        assert!(named[3].starts_with("2 of the newest"), "{named:?}");
        assert!(
            named[4].starts_with("5 dead letters of payments"),
            "{named:?}"
        );
    }

    #[test]
    fn messages_that_keep_failing_the_buss_own_dead_letters_and_a_rollback_are_troubles() {
        let queue = Queue {
            failing: Some(lasting()),
            ..queue(0)
        };
        let live = ["payments runs version 12, the last deployed is 13".to_owned()];
        let named = troubles(&Seen {
            waiting: &Waiting::default(),
            queues: &[queue],
            undelivered: None,
            unprocessed: Some(7),
            live: &live,
            hour: None,
            report: None,
        });
        let [dead, failing, rolled_back] = &named[..] else {
            panic!("{named:?}");
        };
        assert!(dead.starts_with("7 that the bus took"), "{dead}");
        assert!(
            failing.starts_with("payments fails at messages"),
            "{failing}"
        );
        assert_eq!(rolled_back, &live[0]);
    }
}
