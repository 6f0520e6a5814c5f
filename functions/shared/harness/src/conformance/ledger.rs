//! What every ledger has to do.

use futures_util::future::join_all;
use sluice_kernel::clock::Clock;
use sluice_kernel::code;
use sluice_kernel::delivery::ledger::{
    Arrival, Bodies, Claimed, Decision, Deferred, DueLedger, Ledger,
};
use sluice_kernel::fault::Class;

use crate::build::{LAPSE_MS, RETENTION_MS, arrival, noise_body};
use crate::clock::TestClock;

/// A ledger in all its roles.
pub trait Whole: Ledger + DueLedger + Bodies {}

impl<L: Ledger + DueLedger + Bodies> Whole for L {}

const ID: &str = "evt_1";
const SMALL: &[u8] = br#"{"id":"evt_1","type":"charge.succeeded"}"#;
const WON: Claimed = Claimed::Won { complete: true };

fn small(attempt: &str) -> Arrival<'_> {
    arrival(ID, attempt, SMALL)
}

/// An arrival after the first claim has lapsed.
fn later<'a>(attempt: &'a str, clock: &TestClock, body: &'a [u8]) -> Arrival<'a> {
    let mut arrival = arrival(ID, attempt, body);
    arrival.received_at_ms = clock.now_ms();
    arrival.lapses_at_ms = clock.now_ms() + LAPSE_MS;
    arrival
}

async fn decision(ledger: &impl Whole, attempt: &str) -> Decision {
    ledger.look(&small(attempt)).await.expect("look")
}

/// The central guarantee of a claim.
pub async fn of_twenty_parallel_claims_one_wins(ledger: &impl Whole, _clock: &TestClock) {
    let attempts: Vec<_> = (0..20).map(|n| format!("attempt-{n}")).collect();
    let arrivals: Vec<_> = attempts.iter().map(|attempt| small(attempt)).collect();
    let claims = join_all(arrivals.iter().map(|arrival| ledger.claim(arrival))).await;
    let count = |wanted: Claimed| {
        claims
            .iter()
            .filter(|claim| **claim == Ok(wanted.clone()))
            .count()
    };
    assert_eq!((count(WON), count(Claimed::Held)), (1, 19), "{claims:?}");
}

/// After a lost response the SDK repeats the put, and meets its own claim.
pub async fn an_own_claim_met_again_is_won(ledger: &impl Whole, _clock: &TestClock) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    assert_eq!(decision(ledger, "a").await, Decision::Own);
}

/// Held is neither a duplicate nor a win.
pub async fn another_attempt_is_held_while_the_claim_lives(ledger: &impl Whole, clock: &TestClock) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    clock.advance_ms(LAPSE_MS - 1);
    assert_eq!(ledger.claim(&small("b")).await, Ok(Claimed::Held));
    assert_eq!(decision(ledger, "b").await, Decision::Held);
    clock.advance_ms(1);
    assert_eq!(decision(ledger, "b").await, Decision::TakeOver);
}

/// Taking over changes only attempt and lapse.
pub async fn a_lapsed_claim_is_taken_over_and_the_first_body_stands(
    ledger: &impl Whole,
    clock: &TestClock,
) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    clock.advance_ms(LAPSE_MS);
    let other_bytes = br#"{"id":"evt_1","type":"charge.succeeded","pending_webhooks":0}"#;
    let Ok(Claimed::TookOver { entry, body }) = ledger.claim(&later("b", clock, other_bytes)).await
    else {
        panic!("not taken over");
    };
    assert_eq!(body.as_deref(), Some(SMALL));
    assert_eq!(
        (entry.standing.attempt.as_str(), entry.size),
        ("b", SMALL.len() as u64)
    );
    assert_eq!(entry.origin.received_at_ms, clock.now_ms() - LAPSE_MS);
    assert_eq!(
        ledger.body(ID, clock.now_ms()).await,
        Ok(Some(SMALL.to_vec()))
    );
    // The first attempt has lost the claim, and the second holds it until its own lapse.
    assert_eq!(ledger.mark(&small("a"), clock.now_ms()).await, Ok(false));
    assert_eq!(decision(ledger, "c").await, Decision::Held);
}

