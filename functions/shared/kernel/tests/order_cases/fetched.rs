//! Answers of Stripe among an object's candidates.

use super::*;

#[test]
fn a_fetch_dated_after_its_own_duration_decides_the_seconds_before() {
    let tie = all([
        candidate(&plain(
            "evt_1",
            "charge.succeeded",
            subscription("active", 1),
        )),
        candidate(&plain(
            "evt_2",
            "charge.captured",
            subscription("active", 2),
        )),
    ]);
    assert!(!tie.head().is_decided());
    // Read between the end of SECOND and SECOND + 1: later than the events, whichever was the last.
    let later = tie.add(fetched(&subscription("active", 1), SECOND + 2, 1_000));
    assert!(later.head().is_decided());
    assert_eq!(*later.head().state(), json!(["active", 1]));
    assert_eq!(later.members().len(), 1);
    // It took longer, so it may have been read before the last of them. It is the choice all the same.
    let doubtful = tie.add(fetched(&subscription("active", 1), SECOND + 2, 1_001));
    assert!(!doubtful.head().is_decided());
    assert_eq!(*doubtful.head().state(), json!(["active", 1]));
}

#[test]
fn an_event_of_a_fetchs_seconds_is_decided_where_it_links_to_what_was_fetched() {
    let fetch = || fetched(&subscription("active", 2), SECOND, 200);
    let before = candidate(&updated(
        "evt_1",
        subscription("active", 2),
        json!({"quantity": 1}),
    ));
    let after = candidate(&updated(
        "evt_2",
        subscription("active", 3),
        json!({"quantity": 2}),
    ));
    let stranger = candidate(&updated(
        "evt_3",
        subscription("active", 9),
        json!({"quantity": 8}),
    ));
    assert_eq!(*all([before, fetch()]).head().state(), json!(["active", 2]));
    let linked = all([after, fetch()]);
    assert!(linked.head().is_decided());
    assert_eq!(*linked.head().state(), json!(["active", 3]));
    assert!(!all([stranger, fetch()]).head().is_decided());
}

#[test]
fn a_fetch_before_two_updates_of_its_second_changes_nothing() {
    let evidence = all([
        fetched(&subscription("active", 1), SECOND, 200),
        candidate(&updated(
            "evt_1",
            subscription("active", 2),
            json!({"quantity": 1}),
        )),
        candidate(&updated(
            "evt_2",
            subscription("active", 3),
            json!({"quantity": 2}),
        )),
    ]);
    assert!(evidence.head().is_decided());
    assert_eq!(*evidence.head().state(), json!(["active", 3]));
}
