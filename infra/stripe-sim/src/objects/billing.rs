//! Billing objects as Stripe makes them.

use serde_json::{Value, json};

use crate::story_context::StoryContext;
use crate::templates::plan_of;

/// A month of the simulation, in seconds.
pub(crate) const MONTH_S: i64 = 31 * 86_400;

/// A customer.
pub(crate) fn customer(context: &mut StoryContext<'_>) -> (String, Value) {
    let id = context.id("cus");
    let prefix = context.token(8).to_uppercase();
    let mut customer = context.blank("customer", &id);
    customer["invoice_prefix"] = json!(prefix);
    (id, customer)
}

/// A product and its monthly price.
pub(crate) fn catalog(
    context: &mut StoryContext<'_>,
    name: &str,
    amount: i64,
) -> [(String, Value); 2] {
    let product_id = context.id("prod");
    let mut product = context.blank("product", &product_id);
    product["name"] = json!(name);
    product["marketing_features"] = json!([{ "name": "Unlimited projects" }]);
    product["updated"] = json!(context.now());
    let price_id = context.id("price");
    let mut price = context.blank("price", &price_id);
    price["product"] = json!(product_id);
    price["nickname"] = json!(name);
    price["unit_amount"] = json!(amount);
    price["unit_amount_decimal"] = json!(amount.to_string());
    [(product_id, product), (price_id, price)]
}

/// A subscription to one price.
pub(crate) fn subscription(
    context: &mut StoryContext<'_>,
    customer: &str,
    price: &Value,
    trial_days: i64,
) -> (String, Value) {
    let id = context.id("sub");
    let item_id = context.id("si");
    let workspace = context.token(6);
    let now = context.now();
    let trial_end = (trial_days > 0).then_some(now + trial_days * 86_400);
    let mut item = context.blank("subscription_item", &item_id);
    item["subscription"] = json!(id);
    item["price"] = price.clone();
    item["plan"] = plan_of(price);
    item["current_period_start"] = json!(now);
    item["current_period_end"] = json!(trial_end.unwrap_or(now + MONTH_S));
    let mut subscription = context.blank("subscription", &id);
    subscription["customer"] = json!(customer);
    subscription["status"] = json!(if trial_days > 0 {
        "trialing"
    } else {
        "incomplete"
    });
    subscription["billing_cycle_anchor"] = json!(trial_end.unwrap_or(now));
    subscription["start_date"] = json!(now);
    subscription["trial_start"] = json!(trial_end.map(|_| now));
    subscription["trial_end"] = json!(trial_end);
    subscription["metadata"] = json!({ "workspace": format!("ws-{workspace}") });
    subscription["items"] = json!({
        "object": "list",
        "data": [item],
        "has_more": false,
        "total_count": 1,
        "url": format!("/v1/subscription_items?subscription={id}"),
    });
    subscription["plan"] = plan_of(price);
    subscription["quantity"] = json!(1);
    (id, subscription)
}

/// What a customer is entitled to: at first nothing. It has no id.
pub(crate) fn entitlement_summary(context: &StoryContext<'_>, customer: &str) -> Value {
    let mut summary = context.blank("entitlement_summary", "");
    summary["customer"] = json!(customer);
    summary["entitlements"]["url"] = json!(format!("/v1/customer/{customer}/entitlements"));
    summary
}

/// The entitlement of a customer to a feature.
pub(crate) fn entitlement(context: &mut StoryContext<'_>, lookup_key: &str) -> Value {
    let id = context.id("ent");
    let feature = context.id("feat");
    json!({
        "id": id,
        "object": "entitlements.active_entitlement",
        "feature": feature,
        "livemode": context.scope().livemode,
        "lookup_key": lookup_key,
    })
}

