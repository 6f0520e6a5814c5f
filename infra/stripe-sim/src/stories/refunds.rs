//! Refunds: partial, full, equal twins, and one that fails after it succeeded.

use serde_json::{Value, json};

use super::{DAY_S, checkout};
use crate::objects::payments;
use crate::stage::Stage;

pub(crate) fn partial(stage: &mut Stage<'_>) {
    let charge = checkout::purchase(stage);
    stage.wait(3 * DAY_S);
    let amount = total(stage, &charge) / 3;
    let refund = refund(stage, &charge, amount, "pending");
    stage.wait(20);
    stage.stripe_acts();
    move_refund(stage, &refund, "succeeded");
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
    // Somebody clicks twice.
    stage.breathe();
    refund(stage, &charge, amount, "succeeded");
}

pub(crate) fn fails_later(stage: &mut Stage<'_>) {
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
        refund["failure_reason"] = json!("lost_or_stolen_card");
        refund["status"] = json!("failed");
    });
    stage.emit("refund.updated", &refund);
    stage.emit("charge.refund.updated", &refund);
    stage.emit("refund.failed", &refund);
    stage.emit("charge.updated", &charge);
}

fn total(stage: &Stage<'_>, charge: &str) -> i64 {
    stage.get(charge)["amount"].as_i64().unwrap_or_default()
}

/// Refunds part or all of a charge. Returns the refund's id.
fn refund(stage: &mut Stage<'_>, charge: &str, amount: i64, status: &str) -> String {
    let (id, refund) = payments::refund(stage, &stage.get(charge).clone(), amount, status);
    stage.put(&id, refund);
    stage.change(charge, |charge| {
        add_refunded(charge, amount);
        if let Some(refunds) = charge["~refunds"].as_array_mut() {
            refunds.push(json!(id));
        }
    });
    stage.emit("refund.created", &id);
    stage.emit("charge.refunded", charge);
    stage.breathe();
    // Stripe learns the network's reference a moment later, and tells it under the old name and the new.
    stage.change(&id, |refund| {
        refund["destination_details"]["card"]["reference"] = json!("4111122223");
        refund["destination_details"]["card"]["reference_status"] = json!("available");
    });
    stage.emit("refund.updated", &id);
    stage.emit("charge.refund.updated", &id);
    id
}

fn move_refund(stage: &mut Stage<'_>, refund: &str, status: &str) {
    stage.change(refund, |refund| {
        refund["status"] = json!(status);
    });
    stage.emit("refund.updated", refund);
    stage.emit("charge.refund.updated", refund);
}

fn add_refunded(charge: &mut Value, amount: i64) {
    let refunded = charge["amount_refunded"].as_i64().unwrap_or_default() + amount;
    charge["refunded"] = json!(charge["amount"] == json!(refunded));
    charge["amount_refunded"] = json!(refunded);
}
