//! Customers.

use serde_json::json;

use super::DAY_S;
use crate::objects::billing;
use crate::story_context::StoryContext;

/// A new customer. Returns the id.
pub(crate) fn create(context: &mut StoryContext<'_>) -> String {
    let (id, customer) = billing::customer(context);
    context.create("customer.created", &id, customer);
    id
}

pub(crate) fn deleted(context: &mut StoryContext<'_>) {
    let customer = create(context);
    context.wait(DAY_S);
    context.update("customer.updated", &customer, |customer| {
        customer["metadata"] = json!({ "tier": "gold" });
        customer["phone"] = json!("+15555550100");
    });
    context.breathe();
    context.update("customer.updated", &customer, |customer| {
        customer["metadata"] = json!({ "tier": "silver" });
    });
    context.wait(30 * DAY_S);
    context.delete("customer.deleted", &customer);
}
