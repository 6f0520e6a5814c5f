//! Purchases: Checkout sessions, payment intents and their charges.

use serde_json::{Value, json};

use super::{DAY_S, customers};
use crate::objects::payments;
use crate::story_context::StoryContext;

/// A purchase that works at once. Returns the charge's id.
pub(crate) fn purchase(context: &mut StoryContext<'_>) -> String {
    let amount = context.amount();
    purchase_in(context, amount, "usd")
}

/// The same for an amount in a currency.
pub(crate) fn purchase_in(context: &mut StoryContext<'_>, amount: i64, currency: &str) -> String {
    let (session, mut truth) = payments::session(context, amount);
    truth["currency"] = json!(currency);
    context.put(&session, truth);
    let wait = context.between(20, 300);
    context.wait(wait);
    let (intent, mut truth) = payments::intent(context, amount, None, None);
    truth["currency"] = json!(currency);
    context.create("payment_intent.created", &intent, truth);
    context.breathe();
    let charge = succeed(context, &intent);
    complete_session(context, &session, &intent);
    settle(context, &charge);
    charge
}

/// The customer sees and pays a price in their own currency; the shop asked for its own currency, and gets it.
pub(crate) fn adaptive_pricing(context: &mut StoryContext<'_>) {
    let amount = context.amount();
    let session = open_session(context, amount);
    context.wait(90);
    let intent = create_intent(context, amount, None, None);
    context.breathe();
    let charge = succeed(context, &intent);
    context.breathe();
    context.update("checkout.session.completed", &session, |session| {
        session["presentment_details"] = json!({
            "presentment_amount": amount * 937 / 1_000, "presentment_currency": "eur",
        });
        payments::complete(session, Some(&intent), true);
    });
    settle(context, &charge);
}

pub(crate) fn declined_then_paid(context: &mut StoryContext<'_>) {
    let amount = context.amount();
    let session = open_session(context, amount);
    context.wait(60);
    let intent = create_intent(context, amount, None, None);
    context.breathe();
    decline(context, &intent);
    let wait = context.between(15, 200);
    context.wait(wait);
    let charge = succeed(context, &intent);
    complete_session(context, &session, &intent);
    settle(context, &charge);
}

pub(crate) fn abandoned(context: &mut StoryContext<'_>) {
    let amount = context.amount();
    let session = open_session(context, amount);
    context.wait(DAY_S + 1);
    context.stripe_acts();
    context.update("checkout.session.expired", &session, |session| {
        session["status"] = json!("expired");
        session["url"] = Value::Null;
    });
}

pub(crate) fn delayed_payment(context: &mut StoryContext<'_>) {
    let (session, intent, charge_id) = debit(context);
    context.change(&charge_id, |charge| {
        charge["status"] = json!("succeeded");
        charge["paid"] = json!(true);
    });
    context.change(&intent, |intent| {
        intent["status"] = json!("succeeded");
        intent["amount_received"] = intent["amount"].clone();
    });
    context.emit("charge.succeeded", &charge_id);
    context.emit("payment_intent.succeeded", &intent);
    context.breathe();
    context.update(
        "checkout.session.async_payment_succeeded",
        &session,
        |session| {
            session["payment_status"] = json!("paid");
        },
    );
    settle(context, &charge_id);
}

pub(crate) fn delayed_payment_fails(context: &mut StoryContext<'_>) {
    let (session, intent, charge_id) = debit(context);
    context.change(&charge_id, payments::decline);
    let error = payments::payment_error(context, &context.get(&charge_id).clone());
    context.change(&intent, |intent| {
        intent["last_payment_error"] = error;
        intent["payment_method"] = Value::Null;
        intent["status"] = json!("requires_payment_method");
    });
    context.emit("charge.failed", &charge_id);
    context.emit("payment_intent.payment_failed", &intent);
    context.breathe();
    // The session stays complete and unpaid: none of its fields changes.
    context.emit("checkout.session.async_payment_failed", &session);
}

