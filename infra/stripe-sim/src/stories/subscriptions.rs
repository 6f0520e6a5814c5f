//! Subscriptions: beginnings, renewals, changes, failures and ends.

use serde_json::{Value, json};

use super::{DAY_S, customers, invoices, setups};
use crate::objects::billing::{self, MONTH_S};
use crate::story_context::StoryContext;
use crate::world::entitlements_of;

pub(crate) fn whole_life(context: &mut StoryContext<'_>) {
    let subscription = activated(context);
    let wait = context.between(5, 12) * DAY_S;
    context.wait(wait);
    let quantity = context.between(2, 5);
    update(context, &subscription, |subscription| {
        billing::set_quantity(subscription, quantity);
    });
    context.wait(MONTH_S - wait);
    let invoice = renew(context, &subscription);
    invoices::pay(context, &invoice);

    context.wait(2 * DAY_S);
    context.somebody_acts();
    upgrade(context, &subscription);
    context.wait(3 * DAY_S);
    cancel_at_period_end(context, &subscription);
    let end = period_end(context, &subscription);
    context.wait(end - context.now());
    context.stripe_acts();
    end_now(context, &subscription, "cancellation_requested");
}

pub(crate) fn trial(context: &mut StoryContext<'_>) {
    let subscription = trialing(context);
    context.wait(11 * DAY_S);
    context.stripe_acts();
    context.emit("customer.subscription.trial_will_end", &subscription);
    context.wait(3 * DAY_S);
    let invoice = renew(context, &subscription);
    invoices::pay(context, &invoice);

    context.wait(5 * DAY_S);
    context.somebody_acts();
    end_now(context, &subscription, "cancellation_requested");
}

pub(crate) fn trial_canceled(context: &mut StoryContext<'_>) {
    let subscription = trialing(context);
    context.wait(11 * DAY_S);
    context.stripe_acts();
    context.emit("customer.subscription.trial_will_end", &subscription);
    let wait = context.between(0, 2);
    context.wait(wait);
    context.somebody_acts();
    end_now(context, &subscription, "cancellation_requested");
}

pub(crate) fn renewal_recovered(context: &mut StoryContext<'_>) {
    let subscription = activated(context);
    context.wait(MONTH_S);
    let invoice = renew(context, &subscription);
    fail(context, &subscription, &invoice);
    context.wait(3 * DAY_S);
    invoices::pay(context, &invoice);
    update(context, &subscription, |subscription| {
        subscription["status"] = json!("active");
    });
}

pub(crate) fn renewal_lost(context: &mut StoryContext<'_>) {
    let subscription = activated(context);
    context.wait(MONTH_S);
    lose_renewal(context, &subscription);
}

pub(crate) fn renewal_announced(context: &mut StoryContext<'_>) {
    let subscription = activated(context);
    context.wait(MONTH_S - 3 * DAY_S);
    context.stripe_acts();
    let (id, invoice) = billing::upcoming_invoice(context, &renewed(context, &subscription));
    context.preview("invoice.upcoming", &id, invoice);
    context.wait(3 * DAY_S);
    lose_renewal(context, &subscription);
}

/// The renewal's invoice is never paid: the subscription ends.
fn lose_renewal(context: &mut StoryContext<'_>, subscription: &str) {
    let invoice = renew(context, subscription);
    fail(context, subscription, &invoice);
    context.wait(3 * DAY_S);
    invoices::fail(context, &invoice);
    context.wait(5 * DAY_S);
    end_now(context, subscription, "payment_failed");
    context.breathe();
    invoices::void(context, &invoice);
}

pub(crate) fn customer_gone(context: &mut StoryContext<'_>) {
    let subscription = activated(context);
    let customer = context.text(&subscription, "customer");
    context.wait(7 * DAY_S);
    update(context, &subscription, |subscription| {
        billing::set_quantity(subscription, 3);
    });
    context.wait(2 * DAY_S);
    cancel_at_period_end(context, &subscription);
    let end = period_end(context, &subscription);
    context.wait(end - context.now());
    context.stripe_acts();
    end_now(context, &subscription, "cancellation_requested");
    context.wait(DAY_S);
    context.somebody_acts();
    context.delete("customer.deleted", &customer);
}

