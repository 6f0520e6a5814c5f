//! What an event of the payments domain says happened.
//!
//! | fact | told by | told apart by |
//! |---|---|---|
//! | `OrderPaid` | a checkout session that is paid, or complete with nothing to pay | |
//! | `PaymentSucceeded` | a payment intent that has succeeded | |
//! | `PaymentFailed` | `payment_intent.payment_failed` | the attempt's charge |
//! | `Refunded` | a refund that has succeeded | |
//! | `RefundFailed` | a refund that has failed, also after it succeeded | |
//! | `DisputeOpened` | any event of a dispute | |
//! | `DisputeClosed` | a dispute that is closed | its outcome |
//!
//! A fact is told by the object's state wherever the state says it, not by the event's type: whichever event comes, and
//! if only one of them ever does, the fact is told. Its data is what doesn't change from one telling to the next. A
//! thin event's object is fetched, and may be further on than the event: it tells what the object says by then.

use serde_json::{Value, json};
use sluice_kernel::consume::Event;
use sluice_kernel::effect::Fact;
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

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
        ("checkout.session", _) if crate::is_settled(fields) => order_paid(fields),
        ("payment_intent", "succeeded") => payment_succeeded(fields),
        ("payment_intent", _) if event.kind == "payment_intent.payment_failed" => {
            payment_failed(event, fields)
        }
        ("refund", "succeeded") => refund("Refunded", fields),
        ("refund", "failed") => refund("RefundFailed", fields),
        ("dispute", status) => dispute(fields, status),
        _ => Ok(Vec::new()),
    }
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
    let order = session
        .optional_text(&format!("metadata/{}", crate::ORDER_KEY))
        .or_else(|| session.optional_text("client_reference_id"));
    let data = json!({
        "amount": session.optional_integer("amount_total"),
        "currency": session.optional_text("currency"),
        "order": order,
        "customer": session.optional_id("customer"),
        "payment_intent": session.optional_id("payment_intent"),
        "subscription": session.optional_id("subscription"),
        "unclaimed": crate::is_unclaimed("checkout.session", session),
    });
    Ok(vec![fact("OrderPaid", session, data)?])
}

fn payment_succeeded(intent: Fields<'_>) -> Result<Vec<Fact>, Fault> {
    let data = json!({
        "amount": intent.integer("amount_received")?,
        "currency": intent.text("currency")?,
        "charge": crate::latest_charge(intent),
        "customer": intent.optional_id("customer"),
        "unclaimed": crate::is_unclaimed("payment_intent", intent),
    });
    Ok(vec![fact("PaymentSucceeded", intent, data)?])
}

/// An attempt that failed. Most attempts made a charge, which tells it apart from others; one that failed before
/// that (the customer didn't authenticate) is told apart by its second.
fn payment_failed(event: &Event, intent: Fields<'_>) -> Result<Vec<Fact>, Fault> {
    // Fetched later, it may have been tried again since: then it no longer says which attempt failed.
    let Some(error) = intent.get("last_payment_error").map(Fields::of) else {
        return Ok(Vec::new());
    };
    let code = error.optional_text("code");
    let charged = code != Some("payment_intent_authentication_failure");
    let charge = error
        .optional_id("charge")
        .or_else(|| crate::latest_charge(intent).filter(|_| charged));
    let data = json!({
        "amount": intent.integer("amount")?,
        "currency": intent.text("currency")?,
        "charge": charge,
        "customer": intent.optional_id("customer"),
        "code": code,
        "decline_code": error.optional_text("decline_code"),
    });
    let by = charge.map_or_else(|| format!("at:{}", event.created), str::to_owned);
    Ok(vec![Fact {
        discriminator: Some(by),
        ..fact("PaymentFailed", intent, data)?
    }])
}

fn refund(kind: &'static str, refund: Fields<'_>) -> Result<Vec<Fact>, Fault> {
    let mut data = json!({
        "amount": refund.integer("amount")?,
        "currency": refund.text("currency")?,
        "charge": refund.optional_id("charge"),
        "payment_intent": refund.optional_id("payment_intent"),
    });
    if kind == "RefundFailed" {
        data["reason"] = json!(refund.optional_text("failure_reason"));
    }
    Ok(vec![fact(kind, refund, data)?])
}

fn dispute(dispute: Fields<'_>, status: &str) -> Result<Vec<Fact>, Fault> {
    let data = json!({
        "amount": dispute.integer("amount")?,
        "currency": dispute.text("currency")?,
        "charge": dispute.optional_id("charge"),
        "payment_intent": dispute.optional_id("payment_intent"),
        "reason": dispute.optional_text("reason"),
    });
    let mut opened = fact("DisputeOpened", dispute, data.clone())?;
    opened.data["due_by"] = json!(dispute.optional_integer("evidence_details/due_by"));
    let mut facts = vec![opened];
    if matches!(status, "won" | "lost" | "warning_closed" | "prevented") {
        let mut closed = fact("DisputeClosed", dispute, data)?;
        closed.data["outcome"] = json!(status);
        // A bank may think again: another outcome is another fact.
        closed.discriminator = Some(status.to_owned());
        facts.push(closed);
    }
    Ok(facts)
}
