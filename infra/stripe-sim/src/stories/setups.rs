//! Cards saved for later.

use serde_json::{Value, json};

use super::customers;
use crate::story_context::StoryContext;

pub(crate) fn card_saved(context: &mut StoryContext<'_>) {
    let customer = customers::create(context);
    let id = context.id("seti");
    let secret = context.token(25);
    let mut intent = context.blank("setup_intent", &id);
    intent["customer"] = json!(customer);
    intent["client_secret"] = json!(format!("{id}_secret_{secret}"));
    context.create("setup_intent.created", &id, intent);

    context.wait(30);
    let attempt = context.id("setatt");
    context.update("setup_intent.setup_failed", &id, |intent| {
        intent["latest_attempt"] = json!(attempt);
        intent["last_setup_error"] = json!({
            "code": "card_declined",
            "decline_code": "generic_decline",
            "doc_url": "https://stripe.com/docs/error-codes/card-declined",
            "message": "Your card was declined.",
            "type": "card_error",
        });
    });

    context.wait(25);
    let attempt = context.id("setatt");
    let method = attach_card(context, &customer);
    context.update("setup_intent.succeeded", &id, |intent| {
        intent["latest_attempt"] = json!(attempt);
        intent["last_setup_error"] = Value::Null;
        intent["payment_method"] = json!(method);
        intent["status"] = json!("succeeded");
    });
    context.breathe();
    context.update("customer.updated", &customer, |customer| {
        customer["invoice_settings"]["default_payment_method"] = json!(method);
    });
}

pub(crate) fn canceled(context: &mut StoryContext<'_>) {
    let customer = customers::create(context);
    let id = context.id("seti");
    let secret = context.token(25);
    let mut intent = context.blank("setup_intent", &id);
    intent["customer"] = json!(customer);
    intent["client_secret"] = json!(format!("{id}_secret_{secret}"));
    context.create("setup_intent.created", &id, intent);
    context.wait(20);
    context.update("setup_intent.requires_action", &id, |intent| {
        intent["next_action"] = json!({
            "type": "use_stripe_sdk", "use_stripe_sdk": { "type": "three_d_secure_redirect" },
        });
        intent["status"] = json!("requires_action");
    });
    context.wait(3_600);
    context.update("setup_intent.canceled", &id, |intent| {
        intent["cancellation_reason"] = json!("abandoned");
        intent["next_action"] = Value::Null;
        intent["status"] = json!("canceled");
    });
}

/// A card, attached to a customer. Returns the payment method's id.
pub(crate) fn attach_card(context: &mut StoryContext<'_>, customer: &str) -> String {
    let id = context.id("pm");
    let mut method = context.blank("payment_method", &id);
    method["customer"] = json!(customer);
    context.create("payment_method.attached", &id, method);
    id
}
