//! Scopes that fail: what happens to the others, which scope is next, and what the report says.

use sluice_harness::faults::{Call, Fate, FaultyLedger};
use sluice_kernel::reconcile::report::Failure;

use super::*;
use crate::code;

/// A world of these accounts that has been reconciled once, an hour ago.
async fn begun_with(scope: endpoint::AccountScope, accounts: &[&str]) -> World {
    let world = World::new(scope);
    world.lists.set_accounts(accounts);
    world.run("run-0").await;
    world.an_hour_later();
    world.asked();
    world
}

fn refused() -> Fault {
    Fault::retry(
        code::STRIPE_KEY_REFUSED,
        "no permission to act for accounts",
    )
}

#[tokio::test]
async fn an_account_that_is_refused_in_each_run_stops_no_other_account() {
    let world = begun_with(endpoint::AccountScope::Connect, &["acct_1", "acct_2"]).await;
    world.made(&account("acct_2"), "evt_1", 60);
    for attempt in ["run-1", "run-2"] {
        world.lists.fail_after(0, refused());
        let report = world.run(attempt).await;
        assert_eq!((report.stopped, report.more), (None, false));
        assert_eq!((report.scopes_failed, report.scopes_whole), (1, 1));
        world.an_hour_later();
    }
    assert_eq!(world.published("evt_1"), 1);
}

#[tokio::test]
async fn a_key_that_may_not_act_for_accounts_still_compares_the_platforms_own_events() {
    let accounts = ["acct_1", "acct_2", "acct_3", "acct_4"];
    let world = begun_with(endpoint::AccountScope::Both, &accounts).await;
    for id in accounts {
        world.lists.refuse(&account(id), Some(refused()));
    }
    for n in 0..3 {
        world.made(&platform(), &format!("evt_{n}"), 3_600 * n + 60);
        let report = world.run(&format!("run-{n}")).await;
        assert_eq!((report.recovered, report.scopes_whole), (1, 1));
        assert_eq!(report.behind_s, 3_600 * (n + 1) - SETTLE_S);
        let named = accounts.map(|id| Failure {
            scope: format!("{id}#live"),
            code: code::STRIPE_KEY_REFUSED.to_string(),
            since_s: START_MS / 1_000 + 3_600,
        });
        assert_eq!(report.failures, named, "since the first of the faults");
        world.an_hour_later();
    }
    // The key is given the permission.
    for id in accounts {
        world.lists.refuse(&account(id), None);
    }
    world.made(&account("acct_3"), "evt_late", 120);
    let report = world.run("run-3").await;
    assert_eq!((report.recovered, report.scopes_failed), (1, 0));
    assert_eq!(report.behind_s, 0);
}

#[tokio::test]
async fn an_account_that_times_out_or_is_limited_loses_its_own_turn_and_no_others() {
    for fault in [
        Fault::retry(code::STRIPE_UNAVAILABLE, "no answer in 15 s"),
        Fault::retry(code::STRIPE_RATE_LIMITED, "429"),
        Fault::retry(code::STRIPE_ANSWER_UNREADABLE, "not a page"),
        Fault::retry(code::STRIPE_ANSWER_TOO_LARGE, "an event beyond all bounds"),
        Fault::reject(code::STRIPE_REQUEST_REFUSED, "400"),
    ] {
        let accounts = ["acct_1", "acct_2", "acct_3", "acct_4"];
        let mut world = begun_with(endpoint::AccountScope::Connect, &accounts).await;
        world.lists.refuse(&account("acct_1"), Some(fault.clone()));
        // Each run has room for two of the four.
        world.pages_max = 2;
        for (n, pair) in [["acct_1", "acct_2"], ["acct_3", "acct_4"]]
            .iter()
            .cycle()
            .take(6)
            .enumerate()
        {
            world.run(&format!("run-{n}")).await;
            let asked: Vec<_> = world.asked().into_iter().flatten().collect();
            assert_eq!(&asked, pair, "{}", fault.code);
            world.an_hour_later();
        }
    }
}

