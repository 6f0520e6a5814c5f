//! Events that Stripe says it failed to make.

use sluice_kernel::reconcile::Ungenerated;
use sluice_kernel::reconcile::ungenerated::PAGE_MAX;
use sluice_kernel::reconcile::window::{Cursor, Walk};

use super::*;

impl World {
    /// Stripe says, at this second after the start, that it failed to make an event of this object.
    pub(super) fn not_made(&self, scope: &Scope, object: &str, after_s: i64) {
        self.lists.fail_to_generate(Ungenerated {
            notice_id: format!("evt_of_{object}"),
            noticed_s: START_MS / 1_000 + after_s,
            scope: scope.clone(),
            kind: "payment_intent.succeeded".to_owned(),
            object: Some(object.to_owned()),
            object_kind: Some("payment_intent".to_owned()),
        });
    }

    /// The objects whose check was asked for, each as often as it was.
    pub(super) fn checked(&self) -> Vec<String> {
        let details = self.bus.details().into_iter();
        let checks = details.filter(|detail| detail["ungenerated"] == true);
        let mut objects: Vec<_> = checks
            .map(|detail| {
                detail["related_object"]["id"]
                    .as_str()
                    .expect("an id")
                    .to_owned()
            })
            .collect();
        objects.sort();
        objects
    }
}

#[tokio::test]
async fn an_event_that_stripe_says_it_failed_to_make_has_its_object_checked_if_it_would_have_been_ours()
 {
    let mut world = World::begun().await;
    world.not_made(&platform(), "pi_1", 60);
    world.not_made(&account("acct_1"), "pi_2", 61);
    let report = world.run("run-1").await;
    // The endpoint takes the platform's own events only.
    assert_eq!((report.ungenerated, report.checked), (1, 1));
    let checks = world.bus.details();
    let check = checks.iter().find(|detail| detail["ungenerated"] == true);
    let check = check.expect("a check");
    assert_eq!(check["sluice"]["check"], true);
    // The facts of the missing event are dated when Stripe said so.
    assert_eq!(check["sluice"]["created"], START_MS / 1_000 + 60);
    assert_eq!(check["type"], "payment_intent.succeeded");
    assert_eq!(check["id"], "evt_of_pi_1");
    assert_eq!(world.checked(), ["pi_1"]);

    world.types = vec!["invoice.*".to_owned()];
    world.not_made(&platform(), "pi_3", 62);
    assert_eq!(world.run("run-2").await.ungenerated, 0, "not subscribed to");
    world.types = vec!["v1.payment_intent.*".to_owned()];
    let report = world.run("run-3").await;
    assert_eq!(report.ungenerated, 2, "as a thin event");
}

#[tokio::test]
async fn more_failures_than_a_page_has_are_all_checked_and_an_unwilling_bus_is_asked_again() {
    let world = World::begun().await;
    let many = 2 * PAGE_MAX + 5;
    for n in 0..many {
        let after_s = i64::try_from(n).expect("small") + 60;
        world.not_made(&platform(), &format!("pi_{n:03}"), after_s);
    }
    world.bus.script([Script::Later]);
    let stopped = world.run("run-1").await;
    assert!(stopped.more, "{stopped:?}");
    let report = world.run("run-2").await;
    assert!(
        !report.more && report.ungenerated >= many as u64,
        "{report:?}"
    );
    let mut objects = world.checked();
    objects.dedup();
    assert_eq!(objects.len(), many);
    // What was said longer ago than the overlap isn't asked about again.
    world.clock.advance_ms(7_200_000);
    world.run("run-3").await;
    world.clock.advance_ms(7_200_000);
    assert_eq!(world.run("run-4").await.ungenerated, 0);
}

#[tokio::test]
async fn more_failures_of_one_second_than_a_page_has_hide_no_older_ones() {
    let world = World::begun().await;
    world.an_hour_later();
    world.not_made(&platform(), "pi_older", 600);
    for n in 0..PAGE_MAX + 5 {
        world.not_made(&platform(), &format!("pi_{n:03}"), 600 + 3_600);
    }
    let report = world.run("run-1").await;
    assert!(!report.more && !report.ungenerated_more, "{report:?}");
    let checked = world.checked();
    assert_eq!(checked.len(), PAGE_MAX + 5 + 1);
    assert!(checked.contains(&"pi_older".to_owned()));
}

#[tokio::test]
async fn failures_of_one_second_go_on_with_the_page_at_which_a_run_was_stopped() {
    let world = World::begun().await;
    for n in 0..3 * PAGE_MAX {
        world.not_made(&platform(), &format!("pi_{n:03}"), 600);
    }
    // The bus accepts the first page, and then no more.
    let taken = (0..PAGE_MAX).map(|_| Script::Take);
    world.bus.script(taken.chain([Script::Later]));
    let stopped = world.run("run-1").await;
    assert!(stopped.ungenerated_more, "{stopped:?}");
    world.lists.take_asked_ungenerated();
    world.run("run-2").await;
    let asked = world.lists.take_asked_ungenerated();
    assert!(asked[0].after.is_some());
    let mut objects = world.checked();
    objects.dedup();
    assert_eq!(objects.len(), 3 * PAGE_MAX);
}

#[tokio::test]
async fn failures_are_asked_for_within_the_runs_time_however_long_its_walks_took() {
    let mut world = World::begun().await;
    world.pages_max = 1_000;
    for n in 0..600 {
        world.made(&platform(), &format!("evt_{n}"), 60 + n);
    }
    world.not_made(&platform(), "pi_1", 600);
    world.lists.meter(1, &world.clock);
    world.lists.take_asked_ungenerated();
    let began_ms = world.clock.now_ms();
    let report = world.run("run-1").await;
    // The walks have used up their share of the time, and an eighth is left.
    assert!(report.more && report.scopes_left == 1, "{report:?}");
    assert_eq!(world.checked(), ["pi_1"]);
    let asked = world.lists.take_asked_ungenerated();
    let ended_ms = u64::try_from(world.clock.now_ms() - began_ms).expect("later");
    for ask in &asked {
        assert!(
            ask.within_ms >= 7_000 && ask.within_ms <= 60_000 - ended_ms,
            "{ask:?}"
        );
    }
}

#[tokio::test]
async fn failures_are_not_asked_for_once_the_runs_time_is_up_and_the_report_says_so() {
    let mut world = World::begun().await;
    world.lists.take_asked_ungenerated();
    world.not_made(&platform(), "pi_1", 600);
    world.until_ms = 500;
    let report = world.run("run-1").await;
    assert!(report.ungenerated_more && report.more, "{report:?}");
    assert!(world.lists.take_asked_ungenerated().is_empty());
    world.until_ms = 60_000;
    let report = world.run("run-2").await;
    assert!(!report.ungenerated_more);
    assert_eq!(world.checked(), ["pi_1"]);
}

#[tokio::test]
async fn a_cursor_of_an_older_version_whose_place_was_a_second_begins_again() {
    let world = World::begun().await;
    for n in 0..5 {
        world.not_made(&platform(), &format!("pi_{n}"), 600 + n);
    }
    let start_s = START_MS / 1_000;
    let mut cursor = Cursor::first(start_s);
    let mut walk = Walk::over(start_s, start_s + 3_600);
    walk.after = Some((start_s + 602).to_string());
    cursor.walk = Some(walk);
    world.notes.put_cursor("ungenerated#live", cursor);
    let report = world.run("run-1").await;
    assert_eq!(
        (report.ungenerated_code, report.ungenerated_more),
        (None, false)
    );
    assert_eq!(world.checked().len(), 5);
}
