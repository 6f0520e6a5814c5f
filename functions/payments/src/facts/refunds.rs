//! Refunds of captured money, and releases of money that was never captured.
//!
//! Stripe makes a refund object for both. What a refund says about money:
//!
//! | status | balance transaction | failure balance transaction | facts |
//! |---|---|---|---|
//! | `succeeded`, or none (old refunds) | yes | | `Refunded` |
//! | `succeeded` | no; a card's `destination_details` are a `refund` | | `Refunded` |
//! | `succeeded` | no; neither, or the charge isn't captured | | `AuthorizationReleased` |
//! | `succeeded` | no; a card's `destination_details` are `pending` | | none yet |
//! | `pending`, `requires_action` | any | | none yet |
//! | `failed`, `canceled` | either of the two | | `Refunded` and `RefundFailed` of the same amount |
//! | `failed`, `canceled` | no | no | `RefundFailed` of 0: no money ever left |
//! | any, and neither charge nor payment intent | any | any | none: a customer's cash balance, no payment's money |
//!
//! The reasons:
//!
//! - `balance_transaction` is "the impact on your account balance", and `failure_balance_transaction` "reverses the
//!   initial balance transaction" (<https://docs.stripe.com/api/refunds/object>). Money that was authorized and not
//!   captured was never on the balance. Both are nullable, as is the status.
//! - The rest of a partial capture "is automatically refunded" (<https://docs.stripe.com/api/charges/capture>): the charge
//!   has `amount_captured` below `amount`, `amount_refunded` holds the rest, and a refund of it has no balance transaction
//!   (solidusio/solidus_stripe#268, woocommerce/woocommerce-gateway-stripe#861). An intent that is canceled sends
//!   `charge.refunded` with `captured: false` (odoo/odoo#259230). An uncaptured charge can't be refunded in part
//!   (woocommerce/woocommerce-gateway-stripe#853), so a charge releases once.
//! - A card's `destination_details` are a `refund`, a `reversal` or `pending`. A captured payment can be reversed too, so a
//!   `reversal` alone says nothing; an authorization is never sent back as a `refund`.
//! - A refund that lacks funds or the customer's answer waits as `pending` or `requires_action`, and can be canceled
//!   from there; one that succeeded can fail or be canceled later, and the money comes back
//!   (<https://docs.stripe.com/refunds>). Any event of such a refund calls for both facts, so they add up to zero.
//!
//! One point isn't certain: whether a refund of captured money can be `succeeded` before its balance transaction
//! exists, as the charge of an asynchronous capture can. Such a refund without its charge, and with a `reversal`, would
//! count as a release until its next event. `AuthorizationReleased` adds nothing, so the sum is right as soon as
//! `Refunded` comes. A charge that lists its refunds has no such error.
//!
//! The refund owns `Refunded` and `RefundFailed`. Refunds that lie inside a charge (up to API version 2022-08-01, or
//! asked for) call for the same facts with the same ids. The charge owns `AuthorizationReleased`: both the charge and
//! the refund call for it.

use serde_json::{Value, json};
use sluice_kernel::effects::effect::Fact;
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

use super::fact;

/// The statuses of a refund that moved no money in the end.
pub const FAILED: [&str; 2] = ["failed", "canceled"];

/// The facts that a charge calls for about its refunds.
pub(super) fn of_charge(charge: Fields<'_>) -> Result<Vec<Fact>, Fault> {
    let mut facts = Vec::new();
    let released = released(charge);
    if let Some(amount) = released.filter(|amount| *amount > 0) {
        facts.push(Fact {
            data: json!({
                "amount": amount,
                "currency": charge.text("currency")?,
                "charge": charge.text("id")?,
                "payment_intent": charge.optional_id("payment_intent"),
            }),
            ..fact("AuthorizationReleased", charge, Value::Null)?
        });
    }
    if is_captured(charge) {
        for refund in charge.list("refunds") {
            // If the charge can say what it has released, it is more reliable than a refund without a transaction.
            let is_known = |said: &Fact| said.kind == "AuthorizationReleased" && released.is_some();
            let said = of_refund(refund)?.into_iter();
            facts.extend(said.filter(|said| !is_known(said)));
        }
    }
    Ok(facts)
}

