//! What a customer may use, and until when.
//!
//! A subscription gives its products, and the features that its prices list, for as long as Stripe's status says that
//! it is served:
//!
//! | status | gives access until |
//! |---|---|
//! | `trialing`, `active` | the end of the period plus [`RENEWAL_LEEWAY_S`]; its announced end, where it won't renew |
//! | `past_due` | [`PAST_DUE_GRACE_S`] after the payment was due, at most to the end of the period |
//! | any other | no access |
//!
//! `until` holds by itself: whoever keeps it needs no event to end an access, and no clock is read here. Stripe moves a
//! subscription's period before it collects for it, so a payment is due when the period begins, or `days_until_due`
//! after that where an invoice is sent. A payment that fails in mid-period (an upgrade that is billed at once) has no
//! grace of its own: from the day on which the grace for the whole period ends, there is none.
//!
//! A summary of entitlements gives features, as Stripe sums them up over all of a customer's subscriptions. It has no
//! end of its own.
//!
//! # One level for each object, one sum for each customer
//!
//! `Access` is told by subscription (and by summary), because a projection is one object's. A customer's access is
//! their sum: [`of_customer`] (or [`of_stored`]) over what one query on the table's index `by_owner` finds, or the same sum
//! over levels.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use sluice_kernel::effect::Level;
use sluice_kernel::fault::Fault;
use sluice_kernel::projection::Stored;

use crate::{Kept, Subscription};

/// How long a renewal may take to arrive here before access ends, in seconds. Stripe finalizes a renewal's invoice about
/// an hour after the period began.
pub const RENEWAL_LEEWAY_S: i64 = 6 * 3_600;

/// How long a customer keeps access while Stripe tries to collect, in seconds after the payment was due.
pub const PAST_DUE_GRACE_S: i64 = 7 * DAY_S;

const DAY_S: i64 = 86_400;

/// What one object gives: nothing where both lists are empty.
#[derive(Debug, Default, PartialEq, Eq)]
struct Given<'a> {
    /// The level's key: what the object is kept under.
    key: String,
    customer: &'a str,
    status: &'a str,
    products: Vec<&'a str>,
    features: Vec<&'a str>,
    until: Option<i64>,
    partial: bool,
}

/// The products of a subscription, sorted, whatever its status.
pub(crate) fn products(subscription: &Subscription) -> Vec<&str> {
    let items = subscription.items.iter();
    sorted(items.filter_map(|item| item.product.as_deref()))
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether it is served, and until when; `Some(None)` where no end is known.
fn served(subscription: &Subscription) -> Option<Option<i64>> {
    let end = subscription.current_period_end;
    let until = match &*subscription.status {
        "trialing" | "active" if subscription.cancel_at_period_end => end,
        "trialing" | "active" => end.map(|end| end + RENEWAL_LEEWAY_S),
        "past_due" => {
            let days = subscription.days_until_due.unwrap_or_default();
            let start = subscription.current_period_start;
            let grace = start.map(|start| start + days * DAY_S + PAST_DUE_GRACE_S);
            earlier(grace, end)
        }
        _ => return None,
    };
    Some(earlier(until, subscription.cancel_at))
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    [one, other].into_iter().flatten().min()
}

fn given(kept: &Kept) -> Option<Given<'_>> {
    match kept {
        Kept::Subscription(one) | Kept::Untagged(one) => {
            let mut given = Given {
                key: one.id.clone(),
                customer: &one.customer,
                status: &one.status,
                partial: one.partial,
                ..Given::default()
            };
            if let Some(until) = served(one) {
                let features = one.items.iter().flat_map(|item| &item.features);
                given.products = products(one);
                given.features = sorted(features.map(String::as_str));
                given.until = until;
            }
            Some(given)
        }
        Kept::Entitlements(summary) => Some(Given {
            key: crate::summary_key(&summary.customer),
            customer: &summary.customer,
            status: "entitled",
            features: summary.features.iter().map(String::as_str).collect(),
            partial: summary.partial,
            ..Given::default()
        }),
        _ => None,
    }
}