/// A bank debit that is on its way: the session is complete and unpaid. Returns the session, the intent and the charge.
fn debit(context: &mut StoryContext<'_>) -> (String, String, String) {
    let amount = context.amount();
    let types = json!(["card", "us_bank_account"]);
    let (session, mut truth) = payments::session(context, amount);
    truth["payment_method_types"] = types.clone();
    context.put(&session, truth);
    context.wait(40);
    let (intent, mut truth) = payments::intent(context, amount, None, None);
    truth["payment_method_types"] = types;
    context.create("payment_intent.created", &intent, truth);
    let (charge_id, mut charge) = payments::charge(context, &context.get(&intent).clone());
    charge["status"] = json!("pending");
    charge["paid"] = json!(false);
    charge["payment_method_details"] = payments::bank_debit(context);
    let method = charge["payment_method"].clone();
    context.put(&charge_id, charge);
    attach_charge(context, &intent, &charge_id, |intent| {
        intent["payment_method"] = method;
        intent["status"] = json!("processing");
    });
    context.emit("charge.pending", &charge_id);
    context.emit("payment_intent.processing", &intent);
    context.breathe();
    context.update("checkout.session.completed", &session, |session| {
        payments::complete(session, Some(&intent), false);
    });
    context.wait(4 * DAY_S);
    context.stripe_acts();
    (session, intent, charge_id)
}

/// The customer wires a part of the amount, and the rest a day later.
pub(crate) fn bank_transfer(context: &mut StoryContext<'_>) {
    let customer = customers::create(context);
    let amount = context.amount();
    let (intent, mut truth) = payments::intent(context, amount, Some(&customer), None);
    truth["payment_method_options"] = json!({ "customer_balance": {
        "bank_transfer": { "type": "us_bank_transfer" }, "funding_type": "bank_transfer",
    } });
    truth["payment_method_types"] = json!(["customer_balance"]);
    context.create("payment_intent.created", &intent, truth);
    let method = json!(context.id("pm"));
    let instructions = payments::transfer_instructions(context, amount);
    context.update("payment_intent.requires_action", &intent, |intent| {
        intent["next_action"] = instructions;
        intent["payment_method"] = method.clone();
        intent["status"] = json!("requires_action");
    });
    context.wait(2 * DAY_S);
    context.stripe_acts();
    context.update("payment_intent.partially_funded", &intent, |intent| {
        let instructions = &mut intent["next_action"]["display_bank_transfer_instructions"];
        instructions["amount_remaining"] = json!(amount - amount * 2 / 5);
    });
    context.wait(DAY_S);
    let charge = succeed_with(context, &intent, |charge| {
        charge["payment_method"] = method;
        charge["payment_method_details"] =
            json!({ "customer_balance": {}, "type": "customer_balance" });
    });
    settle(context, &charge);
}

pub(crate) fn authenticated(context: &mut StoryContext<'_>) {
    let amount = context.amount();
    let intent = challenged(context, amount);
    context.wait(45);
    let charge = succeed(context, &intent);
    settle(context, &charge);
}

pub(crate) fn not_authenticated(context: &mut StoryContext<'_>) {
    let amount = context.amount();
    let intent = challenged(context, amount);
    context.wait(90);
    refuse_authentication(context, &intent);
    context.wait(300);
    cancel(context, &intent, "abandoned");
}

pub(crate) fn fails_twice_without_charge(context: &mut StoryContext<'_>) {
    let amount = context.amount();
    let intent = challenged(context, amount);
    context.wait(90);
    refuse_authentication(context, &intent);
    // One change, two events.
    context.pass_a_second();
    context.emit("payment_intent.payment_failed", &intent);
    context.wait(30);
    challenge(context, &intent);
    context.wait(90);
    refuse_authentication(context, &intent);
    context.wait(300);
    cancel(context, &intent, "abandoned");
}

/// The customer doesn't authenticate: no charge is made.
fn refuse_authentication(context: &mut StoryContext<'_>, intent: &str) {
    context.update("payment_intent.payment_failed", intent, |intent| {
        intent["last_payment_error"] = json!({
            "code": "payment_intent_authentication_failure",
            "doc_url":
                "https://stripe.com/docs/error-codes/payment-intent-authentication-failure",
            "message":
                "The provided payment method has failed authentication.",
            "type": "invalid_request_error",
        });
        intent["next_action"] = Value::Null;
        intent["status"] = json!("requires_payment_method");
    });
}

/// An intent for which the bank requires authentication. Returns its id.
fn challenged(context: &mut StoryContext<'_>, amount: i64) -> String {
    let intent = create_intent(context, amount, None, None);
    context.breathe();
    challenge(context, &intent);
    intent
}

