//! Refunds: partial, full, two equal ones, and those that fail.

use serde_json::{Value, json};

use super::{DAY_S, checkout};
use crate::objects::payments;
use crate::story_context::Stage;

pub(crate) fn partial(stage: &mut Stage<'_>) {
    let charge = checkout::purchase(stage);
    stage.wait(3 * DAY_S);
    let amount = total(stage, &charge) / 3;
    let refund = refund(stage, &charge, amount, "pending");
    stage.wait(20);
    stage.stripe_acts();
    succeed(stage, &refund);
}

pub(crate) fn full(stage: &mut Stage<'_>) {
    let charge = checkout::purchase(stage);
    stage.wait(2 * DAY_S);
    let amount = total(stage, &charge);
    refund(stage, &charge, amount, "succeeded");
}

pub(crate) fn two_equal(stage: &mut Stage<'_>) {
    let charge = checkout::purchase(stage);
    let amount = total(stage, &charge) / 4;
    stage.wait(DAY_S);
    refund(stage, &charge, amount, "succeeded");
    // A person clicks twice.
    stage.breathe();
    refund(stage, &charge, amount, "succeeded");
}

pub(crate) fn fails_later(stage: &mut Stage<'_>) {
    taken_back(stage, "failed", "lost_or_stolen_card");
}

pub(crate) fn canceled_later(stage: &mut Stage<'_>) {
    taken_back(stage, "canceled", "merchant_request");
}

/// A refund that succeeded, and is sent back days later.
fn taken_back(stage: &mut Stage<'_>, status: &str, reason: &str) {
    let charge = checkout::purchase(stage);
    stage.wait(DAY_S);
    let amount = total(stage, &charge);
    let refund = refund(stage, &charge, amount, "succeeded");

    stage.wait(5 * DAY_S);
    stage.stripe_acts();
    let transaction = stage.id("txn");
    stage.change(&charge, |charge| {
        add_refunded(charge, -amount);
    });
    stage.change(&refund, |refund| {
        refund["failure_balance_transaction"] = json!(transaction);
        refund["failure_reason"] = json!(reason);
        refund["status"] = json!(status);
    });
    stage.emit("refund.updated", &refund);
    stage.emit("charge.refund.updated", &refund);
    stage.emit("refund.failed", &refund);
    stage.emit("charge.updated", &charge);
}

pub(crate) fn canceled_while_pending(stage: &mut Stage<'_>) {
    let charge = checkout::purchase(stage);
    stage.wait(DAY_S);
    let amount = total(stage, &charge) / 2;
    // The customer has to name an account first: no money moves before that.
    let (id, mut refund) = payments::refund(
        stage,
        &stage.get(&charge).clone(),
        amount,
        "requires_action",
    );
    refund["balance_transaction"] = Value::Null;
    stage.put(&id, refund);
    stage.change(&charge, |charge| add(charge, &id, amount));
    stage.emit("refund.created", &id);
    stage.emit("charge.refunded", &charge);
    stage.wait(600);
    stage.change(&charge, |charge| add_refunded(charge, -amount));
    stage.change(&id, |refund| {
        refund["failure_reason"] = json!("merchant_request");
        refund["status"] = json!("canceled");
    });
    stage.emit("refund.updated", &id);
    stage.emit("charge.refund.updated", &id);
    stage.emit("refund.failed", &id);
    stage.emit("charge.updated", &charge);
}

pub(crate) fn without_status(stage: &mut Stage<'_>) {
    let charge = checkout::purchase(stage);
    stage.wait(DAY_S);
    let amount = total(stage, &charge) / 2;
    let (id, mut refund) = payments::refund(stage, &stage.get(&charge).clone(), amount, "");
    refund["status"] = Value::Null;
    stage.put(&id, refund);
    stage.change(&charge, |charge| add(charge, &id, amount));
    stage.emit("refund.created", &id);
    stage.emit("charge.refunded", &charge);
}

pub(crate) fn two_events_per_change(stage: &mut Stage<'_>) {
    let charge = checkout::purchase(stage);
    let intent = stage.text(&charge, "payment_intent");
    stage.pass_a_second();
    stage.emit("payment_intent.succeeded", &intent);
    stage.wait(DAY_S);
    let amount = total(stage, &charge) / 2;
    let refund = refund(stage, &charge, amount, "succeeded");
    stage.pass_a_second();
    stage.emit("refund.updated", &refund);
    stage.emit("charge.refunded", &charge);
}

/// The amount that was authorized.
pub(crate) fn total(stage: &Stage<'_>, charge: &str) -> i64 {
    stage.get(charge)["amount"].as_i64().unwrap_or_default()
}

/// Refunds part or all of a charge. Returns the refund's id.
pub(crate) fn refund(stage: &mut Stage<'_>, charge: &str, amount: i64, status: &str) -> String {
    let (id, refund) = payments::refund(stage, &stage.get(charge).clone(), amount, status);
    stage.put(&id, refund);
    stage.change(charge, |charge| add(charge, &id, amount));
    stage.emit("refund.created", &id);
    stage.emit("charge.refunded", charge);
    stage.breathe();
    // Stripe learns the network's reference a moment later, and reports it under the old event type and the new.
    stage.change(&id, |refund| {
        refund["destination_details"]["card"]["reference"] = json!("4111122223");
        refund["destination_details"]["card"]["reference_status"] = json!("available");
    });
    stage.emit("refund.updated", &id);
    stage.emit("charge.refund.updated", &id);
    id
}

/// The refund succeeds: its money leaves the balance.
fn succeed(stage: &mut Stage<'_>, refund: &str) {
    let transaction = stage.id("txn");
    stage.change(refund, |refund| {
        refund["balance_transaction"] = json!(transaction);
        refund["status"] = json!("succeeded");
    });
    stage.emit("refund.updated", refund);
    stage.emit("charge.refund.updated", refund);
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
