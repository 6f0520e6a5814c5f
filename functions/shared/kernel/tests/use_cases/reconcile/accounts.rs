//! Which connected accounts are compared, and since when.

use sluice_kernel::reconcile::window::Cursor;

use super::*;
use crate::code;

#[tokio::test]
async fn every_connected_account_is_walked_and_keeps_its_own_events() {
    let world = World::new(endpoint::AccountScope::Both);
    world
        .lists
        .set_accounts(&["acct_1", "acct_2", "acct_3", "acct_4"]);
    world.run("run-0").await;
    world.clock.advance_ms(3_600_000);
    world.made(&account("acct_2"), "evt_a", 60);
    world.made(&account("acct_4"), "evt_b", 60);
    world.made(&platform(), "evt_c", 60);
    let report = world.run("run-1").await;
    assert_eq!((report.recovered, report.scopes_whole), (3, 5));
    assert_eq!(report.accounts_from, AccountsFrom::Api);
    let origin = |id: &str| world.ledger.entry(id).expect("an entry").origin;
    assert_eq!(origin("evt_a").account.as_deref(), Some("acct_2"));
    assert_eq!(origin("evt_c").account, None);
}

#[tokio::test]
async fn accounts_that_can_not_be_listed_are_those_that_deliveries_named() {
    let world = World::new(endpoint::AccountScope::Connect);
    let mut delivery = arrival("evt_1", "main", b"{}");
    delivery.head.account = Some(Cow::Borrowed("acct_9"));
    let taken = record_and_publish(&world.ledger, &world.bus, &world.clock, &delivery).await;
    taken.expect("taken");
    let report = world.run("run-0").await;
    assert_eq!(report.accounts_from, AccountsFrom::Seen);
    assert_eq!(report.accounts_code.as_deref(), Some("stripe.key_refused"));
    world.clock.advance_ms(3_600_000);
    world.made(&account("acct_9"), "evt_2", 60);
    assert_eq!(world.run("run-1").await.recovered, 1);
}

#[tokio::test]
async fn the_account_that_was_attempted_longest_ago_comes_first() {
    let mut world = World::new(endpoint::AccountScope::Connect);
    world.lists.set_accounts(&["acct_1", "acct_2", "acct_3"]);
    world.run("run-0").await;
    world.clock.advance_ms(3_600_000);
    world.pages_max = 2;
    world.run("run-1").await;
    world.lists.take_asked();
    world.clock.advance_ms(3_600_000);
    world.run("run-2").await;
    let asked = world.lists.take_asked();
    assert_eq!(asked[0].scope, account("acct_3"));
}

#[tokio::test]
async fn an_account_that_can_not_be_reached_does_not_stop_the_others() {
    let world = World::new(endpoint::AccountScope::Connect);
    world.lists.set_accounts(&["acct_1", "acct_2"]);
    world.run("run-0").await;
    world.clock.advance_ms(3_600_000);
    world.made(&account("acct_2"), "evt_1", 60);
    let gone = Fault::retry(code::STRIPE_ACCOUNT_UNREACHABLE, "disconnected");
    world.lists.fail_after(0, gone);
    let report = world.run("run-1").await;
    assert_eq!((report.recovered, report.stopped), (1, None));
    assert_eq!(report.failures[0].code, code::STRIPE_ACCOUNT_UNREACHABLE);
}

#[tokio::test]
async fn an_account_that_appears_later_is_compared_from_its_first_hour() {
    let world = World::new(endpoint::AccountScope::Connect);
    world.lists.set_accounts(&["acct_1"]);
    world.made(&account("acct_1"), "evt_before", -60);
    world.run("run-0").await;
    // It connects, and everything that Stripe has sent about it so far is lost.
    world.made(&account("acct_2"), "evt_1", 60);
    world.lists.set_accounts(&["acct_2", "acct_1"]);
    world.an_hour_later();
    let report = world.run("run-1").await;
    assert_eq!((report.recovered, report.gap_s), (1, 0));
    assert_eq!(world.published("evt_1"), 1);
    assert_eq!(world.published("evt_before"), 0, "before the first run");
}

#[tokio::test]
async fn an_account_that_a_delivery_named_first_is_compared_from_the_first_run_on() {
    let world = World::new(endpoint::AccountScope::Connect);
    world.run("run-0").await;
    world.made(&account("acct_9"), "evt_lost", 60);
    world.clock.advance_ms(7_200_000);
    let mut delivery = arrival("evt_seen", "main", b"{}");
    delivery.head.account = Some(Cow::Borrowed("acct_9"));
    let taken = record_and_publish(&world.ledger, &world.bus, &world.clock, &delivery).await;
    taken.expect("taken");
    let report = world.run("run-1").await;
    assert_eq!(report.accounts_from, AccountsFrom::Seen);
    assert_eq!((report.recovered, report.gap_s), (1, 0));
}

#[tokio::test]
async fn what_an_account_did_before_it_was_connected_is_not_missing() {
    let world = World::new(endpoint::AccountScope::Connect);
    world.lists.set_accounts(&["acct_1"]);
    for hour in 0..48 {
        world.run(&format!("run-{hour}")).await;
        world.an_hour_later();
    }
    // It has sold for years, and connects now.
    world.made(&account("acct_2"), "evt_long_ago", 3_600);
    world.made(&account("acct_2"), "evt_since", 48 * 3_600 - 600);
    world.lists.set_accounts(&["acct_2", "acct_1"]);
    let report = world.run("run-48").await;
    assert_eq!(report.recovered, 1);
    assert_eq!(world.published("evt_since"), 1);
}

