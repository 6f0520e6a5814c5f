//! The payments domain: checkout sessions, payment intents, charges, refunds and disputes.
//!
//! | event types | object | what is kept | facts |
//! |---|---|---|---|
//! | `checkout.session.*` | checkout session | status, amount, its payment intent | `OrderPaid` |
//! | `payment_intent.*` | payment intent | status, amount received, latest charge | `PaymentSucceeded` |
//! | `charge.*` | charge | status, amount, refunded so far | |
//! | `refund.*`, `charge.refund.updated` | refund | status, amount, its charge | `Refunded` |
//! | `charge.dispute.*` | dispute | status, amount, its charge | |
//!
//! Each fact has one owner: a payment intent doesn't name its order, so the order's payment is the checkout session's
//! to tell. Amounts are integers in the currency's minor unit.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_kernel::consume::Event;
use sluice_kernel::domain::{Domain, Projected};
use sluice_kernel::effect::{Fact, Level};
use sluice_kernel::fault::Fault;
use sluice_kernel::object::Fields;

/// Event types by prefix; the template's rule has the same.
const PREFIXES: [&str; 4] = ["checkout.session.", "payment_intent.", "charge.", "refund."];

/// States after which an object of this kind changes no more.
///
/// A succeeded refund is not among them, because it can still fail; nor is a succeeded charge, because it can be
/// refunded and disputed.
const TERMINAL: [(&str, &[&str]); 5] = [
    ("checkout.session", &["complete", "expired"]),
    ("payment_intent", &["succeeded", "canceled"]),
    ("charge", &["failed"]),
    ("refund", &["failed", "canceled"]),
    ("dispute", &["won", "lost", "warning_closed", "prevented"]),
];

/// What is kept of each object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Stripe's name for the kind of object.
    pub object: String,
    /// Stripe's status of it.
    pub status: String,
    /// Minor units. A session without a price (setup mode) has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// Minor units given back so far, of a charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_refunded: Option<i64>,
    /// Three-letter ISO code, lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Whether a checkout session is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_status: Option<String>,
    /// The payment intent behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_intent: Option<String>,
    /// The charge behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<String>,
}

/// The domain.
#[derive(Debug)]
pub struct Payments;

impl Domain for Payments {
    const NAME: &'static str = "payments";
    type State = Payment;

    fn handles(kind: &str) -> bool {
        PREFIXES.iter().any(|prefix| kind.starts_with(prefix))
    }

    fn project(event: &Event) -> Result<Projected<Payment>, Fault> {
        let fields = Fields::of(&event.object);
        let owned = |text: &str| text.to_owned();
        let object = fields.text("object")?;
        let status = fields.text("status")?;
        let amount = match object {
            "checkout.session" => fields.optional_integer("amount_total"),
            _ => Some(fields.integer("amount")?),
        };
        let charge = match object {
            "payment_intent" => fields.optional_id("latest_charge"),
            _ => fields.optional_id("charge"),
        };
        let terminal = TERMINAL
            .iter()
            .any(|(kind, states)| *kind == object && states.contains(&status));
        Ok(Projected {
            object: fields.text("id")?.to_owned(),
            owner: None,
            terminal,
            state: Payment {
                object: object.to_owned(),
                status: status.to_owned(),
                amount,
                amount_refunded: fields.optional_integer("amount_refunded"),
                currency: fields.optional_text("currency").map(owned),
                payment_status: fields.optional_text("payment_status").map(owned),
                payment_intent: fields.optional_id("payment_intent").map(owned),
                charge: charge.map(owned),
            },
        })
    }

    fn facts(event: &Event) -> Result<Vec<Fact>, Fault> {
        let fields = Fields::of(&event.object);
        let status = fields.optional_text("status");
        let fact = |kind, data| {
            Ok(vec![Fact {
                kind,
                object: fields.text("id")?.to_owned(),
                discriminator: None,
                data,
            }])
        };
        match (fields.text("object")?, status) {
            ("checkout.session", _) if fields.optional_text("payment_status") == Some("paid") => {
                fact(
                    "OrderPaid",
                    json!({
                        "amount": fields.optional_integer("amount_total"),
                        "currency": fields.optional_text("currency"),
                        "payment_intent": fields.optional_id("payment_intent"),
                        "client_reference_id": fields.optional_text("client_reference_id"),
                    }),
                )
            }
            ("payment_intent", Some("succeeded")) => fact(
                "PaymentSucceeded",
                json!({
                    "amount": fields.integer("amount_received")?,
                    "currency": fields.text("currency")?,
                    "charge": fields.optional_id("latest_charge"),
                }),
            ),
            ("refund", Some("succeeded")) => fact(
                "Refunded",
                json!({
                    "amount": fields.integer("amount")?,
                    "currency": fields.text("currency")?,
                    "charge": fields.optional_id("charge"),
                    "payment_intent": fields.optional_id("payment_intent"),
                }),
            ),
            _ => Ok(Vec::new()),
        }
    }

    fn levels(_before: Option<&Payment>, _after: &Payment) -> Vec<Level> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
