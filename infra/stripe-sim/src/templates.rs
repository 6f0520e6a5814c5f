//! The templates that objects begin as, one for each kind, in the newest shape.

use serde_json::Value;

/// The template of this name.
///
/// # Panics
/// If there is none; a test rules that out.
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
            $(($name, include_str!(concat!("templates/", $name, ".json")))),*
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

/// The plan that is equivalent to a recurring price; Stripe still sends it.
pub(crate) fn plan_of(price: &Value) -> Value {
    let mut plan = template("plan");
    for field in [
        "id", "active", "created", "currency", "livemode", "nickname", "product",
    ] {
        plan[field] = price[field].clone();
    }
    plan["amount"] = price["unit_amount"].clone();
    plan["amount_decimal"] = price["unit_amount_decimal"].clone();
    plan
}

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
