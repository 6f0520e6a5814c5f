//! May this customer use X, and until when? The sum over all of the customer's objects.

use std::collections::BTreeMap;

use serde::Deserialize;
use sluice_kernel::consumer::projection::Stored;
use sluice_kernel::fault::Fault;

use crate::access::{Given, given};
use crate::code;
use crate::state::{Kept, Settings};

/// The end of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// Until this second (Unix), not included.
    Second(i64),
    /// No end is known.
    Open,
}

/// The allowed use of one product or feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// The latest end.
    pub until: Until,
    /// The total quantity now; `None` for features and for metered prices.
    pub quantity: Option<i64>,
}

/// What a customer may use now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerAccess {
    /// By product id, and by feature name.
    pub uses: BTreeMap<String, Use>,
    /// Some object has more items than are known: a product that isn't in `uses` may still be allowed.
    pub partial: bool,
    /// Some end is assumed ([`crate::access`]).
    pub assumed: bool,
}

impl CustomerAccess {
    /// Until when the customer may use this product (`prod_…`) or feature; `None` if not at all.
    pub fn until(&self, product_or_feature: &str) -> Option<Until> {
        Some(self.uses.get(product_or_feature)?.until)
    }

    fn allow(&mut self, name: &str, until: Until, quantity: Option<i64>) {
        let there = self.uses.entry(name.to_owned()).or_insert(Use {
            until,
            quantity: None,
        });
        there.until = until.max(there.until);
        there.quantity = match (there.quantity, quantity) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
    }
}

/// The sum over these states under these settings, in any order. `now` is in Unix seconds.
///
/// - A product or feature that two subscriptions give may be used until the later end; quantities add up.
/// - A feature of Stripe's entitlements ends with the last of the subscriptions: Stripe's list knows no grace period.
///   If none of them is known here, Stripe's list alone counts.
/// - A customer who is deleted has nothing.
pub fn of_customer<'a>(
    kept: impl IntoIterator<Item = &'a Kept>,
    settings: &Settings,
    now: i64,
) -> CustomerAccess {
    let read = |kept: &'a Kept| (kept, given(kept, settings));
    sum(kept.into_iter().map(read), now)
}

/// The same sum over stored items, from what was derived when each was written: these are the results of a query of the
/// index `by_owner`.
///
/// # Errors
/// `Retry` with `projection.unreadable`: a newer version may have written it.
pub fn of_stored<'a>(
    items: impl IntoIterator<Item = &'a Stored>,
    now: i64,
) -> Result<CustomerAccess, Fault> {
    let read = |stored: &Stored| {
        serde_json::from_str::<Readable>(&stored.document)
            .map_err(|_| Fault::retry(code::PROJECTION_UNREADABLE, "an item has no readable state"))
    };
    let items = items.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let each = items.into_iter().map(|item| (item.state, item.derived));
    Ok(sum(each, now))
}

/// The part of an item that is read here; the rest is for the consumer.
#[derive(Deserialize)]
struct Readable {
    state: Kept,
    #[serde(default)]
    derived: Option<Given>,
}

fn sum<K: std::borrow::Borrow<Kept>>(
    all: impl Iterator<Item = (K, Option<Given>)>,
    now: i64,
) -> CustomerAccess {
    let mut access = CustomerAccess::default();
    let mut entitled = Vec::new();
    let (mut subscriptions, mut last) = (0, None);
    for (kept, given) in all {
        let given = given.unwrap_or_default();
        match kept.borrow() {
            Kept::Gone { was, .. } if was == "customer" => return CustomerAccess::default(),
            Kept::Subscription(subscription) => access.partial |= subscription.partial,
            Kept::Entitlements(summary) => {
                access.partial |= summary.partial;
                entitled.extend(given.features);
                continue;
            }
            _ => continue,
        }
        subscriptions += 1;
        access.assumed |= given.assumed;
        let products = given.products.iter();
        let products = products.map(|one| (&one.product, one.until, one.quantity));
        let features = given.features.iter();
        let features = features.map(|one| (&one.feature, one.until, None));
        for (name, until, quantity) in products.chain(features) {
            let until = until.map_or(Until::Open, Until::Second);
            if until > Until::Second(now) {
                last = last.max(Some(until));
                access.allow(name, until, quantity);
            }
        }
    }
    let until = match subscriptions {
        0 => Some(Until::Open),
        _ => last,
    };
    if let Some(until) = until {
        for feature in entitled {
            access.allow(&feature.feature, until, None);
        }
    }
    access
}
