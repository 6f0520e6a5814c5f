//! Purchases: Checkout sessions, payment intents and their charges.

use serde_json::{Value, json};

use super::{DAY_S, customers};
use crate::objects::payments;
use crate::story_context::Stage;

/// A purchase that works at once. Returns the charge's id.
pub(crate) fn purchase(stage: &mut Stage<'_>) -> String {
    let amount = stage.amount();
    purchase_in(stage, amount, "usd")
}

/// The same for an amount in a currency.
pub(crate) fn purchase_in(stage: &mut Stage<'_>, amount: i64, currency: &str) -> String {
    let (session, mut truth) = payments::session(stage, amount);
    truth["currency"] = json!(currency);
    stage.put(&session, truth);
    let wait = stage.between(20, 300);
    stage.wait(wait);
    let (intent, mut truth) = payments::intent(stage, amount, None, None);
    truth["currency"] = json!(currency);
    stage.create("payment_intent.created", &intent, truth);
    stage.breathe();
    let charge = succeed(stage, &intent);
    complete_session(stage, &session, &intent);
    settle(stage, &charge);
    charge
}

/// The customer sees and pays a price in their own currency; the shop asked for its own currency, and gets it.
pub(crate) fn adaptive_pricing(stage: &mut Stage<'_>) {
    let amount = stage.amount();
    let session = open_session(stage, amount);
    stage.wait(90);
    let intent = create_intent(stage, amount, None, None);
    stage.breathe();
    let charge = succeed(stage, &intent);
    stage.breathe();
    stage.update("checkout.session.completed", &session, |session| {
        session["presentment_details"] = json!({
            "presentment_amount": amount * 937 / 1_000, "presentment_currency": "eur",
        });
        payments::complete(session, Some(&intent), true);
    });
    settle(stage, &charge);
}

pub(crate) fn declined_then_paid(stage: &mut Stage<'_>) {
    let amount = stage.amount();
    let session = open_session(stage, amount);
    stage.wait(60);
    let intent = create_intent(stage, amount, None, None);
    stage.breathe();
    decline(stage, &intent);
    let wait = stage.between(15, 200);
    stage.wait(wait);
    let charge = succeed(stage, &intent);
    complete_session(stage, &session, &intent);
    settle(stage, &charge);
}

pub(crate) fn abandoned(stage: &mut Stage<'_>) {
    let amount = stage.amount();
    let session = open_session(stage, amount);
    stage.wait(DAY_S + 1);
    stage.stripe_acts();
    stage.update("checkout.session.expired", &session, |session| {
        session["status"] = json!("expired");
        session["url"] = Value::Null;
    });
}

pub(crate) fn delayed_payment(stage: &mut Stage<'_>) {
    let (session, intent, charge_id) = debit(stage);
    stage.change(&charge_id, |charge| {
        charge["status"] = json!("succeeded");
        charge["paid"] = json!(true);
    });
    stage.change(&intent, |intent| {
        intent["status"] = json!("succeeded");
        intent["amount_received"] = intent["amount"].clone();
    });
    stage.emit("charge.succeeded", &charge_id);
    stage.emit("payment_intent.succeeded", &intent);
    stage.breathe();
    stage.update(
        "checkout.session.async_payment_succeeded",
        &session,
        |session| {
            session["payment_status"] = json!("paid");
        },
    );
    settle(stage, &charge_id);
}

pub(crate) fn delayed_payment_fails(stage: &mut Stage<'_>) {
    let (session, intent, charge_id) = debit(stage);
    stage.change(&charge_id, payments::decline);
    let error = payments::payment_error(stage, &stage.get(&charge_id).clone());
    stage.change(&intent, |intent| {
        intent["last_payment_error"] = error;
        intent["payment_method"] = Value::Null;
        intent["status"] = json!("requires_payment_method");
    });
    stage.emit("charge.failed", &charge_id);
    stage.emit("payment_intent.payment_failed", &intent);
    stage.breathe();
    // The session stays complete and unpaid: none of its fields changes.
    stage.emit("checkout.session.async_payment_failed", &session);
}

