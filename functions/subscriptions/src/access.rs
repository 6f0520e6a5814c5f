//! What a subscription gives its customer, and until when.
//!
//! Each item gives its product, and the features that its price lists, by its own period: a monthly add-on of a yearly
//! plan ends with its month. An item with quantity 0 gives nothing; a metered one has no quantity.
//!
//! | status | an item gives access until |
//! |---|---|
//! | `trialing`, `active` | the end of its period plus [`RENEWAL_LEEWAY_S`]; exactly that end if the subscription won't renew |
//! | the same, collection paused | the same, or depending on a parameter ([`PausedCollection`]) the end of the period that was paid for |
//! | `past_due`, and the item's period isn't paid for | the grace ([`Settings::grace_days`]) after its payment was due, at most the end of its period |
//! | `past_due` or `unpaid`, and the item's period is paid for | the end of its period |
//! | any other, including `unpaid` without a key | no access |
//!
//! and never after `cancel_at`. `until` needs nothing else: a receiver needs no event to end an access, and no clock is
//! read here. Stripe moves a subscription's period before it collects for it, so a payment is due when the period
//! begins, or `days_until_due` after that if an invoice is sent.
//!
//! # Which period isn't paid for
//!
//! `past_due` says that the latest invoice isn't paid, but not what it was for. If that invoice is known (with an API
//! key the subscription is fetched with it), an item's period isn't paid for if the period began with the invoice: a
//! renewal. An upgrade that is declined in mid-period began no period, so it never ends access that was paid for. If it
//! was declined within the grace of the period's start, the renewal behind it may be unpaid too: then the end is
//! assumed, and the level says so (`assumed`).
//!
//! Known costs, even with a key:
//!
//! - Stripe applies an upgrade although its payment is declined, unless the request said to wait
//!   (`pending_if_incomplete`): the larger plan is given to the end of the period that the smaller one was paid for.
//! - An upgrade that starts the period over (another interval, a new billing anchor) began a period that isn't paid
//!   for: access ends with the grace, even if more of the old period was paid for.
//! - A subscription that stays past due over the next period's start gets that period's grace again: the grace never
//!   ends a weekly plan within two weeks of retries, but Stripe does.
//!
//! Without a key some ends are assumed, and the level says so:
//!
//! - A subscription that is seen past due later than its period's start, grace and days until due counts as paid for
//!   the period: a renewal that failed would have ended by then. Before that it counts as a renewal. This has two
//!   costs. An upgrade that is declined within the grace ends a paid access with the grace. A subscription that stays
//!   past due for longer than the grace (Stripe can be set to leave it so) gets the rest of its period when it changes
//!   otherwise.
//! - with [`PausedCollection::EndsAccess`], a subscription that is seen paused within an hour of its period's start
//!   hasn't paid for it; later it has. This has two costs: a subscription that is paused within an hour of a payment
//!   loses the period, and a change in the middle of an unpaid period gives the rest of it.
//!
//! # Where it is stored
//!
//! [`Given`] is stored next to the state, under `derived`, computed with the settings at the time of the write; so
//! readers in any language repeat no arithmetic. A change of the settings reaches an object with its next event, or by
//! `sluice rebuild`.
//!
//! A summary of entitlements gives features, as Stripe sums them up over all of a customer's subscriptions. It has no
//! end of its own. `Access` is emitted per subscription (and per summary), because a projection belongs to one object;
//! a customer's access is their sum: [`crate::customer`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_kernel::effects::effect::Level;

use crate::state::{
    Item, Kept, LatestInvoice, PausedCollection, Settings, Subscription, summary_key,
};

/// How long a renewal may take to arrive here before access ends, in seconds. Stripe finalizes a renewal's invoice about
/// an hour after the period began.
pub const RENEWAL_LEEWAY_S: i64 = 6 * 3_600;

const DAY_S: i64 = 86_400;

/// How long after a period's start its renewal's invoice may be made, in seconds.
const RENEWAL_INVOICE_S: i64 = DAY_S;

/// How long after a period's start another invoice may be made that began it, in seconds: an upgrade that starts the period
/// over does so at once.
const OTHER_INVOICE_S: i64 = 60;

/// How long after a period's start an event counts as the one that began it, in seconds.
const ROLLOVER_S: i64 = 3_600;