/// `Access`, where it isn't what it was. A new object's is always told, also where it gives nothing.
pub(crate) fn levels(before: Option<&Kept>, after: &Kept) -> Vec<Level> {
    let was = before.and_then(given);
    let is = match (given(after), &was) {
        (Some(is), _) => is,
        // It is gone: what it gave is taken back from the customer who had it.
        (None, Some(was)) => Given {
            key: was.key.clone(),
            customer: was.customer,
            status: "gone",
            ..Given::default()
        },
        (None, None) => return Vec::new(),
    };
    if was.as_ref() == Some(&is) {
        return Vec::new();
    }
    vec![Level {
        kind: "Access",
        key: is.key,
        until: is.until,
        data: json!({
            "customer": is.customer,
            "products": is.products,
            "features": is.features,
            "status": is.status,
            "partial": is.partial,
        }),
    }]
}

/// Until when something may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// To this second (Unix), not included.
    Second(i64),
    /// No end is known.
    Open,
}

/// What a customer may use now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerAccess {
    /// By product id, and by feature name: until when.
    pub uses: BTreeMap<String, Until>,
    /// Some object had more items than its event showed: what isn't in `uses` may be allowed after all.
    pub partial: bool,
}

impl CustomerAccess {
    /// Until when the customer may use this product (`prod_…`) or feature; `None` for not at all.
    pub fn until(&self, product_or_feature: &str) -> Option<Until> {
        self.uses.get(product_or_feature).copied()
    }
}

/// May this customer use X, and until when? Over all that is the customer's: the states that one query on the index
/// `by_owner` finds, in any order. `now` is in Unix seconds.
///
/// - Something that two subscriptions give may be used until the later end.
/// - A feature of Stripe's entitlements ends with the last of the subscriptions: Stripe's list knows no grace period.
///   Where none of them is known here, Stripe's list stands by itself.
/// - A customer who is deleted has nothing.
pub fn of_customer<'a>(kept: impl IntoIterator<Item = &'a Kept>, now: i64) -> CustomerAccess {
    let mut access = CustomerAccess::default();
    let mut entitled = Vec::new();
    let (mut subscriptions, mut last) = (0, None);
    for one in kept {
        if matches!(one, Kept::Gone { was, .. } if was == "customer") {
            return CustomerAccess::default();
        }
        let Some(given) = given(one) else { continue };
        access.partial |= given.partial;
        if matches!(one, Kept::Entitlements(_)) {
            entitled.extend(given.features);
            continue;
        }
        subscriptions += 1;
        if given.products.is_empty() && given.features.is_empty() {
            continue;
        }
        let until = given.until.map_or(Until::Open, Until::Second);
        if until <= Until::Second(now) {
            continue;
        }
        last = last.max(Some(until));
        for name in given.products.into_iter().chain(given.features) {
            allow(&mut access, name, until);
        }
    }
    let until = if subscriptions == 0 {
        Some(Until::Open)
    } else {
        last
    };
    if let Some(until) = until {
        for feature in entitled {
            allow(&mut access, feature, until);
        }
    }
    access
}

/// The same over the items as they are stored: what a query of the index `by_owner` answers. Items of earlier versions
/// are read too.
///
/// # Errors
/// `Retry` with `projection.unreadable`: a newer version may have written it.
pub fn of_stored<'a>(
    items: impl IntoIterator<Item = &'a Stored>,
    now: i64,
) -> Result<CustomerAccess, Fault> {
    let read = |stored: &Stored| {
        serde_json::from_str::<StateOnly>(&stored.document)
            .map_err(|_| Fault::retry("projection.unreadable", "an item has no readable state"))
    };
    let items = items.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(of_customer(items.iter().map(|item| &item.state), now))
}

/// What is read of an item: the rest of it is the consumer's.
#[derive(Deserialize)]
struct StateOnly {
    state: Kept,
}

fn allow(access: &mut CustomerAccess, name: &str, until: Until) {
    let there = access.uses.entry(name.to_owned()).or_insert(until);
    *there = until.max(*there);
}
