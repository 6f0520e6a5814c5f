//! The payments domain: what is paid, given back, disputed or under suspicion.
//!
//! | event types | object | what is kept beside status, amount and currency | facts |
//! |---|---|---|---|
//! | `checkout.session.*` | checkout session | whether it is paid, its payment intent and customer | `OrderPaid` |
//! | `payment_intent.*` | payment intent | its latest charge and customer | `PaymentSucceeded`, `PaymentFailed` |
//! | `charge.*` | charge | how much was given back, why it failed | |
//! | `refund.*`, `charge.refund.updated` | refund | its charge, why it failed | `Refunded`, `RefundFailed` |
//! | `charge.dispute.*` | dispute | its charge, its reason, the money moved by it | `DisputeOpened`, `DisputeClosed` |
//! | `setup_intent.*` | setup intent | its customer, why it failed | |
//! | `review.*` | review | its charge, why it was opened or closed | |
//! | `radar.early_fraud_warning.*` | warning | its charge, the kind of fraud | |
//!
//! Each fact has one owner: a payment intent doesn't name its order, so the order's payment is the checkout session's
//! to tell; and a charge doesn't tell of its refunds, so an endpoint needs `refund.*` or `charge.refund.updated`. Facts
//! are in [`facts`]. Amounts are integers in the currency's minor unit. A charge made without a payment intent (the API
//! before 2019) is kept, and no fact tells of it.
//!
//! A paid session or payment that no order claims is flagged `unclaimed`, in the state and in its fact: somebody
//! should look at it. See [`ORDER_KEY`].

pub mod facts;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_kernel::consume::Event;
use sluice_kernel::domain::{Domain, NoSettings, Projected};
use sluice_kernel::effect::{Fact, Level};
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

/// Event types by prefix; the template's rule has the same.
const PREFIXES: [&str; 7] = [
    "checkout.session.",
    "payment_intent.",
    "charge.",
    "refund.",
    "setup_intent.",
    "review.",
    "radar.early_fraud_warning.",
];

/// The metadata key under which a session or payment intent names its order. Checkout doesn't copy a session's metadata
/// to its payment intent: set it in `payment_intent_data.metadata` too.
pub const ORDER_KEY: &str = "order";

/// Which objects are flagged when they are paid and no order claims them. Take `payment_intent` out if you bill by
/// invoice: since API version 2025-03-31 a payment intent doesn't say that an invoice called for it.
const FLAGGED: [&str; 2] = ["checkout.session", "payment_intent"];

/// States after which an object of this kind changes to none but another of them.
///
/// - A session that is complete can still become paid (a bank debit), and stays complete.
/// - An intent that has succeeded is never opened again: money goes back by refunds, which are objects of their own.
/// - A charge that has succeeded isn't here, because it can be refunded and disputed.
/// - A refund that has succeeded isn't here, because the bank can send it back days later.
/// - A dispute that is closed stays closed; its money may move after that.
/// - A review is closed once.
const TERMINAL: [(&str, &[&str]); 7] = [
    ("checkout.session", &["complete", "expired"]),
    ("payment_intent", &["succeeded", "canceled"]),
    ("charge", &["failed"]),
    ("refund", &["failed", "canceled"]),
    ("dispute", &["won", "lost", "warning_closed", "prevented"]),
    ("setup_intent", &["succeeded", "canceled"]),
    ("review", &["closed"]),
];

/// The status of an object that Stripe no longer has.
const DELETED: &str = "deleted";

/// What is kept of each object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Stripe's name for the kind of object.
    pub object: String,
    /// Stripe's status of it. Of a review `open` or `closed`; of a warning `actionable` or `settled`.
    pub status: String,
    /// Minor units. A session without a price (setup mode) has none, nor have setup intents, reviews and warnings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// Minor units given back so far, of a charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_refunded: Option<i64>,
    /// Minor units that a dispute has moved so far: negative while the money is away. Fees don't count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_moved: Option<i64>,
    /// Three-letter ISO code, lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Whether a checkout session is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_status: Option<String>,
    /// The payment intent behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_intent: Option<String>,
    /// The charge behind it; of a payment intent its latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<String>,
    /// `cus_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Why: a dispute's or review's reason, the kind of fraud, the code of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// It is paid, and no order claims it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unclaimed: bool,
}

