//! Orders that are paid, and payments that no order claims.

use serde_json::{Value, json};
use sluice_kernel::effects::effect::Fact;

use super::*;
use crate::ORDER_KEY;

fn only(event: &Event) -> Fact {
    Payments::facts(event).expect("readable").remove(0)
}

#[test]
fn a_bank_debits_order_is_paid_when_the_money_comes_and_not_when_the_session_completes() {
    let events = story("DelayedPayment");
    let completed = events
        .iter()
        .position(|event| event.kind == "checkout.session.completed")
        .expect("the completion");
    assert_eq!(play(&events[..=completed]).count("OrderPaid"), 0);
    let played = play(&events);
    let session = of_kind(&played, "checkout.session")[0];
    assert_eq!(session.payment_status.as_deref(), Some("paid"));
    assert_eq!(played.count("OrderPaid"), 1);
}

#[test]
fn an_order_with_nothing_to_pay_is_paid_and_a_card_saved_is_not_an_order() {
    let mut session = sample("checkout.session.completed");
    session.object["payment_status"] = json!("no_payment_required");
    assert_eq!(facts(&session).len(), 1);
    session.object["mode"] = json!("setup");
    assert_eq!(facts(&session), []);
}

#[test]
fn a_paid_session_that_names_no_order_is_flagged_in_the_state_and_in_the_fact() {
    let mut event = sample("checkout.session.completed");
    assert_eq!(project(&event).2.unclaimed, Some(false));
    event.object["metadata"] = json!({ ORDER_KEY: "" });
    event.object["client_reference_id"] = json!(null);
    assert_eq!(project(&event).2.unclaimed, Some(true));
    assert_eq!(only(&event).data["unclaimed"], true);

    for (field, value) in [
        ("metadata", json!({ ORDER_KEY: "order-1" })),
        ("mode", json!("subscription")),
        ("invoice_creation", json!({ "enabled": true })),
    ] {
        let mut claimed = event.clone();
        claimed.object[field] = value;
        assert_eq!(project(&claimed).2.unclaimed, Some(false), "{field}");
        assert_eq!(only(&claimed).data["unclaimed"], false, "{field}");
    }
    event.object["payment_status"] = json!("unpaid");
    assert_eq!(project(&event).2.unclaimed, Some(false), "not paid yet");
}

#[test]
fn an_intent_that_cant_say_whether_an_invoice_called_for_it_is_neither_claimed_nor_unclaimed() {
    let mut event = sample("payment_intent.succeeded");
    assert!(event.object.get("invoice").is_none(), "a newer shape");
    assert_eq!(project(&event).2.unclaimed, Some(false));
    assert_eq!(only(&event).data["unclaimed"], false);
    let order = project(&event).2.order;
    assert!(order.is_some());
    assert_eq!(only(&event).data["order"], json!(order));

    event.object["metadata"] = json!({});
    let (_, _, state) = project(&event);
    assert_eq!(state.unclaimed, None);
    let kept = serde_json::to_value(&state).expect("JSON");
    assert_eq!(kept.get("unclaimed"), Some(&Value::Null));
    assert_eq!(
        serde_json::from_value::<Payment>(kept).expect("readable"),
        state
    );

    // Older shapes have the field; the fact is the same in all of them.
    let unknown = only(&event).data;
    for (invoice, unclaimed) in [(json!(null), true), (json!("in_1"), false)] {
        event.object["invoice"] = invoice;
        assert_eq!(project(&event).2.unclaimed, Some(unclaimed));
        assert_eq!(only(&event).data, unknown);
    }
    assert_eq!(project(&event).2.invoice.as_deref(), Some("in_1"));
    assert_eq!(
        (&unknown["unclaimed"], &unknown["order"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn an_order_says_what_was_asked_for_and_what_was_presented() {
    let facts: Vec<_> = [ApiVersion::V2023_10_16, ApiVersion::V2025_09_30]
        .into_iter()
        .map(|version| {
            let played = play(&stories::one("AdaptivePricing", 3, version));
            let session = of_kind(&played, "checkout.session")[0].clone();
            let paid = played
                .facts
                .into_values()
                .find(|fact| fact.kind == "OrderPaid");
            (session, paid.expect("paid").detail["data"].clone())
        })
        .collect();
    // Amounts in the customer's currency with `currency_conversion`; in the shop's with `presentment_details`.
    assert_eq!(facts[0], facts[1]);
    let (session, data) = &facts[0];
    assert_eq!(
        (&data["currency"], &data["presented_currency"]),
        (&json!("usd"), &json!("eur"))
    );
    let (asked, presented) = (data["amount"].as_i64(), data["presented_amount"].as_i64());
    assert!(presented < asked && presented > Some(0), "{data}");
    assert_eq!(
        (session.amount, session.currency.as_deref()),
        (asked, Some("usd"))
    );
}

#[test]
fn an_order_that_was_presented_as_it_was_asked_for_says_it_once() {
    let mut event = sample("checkout.session.completed");
    event.object["presentment_details"] = json!({
        "presentment_amount": event.object["amount_total"], "presentment_currency": event.object["currency"],
    });
    let data = only(&event).data;
    assert_eq!(data["amount"], event.object["amount_total"]);
    assert_eq!(
        (&data["presented_amount"], &data["presented_currency"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn what_a_later_check_of_the_books_needs_is_kept_of_a_payment() {
    let played = play(&story("HoldCapturedInPart"));
    let intent = of_kind(&played, "payment_intent")[0];
    assert_eq!(intent.capture_method.as_deref(), Some("manual"));
    assert!(intent.amount_captured < intent.amount && intent.order.is_some());
    let held = story("HoldCapturedInPart");
    let held = held
        .iter()
        .find(|event| event.kind == "payment_intent.amount_capturable_updated");
    let (_, _, held) = project(held.expect("held"));
    assert_eq!(
        (held.amount_capturable, held.amount_captured),
        (held.amount, Some(0))
    );
    let billed = play(&stories::one("Subscription", 3, ApiVersion::V2023_10_16));
    assert!(
        of_kind(&billed, "payment_intent")
            .iter()
            .all(|intent| intent.invoice.is_some())
    );
}
