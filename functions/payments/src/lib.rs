//! The payments domain: what is paid, released, given back, disputed or under suspicion.
//!
//! | event types | object | what is kept besides status, amount and currency | effects |
//! |---|---|---|---|
//! | `checkout.session.*` | checkout session | whether it is paid, its order, payment intent, invoice and customer | `OrderPaid` |
//! | `payment_intent.*` | payment intent | capture method and amounts, its order, latest charge, invoice and customer | `PaymentSucceeded`, `PaymentFailed` |
//! | `charge.*` | charge | how much was captured, released and given back, why it failed | `AuthorizationReleased`, and its refunds' |
//! | `refund.*`, `charge.refund.updated` | refund | its charge, why it failed | `Refunded`, `RefundFailed`, `AuthorizationReleased` |
//! | `charge.dispute.*` | dispute | its charge, its reason, its deadline, the money moved by it | `InquiryOpened`, `DisputeOpened`, `DisputeClosed`, level `Dispute` |
//! | `setup_intent.*` | setup intent | its customer, why it failed | |
//! | `review.*` | review | its charge, why it was opened or closed | |
//! | `radar.early_fraud_warning.*` | warning | its charge, the kind of fraud | |
//!
//! Each fact has one owner, and is described in [`facts`]. A payment intent doesn't name its order, so the checkout
//! session emits the order's payment. An endpoint that gets `charge.refunded` and no `refund.*` still gets refunds:
//! they lie inside the charge up to API version 2022-08-01, and are requested with a key since. Without a key only the
//! charge's state shows them. A refund that fails after that needs `refund.failed` (or `refund.updated`, or
//! `charge.refund.updated`).
//!
//! Amounts are integers in the currency's minor unit, and are never added across currencies. A charge made without a
//! payment intent (the API before 2019) is kept, and no fact says that it succeeded: facts of its refunds have nothing
//! to be subtracted from.
//!
//! A paid session or payment that no order claims is flagged `unclaimed` in the state: people should look at it. See
//! [`ORDER_KEY`]. Since API version 2025-03-31 a payment intent doesn't say whether an invoice called for it: then the
//! flag is `null`.

pub mod facts;
mod state;

pub use state::{ORDER_KEY, Payment};

use facts::refunds;
use sluice_kernel::domain::{DELETED, Domain, Ends, Lacks, NoSettings, Projected, UNKNOWN};
use sluice_kernel::effects::effect::{Fact, Level};
use sluice_kernel::event::Event;
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;
use state::{latest_charge, moved, order, prices, unclaimed};

/// The domain.
#[derive(Debug)]
pub struct Payments;

impl Domain for Payments {
    const NAME: &'static str = "payments";
    const PREFIXES: &'static [&'static str] = &[
        "checkout.session.",
        "payment_intent.",
        "charge.",
        "refund.",
        "setup_intent.",
        "review.",
        "radar.early_fraud_warning.",
    ];

    /// States that an object of this kind never leaves, except for another of them.
    ///
    /// - A session that is complete can still become paid (a bank debit), and stays complete.
    /// - An intent that has succeeded never reopens: money goes back by refunds, which are objects of their own.
    /// - A charge that has succeeded isn't here, because it can be refunded and disputed.
    /// - A refund that has succeeded isn't here, because the bank can send it back days later.
    /// - A dispute that is won or lost stays closed; its money may move after that. An inquiry that is closed isn't here,
    ///   because it can still become a chargeback.
    /// - A review is closed once.
    const TERMINAL: &'static [Ends] = &[
        ("checkout.session", &["complete", "expired"]),
        ("payment_intent", &["succeeded", "canceled"]),
        ("charge", &["failed"]),
        ("refund", &["failed", "canceled"]),
        ("dispute", &["won", "lost", "prevented", "charge_refunded"]),
        ("setup_intent", &["succeeded", "canceled"]),
        ("review", &["closed"]),
    ];

    /// As listed in infra/docs/first-deploy.md.
    const NEEDED: &'static [&'static str] = &[
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.canceled",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "charge.succeeded",
        "charge.failed",
        "charge.captured",
        "charge.expired",
        "charge.refunded",
        "charge.updated",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
    ];

    const IMPORTS: &'static [&'static str] = &["payment_intent", "charge", "dispute"];

    type State = Payment;
    type Settings = NoSettings;

    fn project(event: &Event) -> Result<Projected<Payment>, Fault> {
        let fields = Fields::of(&event.object);
        let object = fields.text("object")?;
        let state = if Self::is_deleted(event) {
            Payment {
                object: object.to_owned(),
                status: DELETED.to_owned(),
                ..Payment::default()
            }
        } else {
            payment(object, fields)?
        };
        Ok(Projected {
            object: fields.text("id")?.to_owned(),
            terminal: Self::is_terminal(object, &state.status),
            state,
        })
    }

    fn facts(event: &Event) -> Result<Vec<Fact>, Fault> {
        facts::of(event)
    }

    fn levels(before: Option<&Payment>, after: &Payment, _: &NoSettings) -> Vec<Level> {
        let level = |state: &Payment| Some(facts::disputes::level(state.id.as_deref()?, state));
        let is_news = |now: &Level| before.and_then(level).as_ref() != Some(now);
        level(after).filter(is_news).into_iter().collect()
    }

    fn overtaken(fact: &Fact, state: &Payment) -> Option<String> {
        facts::overtaken(fact, state)
    }

    fn lacks(event: &Event) -> Lacks {
        let is_refunded = event.kind == "charge.refunded";
        match is_refunded && refunds::are_left_out(Fields::of(&event.object)) {
            true => Lacks::Facts,
            false => Lacks::Nothing,
        }
    }
}

