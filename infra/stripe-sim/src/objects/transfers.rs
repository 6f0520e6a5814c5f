//! Money between Stripe accounts, and into one: transfers, application fees, top-ups.

use serde_json::{Value, json};

use crate::story_context::StoryContext;

/// A transfer to a connected account.
pub(crate) fn transfer(context: &mut StoryContext<'_>, amount: i64) -> (String, Value) {
    let id = context.id("tr");
    let transaction = context.id("txn");
    let destination = context.id("acct");
    let payment = context.id("py");
    let mut transfer = context.blank("transfer", &id);
    transfer["amount"] = json!(amount);
    transfer["balance_transaction"] = json!(transaction);
    transfer["destination"] = json!(destination);
    transfer["destination_payment"] = json!(payment);
    transfer["reversals"]["url"] = json!(format!("/v1/transfers/{id}/reversals"));
    (id, transfer)
}

/// The reversal of part or all of a transfer.
pub(crate) fn reversal(context: &mut StoryContext<'_>, transfer: &str, amount: i64) -> Value {
    let id = context.id("trr");
    let transaction = context.id("txn");
    let refund = context.id("pyr");
    let mut reversal = context.blank("transfer_reversal", &id);
    reversal["amount"] = json!(amount);
    reversal["balance_transaction"] = json!(transaction);
    reversal["destination_payment_refund"] = json!(refund);
    reversal["transfer"] = json!(transfer);
    reversal
}

/// A platform's fee on a connected account's charge.
pub(crate) fn fee(context: &mut StoryContext<'_>, amount: i64) -> (String, Value) {
    let id = context.id("fee");
    let [account, application, charge, transaction] =
        ["acct", "ca", "ch", "txn"].map(|prefix| context.id(prefix));
    let mut fee = context.blank("application_fee", &id);
    fee["account"] = json!(account);
    fee["amount"] = json!(amount);
    fee["application"] = json!(application);
    fee["balance_transaction"] = json!(transaction);
    fee["charge"] = json!(charge);
    fee["fee_source"]["charge"] = json!(charge);
    fee["refunds"]["url"] = json!(format!("/v1/application_fees/{id}/refunds"));
    (id, fee)
}

/// The refund of part or all of a fee.
pub(crate) fn fee_refund(
    context: &mut StoryContext<'_>,
    fee: &str,
    amount: i64,
) -> (String, Value) {
    let id = context.id("fr");
    let transaction = context.id("txn");
    let mut refund = context.blank("fee_refund", &id);
    refund["amount"] = json!(amount);
    refund["balance_transaction"] = json!(transaction);
    refund["fee"] = json!(fee);
    (id, refund)
}

/// Money requested from a bank account; it arrives in five days.
pub(crate) fn topup(context: &mut StoryContext<'_>, amount: i64) -> (String, Value) {
    let id = context.id("tu");
    let mut topup = context.blank("topup", &id);
    topup["amount"] = json!(amount);
    topup["expected_availability_date"] = json!(context.now() + 5 * 86_400);
    (id, topup)
}

/// Puts an element into one of Stripe's lists, newest first.
pub(crate) fn list_first(list: &mut Value, element: Value) {
    if let Value::Array(data) = &mut list["data"] {
        data.insert(0, element);
        list["total_count"] = json!(list["data"].as_array().map(Vec::len));
    }
}
