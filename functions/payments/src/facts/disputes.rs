//! Disputes: inquiries, chargebacks, and how they end.
//!
//! | status | stage | facts |
//! |---|---|---|
//! | `warning_needs_response`, `warning_under_review` | inquiry | `InquiryOpened` |
//! | `warning_closed` | inquiry | `InquiryOpened`, `DisputeClosed` |
//! | `needs_response`, `under_review` | chargeback | `DisputeOpened` |
//! | `won`, `lost` | chargeback | `DisputeOpened`, `DisputeClosed` |
//! | `prevented`, `charge_refunded` | not said | `DisputeClosed` |
//!
//! - An inquiry asks and moves no money; it may become a chargeback under the same id, even after `warning_closed`
//!   (<https://docs.stripe.com/disputes/how-disputes-work>). If all events of a dispute show the chargeback, it calls
//!   for no `InquiryOpened`: they don't say that there was an inquiry.
//! - `prevented` never became a chargeback (<https://docs.stripe.com/api/disputes/object>).
//! - `charge_refunded` is an outcome that Stripe had from 2014 on and has dropped (stripe/stripe-java#99); inquiries
//!   and chargebacks could end with it.
//!
//! Facts say what doesn't change while a dispute lasts. What does change (its status, the deadline, the money) is the
//! level `Dispute`. Money is in the currency of each balance transaction, which may differ from the dispute's.

use serde_json::json;
use sluice_kernel::effects::effect::{Fact, Level};
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

use super::fact;
use crate::state::Payment;

/// Statuses in which nothing is awaited. An inquiry may still become a chargeback, and a bank may change its decision.
const CLOSED: [&str; 5] = [
    "won",
    "lost",
    "warning_closed",
    "prevented",
    "charge_refunded",
];

/// `inquiry` or `chargeback`; `None` if the status doesn't say.
pub(crate) fn stage(status: &str) -> Option<&'static str> {
    match status {
        "needs_response" | "under_review" | "won" | "lost" => Some("chargeback"),
        _ if status.starts_with("warning_") => Some("inquiry"),
        _ => None,
    }
}

pub(super) fn of(dispute: Fields<'_>, status: &str) -> Result<Vec<Fact>, Fault> {
    let data = json!({
        "amount": dispute.integer("amount")?,
        "currency": dispute.text("currency")?,
        "charge": dispute.optional_id("charge"),
        "payment_intent": dispute.optional_id("payment_intent"),
        "reason": dispute.optional_text("reason"),
    });
    let mut facts = Vec::new();
    match stage(status) {
        Some("inquiry") => facts.push(fact("InquiryOpened", dispute, data.clone())?),
        Some(_) => facts.push(fact("DisputeOpened", dispute, data.clone())?),
        None => {}
    }
    if CLOSED.contains(&status) {
        let mut closed = fact("DisputeClosed", dispute, data)?;
        closed.data["outcome"] = json!(status);
        // A bank may change its decision: another outcome is another fact.
        closed.discriminator = Some(status.to_owned());
        facts.push(closed);
    }
    Ok(facts)
}

/// Whether a dispute of this status differs from the fact.
pub(super) fn is_overtaken(fact: &Fact, status: &str) -> bool {
    let is_closed = CLOSED.contains(&status);
    let is_chargeback = stage(status) == Some("chargeback");
    match (fact.kind, fact.discriminator.as_deref()) {
        ("InquiryOpened", _) => is_closed || is_chargeback,
        ("DisputeOpened", _) => is_closed,
        ("DisputeClosed", Some("warning_closed")) => is_chargeback,
        ("DisputeClosed", Some(outcome)) => is_closed && status != outcome,
        _ => false,
    }
}

/// The dispute as it is now.
pub(crate) fn level(id: &str, state: &Payment) -> Level {
    Level {
        kind: "Dispute",
        key: id.to_owned(),
        data: json!({
            "status": state.status,
            "stage": stage(&state.status),
            "due_by": state.due_by,
            "moved": state.moved,
            "amount": state.amount,
            "currency": state.currency,
            "charge": state.charge,
            "payment_intent": state.payment_intent,
            "reason": state.reason,
        }),
        until: None,
    }
}
