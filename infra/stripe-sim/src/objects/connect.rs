//! Connected accounts, payouts and balances as Stripe makes them.

use serde_json::{Value, json};

use crate::story_context::StoryContext;

/// A connected account that has submitted nothing yet.
pub(crate) fn account(context: &mut StoryContext<'_>, id: &str) -> Value {
    let mut account = context.blank("account", id);
    account["requirements"]["currently_due"] =
        json!(["external_account", "individual.verification.document"]);
    account["requirements"]["disabled_reason"] = json!("requirements.past_due");
    account["external_accounts"]["url"] = json!(format!("/v1/accounts/{id}/external_accounts"));
    account["login_links"]["url"] = json!(format!("/v1/accounts/{id}/login_links"));
    account
}

/// A bank account to pay out to.
pub(crate) fn bank_account(context: &mut StoryContext<'_>, account: &str) -> (String, Value) {
    let id = context.id("ba");
    let fingerprint = context.token(16);
    let mut bank = context.blank("bank_account", &id);
    bank["account"] = json!(account);
    bank["fingerprint"] = json!(fingerprint);
    (id, bank)
}

/// What an account may do: `card_payments` or `transfers`, not yet active. Its id is its name.
pub(crate) fn capability(context: &StoryContext<'_>, account: &str, name: &str) -> Value {
    let mut capability = context.blank("capability", name);
    capability["account"] = json!(account);
    capability["requested_at"] = json!(context.now());
    capability["status"] = json!("pending");
    capability
}

/// The person behind an account, not verified yet.
pub(crate) fn person(context: &mut StoryContext<'_>, account: &str) -> (String, Value) {
    let id = context.id("person");
    let mut person = context.blank("person", &id);
    person["account"] = json!(account);
    person["requirements"]["currently_due"] = json!(["verification.document"]);
    (id, person)
}

/// The platform, as an account that connects to it sees it. It has no path of its own in the API.
pub(crate) fn application(context: &mut StoryContext<'_>) -> (String, Value) {
    let id = context.id("ca");
    let application = context.blank("application", &id);
    (id, application)
}

/// A payout on its way to the bank.
pub(crate) fn payout(context: &mut StoryContext<'_>, amount: i64) -> (String, Value) {
    let id = context.id("po");
    let transaction = context.id("txn");
    let bank = context.id("ba");
    let mut payout = context.blank("payout", &id);
    payout["amount"] = json!(amount);
    payout["arrival_date"] = json!(context.now() + 2 * 86_400);
    payout["balance_transaction"] = json!(transaction);
    payout["destination"] = json!(bank);
    (id, payout)
}

/// The balance, with this much to pay out.
pub(crate) fn balance(context: &StoryContext<'_>, available: i64) -> Value {
    let mut balance = context.blank("balance", "");
    balance["available"][0]["amount"] = json!(available);
    balance["available"][0]["source_types"]["card"] = json!(available);
    balance
}
