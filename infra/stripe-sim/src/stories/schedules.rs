//! Subscription schedules: one that runs to its end, one that releases its subscription, one that never begins, and one
//! that ends with its subscription.

use serde_json::json;

use super::{DAY_S, customers, invoices, subscriptions};
use crate::objects::billing::{self, MONTH_S};
use crate::objects::schedules;
use crate::story_context::StoryContext;

pub(crate) fn completed(context: &mut StoryContext<'_>) {
    let customer = customers::create(context);
    let prices = [("Starter", 1_000), ("Team", 2_000)]
        .map(|(name, amount)| subscriptions::price(context, name, amount));
    let start = context.now() + 7 * DAY_S;
    let phases = [(&prices[0], MONTH_S), (&prices[1], MONTH_S)];
    let (schedule, mut truth) = schedules::schedule(context, &customer, start, &phases);
    truth["end_behavior"] = json!("cancel");
    context.create("subscription_schedule.created", &schedule, truth);

    context.wait(start - context.now());
    context.stripe_acts();
    let (subscription, mut truth) = billing::subscription(context, &customer, &prices[0], 0);
    let (invoice, draft) = billing::invoice(context, &truth, "subscription_create");
    truth["latest_invoice"] = json!(invoice);
    truth["schedule"] = json!(schedule);
    truth["status"] = json!("active");
    context.put(&invoice, draft);
    context.create("customer.subscription.created", &subscription, truth);
    context.emit("invoice.created", &invoice);
    update(context, &schedule, |schedule| {
        schedules::enter(schedule, 0, &subscription);
    });
    context.breathe();
    invoices::finalize(context, &invoice);
    invoices::pay(context, &invoice);

    let end = subscriptions::period_end(context, &subscription);
    context.wait(end - context.now());
    subscriptions::update(context, &subscription, |subscription| {
        billing::set_price(subscription, &prices[1]);
    });
    let invoice = subscriptions::renew(context, &subscription);
    invoices::pay(context, &invoice);
    update(context, &schedule, |schedule| {
        schedules::enter(schedule, 1, &subscription);
    });

    let end = subscriptions::period_end(context, &subscription);
    context.wait(end - 7 * DAY_S - context.now());
    // Only time has passed; nothing else changes.
    context.emit("subscription_schedule.expiring", &schedule);
    context.wait(7 * DAY_S);
    finish(context, &schedule, "completed", "completed");
    subscriptions::end_now(context, &subscription, "cancellation_requested");
}

pub(crate) fn released(context: &mut StoryContext<'_>) {
    let (subscription, schedule) = attached(context);
    context.wait(3 * DAY_S);
    update(context, &schedule, |schedule| {
        schedule["metadata"] = json!({ "agreed": "by mail" });
    });
    context.wait(2 * DAY_S);
    finish(context, &schedule, "released", "released");
    subscriptions::update(context, &subscription, |subscription| {
        subscription["schedule"] = json!(null);
    });
}

pub(crate) fn canceled(context: &mut StoryContext<'_>) {
    let customer = customers::create(context);
    let price = subscriptions::price(context, "Team", 2_000);
    let start = context.now() + 20 * DAY_S;
    let (schedule, truth) = schedules::schedule(context, &customer, start, &[(&price, MONTH_S)]);
    context.create("subscription_schedule.created", &schedule, truth);
    context.wait(4 * DAY_S);
    finish(context, &schedule, "canceled", "canceled");
}

pub(crate) fn aborted(context: &mut StoryContext<'_>) {
    let (subscription, schedule) = attached(context);
    let end = subscriptions::period_end(context, &subscription);
    context.wait(end - context.now());
    let invoice = subscriptions::renew(context, &subscription);
    subscriptions::fail(context, &subscription, &invoice);
    context.wait(8 * DAY_S);
    subscriptions::end_now(context, &subscription, "payment_failed");
    // Canceled because the subscription isn't paid: that has an event type of its own, but no status of its own.
    finish(context, &schedule, "aborted", "canceled");
    invoices::void(context, &invoice);
}

/// A subscription that gets a schedule. Returns both ids.
fn attached(context: &mut StoryContext<'_>) -> (String, String) {
    let subscription = subscriptions::activated(context);
    context.wait(DAY_S);
    context.somebody_acts();
    let item = context.get(&subscription)["items"]["data"][0].clone();
    let customer = context.text(&subscription, "customer");
    let start = item["current_period_start"].as_i64().unwrap_or_default();
    let phases = [(&item["price"], 3 * MONTH_S)];
    let (schedule, mut truth) = schedules::schedule(context, &customer, start, &phases);
    schedules::enter(&mut truth, 0, &subscription);
    context.create("subscription_schedule.created", &schedule, truth);
    subscriptions::update(context, &subscription, |subscription| {
        subscription["schedule"] = json!(schedule);
    });
    (subscription, schedule)
}

fn finish(context: &mut StoryContext<'_>, schedule: &str, verb: &str, status: &str) {
    let now = context.now();
    let kind = format!("subscription_schedule.{verb}");
    context.update(&kind, schedule, |schedule| {
        schedules::end(schedule, status, now);
    });
}

fn update(
    context: &mut StoryContext<'_>,
    schedule: &str,
    change: impl FnOnce(&mut serde_json::Value),
) {
    context.update("subscription_schedule.updated", schedule, change);
}
