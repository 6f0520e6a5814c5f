//! What every ledger has to do for reconcile.

use std::borrow::Cow;

use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::Ledger;
use sluice_kernel::reconcile::{PAGE_EVENTS_MAX, Standings};

use crate::build::arrival;
use crate::clock::{START_MS, TestClock};

const BODY: &[u8] = b"{}";

/// As many at once as a page lists, in the requested order, even with duplicates and missing events.
pub async fn standings_are_read_a_page_at_once_and_in_order(
    ledger: &(impl Ledger + Standings),
    clock: &TestClock,
) {
    let ids: Vec<_> = (0..PAGE_EVENTS_MAX - 2)
        .map(|n| format!("evt_{n}"))
        .collect();
    for (n, id) in ids.iter().enumerate() {
        if n % 3 != 0 {
            let arrival = arrival(id, "attempt", BODY);
            ledger.claim(&arrival).await.expect("claimed");
            if n % 3 == 1 {
                ledger.mark(&arrival, clock.now_ms()).await.expect("marked");
            }
        }
    }
    let mut asked: Vec<&str> = ids.iter().rev().map(String::as_str).collect();
    asked.extend(["evt_1", "evt_0"]);
    let found = ledger.standings(&asked).await.expect("read");
    assert_eq!(found.len(), asked.len());
    for (id, standing) in asked.iter().zip(found) {
        let n: usize = id["evt_".len()..].parse().expect("a number");
        let published = standing.map(|standing| standing.published_at_ms.is_some());
        assert_eq!(published, [None, Some(true), Some(false)][n % 3], "{id}");
    }
}

/// A look-up of nothing finds nothing, and a large one is split into as many calls as it needs.
pub async fn standings_of_none_and_of_more_than_a_call_takes_are_read(
    ledger: &(impl Ledger + Standings),
    _clock: &TestClock,
) {
    assert_eq!(ledger.standings(&[]).await, Ok(Vec::new()));
    let ids: Vec<_> = (0..PAGE_EVENTS_MAX + 1)
        .map(|n| format!("evt_{n}"))
        .collect();
    let (first, last) = (&ids[0], &ids[PAGE_EVENTS_MAX]);
    for id in [first, last] {
        let claimed = ledger.claim(&arrival(id, "attempt", BODY)).await;
        assert!(claimed.is_ok(), "{claimed:?}");
    }
    let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
    let found = ledger.standings(&asked).await.expect("read");
    let there = asked
        .iter()
        .zip(&found)
        .filter(|(_, found)| found.is_some());
    let there: Vec<_> = there.map(|(id, _)| *id).collect();
    assert_eq!(
        (found.len(), there),
        (ids.len(), vec![first.as_str(), last])
    );
}

/// By mode, since a moment, and no more than requested.
pub async fn accounts_are_those_that_deliveries_named(
    ledger: &(impl Ledger + Standings),
    _clock: &TestClock,
) {
    for (id, account, livemode) in [
        ("evt_1", Some("acct_1"), true),
        ("evt_2", Some("acct_2"), true),
        ("evt_3", Some("acct_1"), true),
        ("evt_4", Some("acct_3"), false),
        ("evt_5", None, true),
    ] {
        let mut arrival = arrival(id, "attempt", BODY);
        arrival.head.account = account.map(Cow::Borrowed);
        arrival.head.livemode = Some(livemode);
        ledger.claim(&arrival).await.expect("claimed");
    }
    let seen = async |livemode, since_ms, limit| {
        let seen = ledger.accounts_seen(livemode, since_ms, limit).await;
        seen.expect("read").into_iter().collect::<Vec<_>>()
    };
    assert_eq!(seen(true, START_MS, 10).await, ["acct_1", "acct_2"]);
    assert_eq!(seen(false, START_MS, 10).await, ["acct_3"]);
    assert_eq!(seen(true, START_MS + 1, 10).await, [""; 0]);
    assert_eq!(seen(true, START_MS, 1).await.len(), 1);
}
