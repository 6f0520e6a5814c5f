//! Subscriptions with several intervals, seats or long lists; and changes of plan that fail.

use serde_json::{Value, json};

use super::{DAY_S, customers, invoices, setups, subscriptions};
use crate::objects::billing::{self, MONTH_S};
use crate::story_context::Stage;

const YEAR_S: i64 = 365 * DAY_S;

/// More items than an event shows.
const ITEMS: usize = 14;

/// More entitlements than an event shows.
const FEATURES: [&str; 12] = [
    "api", "audit", "backup", "branding", "chat", "export", "import", "mail", "reports", "search",
    "sso", "support",
];

/// A yearly plan with a monthly add-on, whose second month is declined and then paid.
pub(crate) fn mixed_intervals(stage: &mut Stage<'_>) {
    let subscription = yearly(stage);
    stage.wait(2 * DAY_S);
    stage.somebody_acts();
    let add_on = subscriptions::price(stage, "Add-on", 300);
    stage.breathe();
    let end = stage.now() + MONTH_S;
    let mut grown = stage.get(&subscription).clone();
    let place = billing::add_item(stage, &mut grown, &add_on, end);
    let paid = bill(stage, &mut grown, place, "subscription_update");
    invoices::pay(stage, &paid);
    subscriptions::update(stage, &subscription, |it| *it = grown);

    stage.wait(end - stage.now());
    stage.stripe_acts();
    let mut renewed = stage.get(&subscription).clone();
    billing::set_period_of(&mut renewed, place, end, end + MONTH_S);
    let due = bill(stage, &mut renewed, place, "subscription_cycle");
    subscriptions::update(stage, &subscription, |it| *it = renewed);
    stage.wait(3_600);
    subscriptions::fail(stage, &subscription, &due);
    stage.wait(3 * DAY_S);
    invoices::pay(stage, &due);
    subscriptions::update(stage, &subscription, |it| it["status"] = json!("active"));
}

/// A subscription that begins without a seat, and gets some.
pub(crate) fn seats(stage: &mut Stage<'_>) {
    let customer = customers::create(stage);
    let price = subscriptions::price(stage, "Seat", 900);
    stage.breathe();
    let (id, mut subscription) = billing::subscription(stage, &customer, &price, 0);
    billing::set_quantity(&mut subscription, 0);
    // Nothing is due, so nothing has to be paid.
    subscription["status"] = json!("active");
    stage.create("customer.subscription.created", &id, subscription);
    for seats in [5, 3] {
        stage.wait(DAY_S);
        subscriptions::update(stage, &id, |it| billing::set_quantity(it, seats));
    }
}

/// More items and entitlements than events show; the last item is changed, and then the first is removed.
pub(crate) fn long_lists(stage: &mut Stage<'_>) {
    let subscription = subscriptions::activated(stage);
    stage.wait(DAY_S);
    stage.somebody_acts();
    let end = subscriptions::period_end(stage, &subscription);
    let mut grown = stage.get(&subscription).clone();
    for number in 1..ITEMS {
        let amount = 100 + i64::try_from(number).unwrap_or_default();
        let price = subscriptions::price(stage, &format!("Module {number}"), amount);
        billing::add_item(stage, &mut grown, &price, end);
    }
    subscriptions::update(stage, &subscription, |it| *it = grown);
    let customer = stage.text(&subscription, "customer");
    subscriptions::entitle_to(stage, &customer, &FEATURES);
    stage.wait(DAY_S);
    subscriptions::update(stage, &subscription, |it| {
        it["items"]["data"][ITEMS - 1]["quantity"] = json!(2);
    });
    stage.wait(DAY_S);
    subscriptions::update(stage, &subscription, |it| {
        if let Some(items) = it["items"]["data"].as_array_mut() {
            items.remove(0);
        }
        it["items"]["total_count"] = json!(ITEMS - 1);
    });
}

