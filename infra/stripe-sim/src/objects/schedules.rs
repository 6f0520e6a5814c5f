//! Subscription schedules as Stripe makes them.

use serde_json::{Value, json};

use crate::story_context::StoryContext;

/// A schedule of consecutive phases: each price for its number of seconds from `start` (Unix). It hasn't begun yet.
pub(crate) fn schedule(
    context: &mut StoryContext<'_>,
    customer: &str,
    start: i64,
    phases: &[(&Value, i64)],
) -> (String, Value) {
    let id = context.id("sub_sched");
    let mut schedule = context.blank("subscription_schedule", &id);
    schedule["customer"] = json!(customer);
    let mut at = start;
    let phases: Vec<_> = phases
        .iter()
        .map(|(price, seconds)| {
            let phase = phase(price, at, at + seconds);
            at += seconds;
            phase
        })
        .collect();
    schedule["phases"] = json!(phases);
    (id, schedule)
}

fn phase(price: &Value, start: i64, end: i64) -> Value {
    json!({
        "add_invoice_items": [],
        "application_fee_percent": null,
        "billing_cycle_anchor": null,
        "billing_thresholds": null,
        "collection_method": null,
        "currency": "usd",
        "default_payment_method": null,
        "default_tax_rates": [],
        "description": null,
        "discounts": [],
        "end_date": end,
        "invoice_settings": null,
        "items": [{
            "billing_thresholds": null, "discounts": [], "metadata": {}, "plan": price["id"],
            "price": price["id"], "quantity": 1, "tax_rates": [],
        }],
        "metadata": {},
        "on_behalf_of": null,
        "proration_behavior": "create_prorations",
        "start_date": start,
        "transfer_data": null,
        "trial_end": null,
    })
}

/// Makes the schedule's phase of this number the current one of this subscription.
pub(crate) fn enter(schedule: &mut Value, phase: usize, subscription: &str) {
    let entered = &schedule["phases"][phase];
    schedule["current_phase"] = json!({
        "end_date": entered["end_date"], "start_date": entered["start_date"],
    });
    schedule["status"] = json!("active");
    schedule["subscription"] = json!(subscription);
}

/// Ends the schedule: `completed`, `canceled` or `released` at this second.
pub(crate) fn end(schedule: &mut Value, status: &str, now: i64) {
    schedule["current_phase"] = Value::Null;
    schedule["status"] = json!(status);
    schedule[format!("{status}_at")] = json!(now);
    if status == "released" {
        schedule["released_subscription"] = schedule["subscription"].take();
    }
}
