//! Money between Stripe accounts, and into one: transfers, application fees, top-ups.

use serde_json::{Value, json};

use crate::story_context::Stage;

/// A transfer to a connected account.
pub(crate) fn transfer(stage: &mut Stage<'_>, amount: i64) -> (String, Value) {
    let id = stage.id("tr");
    let transaction = stage.id("txn");
    let destination = stage.id("acct");
    let payment = stage.id("py");
    let mut transfer = stage.blank("transfer", &id);
    transfer["amount"] = json!(amount);
    transfer["balance_transaction"] = json!(transaction);
    transfer["destination"] = json!(destination);
    transfer["destination_payment"] = json!(payment);
    transfer["reversals"]["url"] = json!(format!("/v1/transfers/{id}/reversals"));
    (id, transfer)
}

/// The reversal of part or all of a transfer.
pub(crate) fn reversal(stage: &mut Stage<'_>, transfer: &str, amount: i64) -> Value {
    let id = stage.id("trr");
    let transaction = stage.id("txn");
    let refund = stage.id("pyr");
    let mut reversal = stage.blank("transfer_reversal", &id);
    reversal["amount"] = json!(amount);
    reversal["balance_transaction"] = json!(transaction);
    reversal["destination_payment_refund"] = json!(refund);
    reversal["transfer"] = json!(transfer);
    reversal
}

/// A platform's fee on a connected account's charge.
pub(crate) fn fee(stage: &mut Stage<'_>, amount: i64) -> (String, Value) {
    let id = stage.id("fee");
    let [account, application, charge, transaction] =
        ["acct", "ca", "ch", "txn"].map(|prefix| stage.id(prefix));
    let mut fee = stage.blank("application_fee", &id);
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
pub(crate) fn fee_refund(stage: &mut Stage<'_>, fee: &str, amount: i64) -> (String, Value) {
    let id = stage.id("fr");
    let transaction = stage.id("txn");
    let mut refund = stage.blank("fee_refund", &id);
    refund["amount"] = json!(amount);
    refund["balance_transaction"] = json!(transaction);
    refund["fee"] = json!(fee);
    (id, refund)
}

/// Money requested from a bank account; it arrives in five days.
pub(crate) fn topup(stage: &mut Stage<'_>, amount: i64) -> (String, Value) {
    let id = stage.id("tu");
    let mut topup = stage.blank("topup", &id);
    topup["amount"] = json!(amount);
    topup["expected_availability_date"] = json!(stage.now() + 5 * 86_400);
    (id, topup)
}

/// Puts an element into one of Stripe's lists, newest first.
pub(crate) fn list_first(list: &mut Value, element: Value) {
    if let Value::Array(data) = &mut list["data"] {
        data.insert(0, element);
        list["total_count"] = json!(list["data"].as_array().map(Vec::len));
    }
}