/// Adds an item with this price to a subscription, for a period that begins now. Returns the item's place.
pub(crate) fn add_item(
    context: &mut StoryContext<'_>,
    subscription: &mut Value,
    price: &Value,
    end: i64,
) -> usize {
    let mut item = subscription["items"]["data"][0].clone();
    item["id"] = json!(context.id("si"));
    item["created"] = json!(context.now());
    item["price"] = price.clone();
    item["plan"] = plan_of(price);
    item["current_period_start"] = json!(context.now());
    item["current_period_end"] = json!(end);
    let items = subscription["items"]["data"].as_array_mut();
    let place = items.map_or(0, |items| {
        items.push(item);
        items.len() - 1
    });
    subscription["items"]["total_count"] = json!(place + 1);
    // With several items there is no single plan and quantity.
    subscription["plan"] = Value::Null;
    subscription["quantity"] = Value::Null;
    place
}

/// Makes a price a yearly one.
pub(crate) fn yearly(price: &mut Value) {
    price["recurring"]["interval"] = json!("year");
}

/// Sets the quantity of a subscription's one item.
pub(crate) fn set_quantity(subscription: &mut Value, quantity: i64) {
    subscription["quantity"] = json!(quantity);
    subscription["items"]["data"][0]["quantity"] = json!(quantity);
}

/// Sets the price of a subscription's one item.
pub(crate) fn set_price(subscription: &mut Value, price: &Value) {
    subscription["plan"] = plan_of(price);
    let item = &mut subscription["items"]["data"][0];
    item["plan"] = plan_of(price);
    item["price"] = price.clone();
}

/// Moves the period of a subscription's one item.
pub(crate) fn set_period(subscription: &mut Value, start: i64, end: i64) {
    set_period_of(subscription, 0, start, end);
}

/// Moves the period of the item at this place.
pub(crate) fn set_period_of(subscription: &mut Value, place: usize, start: i64, end: i64) {
    let item = &mut subscription["items"]["data"][place];
    item["current_period_start"] = json!(start);
    item["current_period_end"] = json!(end);
}

/// The draft of a subscription's invoice. In a trial nothing is due.
pub(crate) fn invoice(
    context: &mut StoryContext<'_>,
    subscription: &Value,
    reason: &str,
) -> (String, Value) {
    let item = subscription["items"]["data"][0].clone();
    invoice_of(context, subscription, &item, reason)
}

/// The same for this item of the subscription.
pub(crate) fn invoice_of(
    context: &mut StoryContext<'_>,
    subscription: &Value,
    item: &Value,
    reason: &str,
) -> (String, Value) {
    let id = context.id("in");
    let line_id = context.id("il");
    let free = subscription["status"] == "trialing";
    let quantity = item["quantity"].as_i64().unwrap_or(1);
    let unit = item["price"]["unit_amount"].as_i64().unwrap_or_default();
    let amount = if free { 0 } else { unit * quantity };
    let mut line = context.blank("line_item", &line_id);
    line["invoice"] = json!(id);
    line["description"] = json!(described(quantity, &item["price"]));
    line["quantity"] = json!(quantity);
    line["metadata"] = subscription["metadata"].clone();
    line["period"] = json!({
        "start": item["current_period_start"], "end": item["current_period_end"],
    });
    line["subscription"] = subscription["id"].clone();
    let details = &mut line["parent"]["subscription_item_details"];
    details["subscription"] = subscription["id"].clone();
    details["subscription_item"] = item["id"].clone();
    line["pricing"] = json!({
        "price_details": { "price": item["price"]["id"], "product": item["price"]["product"] },
        "type": "price_details",
        "unit_amount_decimal": item["price"]["unit_amount_decimal"],
    });
    let percent_off = subscription["~percent_off"].as_i64().unwrap_or_default();
    let off = amount * percent_off / 100;
    let discounted = json!([{ "amount": off, "discount": subscription["discounts"][0] }]);
    if percent_off > 0 {
        line["discount_amounts"] = discounted.clone();
    }
    let customer = subscription["customer"].as_str().unwrap_or_default();
    let mut invoice = draft(context, &id, customer, amount, line);
    if percent_off > 0 {
        for field in [
            "amount_due",
            "amount_remaining",
            "total",
            "total_excluding_tax",
        ] {
            invoice[field] = json!(amount - off);
        }
        invoice["discounts"] = subscription["discounts"].clone();
        invoice["total_discount_amounts"] = discounted;
    }
    invoice["billing_reason"] = json!(reason);
    invoice["parent"] = json!({
        "quote_details": null,
        "subscription_details": {
            "metadata": subscription["metadata"], "subscription": subscription["id"],
        },
        "type": "subscription_details",
    });
    (id, invoice)
}

