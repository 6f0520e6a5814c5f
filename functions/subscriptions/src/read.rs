//! How each object of Stripe's is read, in every API version: what is kept of it, field by field.

use serde_json::Value;
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

use crate::{Discount, Entitlements, FEATURES_KEY, Item, Schedule, Subscription};

pub(crate) fn customer(fields: Fields<'_>) -> Result<String, Fault> {
    fields
        .optional_id("customer")
        .map(str::to_owned)
        .ok_or_else(|| Fault::reject("object.field_missing", "no id at customer"))
}

pub(crate) fn subscription(fields: Fields<'_>) -> Result<Subscription, Fault> {
    let latest = |path: &str| {
        let of_items = fields
            .list("items")
            .filter_map(|item| item.optional_integer(path));
        fields.optional_integer(path).or(of_items.max())
    };
    Ok(Subscription {
        id: fields.text("id")?.to_owned(),
        customer: customer(fields)?,
        status: fields.text("status")?.to_owned(),
        items: fields.list("items").map(item).collect::<Result<_, _>>()?,
        partial: fields.flag("items/has_more"),
        current_period_start: latest("current_period_start"),
        current_period_end: latest("current_period_end"),
        cancel_at_period_end: fields.flag("cancel_at_period_end"),
        cancel_at: fields.optional_integer("cancel_at"),
        days_until_due: fields.optional_integer("days_until_due"),
    })
}

fn item(item: Fields<'_>) -> Result<Item, Fault> {
    let price = item
        .optional_id("price")
        .or_else(|| item.optional_id("plan"))
        .ok_or_else(|| Fault::reject("object.field_missing", "no id at items/data/price"))?;
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

pub(crate) fn discount(fields: Fields<'_>) -> Result<Discount, Fault> {
    let id = |path: &str| fields.optional_id(path).map(str::to_owned);
    Ok(Discount {
        id: fields.text("id")?.to_owned(),
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
