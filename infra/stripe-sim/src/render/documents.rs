//! Older shapes of invoice items and credit notes.

use serde_json::{Value, json};

use super::Lens;
use super::billing::{items, remove};

/// Before basil, an invoice item named its subscription itself. No story has such an item.
pub(crate) fn item_parent_inlined(item: &mut Value, _: &Lens<'_>) {
    let details = item["parent"]["subscription_details"].take();
    item["subscription"] = details["subscription"].clone();
    if !details["subscription_item"].is_null() {
        item["subscription_item"] = details["subscription_item"].clone();
    }
    remove(item, "parent");
}

/// Before basil, an invoice item carried its whole price.
pub(crate) fn price_on_item(item: &mut Value, lens: &Lens<'_>) {
    let pricing = item["pricing"].take();
    let price = pricing["price_details"]["price"].as_str();
    let price = price.and_then(|id| lens.object(id)).unwrap_or_default();
    item["plan"] = Value::Null;
    item["unit_amount"] = price["unit_amount"].clone();
    item["unit_amount_decimal"] = pricing["unit_amount_decimal"].clone();
    item["price"] = price;
    remove(item, "pricing");
}

/// Before basil, the taxes of a credit note were amounts. No story has any.
pub(crate) fn tax_amounts_of_note(note: &mut Value, _: &Lens<'_>) {
    remove(note, "total_taxes");
    note["tax_amounts"] = json!([]);
    for line in items(&mut note["lines"]) {
        remove(line, "taxes");
        line["tax_amounts"] = json!([]);
    }
}
