//! What is kept of each object, and the settings that decide access.

use serde::{Deserialize, Serialize};

/// The metadata key of a price that lists the features it gives, separated by commas. For products with features that
/// Stripe's entitlements don't list.
pub const FEATURES_KEY: &str = "features";

/// What is kept of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "object")]
pub enum Kept {
    /// A subscription.
    #[serde(rename = "subscription")]
    Subscription(Subscription),
    /// What a customer is entitled to, over all subscriptions, as Stripe sums it up.
    #[serde(rename = "entitlements.active_entitlement_summary")]
    Entitlements(Entitlements),
    /// A customer.
    #[serde(rename = "customer")]
    Customer(Customer),
    /// A discount that a customer or a subscription has.
    #[serde(rename = "discount")]
    Discount(Discount),
    /// A plan for a subscription's future.
    #[serde(rename = "subscription_schedule")]
    Schedule(Schedule),
    /// Something that Stripe no longer has.
    #[serde(rename = "gone")]
    Gone {
        /// What kind of object it was.
        was: String,
        /// Its id.
        id: String,
    },
}

/// What is kept of a subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The subscription's own id: the key of its level.
    pub id: String,
    /// `cus_…`.
    pub customer: String,
    /// Stripe's status.
    pub status: String,
    /// What is subscribed to.
    pub items: Vec<Item>,
    /// It has more items than these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// It won't renew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_at_period_end: bool,
    /// When it is going to end, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_at: Option<i64>,
    /// How long the customer has to pay an invoice that is sent; `None` if it is collected automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_until_due: Option<i64>,
    /// When its trial ends or ended, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial_end: Option<i64>,
    /// Its invoices aren't collected for now, and become this: `keep_as_draft`, `mark_uncollectible` or `void`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection_paused: Option<String>,
    /// Its latest invoice, while that decides what it gives (past due, collection paused). Only Stripe's API shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<LatestInvoice>,
    /// When this state was seen, in Unix seconds, if the latest invoice would decide and isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<i64>,
}

/// What a subscription's latest invoice says about what was paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestInvoice {
    /// Stripe's `billing_reason`: `subscription_cycle`, `subscription_update`, …
    pub reason: String,
    /// When it was made, in Unix seconds.
    pub created: i64,
    /// It is paid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paid: bool,
}

/// What the operator decides of access: parameters of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many days a customer keeps access while Stripe tries to collect, after the payment was due.
    pub grace_days: u16,
    /// What happens to access while the collection of invoices is paused.
    pub paused_collection: PausedCollection,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // As long as Stripe retries by its recommended setting: eight times within two weeks.
            // <https://docs.stripe.com/billing/revenue-recovery/smart-retries>
            grace_days: 14,
            paused_collection: PausedCollection::KeepsAccess,
        }
    }
}

/// What happens to access while the collection of invoices is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PausedCollection {
    /// The subscription is served as before: Stripe calls it "offer your service for free".
    KeepsAccess,
    /// Access ends with the period that was paid for.
    EndsAccess,
}

/// One line of a subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// `price_…`, or the id of an older plan.
    pub price: String,
    /// `prod_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The quantity; metered prices have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// The beginning of its current period, in Unix seconds. Before API version 2025-03-31 that was the subscription's
    /// period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<i64>,
    /// The end of its current period, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<i64>,
    /// What the price lists under [`FEATURES_KEY`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

/// What is kept of a summary of entitlements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlements {
    /// `cus_…`.
    pub customer: String,
    /// The features' lookup keys, sorted.
    pub features: Vec<String>,
    /// There are more features than these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// What is kept of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// `cus_…`.
    pub id: String,
    /// The latest invoice is overdue or its payment failed.
    #[serde(default)]
    pub delinquent: bool,
}

/// What is kept of a discount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discount {
    /// `di_…`; in API versions before 2020-08-27, the key that it is kept under.
    pub id: String,
    /// The coupon's id.
    pub coupon: Option<String>,
    /// `cus_…`.
    pub customer: Option<String>,
    /// `sub_…`, if it belongs to one subscription.
    pub subscription: Option<String>,
    /// In Unix seconds; `None` if it has no end.
    pub end: Option<i64>,
}

/// What is kept of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// `sub_sched_…`.
    pub id: String,
    /// Stripe's status.
    pub status: String,
    /// `cus_…`.
    pub customer: Option<String>,
    /// `sub_…`, once it has begun; or the one that it was released from.
    pub subscription: Option<String>,
}

/// The key of a customer's summary of entitlements.
pub(crate) fn summary_key(customer: &str) -> String {
    format!("entitlements:{customer}")
}