/// After a lost response the SDK repeats an update, too.
pub async fn a_take_over_met_again_is_taken_over(ledger: &impl Whole, clock: &TestClock) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    clock.advance_ms(LAPSE_MS);
    let arrival = later("b", clock, SMALL);
    assert!(matches!(
        ledger.claim(&arrival).await,
        Ok(Claimed::TookOver { .. })
    ));
    assert!(matches!(
        ledger.claim(&arrival).await,
        Ok(Claimed::Won { complete: true })
    ));
}

/// One of many finds it lapsed.
pub async fn of_twenty_parallel_take_overs_one_wins(ledger: &impl Whole, clock: &TestClock) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    clock.advance_ms(LAPSE_MS);
    let attempts: Vec<_> = (0..20).map(|n| format!("attempt-{n}")).collect();
    let arrivals: Vec<_> = attempts
        .iter()
        .map(|attempt| later(attempt, clock, SMALL))
        .collect();
    let claims = join_all(arrivals.iter().map(|arrival| ledger.claim(arrival))).await;
    let took_over = claims
        .iter()
        .filter(|claim| matches!(claim, Ok(Claimed::TookOver { .. })))
        .count();
    let held = claims
        .iter()
        .filter(|claim| **claim == Ok(Claimed::Held))
        .count();
    assert_eq!((took_over, held), (1, 19), "{claims:?}");
}

/// Once published, the event is finished for every attempt.
pub async fn a_published_event_is_finished(ledger: &impl Whole, clock: &TestClock) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    assert_eq!(ledger.mark(&small("a"), clock.now_ms()).await, Ok(true));
    for attempt in ["a", "b"] {
        assert_eq!(ledger.claim(&small(attempt)).await, Ok(Claimed::Finished));
        assert_eq!(decision(ledger, attempt).await, Decision::Finished);
    }
    clock.advance_ms(LAPSE_MS);
    assert_eq!(ledger.claim(&small("c")).await, Ok(Claimed::Finished));
}

/// A ledger-only event is finished as well, for attempts that also only store it.
pub async fn a_ledger_only_event_is_finished_and_never_due(ledger: &impl Whole, clock: &TestClock) {
    let mut arrival = small("a");
    arrival.ledger_only = Some("test_event");
    assert_eq!(ledger.claim(&arrival).await, Ok(WON));
    assert_eq!(ledger.mark(&arrival, clock.now_ms()).await, Ok(true));
    arrival.attempt = "b";
    assert_eq!(ledger.claim(&arrival).await, Ok(Claimed::Finished));
    assert_eq!(
        ledger.due(clock.now_ms() + RETENTION_MS, 10).await,
        Ok(vec![])
    );
}

/// Stripe sends a connected account's test event to its live endpoint, which stores it, and to its test endpoint.
pub async fn an_event_that_was_only_stored_is_taken_over_by_one_of_those_that_publish_it(
    ledger: &impl Whole,
    clock: &TestClock,
) {
    let mut stored = small("a");
    stored.ledger_only = Some("test_event");
    assert_eq!(ledger.claim(&stored).await, Ok(WON));
    // While it is being stored, it is held; after that no attempt waits for a lapse.
    assert_eq!(ledger.claim(&small("b")).await, Ok(Claimed::Held));
    assert_eq!(ledger.mark(&stored, clock.now_ms()).await, Ok(true));
    let took_over = ledger.claim(&small("b")).await;
    assert!(
        matches!(&took_over, Ok(Claimed::TookOver { entry, body: Some(body) }) if entry.standing.ledger_only.is_none() && body == SMALL),
        "{took_over:?}"
    );
    assert_eq!(ledger.claim(&small("c")).await, Ok(Claimed::Held));
    stored.attempt = "d";
    assert_eq!(ledger.claim(&stored).await, Ok(Claimed::Held));
    assert_eq!(ledger.mark(&small("b"), clock.now_ms()).await, Ok(true));
    assert_eq!(ledger.claim(&stored).await, Ok(Claimed::Finished));
}