/// The facts that a refund calls for.
pub(super) fn of_refund(refund: Fields<'_>) -> Result<Vec<Fact>, Fault> {
    let charge = refund.optional_id("charge");
    let intent = refund.optional_id("payment_intent");
    if charge.is_none() && intent.is_none() {
        return Ok(Vec::new());
    }
    let data = json!({
        "amount": refund.integer("amount")?,
        "currency": refund.text("currency")?,
        "charge": charge,
        "payment_intent": intent,
    });
    let is_there = |field: &str| refund.optional_id(field).is_some();
    let on_balance = is_there("balance_transaction");
    let card = refund.optional_text("destination_details/card/type");
    match (refund.optional_text("status"), card) {
        (Some(status), _) if FAILED.contains(&status) => {
            let moved = on_balance || is_there("failure_balance_transaction");
            let mut failed = fact("RefundFailed", refund, data.clone())?;
            let reason = refund.optional_text("failure_reason");
            let canceled = Some(status).filter(|status| *status == "canceled");
            failed.data["reason"] = json!(reason.or(canceled));
            failed.data["refund_amount"] = data["amount"].clone();
            if !moved {
                failed.data["amount"] = json!(0);
                return Ok(vec![failed]);
            }
            Ok(vec![fact("Refunded", refund, data)?, failed])
        }
        (Some("succeeded") | None, _) if on_balance => Ok(vec![fact("Refunded", refund, data)?]),
        (Some("succeeded"), Some("refund")) => Ok(vec![fact("Refunded", refund, data)?]),
        (Some("succeeded"), Some("pending")) => Ok(Vec::new()),
        (Some("succeeded"), _) => Ok(charge
            .map(|charge| Fact {
                kind: "AuthorizationReleased",
                object: charge.to_owned(),
                discriminator: None,
                data,
            })
            .into_iter()
            .collect()),
        _ => Ok(Vec::new()),
    }
}

/// How much of a charge's authorization is released by now; `None` if the charge can't say.
///
/// A charge that can be captured several times may still hold what isn't captured: then only the refund calls for the
/// fact.
fn released(charge: Fields<'_>) -> Option<i64> {
    if charge.optional_text("status") == Some("failed") {
        return Some(0);
    }
    let again = charge.optional_text("payment_method_details/card/multicapture/status");
    let may_be_captured_again = is_captured(charge) && again == Some("available");
    (!may_be_captured_again).then(|| amounts(charge).released)
}

fn is_captured(charge: Fields<'_>) -> bool {
    charge.flag("captured")
}

/// Whether the charge has been refunded and doesn't list all of its refunds, because they have to be requested.
pub(crate) fn are_left_out(charge: Fields<'_>) -> bool {
    let is_listed = charge.get("refunds").is_some() && !charge.flag("refunds/has_more");
    is_captured(charge) && !is_listed
}

/// What became of what a charge authorized, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Amounts {
    /// Captured from the customer.
    pub(crate) captured: i64,
    /// Held, and released without being captured.
    pub(crate) released: i64,
    /// Captured, and given back.
    pub(crate) refunded: i64,
}

/// The amounts of a charge. Stripe counts what is released as refunded.
pub(crate) fn amounts(charge: Fields<'_>) -> Amounts {
    let amount = |field: &str| charge.optional_integer(field);
    let authorized = amount("amount").unwrap_or_default();
    let back = amount("amount_refunded").unwrap_or_default();
    if !is_captured(charge) {
        return Amounts {
            captured: 0,
            released: back,
            refunded: 0,
        };
    }
    let captured = amount("amount_captured").unwrap_or(authorized);
    // The part that isn't captured is released as a whole, or not yet.
    let rest = (authorized - captured).max(0);
    let released = if back >= rest { rest } else { 0 };
    Amounts {
        captured,
        released,
        refunded: back - released,
    }
}
