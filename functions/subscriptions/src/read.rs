//! How each of Stripe's objects is read, in every API version: what is kept of it, field by field.

use serde_json::Value;
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

use crate::code;
use crate::state::{
    Discount, Entitlements, FEATURES_KEY, Item, LatestInvoice, Schedule, Subscription,
};

pub(crate) fn customer(fields: Fields<'_>) -> Result<String, Fault> {
    fields
        .optional_id("customer")
        .map(str::to_owned)
        .ok_or_else(|| Fault::reject(code::OBJECT_FIELD_MISSING, "no id at customer"))
}

/// Whether what the subscription gives depends on its latest invoice.
pub(crate) fn invoice_decides(fields: Fields<'_>) -> bool {
    matches!(fields.optional_text("status"), Some("past_due" | "unpaid"))
        || fields.get("pause_collection").is_some()
}

/// The latest invoice, if the API has expanded it in place of its id.
fn latest_invoice(fields: Fields<'_>) -> Option<LatestInvoice> {
    let invoice = Fields::of(fields.get("latest_invoice")?);
    Some(LatestInvoice {
        reason: invoice.optional_text("billing_reason")?.to_owned(),
        created: invoice.optional_integer("created")?,
        paid: invoice.optional_text("status") == Some("paid"),
    })
}

pub(crate) fn subscription(fields: Fields<'_>, seen: i64) -> Result<Subscription, Fault> {
    let invoice_decides = invoice_decides(fields);
    let invoice = latest_invoice(fields).filter(|_| invoice_decides);
    let is_seen = invoice_decides && invoice.is_none();
    let items = fields.list("items").map(|one| item(fields, one));
    Ok(Subscription {
        id: fields.text("id")?.to_owned(),
        customer: customer(fields)?,
        status: fields.text("status")?.to_owned(),
        items: items.collect::<Result<_, _>>()?,
        partial: fields.flag("items/has_more"),
        cancel_at_period_end: fields.flag("cancel_at_period_end"),
        cancel_at: fields.optional_integer("cancel_at"),
        days_until_due: fields.optional_integer("days_until_due"),
        trial_end: fields.optional_integer("trial_end"),
        collection_paused: fields
            .optional_text("pause_collection/behavior")
            .map(str::to_owned),
        invoice,
        seen: is_seen.then_some(seen),
    })
}

fn item(subscription: Fields<'_>, item: Fields<'_>) -> Result<Item, Fault> {
    let period = |path: &str| {
        item.optional_integer(path)
            .or_else(|| subscription.optional_integer(path))
    };
    let price = item
        .optional_id("price")
        .or_else(|| item.optional_id("plan"))
        .ok_or_else(|| Fault::reject(code::OBJECT_FIELD_MISSING, "no id at items/data/price"))?;
    let product = item
        .optional_id("price/product")
        .or_else(|| item.optional_id("plan/product"));
    let metadata = item
        .get("price/metadata")
        .or_else(|| item.get("plan/metadata"));
    let features = metadata
        .and_then(|metadata| metadata.get(FEATURES_KEY))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let features = features
        .split(',')
        .map(str::trim)
        .filter(|feature| !feature.is_empty());
    Ok(Item {
        price: price.to_owned(),
        product: product.map(str::to_owned),
        quantity: item.optional_integer("quantity"),
        start: period("current_period_start"),
        end: period("current_period_end"),
        features: features.map(str::to_owned).collect(),
    })
}

pub(crate) fn entitlements(fields: Fields<'_>) -> Result<Entitlements, Fault> {
    let features = fields
        .list("entitlements")
        .map(|one| one.text("lookup_key"));
    let mut features = features
        .map(|feature| feature.map(str::to_owned))
        .collect::<Result<Vec<_>, _>>()?;
    features.sort_unstable();
    features.dedup();
    Ok(Entitlements {
        customer: customer(fields)?,
        features,
        partial: fields.flag("entitlements/has_more"),
    })
}

/// The key that a discount is kept under, and whether that is its own id. Before API version 2020-08-27 it had none; a
/// customer had one discount at a time, and so had a subscription.
pub(crate) fn discount_key(fields: Fields<'_>) -> Result<(String, bool), Fault> {
    if let Some(id) = fields.optional_text("id") {
        return Ok((id.to_owned(), true));
    }
    let of = fields.optional_id("subscription");
    let of = of.or_else(|| fields.optional_id("customer"));
    let of = of.ok_or_else(|| {
        Fault::reject(
            code::OBJECT_FIELD_MISSING,
            "no id at id, subscription or customer",
        )
    })?;
    Ok((format!("discount:{of}"), false))
}

pub(crate) fn discount(fields: Fields<'_>) -> Result<Discount, Fault> {
    let id = |path: &str| fields.optional_id(path).map(str::to_owned);
    Ok(Discount {
        id: discount_key(fields)?.0,
        // Since API version 2025-09-30 a discount has a source, of which a coupon is one.
        coupon: id("coupon").or_else(|| id("source/coupon")),
        customer: id("customer"),
        subscription: id("subscription"),
        end: fields.optional_integer("end"),
    })
}

pub(crate) fn schedule(fields: Fields<'_>) -> Result<Schedule, Fault> {
    let id = |path: &str| fields.optional_id(path).map(str::to_owned);
    Ok(Schedule {
        id: fields.text("id")?.to_owned(),
        status: fields.text("status")?.to_owned(),
        customer: id("customer"),
        subscription: id("subscription").or_else(|| id("released_subscription")),
    })
}