/// Sweep will publish it: no attempt takes it over.
pub async fn a_due_event_is_queued_even_after_its_claim_lapsed(
    ledger: &impl Whole,
    clock: &TestClock,
) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    assert_eq!(
        ledger.defer(&small("a"), clock.now_ms()).await,
        Ok(Deferred::Due)
    );
    assert_eq!(ledger.claim(&small("b")).await, Ok(Claimed::Queued));
    clock.advance_ms(LAPSE_MS);
    assert_eq!(
        ledger.claim(&later("c", clock, SMALL)).await,
        Ok(Claimed::Queued)
    );
    assert_eq!(decision(ledger, "c").await, Decision::Queued);
}

/// Mark's condition is the attempt.
pub async fn a_mark_repeats_itself_in_peace_and_loses_to_another_attempt(
    ledger: &impl Whole,
    clock: &TestClock,
) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    clock.advance_ms(LAPSE_MS);
    assert!(matches!(
        ledger.claim(&later("b", clock, SMALL)).await,
        Ok(Claimed::TookOver { .. })
    ));
    assert_eq!(ledger.mark(&small("a"), clock.now_ms()).await, Ok(false));
    assert_eq!(decision(ledger, "c").await, Decision::Held);
    for _ in 0..2 {
        assert_eq!(ledger.mark(&small("b"), clock.now_ms()).await, Ok(true));
    }
    assert_eq!(decision(ledger, "c").await, Decision::Finished);
}

/// Defer's conditions: this attempt holds the claim, and the event is unpublished.
pub async fn a_defer_is_for_the_holder_of_an_unpublished_event(
    ledger: &impl Whole,
    clock: &TestClock,
) {
    assert_eq!(
        ledger.defer(&small("a"), clock.now_ms()).await,
        Ok(Deferred::Lost)
    );
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    assert_eq!(
        ledger.defer(&small("b"), clock.now_ms()).await,
        Ok(Deferred::Lost)
    );
    assert_eq!(decision(ledger, "b").await, Decision::Held);
    for _ in 0..2 {
        assert_eq!(
            ledger.defer(&small("a"), clock.now_ms()).await,
            Ok(Deferred::Due)
        );
    }
    assert_eq!(ledger.mark(&small("a"), clock.now_ms()).await, Ok(true));
    assert_eq!(
        ledger.defer(&small("a"), clock.now_ms()).await,
        Ok(Deferred::Published)
    );
    assert_eq!(ledger.due(clock.now_ms(), 10).await, Ok(vec![]));
}

/// Sweep needn't publish it any more.
pub async fn a_mark_after_a_defer_ends_being_due(ledger: &impl Whole, clock: &TestClock) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    assert_eq!(
        ledger.defer(&small("a"), clock.now_ms()).await,
        Ok(Deferred::Due)
    );
    assert_eq!(
        ledger.due(clock.now_ms(), 10).await,
        Ok(vec![ID.to_owned()])
    );
    assert_eq!(ledger.mark(&small("a"), clock.now_ms()).await, Ok(true));
    assert_eq!(ledger.due(clock.now_ms(), 10).await, Ok(vec![]));
    assert_eq!(ledger.take_up(ID, clock.now_ms()).await, Ok(None));
}

