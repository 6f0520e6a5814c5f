//! Documents related to invoices: items, credit notes, quotes.

use serde_json::{Value, json};

use super::{DAY_S, customers, invoices, subscriptions};
use crate::objects::{billing, documents};
use crate::story_context::Stage;

pub(crate) fn items(stage: &mut Stage<'_>) {
    let customer = customers::create(stage);
    let price = subscriptions::price(stage, "Setup", 9_000);
    let (mistaken, item) = documents::item(stage, &customer, &price, None);
    stage.create("invoiceitem.created", &mistaken, item);
    stage.wait(300);
    stage.delete("invoiceitem.deleted", &mistaken);

    // A draft that isn't needed, and one that gets its item by hand.
    let unneeded = draft(stage, &customer);
    stage.wait(30);
    stage.delete("invoice.deleted", &unneeded);
    stage.wait(60);
    let invoice = draft(stage, &customer);
    stage.wait(40);
    let (id, item) = documents::item(stage, &customer, &price, Some(&invoice));
    let line = documents::line_of(stage, &item);
    stage.create("invoiceitem.created", &id, item);
    stage.update("invoice.updated", &invoice, |invoice| {
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
    stage.wait(3_600);
    invoices::finalize(stage, &invoice);
    stage.wait(DAY_S);
    invoices::pay(stage, &invoice);
}

pub(crate) fn credit_note(stage: &mut Stage<'_>) {
    let invoice = invoices::sent(stage);
    stage.wait(2 * DAY_S);
    let amount = stage.get(&invoice)["amount_due"].as_i64();
    let note = credit(stage, &invoice, amount.unwrap_or_default());
    stage.breathe();
    invoices::close_credited(stage, &invoice);
    stage.wait(300);
    stage.update("credit_note.updated", &note, |note| {
        note["memo"] = json!("With our apologies");
    });
}

pub(crate) fn credit_note_voided(stage: &mut Stage<'_>) {
    let invoice = invoices::sent(stage);
    stage.wait(2 * DAY_S);
    let quarter = stage.get(&invoice)["amount_due"]
        .as_i64()
        .unwrap_or_default()
        / 4;
    let note = credit(stage, &invoice, quarter);
    stage.wait(3_600);
    let now = stage.now();
    stage.change(&invoice, |invoice| add_credit(invoice, -quarter));
    stage.update("credit_note.voided", &note, |note| {
        note["status"] = json!("void");
        note["voided_at"] = json!(now);
    });
    stage.emit("invoice.updated", &invoice);
    stage.wait(31 * DAY_S);
    invoices::give_up(stage, &invoice);
}

pub(crate) fn quote_accepted(stage: &mut Stage<'_>) {
    let (quote, customer, price) = quote(stage);
    stage.wait(2 * DAY_S);
    let (subscription, invoice) = subscriptions::subscribe(stage, &customer, &price, 0);
    let now = stage.now();
    stage.update("quote.accepted", &quote, |quote| {
        quote["invoice"] = json!(invoice);
        quote["status"] = json!("accepted");
        quote["status_transitions"]["accepted_at"] = json!(now);
        quote["subscription"] = json!(subscription);
    });
    stage.breathe();
    subscriptions::activate(stage, &subscription, &invoice);
}

pub(crate) fn quote_canceled(stage: &mut Stage<'_>) {
    let (quote, ..) = quote(stage);
    stage.wait(5 * DAY_S);
    let now = stage.now();
    stage.update("quote.canceled", &quote, |quote| {
        quote["status"] = json!("canceled");
        quote["status_transitions"]["canceled_at"] = json!(now);
    });
}

/// A quote as it is sent. Returns its id, the customer's, and the price.
fn quote(stage: &mut Stage<'_>) -> (String, String, Value) {
    let customer = customers::create(stage);
    let price = subscriptions::price(stage, "Team", 2_000);
    let (quote, truth) = documents::quote(stage, &customer, &price);
    let number = stage.token(4).to_uppercase();
    stage.create("quote.created", &quote, truth);
    stage.wait(90);
    let now = stage.now();
    stage.update("quote.finalized", &quote, |quote| {
        quote["number"] = json!(format!("QT-{number}-0001-1"));
        quote["status"] = json!("open");
        quote["status_transitions"]["finalized_at"] = json!(now);
    });
    (quote, customer, price)
}

/// The draft of an invoice with nothing on it.
fn draft(stage: &mut Stage<'_>, customer: &str) -> String {
    let (id, mut invoice) = billing::one_off_invoice(stage, customer, 0);
    invoice["lines"]["data"] = json!([]);
    invoice["lines"]["total_count"] = json!(0);
    stage.create("invoice.created", &id, invoice);
    id
}

/// A credit note over this much of an open invoice. Returns its id.
fn credit(stage: &mut Stage<'_>, invoice: &str, amount: i64) -> String {
    let truth = stage.get(invoice).clone();
    let (note, truth) = documents::credit_note(stage, &truth, amount);
    stage.put(&note, truth);
    stage.change(invoice, |invoice| add_credit(invoice, amount));
    stage.emit("credit_note.created", &note);
    stage.emit("invoice.updated", invoice);
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
