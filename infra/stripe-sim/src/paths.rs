//! Where the API serves objects.

use serde_json::Value;

/// The collections that are served, the kind of object in each, and the parameter that the error for a missing id
/// names.
pub(crate) const COLLECTIONS: [(&[&str], &str, &str); 25] = [
    (&["application_fees"], "application_fee", "id"),
    (&["billing", "meters"], "billing.meter", "id"),
    (&["charges"], "charge", "id"),
    (&["checkout", "sessions"], "checkout.session", "session"),
    (&["coupons"], "coupon", "coupon"),
    (&["credit_notes"], "credit_note", "credit_note"),
    (&["customers"], "customer", "id"),
    (&["disputes"], "dispute", "dispute"),
    (&["invoice_payments"], "invoice_payment", "invoice_payment"),
    (&["invoiceitems"], "invoiceitem", "invoiceitem"),
    (&["invoices"], "invoice", "invoice"),
    (&["payment_intents"], "payment_intent", "intent"),
    (&["payment_methods"], "payment_method", "payment_method"),
    (&["payouts"], "payout", "payout"),
    (&["prices"], "price", "price"),
    (&["products"], "product", "id"),
    (&["quotes"], "quote", "quote"),
    (
        &["radar", "early_fraud_warnings"],
        "radar.early_fraud_warning",
        "early_fraud_warning",
    ),
    (&["refunds"], "refund", "refund"),
    (&["reviews"], "review", "review"),
    (&["setup_intents"], "setup_intent", "setup_intent"),
    (
        &["subscription_schedules"],
        "subscription_schedule",
        "schedule",
    ),
    (&["subscriptions"], "subscription", "id"),
    (&["topups"], "topup", "topup"),
    (&["transfers"], "transfer", "transfer"),
];

/// Where the API serves an object; `None` if it doesn't.
pub(crate) fn url_of(truth: &Value) -> Option<String> {
    let text = |field: &str| truth[field].as_str().filter(|text| !text.is_empty());
    let kind = text("object")?;
    let of_account = |collection: &str| {
        let (account, id) = (text("account")?, text("id")?);
        Some(format!("/v1/accounts/{account}/{collection}/{id}"))
    };
    match kind {
        "account" => Some(format!("/v1/accounts/{}", text("id")?)),
        "balance" => Some("/v1/balance".to_owned()),
        "bank_account" => of_account("external_accounts"),
        "capability" => of_account("capabilities"),
        "person" => of_account("persons"),
        "discount" => Some(format!(
            "/v1/subscriptions/{}/discount",
            text("subscription")?
        )),
        "entitlements.active_entitlement_summary" => Some(format!(
            "/v1/entitlements/active_entitlements?customer={}",
            text("customer")?
        )),
        "fee_refund" => Some(format!(
            "/v1/application_fees/{}/refunds/{}",
            text("fee")?,
            text("id")?
        )),
        _ => {
            let (names, ..) = COLLECTIONS.iter().find(|(_, known, _)| *known == kind)?;
            Some(format!("/v1/{}/{}", names.join("/"), text("id")?))
        }
    }
}
