//! A discount that a subscription gets, that changes, and that ends.

use serde_json::{Value, json};

use super::{DAY_S, invoices, subscriptions};
use crate::objects::billing::MONTH_S;
use crate::objects::discounts;
use crate::story_context::StoryContext;

pub(crate) fn discounted(context: &mut StoryContext<'_>) {
    let subscription = subscriptions::activated(context);
    context.wait(4 * DAY_S);
    let coupon = create_coupon(context, "A quarter off", 25);
    context.wait(60);
    let truth = context.get(&subscription).clone();
    let (discount, truth) = discounts::discount(context, &truth, &coupon);
    context.put(&discount, truth);
    subscriptions::update(context, &subscription, |subscription| {
        subscription["discounts"] = json!([discount]);
        subscription["~percent_off"] = json!(25);
    });
    context.emit("customer.discount.created", &discount);

    context.wait(MONTH_S - 4 * DAY_S - 60);
    let invoice = subscriptions::renew(context, &subscription);
    invoices::pay(context, &invoice);

    // The merchant gives a better coupon. The subscription names its discount as before.
    context.wait(3 * DAY_S);
    context.somebody_acts();
    let better = create_coupon(context, "Half off", 50);
    context.wait(60);
    let now = context.now();
    context.update("customer.discount.updated", &discount, |discount| {
        discounts::redeem(discount, &better, now);
    });

    context.wait(10 * DAY_S);
    context.delete("customer.discount.deleted", &discount);
    subscriptions::update(context, &subscription, |subscription| {
        subscription["discounts"] = json!([]);
        subscription["~percent_off"] = Value::Null;
    });
}

fn create_coupon(context: &mut StoryContext<'_>, name: &str, percent: i64) -> String {
    let (id, coupon) = discounts::coupon(context, name, percent);
    context.create("coupon.created", &id, coupon);
    id
}
