//! The objects of Stripe, whole: each begins as a template in the newest shape, and a function sets what matters.
//!
//! Everything in the templates is invented; addresses end in `example.com`. Keys that begin with `~` are never shown:
//! they keep what older shapes need.

pub(crate) mod billing;
pub(crate) mod connect;
pub(crate) mod payments;

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
    "balance",
    "balance_transaction",
    "bank_account",
    "capability",
    "charge",
    "checkout_session",
    "customer",
    "dispute",
    "early_fraud_warning",
    "entitlement_summary",
    "invoice",
    "invoice_payment",
    "line_item",
    "payment_intent",
    "payment_method",
    "payout",
    "plan",
    "price",
    "product",
    "refund",
    "review",
    "setup_intent",
    "subscription",
    "subscription_item",
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
