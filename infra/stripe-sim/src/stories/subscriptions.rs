//! Subscriptions: beginnings, renewals, changes, failures and ends.

use serde_json::{Value, json};

use super::{DAY_S, customers, invoices, setups};
use crate::objects::billing::{self, MONTH_S};
use crate::story_context::Stage;
use crate::world::entitlements_of;

pub(crate) fn whole_life(stage: &mut Stage<'_>) {
    let subscription = activated(stage);
    let wait = stage.between(5, 12) * DAY_S;
    stage.wait(wait);
    let quantity = stage.between(2, 5);
    update(stage, &subscription, |subscription| {
        billing::set_quantity(subscription, quantity);
    });
    stage.wait(MONTH_S - wait);
    let invoice = renew(stage, &subscription);
    invoices::pay(stage, &invoice);

    stage.wait(2 * DAY_S);
    stage.somebody_acts();
    upgrade(stage, &subscription);
    stage.wait(3 * DAY_S);
    cancel_at_period_end(stage, &subscription);
    let end = period_end(stage, &subscription);
    stage.wait(end - stage.now());
    stage.stripe_acts();
    end_now(stage, &subscription, "cancellation_requested");
}

pub(crate) fn trial(stage: &mut Stage<'_>) {
    let subscription = trialing(stage);
    stage.wait(11 * DAY_S);
    stage.stripe_acts();
    stage.emit("customer.subscription.trial_will_end", &subscription);
    stage.wait(3 * DAY_S);
    let invoice = renew(stage, &subscription);
    invoices::pay(stage, &invoice);

    stage.wait(5 * DAY_S);
    stage.somebody_acts();
    end_now(stage, &subscription, "cancellation_requested");
}

pub(crate) fn trial_canceled(stage: &mut Stage<'_>) {
    let subscription = trialing(stage);
    stage.wait(11 * DAY_S);
    stage.stripe_acts();
    stage.emit("customer.subscription.trial_will_end", &subscription);
    let wait = stage.between(0, 2);
    stage.wait(wait);
    stage.somebody_acts();
    end_now(stage, &subscription, "cancellation_requested");
}

pub(crate) fn renewal_recovered(stage: &mut Stage<'_>) {
    let subscription = activated(stage);
    stage.wait(MONTH_S);
    let invoice = renew(stage, &subscription);
    fail(stage, &subscription, &invoice);
    stage.wait(3 * DAY_S);
    invoices::pay(stage, &invoice);
    update(stage, &subscription, |subscription| {
        subscription["status"] = json!("active");
    });
}

pub(crate) fn renewal_lost(stage: &mut Stage<'_>) {
    let subscription = activated(stage);
    stage.wait(MONTH_S);
    lose_renewal(stage, &subscription);
}

pub(crate) fn renewal_announced(stage: &mut Stage<'_>) {
    let subscription = activated(stage);
    stage.wait(MONTH_S - 3 * DAY_S);
    stage.stripe_acts();
    let (id, invoice) = billing::upcoming_invoice(stage, &renewed(stage, &subscription));
    stage.preview("invoice.upcoming", &id, invoice);
    stage.wait(3 * DAY_S);
    lose_renewal(stage, &subscription);
}

/// The renewal's invoice is never paid: the subscription ends.
fn lose_renewal(stage: &mut Stage<'_>, subscription: &str) {
    let invoice = renew(stage, subscription);
    fail(stage, subscription, &invoice);
    stage.wait(3 * DAY_S);
    invoices::fail(stage, &invoice);
    stage.wait(5 * DAY_S);
    end_now(stage, subscription, "payment_failed");
    stage.breathe();
    invoices::void(stage, &invoice);
}

pub(crate) fn customer_gone(stage: &mut Stage<'_>) {
    let subscription = activated(stage);
    let customer = stage.text(&subscription, "customer");
    stage.wait(7 * DAY_S);
    update(stage, &subscription, |subscription| {
        billing::set_quantity(subscription, 3);
    });
    stage.wait(2 * DAY_S);
    cancel_at_period_end(stage, &subscription);
    let end = period_end(stage, &subscription);
    stage.wait(end - stage.now());
    stage.stripe_acts();
    end_now(stage, &subscription, "cancellation_requested");
    stage.wait(DAY_S);
    stage.somebody_acts();
    stage.delete("customer.deleted", &customer);
}

