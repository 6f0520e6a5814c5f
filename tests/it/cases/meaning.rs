//! What events mean, through the deployed functions: money that was never captured, inquiries, and what a customer may
//! use.

use serde_json::{Value, json};
use sluice_stripe_sim::Story;

use super::PLAYED;

/// The data of the only fact of this kind that the object owns.
fn data(object: &str, kind: &str) -> Value {
    let effects = PLAYED.world.effects(object).into_iter();
    let mut facts = effects.filter(|effect| effect["detail-type"] == kind);
    facts.next().expect("emitted")["detail"]["data"].clone()
}

#[test]
fn what_is_authorized_and_never_taken_is_released_and_no_refund() {
    let charge = PLAYED.only(Story::HoldReleased, "ch_");
    assert_eq!(PLAYED.facts(&charge), ["AuthorizationReleased"]);
    let state = PLAYED.right(&charge);
    assert_eq!(
        (&state["amount_captured"], &state["amount_released"]),
        (&json!(0), &state["amount"])
    );
    for refund in PLAYED.objects(Story::HoldReleased, "re_") {
        assert_eq!(PLAYED.facts(&refund), Vec::<String>::new());
    }
}

#[test]
fn of_a_partial_capture_the_rest_is_released_and_what_is_given_back_is_refunded() {
    let charge = PLAYED.only(Story::HoldCapturedInPart, "ch_");
    let state = PLAYED.right(&charge);
    let amount = |field: &str| state[field].as_i64().expect("an amount");
    let released = data(&charge.id, "AuthorizationReleased");
    assert_eq!(released["amount"], state["amount_released"]);
    assert_eq!(
        amount("amount"),
        amount("amount_captured") + amount("amount_released")
    );
    let refunds = PLAYED.objects(Story::HoldCapturedInPart, "re_");
    let refunded = refunds
        .iter()
        .filter(|key| PLAYED.facts(key) == ["Refunded"]);
    let sum: i64 = refunded
        .map(|key| PLAYED.right(key)["amount"].as_i64().expect("an amount"))
        .sum();
    assert_eq!(sum, amount("amount_refunded"));
    assert!(sum > 0 && sum < amount("amount_captured"));
}

#[test]
fn an_inquiry_that_escalates_is_an_inquiry_and_a_chargeback_whose_deadline_is_the_last() {
    let dispute = PLAYED.only(Story::InquiryEscalated, "du_");
    let state = PLAYED.right(&dispute);
    assert_eq!(
        PLAYED.facts(&dispute),
        ["DisputeClosed", "DisputeOpened", "InquiryOpened"]
    );
    let effects = PLAYED.world.effects(&dispute.id).into_iter();
    let levels = effects.filter(|effect| effect["detail-type"] == "Dispute");
    let last = levels.max_by_key(|effect| effect["detail"]["seq"].as_u64());
    let level = last.expect("a level")["detail"]["data"].clone();
    assert_eq!(level["stage"], "chargeback");
    for field in ["status", "due_by", "moved"] {
        assert_eq!(level[field], state[field], "{field}");
    }
    // In backward order the inquiry's opening came when it was already a chargeback, and says so.
    let effects = PLAYED.world.effects(&dispute.id).into_iter();
    let mut opened = effects.filter(|effect| effect["detail-type"] == "InquiryOpened");
    let opened = opened.next().expect("emitted");
    assert_eq!(opened["detail"]["overtaken"]["status"], state["status"]);
}

#[test]
fn a_refund_that_is_canceled_after_it_counted_takes_itself_back() {
    let mut refunds = PLAYED.objects(Story::RefundCanceledLater, "re_");
    let refund = refunds.remove(0);
    assert_eq!(PLAYED.facts(&refund), ["RefundFailed", "Refunded"]);
    let [given, back] = ["Refunded", "RefundFailed"].map(|kind| data(&refund.id, kind));
    assert_eq!(
        (&given["amount"], &given["currency"]),
        (&back["amount"], &back["currency"])
    );
}

#[test]
fn an_order_that_was_paid_in_another_currency_says_what_was_asked_for() {
    let session = PLAYED.only(Story::AdaptivePricing, "cs_");
    let (order, state) = (data(&session.id, "OrderPaid"), PLAYED.right(&session));
    assert_eq!(
        (&order["amount"], &order["currency"]),
        (&state["amount"], &state["currency"])
    );
    assert!(order["presented_amount"].is_i64());
    assert_ne!(order["presented_currency"], order["currency"]);
}

#[test]
fn a_subscription_and_entitlements_longer_than_an_event_shows_are_fetched_to_their_end() {
    let subscription = PLAYED.only(Story::LongLists, "sub_");
    let state = PLAYED.right(&subscription);
    assert_eq!(state["items"].as_array().map(Vec::len), Some(13));
    assert_eq!(state.get("partial"), None);
    let access = PLAYED.access(&subscription);
    assert_eq!(access["products"].as_array().map(Vec::len), Some(13));
    assert_eq!(access["partial"], false);
    let entitled = PLAYED.objects(Story::LongLists, "entitlements of ");
    let entitled = PLAYED.right(&entitled[0]);
    assert_eq!(entitled["features"].as_array().map(Vec::len), Some(12));
}

#[test]
fn a_plan_that_is_switched_in_a_trial_is_the_new_one_beside_the_notice_of_its_second() {
    let subscription = PLAYED.only(Story::TrialSwitched, "sub_");
    assert_eq!(PLAYED.right(&subscription)["status"], "active");
    assert_eq!(PLAYED.facts(&subscription), ["TrialEnding"]);
}

#[test]
fn items_of_different_intervals_end_each_by_its_own_period() {
    let subscription = PLAYED.only(Story::MixedIntervals, "sub_");
    PLAYED.right(&subscription);
    let access = PLAYED.access(&subscription);
    let ends = access["products"].as_array().expect("products").iter();
    let ends: Vec<_> = ends.map(|one| one["until"].as_i64()).collect();
    assert_eq!(ends.len(), 2);
    assert_ne!(ends[0], ends[1]);
}

#[test]
fn a_collection_that_is_paused_shows_in_the_access_and_a_declined_upgrade_left_it_alone() {
    let paused = PLAYED.only(Story::CollectionStopped, "sub_");
    PLAYED.right(&paused);
    assert_eq!(PLAYED.access(&paused)["collection_paused"], "void");
    let upgraded = PLAYED.only(Story::UpgradeDeclined, "sub_");
    assert_eq!(PLAYED.right(&upgraded)["status"], "active");
    let effects = PLAYED.world.effects(&upgraded.id).into_iter();
    let levels = effects.filter(|effect| effect["detail-type"] == "Access");
    for level in levels {
        let data = &level["detail"]["data"];
        let is_served =
            ["active", "past_due"].contains(&data["status"].as_str().unwrap_or_default());
        let products = data["products"].as_array().map_or(0, Vec::len);
        assert_eq!(products > 0, is_served, "{data}");
    }
}
