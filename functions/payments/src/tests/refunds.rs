//! Captured money that goes back, and held money that is released.

use serde_json::{Value, json};
use sluice_kernel::domain::Lacks;
use sluice_kernel::effects::effect::Fact;

use super::*;

/// Kinds with their amounts.
fn said(event: &Event) -> Vec<(&'static str, Value)> {
    let facts = Payments::facts(event).expect("readable").into_iter();
    facts
        .map(|fact| (fact.kind, fact.data["amount"].clone()))
        .collect()
}

fn kinds(event: &Event) -> Vec<&'static str> {
    facts(event).into_iter().map(|fact| fact.0).collect()
}

/// A refund of 1,200 with this status, where its money is, and how a card's refund goes.
fn refund(status: Value, moved: bool, back: bool, card: &str) -> Event {
    let mut event = sample("refund.created");
    let id = |is_there: bool, id: &str| json!(is_there.then_some(id));
    event.object["amount"] = json!(1_200);
    event.object["status"] = status;
    event.object["balance_transaction"] = id(moved, "txn_1");
    event.object["failure_balance_transaction"] = id(back, "txn_2");
    event.object["destination_details"] = json!({ "type": "card", "card": { "type": card } });
    event
}

#[test]
fn what_a_refund_says_of_money_is_as_the_table_has_it() {
    let all = json!(1_200);
    for (status, moved, back, card, expected) in [
        ("succeeded", true, false, "refund", vec![("Refunded", &all)]),
        (
            "succeeded",
            true,
            false,
            "reversal",
            vec![("Refunded", &all)],
        ),
        (
            "succeeded",
            false,
            false,
            "refund",
            vec![("Refunded", &all)],
        ),
        (
            "succeeded",
            false,
            false,
            "reversal",
            vec![("AuthorizationReleased", &all)],
        ),
        ("succeeded", false, false, "pending", vec![]),
        ("pending", true, false, "pending", vec![]),
        ("pending", false, false, "reversal", vec![]),
        ("requires_action", false, false, "refund", vec![]),
        (
            "failed",
            true,
            true,
            "refund",
            vec![("Refunded", &all), ("RefundFailed", &all)],
        ),
        (
            "canceled",
            true,
            true,
            "refund",
            vec![("Refunded", &all), ("RefundFailed", &all)],
        ),
        (
            "canceled",
            true,
            false,
            "refund",
            vec![("Refunded", &all), ("RefundFailed", &all)],
        ),
        (
            "failed",
            false,
            true,
            "refund",
            vec![("Refunded", &all), ("RefundFailed", &all)],
        ),
        (
            "failed",
            false,
            false,
            "refund",
            vec![("RefundFailed", &json!(0))],
        ),
        (
            "canceled",
            false,
            false,
            "pending",
            vec![("RefundFailed", &json!(0))],
        ),
    ] {
        let said = said(&refund(json!(status), moved, back, card));
        let said: Vec<_> = said.iter().map(|(kind, amount)| (*kind, amount)).collect();
        assert_eq!(said, expected, "{status} {moved} {back} {card}");
    }
}

#[test]
fn a_refund_without_a_status_is_kept_as_unknown_and_counts_if_its_money_left() {
    let old = refund(Value::Null, true, false, "refund");
    assert_eq!(project(&old).2.status, "unknown");
    assert_eq!(kinds(&old), ["Refunded"]);
    assert_eq!(kinds(&refund(Value::Null, false, false, "refund")), [""; 0]);
    let played = play(&story("RefundWithoutStatus"));
    assert_eq!(of_kind(&played, "refund")[0].status, "unknown");
    assert_eq!(played.count("Refunded"), 1);
}

#[test]
fn a_refund_that_never_moved_money_fails_with_what_it_was_of() {
    let mut canceled = refund(json!("canceled"), false, false, "refund");
    let data = |event: &Event| Payments::facts(event).expect("readable").remove(0).data;
    assert_eq!(data(&canceled)["refund_amount"], 1_200);
    assert_eq!(data(&canceled)["reason"], "canceled");
    canceled.object["failure_reason"] = json!("merchant_request");
    assert_eq!(data(&canceled)["reason"], "merchant_request");
    let played = play(&story("RefundCanceledWhilePending"));
    assert_eq!(
        (played.count("Refunded"), played.count("RefundFailed")),
        (0, 1)
    );
}

