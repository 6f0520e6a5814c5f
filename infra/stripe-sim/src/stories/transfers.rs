//! Money between Stripe accounts, and into one: transfers, application fees, top-ups.

use serde_json::json;

use super::DAY_S;
use crate::objects::transfers;
use crate::story_context::Stage;

pub(crate) fn reversed(stage: &mut Stage<'_>) {
    let amount = stage.amount() * 4;
    let (id, transfer) = transfers::transfer(stage, amount);
    stage.create("transfer.created", &id, transfer);
    stage.wait(400);
    stage.update("transfer.updated", &id, |transfer| {
        transfer["metadata"] = json!({ "seller": "42" });
    });
    // A quarter first, then all the rest.
    for part in [amount / 4, amount - amount / 4] {
        stage.wait(DAY_S);
        let reversal = transfers::reversal(stage, &id, part);
        stage.update("transfer.reversed", &id, |transfer| {
            let was = transfer["amount_reversed"].as_i64().unwrap_or_default();
            transfer["amount_reversed"] = json!(was + part);
            transfer["reversed"] = json!(was + part == amount);
            transfers::list_first(&mut transfer["reversals"], reversal);
        });
    }
}

pub(crate) fn fee_refunded(stage: &mut Stage<'_>) {
    let amount = stage.amount();
    let (id, fee) = transfers::fee(stage, amount);
    stage.create("application_fee.created", &id, fee);
    stage.wait(2 * DAY_S);
    let refund = refund_fee(stage, &id, amount / 2);
    stage.wait(200);
    // The fee shows its refunds; the fee's next event shows that one of them changed.
    let metadata = json!({ "reason": "the order was late" });
    stage.change(&id, |fee| {
        fee["refunds"]["data"][0]["metadata"] = metadata.clone();
    });
    stage.update("application_fee.refund.updated", &refund, |refund| {
        refund["metadata"] = metadata.clone();
    });
    stage.wait(DAY_S);
    refund_fee(stage, &id, amount - amount / 2);
}

fn refund_fee(stage: &mut Stage<'_>, fee: &str, amount: i64) -> String {
    let (id, refund) = transfers::fee_refund(stage, fee, amount);
    stage.put(&id, refund.clone());
    stage.update("application_fee.refunded", fee, |fee| {
        let refunded = fee["amount_refunded"].as_i64().unwrap_or_default() + amount;
        fee["refunded"] = json!(fee["amount"] == json!(refunded));
        fee["amount_refunded"] = json!(refunded);
        transfers::list_first(&mut fee["refunds"], refund);
    });
    id
}

pub(crate) fn topped_up(stage: &mut Stage<'_>) {
    let id = ask(stage);
    let transaction = stage.id("txn");
    stage.update("topup.succeeded", &id, |topup| {
        topup["balance_transaction"] = json!(transaction);
        topup["status"] = json!("succeeded");
    });
    stage.wait(20 * DAY_S);
    stage.update("topup.reversed", &id, |topup| {
        topup["status"] = json!("reversed");
    });
}

pub(crate) fn topup_fails(stage: &mut Stage<'_>) {
    let id = ask(stage);
    stage.update("topup.failed", &id, |topup| {
        topup["failure_code"] = json!("insufficient_funds");
        topup["failure_message"] = json!("The bank account has insufficient funds.");
        topup["status"] = json!("failed");
    });
    stage.wait(DAY_S);
    stage.somebody_acts();
    let amount = stage.amount() * 10;
    let (second, topup) = transfers::topup(stage, amount);
    stage.create("topup.created", &second, topup);
    stage.wait(600);
    stage.update("topup.canceled", &second, |topup| {
        topup["status"] = json!("canceled");
    });
}

/// A top-up, five days after it was requested. Returns its id.
fn ask(stage: &mut Stage<'_>) -> String {
    let amount = stage.amount() * 10;
    let (id, topup) = transfers::topup(stage, amount);
    stage.create("topup.created", &id, topup);
    stage.wait(5 * DAY_S);
    stage.stripe_acts();
    id
}