/// TTL deletes within days; conditions and reads check the time themselves.
pub async fn an_expired_entry_counts_as_absent(ledger: &impl Whole, clock: &TestClock) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    assert_eq!(ledger.mark(&small("a"), clock.now_ms()).await, Ok(true));
    clock.advance_ms(RETENTION_MS - 1);
    assert_eq!(ledger.claim(&small("b")).await, Ok(Claimed::Finished));
    clock.advance_ms(1);
    assert_eq!(decision(ledger, "b").await, Decision::Absent);
    assert_eq!(ledger.body(ID, clock.now_ms()).await, Ok(None));
    let mut again = later("b", clock, SMALL);
    again.expires_at_s += RETENTION_MS / 1000;
    assert_eq!(ledger.claim(&again).await, Ok(WON));
    assert_eq!(
        ledger.body(ID, clock.now_ms()).await,
        Ok(Some(SMALL.to_vec()))
    );
}

/// It has been acknowledged, and is not on the bus yet.
pub async fn a_due_entry_never_expires(ledger: &impl Whole, clock: &TestClock) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    assert_eq!(
        ledger.defer(&small("a"), clock.now_ms()).await,
        Ok(Deferred::Due)
    );
    clock.advance_ms(2 * RETENTION_MS);
    assert_eq!(
        ledger.claim(&later("b", clock, SMALL)).await,
        Ok(Claimed::Queued)
    );
    assert!(matches!(
        ledger.take_up(ID, clock.now_ms()).await,
        Ok(Some(_))
    ));
}

/// Type, account or object differ.
pub async fn another_event_under_the_same_id_is_a_conflict_and_is_kept(
    ledger: &impl Whole,
    clock: &TestClock,
) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    assert_eq!(ledger.mark(&small("a"), clock.now_ms()).await, Ok(true));
    let mut other_type = small("b");
    other_type.head.kind = "charge.failed".into();
    let mut other_account = small("b");
    other_account.head.account = Some("acct_1".into());
    let mut other_object = small("b");
    other_object.head.object.as_mut().expect("an object").id = Some("ch_2".into());
    for other in [other_type, other_account, other_object] {
        assert_eq!(ledger.claim(&other).await, Ok(Claimed::Conflict));
        assert_eq!(ledger.look(&other).await, Ok(Decision::Conflict));
        for _ in 0..2 {
            assert_eq!(ledger.keep_other(&other).await, Ok(()));
        }
    }
    let large = noise_body(ID, 500_000);
    assert_eq!(ledger.keep_other(&arrival(ID, "b", &large)).await, Ok(()));
    assert_eq!(
        ledger.body(ID, clock.now_ms()).await,
        Ok(Some(SMALL.to_vec()))
    );
    assert_eq!(decision(ledger, "c").await, Decision::Finished);
}

/// `pending_webhooks` counts down, and an older API version may lack the object's id.
pub async fn other_bytes_of_the_same_event_are_no_conflict(ledger: &impl Whole, clock: &TestClock) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    assert_eq!(ledger.mark(&small("a"), clock.now_ms()).await, Ok(true));
    let mut without_object = arrival(
        ID,
        "b",
        br#"{"id":"evt_1","type":"charge.succeeded","pending_webhooks":2}"#,
    );
    without_object.head.object = None;
    assert_eq!(ledger.claim(&without_object).await, Ok(Claimed::Finished));
    assert_eq!(
        ledger.body(ID, clock.now_ms()).await,
        Ok(Some(SMALL.to_vec()))
    );
}

/// Nothing may point to a body that isn't whole.
pub async fn a_large_body_is_not_whole_before_it_is_completed(
    ledger: &impl Whole,
    clock: &TestClock,
) {
    let large = noise_body(ID, 300_000);
    let first = arrival(ID, "a", &large);
    for _ in 0..2 {
        assert_eq!(
            ledger.claim(&first).await,
            Ok(Claimed::Won { complete: false })
        );
    }
    assert_eq!(ledger.body(ID, clock.now_ms()).await, Ok(None));
    clock.advance_ms(LAPSE_MS);
    let second = later("b", clock, &large);
    assert!(matches!(
        ledger.claim(&second).await,
        Ok(Claimed::TookOver { body: None, .. })
    ));
    assert_eq!(ledger.complete(&second).await, Ok(()));
    assert_eq!(
        ledger.claim(&second).await,
        Ok(Claimed::Won { complete: true })
    );
    assert_eq!(ledger.body(ID, clock.now_ms()).await, Ok(Some(large)));
}