#[test]
fn a_cash_balance_that_is_given_back_is_no_payments_money() {
    let mut event = refund(json!("succeeded"), true, false, "refund");
    for field in ["charge", "payment_intent"] {
        event.object[field] = Value::Null;
    }
    assert_eq!(facts(&event), []);
    assert_eq!(project(&event).2.status, "succeeded");
}

#[test]
fn an_authorization_that_is_released_is_no_refund_and_its_charge_shows_nothing_given_back() {
    let events = story("HoldReleased");
    let played = play(&events);
    assert_eq!(
        (
            played.count("Refunded"),
            played.count("AuthorizationReleased")
        ),
        (0, 1)
    );
    let charge = of_kind(&played, "charge")[0];
    assert_eq!(
        (
            charge.amount_captured,
            charge.amount_released,
            charge.amount_refunded
        ),
        (Some(0), charge.amount, Some(0))
    );
    // Either of them calls for it, with the same data.
    let release = |event: &Event| {
        let facts = Payments::facts(event).expect("readable").into_iter();
        facts
            .filter(|fact| fact.kind == "AuthorizationReleased")
            .collect::<Vec<Fact>>()
    };
    let of = |kind: &str| release(events.iter().find(|event| event.kind == kind).expect(kind));
    assert_eq!(of("charge.refunded"), of("refund.created"));
    assert_eq!(of("charge.refunded").len(), 1);
    let expired = play(&story("HoldExpired"));
    assert_eq!(
        (
            expired.count("Refunded"),
            expired.count("AuthorizationReleased")
        ),
        (0, 1)
    );
}

#[test]
fn the_rest_of_a_partial_capture_is_released_and_only_captured_money_is_refunded() {
    let played = play(&story("HoldCapturedInPart"));
    assert_eq!(
        (
            played.count("Refunded"),
            played.count("AuthorizationReleased")
        ),
        (1, 1)
    );
    let charge = of_kind(&played, "charge")[0];
    let (captured, released) = (
        charge.amount_captured.unwrap(),
        charge.amount_released.unwrap(),
    );
    assert_eq!(Some(captured + released), charge.amount);
    let amount = |kind: &str| {
        let fact = played.facts.values().find(|fact| fact.kind == kind);
        fact.expect(kind).detail["data"]["amount"].as_i64()
    };
    assert_eq!(amount("PaymentSucceeded"), Some(captured));
    assert_eq!(amount("AuthorizationReleased"), Some(released));
    assert_eq!(amount("Refunded"), charge.amount_refunded);
}

#[test]
fn a_charge_that_was_captured_whole_has_released_nothing_whatever_its_refund_lacks() {
    let mut charge = sample("charge.refunded");
    charge.object["amount_captured"] = charge.object["amount"].clone();
    let reversal = refund(json!("succeeded"), false, false, "reversal").object;
    charge.object["refunds"] = json!({ "data": [reversal], "has_more": false });
    assert_eq!(kinds(&charge), [""; 0]);
    // A charge that may be captured again can't say; its refund can.
    charge.object["payment_method_details"]["card"]["multicapture"]["status"] = json!("available");
    assert_eq!(kinds(&charge), ["AuthorizationReleased"]);
    charge.object["refunds"]["data"][0]["balance_transaction"] = json!("txn_1");
    assert_eq!(kinds(&charge), ["Refunded"]);
}

#[test]
fn a_charge_that_may_be_captured_again_doesnt_say_what_is_released() {
    let mut charge = sample("charge.refunded");
    charge.object["amount"] = json!(5_000);
    charge.object["amount_captured"] = json!(3_000);
    charge.object["amount_refunded"] = json!(2_000);
    assert_eq!(kinds(&charge), ["AuthorizationReleased"]);
    charge.object["payment_method_details"]["card"]["multicapture"]["status"] = json!("available");
    assert_eq!(kinds(&charge), [""; 0]);
    // Less has come back than is uncaptured: nothing is released yet.
    charge.object["amount_refunded"] = json!(500);
    let (_, _, state) = project(&charge);
    assert_eq!(
        (state.amount_released, state.amount_refunded),
        (Some(0), Some(500))
    );
}