/// The domain.
#[derive(Debug)]
pub struct Payments;

impl Domain for Payments {
    const NAME: &'static str = "payments";
    type State = Payment;
    type Settings = NoSettings;

    fn handles(kind: &str) -> bool {
        PREFIXES.iter().any(|prefix| kind.starts_with(prefix))
    }

    fn project(event: &Event) -> Result<Projected<Payment>, Fault> {
        let fields = Fields::of(&event.object);
        let object = fields.text("object")?;
        let state = if fields.flag("deleted") {
            Payment {
                object: object.to_owned(),
                status: DELETED.to_owned(),
                ..Payment::default()
            }
        } else {
            payment(object, fields)?
        };
        let terminal = state.status == DELETED
            || TERMINAL
                .iter()
                .any(|(kind, ends)| *kind == object && ends.contains(&&*state.status));
        Ok(Projected {
            object: fields.text("id")?.to_owned(),
            owner: None,
            terminal,
            state,
        })
    }

    fn facts(event: &Event) -> Result<Vec<Fact>, Fault> {
        facts::of(event)
    }

    fn levels(_before: Option<&Payment>, _after: &Payment, _: &NoSettings) -> Vec<Level> {
        Vec::new()
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
        _ => fields.text("status")?,
    };
    let amount = match object {
        "checkout.session" => fields.optional_integer("amount_total"),
        "payment_intent" | "charge" | "refund" | "dispute" => Some(fields.integer("amount")?),
        _ => None,
    };
    let reason = match object {
        "charge" => text("failure_code"),
        "refund" => text("failure_reason"),
        "dispute" => text("reason"),
        "review" => text("closed_reason").or_else(|| text("reason")),
        "radar.early_fraud_warning" => text("fraud_type"),
        "setup_intent" => text("last_setup_error/code"),
        "payment_intent" => text("last_payment_error/code"),
        _ => None,
    };
    let moved = |funds: Fields<'_>| funds.optional_integer("amount").unwrap_or_default();
    Ok(Payment {
        object: object.to_owned(),
        status: status.to_owned(),
        amount,
        amount_refunded: fields.optional_integer("amount_refunded"),
        amount_moved: (object == "dispute")
            .then(|| fields.list("balance_transactions").map(moved).sum()),
        currency: text("currency"),
        payment_status: text("payment_status"),
        payment_intent: id("payment_intent"),
        charge: match object {
            "payment_intent" => latest_charge(fields).map(str::to_owned),
            _ => id("charge"),
        },
        customer: id("customer"),
        reason,
        unclaimed: is_unclaimed(object, fields),
    })
}

/// Until API version 2022-11-15 a payment intent carried its charges, newest first, and no `latest_charge`.
fn latest_charge(intent: Fields<'_>) -> Option<&str> {
    intent
        .optional_id("latest_charge")
        .or_else(|| intent.list("charges").next()?.optional_text("id"))
}

/// Whether a session needs no more money: paid, or nothing to pay (a trial, a full discount).
fn is_settled(session: Fields<'_>) -> bool {
    let free = session.optional_text("payment_status") == Some("no_payment_required");
    let complete = session.optional_text("status") == Some("complete");
    let setup = session.optional_text("mode") == Some("setup");
    session.optional_text("payment_status") == Some("paid") || (free && complete && !setup)
}

/// Whether it is paid and names no order: neither under [`ORDER_KEY`], nor by a field of Stripe's for it.
fn is_unclaimed(object: &str, fields: Fields<'_>) -> bool {
    let paid = match object {
        "checkout.session" => is_settled(fields),
        "payment_intent" => fields.optional_text("status") == Some("succeeded"),
        _ => false,
    };
    let metadata = fields
        .get("metadata")
        .and_then(|metadata| metadata.get(ORDER_KEY));
    let named = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
    let claimed = named(metadata.and_then(Value::as_str))
        || named(fields.optional_text("client_reference_id"))
        || named(fields.optional_text("payment_details/order_reference"))
        || fields.optional_id("invoice").is_some();
    paid && !claimed && FLAGGED.contains(&object)
}

#[cfg(test)]
mod tests;
