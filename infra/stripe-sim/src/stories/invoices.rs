//! Invoices: from the draft to paid, failed, overdue or void.

use serde_json::{Value, json};

use super::{DAY_S, checkout, customers};
use crate::objects::billing;
use crate::story_context::Stage;

pub(crate) fn overdue_then_paid(stage: &mut Stage<'_>) {
    let invoice = sent(stage);
    stage.wait(31 * DAY_S);
    stage.stripe_acts();
    // Only time has passed; the invoice doesn't change.
    stage.emit("invoice.overdue", &invoice);
    stage.wait(2 * DAY_S);
    stage.somebody_acts();
    pay(stage, &invoice);
}

pub(crate) fn voided(stage: &mut Stage<'_>) {
    let invoice = sent(stage);
    stage.wait(3 * DAY_S);
    void(stage, &invoice);
}

pub(crate) fn uncollectible(stage: &mut Stage<'_>) {
    let invoice = sent(stage);
    stage.wait(31 * DAY_S);
    stage.stripe_acts();
    stage.emit("invoice.overdue", &invoice);
    stage.wait(60 * DAY_S);
    stage.somebody_acts();
    give_up(stage, &invoice);
}

/// An invoice by mail, as sent.
pub(super) fn sent(stage: &mut Stage<'_>) -> String {
    let customer = customers::create(stage);
    stage.breathe();
    let amount = stage.amount();
    let (id, invoice) = billing::one_off_invoice(stage, &customer, amount);
    stage.create("invoice.created", &id, invoice);
    stage.wait(60);
    finalize(stage, &id);
    stage.breathe();
    stage.emit("invoice.sent", &id);
    id
}

/// The invoice gets its number, and a payment intent if anything is due.
pub(crate) fn finalize(stage: &mut Stage<'_>, invoice: &str) {
    let due = stage.get(invoice)["amount_due"]
        .as_i64()
        .unwrap_or_default();
    let customer = stage.text(invoice, "customer");
    let intent =
        (due > 0).then(|| checkout::create_intent(stage, due, Some(&customer), Some(invoice)));
    let page = stage.token(48);
    let number = format!("{}-0001", stage.token(8).to_uppercase());
    let now = stage.now();
    stage.update("invoice.finalized", invoice, |invoice| {
        let url = format!("https://invoice.stripe.com/i/acct_platform/test_{page}");
        invoice["automatically_finalizes_at"] = Value::Null;
        invoice["effective_at"] = json!(now);
        invoice["ending_balance"] = json!(0);
        invoice["hosted_invoice_url"] = json!(format!("{url}?s=ap"));
        invoice["invoice_pdf"] = json!(format!("{url}/pdf?s=ap"));
        invoice["number"] = json!(number);
        invoice["status"] = json!("open");
        invoice["status_transitions"]["finalized_at"] = json!(now);
        invoice["~payment_intent"] = json!(intent);
    });
}

/// The invoice is paid: by a charge if anything is due.
pub(crate) fn pay(stage: &mut Stage<'_>, invoice: &str) {
    let intent = stage.text(invoice, "~payment_intent");
    let charge = (!intent.is_empty()).then(|| checkout::succeed(stage, &intent));
    stage.breathe();
    let now = stage.now();
    stage.change(invoice, |invoice| {
        invoice["amount_paid"] = invoice["amount_due"].clone();
        invoice["amount_remaining"] = json!(0);
        invoice["attempt_count"] = json!(invoice["attempt_count"].as_i64().unwrap_or_default() + 1);
        invoice["attempted"] = json!(true);
        invoice["auto_advance"] = json!(false);
        invoice["next_payment_attempt"] = Value::Null;
        invoice["status"] = json!("paid");
        invoice["status_transitions"]["paid_at"] = json!(now);
        invoice["~charge"] = json!(charge);
    });
    // One change, three events.
    stage.emit("invoice.updated", invoice);
    stage.emit("invoice.paid", invoice);
    stage.emit("invoice.payment_succeeded", invoice);
    if let Some(charge) = charge {
        payment(stage, invoice, &intent);
        checkout::settle(stage, &charge);
    }
}

/// An attempt to collect fails; the next one is in three days.
pub(crate) fn fail(stage: &mut Stage<'_>, invoice: &str) {
    let intent = stage.text(invoice, "~payment_intent");
    let charge = checkout::decline(stage, &intent);
    let next = stage.now() + 3 * DAY_S;
    stage.change(invoice, |invoice| {
        invoice["attempt_count"] = json!(invoice["attempt_count"].as_i64().unwrap_or_default() + 1);
        invoice["attempted"] = json!(true);
        invoice["next_payment_attempt"] = json!(next);
        invoice["~charge"] = json!(charge);
    });
    stage.emit("invoice.updated", invoice);
    stage.emit("invoice.payment_failed", invoice);
}

/// The invoice is given up.
pub(crate) fn void(stage: &mut Stage<'_>, invoice: &str) {
    let now = stage.now();
    stage.update("invoice.voided", invoice, |invoice| {
        invoice["auto_advance"] = json!(false);
        invoice["next_payment_attempt"] = Value::Null;
        invoice["status"] = json!("void");
        invoice["status_transitions"]["voided_at"] = json!(now);
    });
}

/// The invoice won't be paid, and is kept.
pub(crate) fn give_up(stage: &mut Stage<'_>, invoice: &str) {
    let now = stage.now();
    stage.update("invoice.marked_uncollectible", invoice, |invoice| {
        invoice["auto_advance"] = json!(false);
        invoice["status"] = json!("uncollectible");
        invoice["status_transitions"]["marked_uncollectible_at"] = json!(now);
    });
}

/// A credit note covered the whole amount, so nothing remains to be paid: the invoice is paid, and its payment is
/// canceled.
pub(crate) fn close_credited(stage: &mut Stage<'_>, invoice: &str) {
    let intent = stage.text(invoice, "~payment_intent");
    checkout::cancel(stage, &intent, "void_invoice");
    let now = stage.now();
    stage.change(invoice, |invoice| {
        invoice["auto_advance"] = json!(false);
        invoice["next_payment_attempt"] = Value::Null;
        invoice["status"] = json!("paid");
        invoice["status_transitions"]["paid_at"] = json!(now);
    });
    stage.emit("invoice.updated", invoice);
    stage.emit("invoice.paid", invoice);
    stage.emit("invoice.payment_succeeded", invoice);
}

fn payment(stage: &mut Stage<'_>, invoice: &str, intent: &str) {
    let id = stage.id("inpay");
    let amount = stage.get(invoice)["amount_paid"].clone();
    let mut payment = stage.blank("invoice_payment", &id);
    payment["invoice"] = json!(invoice);
    payment["amount_requested"] = amount.clone();
    payment["amount_paid"] = amount;
    payment["payment"]["payment_intent"] = json!(intent);
    payment["status"] = json!("paid");
    payment["status_transitions"]["paid_at"] = json!(stage.now());
    stage.create("invoice_payment.paid", &id, payment);
}
