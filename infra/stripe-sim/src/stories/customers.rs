//! Customers.

use serde_json::json;

use super::DAY_S;
use crate::objects::billing;
use crate::story_context::Stage;

/// A new customer. Returns the id.
pub(crate) fn create(stage: &mut Stage<'_>) -> String {
    let (id, customer) = billing::customer(stage);
    stage.create("customer.created", &id, customer);
    id
}

pub(crate) fn deleted(stage: &mut Stage<'_>) {
    let customer = create(stage);
    stage.wait(DAY_S);
    stage.update("customer.updated", &customer, |customer| {
        customer["metadata"] = json!({ "tier": "gold" });
        customer["phone"] = json!("+15555550100");
    });
    stage.breathe();
    stage.update("customer.updated", &customer, |customer| {
        customer["metadata"] = json!({ "tier": "silver" });
    });
    stage.wait(30 * DAY_S);
    stage.delete("customer.deleted", &customer);
}
