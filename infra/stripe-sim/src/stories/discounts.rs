//! A discount that a subscription gets, that changes, and that ends.

use serde_json::{Value, json};

use super::{DAY_S, invoices, subscriptions};
use crate::objects::billing::MONTH_S;
use crate::objects::discounts;
use crate::story_context::Stage;

pub(crate) fn discounted(stage: &mut Stage<'_>) {
    let subscription = subscriptions::activated(stage);
    stage.wait(4 * DAY_S);
    let coupon = create_coupon(stage, "A quarter off", 25);
    stage.wait(60);
    let truth = stage.get(&subscription).clone();
    let (discount, truth) = discounts::discount(stage, &truth, &coupon);
    stage.put(&discount, truth);
    subscriptions::update(stage, &subscription, |subscription| {
        subscription["discounts"] = json!([discount]);
        subscription["~percent_off"] = json!(25);
    });
    stage.emit("customer.discount.created", &discount);

    stage.wait(MONTH_S - 4 * DAY_S - 60);
    let invoice = subscriptions::renew(stage, &subscription);
    invoices::pay(stage, &invoice);

    // The merchant gives a better coupon. The subscription names its discount as before.
    stage.wait(3 * DAY_S);
    stage.somebody_acts();
    let better = create_coupon(stage, "Half off", 50);
    stage.wait(60);
    let now = stage.now();
    stage.update("customer.discount.updated", &discount, |discount| {
        discounts::redeem(discount, &better, now);
    });

    stage.wait(10 * DAY_S);
    stage.delete("customer.discount.deleted", &discount);
    subscriptions::update(stage, &subscription, |subscription| {
        subscription["discounts"] = json!([]);
        subscription["~percent_off"] = Value::Null;
    });
}

fn create_coupon(stage: &mut Stage<'_>, name: &str, percent: i64) -> String {
    let (id, coupon) = discounts::coupon(stage, name, percent);
    stage.create("coupon.created", &id, coupon);
    id
}