#[tokio::test]
async fn accounts_take_no_page_from_the_platform_and_the_platform_not_all_from_them() {
    let accounts = ["acct_1", "acct_2", "acct_3", "acct_4"];
    let mut world = begun_with(endpoint::AccountScope::Both, &accounts).await;
    world.pages_max = 4;
    // The platform's own events take seven pages, and the accounts that refuse take as many requests as a run has.
    for n in 0..21 {
        world.made(&platform(), &format!("evt_{n}"), 60 + n);
    }
    world.lists.refuse(&account("acct_1"), Some(refused()));
    world.made(&account("acct_4"), "evt_a", 60);
    let mut recovered = 0;
    for n in 0..2 {
        let report = world.run(&format!("run-{n}")).await;
        let own = world.asked().iter().filter(|asked| asked.is_none()).count();
        assert_eq!((own, report.requests), (2, 4), "half of them");
        assert!(report.more);
        recovered += report.recovered;
        world.clock.advance_ms(60_000);
    }
    assert_eq!(recovered, 12 + 1);
    // Without accounts that wait, the platform takes all pages.
    world.lists.set_accounts(&[]);
    let report = world.run("run-2").await;
    assert_eq!((report.recovered, report.pages), (9, 3));
    assert!(!report.more);
}

#[tokio::test]
async fn a_busy_platform_goes_on_once_every_account_had_its_turn() {
    let mut world = begun_with(endpoint::AccountScope::Both, &["acct_1"]).await;
    world.pages_max = 4;
    for n in 0..9 {
        world.made(&platform(), &format!("evt_{n}"), 60 + n);
    }
    let report = world.run("run-1").await;
    let asked = world.asked();
    assert_eq!(asked, [None, None, Some("acct_1".to_owned()), None]);
    assert_eq!(
        (report.recovered, report.scopes_whole, report.more),
        (9, 2, false)
    );
}

#[tokio::test]
async fn what_fails_counts_against_the_runs_bounds() {
    let accounts = ["acct_1", "acct_2", "acct_3", "acct_4", "acct_5"];
    let mut world = begun_with(endpoint::AccountScope::Connect, &accounts).await;
    for id in accounts {
        world.lists.refuse(&account(id), Some(refused()));
    }
    world.pages_max = 2;
    let report = world.run("run-1").await;
    assert_eq!(world.asked().len(), 2);
    assert_eq!((report.requests, report.pages), (2, 0));
    assert_eq!((report.scopes_failed, report.scopes_left), (2, 3));
    assert!(report.more);
    // The remaining accounts weren't attempted since the start; after three runs each was attempted since the first of
    // them.
    assert_eq!(report.left_since_ms, Some(START_MS));
    for n in 2..4 {
        world.clock.advance_ms(1_000);
        let next = world.run(&format!("run-{n}")).await;
        let had_its_turn = next.left_since_ms >= Some(report.began_ms);
        assert_eq!(had_its_turn, n == 3, "{n}");
    }
}

#[tokio::test]
async fn when_stripe_gives_three_scopes_in_a_row_no_answer_the_run_ends() {
    let accounts = ["acct_1", "acct_2", "acct_3", "acct_4", "acct_5"];
    let world = begun_with(endpoint::AccountScope::Connect, &accounts).await;
    let away = Fault::retry(code::STRIPE_UNAVAILABLE, "no answer");
    for id in accounts {
        world.lists.refuse(&account(id), Some(away.clone()));
    }
    let report = world.run("run-1").await;
    assert_eq!(report.stopped.as_deref(), Some("stripe.unavailable"));
    assert_eq!((report.scopes_failed, report.scopes_left), (3, 2));
    assert!(report.more);
    assert_eq!(world.asked().len(), 3);
    // One that answers in between, with a refusal or a page, shows that Stripe is there.
    world.an_hour_later();
    for id in ["acct_5", "acct_2"] {
        world.lists.refuse(&account(id), Some(refused()));
    }
    let report = world.run("run-2").await;
    assert_eq!((report.scopes_failed, report.stopped), (5, None));
    let asked: Vec<_> = world.asked().into_iter().flatten().collect();
    assert_eq!(asked, ["acct_4", "acct_5", "acct_1", "acct_2", "acct_3"]);
}

