//! Authorizations: captured in whole or in part, released, expired.
//!
//! A refund without a balance transaction releases what isn't captured, since no money ever came.

use serde_json::{Value, json};

use super::{DAY_S, checkout, refunds};
use crate::objects::payments;
use crate::story_context::Stage;

pub(crate) fn captured(stage: &mut Stage<'_>) {
    let (intent, charge) = hold(stage);
    stage.wait(2 * DAY_S);
    let amount = refunds::total(stage, &charge);
    capture(stage, &intent, &charge, amount);
    stage.emit("charge.captured", &charge);
    stage.emit("payment_intent.succeeded", &intent);
}

pub(crate) fn captured_in_part(stage: &mut Stage<'_>) {
    let (intent, charge) = hold(stage);
    stage.wait(2 * DAY_S);
    let amount = refunds::total(stage, &charge);
    let rest = amount / 4;
    capture(stage, &intent, &charge, amount - rest);
    let release = release(stage, &charge, rest);
    stage.emit("charge.captured", &charge);
    stage.emit("charge.refund.updated", &release);
    stage.emit("refund.created", &release);
    stage.breathe();
    stage.emit("payment_intent.succeeded", &intent);

    stage.wait(3 * DAY_S);
    refunds::refund(stage, &charge, amount / 5, "succeeded");
}

pub(crate) fn released(stage: &mut Stage<'_>) {
    let (intent, charge) = hold(stage);
    stage.wait(DAY_S);
    let amount = refunds::total(stage, &charge);
    let release = release(stage, &charge, amount);
    stage.emit("charge.refunded", &charge);
    stage.emit("refund.created", &release);
    checkout::cancel(stage, &intent, "requested_by_customer");
}

pub(crate) fn expired(stage: &mut Stage<'_>) {
    let (intent, charge) = hold(stage);
    stage.wait(7 * DAY_S);
    stage.stripe_acts();
    stage.update("charge.expired", &charge, |charge| {
        charge["amount_refunded"] = charge["amount"].clone();
        charge["refunded"] = json!(true);
    });
    checkout::cancel(stage, &intent, "automatic");
}

/// An authorization. Returns the intent's id and the charge's.
fn hold(stage: &mut Stage<'_>) -> (String, String) {
    let amount = stage.amount();
    let (intent, mut truth) = payments::intent(stage, amount, None, None);
    truth["capture_method"] = json!("manual");
    stage.create("payment_intent.created", &intent, truth);
    stage.breathe();
    let (charge_id, mut charge) = payments::charge(stage, &stage.get(&intent).clone());
    charge["captured"] = json!(false);
    charge["amount_captured"] = json!(0);
    let method = charge["payment_method"].clone();
    stage.put(&charge_id, charge);
    checkout::attach_charge(stage, &intent, &charge_id, |intent| {
        intent["payment_method"] = method;
        intent["amount_capturable"] = intent["amount"].clone();
        intent["status"] = json!("requires_capture");
    });
    stage.emit("charge.succeeded", &charge_id);
    stage.emit("payment_intent.amount_capturable_updated", &intent);
    (intent, charge_id)
}

/// Captures this amount; the story emits the events of the charge and of the intent.
fn capture(stage: &mut Stage<'_>, intent: &str, charge: &str, amount: i64) {
    let transaction = stage.id("txn");
    stage.change(charge, |charge| {
        charge["captured"] = json!(true);
        charge["amount_captured"] = json!(amount);
        charge["balance_transaction"] = json!(transaction);
    });
    stage.change(intent, |intent| {
        intent["amount_capturable"] = json!(0);
        intent["amount_received"] = json!(amount);
        intent["status"] = json!("succeeded");
    });
}

/// Releases this amount, which was never captured; the story emits the events of the charge and of the refund. Returns
/// the refund's id.
fn release(stage: &mut Stage<'_>, charge: &str, amount: i64) -> String {
    let (id, mut refund) = payments::refund(stage, &stage.get(charge).clone(), amount, "succeeded");
    refund["balance_transaction"] = Value::Null;
    refund["destination_details"] = json!({ "card": { "type": "reversal" }, "type": "card" });
    refund["reason"] = Value::Null;
    stage.put(&id, refund);
    stage.change(charge, |charge| refunds::add(charge, &id, amount));
    id
}
