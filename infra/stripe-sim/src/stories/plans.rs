//! Subscriptions with several intervals, seats or long lists; and changes of plan that fail.

use serde_json::{Value, json};

use super::{DAY_S, customers, invoices, setups, subscriptions};
use crate::objects::billing::{self, MONTH_S};
use crate::story_context::StoryContext;

const YEAR_S: i64 = 365 * DAY_S;

/// More items than an event shows.
const ITEMS: usize = 14;

/// More entitlements than an event shows.
const FEATURES: [&str; 12] = [
    "api", "audit", "backup", "branding", "chat", "export", "import", "mail", "reports", "search",
    "sso", "support",
];

/// A yearly plan with a monthly add-on, whose second month is declined and then paid.
pub(crate) fn mixed_intervals(context: &mut StoryContext<'_>) {
    let subscription = yearly(context);
    context.wait(2 * DAY_S);
    context.somebody_acts();
    let add_on = subscriptions::price(context, "Add-on", 300);
    context.breathe();
    let end = context.now() + MONTH_S;
    let mut grown = context.get(&subscription).clone();
    let place = billing::add_item(context, &mut grown, &add_on, end);
    let paid = bill(context, &mut grown, place, "subscription_update");
    invoices::pay(context, &paid);
    subscriptions::update(context, &subscription, |it| *it = grown);

    context.wait(end - context.now());
    context.stripe_acts();
    let mut renewed = context.get(&subscription).clone();
    billing::set_period_of(&mut renewed, place, end, end + MONTH_S);
    let due = bill(context, &mut renewed, place, "subscription_cycle");
    subscriptions::update(context, &subscription, |it| *it = renewed);
    context.wait(3_600);
    subscriptions::fail(context, &subscription, &due);
    context.wait(3 * DAY_S);
    invoices::pay(context, &due);
    subscriptions::update(context, &subscription, |it| it["status"] = json!("active"));
}

/// A subscription that begins without a seat, and gets some.
pub(crate) fn seats(context: &mut StoryContext<'_>) {
    let customer = customers::create(context);
    let price = subscriptions::price(context, "Seat", 900);
    context.breathe();
    let (id, mut subscription) = billing::subscription(context, &customer, &price, 0);
    billing::set_quantity(&mut subscription, 0);
    // Nothing is due, so nothing has to be paid.
    subscription["status"] = json!("active");
    context.create("customer.subscription.created", &id, subscription);
    for seats in [5, 3] {
        context.wait(DAY_S);
        subscriptions::update(context, &id, |it| billing::set_quantity(it, seats));
    }
}

/// More items and entitlements than events show; the last item is changed, and then the first is removed.
pub(crate) fn long_lists(context: &mut StoryContext<'_>) {
    let subscription = subscriptions::activated(context);
    context.wait(DAY_S);
    context.somebody_acts();
    let end = subscriptions::period_end(context, &subscription);
    let mut grown = context.get(&subscription).clone();
    for number in 1..ITEMS {
        let amount = 100 + i64::try_from(number).unwrap_or_default();
        let price = subscriptions::price(context, &format!("Module {number}"), amount);
        billing::add_item(context, &mut grown, &price, end);
    }
    subscriptions::update(context, &subscription, |it| *it = grown);
    let customer = context.text(&subscription, "customer");
    subscriptions::entitle_to(context, &customer, &FEATURES);
    context.wait(DAY_S);
    subscriptions::update(context, &subscription, |it| {
        it["items"]["data"][ITEMS - 1]["quantity"] = json!(2);
    });
    context.wait(DAY_S);
    subscriptions::update(context, &subscription, |it| {
        if let Some(items) = it["items"]["data"].as_array_mut() {
            items.remove(0);
        }
        it["items"]["total_count"] = json!(ITEMS - 1);
    });
}

