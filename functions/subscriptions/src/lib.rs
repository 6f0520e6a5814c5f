//! The subscriptions domain: customers, what they have subscribed to, and what they may use.
//!
//! | event types | object | what is kept | effects |
//! |---|---|---|---|
//! | `customer.subscription.*` | subscription | status, customer, items, period, end | `Access`, `TrialEnding` |
//! | `entitlements.active_entitlement_summary.updated` | summary | customer, features | `Access` |
//! | `customer.created`, `.updated`, `.deleted` | customer | whether it is delinquent | |
//! | `customer.discount.*` | discount | coupon, customer, subscription, end | |
//! | `subscription_schedule.*` | schedule | status, customer, subscription | |
//!
//! How each object is read is in `read`; what a subscription gives is in [`access`], and in [`customer`] the sum over all of
//! a customer's: the answer to "may this customer use X, and until when?". A summary of entitlements has no id of Stripe's; it
//! is kept under `entitlements:<customer>`. A discount of an API version before 2020-08-27 has none either; it is kept
//! under `discount:<subscription or customer>`. Nothing personal is kept: no name, no address, no tax number.

pub mod access;
pub mod customer;
mod read;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_kernel::consume::Event;
use sluice_kernel::domain::{Domain, Ends, Lacks, Projected};
use sluice_kernel::effect::{Fact, Level};
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

/// Stripe's name for a customer's summary of entitlements.
const ENTITLEMENTS: &str = "entitlements.active_entitlement_summary";

/// The metadata key of a price that lists the features it gives, separated by commas. For products whose features
/// Stripe's entitlements don't know.
pub const FEATURES_KEY: &str = "features";

/// What is kept of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "object")]
pub enum Kept {
    /// A subscription.
    #[serde(rename = "subscription")]
    Subscription(Subscription),
    /// What a customer is entitled to, all subscriptions together, as Stripe sums it up.
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
    /// How long the customer has to pay an invoice that is sent; none where it is collected.
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
    /// When it was seen like this, in Unix seconds, where the latest invoice would decide and isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<i64>,
}

/// What a subscription's latest invoice says of what was paid for.
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
    /// What becomes of access while the collection of invoices is paused.
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

/// What becomes of access while the collection of invoices is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PausedCollection {
    /// The subscription is served as before: Stripe's own words for it are "offer your service for free".
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
    /// How many; metered prices have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// The beginning of its current period, in Unix seconds. Before API version 2025-03-31 that was the subscription's.
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
    /// There are more than these.
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
    /// `di_…`; of an API version before 2020-08-27, what it is kept under.
    pub id: String,
    /// The coupon's id.
    pub coupon: Option<String>,
    /// `cus_…`.
    pub customer: Option<String>,
    /// `sub_…`, where it is one subscription's.
    pub subscription: Option<String>,
    /// In Unix seconds; none for one that stays.
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
    /// `sub_…`, once it has begun; also the one that it was released from.
    pub subscription: Option<String>,
}

/// The domain.
#[derive(Debug)]
pub struct Subscriptions;

