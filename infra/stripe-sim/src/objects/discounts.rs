//! Coupons and discounts as Stripe makes them.

use serde_json::{Value, json};

use crate::story_context::StoryContext;

/// A coupon that takes this percentage off each invoice of a year.
pub(crate) fn coupon(context: &mut StoryContext<'_>, name: &str, percent: i64) -> (String, Value) {
    // An id that the merchant didn't choose.
    let id = context.token(8);
    let mut coupon = context.blank("coupon", &id);
    coupon["name"] = json!(name);
    coupon["percent_off"] = json!(percent);
    (id, coupon)
}

/// The discount of a subscription by a coupon.
pub(crate) fn discount(
    context: &mut StoryContext<'_>,
    subscription: &Value,
    coupon: &str,
) -> (String, Value) {
    let id = context.id("di");
    let mut discount = context.blank("discount", &id);
    discount["customer"] = subscription["customer"].clone();
    discount["subscription"] = subscription["id"].clone();
    redeem(&mut discount, coupon, context.now());
    (id, discount)
}

/// Makes the discount one by this coupon, from this second (Unix) on for a year.
pub(crate) fn redeem(discount: &mut Value, coupon: &str, now: i64) {
    discount["source"]["coupon"] = json!(coupon);
    discount["start"] = json!(now);
    discount["end"] = json!(now + 365 * 86_400);
}
