//! Older shapes of discounts, and of the objects that have them.

use serde_json::{Value, json};

use super::Lens;
use super::billing::remove;

/// Before clover, a discount showed its whole coupon.
pub(crate) fn coupon_inside(discount: &mut Value, lens: &Lens<'_>) {
    let source = discount["source"].take();
    let coupon = source["coupon"].as_str().and_then(|id| lens.object(id));
    discount["coupon"] = coupon.into();
    remove(discount, "source");
}

/// Before basil, a subscription showed the whole last one of its discounts. It changes with the discount, without an
/// event of the subscription.
pub(crate) fn single_discount(subscription: &mut Value, lens: &Lens<'_>) {
    let discounts = subscription["discounts"].as_array();
    let last = discounts.and_then(|all| all.last()?.as_str());
    subscription["discount"] = last.and_then(|id| lens.object(id)).into();
}

/// Before basil, a schedule's phase had one coupon. No story has any.
pub(crate) fn single_coupon_of_phases(schedule: &mut Value, _: &Lens<'_>) {
    for phase in schedule["phases"].as_array_mut().into_iter().flatten() {
        phase["coupon"] = json!(null);
    }
}
