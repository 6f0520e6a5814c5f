//! Subscriptions on hold: paused for lack of a card, not collected for a while, waiting for the payment of a change.

use serde_json::{Value, json};

use super::{DAY_S, invoices, setups, subscriptions};
use crate::objects::billing::{self, MONTH_S};
use crate::story_context::StoryContext;

pub(crate) fn paused_and_resumed(context: &mut StoryContext<'_>) {
    let subscription = subscriptions::trialing(context);
    context.wait(11 * DAY_S);
    context.stripe_acts();
    context.emit("customer.subscription.trial_will_end", &subscription);
    context.wait(3 * DAY_S);
    // The trial ends without a card to charge.
    twice(context, &subscription, "paused", |subscription| {
        subscription["status"] = json!("paused");
    });

    context.wait(9 * DAY_S);
    context.somebody_acts();
    let customer = context.text(&subscription, "customer");
    let method = setups::attach_card(context, &customer);
    let now = context.now();
    let mut resumed = context.get(&subscription).clone();
    billing::set_period(&mut resumed, now, now + MONTH_S);
    resumed["billing_cycle_anchor"] = json!(now);
    resumed["default_payment_method"] = json!(method);
    resumed["status"] = json!("active");
    let (invoice, draft) = billing::invoice(context, &resumed, "subscription_update");
    resumed["latest_invoice"] = json!(invoice);
    context.create("invoice.created", &invoice, draft);
    invoices::finalize(context, &invoice);
    invoices::pay(context, &invoice);
    twice(context, &subscription, "resumed", |subscription| {
        *subscription = resumed;
    });
}

pub(crate) fn not_collected(context: &mut StoryContext<'_>) {
    let subscription = subscriptions::activated(context);
    context.wait(2 * DAY_S);
    context.somebody_acts();
    let resumes = context.now() + 20 * DAY_S;
    subscriptions::update(context, &subscription, |subscription| {
        subscription["pause_collection"] = json!({ "behavior": "void", "resumes_at": resumes });
    });
    context.wait(20 * DAY_S);
    context.stripe_acts();
    subscriptions::update(context, &subscription, |subscription| {
        subscription["pause_collection"] = Value::Null;
    });
}

pub(crate) fn pending_update_applied(context: &mut StoryContext<'_>) {
    let (subscription, invoice, price) = pending(context);
    context.wait(2 * 3_600);
    context.somebody_acts();
    invoices::pay(context, &invoice);
    twice(context, &subscription, "pending_update_applied", |it| {
        billing::set_price(it, &price);
        it["latest_invoice"] = json!(invoice);
        it["pending_update"] = Value::Null;
    });
}

pub(crate) fn pending_update_expired(context: &mut StoryContext<'_>) {
    let (subscription, invoice, _) = pending(context);
    context.wait(23 * 3_600);
    context.stripe_acts();
    twice(context, &subscription, "pending_update_expired", |it| {
        it["pending_update"] = Value::Null;
    });
    invoices::void(context, &invoice);
}

/// A change of price whose payment fails: it waits. Returns the subscription, the change's invoice and the price.
fn pending(context: &mut StoryContext<'_>) -> (String, String, Value) {
    let subscription = subscriptions::activated(context);
    context.wait(6 * DAY_S);
    context.somebody_acts();
    let price = subscriptions::price(context, "Business", 5_000);
    context.breathe();
    let mut changed = context.get(&subscription).clone();
    billing::set_price(&mut changed, &price);
    let (invoice, draft) = billing::invoice(context, &changed, "subscription_update");
    context.create("invoice.created", &invoice, draft);
    invoices::finalize(context, &invoice);
    invoices::fail(context, &invoice);
    let mut item = changed["items"]["data"][0].take();
    if let Value::Object(item) = &mut item {
        item.retain(|field, _| !field.starts_with("current_period_"));
    }
    let expires = context.now() + 23 * 3_600;
    subscriptions::update(context, &subscription, |subscription| {
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
fn twice(
    context: &mut StoryContext<'_>,
    subscription: &str,
    name: &str,
    change: impl FnOnce(&mut Value),
) {
    context.change(subscription, change);
    context.emit(&format!("customer.subscription.{name}"), subscription);
    context.emit("customer.subscription.updated", subscription);
}
