//! Documents related to invoices: items, credit notes, quotes.

use serde_json::{Value, json};

use super::{DAY_S, customers, invoices, subscriptions};
use crate::objects::{billing, documents};
use crate::story_context::StoryContext;

pub(crate) fn items(context: &mut StoryContext<'_>) {
    let customer = customers::create(context);
    let price = subscriptions::price(context, "Setup", 9_000);
    let (mistaken, item) = documents::item(context, &customer, &price, None);
    context.create("invoiceitem.created", &mistaken, item);
    context.wait(300);
    context.delete("invoiceitem.deleted", &mistaken);

    // A draft that isn't needed, and one that gets its item by hand.
    let unneeded = draft(context, &customer);
    context.wait(30);
    context.delete("invoice.deleted", &unneeded);
    context.wait(60);
    let invoice = draft(context, &customer);
    context.wait(40);
    let (id, item) = documents::item(context, &customer, &price, Some(&invoice));
    let line = documents::line_of(context, &item);
    context.create("invoiceitem.created", &id, item);
    context.update("invoice.updated", &invoice, |invoice| {
        for field in [
            "amount_due",
            "amount_remaining",
            "subtotal",
            "subtotal_excluding_tax",
            "total",
            "total_excluding_tax",
        ] {
            invoice[field] = line["amount"].clone();
        }
        invoice["lines"]["data"] = json!([line]);
        invoice["lines"]["total_count"] = json!(1);
    });
    context.wait(3_600);
    invoices::finalize(context, &invoice);
    context.wait(DAY_S);
    invoices::pay(context, &invoice);
}

pub(crate) fn credit_note(context: &mut StoryContext<'_>) {
    let invoice = invoices::sent(context);
    context.wait(2 * DAY_S);
    let amount = context.get(&invoice)["amount_due"].as_i64();
    let note = credit(context, &invoice, amount.unwrap_or_default());
    context.breathe();
    invoices::close_credited(context, &invoice);
    context.wait(300);
    context.update("credit_note.updated", &note, |note| {
        note["memo"] = json!("With our apologies");
    });
}

pub(crate) fn credit_note_voided(context: &mut StoryContext<'_>) {
    let invoice = invoices::sent(context);
    context.wait(2 * DAY_S);
    let quarter = context.get(&invoice)["amount_due"]
        .as_i64()
        .unwrap_or_default()
        / 4;
    let note = credit(context, &invoice, quarter);
    context.wait(3_600);
    let now = context.now();
    context.change(&invoice, |invoice| add_credit(invoice, -quarter));
    context.update("credit_note.voided", &note, |note| {
        note["status"] = json!("void");
        note["voided_at"] = json!(now);
    });
    context.emit("invoice.updated", &invoice);
    context.wait(31 * DAY_S);
    invoices::give_up(context, &invoice);
}

pub(crate) fn quote_accepted(context: &mut StoryContext<'_>) {
    let (quote, customer, price) = quote(context);
    context.wait(2 * DAY_S);
    let (subscription, invoice) = subscriptions::subscribe(context, &customer, &price, 0);
    let now = context.now();
    context.update("quote.accepted", &quote, |quote| {
        quote["invoice"] = json!(invoice);
        quote["status"] = json!("accepted");
        quote["status_transitions"]["accepted_at"] = json!(now);
        quote["subscription"] = json!(subscription);
    });
    context.breathe();
    subscriptions::activate(context, &subscription, &invoice);
}

pub(crate) fn quote_canceled(context: &mut StoryContext<'_>) {
    let (quote, ..) = quote(context);
    context.wait(5 * DAY_S);
    let now = context.now();
    context.update("quote.canceled", &quote, |quote| {
        quote["status"] = json!("canceled");
        quote["status_transitions"]["canceled_at"] = json!(now);
    });
}

/// A quote as it is sent. Returns its id, the customer's, and the price.
fn quote(context: &mut StoryContext<'_>) -> (String, String, Value) {
    let customer = customers::create(context);
    let price = subscriptions::price(context, "Team", 2_000);
    let (quote, truth) = documents::quote(context, &customer, &price);
    let number = context.token(4).to_uppercase();
    context.create("quote.created", &quote, truth);
    context.wait(90);
    let now = context.now();
    context.update("quote.finalized", &quote, |quote| {
        quote["number"] = json!(format!("QT-{number}-0001-1"));
        quote["status"] = json!("open");
        quote["status_transitions"]["finalized_at"] = json!(now);
    });
    (quote, customer, price)
}

/// The draft of an invoice with nothing on it.
fn draft(context: &mut StoryContext<'_>, customer: &str) -> String {
    let (id, mut invoice) = billing::one_off_invoice(context, customer, 0);
    invoice["lines"]["data"] = json!([]);
    invoice["lines"]["total_count"] = json!(0);
    context.create("invoice.created", &id, invoice);
    id
}

/// A credit note over this much of an open invoice. Returns its id.
fn credit(context: &mut StoryContext<'_>, invoice: &str, amount: i64) -> String {
    let truth = context.get(invoice).clone();
    let (note, truth) = documents::credit_note(context, &truth, amount);
    context.put(&note, truth);
    context.change(invoice, |invoice| add_credit(invoice, amount));
    context.emit("credit_note.created", &note);
    context.emit("invoice.updated", invoice);
    note
}

fn add_credit(invoice: &mut Value, amount: i64) {
    for (field, sign) in [
        ("amount_due", -1),
        ("amount_remaining", -1),
        ("pre_payment_credit_notes_amount", 1),
    ] {
        let was = invoice[field].as_i64().unwrap_or_default();
        invoice[field] = json!(was + sign * amount);
    }
}