#[test]
fn refunds_inside_a_charge_say_what_their_own_events_say() {
    for name in ["TwoEqualRefunds", "RefundFailsLater", "RefundCanceledLater"] {
        let events = stories::one(name, 3, ApiVersion::V2020_08_27);
        let of_refunds = play(&events);
        let charges: Vec<_> = events
            .into_iter()
            .filter(|event| event.object["object"] != "refund")
            .collect();
        let of_charges = play(&charges);
        assert_eq!(of_charges.facts_said(), of_refunds.facts_said(), "{name}");
        assert!(of_charges.count("Refunded") > 0, "{name}");
    }
}

#[test]
fn two_partial_refunds_with_equal_amounts_are_two_facts() {
    let played = play(&story("TwoEqualRefunds"));
    assert_eq!(played.count("Refunded"), 2);
    let refunds = of_kind(&played, "refund");
    assert_eq!(refunds[0].amount, refunds[1].amount);
    let charge = of_kind(&played, "charge")[0];
    assert_eq!(
        charge.amount_refunded,
        refunds[0].amount.map(|amount| 2 * amount)
    );
}

#[test]
fn a_refund_before_its_charge_is_kept_and_emitted_by_itself() {
    let mut events = story("FullRefund");
    events.sort_by_key(|event| event.object["object"] != "refund");
    assert_eq!(events[0].kind, "refund.created");
    let first = play(&events[..1]);
    assert_eq!((first.states.len(), first.count("Refunded")), (1, 1));
    let played = play(&events);
    assert_eq!(
        (played.count("Refunded"), played.count("PaymentSucceeded")),
        (1, 1)
    );
}

#[test]
fn a_refund_that_fails_after_it_succeeded_has_failed_and_both_are_emitted() {
    let played = play(&story("RefundFailsLater"));
    assert_eq!(of_kind(&played, "refund")[0].status, "failed");
    assert_eq!(
        (played.count("Refunded"), played.count("RefundFailed")),
        (1, 1)
    );
    assert_eq!(of_kind(&played, "charge")[0].amount_refunded, Some(0));

    let canceled = play(&story("RefundCanceledLater"));
    assert_eq!(of_kind(&canceled, "refund")[0].status, "canceled");
    assert_eq!(
        (canceled.count("Refunded"), canceled.count("RefundFailed")),
        (1, 1)
    );
}

#[test]
fn any_one_event_of_a_refund_that_failed_after_it_succeeded_says_both() {
    let last = |event: &&Event| event.object["status"] == "failed";
    let events = story("RefundFailsLater");
    for event in events.iter().filter(last) {
        let facts = Payments::facts(event).expect("readable");
        let amounts: Vec<_> = facts.iter().map(|fact| &fact.data["amount"]).collect();
        assert_eq!(kinds(event), ["Refunded", "RefundFailed"], "{}", event.kind);
        assert_eq!(amounts[0], amounts[1], "{}", event.kind);
    }
}

#[test]
fn a_charges_refunds_are_asked_for_where_it_doesnt_list_them_all() {
    let mut refunded = sample("charge.refunded");
    assert!(refunded.object.get("refunds").is_none(), "a newer shape");
    assert_eq!(Payments::lacks(&refunded), Lacks::Facts);
    for (has_more, lacks) in [(false, Lacks::Nothing), (true, Lacks::Facts)] {
        refunded.object["refunds"] = json!({ "data": [], "has_more": has_more });
        assert_eq!(Payments::lacks(&refunded), lacks);
    }
    // The charge itself calls for what is released.
    refunded.object["captured"] = json!(false);
    assert_eq!(Payments::lacks(&refunded), Lacks::Nothing);
    assert_eq!(Payments::lacks(&sample("charge.succeeded")), Lacks::Nothing);
}