/// In any number of parts.
pub async fn a_large_body_reads_back_byte_for_byte(ledger: &impl Whole, clock: &TestClock) {
    for (id, bytes) in [("evt_2", 60_000), ("evt_3", 400_000), ("evt_4", 3_000_000)] {
        let large = noise_body(id, bytes);
        let arrival = arrival(id, "a", &large);
        assert_eq!(
            ledger.claim(&arrival).await,
            Ok(Claimed::Won { complete: false })
        );
        for _ in 0..2 {
            assert_eq!(ledger.complete(&arrival).await, Ok(()));
        }
        assert_eq!(ledger.body(id, clock.now_ms()).await, Ok(Some(large)));
    }
}

/// A later attempt with other bytes doesn't replace it.
pub async fn the_first_complete_body_stands(ledger: &impl Whole, clock: &TestClock) {
    let (one, two) = (noise_body("evt_a", 100_000), noise_body("evt_b", 90_000));
    let first = arrival(ID, "a", &one);
    assert_eq!(
        ledger.claim(&first).await,
        Ok(Claimed::Won { complete: false })
    );
    assert_eq!(ledger.complete(&first).await, Ok(()));
    clock.advance_ms(LAPSE_MS);
    let second = later("b", clock, &two);
    let Ok(Claimed::TookOver {
        body: Some(body), ..
    }) = ledger.claim(&second).await
    else {
        panic!("not taken over whole");
    };
    assert_eq!(body, one);
    assert_eq!(ledger.complete(&second).await, Ok(()));
    assert_eq!(ledger.body(ID, clock.now_ms()).await, Ok(Some(one)));
}

/// The other attempt's body may differ.
pub async fn completing_loses_to_another_attempt(ledger: &impl Whole, clock: &TestClock) {
    let (one, two) = (noise_body("evt_a", 100_000), noise_body("evt_b", 90_000));
    let first = arrival(ID, "a", &one);
    assert_eq!(
        ledger.claim(&first).await,
        Ok(Claimed::Won { complete: false })
    );
    clock.advance_ms(LAPSE_MS);
    let second = later("b", clock, &two);
    assert!(matches!(
        ledger.claim(&second).await,
        Ok(Claimed::TookOver { body: None, .. })
    ));
    let fault = ledger.complete(&first).await.expect_err("lost");
    assert_eq!((fault.class, fault.code), (Class::Held, code::CLAIM_LOST));
    assert_eq!(ledger.complete(&second).await, Ok(()));
    assert_eq!(ledger.body(ID, clock.now_ms()).await, Ok(Some(two)));
}

/// Over all shards.
pub async fn what_is_due_is_found_oldest_first_and_bounded(ledger: &impl Whole, clock: &TestClock) {
    let ids: Vec<_> = (0..12).map(|n| format!("evt_due_{n:02}")).collect();
    for (n, id) in ids.iter().enumerate() {
        let arrival = arrival(id, "a", SMALL);
        assert_eq!(ledger.claim(&arrival).await, Ok(WON));
        assert_eq!(
            ledger.defer(&arrival, clock.now_ms() + n as i64).await,
            Ok(Deferred::Due)
        );
    }
    assert_eq!(ledger.due(clock.now_ms() - 1, 100).await, Ok(vec![]));
    assert_eq!(
        ledger.due(clock.now_ms() + 5, 100).await.as_deref(),
        Ok(&ids[..6])
    );
    assert_eq!(
        ledger.due(clock.now_ms() + 100, 4).await.as_deref(),
        Ok(&ids[..4])
    );
    assert_eq!(ledger.due(clock.now_ms() + 100, 100).await, Ok(ids));
}

