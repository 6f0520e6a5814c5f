//! Disputes with the money's moves, inquiries, warnings of fraud, and reviews.

use serde_json::{Value, json};

use super::{DAY_S, checkout};
use crate::objects::payments;
use crate::story_context::StoryContext;

pub(crate) fn won(context: &mut StoryContext<'_>) {
    let dispute = fight(context);
    close(context, &dispute, "won");
    context.breathe();
    move_funds(context, &dispute, 1);
}

pub(crate) fn lost(context: &mut StoryContext<'_>) {
    let dispute = fight(context);
    close(context, &dispute, "lost");
}

pub(crate) fn in_another_currency(context: &mut StoryContext<'_>) {
    let amount = context.amount();
    let charge = checkout::purchase_in(context, amount, "jpy");
    context.wait(20 * DAY_S);
    context.stripe_acts();
    let dispute = open(context, &charge, payments::dispute);
    context.breathe();
    // The account is kept in dollars: first at the bank's rate; the difference to the final rate follows later.
    let truth = context.get(&dispute).clone();
    let mut funds = payments::dispute_funds(context, &truth, -1);
    payments::convert(&mut funds, 672);
    let mut difference = payments::dispute_funds(context, &truth, -1);
    payments::convert(&mut difference, 4);
    difference["fee"] = json!(0);
    difference["fee_details"] = json!([]);
    difference["net"] = difference["amount"].clone();
    context.update("charge.dispute.funds_withdrawn", &dispute, |dispute| {
        dispute["balance_transactions"] = json!([funds, difference]);
    });
    close(context, &dispute, "lost");
}

pub(crate) fn inquiry_closed(context: &mut StoryContext<'_>) {
    let inquiry = inquire(context);
    answer(context, &inquiry, "warning_under_review");
    close(context, &inquiry, "warning_closed");
}

pub(crate) fn inquiry_escalated(context: &mut StoryContext<'_>) {
    let dispute = inquire(context);
    context.wait(5 * DAY_S);
    escalate(context, &dispute);
    answer(context, &dispute, "under_review");
    close(context, &dispute, "lost");
}

pub(crate) fn inquiry_reopened(context: &mut StoryContext<'_>) {
    let dispute = inquire(context);
    close(context, &dispute, "warning_closed");
    context.wait(20 * DAY_S);
    escalate(context, &dispute);
    answer(context, &dispute, "under_review");
    close(context, &dispute, "won");
    context.wait(60);
    move_funds(context, &dispute, 1);
}

pub(crate) fn review(context: &mut StoryContext<'_>) {
    let charge = checkout::purchase(context);
    let intent = context.get(&charge)["payment_intent"].clone();
    context.stripe_acts();
    let warning_id = context.id("issfr");
    let mut warning = context.blank("early_fraud_warning", &warning_id);
    warning["charge"] = json!(charge);
    warning["payment_intent"] = intent.clone();
    context.create("radar.early_fraud_warning.created", &warning_id, warning);

    let review_id = context.id("prv");
    let mut review = context.blank("review", &review_id);
    review["charge"] = json!(charge);
    review["payment_intent"] = intent;
    context.put(&review_id, review);
    context.change(&charge, |charge| charge["review"] = json!(review_id));
    context.emit("review.opened", &review_id);
    context.emit("charge.updated", &charge);

    context.wait(DAY_S);
    context.somebody_acts();
    context.update("review.closed", &review_id, |review| {
        review["open"] = json!(false);
        review["reason"] = json!("approved");
        review["closed_reason"] = json!("approved");
    });
    context.update(
        "radar.early_fraud_warning.updated",
        &warning_id,
        |warning| {
            warning["actionable"] = json!(false);
        },
    );
}

/// A dispute from its opening to the evidence. Returns its id.
fn fight(context: &mut StoryContext<'_>) -> String {
    let charge = checkout::purchase(context);
    context.wait(20 * DAY_S);
    context.stripe_acts();
    let id = open(context, &charge, payments::dispute);
    context.breathe();
    move_funds(context, &id, -1);
    answer(context, &id, "under_review");
    id
}

/// The bank only inquires: no money moves. Returns the dispute's id.
fn inquire(context: &mut StoryContext<'_>) -> String {
    let charge = checkout::purchase(context);
    context.wait(20 * DAY_S);
    context.stripe_acts();
    open(context, &charge, payments::inquiry)
}

type Made = fn(&mut StoryContext<'_>, &Value) -> (String, Value);

fn open(context: &mut StoryContext<'_>, charge: &str, made: Made) -> String {
    let (id, dispute) = made(context, &context.get(charge).clone());
    context.put(&id, dispute);
    context.change(charge, |charge| charge["disputed"] = json!(true));
    context.emit("charge.dispute.created", &id);
    context.emit("charge.updated", charge);
    id
}

/// An inquiry becomes a chargeback, with a deadline of its own.
fn escalate(context: &mut StoryContext<'_>, dispute: &str) {
    let due_by = context.now() + 12 * DAY_S;
    context.update("charge.dispute.updated", dispute, |dispute| {
        dispute["status"] = json!("needs_response");
        dispute["is_charge_refundable"] = json!(false);
        dispute["payment_method_details"]["card"]["case_type"] = json!("chargeback");
        dispute["evidence_details"]["due_by"] = json!(due_by);
    });
    context.wait(1);
    move_funds(context, dispute, -1);
}

/// The evidence is submitted.
fn answer(context: &mut StoryContext<'_>, dispute: &str, status: &str) {
    context.wait(2 * DAY_S);
    context.somebody_acts();
    context.update("charge.dispute.updated", dispute, |dispute| {
        dispute["status"] = json!(status);
        dispute["evidence"]["uncategorized_text"] =
            json!("The customer confirmed by mail that the order arrived.");
        dispute["evidence_details"]["has_evidence"] = json!(true);
        dispute["evidence_details"]["submission_count"] = json!(1);
    });
    context.stripe_acts();
}

fn close(context: &mut StoryContext<'_>, dispute: &str, status: &str) {
    context.wait(30 * DAY_S);
    context.update("charge.dispute.closed", dispute, |dispute| {
        dispute["status"] = json!(status);
    });
}

/// The disputed amount leaves (-1) or returns (1).
fn move_funds(context: &mut StoryContext<'_>, dispute: &str, sign: i64) {
    let funds = payments::dispute_funds(context, &context.get(dispute).clone(), sign);
    let kind = if sign < 0 {
        "charge.dispute.funds_withdrawn"
    } else {
        "charge.dispute.funds_reinstated"
    };
    context.update(kind, dispute, |dispute| {
        if let Value::Array(transactions) = &mut dispute["balance_transactions"] {
            transactions.push(funds);
        }
    });
}