#[tokio::test]
async fn a_scope_at_which_the_whole_invocation_ends_comes_last_in_the_next() {
    let world = begun_with(endpoint::AccountScope::Connect, &["acct_1", "acct_2"]).await;
    world.made(&account("acct_2"), "evt_1", 60);
    world.lists.hang(Some(&account("acct_1")));
    for attempt in ["run-1", "run-2"] {
        let patience = async {
            for _ in 0..10_000 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            report = world.run(attempt) => panic!("{report:?}"),
            () = patience => {}
        }
        world.an_hour_later();
    }
    assert_eq!(world.published("evt_1"), 1);
}

#[tokio::test]
async fn a_ledger_that_is_away_ends_the_run_and_is_no_scopes_fault() {
    let mut world = begun_with(endpoint::AccountScope::Connect, &["acct_1", "acct_2"]).await;
    for id in ["acct_1", "acct_2"] {
        world.made(&account(id), &format!("evt_of_{id}"), 60);
    }
    let ledger = std::mem::replace(&mut world.ledger, MemoryLedger::new(world.clock.clone()));
    let ledger = FaultyLedger::new(ledger);
    let ledger = ledger.then(Call::Claim, Fate::DropBefore);
    let report = world.run_with(&ledger, "run-1").await.expect("a report");
    assert_eq!(report.stopped.as_deref(), Some("ledger.unavailable"));
    assert_eq!((report.scopes_failed, report.scopes_left), (0, 2));
    assert_eq!(world.asked().len(), 1);
    world.an_hour_later();
    let report = world.run_with(&ledger, "run-2").await.expect("a report");
    assert_eq!(report.recovered, 2);
}

#[tokio::test]
async fn what_was_not_compared_for_hours_is_behind_whatever_keeps_it_and_a_lost_account_is_not() {
    let ids = ["acct_1", "acct_2", "acct_3"];
    let mut world = begun_with(endpoint::AccountScope::Connect, &ids).await;
    let away = Fault::retry(code::STRIPE_UNAVAILABLE, "no answer");
    let gone = Fault::retry(code::STRIPE_ACCOUNT_UNREACHABLE, "disconnected");
    for fault in [away, refused()] {
        world.lists.refuse(&account("acct_2"), Some(fault));
        assert!(!world.run("at-first").await.is_behind());
        world.clock.advance_ms(7 * 3_600_000);
        assert!(world.run("hours-later").await.is_behind());
        world.lists.refuse(&account("acct_2"), None);
        assert_eq!(world.run("again").await.behind_s, 0);
    }
    world.lists.refuse(&account("acct_2"), Some(gone));
    world.clock.advance_ms(7 * 3_600_000);
    assert_eq!(world.run("gone").await.behind_s, 0);
    // Bounds that are too small for this number of accounts.
    world.pages_max = 1;
    world.clock.advance_ms(7 * 3_600_000);
    assert!(world.run("too-small").await.is_behind());
}

/// Reconciles each hour, and returns in which hours each of these accounts was asked for.
async fn hours_asked(world: &World, hours: i64, ids: [&str; 2]) -> [Vec<i64>; 2] {
    let mut asked = [Vec::new(), Vec::new()];
    for hour in 0..hours {
        world.run(&format!("hour-{hour}")).await;
        for id in world.asked().into_iter().flatten() {
            let index = ids.iter().position(|known| *known == id);
            asked[index.expect("one of them")].push(hour);
        }
        world.an_hour_later();
    }
    asked
}

