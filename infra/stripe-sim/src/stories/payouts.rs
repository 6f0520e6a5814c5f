//! Payouts: one that arrives, one that is sent back.

use serde_json::json;

use super::DAY_S;
use crate::objects::connect;
use crate::story_context::Stage;
use crate::world::BALANCE;

pub(crate) fn paid(stage: &mut Stage<'_>) {
    pay_out(stage);
}

pub(crate) fn fails_later(stage: &mut Stage<'_>) {
    let payout = pay_out(stage);
    stage.wait(3 * DAY_S);
    let transaction = stage.id("txn");
    stage.update("payout.failed", &payout, |payout| {
        payout["status"] = json!("failed");
        payout["failure_balance_transaction"] = json!(transaction);
        payout["failure_code"] = json!("account_closed");
        payout["failure_message"] = json!("The bank account has been closed.");
        payout["reconciliation_status"] = json!("not_applicable");
    });
}

pub(crate) fn canceled(stage: &mut Stage<'_>) {
    let payout = ask(stage);
    stage.wait(600);
    stage.somebody_acts();
    stage.update("payout.canceled", &payout, |payout| {
        payout["status"] = json!("canceled");
        payout["reconciliation_status"] = json!("not_applicable");
    });
}

/// A payout from the balance's event to the bank's confirmation that it arrived. Returns its id.
fn pay_out(stage: &mut Stage<'_>) -> String {
    let id = ask(stage);
    stage.wait(3_600);
    stage.update("payout.updated", &id, |payout| {
        payout["status"] = json!("in_transit");
    });
    stage.wait(2 * DAY_S);
    stage.update("payout.paid", &id, |payout| {
        payout["status"] = json!("paid");
        payout["trace_id"] = json!({ "status": "supported", "value": "211000010000042" });
    });
    stage.breathe();
    stage.update("payout.reconciliation_completed", &id, |payout| {
        payout["reconciliation_status"] = json!("completed");
    });
    id
}

/// The balance's event, and a payout of it that hasn't left. Returns its id.
fn ask(stage: &mut Stage<'_>) -> String {
    stage.stripe_acts();
    let amount = stage.amount() * 10;
    let balance = connect::balance(stage, amount);
    stage.put(BALANCE, balance);
    stage.emit("balance.available", BALANCE);
    stage.breathe();
    let (id, payout) = connect::payout(stage, amount);
    stage.create("payout.created", &id, payout);
    id
}
