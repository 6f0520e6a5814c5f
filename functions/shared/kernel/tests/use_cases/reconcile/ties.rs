//! Ties: which are asked for, and in which order.

use std::collections::BTreeSet;

use sluice_kernel::outcome::Tie;
use sluice_kernel::reconcile::TIES_MAX;

use super::*;

fn tie(scope: Scope, object: &str, at_ms: i64) -> Tie {
    Tie {
        scope,
        domain: "payments".to_owned(),
        object: object.to_owned(),
        object_kind: "payment_intent".to_owned(),
        parent: None,
        event: "evt_t".to_owned(),
        kind: "payment_intent.processing".to_owned(),
        at_ms,
    }
}

impl World {
    /// The objects that checks have asked about since the last call of this.
    fn checked_ties(&self, run: &Report) -> Vec<String> {
        let details = self.bus.details().into_iter();
        let of_run = details.filter(|detail| {
            detail["sluice"]["check"] == true && detail["sluice"]["received_at_ms"] == run.began_ms
        });
        of_run
            .filter_map(|detail| detail["related_object"]["id"].as_str().map(str::to_owned))
            .collect()
    }
}

#[tokio::test]
async fn a_sample_and_the_ties_are_checked_and_a_tie_stays_until_its_domain_resolves_it() {
    let mut world = World::begun().await;
    world.checks_max = 2;
    for n in 0..5 {
        world.made(&platform(), &format!("evt_{n}"), 60 + n);
    }
    let mut left = tie(account("acct_1"), "pi_1", START_MS);
    left.parent = Some("acct_1".to_owned());
    world.notes.add_tie(left);
    let report = world.run("run-1").await;
    assert_eq!(
        (report.ties, report.ties_without_key, report.checked),
        (1, 0, 3)
    );
    let mut checks = world.bus.details();
    checks.retain(|detail| detail["sluice"]["check"] == true);
    assert_eq!(checks.len(), 3);
    assert_eq!(
        checks[0]["related_object"],
        json!({ "id": "pi_1", "type": "payment_intent", "parent": "acct_1" })
    );
    assert_eq!(checks[0]["sluice"]["account"], "acct_1");
    // What changed last is checked first.
    assert_eq!(checks[1]["related_object"]["id"], "ch_of_evt_3");
    world.clock.advance_ms(1);
    let next = world.run("run-2").await;
    assert_eq!(next.ties, 1);
    assert!(world.checked_ties(&next).contains(&"pi_1".to_owned()));
}

#[tokio::test]
async fn of_more_ties_than_a_run_checks_those_that_have_waited_longest_come_first() {
    let world = World::begun().await;
    let many = 2 * TIES_MAX + 20;
    // Their names are no order: the last one was found first.
    for n in 0..many {
        let at_ms = START_MS - i64::try_from(n).expect("small");
        world
            .notes
            .add_tie(tie(platform(), &format!("pi_{n:03}"), at_ms));
    }
    let mut seen = Vec::new();
    for run in 1..=3 {
        world.clock.advance_ms(1_000);
        let report = world.run(&format!("run-{run}")).await;
        let asked = world.checked_ties(&report);
        assert_eq!((report.ties, asked.len()), (many as u64, TIES_MAX));
        // Its domain finds nothing out, and records it again.
        let again = world.clock.now_ms();
        for object in &asked {
            world.notes.add_tie(tie(platform(), object, again));
        }
        seen.push(asked);
    }
    assert_eq!(seen[0][0], format!("pi_{:03}", many - 1));
    let all: BTreeSet<_> = seen.iter().flatten().collect();
    assert_eq!(all.len(), many, "each has had its turn");
    let again: BTreeSet<_> = seen[2].iter().filter(|it| seen[0].contains(*it)).collect();
    assert_eq!(again.len(), 3 * TIES_MAX - many);
}

#[tokio::test]
async fn ties_of_a_mode_without_a_key_are_kept_and_counted_until_there_is_one() {
    let world = World::begun().await;
    let mut test = platform();
    test.livemode = false;
    world.notes.add_tie(tie(test, "pi_test", START_MS));
    world.notes.add_tie(tie(platform(), "pi_live", START_MS));
    world.lists.set_key(false, false);
    world.clock.advance_ms(1);
    let report = world.run("run-1").await;
    assert_eq!((report.ties, report.ties_without_key), (2, 1));
    assert_eq!(world.checked_ties(&report), ["pi_live"]);
    assert_eq!(report.stopped, None, "no endpoint is of that mode");

    world.lists.set_key(false, true);
    world.clock.advance_ms(1);
    let report = world.run("run-2").await;
    assert_eq!((report.ties, report.ties_without_key), (2, 0));
    // It has never been asked for.
    assert_eq!(world.checked_ties(&report), ["pi_test", "pi_live"]);
}

#[tokio::test]
async fn a_tie_whose_check_the_bus_did_not_take_keeps_its_turn() {
    let world = World::begun().await;
    for (n, object) in [(1, "pi_1"), (2, "pi_2")] {
        world.notes.add_tie(tie(platform(), object, START_MS + n));
    }
    world.clock.advance_ms(1);
    world.bus.script([Script::Later]);
    let report = world.run("run-1").await;
    let refused = 2 - report.checked;
    assert!(refused > 0, "{report:?}");
    world.clock.advance_ms(1);
    let next = world.run("run-2").await;
    assert_eq!(world.checked_ties(&next), ["pi_1", "pi_2"]);
}

#[tokio::test]
async fn ties_that_can_not_be_read_stop_the_report_and_are_not_taken_for_none() {
    let world = World::begun().await;
    world.notes.add_tie(tie(platform(), "pi_1", START_MS));
    world.notes.set_failing(true);
    let report = world.run("run-1").await;
    assert_eq!(report.stopped.as_deref(), Some("reconcile.unavailable"));
    assert_eq!(report.checked, 0);
}