pub(crate) fn meter_errors(context: &mut StoryContext<'_>) {
    let (id, meter) = billing::meter(context);
    context.create("billing.meter.created", &id, meter);
    context.wait(600);
    context.report_meter_errors(&id);
}

pub(crate) fn busy_second(context: &mut StoryContext<'_>) {
    let subscription = activated(context);
    context.wait(DAY_S);
    let first = context.between(2, 9);
    let second = first + context.between(1, 9);
    // The quantity changes twice, then back to the first value, then a note: four updates whose seconds don't give the
    // order.
    for quantity in [first, second, first] {
        update(context, &subscription, |subscription| {
            billing::set_quantity(subscription, quantity);
        });
    }
    update(context, &subscription, |subscription| {
        subscription["description"] = json!("Changed in a hurry");
    });
}

pub(crate) fn never_activated(context: &mut StoryContext<'_>) {
    let (subscription, invoice) = begin(context, 0);
    invoices::finalize(context, &invoice);
    context.breathe();
    invoices::fail(context, &invoice);
    context.wait(23 * 3_600);
    context.stripe_acts();
    let now = context.now();
    update(context, &subscription, |subscription| {
        subscription["status"] = json!("incomplete_expired");
        subscription["ended_at"] = json!(now);
    });
    context.breathe();
    invoices::void(context, &invoice);
}

/// A customer and an unpaid subscription with its first invoice, a draft. Returns both ids.
pub(super) fn begin(context: &mut StoryContext<'_>, trial_days: i64) -> (String, String) {
    let price = price(context, "Team", 2_000);
    let customer = customers::create(context);
    context.breathe();
    subscribe(context, &customer, &price, trial_days)
}

/// An unpaid subscription with its first invoice, a draft. Returns both ids.
pub(super) fn subscribe(
    context: &mut StoryContext<'_>,
    customer: &str,
    price: &Value,
    trial_days: i64,
) -> (String, String) {
    let (id, mut subscription) = billing::subscription(context, customer, price, trial_days);
    let (invoice_id, invoice) = billing::invoice(context, &subscription, "subscription_create");
    subscription["latest_invoice"] = json!(invoice_id);
    context.put(&invoice_id, invoice);
    context.create("customer.subscription.created", &id, subscription);
    context.emit("invoice.created", &invoice_id);
    (id, invoice_id)
}

/// A subscription that was begun and paid for. Returns its id.
pub(super) fn activated(context: &mut StoryContext<'_>) -> String {
    let (subscription, invoice) = begin(context, 0);
    context.breathe();
    activate(context, &subscription, &invoice);
    subscription
}

/// The first invoice is paid, and the subscription active.
pub(super) fn activate(context: &mut StoryContext<'_>, subscription: &str, invoice: &str) {
    invoices::finalize(context, invoice);
    context.breathe();
    let customer = context.text(subscription, "customer");
    let method = setups::attach_card(context, &customer);
    invoices::pay(context, invoice);
    update(context, subscription, |subscription| {
        subscription["default_payment_method"] = json!(method);
        subscription["status"] = json!("active");
    });
    entitle(context, &customer, Some("team"));
    context.update("customer.updated", &customer, |customer| {
        customer["currency"] = json!("usd");
        customer["next_invoice_sequence"] = json!(2);
    });
}

/// A subscription in a trial of 14 days. Returns its id.
pub(super) fn trialing(context: &mut StoryContext<'_>) -> String {
    let (subscription, invoice) = begin(context, 14);
    invoices::finalize(context, &invoice);
    invoices::pay(context, &invoice);
    let customer = context.text(&subscription, "customer");
    entitle(context, &customer, Some("team"));
    subscription
}

/// The customer is entitled to this feature from now on, and to nothing else.
fn entitle(context: &mut StoryContext<'_>, customer: &str, feature: Option<&str>) {
    entitle_to(context, customer, feature.as_slice());
}