#[tokio::test]
async fn a_new_account_that_a_bound_left_to_a_later_run_is_compared_from_its_first_hour_too() {
    let mut world = World::new(endpoint::AccountScope::Connect);
    world.lists.set_accounts(&["acct_1"]);
    world.run("run-0").await;
    world.an_hour_later();
    world.made(&account("acct_3"), "evt_3", 1_200);
    world.lists.set_accounts(&["acct_3", "acct_2", "acct_1"]);
    world.pages_max = 1;
    for n in 1..8 {
        world.run(&format!("run-{n}")).await;
        world.an_hour_later();
    }
    assert_eq!(world.published("evt_3"), 1);
}

#[tokio::test]
async fn a_stack_of_an_older_version_compares_a_new_account_from_when_accounts_were_last_compared()
{
    let world = World::new(endpoint::AccountScope::Connect);
    let start_s = START_MS / 1_000;
    let mut old = Cursor::first(start_s - 40 * 86_400);
    old.through_s = start_s - 600;
    world.notes.put_cursor("acct_1#live", old);
    world.made(&account("acct_2"), "evt_before", -7_200);
    world.made(&account("acct_2"), "evt_1", -1_200);
    world.lists.set_accounts(&["acct_2", "acct_1"]);
    let report = world.run("run-0").await;
    assert_eq!((report.recovered, report.gap_s), (1, 0));
    assert_eq!(world.published("evt_1"), 1);
}

/// The names of this number of accounts, the newest first.
fn many(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("acct_{n:03}")).collect()
}

fn list(world: &World, accounts: &[String]) {
    let accounts: Vec<_> = accounts.iter().map(String::as_str).collect();
    world.lists.set_accounts(&accounts);
}

#[tokio::test]
async fn a_list_of_accounts_waits_for_the_budget_as_a_walk_does() {
    let world = World::new(endpoint::AccountScope::Connect);
    list(&world, &many(60));
    world.lists.meter(5, &world.clock);
    let report = world.run("run-0").await;
    assert_eq!(
        (report.accounts_from, report.accounts_code),
        (AccountsFrom::Api, None)
    );
    assert!(!report.accounts_more);
    assert_eq!(world.lists.take_accounts_asked(), 20);
    for id in many(60) {
        assert!(world.notes.cursor(&account(&id)).is_some(), "{id}");
    }
}

#[tokio::test]
async fn a_list_of_accounts_that_is_longer_than_a_runs_time_goes_on_in_the_next() {
    let mut world = World::new(endpoint::AccountScope::Connect);
    let accounts = many(240);
    list(&world, &accounts);
    // About twenty-eight pages of three in half of a run's time.
    world.lists.meter(1, &world.clock);
    world.pages_max = 1_000;
    let first = world.run("run-0").await;
    assert!(first.accounts_more && first.more);
    assert_eq!(
        (first.accounts_from, first.accounts_code),
        (AccountsFrom::Api, None)
    );
    let listed = world.lists.take_accounts_asked() * 3;
    assert!((60..120).contains(&listed), "{listed}");

    let mut rounds = 0;
    for n in 1..20 {
        world.an_hour_later();
        // No delivery has ever named it, and it is at the list's end.
        world.made(&account("acct_239"), &format!("evt_{n}"), n * 3_600 + 60);
        let report = world.run(&format!("run-{n}")).await;
        rounds += u32::from(!report.accounts_more);
    }
    assert!(
        rounds >= 3,
        "each continues at the place that the one before reached"
    );
    for id in &accounts {
        assert!(world.notes.cursor(&account(id)).is_some(), "{id}");
    }
    for n in 1..10 {
        assert_eq!(world.published(&format!("evt_{n}")), 1, "{n}");
    }
}

#[tokio::test]
async fn a_list_that_fails_in_the_middle_goes_on_from_there_and_what_it_had_counts() {
    let world = World::new(endpoint::AccountScope::Connect);
    list(&world, &many(12));
    let away = Fault::retry(code::STRIPE_UNAVAILABLE, "no answer");
    world.lists.refuse_accounts(Some((2, away)));
    let report = world.run("run-0").await;
    assert_eq!(report.accounts_from, AccountsFrom::Seen);
    assert_eq!(report.accounts_code.as_deref(), Some("stripe.unavailable"));
    assert!(world.notes.cursor(&account("acct_005")).is_some());
    assert!(world.notes.cursor(&account("acct_006")).is_none());

    world.lists.refuse_accounts(None);
    world.lists.take_accounts_asked();
    world.an_hour_later();
    world.run("run-1").await;
    assert_eq!(world.lists.take_accounts_asked(), 2, "the other two pages");
    for id in many(12) {
        assert!(world.notes.cursor(&account(&id)).is_some(), "{id}");
    }
}

#[tokio::test]
async fn a_list_that_went_on_after_an_account_that_is_no_more_begins_again() {
    let world = World::new(endpoint::AccountScope::Connect);
    list(&world, &many(12));
    let away = Fault::retry(code::STRIPE_UNAVAILABLE, "no answer");
    world.lists.refuse_accounts(Some((2, away)));
    world.run("run-0").await;
    world.lists.refuse_accounts(None);
    let mut left = many(12);
    left.remove(5);
    list(&world, &left);
    world.an_hour_later();
    let report = world.run("run-1").await;
    assert_eq!(
        (report.accounts_from, report.accounts_more),
        (AccountsFrom::Api, false)
    );
    assert_eq!(report.scopes_whole, 11);
}
