//! Attempts to pay that failed.

use serde_json::json;

use super::*;

#[test]
fn payment_failed_after_paid_leaves_it_paid_and_is_emitted_once() {
    let mut events = story("DeclinedThenPaid");
    let failed = events
        .iter()
        .position(|event| event.kind == "payment_intent.payment_failed");
    let failed = events.remove(failed.expect("the decline"));
    events.extend([failed.clone(), failed]);
    let played = play(&events);
    let intent = of_kind(&played, "payment_intent")[0];
    assert_eq!(intent.status, "succeeded");
    assert_eq!(
        (
            played.count("PaymentFailed"),
            played.count("PaymentSucceeded")
        ),
        (1, 1)
    );
    let failed = played
        .facts
        .values()
        .find(|fact| fact.kind == "PaymentFailed");
    let data = &failed.expect("it is emitted").detail["data"];
    assert_eq!(data["code"], "card_declined");
    assert_ne!(data["charge"], json!(intent.charge));
}

#[test]
fn a_failed_attempt_is_identified_by_its_charge_and_without_one_by_its_request() {
    let declined = sample("payment_intent.payment_failed");
    let charge = declined.object["last_payment_error"]["charge"]
        .as_str()
        .map(str::to_owned);
    assert_eq!(facts(&declined)[0].2, charge);

    // The intent's latest charge then belongs to another attempt.
    let mut refused = declined;
    refused.object["last_payment_error"]["charge"] = json!(null);
    refused.request = Some("req_1".to_owned());
    assert_eq!(facts(&refused)[0].2.as_deref(), Some("req_1"));
    assert_eq!(
        Payments::facts(&refused).expect("readable")[0].data["charge"],
        json!(null)
    );
    refused.created += 1;
    assert_eq!(
        facts(&refused)[0].2.as_deref(),
        Some("req_1"),
        "whatever its second"
    );
}

#[test]
fn an_attempt_that_fails_by_itself_is_its_latest_charges_or_its_seconds() {
    let mut bounced = sample("payment_intent.payment_failed");
    bounced.object["last_payment_error"]["charge"] = json!(null);
    bounced.object["latest_charge"] = json!("ch_1");
    bounced.request = None;
    assert_eq!(facts(&bounced)[0].2.as_deref(), Some("ch_1"));

    let mut old = bounced.clone();
    old.object["latest_charge"] = json!(null);
    old.object["charges"] =
        json!({ "object": "list", "data": [{ "id": "ch_2" }, { "id": "ch_1" }] });
    assert_eq!(facts(&old)[0].2.as_deref(), Some("ch_2"));

    for code in [
        "payment_intent_authentication_failure",
        "payment_intent_payment_attempt_expired",
    ] {
        let mut lapsed = bounced.clone();
        lapsed.object["last_payment_error"]["code"] = json!(code);
        let second = format!("at:{}", lapsed.created);
        assert_eq!(facts(&lapsed)[0].2, Some(second), "{code}");
    }
}

#[test]
fn attempts_without_a_charge_are_neither_doubled_by_a_second_event_nor_lost() {
    let events = story("FailsTwiceWithoutCharge");
    let failed = |event: &&Event| event.kind == "payment_intent.payment_failed";
    let seconds: BTreeSet<_> = events
        .iter()
        .filter(failed)
        .map(|event| event.created)
        .collect();
    assert_eq!(seconds.len(), 3, "three events, a second apart or more");
    assert_eq!(play(&events).count("PaymentFailed"), 2);
    let twice = play(&story("TwoEventsPerChange"));
    assert_eq!(
        (twice.count("PaymentSucceeded"), twice.count("Refunded")),
        (1, 1)
    );
}

#[test]
fn an_intent_that_was_fetched_after_it_was_paid_shows_no_failed_attempt() {
    let mut fetched = sample("payment_intent.succeeded");
    fetched.kind = "payment_intent.payment_failed".to_owned();
    let kinds: Vec<_> = facts(&fetched).into_iter().map(|fact| fact.0).collect();
    assert_eq!(kinds, ["PaymentSucceeded"]);
    fetched.object["status"] = json!("processing");
    assert_eq!(facts(&fetched), []);
}
