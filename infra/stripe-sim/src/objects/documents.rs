//! Objects related to an invoice: items that wait for one, credit notes, quotes.

use serde_json::{Value, json};

use crate::story_context::StoryContext;

/// An invoice item, waiting for an invoice, or on the draft of one.
pub(crate) fn item(
    context: &mut StoryContext<'_>,
    customer: &str,
    price: &Value,
    invoice: Option<&str>,
) -> (String, Value) {
    let id = context.id("ii");
    let mut item = context.blank("invoiceitem", &id);
    let amount = &price["unit_amount"];
    item["amount"] = amount.clone();
    item["net_amount"] = amount.clone();
    item["customer"] = json!(customer);
    item["date"] = json!(context.now());
    item["period"] = json!({ "end": context.now(), "start": context.now() });
    item["invoice"] = json!(invoice);
    item["pricing"] = json!({
        "price_details": { "price": price["id"], "product": price["product"] },
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    });
    (id, item)
}

/// The invoice's line for an item.
pub(crate) fn line_of(context: &mut StoryContext<'_>, item: &Value) -> Value {
    let id = context.id("il");
    let mut line = context.blank("line_item", &id);
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
pub(crate) fn credit_note(
    context: &mut StoryContext<'_>,
    invoice: &Value,
    amount: i64,
) -> (String, Value) {
    let id = context.id("cn");
    let line_id = context.id("cnli");
    let number = invoice["number"].as_str().unwrap_or_default();
    let mut line = context.blank("credit_note_line_item", &line_id);
    line["amount"] = json!(amount);
    line["invoice_line_item"] = invoice["lines"]["data"][0]["id"].clone();
    line["unit_amount"] = json!(amount);
    line["unit_amount_decimal"] = json!(amount.to_string());
    let mut note = context.blank("credit_note", &id);
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
    note["effective_at"] = json!(context.now());
    note["lines"] = json!({
        "object": "list", "data": [line], "has_more": false, "total_count": 1,
        "url": format!("/v1/credit_notes/{id}/lines"),
    });
    note["number"] = json!(format!("{number}-CN-01"));
    note["pdf"] = json!(format!("https://pay.stripe.com/credit_notes/{id}/pdf?s=ap"));
    (id, note)
}

/// The draft of a quote for a subscription to this price.
pub(crate) fn quote(
    context: &mut StoryContext<'_>,
    customer: &str,
    price: &Value,
) -> (String, Value) {
    let id = context.id("qt");
    let amount = &price["unit_amount"];
    let mut quote = context.blank("quote", &id);
    quote["customer"] = json!(customer);
    quote["expires_at"] = json!(context.now() + 30 * 86_400);
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
