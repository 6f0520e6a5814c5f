//! Subscription schedules: one that runs to its end, one that releases its subscription, one that never begins, and one
//! that ends with its subscription.

use serde_json::json;

use super::{DAY_S, customers, invoices, subscriptions};
use crate::objects::billing::{self, MONTH_S};
use crate::objects::schedules;
use crate::story_context::Stage;

pub(crate) fn completed(stage: &mut Stage<'_>) {
    let customer = customers::create(stage);
    let prices = [("Starter", 1_000), ("Team", 2_000)]
        .map(|(name, amount)| subscriptions::price(stage, name, amount));
    let start = stage.now() + 7 * DAY_S;
    let phases = [(&prices[0], MONTH_S), (&prices[1], MONTH_S)];
    let (schedule, mut truth) = schedules::schedule(stage, &customer, start, &phases);
    truth["end_behavior"] = json!("cancel");
    stage.create("subscription_schedule.created", &schedule, truth);

    stage.wait(start - stage.now());
    stage.stripe_acts();
    let (subscription, mut truth) = billing::subscription(stage, &customer, &prices[0], 0);
    let (invoice, draft) = billing::invoice(stage, &truth, "subscription_create");
    truth["latest_invoice"] = json!(invoice);
    truth["schedule"] = json!(schedule);
    truth["status"] = json!("active");
    stage.put(&invoice, draft);
    stage.create("customer.subscription.created", &subscription, truth);
    stage.emit("invoice.created", &invoice);
    update(stage, &schedule, |schedule| {
        schedules::enter(schedule, 0, &subscription);
    });
    stage.breathe();
    invoices::finalize(stage, &invoice);
    invoices::pay(stage, &invoice);

    let end = subscriptions::period_end(stage, &subscription);
    stage.wait(end - stage.now());
    subscriptions::update(stage, &subscription, |subscription| {
        billing::set_price(subscription, &prices[1]);
    });
    let invoice = subscriptions::renew(stage, &subscription);
    invoices::pay(stage, &invoice);
    update(stage, &schedule, |schedule| {
        schedules::enter(schedule, 1, &subscription);
    });

    let end = subscriptions::period_end(stage, &subscription);
    stage.wait(end - 7 * DAY_S - stage.now());
    // Only time has passed; nothing else changes.
    stage.emit("subscription_schedule.expiring", &schedule);
    stage.wait(7 * DAY_S);
    finish(stage, &schedule, "completed", "completed");
    subscriptions::end_now(stage, &subscription, "cancellation_requested");
}

pub(crate) fn released(stage: &mut Stage<'_>) {
    let (subscription, schedule) = attached(stage);
    stage.wait(3 * DAY_S);
    update(stage, &schedule, |schedule| {
        schedule["metadata"] = json!({ "agreed": "by mail" });
    });
    stage.wait(2 * DAY_S);
    finish(stage, &schedule, "released", "released");
    subscriptions::update(stage, &subscription, |subscription| {
        subscription["schedule"] = json!(null);
    });
}

pub(crate) fn canceled(stage: &mut Stage<'_>) {
    let customer = customers::create(stage);
    let price = subscriptions::price(stage, "Team", 2_000);
    let start = stage.now() + 20 * DAY_S;
    let (schedule, truth) = schedules::schedule(stage, &customer, start, &[(&price, MONTH_S)]);
    stage.create("subscription_schedule.created", &schedule, truth);
    stage.wait(4 * DAY_S);
    finish(stage, &schedule, "canceled", "canceled");
}

pub(crate) fn aborted(stage: &mut Stage<'_>) {
    let (subscription, schedule) = attached(stage);
    let end = subscriptions::period_end(stage, &subscription);
    stage.wait(end - stage.now());
    let invoice = subscriptions::renew(stage, &subscription);
    subscriptions::fail(stage, &subscription, &invoice);
    stage.wait(8 * DAY_S);
    subscriptions::end_now(stage, &subscription, "payment_failed");
    // Canceled because the subscription isn't paid: that has an event type of its own, but no status of its own.
    finish(stage, &schedule, "aborted", "canceled");
    invoices::void(stage, &invoice);
}

/// A subscription that gets a schedule. Returns both ids.
fn attached(stage: &mut Stage<'_>) -> (String, String) {
    let subscription = subscriptions::activated(stage);
    stage.wait(DAY_S);
    stage.somebody_acts();
    let item = stage.get(&subscription)["items"]["data"][0].clone();
    let customer = stage.text(&subscription, "customer");
    let start = item["current_period_start"].as_i64().unwrap_or_default();
    let phases = [(&item["price"], 3 * MONTH_S)];
    let (schedule, mut truth) = schedules::schedule(stage, &customer, start, &phases);
    schedules::enter(&mut truth, 0, &subscription);
    stage.create("subscription_schedule.created", &schedule, truth);
    subscriptions::update(stage, &subscription, |subscription| {
        subscription["schedule"] = json!(schedule);
    });
    (subscription, schedule)
}

fn finish(stage: &mut Stage<'_>, schedule: &str, verb: &str, status: &str) {
    let now = stage.now();
    let kind = format!("subscription_schedule.{verb}");
    stage.update(&kind, schedule, |schedule| {
        schedules::end(schedule, status, now);
    });
}

fn update(stage: &mut Stage<'_>, schedule: &str, change: impl FnOnce(&mut serde_json::Value)) {
    stage.update("subscription_schedule.updated", schedule, change);
}
