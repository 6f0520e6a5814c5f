//! Objects related to an invoice: items that wait for one, credit notes, quotes.

use serde_json::{Value, json};

use crate::story_context::Stage;

/// An invoice item, waiting for an invoice, or on the draft of one.
pub(crate) fn item(
    stage: &mut Stage<'_>,
    customer: &str,
    price: &Value,
    invoice: Option<&str>,
) -> (String, Value) {
    let id = stage.id("ii");
    let mut item = stage.blank("invoiceitem", &id);
    let amount = &price["unit_amount"];
    item["amount"] = amount.clone();
    item["net_amount"] = amount.clone();
    item["customer"] = json!(customer);
    item["date"] = json!(stage.now());
    item["period"] = json!({ "end": stage.now(), "start": stage.now() });
    item["invoice"] = json!(invoice);
    item["pricing"] = json!({
        "price_details": { "price": price["id"], "product": price["product"] },
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    });
    (id, item)
}

/// The invoice's line for an item.
pub(crate) fn line_of(stage: &mut Stage<'_>, item: &Value) -> Value {
    let id = stage.id("il");
    let mut line = stage.blank("line_item", &id);
    for field in ["amount", "description", "invoice", "period", "pricing"] {
        line[field] = item[field].clone();
    }
    line["parent"] = json!({
        "invoice_item_details": {
            "invoice_item": item["id"], "proration": false,
            "proration_details": { "credited_items": null }, "subscription": null,
        },
        "subscription_item_details": null,
        "type": "invoice_item_details",
    });
    line
}

/// A credit note over part of an open invoice: it lowers the amount that remains to be paid.
pub(crate) fn credit_note(stage: &mut Stage<'_>, invoice: &Value, amount: i64) -> (String, Value) {
    let id = stage.id("cn");
    let line_id = stage.id("cnli");
    let number = invoice["number"].as_str().unwrap_or_default();
    let mut line = stage.blank("credit_note_line_item", &line_id);
    line["amount"] = json!(amount);
    line["invoice_line_item"] = invoice["lines"]["data"][0]["id"].clone();
    line["unit_amount"] = json!(amount);
    line["unit_amount_decimal"] = json!(amount.to_string());
    let mut note = stage.blank("credit_note", &id);
    for field in [
        "amount",
        "pre_payment_amount",
        "subtotal",
        "subtotal_excluding_tax",
        "total",
        "total_excluding_tax",
    ] {
        note[field] = json!(amount);
    }
    note["customer"] = invoice["customer"].clone();
    note["invoice"] = invoice["id"].clone();
    note["effective_at"] = json!(stage.now());
    note["lines"] = json!({
        "object": "list", "data": [line], "has_more": false, "total_count": 1,
        "url": format!("/v1/credit_notes/{id}/lines"),
    });
    note["number"] = json!(format!("{number}-CN-01"));
    note["pdf"] = json!(format!("https://pay.stripe.com/credit_notes/{id}/pdf?s=ap"));
    (id, note)
}

/// The draft of a quote for a subscription to this price.
pub(crate) fn quote(stage: &mut Stage<'_>, customer: &str, price: &Value) -> (String, Value) {
    let id = stage.id("qt");
    let amount = &price["unit_amount"];
    let mut quote = stage.blank("quote", &id);
    quote["customer"] = json!(customer);
    quote["expires_at"] = json!(stage.now() + 30 * 86_400);
    quote["amount_subtotal"] = amount.clone();
    quote["amount_total"] = amount.clone();
    for part in ["recurring", "upfront"] {
        quote["computed"][part]["amount_subtotal"] = amount.clone();
        quote["computed"][part]["amount_total"] = amount.clone();
    }
    quote["computed"]["upfront"]["line_items"]["url"] =
        json!(format!("/v1/quotes/{id}/computed_upfront_line_items"));
    (id, quote)
}
