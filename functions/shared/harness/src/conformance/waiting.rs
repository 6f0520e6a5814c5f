//! What every ledger has to do with events that wait for the configuration of their endpoint.

use futures_util::future::{join, join_all};
use sluice_kernel::clock::Clock;
use sluice_kernel::code::{
    ENDPOINT_UNEXPECTED_ACCOUNT as UNEXPECTED_ACCOUNT, ENDPOINT_WRONG_MODE as WRONG_MODE,
};
use sluice_kernel::delivery::endpoint::TEST_EVENT;
use sluice_kernel::delivery::ledger::{Arrival, Claimed, Ledger, Waiting};

use super::ledger::Whole;
use crate::build::{RETENTION_MS, arrival, noise_body};
use crate::clock::TestClock;

const ID: &str = "evt_1";
const BODY: &[u8] = br#"{"id":"evt_1","type":"charge.succeeded"}"#;
const OWN: &str = "acct_own";

fn small(attempt: &str) -> Arrival<'_> {
    arrival(ID, attempt, BODY)
}

/// Stored for this reason, as an event of the account [`OWN`].
async fn store(ledger: &impl Ledger, clock: &TestClock, reason: &'static str, body: &[u8]) {
    let mut stored = arrival(ID, "a", body);
    stored.ledger_only = Some(reason);
    stored.head.account = Some(OWN.into());
    let Ok(Claimed::Won { complete }) = ledger.claim(&stored).await else {
        panic!("not won");
    };
    if !complete {
        ledger.complete(&stored).await.expect("stored in parts");
    }
    assert_eq!(ledger.mark(&stored, clock.now_ms()).await, Ok(true));
}

/// Sweep finds it whole, under its account; after sweep has published it, it is finished.
pub async fn an_admitted_event_is_due_with_its_body_as_stored_and_its_new_account(
    ledger: &(impl Whole + Waiting),
    clock: &TestClock,
) {
    let body = noise_body(ID, 100_000);
    store(ledger, clock, UNEXPECTED_ACCOUNT.as_str(), &body).await;
    let now_ms = clock.now_ms();
    let admitted = ledger.admit(ID, UNEXPECTED_ACCOUNT, None, now_ms).await;
    assert_eq!(admitted, Ok(true));
    assert_eq!(ledger.due(now_ms, 10).await, Ok(vec![ID.to_owned()]));
    let due = ledger.take_up(ID, now_ms).await.expect("read");
    let due = due.expect("due");
    assert_eq!(due.entry.origin.account, None);
    assert_eq!(due.entry.standing.ledger_only, None);
    assert_eq!(due.body, Some(body));
    ledger.mark_swept(ID, now_ms).await.expect("marked");
    let again = ledger.admit(ID, UNEXPECTED_ACCOUNT, None, now_ms).await;
    assert_eq!(again, Ok(false));
    assert_eq!(ledger.due(now_ms + RETENTION_MS, 10).await, Ok(vec![]));
}

/// A lost response and another operator's run have the same effect.
pub async fn an_admission_repeats_itself_in_peace(
    ledger: &(impl Whole + Waiting),
    clock: &TestClock,
) {
    store(ledger, clock, WRONG_MODE.as_str(), BODY).await;
    let now_ms = clock.now_ms();
    for later_ms in [0, 1, 60_000] {
        let admitted = ledger.admit(ID, WRONG_MODE, Some(OWN), now_ms + later_ms);
        assert_eq!(admitted.await, Ok(true));
    }
    let due = ledger
        .take_up(ID, now_ms)
        .await
        .expect("read")
        .expect("due");
    assert_eq!(
        due.entry.standing.due_at_ms,
        Some(now_ms),
        "the first one's"
    );
    assert_eq!(due.entry.origin.account.as_deref(), Some(OWN));
}

/// Either a delivery has taken it over, and no operator makes it due; or it is due, and every delivery leaves it to
/// sweep.
pub async fn of_twenty_parallel_admissions_and_deliveries_one_publishes(
    ledger: &(impl Whole + Waiting),
    clock: &TestClock,
) {
    store(ledger, clock, WRONG_MODE.as_str(), BODY).await;
    let attempts: Vec<_> = (0..10).map(|n| format!("attempt-{n}")).collect();
    let arrivals = attempts.iter().map(|attempt| {
        let mut arrival = small(attempt);
        arrival.head.account = Some(OWN.into());
        arrival
    });
    let arrivals: Vec<_> = arrivals.collect();
    let claims = join_all(arrivals.iter().map(|arrival| ledger.claim(arrival)));
    let admissions = (0..10).map(|_| ledger.admit(ID, WRONG_MODE, Some(OWN), clock.now_ms()));
    let (claims, admissions) = join(claims, join_all(admissions)).await;
    let took_over = claims
        .iter()
        .filter(|claim| matches!(claim, Ok(Claimed::TookOver { .. })))
        .count();
    let admitted = admissions.iter().all(|admitted| *admitted == Ok(true));
    let refused = admissions.iter().all(|admitted| *admitted == Ok(false));
    assert!(
        (took_over == 1 && refused) || (took_over == 0 && admitted),
        "{claims:?} {admissions:?}"
    );
}

/// An event that is kept on purpose stays, and so does one that waits for another reason than the one that was checked.
pub async fn what_is_kept_for_another_reason_is_never_admitted(
    ledger: &(impl Whole + Waiting),
    clock: &TestClock,
) {
    store(ledger, clock, TEST_EVENT, BODY).await;
    for reason in [WRONG_MODE, UNEXPECTED_ACCOUNT] {
        let admitted = ledger.admit(ID, reason, None, clock.now_ms()).await;
        assert_eq!(admitted, Ok(false));
    }
    assert_eq!(
        ledger.due(clock.now_ms() + RETENTION_MS, 10).await,
        Ok(vec![])
    );
}

/// No entry is created if there was none, and nothing is published a second time.
pub async fn what_is_published_held_or_absent_is_never_admitted(
    ledger: &(impl Whole + Waiting),
    clock: &TestClock,
) {
    let admit = || ledger.admit(ID, WRONG_MODE, None, clock.now_ms());
    assert_eq!(admit().await, Ok(false));
    assert!(matches!(
        ledger.claim(&small("a")).await,
        Ok(Claimed::Won { .. })
    ));
    assert_eq!(admit().await, Ok(false));
    assert_eq!(ledger.mark(&small("a"), clock.now_ms()).await, Ok(true));
    assert_eq!(admit().await, Ok(false));
    assert_eq!(
        ledger.due(clock.now_ms() + RETENTION_MS, 10).await,
        Ok(vec![])
    );
}

/// The delivery that publishes an event determines its account: the stored one named an account that is the platform's
/// own.
pub async fn a_delivery_that_fits_takes_a_waiting_event_over_with_its_account(
    ledger: &(impl Whole + Waiting),
    clock: &TestClock,
) {
    store(ledger, clock, UNEXPECTED_ACCOUNT.as_str(), BODY).await;
    let claimed = ledger.claim(&small("b")).await;
    let Ok(Claimed::TookOver { entry, body }) = claimed else {
        panic!("not taken over: {claimed:?}");
    };
    assert_eq!((entry.origin.account, body.as_deref()), (None, Some(BODY)));
    let fits = ledger.claim(&small("b")).await;
    assert!(matches!(fits, Ok(Claimed::Won { .. })), "{fits:?}");
    assert_eq!(ledger.mark(&small("b"), clock.now_ms()).await, Ok(true));
    assert_eq!(ledger.claim(&small("c")).await, Ok(Claimed::Finished));
}
