//! Disputes with the money's moves, inquiries, warnings of fraud, and reviews.

use serde_json::{Value, json};

use super::{DAY_S, checkout};
use crate::objects::payments;
use crate::story_context::Stage;

pub(crate) fn won(stage: &mut Stage<'_>) {
    let dispute = fight(stage);
    close(stage, &dispute, "won");
    stage.breathe();
    move_funds(stage, &dispute, 1);
}

pub(crate) fn lost(stage: &mut Stage<'_>) {
    let dispute = fight(stage);
    close(stage, &dispute, "lost");
}

pub(crate) fn in_another_currency(stage: &mut Stage<'_>) {
    let amount = stage.amount();
    let charge = checkout::purchase_in(stage, amount, "jpy");
    stage.wait(20 * DAY_S);
    stage.stripe_acts();
    let dispute = open(stage, &charge, payments::dispute);
    stage.breathe();
    // The account is kept in dollars: first at the bank's rate; the difference to the final rate follows later.
    let truth = stage.get(&dispute).clone();
    let mut funds = payments::dispute_funds(stage, &truth, -1);
    payments::convert(&mut funds, 672);
    let mut difference = payments::dispute_funds(stage, &truth, -1);
    payments::convert(&mut difference, 4);
    difference["fee"] = json!(0);
    difference["fee_details"] = json!([]);
    difference["net"] = difference["amount"].clone();
    stage.update("charge.dispute.funds_withdrawn", &dispute, |dispute| {
        dispute["balance_transactions"] = json!([funds, difference]);
    });
    close(stage, &dispute, "lost");
}

pub(crate) fn inquiry_closed(stage: &mut Stage<'_>) {
    let inquiry = inquire(stage);
    answer(stage, &inquiry, "warning_under_review");
    close(stage, &inquiry, "warning_closed");
}

pub(crate) fn inquiry_escalated(stage: &mut Stage<'_>) {
    let dispute = inquire(stage);
    stage.wait(5 * DAY_S);
    escalate(stage, &dispute);
    answer(stage, &dispute, "under_review");
    close(stage, &dispute, "lost");
}

pub(crate) fn inquiry_reopened(stage: &mut Stage<'_>) {
    let dispute = inquire(stage);
    close(stage, &dispute, "warning_closed");
    stage.wait(20 * DAY_S);
    escalate(stage, &dispute);
    answer(stage, &dispute, "under_review");
    close(stage, &dispute, "won");
    stage.wait(60);
    move_funds(stage, &dispute, 1);
}

pub(crate) fn review(stage: &mut Stage<'_>) {
    let charge = checkout::purchase(stage);
    let intent = stage.get(&charge)["payment_intent"].clone();
    stage.stripe_acts();
    let warning_id = stage.id("issfr");
    let mut warning = stage.blank("early_fraud_warning", &warning_id);
    warning["charge"] = json!(charge);
    warning["payment_intent"] = intent.clone();
    stage.create("radar.early_fraud_warning.created", &warning_id, warning);

    let review_id = stage.id("prv");
    let mut review = stage.blank("review", &review_id);
    review["charge"] = json!(charge);
    review["payment_intent"] = intent;
    stage.put(&review_id, review);
    stage.change(&charge, |charge| charge["review"] = json!(review_id));
    stage.emit("review.opened", &review_id);
    stage.emit("charge.updated", &charge);

    stage.wait(DAY_S);
    stage.somebody_acts();
    stage.update("review.closed", &review_id, |review| {
        review["open"] = json!(false);
        review["reason"] = json!("approved");
        review["closed_reason"] = json!("approved");
    });
    stage.update(
        "radar.early_fraud_warning.updated",
        &warning_id,
        |warning| {
            warning["actionable"] = json!(false);
        },
    );
}

/// A dispute from its opening to the evidence. Returns its id.
fn fight(stage: &mut Stage<'_>) -> String {
    let charge = checkout::purchase(stage);
    stage.wait(20 * DAY_S);
    stage.stripe_acts();
    let id = open(stage, &charge, payments::dispute);
    stage.breathe();
    move_funds(stage, &id, -1);
    answer(stage, &id, "under_review");
    id
}

/// The bank only inquires: no money moves. Returns the dispute's id.
fn inquire(stage: &mut Stage<'_>) -> String {
    let charge = checkout::purchase(stage);
    stage.wait(20 * DAY_S);
    stage.stripe_acts();
    open(stage, &charge, payments::inquiry)
}

type Made = fn(&mut Stage<'_>, &Value) -> (String, Value);

fn open(stage: &mut Stage<'_>, charge: &str, made: Made) -> String {
    let (id, dispute) = made(stage, &stage.get(charge).clone());
    stage.put(&id, dispute);
    stage.change(charge, |charge| charge["disputed"] = json!(true));
    stage.emit("charge.dispute.created", &id);
    stage.emit("charge.updated", charge);
    id
}

/// An inquiry becomes a chargeback, with a deadline of its own.
fn escalate(stage: &mut Stage<'_>, dispute: &str) {
    let due_by = stage.now() + 12 * DAY_S;
    stage.update("charge.dispute.updated", dispute, |dispute| {
        dispute["status"] = json!("needs_response");
        dispute["is_charge_refundable"] = json!(false);
        dispute["payment_method_details"]["card"]["case_type"] = json!("chargeback");
        dispute["evidence_details"]["due_by"] = json!(due_by);
    });
    stage.wait(1);
    move_funds(stage, dispute, -1);
}

/// The evidence is submitted.
fn answer(stage: &mut Stage<'_>, dispute: &str, status: &str) {
    stage.wait(2 * DAY_S);
    stage.somebody_acts();
    stage.update("charge.dispute.updated", dispute, |dispute| {
        dispute["status"] = json!(status);
        dispute["evidence"]["uncategorized_text"] =
            json!("The customer confirmed by mail that the order arrived.");
        dispute["evidence_details"]["has_evidence"] = json!(true);
        dispute["evidence_details"]["submission_count"] = json!(1);
    });
    stage.stripe_acts();
}

fn close(stage: &mut Stage<'_>, dispute: &str, status: &str) {
    stage.wait(30 * DAY_S);
    stage.update("charge.dispute.closed", dispute, |dispute| {
        dispute["status"] = json!(status);
    });
}

/// The disputed amount leaves (-1) or returns (1).
fn move_funds(stage: &mut Stage<'_>, dispute: &str, sign: i64) {
    let funds = payments::dispute_funds(stage, &stage.get(dispute).clone(), sign);
    let kind = if sign < 0 {
        "charge.dispute.funds_withdrawn"
    } else {
        "charge.dispute.funds_reinstated"
    };
    stage.update(kind, dispute, |dispute| {
        if let Value::Array(transactions) = &mut dispute["balance_transactions"] {
            transactions.push(funds);
        }
    });
}