/// Billing reasons of invoices that begin a period.
const RENEWALS: [&str; 3] = ["subscription_create", "subscription_cycle", "subscription"];

/// What one object gives: nothing if both lists are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// By product and end, sorted. A product occurs once for each end: the access at a moment is the sum of those that
    /// haven't ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<Product>,
    /// By name, sorted, each with its latest end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
    /// An end is assumed, see [`crate::access`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
}

/// A product that may be used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Product {
    /// `prod_…`.
    pub product: String,
    /// The quantity; `None` for a metered price.
    pub quantity: Option<i64>,
    /// Until this second (Unix), not included; `None` if no end is known.
    pub until: Option<i64>,
}

/// A feature that may be used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Feature {
    /// Its name: a lookup key of Stripe's entitlements, or what a price lists.
    pub feature: String,
    /// Until this second (Unix), not included; `None` if no end is known.
    pub until: Option<i64>,
}

/// An item's end, and whether it is assumed.
#[derive(Debug, Clone, Copy)]
struct Served {
    until: Option<i64>,
    assumed: bool,
}

/// What an object gives under these settings; `None` for one that never gives anything (a customer, a discount).
pub fn given(kept: &Kept, settings: &Settings) -> Option<Given> {
    match kept {
        Kept::Subscription(one) => Some(by_subscription(one, settings)),
        Kept::Entitlements(summary) => {
            let feature = |name: &String| Feature {
                feature: name.clone(),
                until: None,
            };
            Some(Given {
                features: summary.features.iter().map(feature).collect(),
                ..Given::default()
            })
        }
        _ => None,
    }
}

fn by_subscription(subscription: &Subscription, settings: &Settings) -> Given {
    // In this order an unknown end is the latest.
    let key = |until: Option<i64>| (until.is_none(), until);
    let mut products: BTreeMap<_, Option<i64>> = BTreeMap::new();
    let mut features = BTreeMap::new();
    let mut assumed = false;
    for item in &subscription.items {
        let Some(served) = served(subscription, item, settings) else {
            continue;
        };
        assumed |= served.assumed;
        let until = key(served.until);
        if let Some(product) = &item.product {
            let there = products.entry((product.clone(), until)).or_default();
            *there = match (*there, item.quantity) {
                (Some(one), Some(other)) => Some(one.saturating_add(other)),
                (one, other) => one.or(other),
            };
        }
        for feature in &item.features {
            let there = features.entry(feature.clone()).or_insert(until);
            *there = until.max(*there);
        }
    }
    let product = |((product, (_, until)), quantity)| Product {
        product,
        quantity,
        until,
    };
    let feature = |(feature, (_, until))| Feature { feature, until };
    Given {
        products: products.into_iter().map(product).collect(),
        features: features.into_iter().map(feature).collect(),
        assumed,
    }
}

/// Whether an item gives access, and until when.
fn served(subscription: &Subscription, item: &Item, settings: &Settings) -> Option<Served> {
    if item.quantity == Some(0) {
        return None;
    }
    let (until, assumed) = match &*subscription.status {
        "trialing" | "active" => while_collected(subscription, item, settings)?,
        "past_due" => while_past_due(subscription, item, settings),
        "unpaid" => {
            let invoice = subscription.invoice.as_ref()?;
            (item.end, paid_before(invoice, item, settings)?)
        }
        _ => return None,
    };
    Some(Served {
        until: earlier(until, subscription.cancel_at),
        assumed,
    })
}

fn while_collected(
    subscription: &Subscription,
    item: &Item,
    settings: &Settings,
) -> Option<(Option<i64>, bool)> {
    if subscription.collection_paused.is_some()
        && settings.paused_collection == PausedCollection::EndsAccess
    {
        let (is_paid_for, assumed) = match (&subscription.invoice, subscription.seen, item.start) {
            (Some(invoice), ..) => (invoice.paid || !begins(invoice, item), false),
            (None, Some(seen), Some(start)) => (seen >= start + ROLLOVER_S, true),
            (None, ..) => (true, true),
        };
        return is_paid_for.then_some((item.end, assumed));
    }
    let until = match subscription.cancel_at_period_end {
        true => item.end,
        false => item.end.map(|end| end + RENEWAL_LEEWAY_S),
    };
    Some((until, false))
}

