//! Subscriptions on hold: paused for lack of a card, not collected for a while, waiting for the payment of a change.

use serde_json::{Value, json};

use super::{DAY_S, invoices, setups, subscriptions};
use crate::objects::billing::{self, MONTH_S};
use crate::story_context::Stage;

pub(crate) fn paused_and_resumed(stage: &mut Stage<'_>) {
    let subscription = subscriptions::trialing(stage);
    stage.wait(11 * DAY_S);
    stage.stripe_acts();
    stage.emit("customer.subscription.trial_will_end", &subscription);
    stage.wait(3 * DAY_S);
    // The trial ends without a card to charge.
    twice(stage, &subscription, "paused", |subscription| {
        subscription["status"] = json!("paused");
    });

    stage.wait(9 * DAY_S);
    stage.somebody_acts();
    let customer = stage.text(&subscription, "customer");
    let method = setups::attach_card(stage, &customer);
    let now = stage.now();
    let mut resumed = stage.get(&subscription).clone();
    billing::set_period(&mut resumed, now, now + MONTH_S);
    resumed["billing_cycle_anchor"] = json!(now);
    resumed["default_payment_method"] = json!(method);
    resumed["status"] = json!("active");
    let (invoice, draft) = billing::invoice(stage, &resumed, "subscription_update");
    resumed["latest_invoice"] = json!(invoice);
    stage.create("invoice.created", &invoice, draft);
    invoices::finalize(stage, &invoice);
    invoices::pay(stage, &invoice);
    twice(stage, &subscription, "resumed", |subscription| {
        *subscription = resumed;
    });
}

pub(crate) fn not_collected(stage: &mut Stage<'_>) {
    let subscription = subscriptions::activated(stage);
    stage.wait(2 * DAY_S);
    stage.somebody_acts();
    let resumes = stage.now() + 20 * DAY_S;
    subscriptions::update(stage, &subscription, |subscription| {
        subscription["pause_collection"] = json!({ "behavior": "void", "resumes_at": resumes });
    });
    stage.wait(20 * DAY_S);
    stage.stripe_acts();
    subscriptions::update(stage, &subscription, |subscription| {
        subscription["pause_collection"] = Value::Null;
    });
}

pub(crate) fn pending_update_applied(stage: &mut Stage<'_>) {
    let (subscription, invoice, price) = pending(stage);
    stage.wait(2 * 3_600);
    stage.somebody_acts();
    invoices::pay(stage, &invoice);
    twice(stage, &subscription, "pending_update_applied", |it| {
        billing::set_price(it, &price);
        it["latest_invoice"] = json!(invoice);
        it["pending_update"] = Value::Null;
    });
}

pub(crate) fn pending_update_expired(stage: &mut Stage<'_>) {
    let (subscription, invoice, _) = pending(stage);
    stage.wait(23 * 3_600);
    stage.stripe_acts();
    twice(stage, &subscription, "pending_update_expired", |it| {
        it["pending_update"] = Value::Null;
    });
    invoices::void(stage, &invoice);
}

/// A change of price whose payment fails: it waits. Returns the subscription, the change's invoice and the price.
fn pending(stage: &mut Stage<'_>) -> (String, String, Value) {
    let subscription = subscriptions::activated(stage);
    stage.wait(6 * DAY_S);
    stage.somebody_acts();
    let price = subscriptions::price(stage, "Business", 5_000);
    stage.breathe();
    let mut changed = stage.get(&subscription).clone();
    billing::set_price(&mut changed, &price);
    let (invoice, draft) = billing::invoice(stage, &changed, "subscription_update");
    stage.create("invoice.created", &invoice, draft);
    invoices::finalize(stage, &invoice);
    invoices::fail(stage, &invoice);
    let mut item = changed["items"]["data"][0].take();
    if let Value::Object(item) = &mut item {
        item.retain(|field, _| !field.starts_with("current_period_"));
    }
    let expires = stage.now() + 23 * 3_600;
    subscriptions::update(stage, &subscription, |subscription| {
        subscription["pending_update"] = json!({
            "billing_cycle_anchor": null,
            "expires_at": expires,
            "subscription_items": [item],
            "trial_end": null,
            "trial_from_plan": null,
        });
    });
    (subscription, invoice, price)
}

/// One change that is reported by an event type of its own, and by an update.
fn twice(stage: &mut Stage<'_>, subscription: &str, name: &str, change: impl FnOnce(&mut Value)) {
    stage.change(subscription, change);
    stage.emit(&format!("customer.subscription.{name}"), subscription);
    stage.emit("customer.subscription.updated", subscription);
}
