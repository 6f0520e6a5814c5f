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
//! `read` reads each object; [`access`] computes what a subscription gives, and [`customer`] the sum over all of a
//! customer's objects: the answer to "may this customer use X, and until when?". Stripe gives a summary of entitlements
//! no id; it is kept under `entitlements:<customer>`. A discount of an API version before 2020-08-27 has none either;
//! it is kept under `discount:<subscription or customer>`. Nothing personal is kept: no name, no address, no tax
//! number.

pub mod access;
pub mod code;
pub mod customer;
mod read;
mod state;

pub use state::{
    Customer, Discount, Entitlements, FEATURES_KEY, Item, Kept, LatestInvoice, PausedCollection,
    Schedule, Settings, Subscription,
};

use serde_json::{Value, json};
use sluice_kernel::domain::{Domain, Ends, Lacks, Projected};
use sluice_kernel::effects::effect::{Fact, Level};
use sluice_kernel::event::Event;
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;
use state::summary_key;

/// Stripe's name for a customer's summary of entitlements.
const ENTITLEMENTS: &str = "entitlements.active_entitlement_summary";

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

    /// States after which an object of this kind no longer changes. A subscription that is `unpaid` or `paused` can
    /// come back; one that is canceled can't: a customer who returns gets another. A schedule that is released never
    /// affects its subscription again.
    const TERMINAL: &'static [Ends] = &[
        ("subscription", &["canceled", "incomplete_expired"]),
        (
            "subscription_schedule",
            &["completed", "released", "canceled"],
        ),
    ];

    /// As listed in infra/docs/first-deploy.md.
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

    /// A "deleted" subscription is canceled and can still be read; any other deleted object can't.
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
                    code::SUBSCRIPTIONS_UNKNOWN_OBJECT,
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

    /// The notice that Stripe gives three days before a trial ends. It says nothing about later changes: a receiver
    /// checks the level `Access` first. A thin event's subscription is fetched, and may no longer be in that trial.
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
            // A trial that is extended ends a second time.
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

    /// An announced trial's end, of a subscription that is no longer in that trial.
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

    /// Events show the first ten items or entitlements, and only the id of the latest invoice.
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
        // A discount without an id of its own makes room for the next one.
        "discount" => read::discount_key(fields)?,
        _ => (fields.text("id")?.to_owned(), true),
    };
    let key = match object {
        // Requested by its customer's id, which is the customer's own key.
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

#[cfg(test)]
mod tests;
