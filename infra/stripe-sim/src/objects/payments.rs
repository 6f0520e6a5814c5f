//! Payment objects as Stripe makes them.

use serde_json::{Value, json};

use crate::story_context::StoryContext;

/// A payment intent: nothing paid, no method chosen. `invoice` is the invoice that it pays, if any.
pub(crate) fn intent(
    context: &mut StoryContext<'_>,
    amount: i64,
    customer: Option<&str>,
    invoice: Option<&str>,
) -> (String, Value) {
    let id = context.id("pi");
    let secret = context.token(25);
    let order = context.token(6);
    let mut intent = context.blank("payment_intent", &id);
    intent["amount"] = json!(amount);
    intent["client_secret"] = json!(format!("{id}_secret_{secret}"));
    intent["customer"] = json!(customer);
    intent["~invoice"] = json!(invoice);
    intent["~charges"] = json!([]);
    if invoice.is_none() {
        intent["metadata"] = json!({ "order": format!("order-{order}") });
    }
    (id, intent)
}

/// A charge of this intent that went through; its balance transaction follows.
pub(crate) fn charge(context: &mut StoryContext<'_>, intent: &Value) -> (String, Value) {
    let id = context.id("ch");
    let method = context.id("pm");
    let receipt = context.token(64);
    let mut charge = context.blank("charge", &id);
    for field in ["amount", "currency", "customer", "metadata", "~invoice"] {
        charge[field] = intent[field].clone();
    }
    charge["amount_captured"] = intent["amount"].clone();
    charge["payment_intent"] = intent["id"].clone();
    charge["payment_method"] = json!(method);
    charge["receipt_url"] = json!(format!("https://pay.stripe.com/receipts/payment/{receipt}"));
    let card = &mut charge["payment_method_details"]["card"];
    card["amount_authorized"] = intent["amount"].clone();
    card["overcapture"]["maximum_amount_capturable"] = intent["amount"].clone();
    charge["~refunds"] = json!([]);
    (id, charge)
}

/// The details of a charge on a bank account; the money takes days.
pub(crate) fn bank_debit(context: &mut StoryContext<'_>) -> Value {
    let fingerprint = context.token(16);
    let mandate = context.id("mandate");
    json!({
        "type": "us_bank_account",
        "us_bank_account": {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "fingerprint": fingerprint,
            "last4": "6789",
            "mandate": mandate,
            "payment_reference": null,
            "routing_number": "110000000",
        },
    })
}

/// The instructions for a bank transfer of this amount.
pub(crate) fn transfer_instructions(context: &mut StoryContext<'_>, amount: i64) -> Value {
    let reference = context.token(12).to_uppercase();
    json!({
        "display_bank_transfer_instructions": {
            "amount_remaining": amount,
            "currency": "usd",
            "financial_addresses": [{
                "aba": {
                    "account_holder_name": "Sluice Sample Shop",
                    "account_number": "11119987600453127",
                    "account_type": "checking",
                    "bank_name": "US Test Bank",
                    "routing_number": "999999999",
                },
                "supported_networks": ["ach", "domestic_wire_us"],
                "type": "aba",
            }],
            "hosted_instructions_url":
                "https://payments.stripe.com/bank_transfers/instructions/test",
            "reference": reference,
            "type": "us_bank_transfer",
        },
        "type": "display_bank_transfer_instructions",
    })
}

/// Makes a charge one that the bank declined.
pub(crate) fn decline(charge: &mut Value) {
    charge["status"] = json!("failed");
    charge["paid"] = json!(false);
    charge["captured"] = json!(false);
    charge["amount_captured"] = json!(0);
    charge["failure_code"] = json!("card_declined");
    charge["failure_message"] = json!("Your card was declined.");
    charge["receipt_url"] = Value::Null;
    if let Some(card) = charge["payment_method_details"].get_mut("card") {
        card["amount_authorized"] = Value::Null;
        card["authorization_code"] = Value::Null;
        card["last4"] = json!("0002");
    }
    let outcome = &mut charge["outcome"];
    outcome["network_status"] = json!("declined_by_network");
    outcome["network_decline_code"] = json!("05");
    outcome["advice_code"] = json!("try_again_later");
    outcome["reason"] = json!("generic_decline");
    outcome["type"] = json!("issuer_declined");
    outcome["seller_message"] =
        json!("The bank did not return any further details with this decline.");
}

/// The error of a payment intent with a declined charge.
pub(crate) fn payment_error(context: &StoryContext<'_>, charge: &Value) -> Value {
    let method = charge["payment_method"].as_str().unwrap_or_default();
    let mut card = context.blank("payment_method", method);
    card["card"]["last4"] = json!("0002");
    json!({
        "advice_code": "try_again_later",
        "charge": charge["id"],
        "code": "card_declined",
        "decline_code": "generic_decline",
        "doc_url": "https://stripe.com/docs/error-codes/card-declined",
        "message": "Your card was declined.",
        "network_decline_code": "05",
        "payment_method": card,
        "type": "card_error",
    })
}