/// A trial that ends at once because the customer takes a larger plan. The notice of its end shows the new end with the
/// old plan, and shares its second with the change.
pub(crate) fn trial_switched(stage: &mut Stage<'_>) {
    let subscription = subscriptions::trialing(stage);
    stage.wait(5 * DAY_S);
    stage.somebody_acts();
    let customer = stage.text(&subscription, "customer");
    let method = setups::attach_card(stage, &customer);
    let price = subscriptions::price(stage, "Business", 5_000);
    stage.wait(1);
    let now = stage.now();
    let before = stage.get(&subscription).clone();
    stage.change(&subscription, |it| it["trial_end"] = json!(now));
    stage.emit("customer.subscription.trial_will_end", &subscription);
    let mut switched = before.clone();
    billing::set_price(&mut switched, &price);
    billing::set_period(&mut switched, now, now + MONTH_S);
    switched["billing_cycle_anchor"] = json!(now);
    switched["default_payment_method"] = json!(method);
    switched["status"] = json!("active");
    switched["trial_end"] = json!(now);
    let (invoice, draft) = billing::invoice(stage, &switched, "subscription_update");
    switched["latest_invoice"] = json!(invoice);
    stage.put(&invoice, draft);
    // The change's `previous_attributes` are from before the change, and not what the notice showed.
    stage.change(&subscription, |it| *it = before);
    subscriptions::update(stage, &subscription, |it| *it = switched);
    stage.emit("invoice.created", &invoice);
    invoices::finalize(stage, &invoice);
    invoices::pay(stage, &invoice);
}

/// A yearly plan whose upgrade is declined in mid-year, and paid days later.
pub(crate) fn upgrade_declined(stage: &mut Stage<'_>) {
    let subscription = yearly(stage);
    stage.wait(180 * DAY_S);
    stage.somebody_acts();
    let mut price = subscriptions::price(stage, "Business", 50_000);
    billing::yearly(&mut price);
    stage.breathe();
    let mut upgraded = stage.get(&subscription).clone();
    billing::set_price(&mut upgraded, &price);
    let invoice = bill(stage, &mut upgraded, 0, "subscription_update");
    invoices::fail(stage, &invoice);
    upgraded["status"] = json!("past_due");
    subscriptions::update(stage, &subscription, |it| *it = upgraded);
    stage.wait(3 * DAY_S);
    invoices::pay(stage, &invoice);
    subscriptions::update(stage, &subscription, |it| it["status"] = json!("active"));
}

/// A subscription whose invoices are voided for longer than a period.
pub(crate) fn collection_stopped(stage: &mut Stage<'_>) {
    let subscription = subscriptions::activated(stage);
    stage.wait(2 * DAY_S);
    stage.somebody_acts();
    subscriptions::update(stage, &subscription, |it| {
        it["pause_collection"] = json!({ "behavior": "void", "resumes_at": null });
    });
    let end = subscriptions::period_end(stage, &subscription);
    stage.wait(end - stage.now());
    let invoice = subscriptions::renew(stage, &subscription);
    invoices::void(stage, &invoice);
}

/// A yearly subscription that is paid for. Returns its id.
fn yearly(stage: &mut Stage<'_>) -> String {
    let mut price = subscriptions::price(stage, "Team", 20_000);
    billing::yearly(&mut price);
    let customer = customers::create(stage);
    stage.breathe();
    let (id, mut subscription) = billing::subscription(stage, &customer, &price, 0);
    let now = stage.now();
    billing::set_period(&mut subscription, now, now + YEAR_S);
    let (invoice, draft) = billing::invoice(stage, &subscription, "subscription_create");
    subscription["latest_invoice"] = json!(invoice);
    stage.put(&invoice, draft);
    stage.create("customer.subscription.created", &id, subscription);
    stage.emit("invoice.created", &invoice);
    stage.breathe();
    subscriptions::activate(stage, &id, &invoice);
    id
}

/// Bills an item at once: the invoice becomes the subscription's latest. Returns its id.
fn bill(stage: &mut Stage<'_>, subscription: &mut Value, place: usize, reason: &str) -> String {
    let item = subscription["items"]["data"][place].clone();
    let (invoice, draft) = billing::invoice_of(stage, subscription, &item, reason);
    subscription["latest_invoice"] = json!(invoice);
    stage.create("invoice.created", &invoice, draft);
    invoices::finalize(stage, &invoice);
    invoice
}
