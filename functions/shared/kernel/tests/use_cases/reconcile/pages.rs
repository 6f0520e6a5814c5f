//! Pages that can't be read, and positions in a list that Stripe no longer accepts.

use super::*;
use crate::code;

#[tokio::test]
async fn a_page_of_which_no_event_can_be_read_ends_no_walk() {
    let world = World::begun().await;
    world.made(&platform(), "evt_1", 60);
    for n in 0..6 {
        // Two pages without a type: newer than the first event, so they are listed before it.
        let mut unreadable = event(&format!("evt_x{n}"), "", 100 + n);
        unreadable["type"] = json!(7);
        world.lists.add(&platform(), unreadable);
    }
    let report = world.run("run-1").await;
    assert_eq!((report.unreadable, report.pages), (6, 3));
    assert_eq!((report.recovered, report.more), (1, false));
    assert_eq!(world.published("evt_1"), 1);
}

#[tokio::test]
async fn a_place_that_stripe_takes_no_more_is_asked_for_from_the_second_that_was_reached() {
    let mut world = World::begun().await;
    for n in 0..30 {
        world.made(&platform(), &format!("evt_{n}"), 60 + n);
    }
    world.pages_max = 4;
    world.run("run-1").await;
    world.lists.take_asked();
    world.pages_max = 100;
    world.lists.fail_after(
        0,
        Fault::reject(code::STRIPE_REQUEST_REFUSED, "no such event"),
    );
    let report = world.run("run-2").await;
    assert_eq!((report.recovered, report.more), (18, false));
    let asked = world.lists.take_asked();
    // The second of the last event of the fourth page: newer events have been processed.
    assert_eq!(
        (asked[0].after.clone(), asked[0].to_s),
        (None, START_MS / 1_000 + 60 + 18)
    );
    assert_eq!(asked.len(), 7);
}

#[tokio::test]
async fn a_list_whose_places_are_never_taken_fails_and_does_not_go_round_for_ever() {
    let world = World::begun().await;
    // More than a page of one second: beginning again there is no progress.
    for n in 0..9 {
        world.made(&platform(), &format!("evt_{n}"), 60);
    }
    world.lists.forget_places();
    let report = world.run("run-1").await;
    assert_eq!(report.failures[0].code, code::STRIPE_REQUEST_REFUSED);
    assert!(report.requests < 10, "{report:?}");
}
