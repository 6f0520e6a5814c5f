//! Authorizations: captured in whole or in part, released, expired.
//!
//! A refund without a balance transaction releases what isn't captured, since no money ever came.

use serde_json::{Value, json};

use super::{DAY_S, checkout, refunds};
use crate::objects::payments;
use crate::story_context::StoryContext;

pub(crate) fn captured(context: &mut StoryContext<'_>) {
    let (intent, charge) = hold(context);
    context.wait(2 * DAY_S);
    let amount = refunds::total(context, &charge);
    capture(context, &intent, &charge, amount);
    context.emit("charge.captured", &charge);
    context.emit("payment_intent.succeeded", &intent);
}

pub(crate) fn captured_in_part(context: &mut StoryContext<'_>) {
    let (intent, charge) = hold(context);
    context.wait(2 * DAY_S);
    let amount = refunds::total(context, &charge);
    let rest = amount / 4;
    capture(context, &intent, &charge, amount - rest);
    let release = release(context, &charge, rest);
    context.emit("charge.captured", &charge);
    context.emit("charge.refund.updated", &release);
    context.emit("refund.created", &release);
    context.breathe();
    context.emit("payment_intent.succeeded", &intent);

    context.wait(3 * DAY_S);
    refunds::refund(context, &charge, amount / 5, "succeeded");
}

pub(crate) fn released(context: &mut StoryContext<'_>) {
    let (intent, charge) = hold(context);
    context.wait(DAY_S);
    let amount = refunds::total(context, &charge);
    let release = release(context, &charge, amount);
    context.emit("charge.refunded", &charge);
    context.emit("refund.created", &release);
    checkout::cancel(context, &intent, "requested_by_customer");
}

pub(crate) fn expired(context: &mut StoryContext<'_>) {
    let (intent, charge) = hold(context);
    context.wait(7 * DAY_S);
    context.stripe_acts();
    context.update("charge.expired", &charge, |charge| {
        charge["amount_refunded"] = charge["amount"].clone();
        charge["refunded"] = json!(true);
    });
    checkout::cancel(context, &intent, "automatic");
}

/// An authorization. Returns the intent's id and the charge's.
fn hold(context: &mut StoryContext<'_>) -> (String, String) {
    let amount = context.amount();
    let (intent, mut truth) = payments::intent(context, amount, None, None);
    truth["capture_method"] = json!("manual");
    context.create("payment_intent.created", &intent, truth);
    context.breathe();
    let (charge_id, mut charge) = payments::charge(context, &context.get(&intent).clone());
    charge["captured"] = json!(false);
    charge["amount_captured"] = json!(0);
    let method = charge["payment_method"].clone();
    context.put(&charge_id, charge);
    checkout::attach_charge(context, &intent, &charge_id, |intent| {
        intent["payment_method"] = method;
        intent["amount_capturable"] = intent["amount"].clone();
        intent["status"] = json!("requires_capture");
    });
    context.emit("charge.succeeded", &charge_id);
    context.emit("payment_intent.amount_capturable_updated", &intent);
    (intent, charge_id)
}

/// Captures this amount; the story emits the events of the charge and of the intent.
fn capture(context: &mut StoryContext<'_>, intent: &str, charge: &str, amount: i64) {
    let transaction = context.id("txn");
    context.change(charge, |charge| {
        charge["captured"] = json!(true);
        charge["amount_captured"] = json!(amount);
        charge["balance_transaction"] = json!(transaction);
    });
    context.change(intent, |intent| {
        intent["amount_capturable"] = json!(0);
        intent["amount_received"] = json!(amount);
        intent["status"] = json!("succeeded");
    });
}

/// Releases this amount, which was never captured; the story emits the events of the charge and of the refund. Returns
/// the refund's id.
fn release(context: &mut StoryContext<'_>, charge: &str, amount: i64) -> String {
    let (id, mut refund) =
        payments::refund(context, &context.get(charge).clone(), amount, "succeeded");
    refund["balance_transaction"] = Value::Null;
    refund["destination_details"] = json!({ "card": { "type": "reversal" }, "type": "card" });
    refund["reason"] = Value::Null;
    context.put(&id, refund);
    context.change(charge, |charge| refunds::add(charge, &id, amount));
    id
}