/// A trial that ends at once because the customer takes a larger plan. The notice of its end shows the new end with the
/// old plan, and shares its second with the change.
pub(crate) fn trial_switched(context: &mut StoryContext<'_>) {
    let subscription = subscriptions::trialing(context);
    context.wait(5 * DAY_S);
    context.somebody_acts();
    let customer = context.text(&subscription, "customer");
    let method = setups::attach_card(context, &customer);
    let price = subscriptions::price(context, "Business", 5_000);
    context.wait(1);
    let now = context.now();
    let before = context.get(&subscription).clone();
    context.change(&subscription, |it| it["trial_end"] = json!(now));
    context.emit("customer.subscription.trial_will_end", &subscription);
    let mut switched = before.clone();
    billing::set_price(&mut switched, &price);
    billing::set_period(&mut switched, now, now + MONTH_S);
    switched["billing_cycle_anchor"] = json!(now);
    switched["default_payment_method"] = json!(method);
    switched["status"] = json!("active");
    switched["trial_end"] = json!(now);
    let (invoice, draft) = billing::invoice(context, &switched, "subscription_update");
    switched["latest_invoice"] = json!(invoice);
    context.put(&invoice, draft);
    // The change's `previous_attributes` are from before the change, and not what the notice showed.
    context.change(&subscription, |it| *it = before);
    subscriptions::update(context, &subscription, |it| *it = switched);
    context.emit("invoice.created", &invoice);
    invoices::finalize(context, &invoice);
    invoices::pay(context, &invoice);
}

/// A yearly plan whose upgrade is declined in mid-year, and paid days later.
pub(crate) fn upgrade_declined(context: &mut StoryContext<'_>) {
    let subscription = yearly(context);
    context.wait(180 * DAY_S);
    context.somebody_acts();
    let mut price = subscriptions::price(context, "Business", 50_000);
    billing::yearly(&mut price);
    context.breathe();
    let mut upgraded = context.get(&subscription).clone();
    billing::set_price(&mut upgraded, &price);
    let invoice = bill(context, &mut upgraded, 0, "subscription_update");
    invoices::fail(context, &invoice);
    upgraded["status"] = json!("past_due");
    subscriptions::update(context, &subscription, |it| *it = upgraded);
    context.wait(3 * DAY_S);
    invoices::pay(context, &invoice);
    subscriptions::update(context, &subscription, |it| it["status"] = json!("active"));
}

/// A subscription whose invoices are voided for longer than a period.
pub(crate) fn collection_stopped(context: &mut StoryContext<'_>) {
    let subscription = subscriptions::activated(context);
    context.wait(2 * DAY_S);
    context.somebody_acts();
    subscriptions::update(context, &subscription, |it| {
        it["pause_collection"] = json!({ "behavior": "void", "resumes_at": null });
    });
    let end = subscriptions::period_end(context, &subscription);
    context.wait(end - context.now());
    let invoice = subscriptions::renew(context, &subscription);
    invoices::void(context, &invoice);
}

/// A yearly subscription that is paid for. Returns its id.
fn yearly(context: &mut StoryContext<'_>) -> String {
    let mut price = subscriptions::price(context, "Team", 20_000);
    billing::yearly(&mut price);
    let customer = customers::create(context);
    context.breathe();
    let (id, mut subscription) = billing::subscription(context, &customer, &price, 0);
    let now = context.now();
    billing::set_period(&mut subscription, now, now + YEAR_S);
    let (invoice, draft) = billing::invoice(context, &subscription, "subscription_create");
    subscription["latest_invoice"] = json!(invoice);
    context.put(&invoice, draft);
    context.create("customer.subscription.created", &id, subscription);
    context.emit("invoice.created", &invoice);
    context.breathe();
    subscriptions::activate(context, &id, &invoice);
    id
}

/// Bills an item at once: the invoice becomes the subscription's latest. Returns its id.
fn bill(
    context: &mut StoryContext<'_>,
    subscription: &mut Value,
    place: usize,
    reason: &str,
) -> String {
    let item = subscription["items"]["data"][place].clone();
    let (invoice, draft) = billing::invoice_of(context, subscription, &item, reason);
    subscription["latest_invoice"] = json!(invoice);
    context.create("invoice.created", &invoice, draft);
    invoices::finalize(context, &invoice);
    invoice
}