/// Sweep's own mark.
pub async fn a_swept_event_is_published_and_due_no_longer(ledger: &impl Whole, clock: &TestClock) {
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    assert_eq!(ledger.take_up(ID, clock.now_ms()).await, Ok(None));
    assert_eq!(
        ledger.defer(&small("a"), clock.now_ms()).await,
        Ok(Deferred::Due)
    );
    let due = ledger
        .take_up(ID, clock.now_ms())
        .await
        .expect("read")
        .expect("due");
    assert_eq!(
        (due.entry.origin.id.as_ref(), due.body.as_deref()),
        (ID, Some(SMALL))
    );
    for _ in 0..2 {
        assert_eq!(ledger.mark_swept(ID, clock.now_ms()).await, Ok(()));
    }
    assert_eq!(ledger.due(clock.now_ms(), 10).await, Ok(vec![]));
    assert_eq!(ledger.take_up(ID, clock.now_ms()).await, Ok(None));
    assert_eq!(ledger.claim(&small("b")).await, Ok(Claimed::Finished));
}

/// Refusals move it forward.
pub async fn a_postponed_event_is_due_later_with_its_refusals_counted(
    ledger: &impl Whole,
    clock: &TestClock,
) {
    let now_ms = clock.now_ms();
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
    assert_eq!(ledger.defer(&small("a"), now_ms).await, Ok(Deferred::Due));
    assert_eq!(ledger.postpone(ID, now_ms + 50, false).await, Ok(()));
    assert_eq!(ledger.due(now_ms, 10).await, Ok(vec![]));
    assert_eq!(ledger.take_up(ID, now_ms).await, Ok(None));
    assert_eq!(ledger.postpone(ID, now_ms + 60, true).await, Ok(()));
    let due = ledger
        .take_up(ID, now_ms + 60)
        .await
        .expect("read")
        .expect("due");
    assert_eq!(
        (due.entry.standing.refusals, due.entry.origin.as_pointer),
        (2, true)
    );
    assert_eq!(ledger.mark_swept(ID, now_ms).await, Ok(()));
    assert_eq!(ledger.postpone(ID, now_ms, false).await, Ok(()));
    assert_eq!(ledger.due(now_ms, 10).await, Ok(vec![]));
}

/// An update creates an item if there is none, unless its condition says otherwise.
pub async fn nothing_is_made_by_marking_or_postponing_what_is_not_there(
    ledger: &impl Whole,
    clock: &TestClock,
) {
    assert_eq!(ledger.mark(&small("a"), clock.now_ms()).await, Ok(false));
    assert_eq!(ledger.mark_swept(ID, clock.now_ms()).await, Ok(()));
    assert_eq!(ledger.postpone(ID, clock.now_ms(), false).await, Ok(()));
    assert_eq!(decision(ledger, "a").await, Decision::Absent);
    assert_eq!(ledger.claim(&small("a")).await, Ok(WON));
}

/// Every field, including those of a thin event with an account.
pub async fn an_entry_reads_back_as_it_was_written(ledger: &impl Whole, clock: &TestClock) {
    let mut thin = arrival("evt_thin", "a", SMALL);
    thin.head.shape = sluice_kernel::event::Shape::Thin;
    thin.head.account = Some("acct_1".into());
    thin.head.livemode = None;
    thin.head.created = None;
    thin.head.api_version = None;
    thin.head.has_reserved_key = true;
    for arrival in [small("a"), thin] {
        assert_eq!(ledger.claim(&arrival).await, Ok(WON));
        assert_eq!(
            ledger.defer(&arrival, clock.now_ms()).await,
            Ok(Deferred::Due)
        );
        let due = ledger
            .take_up(&arrival.head.id, clock.now_ms())
            .await
            .expect("read")
            .expect("due");
        assert_eq!(due.entry.origin, arrival.origin());
        let standing = due.entry.standing;
        assert_eq!(standing.attempt, "a");
        assert_eq!(
            (standing.lapses_at_ms, standing.expires_at_s),
            (arrival.lapses_at_ms, arrival.expires_at_s)
        );
    }
}