fn while_past_due(
    subscription: &Subscription,
    item: &Item,
    settings: &Settings,
) -> (Option<i64>, bool) {
    let Some(start) = item.start else {
        return (item.end, true);
    };
    let days = subscription.days_until_due.unwrap_or_default() + i64::from(settings.grace_days);
    let grace_ends = start.saturating_add(days.saturating_mul(DAY_S));
    let (is_paid_for, assumed) = match (&subscription.invoice, subscription.seen) {
        (Some(invoice), _) => match paid_before(invoice, item, settings) {
            Some(assumed) => (true, assumed),
            None => (false, false),
        },
        (None, Some(seen)) => (seen > grace_ends, seen > grace_ends),
        (None, None) => (false, false),
    };
    match is_paid_for {
        true => (item.end, assumed),
        false => (earlier(Some(grace_ends), item.end), assumed),
    }
}

/// Whether the item's period was paid for before this unpaid invoice: `None` if it wasn't, else whether that is
/// assumed. Within the grace the period's own invoice may be unpaid too; later the subscription would have ended.
fn paid_before(invoice: &LatestInvoice, item: &Item, settings: &Settings) -> Option<bool> {
    if begins(invoice, item) {
        return None;
    }
    let grace_s = i64::from(settings.grace_days) * DAY_S;
    let is_late = item
        .start
        .is_some_and(|start| invoice.created > start.saturating_add(grace_s));
    Some(!is_late)
}

/// Whether the item's period began with this invoice.
fn begins(invoice: &LatestInvoice, item: &Item) -> bool {
    let within_s = match RENEWALS.contains(&&*invoice.reason) {
        true => RENEWAL_INVOICE_S,
        false => OTHER_INVOICE_S,
    };
    item.start
        .is_none_or(|start| start + within_s >= invoice.created)
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    [one, other].into_iter().flatten().min()
}

/// What a level says about an object: its customer, its status, what it gives.
#[derive(Debug, PartialEq, Eq)]
struct Access<'a> {
    key: String,
    customer: &'a str,
    status: &'a str,
    partial: bool,
    collection_paused: Option<&'a str>,
    given: Given,
}

fn access<'a>(kept: &'a Kept, settings: &Settings) -> Option<Access<'a>> {
    let given = given(kept, settings)?;
    match kept {
        Kept::Subscription(one) => Some(Access {
            key: one.id.clone(),
            customer: &one.customer,
            status: &one.status,
            partial: one.partial,
            collection_paused: one.collection_paused.as_deref(),
            given,
        }),
        Kept::Entitlements(summary) => Some(Access {
            key: summary_key(&summary.customer),
            customer: &summary.customer,
            status: "entitled",
            partial: summary.partial,
            collection_paused: None,
            given,
        }),
        _ => None,
    }
}

/// `Access`, if it has changed. A new object's is always emitted, even if it gives nothing.
pub(crate) fn levels(before: Option<&Kept>, after: &Kept, settings: &Settings) -> Vec<Level> {
    let was = before.and_then(|before| access(before, settings));
    let is = match (access(after, settings), &was) {
        (Some(is), _) => is,
        // The object is deleted: its customer loses what it gave.
        (None, Some(was)) => Access {
            key: was.key.clone(),
            customer: was.customer,
            status: "gone",
            partial: false,
            collection_paused: None,
            given: Given::default(),
        },
        (None, None) => return Vec::new(),
    };
    if was.as_ref() == Some(&is) {
        return Vec::new();
    }
    vec![Level {
        kind: "Access",
        until: last_end(&is.given),
        data: json!({
            "customer": is.customer,
            "products": is.given.products,
            "features": is.given.features,
            "status": is.status,
            "partial": is.partial,
            "assumed": is.given.assumed,
            "collection_paused": is.collection_paused,
        }),
        key: is.key,
    }]
}

/// When the last of it ends; `None` if nothing is given, or if something has no known end.
fn last_end(given: &Given) -> Option<i64> {
    let products = given.products.iter().map(|one| one.until);
    let features = given.features.iter().map(|one| one.until);
    let ends: Option<Vec<i64>> = products.chain(features).collect();
    ends?.into_iter().max()
}
