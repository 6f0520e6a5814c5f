//! What is kept of each object, and the fields that both the state and the facts are read from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_kernel::domain::UNKNOWN;
use sluice_kernel::object::Fields;

/// The metadata key under which a session or payment intent names its order. Checkout doesn't copy a session's metadata
/// to its payment intent: set it in `payment_intent_data.metadata` too.
pub const ORDER_KEY: &str = "order";

/// What is kept of each object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Stripe's name for the kind of object.
    pub object: String,
    /// Stripe's status of it. A review is `open` or `closed`; a warning `actionable` or `settled`.
    pub status: String,
    /// A dispute's own id: the key of its level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Minor units that were asked for; for a charge, those that were authorized. A session without a price (setup
    /// mode) has none, nor have setup intents, reviews and warnings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// Minor units that can still be captured, of a payment intent with an authorization that waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_capturable: Option<i64>,
    /// Minor units captured so far, of a payment intent or a charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_captured: Option<i64>,
    /// Minor units that were held and released without being captured, of a charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_released: Option<i64>,
    /// Minor units captured and given back so far, of a charge.
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
    /// The charge behind it; for a payment intent, its latest.
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
    /// The deadline for a dispute's evidence, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_by: Option<i64>,
    /// It is paid, and no order claims it; `null` if the object can't say. Absent means false.
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

/// The default: not flagged.
fn claimed() -> Option<bool> {
    Some(false)
}

fn is_claimed(unclaimed: &Option<bool>) -> bool {
    *unclaimed == claimed()
}

/// What a dispute has moved, by the currency of each balance transaction.
pub(crate) fn moved(dispute: Fields<'_>) -> BTreeMap<String, i64> {
    let mut moved = BTreeMap::new();
    for funds in dispute.list("balance_transactions") {
        let amount = funds.optional_integer("amount").unwrap_or_default();
        let currency = funds.optional_text("currency").unwrap_or(UNKNOWN);
        *moved.entry(currency.to_owned()).or_default() += amount;
    }
    moved
}

/// An amount with its currency.
pub(crate) type Price<'a> = (Option<i64>, Option<&'a str>);

/// What a session asks for, and what the customer was shown if the session says that too.
///
/// With adaptive pricing, customers are shown a price in their own currency. In a session made since 2025-03-31 the
/// amounts stay what was asked for, and `presentment_details` has what was presented. In older ones the amounts are
/// what was presented, and `currency_conversion` has what was asked for. API version 2025-09-30 no longer shows that
/// field: then the presented amount stands for both
/// (<https://docs.stripe.com/changelog/basil/2025-03-31/add_presentment_details>,
/// <https://docs.stripe.com/changelog/clover/2025-09-30/remove-checkout-session-currency-conversion-field>).
pub(crate) fn prices(session: Fields<'_>) -> (Price<'_>, Option<Price<'_>>) {
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

/// Until API version 2022-11-15 a payment intent carried its charges, newest first, and had no `latest_charge`.
pub(crate) fn latest_charge(intent: Fields<'_>) -> Option<&str> {
    intent
        .optional_id("latest_charge")
        .or_else(|| intent.list("charges").next()?.optional_text("id"))
}

/// Whether a session needs no more money: paid, or nothing to pay (a trial, a full discount).
pub(crate) fn is_settled(session: Fields<'_>) -> bool {
    let free = session.optional_text("payment_status") == Some("no_payment_required");
    let complete = session.optional_text("status") == Some("complete");
    let setup = session.optional_text("mode") == Some("setup");
    session.optional_text("payment_status") == Some("paid") || (free && complete && !setup)
}

/// What it names as its order: under [`ORDER_KEY`], or in Stripe's own field for it.
pub(crate) fn order(fields: Fields<'_>) -> Option<&str> {
    let metadata = fields
        .get("metadata")
        .and_then(|metadata| metadata.get(ORDER_KEY)?.as_str());
    let own = ["client_reference_id", "payment_details/order_reference"];
    let own = own.into_iter().map(|path| fields.optional_text(path));
    let mut named = [metadata].into_iter().chain(own).flatten();
    named.find(|order| !order.is_empty())
}

/// Whether it is paid and neither an order nor an invoice claims it; `None` if the object can't say.
pub(crate) fn unclaimed(object: &str, fields: Fields<'_>) -> Option<bool> {
    let is_session = object == "checkout.session";
    let is_paid = match is_session {
        true => is_settled(fields),
        false => fields.optional_text("status") == Some("succeeded"),
    };
    if !is_paid || order(fields).is_some() {
        return Some(false);
    }
    if is_session {
        // The invoice of a session may be made after the session is complete.
        let is_billed = fields.optional_text("mode") == Some("subscription")
            || fields.flag("invoice_creation/enabled");
        return Some(!is_billed);
    }
    let says_invoice = fields.has("invoice");
    says_invoice.then(|| fields.optional_id("invoice").is_none())
}