fn payment(object: &str, fields: Fields<'_>) -> Result<Payment, Fault> {
    let text = |path: &str| fields.optional_text(path).map(str::to_owned);
    let id = |path: &str| fields.optional_id(path).map(str::to_owned);
    let status = match object {
        "review" if fields.flag("open") => "open",
        "review" => "closed",
        "radar.early_fraud_warning" if fields.flag("actionable") => "actionable",
        "radar.early_fraud_warning" => "settled",
        "refund" => fields.nullable_text("status")?.unwrap_or(UNKNOWN),
        _ => fields.text("status")?,
    };
    let common = Payment {
        object: object.to_owned(),
        status: status.to_owned(),
        currency: text("currency"),
        payment_status: text("payment_status"),
        payment_intent: id("payment_intent"),
        charge: id("charge"),
        customer: id("customer"),
        invoice: id("invoice"),
        ..Payment::default()
    };
    let amount = || fields.integer("amount").map(Some);
    Ok(match object {
        "checkout.session" => {
            let (asked, _) = prices(fields);
            Payment {
                amount: asked.0,
                currency: asked.1.map(str::to_owned),
                order: order(fields).map(str::to_owned),
                unclaimed: unclaimed(object, fields),
                ..common
            }
        }
        "payment_intent" => Payment {
            amount: amount()?,
            amount_capturable: fields
                .optional_integer("amount_capturable")
                .filter(|amount| *amount != 0),
            amount_captured: fields.optional_integer("amount_received"),
            charge: latest_charge(fields).map(str::to_owned),
            reason: text("last_payment_error/code"),
            capture_method: text("capture_method"),
            order: order(fields).map(str::to_owned),
            unclaimed: unclaimed(object, fields),
            ..common
        },
        "charge" => {
            let amounts = refunds::amounts(fields);
            Payment {
                amount: amount()?,
                amount_captured: Some(amounts.captured),
                amount_released: Some(amounts.released),
                amount_refunded: Some(amounts.refunded),
                reason: text("failure_code"),
                ..common
            }
        }
        "refund" => Payment {
            amount: amount()?,
            reason: text("failure_reason"),
            ..common
        },
        "dispute" => Payment {
            id: id("id"),
            amount: amount()?,
            moved: moved(fields),
            reason: text("reason"),
            due_by: fields.optional_integer("evidence_details/due_by"),
            ..common
        },
        "review" => Payment {
            reason: text("closed_reason").or_else(|| text("reason")),
            ..common
        },
        "radar.early_fraud_warning" => Payment {
            reason: text("fraud_type"),
            ..common
        },
        "setup_intent" => Payment {
            reason: text("last_setup_error/code"),
            ..common
        },
        _ => common,
    })
}

#[cfg(test)]
mod tests;