/// Accounts that Stripe doesn't list, and that a delivery has named once.
async fn seen_accounts(ids: &[&str]) -> World {
    let world = World::new(endpoint::AccountScope::Connect);
    for id in ids {
        let event = format!("evt_of_{id}");
        let mut delivery = arrival(&event, "main", b"{}");
        delivery.head.account = Some(Cow::Borrowed(id));
        delivery.received_at_ms = START_MS;
        let taken = record_and_publish(&world.ledger, &world.bus, &world.clock, &delivery).await;
        taken.expect("taken");
    }
    world.run("run-0").await;
    world.an_hour_later();
    world.asked();
    world
}

#[tokio::test]
async fn an_account_that_went_away_is_tried_daily_and_forgotten_once_nothing_of_it_is_left_to_compare()
 {
    let ids = ["acct_gone", "acct_refused"];
    let world = seen_accounts(&ids).await;
    let gone = Fault::retry(code::STRIPE_ACCOUNT_UNREACHABLE, "disconnected");
    world.lists.refuse(&account("acct_gone"), Some(gone));
    world
        .lists
        .refuse(&account("acct_refused"), Some(refused()));
    let [asked, of_refused] = hours_asked(&world, 4 * 24, ids).await;
    assert_eq!(
        asked[..24],
        (0..24).collect::<Vec<_>>(),
        "a day long each hour"
    );
    assert_eq!(asked[24..], [47, 71, 95], "then daily");
    assert_eq!(of_refused.len(), 4 * 24, "it may be well at any time");
    let reports = world.notes.reports();
    let put_off = reports.iter().map(|report| report.scopes_put_off);
    assert_eq!(put_off.sum::<u64>(), 4 * 24 - asked.len() as u64);

    hours_asked(&world, 28 * 24, ids).await;
    assert_eq!(world.notes.cursor(&account("acct_gone")), None);
    assert!(world.notes.cursor(&account("acct_refused")).is_some());
    let reports = world.notes.reports();
    assert_eq!(
        reports
            .iter()
            .map(|report| report.scopes_forgotten)
            .sum::<u64>(),
        1
    );
    assert!(
        reports.iter().all(|report| report.gap_s == 0),
        "of an account that doesn't answer nothing is known"
    );
    let [asked, of_refused] = hours_asked(&world, 48, ids).await;
    assert_eq!((asked.len(), of_refused.len()), (0, 48));
}

#[tokio::test]
async fn an_account_that_is_reached_again_after_days_has_lost_nothing() {
    let ids = ["acct_1", "acct_2"];
    let world = seen_accounts(&ids).await;
    let gone = Fault::retry(code::STRIPE_ACCOUNT_UNREACHABLE, "disconnected");
    world.lists.refuse(&account("acct_1"), Some(gone));
    hours_asked(&world, 3 * 24, ids).await;
    for day in 0..3 {
        world.made(
            &account("acct_1"),
            &format!("evt_{day}"),
            day * 86_400 + 4_000,
        );
    }
    world.lists.refuse(&account("acct_1"), None);
    hours_asked(&world, 24 + 1, ids).await;
    for day in 0..3 {
        assert_eq!(world.published(&format!("evt_{day}")), 1, "{day}");
    }
    let cursor = world.notes.cursor(&account("acct_1")).expect("a cursor");
    assert_eq!(cursor.failing, None);
}

#[tokio::test]
async fn an_account_that_stripes_whole_list_lacks_for_a_month_is_forgotten() {
    let ids = ["acct_1", "acct_2"];
    let world = begun_with(endpoint::AccountScope::Connect, &ids).await;
    world.run("run-1").await;
    world.lists.set_accounts(&["acct_2"]);
    hours_asked(&world, 29 * 24, ids).await;
    assert!(world.notes.cursor(&account("acct_1")).is_some());
    hours_asked(&world, 2 * 24, ids).await;
    assert_eq!(world.notes.cursor(&account("acct_1")), None);
    assert!(world.notes.cursor(&account("acct_2")).is_some());
}