impl Domain for Subscriptions {
    const NAME: &'static str = "subscriptions";
    const PREFIXES: &'static [&'static str] = &[
        "customer.subscription.",
        "customer.discount.",
        "subscription_schedule.",
    ];

    const TYPES: &'static [&'static str] = &[
        "customer.created",
        "customer.updated",
        "customer.deleted",
        "entitlements.active_entitlement_summary.updated",
    ];

    /// States after which an object of this kind changes no more. A subscription that is `unpaid` or `paused` can come
    /// back; one that is canceled can't: a customer who returns gets another. A schedule that is released leaves its
    /// subscription to itself for good.
    const TERMINAL: &'static [Ends] = &[
        ("subscription", &["canceled", "incomplete_expired"]),
        (
            "subscription_schedule",
            &["completed", "released", "canceled"],
        ),
    ];

    /// As infra/docs/first-deploy.md has them.
    const NEEDED: &'static [&'static str] = &[
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.resumed",
        "customer.subscription.trial_will_end",
        "customer.created",
        "customer.updated",
        "customer.deleted",
        "entitlements.active_entitlement_summary.updated",
    ];

    const IMPORTS: &'static [&'static str] = &["customer", "subscription", "subscription_schedule"];

    type State = Kept;
    type Settings = Settings;

    /// A "deleted" subscription is canceled and stays to be read; any other object is gone.
    fn is_deleted(event: &Event) -> bool {
        let kinds = ["customer.deleted", "customer.discount.deleted"];
        kinds.contains(&&*event.kind) || Fields::of(&event.object).flag("deleted")
    }

    fn project(event: &Event) -> Result<Projected<Kept>, Fault> {
        let fields = Fields::of(&event.object);
        let object = fields.text("object")?;
        if Self::is_deleted(event) {
            return gone(object, fields);
        }
        let status = fields.optional_text("status").unwrap_or_default();
        let terminal = Self::is_terminal(object, status);
        let (key, state) = match object {
            "subscription" => {
                let kept = read::subscription(fields, event.created)?;
                (kept.id.clone(), Kept::Subscription(kept))
            }
            ENTITLEMENTS => {
                let kept = read::entitlements(fields)?;
                let key = summary_key(&kept.customer);
                (key, Kept::Entitlements(kept))
            }
            "customer" => {
                let id = fields.text("id")?.to_owned();
                let delinquent = fields.flag("delinquent");
                let kept = Customer {
                    id: id.clone(),
                    delinquent,
                };
                (id, Kept::Customer(kept))
            }
            "discount" => {
                let kept = read::discount(fields)?;
                (kept.id.clone(), Kept::Discount(kept))
            }
            "subscription_schedule" => {
                let kept = read::schedule(fields)?;
                (kept.id.clone(), Kept::Schedule(kept))
            }
            other => {
                return Err(Fault::reject(
                    "subscriptions.unknown_object",
                    format!(
                        "no use for a {}",
                        other.chars().take(64).collect::<String>()
                    ),
                ));
            }
        };
        Ok(Projected {
            object: key,
            terminal,
            state,
        })
    }

    /// The notice that Stripe gives three days before a trial ends. It says nothing of what came after: a receiver
    /// looks at the level `Access` first. A thin event's subscription is fetched, and may no longer be in that trial.
    fn facts(event: &Event) -> Result<Vec<Fact>, Fault> {
        let fields = Fields::of(&event.object);
        if event.kind != "customer.subscription.trial_will_end" || Self::is_deleted(event) {
            return Ok(Vec::new());
        }
        if fields.text("status")? != "trialing" {
            return Ok(Vec::new());
        }
        let trial_end = fields.integer("trial_end")?;
        let data = json!({
            "customer": read::customer(fields)?,
            "trial_end": trial_end,
        });
        Ok(vec![Fact {
            kind: "TrialEnding",
            object: fields.text("id")?.to_owned(),
            // A trial that is prolonged ends a second time.
            discriminator: Some(trial_end.to_string()),
            data,
        }])
    }

    fn levels(before: Option<&Kept>, after: &Kept, settings: &Settings) -> Vec<Level> {
        access::levels(before, after, settings)
    }

    fn derived(state: &Kept, settings: &Settings) -> Option<Value> {
        let given = access::given(state, settings)?;
        serde_json::to_value(given).ok()
    }

    /// A trial's end that is announced, of a subscription that isn't in that trial any more.
    fn overtaken(fact: &Fact, state: &Kept) -> Option<String> {
        match state {
            Kept::Subscription(one) => {
                let announced = fact.data["trial_end"].as_i64();
                let stands = one.status == "trialing" && one.trial_end == announced;
                (!stands).then(|| one.status.clone())
            }
            Kept::Gone { .. } => Some("gone".to_owned()),
            _ => None,
        }
    }

    fn is_whole(state: &Kept) -> bool {
        match state {
            Kept::Subscription(one) => !one.partial && one.seen.is_none(),
            Kept::Entitlements(summary) => !summary.partial,
            _ => true,
        }
    }

    fn owner(state: &Kept) -> Option<String> {
        match state {
            Kept::Subscription(one) => Some(one.customer.clone()),
            Kept::Entitlements(summary) => Some(summary.customer.clone()),
            Kept::Customer(customer) => Some(customer.id.clone()),
            Kept::Gone { was, id } if was == "customer" => Some(id.clone()),
            _ => None,
        }
    }

    fn is_notice(kind: &str) -> bool {
        kind == "customer.subscription.trial_will_end"
    }

    /// Events show the first ten items or entitlements, and of the latest invoice the id.
    fn lacks(event: &Event) -> Lacks {
        let fields = Fields::of(&event.object);
        let cut = fields.flag("items/has_more") || fields.flag("entitlements/has_more");
        let invoice_decides = read::invoice_decides(fields);
        let is_id = fields.optional_text("latest_invoice").is_some();
        match cut || (invoice_decides && is_id) {
            true => Lacks::State,
            false => Lacks::Nothing,
        }
    }
}

fn gone(object: &str, fields: Fields<'_>) -> Result<Projected<Kept>, Fault> {
    let (id, is_own) = match object {
        // Without an id of its own it leaves the place to the next one.
        "discount" => read::discount_key(fields)?,
        _ => (fields.text("id")?.to_owned(), true),
    };
    let key = match object {
        // Asked for by its customer's id, which is the customer's own key.
        ENTITLEMENTS => summary_key(&id),
        _ => id.clone(),
    };
    let state = Kept::Gone {
        was: object.to_owned(),
        id,
    };
    Ok(Projected {
        object: key,
        terminal: is_own,
        state,
    })
}

/// Where a customer's summary of entitlements is kept.
fn summary_key(customer: &str) -> String {
    format!("entitlements:{customer}")
}

#[cfg(test)]
mod tests;
