//! Refunds: partial, full, two equal ones, and those that fail.

use serde_json::{Value, json};

use super::{DAY_S, checkout};
use crate::objects::payments;
use crate::story_context::StoryContext;

pub(crate) fn partial(context: &mut StoryContext<'_>) {
    let charge = checkout::purchase(context);
    context.wait(3 * DAY_S);
    let amount = total(context, &charge) / 3;
    let refund = refund(context, &charge, amount, "pending");
    context.wait(20);
    context.stripe_acts();
    succeed(context, &refund);
}

pub(crate) fn full(context: &mut StoryContext<'_>) {
    let charge = checkout::purchase(context);
    context.wait(2 * DAY_S);
    let amount = total(context, &charge);
    refund(context, &charge, amount, "succeeded");
}

pub(crate) fn two_equal(context: &mut StoryContext<'_>) {
    let charge = checkout::purchase(context);
    let amount = total(context, &charge) / 4;
    context.wait(DAY_S);
    refund(context, &charge, amount, "succeeded");
    // A person clicks twice.
    context.breathe();
    refund(context, &charge, amount, "succeeded");
}

pub(crate) fn fails_later(context: &mut StoryContext<'_>) {
    taken_back(context, "failed", "lost_or_stolen_card");
}

pub(crate) fn canceled_later(context: &mut StoryContext<'_>) {
    taken_back(context, "canceled", "merchant_request");
}

/// A refund that succeeded, and is sent back days later.
fn taken_back(context: &mut StoryContext<'_>, status: &str, reason: &str) {
    let charge = checkout::purchase(context);
    context.wait(DAY_S);
    let amount = total(context, &charge);
    let refund = refund(context, &charge, amount, "succeeded");

    context.wait(5 * DAY_S);
    context.stripe_acts();
    let transaction = context.id("txn");
    context.change(&charge, |charge| {
        add_refunded(charge, -amount);
    });
    context.change(&refund, |refund| {
        refund["failure_balance_transaction"] = json!(transaction);
        refund["failure_reason"] = json!(reason);
        refund["status"] = json!(status);
    });
    context.emit("refund.updated", &refund);
    context.emit("charge.refund.updated", &refund);
    context.emit("refund.failed", &refund);
    context.emit("charge.updated", &charge);
}

pub(crate) fn canceled_while_pending(context: &mut StoryContext<'_>) {
    let charge = checkout::purchase(context);
    context.wait(DAY_S);
    let amount = total(context, &charge) / 2;
    // The customer has to name an account first: no money moves before that.
    let (id, mut refund) = payments::refund(
        context,
        &context.get(&charge).clone(),
        amount,
        "requires_action",
    );
    refund["balance_transaction"] = Value::Null;
    context.put(&id, refund);
    context.change(&charge, |charge| add(charge, &id, amount));
    context.emit("refund.created", &id);
    context.emit("charge.refunded", &charge);
    context.wait(600);
    context.change(&charge, |charge| add_refunded(charge, -amount));
    context.change(&id, |refund| {
        refund["failure_reason"] = json!("merchant_request");
        refund["status"] = json!("canceled");
    });
    context.emit("refund.updated", &id);
    context.emit("charge.refund.updated", &id);
    context.emit("refund.failed", &id);
    context.emit("charge.updated", &charge);
}

pub(crate) fn without_status(context: &mut StoryContext<'_>) {
    let charge = checkout::purchase(context);
    context.wait(DAY_S);
    let amount = total(context, &charge) / 2;
    let (id, mut refund) = payments::refund(context, &context.get(&charge).clone(), amount, "");
    refund["status"] = Value::Null;
    context.put(&id, refund);
    context.change(&charge, |charge| add(charge, &id, amount));
    context.emit("refund.created", &id);
    context.emit("charge.refunded", &charge);
}

pub(crate) fn two_events_per_change(context: &mut StoryContext<'_>) {
    let charge = checkout::purchase(context);
    let intent = context.text(&charge, "payment_intent");
    context.pass_a_second();
    context.emit("payment_intent.succeeded", &intent);
    context.wait(DAY_S);
    let amount = total(context, &charge) / 2;
    let refund = refund(context, &charge, amount, "succeeded");
    context.pass_a_second();
    context.emit("refund.updated", &refund);
    context.emit("charge.refunded", &charge);
}

/// The amount that was authorized.
pub(crate) fn total(context: &StoryContext<'_>, charge: &str) -> i64 {
    context.get(charge)["amount"].as_i64().unwrap_or_default()
}

/// Refunds part or all of a charge. Returns the refund's id.
pub(crate) fn refund(
    context: &mut StoryContext<'_>,
    charge: &str,
    amount: i64,
    status: &str,
) -> String {
    let (id, refund) = payments::refund(context, &context.get(charge).clone(), amount, status);
    context.put(&id, refund);
    context.change(charge, |charge| add(charge, &id, amount));
    context.emit("refund.created", &id);
    context.emit("charge.refunded", charge);
    context.breathe();
    // Stripe learns the network's reference a moment later, and reports it under the old event type and the new.
    context.change(&id, |refund| {
        refund["destination_details"]["card"]["reference"] = json!("4111122223");
        refund["destination_details"]["card"]["reference_status"] = json!("available");
    });
    context.emit("refund.updated", &id);
    context.emit("charge.refund.updated", &id);
    id
}

/// The refund succeeds: its money leaves the balance.
fn succeed(context: &mut StoryContext<'_>, refund: &str) {
    let transaction = context.id("txn");
    context.change(refund, |refund| {
        refund["balance_transaction"] = json!(transaction);
        refund["status"] = json!("succeeded");
    });
    context.emit("refund.updated", refund);
    context.emit("charge.refund.updated", refund);
}

/// Adds a refund to the charge.
pub(crate) fn add(charge: &mut Value, refund: &str, amount: i64) {
    add_refunded(charge, amount);
    if let Some(refunds) = charge["~refunds"].as_array_mut() {
        refunds.push(json!(refund));
    }
}

fn add_refunded(charge: &mut Value, amount: i64) {
    let refunded = charge["amount_refunded"].as_i64().unwrap_or_default() + amount;
    charge["refunded"] = json!(charge["amount"] == json!(refunded));
    charge["amount_refunded"] = json!(refunded);
}
