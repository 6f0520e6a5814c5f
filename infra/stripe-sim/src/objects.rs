//! The objects of Stripe, whole: each begins as a template in the newest shape, and a function sets what matters.
//!
//! Everything in the templates is invented; addresses end in `example.com`. Keys that begin with `~` are never shown:
//! they keep what older shapes need.

pub(crate) mod billing;
pub(crate) mod connect;
pub(crate) mod discounts;
pub(crate) mod documents;
pub(crate) mod payments;
pub(crate) mod schedules;
pub(crate) mod transfers;

use serde_json::Value;

/// The template of this name.
///
/// # Panics
/// Where there is none, which a test rules out.
pub(crate) fn template(name: &str) -> Value {
    let text = TEMPLATES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| text)
        .expect("stories name templates that exist");
    serde_json::from_str(text).expect("a test reads every template")
}

/// `include_str!` for every template.
macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        const TEMPLATES: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("objects/templates/", $name, ".json")))),*
        ];
    };
}

templates![
    "account",
    "application",
    "application_fee",
    "balance",
    "balance_transaction",
    "bank_account",
    "capability",
    "charge",
    "checkout_session",
    "coupon",
    "credit_note",
    "credit_note_line_item",
    "customer",
    "discount",
    "dispute",
    "early_fraud_warning",
    "entitlement_summary",
    "fee_refund",
    "invoice",
    "invoice_payment",
    "invoiceitem",
    "line_item",
    "meter",
    "payment_intent",
    "payment_method",
    "payout",
    "person",
    "plan",
    "price",
    "product",
    "quote",
    "refund",
    "review",
    "setup_intent",
    "subscription",
    "subscription_item",
    "subscription_schedule",
    "topup",
    "transfer",
    "transfer_reversal",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_an_object_that_names_its_kind() {
        for (name, _) in TEMPLATES {
            assert!(template(name)["object"].is_string(), "{name}");
        }
    }
}