/// The customer is entitled to these features from now on, and to nothing else.
pub(super) fn entitle_to(context: &mut StoryContext<'_>, customer: &str, features: &[&str]) {
    let id = entitlements_of(customer);
    if !context.has(&id) {
        let summary = billing::entitlement_summary(context, customer);
        context.put(&id, summary);
    }
    let features = features.iter();
    let active: Vec<_> = features
        .map(|feature| billing::entitlement(context, feature))
        .collect();
    context.update(
        "entitlements.active_entitlement_summary.updated",
        &id,
        |summary| summary["entitlements"]["data"] = json!(active),
    );
}

/// A product and its monthly price.
pub(super) fn price(context: &mut StoryContext<'_>, name: &str, amount: i64) -> Value {
    let [(product_id, product), (price_id, price)] = billing::catalog(context, name, amount);
    context.create("product.created", &product_id, product);
    context.create("price.created", &price_id, price.clone());
    price
}

/// The subscription in its next period.
fn renewed(context: &StoryContext<'_>, subscription: &str) -> Value {
    let start = period_end(context, subscription);
    let mut renewed = context.get(subscription).clone();
    billing::set_period(&mut renewed, start, start + MONTH_S);
    renewed["status"] = json!("active");
    renewed
}

/// The next period begins, with its invoice, finalized and due. Returns the invoice's id.
pub(super) fn renew(context: &mut StoryContext<'_>, subscription: &str) -> String {
    context.stripe_acts();
    let mut renewed = renewed(context, subscription);
    let (invoice_id, invoice) = billing::invoice(context, &renewed, "subscription_cycle");
    renewed["latest_invoice"] = json!(invoice_id);
    context.put(&invoice_id, invoice);
    update(context, subscription, |subscription| {
        *subscription = renewed
    });
    context.emit("invoice.created", &invoice_id);
    context.wait(3_600);
    invoices::finalize(context, &invoice_id);
    invoice_id
}

/// The invoice's payment fails and the subscription is past due.
pub(super) fn fail(context: &mut StoryContext<'_>, subscription: &str, invoice: &str) {
    invoices::fail(context, invoice);
    context.breathe();
    update(context, subscription, |subscription| {
        subscription["status"] = json!("past_due");
    });
}

fn upgrade(context: &mut StoryContext<'_>, subscription: &str) {
    let price = price(context, "Business", 5_000);
    context.breathe();
    update(context, subscription, |subscription| {
        billing::set_price(subscription, &price);
    });
    let customer = context.text(subscription, "customer");
    entitle(context, &customer, Some("business"));
}

fn cancel_at_period_end(context: &mut StoryContext<'_>, subscription: &str) {
    let end = period_end(context, subscription);
    let now = context.now();
    update(context, subscription, |subscription| {
        subscription["cancel_at"] = json!(end);
        subscription["cancel_at_period_end"] = json!(true);
        subscription["canceled_at"] = json!(now);
        subscription["cancellation_details"]["reason"] = json!("cancellation_requested");
    });
}

pub(super) fn end_now(context: &mut StoryContext<'_>, subscription: &str, reason: &str) {
    let now = context.now();
    context.update(
        "customer.subscription.deleted",
        subscription,
        |subscription| {
            if subscription["canceled_at"].is_null() {
                subscription["canceled_at"] = json!(now);
            }
            subscription["cancellation_details"]["reason"] = json!(reason);
            subscription["ended_at"] = json!(now);
            subscription["status"] = json!("canceled");
        },
    );
    let customer = context.text(subscription, "customer");
    entitle(context, &customer, None);
}

pub(super) fn period_end(context: &StoryContext<'_>, subscription: &str) -> i64 {
    let item = &context.get(subscription)["items"]["data"][0];
    item["current_period_end"].as_i64().unwrap_or_default()
}

pub(super) fn update(
    context: &mut StoryContext<'_>,
    subscription: &str,
    change: impl FnOnce(&mut Value),
) {
    context.update("customer.subscription.updated", subscription, change);
}