/// A bank debit that is on its way: the session is complete and unpaid. Returns the session, the intent and the charge.
fn debit(stage: &mut Stage<'_>) -> (String, String, String) {
    let amount = stage.amount();
    let types = json!(["card", "us_bank_account"]);
    let (session, mut truth) = payments::session(stage, amount);
    truth["payment_method_types"] = types.clone();
    stage.put(&session, truth);
    stage.wait(40);
    let (intent, mut truth) = payments::intent(stage, amount, None, None);
    truth["payment_method_types"] = types;
    stage.create("payment_intent.created", &intent, truth);
    let (charge_id, mut charge) = payments::charge(stage, &stage.get(&intent).clone());
    charge["status"] = json!("pending");
    charge["paid"] = json!(false);
    charge["payment_method_details"] = payments::bank_debit(stage);
    let method = charge["payment_method"].clone();
    stage.put(&charge_id, charge);
    attach_charge(stage, &intent, &charge_id, |intent| {
        intent["payment_method"] = method;
        intent["status"] = json!("processing");
    });
    stage.emit("charge.pending", &charge_id);
    stage.emit("payment_intent.processing", &intent);
    stage.breathe();
    stage.update("checkout.session.completed", &session, |session| {
        payments::complete(session, Some(&intent), false);
    });
    stage.wait(4 * DAY_S);
    stage.stripe_acts();
    (session, intent, charge_id)
}

/// The customer wires a part of the amount, and the rest a day later.
pub(crate) fn bank_transfer(stage: &mut Stage<'_>) {
    let customer = customers::create(stage);
    let amount = stage.amount();
    let (intent, mut truth) = payments::intent(stage, amount, Some(&customer), None);
    truth["payment_method_options"] = json!({ "customer_balance": {
        "bank_transfer": { "type": "us_bank_transfer" }, "funding_type": "bank_transfer",
    } });
    truth["payment_method_types"] = json!(["customer_balance"]);
    stage.create("payment_intent.created", &intent, truth);
    let method = json!(stage.id("pm"));
    let instructions = payments::transfer_instructions(stage, amount);
    stage.update("payment_intent.requires_action", &intent, |intent| {
        intent["next_action"] = instructions;
        intent["payment_method"] = method.clone();
        intent["status"] = json!("requires_action");
    });
    stage.wait(2 * DAY_S);
    stage.stripe_acts();
    stage.update("payment_intent.partially_funded", &intent, |intent| {
        let instructions = &mut intent["next_action"]["display_bank_transfer_instructions"];
        instructions["amount_remaining"] = json!(amount - amount * 2 / 5);
    });
    stage.wait(DAY_S);
    let charge = succeed_with(stage, &intent, |charge| {
        charge["payment_method"] = method;
        charge["payment_method_details"] =
            json!({ "customer_balance": {}, "type": "customer_balance" });
    });
    settle(stage, &charge);
}

pub(crate) fn authenticated(stage: &mut Stage<'_>) {
    let amount = stage.amount();
    let intent = challenged(stage, amount);
    stage.wait(45);
    let charge = succeed(stage, &intent);
    settle(stage, &charge);
}

pub(crate) fn not_authenticated(stage: &mut Stage<'_>) {
    let amount = stage.amount();
    let intent = challenged(stage, amount);
    stage.wait(90);
    refuse_authentication(stage, &intent);
    stage.wait(300);
    cancel(stage, &intent, "abandoned");
}

pub(crate) fn fails_twice_without_charge(stage: &mut Stage<'_>) {
    let amount = stage.amount();
    let intent = challenged(stage, amount);
    stage.wait(90);
    refuse_authentication(stage, &intent);
    // One change, two events.
    stage.pass_a_second();
    stage.emit("payment_intent.payment_failed", &intent);
    stage.wait(30);
    challenge(stage, &intent);
    stage.wait(90);
    refuse_authentication(stage, &intent);
    stage.wait(300);
    cancel(stage, &intent, "abandoned");
}