fn challenge(context: &mut StoryContext<'_>, intent: &str) {
    context.update("payment_intent.requires_action", intent, |intent| {
        intent["next_action"] = json!({
            "type": "use_stripe_sdk", "use_stripe_sdk": { "type": "three_d_secure_redirect" },
        });
        intent["status"] = json!("requires_action");
    });
}

pub(crate) fn payment_canceled(context: &mut StoryContext<'_>) {
    let amount = context.amount();
    let intent = create_intent(context, amount, None, None);
    context.breathe();
    decline(context, &intent);
    context.wait(600);
    cancel(context, &intent, "abandoned");
}

/// The intent is canceled for one of Stripe's reasons.
pub(crate) fn cancel(context: &mut StoryContext<'_>, intent: &str, reason: &str) {
    let now = context.now();
    context.update("payment_intent.canceled", intent, |intent| {
        intent["amount_capturable"] = json!(0);
        intent["canceled_at"] = json!(now);
        intent["cancellation_reason"] = json!(reason);
        intent["status"] = json!("canceled");
    });
}

fn open_session(context: &mut StoryContext<'_>, amount: i64) -> String {
    let (id, session) = payments::session(context, amount);
    // There is no event for the opening of a session.
    context.put(&id, session);
    id
}

fn complete_session(context: &mut StoryContext<'_>, session: &str, intent: &str) {
    context.breathe();
    context.update("checkout.session.completed", session, |session| {
        payments::complete(session, Some(intent), true);
    });
}

/// A payment intent, with its event.
pub(crate) fn create_intent(
    context: &mut StoryContext<'_>,
    amount: i64,
    customer: Option<&str>,
    invoice: Option<&str>,
) -> String {
    let (id, intent) = payments::intent(context, amount, customer, invoice);
    context.create("payment_intent.created", &id, intent);
    id
}

/// A new charge of a card pays the intent. Returns its id.
pub(crate) fn succeed(context: &mut StoryContext<'_>, intent: &str) -> String {
    succeed_with(context, intent, |_| {})
}

/// A new charge pays the intent; it is like a card's except for this change. Returns its id.
fn succeed_with(
    context: &mut StoryContext<'_>,
    intent: &str,
    change: impl FnOnce(&mut Value),
) -> String {
    let (charge_id, mut charge) = payments::charge(context, &context.get(intent).clone());
    change(&mut charge);
    let method = charge["payment_method"].clone();
    context.put(&charge_id, charge);
    attach_charge(context, intent, &charge_id, |intent| {
        intent["amount_received"] = intent["amount"].clone();
        intent["last_payment_error"] = Value::Null;
        intent["next_action"] = Value::Null;
        intent["payment_method"] = method;
        intent["status"] = json!("succeeded");
    });
    context.emit("charge.succeeded", &charge_id);
    context.emit("payment_intent.succeeded", intent);
    charge_id
}

/// The intent's new charge is declined.
pub(crate) fn decline(context: &mut StoryContext<'_>, intent: &str) -> String {
    let (charge_id, mut charge) = payments::charge(context, &context.get(intent).clone());
    payments::decline(&mut charge);
    let error = payments::payment_error(context, &charge);
    context.put(&charge_id, charge);
    attach_charge(context, intent, &charge_id, |intent| {
        intent["last_payment_error"] = error;
    });
    context.emit("charge.failed", &charge_id);
    context.emit("payment_intent.payment_failed", intent);
    charge_id
}

/// The charge's balance transaction, which follows a moment later.
pub(crate) fn settle(context: &mut StoryContext<'_>, charge: &str) {
    context.breathe();
    let transaction = context.id("txn");
    context.update("charge.updated", charge, |charge| {
        charge["balance_transaction"] = json!(transaction);
    });
}

/// The charge is the intent's latest.
pub(crate) fn attach_charge(
    context: &mut StoryContext<'_>,
    intent: &str,
    charge: &str,
    change: impl FnOnce(&mut Value),
) {
    context.change(intent, |intent| {
        intent["latest_charge"] = json!(charge);
        if let Some(charges) = intent["~charges"].as_array_mut() {
            charges.push(json!(charge));
        }
        change(intent);
    });
}
