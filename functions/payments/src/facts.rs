//! What an event of the payments domain says happened.
//!
//! | fact | called for by | distinguished by |
//! |---|---|---|
//! | `OrderPaid` | a checkout session that is paid, or complete with nothing to pay | |
//! | `PaymentSucceeded` | a payment intent that has succeeded | |
//! | `PaymentFailed` | `payment_intent.payment_failed` | the attempt, see below |
//! | `Refunded` | a refund of captured money, see [`refunds`] | |
//! | `RefundFailed` | a refund that failed or was canceled | |
//! | `AuthorizationReleased` | a charge, or a refund that moved nothing | |
//! | `InquiryOpened` | a dispute that is an inquiry, see [`disputes`] | |
//! | `DisputeOpened` | a dispute that is a chargeback | |
//! | `DisputeClosed` | a dispute that is closed | its outcome |
//!
//! The object's state calls for a fact, not the event's type: the fact is emitted for whichever event comes, even if
//! only one of them ever does. Its data is what every event that calls for it says alike, in every API version. A thin
//! event's object is fetched, and may be further on than the event.
//!
//! # How they add up
//!
//! Σ `PaymentSucceeded.amount` − Σ `Refunded.amount` + Σ `RefundFailed.amount`, by currency, is what payments have
//! brought in (without fees); what a dispute moved is in its last `Dispute` level. `AuthorizationReleased` adds
//! nothing.
//!
//! # Attempts that failed
//!
//! An attempt is distinguished by its charge, which `last_payment_error` names for card errors
//! (<https://docs.stripe.com/api/payment_intents/object>). An attempt that failed before there was a charge (the
//! customer didn't authenticate) is distinguished by the API request that made it. All events of one change name that
//! request (<https://docs.stripe.com/api/events/object>), even in different seconds. What fails without a request names
//! none: a bank debit that bounces has the intent's latest charge; an authentication that lapses has its second.
//!
//! A check for an event that Stripe failed to make doesn't name a request either. If the attempt has a charge, the
//! check's fact is the event's. If it has none, the fact has the second of Stripe's notice: the same notice is one
//! fact, however often it is asked about. Two notices of one attempt without a charge, or a notice and the attempt's
//! thin event, are two facts: nothing in Stripe's object says which attempt they are about.

pub mod disputes;
pub mod refunds;

use serde_json::{Value, json};
use sluice_kernel::effects::effect::Fact;
use sluice_kernel::event::Event;
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

use crate::state::{self, Payment};

/// Codes of attempts that fail before there is a charge: the intent's latest charge belongs to another attempt.
const WITHOUT_CHARGE: [&str; 2] = [
    "payment_intent_authentication_failure",
    "payment_intent_payment_attempt_expired",
];

/// What the event says happened.
///
/// # Errors
/// `Reject` with `object.field_missing`.
pub fn of(event: &Event) -> Result<Vec<Fact>, Fault> {
    let fields = Fields::of(&event.object);
    if fields.flag("deleted") {
        return Ok(Vec::new());
    }
    let status = fields.optional_text("status").unwrap_or_default();
    match (fields.text("object")?, status) {
        ("checkout.session", _) if state::is_settled(fields) => order_paid(fields),
        ("payment_intent", "succeeded") => payment_succeeded(fields),
        ("payment_intent", _) if event.kind == "payment_intent.payment_failed" => {
            payment_failed(event, fields)
        }
        ("charge", _) => refunds::of_charge(fields),
        ("refund", _) => refunds::of_refund(fields),
        ("dispute", status) => disputes::of(fields, status),
        _ => Ok(Vec::new()),
    }
}

/// What has become of the object since the fact, if its state now differs from the fact.
pub fn overtaken(fact: &Fact, state: &Payment) -> Option<String> {
    let status = &*state.status;
    let is_overtaken = match (fact.kind, &*state.object) {
        ("PaymentFailed", "payment_intent") => matches!(status, "succeeded" | "canceled"),
        ("Refunded", "refund") => matches!(status, "failed" | "canceled"),
        (_, "dispute") => disputes::is_overtaken(fact, status),
        _ => false,
    };
    is_overtaken.then(|| status.to_owned())
}

fn fact(kind: &'static str, fields: Fields<'_>, data: Value) -> Result<Fact, Fault> {
    Ok(Fact {
        kind,
        object: fields.text("id")?.to_owned(),
        discriminator: None,
        data,
    })
}

fn order_paid(session: Fields<'_>) -> Result<Vec<Fact>, Fault> {
    let (asked, presented) = state::prices(session);
    let presented = presented.filter(|presented| *presented != asked).unzip();
    let data = json!({
        "amount": asked.0,
        "currency": asked.1,
        "presented_amount": presented.0.flatten(),
        "presented_currency": presented.1.flatten(),
        "order": state::order(session),
        "customer": session.optional_id("customer"),
        "payment_intent": session.optional_id("payment_intent"),
        "subscription": session.optional_id("subscription"),
        "unclaimed": state::unclaimed("checkout.session", session),
    });
    Ok(vec![fact("OrderPaid", session, data)?])
}

fn payment_succeeded(intent: Fields<'_>) -> Result<Vec<Fact>, Fault> {
    let order = state::order(intent);
    let data = json!({
        "amount": intent.integer("amount_received")?,
        "currency": intent.text("currency")?,
        "charge": state::latest_charge(intent),
        "customer": intent.optional_id("customer"),
        "order": order,
        // Some API versions don't say whether an invoice called for it: a fact has the same data in all.
        "unclaimed": order.map(|_| false),
    });
    Ok(vec![fact("PaymentSucceeded", intent, data)?])
}

fn payment_failed(event: &Event, intent: Fields<'_>) -> Result<Vec<Fact>, Fault> {
    // If it was fetched later, it may have been tried again since: then it no longer says which attempt failed.
    let Some(error) = intent.get("last_payment_error").map(Fields::of) else {
        return Ok(Vec::new());
    };
    let code = error.optional_text("code");
    let request = event.request.as_deref();
    let bounced = request.is_none() && !code.is_some_and(|code| WITHOUT_CHARGE.contains(&code));
    let charge = error
        .optional_id("charge")
        .or_else(|| state::latest_charge(intent).filter(|_| bounced));
    let data = json!({
        "amount": intent.integer("amount")?,
        "currency": intent.text("currency")?,
        "charge": charge,
        "customer": intent.optional_id("customer"),
        "code": code,
        "decline_code": error.optional_text("decline_code"),
    });
    let attempt = match (charge, request) {
        (Some(charge), _) => charge.to_owned(),
        (None, Some(request)) => request.to_owned(),
        (None, None) => format!("at:{}", event.created),
    };
    Ok(vec![Fact {
        discriminator: Some(attempt),
        ..fact("PaymentFailed", intent, data)?
    }])
}
