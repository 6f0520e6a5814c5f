//! Older shapes of billing objects.

use serde_json::{Value, json};

use super::Lens;
use crate::templates::plan_of;

/// Before basil, a subscription had one period for all of its items.
pub(crate) fn period_on_subscription(subscription: &mut Value, _: &Lens<'_>) {
    let mut first_start = Value::Null;
    let mut first_end = Value::Null;
    for item in items(&mut subscription["items"]) {
        if let Value::Object(item) = item {
            let start = item.remove("current_period_start");
            let end = item.remove("current_period_end");
            if first_end.is_null() {
                first_start = start.unwrap_or_default();
                first_end = end.unwrap_or_default();
            }
        }
    }
    subscription["current_period_start"] = first_start;
    subscription["current_period_end"] = first_end;
}

/// Before basil, an invoice had one payment, and named it.
pub(crate) fn payment_on_invoice(invoice: &mut Value, _: &Lens<'_>) {
    invoice["payment_intent"] = invoice["~payment_intent"].clone();
    invoice["charge"] = invoice["~charge"].clone();
    invoice["paid"] = json!(invoice["status"] == "paid");
    invoice["paid_out_of_band"] = json!(false);
    invoice["application_fee_amount"] = Value::Null;
    invoice["transfer_data"] = Value::Null;
}

/// Before basil, an invoice and its lines named their origin at their top level.
pub(crate) fn parent_inlined(invoice: &mut Value, _: &Lens<'_>) {
    let parent = invoice["parent"].take();
    let details = &parent["subscription_details"];
    invoice["subscription"] = details["subscription"].clone();
    invoice["subscription_details"] = json!({ "metadata": details["metadata"] });
    invoice["quote"] = Value::Null;
    remove(invoice, "parent");
    for line in items(&mut invoice["lines"]) {
        let parent = line["parent"].take();
        let details = &parent["subscription_item_details"];
        let of_subscription = details.is_object();
        line["type"] = json!(if of_subscription {
            "subscription"
        } else {
            "invoiceitem"
        });
        line["subscription"] = details["subscription"].clone();
        line["subscription_item"] = details["subscription_item"].clone();
        line["invoice_item"] = parent["invoice_item_details"]["invoice_item"].clone();
        line["proration"] = json!(details["proration"] == true);
        line["proration_details"] = json!({ "credited_items": null });
        remove(line, "parent");
    }
}

/// Before basil, a line carried its whole price, and the equivalent plan.
pub(crate) fn price_on_lines(invoice: &mut Value, lens: &Lens<'_>) {
    for line in items(&mut invoice["lines"]) {
        let pricing = line["pricing"].take();
        let price = pricing["price_details"]["price"]
            .as_str()
            .and_then(|id| lens.object(id));
        let recurring = price
            .as_ref()
            .is_some_and(|price| price["recurring"].is_object());
        line["plan"] = price.as_ref().filter(|_| recurring).map(plan_of).into();
        line["price"] = price.into();
        line["unit_amount_excluding_tax"] = pricing["unit_amount_decimal"].clone();
        remove(line, "pricing");
    }
}

/// Before basil, taxes were amounts. No story has any.
pub(crate) fn tax_amounts(invoice: &mut Value, _: &Lens<'_>) {
    remove(invoice, "total_taxes");
    invoice["tax"] = Value::Null;
    invoice["total_tax_amounts"] = json!([]);
    for line in items(&mut invoice["lines"]) {
        remove(line, "taxes");
        line["tax_amounts"] = json!([]);
        line["tax_rates"] = json!([]);
    }
}

/// Before 2024-04-10, a product's marketing features were its features.
pub(crate) fn features(product: &mut Value, _: &Lens<'_>) {
    product["features"] = product["marketing_features"].take();
    remove(product, "marketing_features");
}

/// Before 2022-08-01, a customer's currency had a second name.
pub(crate) fn default_currency(customer: &mut Value, _: &Lens<'_>) {
    customer["default_currency"] = customer["currency"].clone();
}

pub(super) fn remove(object: &mut Value, key: &str) {
    if let Value::Object(map) = object {
        map.remove(key);
    }
}

pub(super) fn items(list: &mut Value) -> impl Iterator<Item = &mut Value> {
    list["data"].as_array_mut().into_iter().flatten()
}