/// The customer doesn't authenticate: no charge is made.
fn refuse_authentication(stage: &mut Stage<'_>, intent: &str) {
    stage.update("payment_intent.payment_failed", intent, |intent| {
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
fn challenged(stage: &mut Stage<'_>, amount: i64) -> String {
    let intent = create_intent(stage, amount, None, None);
    stage.breathe();
    challenge(stage, &intent);
    intent
}

fn challenge(stage: &mut Stage<'_>, intent: &str) {
    stage.update("payment_intent.requires_action", intent, |intent| {
        intent["next_action"] = json!({
            "type": "use_stripe_sdk", "use_stripe_sdk": { "type": "three_d_secure_redirect" },
        });
        intent["status"] = json!("requires_action");
    });
}

pub(crate) fn payment_canceled(stage: &mut Stage<'_>) {
    let amount = stage.amount();
    let intent = create_intent(stage, amount, None, None);
    stage.breathe();
    decline(stage, &intent);
    stage.wait(600);
    cancel(stage, &intent, "abandoned");
}

/// The intent is canceled for one of Stripe's reasons.
pub(crate) fn cancel(stage: &mut Stage<'_>, intent: &str, reason: &str) {
    let now = stage.now();
    stage.update("payment_intent.canceled", intent, |intent| {
        intent["amount_capturable"] = json!(0);
        intent["canceled_at"] = json!(now);
        intent["cancellation_reason"] = json!(reason);
        intent["status"] = json!("canceled");
    });
}

fn open_session(stage: &mut Stage<'_>, amount: i64) -> String {
    let (id, session) = payments::session(stage, amount);
    // There is no event for the opening of a session.
    stage.put(&id, session);
    id
}

fn complete_session(stage: &mut Stage<'_>, session: &str, intent: &str) {
    stage.breathe();
    stage.update("checkout.session.completed", session, |session| {
        payments::complete(session, Some(intent), true);
    });
}

/// A payment intent, with its event.
pub(crate) fn create_intent(
    stage: &mut Stage<'_>,
    amount: i64,
    customer: Option<&str>,
    invoice: Option<&str>,
) -> String {
    let (id, intent) = payments::intent(stage, amount, customer, invoice);
    stage.create("payment_intent.created", &id, intent);
    id
}

/// A new charge of a card pays the intent. Returns its id.
pub(crate) fn succeed(stage: &mut Stage<'_>, intent: &str) -> String {
    succeed_with(stage, intent, |_| {})
}

/// A new charge pays the intent; it is like a card's except for this change. Returns its id.
fn succeed_with(stage: &mut Stage<'_>, intent: &str, change: impl FnOnce(&mut Value)) -> String {
    let (charge_id, mut charge) = payments::charge(stage, &stage.get(intent).clone());
    change(&mut charge);
    let method = charge["payment_method"].clone();
    stage.put(&charge_id, charge);
    attach_charge(stage, intent, &charge_id, |intent| {
        intent["amount_received"] = intent["amount"].clone();
        intent["last_payment_error"] = Value::Null;
        intent["next_action"] = Value::Null;
        intent["payment_method"] = method;
        intent["status"] = json!("succeeded");
    });
    stage.emit("charge.succeeded", &charge_id);
    stage.emit("payment_intent.succeeded", intent);
    charge_id
}

/// The intent's new charge is declined.
pub(crate) fn decline(stage: &mut Stage<'_>, intent: &str) -> String {
    let (charge_id, mut charge) = payments::charge(stage, &stage.get(intent).clone());
    payments::decline(&mut charge);
    let error = payments::payment_error(stage, &charge);
    stage.put(&charge_id, charge);
    attach_charge(stage, intent, &charge_id, |intent| {
        intent["last_payment_error"] = error;
    });
    stage.emit("charge.failed", &charge_id);
    stage.emit("payment_intent.payment_failed", intent);
    charge_id
}

/// The charge's balance transaction, which follows a moment later.
pub(crate) fn settle(stage: &mut Stage<'_>, charge: &str) {
    stage.breathe();
    let transaction = stage.id("txn");
    stage.update("charge.updated", charge, |charge| {
        charge["balance_transaction"] = json!(transaction);
    });
}

/// The charge is the intent's latest.
pub(crate) fn attach_charge(
    stage: &mut Stage<'_>,
    intent: &str,
    charge: &str,
    change: impl FnOnce(&mut Value),
) {
    stage.change(intent, |intent| {
        intent["latest_charge"] = json!(charge);
        if let Some(charges) = intent["~charges"].as_array_mut() {
            charges.push(json!(charge));
        }
        change(intent);
    });
}
