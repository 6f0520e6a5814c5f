//! Cards saved for later.

use serde_json::{Value, json};

use super::customers;
use crate::story_context::Stage;

pub(crate) fn card_saved(stage: &mut Stage<'_>) {
    let customer = customers::create(stage);
    let id = stage.id("seti");
    let secret = stage.token(25);
    let mut intent = stage.blank("setup_intent", &id);
    intent["customer"] = json!(customer);
    intent["client_secret"] = json!(format!("{id}_secret_{secret}"));
    stage.create("setup_intent.created", &id, intent);

    stage.wait(30);
    let attempt = stage.id("setatt");
    stage.update("setup_intent.setup_failed", &id, |intent| {
        intent["latest_attempt"] = json!(attempt);
        intent["last_setup_error"] = json!({
            "code": "card_declined",
            "decline_code": "generic_decline",
            "doc_url": "https://stripe.com/docs/error-codes/card-declined",
            "message": "Your card was declined.",
            "type": "card_error",
        });
    });

    stage.wait(25);
    let attempt = stage.id("setatt");
    let method = attach_card(stage, &customer);
    stage.update("setup_intent.succeeded", &id, |intent| {
        intent["latest_attempt"] = json!(attempt);
        intent["last_setup_error"] = Value::Null;
        intent["payment_method"] = json!(method);
        intent["status"] = json!("succeeded");
    });
    stage.breathe();
    stage.update("customer.updated", &customer, |customer| {
        customer["invoice_settings"]["default_payment_method"] = json!(method);
    });
}

pub(crate) fn canceled(stage: &mut Stage<'_>) {
    let customer = customers::create(stage);
    let id = stage.id("seti");
    let secret = stage.token(25);
    let mut intent = stage.blank("setup_intent", &id);
    intent["customer"] = json!(customer);
    intent["client_secret"] = json!(format!("{id}_secret_{secret}"));
    stage.create("setup_intent.created", &id, intent);
    stage.wait(20);
    stage.update("setup_intent.requires_action", &id, |intent| {
        intent["next_action"] = json!({
            "type": "use_stripe_sdk", "use_stripe_sdk": { "type": "three_d_secure_redirect" },
        });
        intent["status"] = json!("requires_action");
    });
    stage.wait(3_600);
    stage.update("setup_intent.canceled", &id, |intent| {
        intent["cancellation_reason"] = json!("abandoned");
        intent["next_action"] = Value::Null;
        intent["status"] = json!("canceled");
    });
}

/// A card, attached to a customer. Returns the payment method's id.
pub(crate) fn attach_card(stage: &mut Stage<'_>, customer: &str) -> String {
    let id = stage.id("pm");
    let mut method = stage.blank("payment_method", &id);
    method["customer"] = json!(customer);
    stage.create("payment_method.attached", &id, method);
    id
}
