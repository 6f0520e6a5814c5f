//! Payouts: one that arrives, one that is sent back.

use serde_json::json;

use super::DAY_S;
use crate::objects::connect;
use crate::story_context::StoryContext;
use crate::world::BALANCE;

pub(crate) fn paid(context: &mut StoryContext<'_>) {
    pay_out(context);
}

pub(crate) fn fails_later(context: &mut StoryContext<'_>) {
    let payout = pay_out(context);
    context.wait(3 * DAY_S);
    let transaction = context.id("txn");
    context.update("payout.failed", &payout, |payout| {
        payout["status"] = json!("failed");
        payout["failure_balance_transaction"] = json!(transaction);
        payout["failure_code"] = json!("account_closed");
        payout["failure_message"] = json!("The bank account has been closed.");
        payout["reconciliation_status"] = json!("not_applicable");
    });
}

pub(crate) fn canceled(context: &mut StoryContext<'_>) {
    let payout = ask(context);
    context.wait(600);
    context.somebody_acts();
    context.update("payout.canceled", &payout, |payout| {
        payout["status"] = json!("canceled");
        payout["reconciliation_status"] = json!("not_applicable");
    });
}

/// A payout from the balance's event to the bank's confirmation that it arrived. Returns its id.
fn pay_out(context: &mut StoryContext<'_>) -> String {
    let id = ask(context);
    context.wait(3_600);
    context.update("payout.updated", &id, |payout| {
        payout["status"] = json!("in_transit");
    });
    context.wait(2 * DAY_S);
    context.update("payout.paid", &id, |payout| {
        payout["status"] = json!("paid");
        payout["trace_id"] = json!({ "status": "supported", "value": "211000010000042" });
    });
    context.breathe();
    context.update("payout.reconciliation_completed", &id, |payout| {
        payout["reconciliation_status"] = json!("completed");
    });
    id
}

/// The balance's event, and a payout of it that hasn't left. Returns its id.
fn ask(context: &mut StoryContext<'_>) -> String {
    context.stripe_acts();
    let amount = context.amount() * 10;
    let balance = connect::balance(context, amount);
    context.put(BALANCE, balance);
    context.emit("balance.available", BALANCE);
    context.breathe();
    let (id, payout) = connect::payout(context, amount);
    context.create("payout.created", &id, payout);
    id
}