pub(crate) fn meter_errors(stage: &mut Stage<'_>) {
    let (id, meter) = billing::meter(stage);
    stage.create("billing.meter.created", &id, meter);
    stage.wait(600);
    stage.report_meter_errors(&id);
}

pub(crate) fn busy_second(stage: &mut Stage<'_>) {
    let subscription = activated(stage);
    stage.wait(DAY_S);
    let first = stage.between(2, 9);
    let second = first + stage.between(1, 9);
    // The quantity changes twice, then back to the first value, then a note: four updates whose seconds don't give the
    // order.
    for quantity in [first, second, first] {
        update(stage, &subscription, |subscription| {
            billing::set_quantity(subscription, quantity);
        });
    }
    update(stage, &subscription, |subscription| {
        subscription["description"] = json!("Changed in a hurry");
    });
}

pub(crate) fn never_activated(stage: &mut Stage<'_>) {
    let (subscription, invoice) = begin(stage, 0);
    invoices::finalize(stage, &invoice);
    stage.breathe();
    invoices::fail(stage, &invoice);
    stage.wait(23 * 3_600);
    stage.stripe_acts();
    let now = stage.now();
    update(stage, &subscription, |subscription| {
        subscription["status"] = json!("incomplete_expired");
        subscription["ended_at"] = json!(now);
    });
    stage.breathe();
    invoices::void(stage, &invoice);
}

/// A customer and an unpaid subscription with its first invoice, a draft. Returns both ids.
pub(super) fn begin(stage: &mut Stage<'_>, trial_days: i64) -> (String, String) {
    let price = price(stage, "Team", 2_000);
    let customer = customers::create(stage);
    stage.breathe();
    subscribe(stage, &customer, &price, trial_days)
}

/// An unpaid subscription with its first invoice, a draft. Returns both ids.
pub(super) fn subscribe(
    stage: &mut Stage<'_>,
    customer: &str,
    price: &Value,
    trial_days: i64,
) -> (String, String) {
    let (id, mut subscription) = billing::subscription(stage, customer, price, trial_days);
    let (invoice_id, invoice) = billing::invoice(stage, &subscription, "subscription_create");
    subscription["latest_invoice"] = json!(invoice_id);
    stage.put(&invoice_id, invoice);
    stage.create("customer.subscription.created", &id, subscription);
    stage.emit("invoice.created", &invoice_id);
    (id, invoice_id)
}

/// A subscription that was begun and paid for. Returns its id.
pub(super) fn activated(stage: &mut Stage<'_>) -> String {
    let (subscription, invoice) = begin(stage, 0);
    stage.breathe();
    activate(stage, &subscription, &invoice);
    subscription
}

/// The first invoice is paid, and the subscription active.
pub(super) fn activate(stage: &mut Stage<'_>, subscription: &str, invoice: &str) {
    invoices::finalize(stage, invoice);
    stage.breathe();
    let customer = stage.text(subscription, "customer");
    let method = setups::attach_card(stage, &customer);
    invoices::pay(stage, invoice);
    update(stage, subscription, |subscription| {
        subscription["default_payment_method"] = json!(method);
        subscription["status"] = json!("active");
    });
    entitle(stage, &customer, Some("team"));
    stage.update("customer.updated", &customer, |customer| {
        customer["currency"] = json!("usd");
        customer["next_invoice_sequence"] = json!(2);
    });
}

/// A subscription in a trial of 14 days. Returns its id.
pub(super) fn trialing(stage: &mut Stage<'_>) -> String {
    let (subscription, invoice) = begin(stage, 14);
    invoices::finalize(stage, &invoice);
    invoices::pay(stage, &invoice);
    let customer = stage.text(&subscription, "customer");
    entitle(stage, &customer, Some("team"));
    subscription
}

