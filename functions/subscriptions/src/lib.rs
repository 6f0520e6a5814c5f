//! The subscriptions domain: what a customer has subscribed to, and the access that follows from it.
//!
//! | event types | object | what is kept | level |
//! |---|---|---|---|
//! | `customer.subscription.*` | subscription | status, customer, items, period end | `Access` |
//!
//! Access follows Stripe's status: `trialing`, `active` and `past_due` (Stripe is still trying to collect) have it. It
//! holds until the end of the paid period, which `until` says, so that a receiver needs no event to end it.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_kernel::consume::Event;
use sluice_kernel::domain::{Domain, Projected};
use sluice_kernel::effect::{Fact, Level};
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

/// Event types by prefix; the template's rule has the same.
const PREFIX: &str = "customer.subscription.";

/// States after which a subscription changes no more.
const TERMINAL: [&str; 2] = ["canceled", "incomplete_expired"];

/// States in which the customer has what is subscribed to.
const WITH_ACCESS: [&str; 3] = ["trialing", "active", "past_due"];

/// What is kept of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The subscription's own id: the key of its level.
    pub id: String,
    /// `cus_…`.
    pub customer: String,
    /// Stripe's status.
    pub status: String,
    /// What is subscribed to.
    pub items: Vec<Item>,
    /// The end of the paid period, in Unix seconds. Since API version 2025-03-31 each item has its own: the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_period_end: Option<i64>,
    /// It won't renew.
    #[serde(default)]
    pub cancel_at_period_end: bool,
}

/// One line of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// `price_…`, or the id of an older plan.
    pub price: String,
    /// `prod_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// How many; metered prices have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
}

/// The domain.
#[derive(Debug)]
pub struct Subscriptions;

impl Domain for Subscriptions {
    const NAME: &'static str = "subscriptions";
    type State = Subscription;

    fn handles(kind: &str) -> bool {
        kind.starts_with(PREFIX)
    }

    fn project(event: &Event) -> Result<Projected<Subscription>, Fault> {
        let fields = Fields::of(&event.object);
        let id = fields.text("id")?.to_owned();
        let status = fields.text("status")?.to_owned();
        let customer = fields
            .optional_id("customer")
            .ok_or_else(|| Fault::reject("object.field_missing", "no id at customer"))?;
        let of_items = fields
            .list("items")
            .filter_map(|item| item.optional_integer("current_period_end"))
            .max();
        Ok(Projected {
            object: id.clone(),
            owner: Some(customer.to_owned()),
            terminal: TERMINAL.contains(&&*status),
            state: Subscription {
                id,
                customer: customer.to_owned(),
                status,
                items: fields.list("items").map(item).collect::<Result<_, _>>()?,
                current_period_end: fields.optional_integer("current_period_end").or(of_items),
                cancel_at_period_end: fields.flag("cancel_at_period_end"),
            },
        })
    }

    fn facts(_event: &Event) -> Result<Vec<Fact>, Fault> {
        Ok(Vec::new())
    }

    fn levels(before: Option<&Subscription>, after: &Subscription) -> Vec<Level> {
        if before.map(access) == Some(access(after)) {
            return Vec::new();
        }
        let (products, until) = access(after);
        vec![Level {
            kind: "Access",
            key: after.id.clone(),
            data: json!({ "customer": after.customer, "products": products, "status": after.status }),
            until,
        }]
    }
}

fn item(item: Fields<'_>) -> Result<Item, Fault> {
    let price = item
        .optional_id("price")
        .or_else(|| item.optional_id("plan"))
        .ok_or_else(|| Fault::reject("object.field_missing", "no id at items/data/price"))?;
    let product = item
        .optional_id("price/product")
        .or_else(|| item.optional_id("plan/product"));
    Ok(Item {
        price: price.to_owned(),
        product: product.map(str::to_owned),
        quantity: item.optional_integer("quantity"),
    })
}

/// The products that the customer has, and until when; none without access.
fn access(subscription: &Subscription) -> (Vec<&str>, Option<i64>) {
    if !WITH_ACCESS.contains(&&*subscription.status) {
        return (Vec::new(), None);
    }
    let mut products: Vec<_> = subscription
        .items
        .iter()
        .filter_map(|item| item.product.as_deref())
        .collect();
    products.sort_unstable();
    products.dedup();
    (products, subscription.current_period_end)
}

#[cfg(test)]
mod tests;
