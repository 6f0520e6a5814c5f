//! Invoices: from the draft to paid, failed, overdue or void.

use serde_json::{Value, json};

use super::{DAY_S, checkout, customers};
use crate::objects::billing;
use crate::story_context::StoryContext;

pub(crate) fn overdue_then_paid(context: &mut StoryContext<'_>) {
    let invoice = sent(context);
    context.wait(31 * DAY_S);
    context.stripe_acts();
    // Only time has passed; the invoice doesn't change.
    context.emit("invoice.overdue", &invoice);
    context.wait(2 * DAY_S);
    context.somebody_acts();
    pay(context, &invoice);
}

pub(crate) fn voided(context: &mut StoryContext<'_>) {
    let invoice = sent(context);
    context.wait(3 * DAY_S);
    void(context, &invoice);
}

pub(crate) fn uncollectible(context: &mut StoryContext<'_>) {
    let invoice = sent(context);
    context.wait(31 * DAY_S);
    context.stripe_acts();
    context.emit("invoice.overdue", &invoice);
    context.wait(60 * DAY_S);
    context.somebody_acts();
    give_up(context, &invoice);
}

/// An invoice by mail, as sent.
pub(super) fn sent(context: &mut StoryContext<'_>) -> String {
    let customer = customers::create(context);
    context.breathe();
    let amount = context.amount();
    let (id, invoice) = billing::one_off_invoice(context, &customer, amount);
    context.create("invoice.created", &id, invoice);
    context.wait(60);
    finalize(context, &id);
    context.breathe();
    context.emit("invoice.sent", &id);
    id
}

/// The invoice gets its number, and a payment intent if anything is due.
pub(crate) fn finalize(context: &mut StoryContext<'_>, invoice: &str) {
    let due = context.get(invoice)["amount_due"]
        .as_i64()
        .unwrap_or_default();
    let customer = context.text(invoice, "customer");
    let intent =
        (due > 0).then(|| checkout::create_intent(context, due, Some(&customer), Some(invoice)));
    let page = context.token(48);
    let number = format!("{}-0001", context.token(8).to_uppercase());
    let now = context.now();
    context.update("invoice.finalized", invoice, |invoice| {
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
pub(crate) fn pay(context: &mut StoryContext<'_>, invoice: &str) {
    let intent = context.text(invoice, "~payment_intent");
    let charge = (!intent.is_empty()).then(|| checkout::succeed(context, &intent));
    context.breathe();
    let now = context.now();
    context.change(invoice, |invoice| {
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
    context.emit("invoice.updated", invoice);
    context.emit("invoice.paid", invoice);
    context.emit("invoice.payment_succeeded", invoice);
    if let Some(charge) = charge {
        payment(context, invoice, &intent);
        checkout::settle(context, &charge);
    }
}

/// An attempt to collect fails; the next one is in three days.
pub(crate) fn fail(context: &mut StoryContext<'_>, invoice: &str) {
    let intent = context.text(invoice, "~payment_intent");
    let charge = checkout::decline(context, &intent);
    let next = context.now() + 3 * DAY_S;
    context.change(invoice, |invoice| {
        invoice["attempt_count"] = json!(invoice["attempt_count"].as_i64().unwrap_or_default() + 1);
        invoice["attempted"] = json!(true);
        invoice["next_payment_attempt"] = json!(next);
        invoice["~charge"] = json!(charge);
    });
    context.emit("invoice.updated", invoice);
    context.emit("invoice.payment_failed", invoice);
}

/// The invoice is given up.
pub(crate) fn void(context: &mut StoryContext<'_>, invoice: &str) {
    let now = context.now();
    context.update("invoice.voided", invoice, |invoice| {
        invoice["auto_advance"] = json!(false);
        invoice["next_payment_attempt"] = Value::Null;
        invoice["status"] = json!("void");
        invoice["status_transitions"]["voided_at"] = json!(now);
    });
}

/// The invoice won't be paid, and is kept.
pub(crate) fn give_up(context: &mut StoryContext<'_>, invoice: &str) {
    let now = context.now();
    context.update("invoice.marked_uncollectible", invoice, |invoice| {
        invoice["auto_advance"] = json!(false);
        invoice["status"] = json!("uncollectible");
        invoice["status_transitions"]["marked_uncollectible_at"] = json!(now);
    });
}

/// A credit note covered the whole amount, so nothing remains to be paid: the invoice is paid, and its payment is
/// canceled.
pub(crate) fn close_credited(context: &mut StoryContext<'_>, invoice: &str) {
    let intent = context.text(invoice, "~payment_intent");
    checkout::cancel(context, &intent, "void_invoice");
    let now = context.now();
    context.change(invoice, |invoice| {
        invoice["auto_advance"] = json!(false);
        invoice["next_payment_attempt"] = Value::Null;
        invoice["status"] = json!("paid");
        invoice["status_transitions"]["paid_at"] = json!(now);
    });
    context.emit("invoice.updated", invoice);
    context.emit("invoice.paid", invoice);
    context.emit("invoice.payment_succeeded", invoice);
}

fn payment(context: &mut StoryContext<'_>, invoice: &str, intent: &str) {
    let id = context.id("inpay");
    let amount = context.get(invoice)["amount_paid"].clone();
    let mut payment = context.blank("invoice_payment", &id);
    payment["invoice"] = json!(invoice);
    payment["amount_requested"] = amount.clone();
    payment["amount_paid"] = amount;
    payment["payment"]["payment_intent"] = json!(intent);
    payment["status"] = json!("paid");
    payment["status_transitions"]["paid_at"] = json!(context.now());
    context.create("invoice_payment.paid", &id, payment);
}