/// The customer is entitled to this feature from now on, and to nothing else.
fn entitle(stage: &mut Stage<'_>, customer: &str, feature: Option<&str>) {
    entitle_to(stage, customer, feature.as_slice());
}

/// The customer is entitled to these features from now on, and to nothing else.
pub(super) fn entitle_to(stage: &mut Stage<'_>, customer: &str, features: &[&str]) {
    let id = entitlements_of(customer);
    if !stage.has(&id) {
        let summary = billing::entitlement_summary(stage, customer);
        stage.put(&id, summary);
    }
    let features = features.iter();
    let active: Vec<_> = features
        .map(|feature| billing::entitlement(stage, feature))
        .collect();
    stage.update(
        "entitlements.active_entitlement_summary.updated",
        &id,
        |summary| summary["entitlements"]["data"] = json!(active),
    );
}

/// A product and its monthly price.
pub(super) fn price(stage: &mut Stage<'_>, name: &str, amount: i64) -> Value {
    let [(product_id, product), (price_id, price)] = billing::catalog(stage, name, amount);
    stage.create("product.created", &product_id, product);
    stage.create("price.created", &price_id, price.clone());
    price
}

/// The subscription in its next period.
fn renewed(stage: &Stage<'_>, subscription: &str) -> Value {
    let start = period_end(stage, subscription);
    let mut renewed = stage.get(subscription).clone();
    billing::set_period(&mut renewed, start, start + MONTH_S);
    renewed["status"] = json!("active");
    renewed
}

/// The next period begins, with its invoice, finalized and due. Returns the invoice's id.
pub(super) fn renew(stage: &mut Stage<'_>, subscription: &str) -> String {
    stage.stripe_acts();
    let mut renewed = renewed(stage, subscription);
    let (invoice_id, invoice) = billing::invoice(stage, &renewed, "subscription_cycle");
    renewed["latest_invoice"] = json!(invoice_id);
    stage.put(&invoice_id, invoice);
    update(stage, subscription, |subscription| *subscription = renewed);
    stage.emit("invoice.created", &invoice_id);
    stage.wait(3_600);
    invoices::finalize(stage, &invoice_id);
    invoice_id
}

/// The invoice's payment fails and the subscription is past due.
pub(super) fn fail(stage: &mut Stage<'_>, subscription: &str, invoice: &str) {
    invoices::fail(stage, invoice);
    stage.breathe();
    update(stage, subscription, |subscription| {
        subscription["status"] = json!("past_due");
    });
}

fn upgrade(stage: &mut Stage<'_>, subscription: &str) {
    let price = price(stage, "Business", 5_000);
    stage.breathe();
    update(stage, subscription, |subscription| {
        billing::set_price(subscription, &price);
    });
    let customer = stage.text(subscription, "customer");
    entitle(stage, &customer, Some("business"));
}

fn cancel_at_period_end(stage: &mut Stage<'_>, subscription: &str) {
    let end = period_end(stage, subscription);
    let now = stage.now();
    update(stage, subscription, |subscription| {
        subscription["cancel_at"] = json!(end);
        subscription["cancel_at_period_end"] = json!(true);
        subscription["canceled_at"] = json!(now);
        subscription["cancellation_details"]["reason"] = json!("cancellation_requested");
    });
}

pub(super) fn end_now(stage: &mut Stage<'_>, subscription: &str, reason: &str) {
    let now = stage.now();
    stage.update(
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
    let customer = stage.text(subscription, "customer");
    entitle(stage, &customer, None);
}

pub(super) fn period_end(stage: &Stage<'_>, subscription: &str) -> i64 {
    let item = &stage.get(subscription)["items"]["data"][0];
    item["current_period_end"].as_i64().unwrap_or_default()
}

pub(super) fn update(stage: &mut Stage<'_>, subscription: &str, change: impl FnOnce(&mut Value)) {
    stage.update("customer.subscription.updated", subscription, change);
}