/// An open checkout session for one payment.
pub(crate) fn session(context: &mut StoryContext<'_>, amount: i64) -> (String, Value) {
    let id = context.id("cs");
    let order = format!("order-{}", context.token(6));
    let mut session = context.blank("checkout_session", &id);
    session["amount_subtotal"] = json!(amount);
    session["amount_total"] = json!(amount);
    session["client_reference_id"] = json!(order);
    session["metadata"] = json!({ "order": order });
    session["expires_at"] = json!(context.now() + 86_400);
    session["url"] = json!(format!("https://checkout.stripe.com/c/pay/{id}"));
    (id, session)
}

/// The customer has completed the session.
pub(crate) fn complete(session: &mut Value, intent: Option<&str>, paid: bool) {
    session["customer_details"] = json!({
        "address": {
            "city": "Springfield", "country": "US", "line1": "742 Cedar Lane", "line2": null,
            "postal_code": "62704", "state": "IL",
        },
        "business_name": null,
        "email": "ada.sample@example.com",
        "individual_name": null,
        "name": "Ada Sample",
        "phone": null,
        "tax_exempt": "none",
        "tax_ids": [],
    });
    session["payment_intent"] = json!(intent);
    session["payment_status"] = json!(if paid { "paid" } else { "unpaid" });
    session["status"] = json!("complete");
    session["url"] = Value::Null;
}

/// A refund of part or all of a charge.
pub(crate) fn refund(
    context: &mut StoryContext<'_>,
    charge: &Value,
    amount: i64,
    status: &str,
) -> (String, Value) {
    let id = context.id("re");
    let transaction = context.id("txn");
    let mut refund = context.blank("refund", &id);
    refund["amount"] = json!(amount);
    // A pending refund's money hasn't left the balance.
    if !matches!(status, "pending" | "requires_action") {
        refund["balance_transaction"] = json!(transaction);
    }
    refund["charge"] = charge["id"].clone();
    refund["currency"] = charge["currency"].clone();
    refund["payment_intent"] = charge["payment_intent"].clone();
    refund["status"] = json!(status);
    (id, refund)
}

/// A dispute as the cardholder's bank opens it.
pub(crate) fn dispute(context: &mut StoryContext<'_>, charge: &Value) -> (String, Value) {
    let id = context.id("du");
    let mut dispute = context.blank("dispute", &id);
    for field in ["amount", "currency", "payment_intent"] {
        dispute[field] = charge[field].clone();
    }
    dispute["charge"] = charge["id"].clone();
    dispute["evidence_details"]["due_by"] = json!(context.now() + 9 * 86_400);
    (id, dispute)
}

/// The inquiry that a bank may make before it opens a chargeback.
pub(crate) fn inquiry(context: &mut StoryContext<'_>, charge: &Value) -> (String, Value) {
    let (id, mut inquiry) = dispute(context, charge);
    inquiry["status"] = json!("warning_needs_response");
    inquiry["is_charge_refundable"] = json!(true);
    inquiry["payment_method_details"]["card"]["case_type"] = json!("inquiry");
    (id, inquiry)
}

/// The same transaction in dollars. The rate is in thousandths of a cent for each minor unit of the payment's currency.
pub(crate) fn convert(funds: &mut Value, thousandths: i64) {
    let amount = funds["amount"].as_i64().unwrap_or_default() * thousandths / 1_000;
    let fee = funds["fee"].as_i64().unwrap_or_default();
    funds["amount"] = json!(amount);
    funds["currency"] = json!("usd");
    if fee > 0 {
        funds["fee_details"][0]["currency"] = json!("usd");
    }
    funds["exchange_rate"] = json!(format!("0.{thousandths:03}").parse::<f64>().ok());
    funds["net"] = json!(amount - fee);
}

/// The balance transaction by which a disputed amount leaves (`sign` -1) or returns (1).
pub(crate) fn dispute_funds(context: &mut StoryContext<'_>, dispute: &Value, sign: i64) -> Value {
    let id = context.id("txn");
    let mut funds = context.blank("balance_transaction", &id);
    let amount = sign * dispute["amount"].as_i64().unwrap_or_default();
    let fee = if sign < 0 { 1500 } else { 0 };
    let charge = dispute["charge"].as_str().unwrap_or_default();
    let (what, category) = if sign < 0 {
        ("withdrawal", "dispute")
    } else {
        ("reversal", "dispute_reversal")
    };
    funds["amount"] = json!(amount);
    funds["fee"] = json!(fee);
    if fee > 0 {
        funds["fee_details"] = json!([{
            "amount": fee, "application": null, "currency": dispute["currency"],
            "description": "Dispute fee", "type": "stripe_fee",
        }]);
    }
    funds["net"] = json!(amount - fee);
    funds["currency"] = dispute["currency"].clone();
    funds["available_on"] = json!(context.now() + 2 * 86_400);
    funds["description"] = json!(format!("Chargeback {what} for {charge}"));
    funds["reporting_category"] = json!(category);
    funds["source"] = dispute["id"].clone();
    funds
}