/// The preview of an invoice that a subscription is going to have: it begins the period in which it is made.
pub(crate) fn upcoming_invoice(
    context: &mut StoryContext<'_>,
    subscription: &Value,
) -> (String, Value) {
    let (id, mut invoice) = invoice(context, subscription, "upcoming");
    let id = format!("upcoming_{id}");
    let start = subscription["items"]["data"][0]["current_period_start"].clone();
    for field in ["created", "period_end"] {
        invoice[field] = start.clone();
    }
    invoice["id"] = json!(id);
    invoice["automatically_finalizes_at"] = Value::Null;
    invoice["next_payment_attempt"] = json!(start.as_i64().unwrap_or_default() + 3_600);
    invoice["lines"]["data"][0]["invoice"] = json!(id);
    let subscription = subscription["id"].as_str().unwrap_or_default();
    let url = format!("/v1/invoices/upcoming/lines?subscription={subscription}");
    invoice["lines"]["url"] = json!(url);
    (id, invoice)
}

/// A meter of usage.
pub(crate) fn meter(context: &mut StoryContext<'_>) -> (String, Value) {
    let id = context.id("mtr");
    let mut meter = context.blank("meter", &id);
    meter["updated"] = meter["created"].clone();
    (id, meter)
}

/// The text of an invoice's line for this quantity of a recurring price: `1 × Team (at $20.00 / month)`.
fn described(quantity: i64, price: &Value) -> String {
    let name = price["nickname"].as_str().unwrap_or_default();
    let cents = price["unit_amount"].as_i64().unwrap_or_default();
    let interval = price["recurring"]["interval"].as_str().unwrap_or_default();
    let (whole, part) = (cents / 100, cents % 100);
    format!("{quantity} × {name} (at ${whole}.{part:02} / {interval})")
}

/// The draft of an invoice that is sent to the customer and due in 30 days.
pub(crate) fn one_off_invoice(
    context: &mut StoryContext<'_>,
    customer: &str,
    amount: i64,
) -> (String, Value) {
    let id = context.id("in");
    let line_id = context.id("il");
    let item_id = context.id("ii");
    let mut line = context.blank("line_item", &line_id);
    line["invoice"] = json!(id);
    line["description"] = json!("Consulting");
    line["period"] = json!({ "start": context.now(), "end": context.now() });
    line["parent"] = json!({
        "invoice_item_details": {
            "invoice_item": item_id, "proration": false,
            "proration_details": { "credited_items": null }, "subscription": null,
        },
        "subscription_item_details": null,
        "type": "invoice_item_details",
    });
    line["pricing"] = Value::Null;
    let mut invoice = draft(context, &id, customer, amount, line);
    invoice["billing_reason"] = json!("manual");
    invoice["collection_method"] = json!("send_invoice");
    invoice["due_date"] = json!(context.now() + 30 * 86_400);
    (id, invoice)
}

fn draft(
    context: &StoryContext<'_>,
    id: &str,
    customer: &str,
    amount: i64,
    mut line: Value,
) -> Value {
    line["amount"] = json!(amount);
    let mut invoice = context.blank("invoice", id);
    invoice["customer"] = json!(customer);
    for field in [
        "amount_due",
        "amount_remaining",
        "subtotal",
        "subtotal_excluding_tax",
        "total",
        "total_excluding_tax",
    ] {
        invoice[field] = json!(amount);
    }
    invoice["automatically_finalizes_at"] = json!(context.now() + 3_600);
    invoice["next_payment_attempt"] = json!(context.now() + 3_600);
    invoice["period_start"] = json!(context.now());
    invoice["period_end"] = json!(context.now());
    invoice["lines"] = json!({
        "object": "list",
        "data": [line],
        "has_more": false,
        "total_count": 1,
        "url": format!("/v1/invoices/{id}/lines"),
    });
    invoice["~payment_intent"] = Value::Null;
    invoice["~charge"] = Value::Null;
    invoice
}
