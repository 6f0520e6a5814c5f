//! Connected accounts, payouts and balances as Stripe makes them.

use serde_json::{Value, json};

use crate::story_context::Stage;

/// A connected account that has submitted nothing yet.
pub(crate) fn account(stage: &mut Stage<'_>, id: &str) -> Value {
    let mut account = stage.blank("account", id);
    account["requirements"]["currently_due"] =
        json!(["external_account", "individual.verification.document"]);
    account["requirements"]["disabled_reason"] = json!("requirements.past_due");
    account["external_accounts"]["url"] = json!(format!("/v1/accounts/{id}/external_accounts"));
    account["login_links"]["url"] = json!(format!("/v1/accounts/{id}/login_links"));
    account
}

/// A bank account to pay out to.
pub(crate) fn bank_account(stage: &mut Stage<'_>, account: &str) -> (String, Value) {
    let id = stage.id("ba");
    let fingerprint = stage.token(16);
    let mut bank = stage.blank("bank_account", &id);
    bank["account"] = json!(account);
    bank["fingerprint"] = json!(fingerprint);
    (id, bank)
}

/// What an account may do: `card_payments` or `transfers`, not yet active. Its id is its name.
pub(crate) fn capability(stage: &Stage<'_>, account: &str, name: &str) -> Value {
    let mut capability = stage.blank("capability", name);
    capability["account"] = json!(account);
    capability["requested_at"] = json!(stage.now());
    capability["status"] = json!("pending");
    capability
}

/// The person behind an account, not verified yet.
pub(crate) fn person(stage: &mut Stage<'_>, account: &str) -> (String, Value) {
    let id = stage.id("person");
    let mut person = stage.blank("person", &id);
    person["account"] = json!(account);
    person["requirements"]["currently_due"] = json!(["verification.document"]);
    (id, person)
}

/// The platform, as an account that connects to it sees it. It has no path of its own in the API.
pub(crate) fn application(stage: &mut Stage<'_>) -> (String, Value) {
    let id = stage.id("ca");
    let application = stage.blank("application", &id);
    (id, application)
}

/// A payout on its way to the bank.
pub(crate) fn payout(stage: &mut Stage<'_>, amount: i64) -> (String, Value) {
    let id = stage.id("po");
    let transaction = stage.id("txn");
    let bank = stage.id("ba");
    let mut payout = stage.blank("payout", &id);
    payout["amount"] = json!(amount);
    payout["arrival_date"] = json!(stage.now() + 2 * 86_400);
    payout["balance_transaction"] = json!(transaction);
    payout["destination"] = json!(bank);
    (id, payout)
}

/// The balance, with this much to pay out.
pub(crate) fn balance(stage: &Stage<'_>, available: i64) -> Value {
    let mut balance = stage.blank("balance", "");
    balance["available"][0]["amount"] = json!(available);
    balance["available"][0]["source_types"]["card"] = json!(available);
    balance
}
