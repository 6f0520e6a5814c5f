//! The payments domain: what is paid, released, given back, disputed or under suspicion.
//!
//! | event types | object | what is kept beside status, amount and currency | effects |
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
//! Each fact has one owner, and is described in [`facts`]: a payment intent doesn't name its order, so the order's payment
//! is the checkout session's to say. An endpoint that gets `charge.refunded` and no `refund.*` hears of refunds too: they lie
//! inside the charge up to API version 2022-08-01, and are asked for with a key since. Without a key only the charge's
//! state shows them. A refund that fails after that needs `refund.failed` (or `refund.updated`, or
//! `charge.refund.updated`).
//!
//! Amounts are integers in the currency's minor unit, and are never added across currencies. A charge made without a
//! payment intent (the API before 2019) is kept, and no fact says that it succeeded: facts of its refunds have nothing to
//! be taken from.
//!
//! A paid session or payment that no order claims is flagged `unclaimed` in the state: people should look at it. See
//! [`ORDER_KEY`]. Since API version 2025-03-31 a payment intent doesn't say whether an invoice called for it: then the flag
//! is null.

pub mod facts;

use std::collections::BTreeMap;

use facts::refunds;
use serde::{Deserialize, Serialize};
use sluice_kernel::consume::Event;
use sluice_kernel::domain::{DELETED, Domain, Ends, Lacks, NoSettings, Projected, UNKNOWN};
use sluice_kernel::effect::{Fact, Level};
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

/// The metadata key under which a session or payment intent names its order. Checkout doesn't copy a session's metadata
/// to its payment intent: set it in `payment_intent_data.metadata` too.
pub const ORDER_KEY: &str = "order";

/// What is kept of each object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Stripe's name for the kind of object.
    pub object: String,
    /// Stripe's status of it. Of a review `open` or `closed`; of a warning `actionable` or `settled`.
    pub status: String,
    /// A dispute's own id: the key of its level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Minor units: what was asked for; of a charge what was authorized. A session without a price (setup mode) has none,
    /// nor have setup intents, reviews and warnings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// Minor units that can still be captured, of a payment intent whose authorization waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_capturable: Option<i64>,
    /// Minor units taken so far, of a payment intent or a charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_captured: Option<i64>,
    /// Minor units that were held and released without being taken, of a charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_released: Option<i64>,
    /// Minor units taken and given back so far, of a charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_refunded: Option<i64>,
    /// Minor units that a dispute has moved so far, by currency: negative while the money is away. Fees don't count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub moved: BTreeMap<String, i64>,
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
    /// `manual` if an authorization is captured later, of a payment intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_method: Option<String>,
    /// What a session or payment intent names as its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// The invoice that called for it, if the object says so in its API version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// By when a dispute's evidence has to be there, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_by: Option<i64>,
    /// It is paid, and no order claims it; null if the object can't say. Absent is false.
    #[serde(default = "claimed", skip_serializing_if = "is_claimed")]
    pub unclaimed: Option<bool>,
}

impl Default for Payment {
    fn default() -> Self {
        Self {
            object: String::new(),
            status: String::new(),
            id: None,
            amount: None,
            amount_capturable: None,
            amount_captured: None,
            amount_released: None,
            amount_refunded: None,
            moved: BTreeMap::new(),
            currency: None,
            payment_status: None,
            payment_intent: None,
            charge: None,
            customer: None,
            reason: None,
            capture_method: None,
            order: None,
            invoice: None,
            due_by: None,
            unclaimed: claimed(),
        }
    }
}

/// Not to be looked at.
fn claimed() -> Option<bool> {
    Some(false)
}

fn is_claimed(unclaimed: &Option<bool>) -> bool {
    *unclaimed == claimed()
}

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

    /// States after which an object of this kind changes to none but another of them.
    ///
    /// - A session that is complete can still become paid (a bank debit), and stays complete.
    /// - An intent that has succeeded is never opened again: money goes back by refunds, which are objects of their own.
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

    /// As infra/docs/first-deploy.md has them.
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

/// What a dispute has moved, by the currency of each balance transaction.
fn moved(dispute: Fields<'_>) -> BTreeMap<String, i64> {
    let mut moved = BTreeMap::new();
    for funds in dispute.list("balance_transactions") {
        let amount = funds.optional_integer("amount").unwrap_or_default();
        let currency = funds.optional_text("currency").unwrap_or(UNKNOWN);
        *moved.entry(currency.to_owned()).or_default() += amount;
    }
    moved
}

/// An amount with its currency.
type Price<'a> = (Option<i64>, Option<&'a str>);

/// What a session asks for, and what was presented to the customer if the session says that too.
///
/// With adaptive pricing, customers are shown a price in their own currency. Of a session made since 2025-03-31 its amounts
/// stay what was asked for, beside `presentment_details`. Of older ones they are what was presented, beside
/// `currency_conversion`, which API version 2025-09-30 no longer shows: then what was presented stands for both
/// (<https://docs.stripe.com/changelog/basil/2025-03-31/add_presentment_details>,
/// <https://docs.stripe.com/changelog/clover/2025-09-30/remove-checkout-session-currency-conversion-field>).
fn prices(session: Fields<'_>) -> (Price<'_>, Option<Price<'_>>) {
    let price = |amount: &str, currency: &str| {
        let price = (
            session.optional_integer(amount),
            session.optional_text(currency),
        );
        (price.0.is_some() && price.1.is_some()).then_some(price)
    };
    let shown = (
        session.optional_integer("amount_total"),
        session.optional_text("currency"),
    );
    let source = price(
        "currency_conversion/amount_total",
        "currency_conversion/source_currency",
    );
    match source {
        Some(asked) => (asked, Some(shown)),
        None => (
            shown,
            price(
                "presentment_details/presentment_amount",
                "presentment_details/presentment_currency",
            ),
        ),
    }
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

/// What it names as its order: under [`ORDER_KEY`], or by a field of Stripe's for it.
fn order(fields: Fields<'_>) -> Option<&str> {
    let metadata = fields
        .get("metadata")
        .and_then(|metadata| metadata.get(ORDER_KEY)?.as_str());
    let own = ["client_reference_id", "payment_details/order_reference"];
    let own = own.into_iter().map(|path| fields.optional_text(path));
    let mut named = [metadata].into_iter().chain(own).flatten();
    named.find(|order| !order.is_empty())
}

/// Whether it is paid and nothing claims it, neither an order nor an invoice; `None` if the object can't say.
fn unclaimed(object: &str, fields: Fields<'_>) -> Option<bool> {
    let is_session = object == "checkout.session";
    let is_paid = match is_session {
        true => is_settled(fields),
        false => fields.optional_text("status") == Some("succeeded"),
    };
    if !is_paid || order(fields).is_some() {
        return Some(false);
    }
    if is_session {
        // The invoice of a session may be made after it is complete.
        let is_billed = fields.optional_text("mode") == Some("subscription")
            || fields.flag("invoice_creation/enabled");
        return Some(!is_billed);
    }
    let says_invoice = fields.has("invoice");
    says_invoice.then(|| fields.optional_id("invoice").is_none())
}

#[cfg(test)]
mod tests;
