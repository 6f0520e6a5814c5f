//! Money between Stripe accounts, and into one: transfers, application fees, top-ups.

use serde_json::json;

use super::DAY_S;
use crate::objects::transfers;
use crate::story_context::StoryContext;

pub(crate) fn reversed(context: &mut StoryContext<'_>) {
    let amount = context.amount() * 4;
    let (id, transfer) = transfers::transfer(context, amount);
    context.create("transfer.created", &id, transfer);
    context.wait(400);
    context.update("transfer.updated", &id, |transfer| {
        transfer["metadata"] = json!({ "seller": "42" });
    });
    // A quarter first, then all the rest.
    for part in [amount / 4, amount - amount / 4] {
        context.wait(DAY_S);
        let reversal = transfers::reversal(context, &id, part);
        context.update("transfer.reversed", &id, |transfer| {
            let was = transfer["amount_reversed"].as_i64().unwrap_or_default();
            transfer["amount_reversed"] = json!(was + part);
            transfer["reversed"] = json!(was + part == amount);
            transfers::list_first(&mut transfer["reversals"], reversal);
        });
    }
}

pub(crate) fn fee_refunded(context: &mut StoryContext<'_>) {
    let amount = context.amount();
    let (id, fee) = transfers::fee(context, amount);
    context.create("application_fee.created", &id, fee);
    context.wait(2 * DAY_S);
    let refund = refund_fee(context, &id, amount / 2);
    context.wait(200);
    // The fee shows its refunds; the fee's next event shows that one of them changed.
    let metadata = json!({ "reason": "the order was late" });
    context.change(&id, |fee| {
        fee["refunds"]["data"][0]["metadata"] = metadata.clone();
    });
    context.update("application_fee.refund.updated", &refund, |refund| {
        refund["metadata"] = metadata.clone();
    });
    context.wait(DAY_S);
    refund_fee(context, &id, amount - amount / 2);
}

fn refund_fee(context: &mut StoryContext<'_>, fee: &str, amount: i64) -> String {
    let (id, refund) = transfers::fee_refund(context, fee, amount);
    context.put(&id, refund.clone());
    context.update("application_fee.refunded", fee, |fee| {
        let refunded = fee["amount_refunded"].as_i64().unwrap_or_default() + amount;
        fee["refunded"] = json!(fee["amount"] == json!(refunded));
        fee["amount_refunded"] = json!(refunded);
        transfers::list_first(&mut fee["refunds"], refund);
    });
    id
}

pub(crate) fn topped_up(context: &mut StoryContext<'_>) {
    let id = ask(context);
    let transaction = context.id("txn");
    context.update("topup.succeeded", &id, |topup| {
        topup["balance_transaction"] = json!(transaction);
        topup["status"] = json!("succeeded");
    });
    context.wait(20 * DAY_S);
    context.update("topup.reversed", &id, |topup| {
        topup["status"] = json!("reversed");
    });
}

pub(crate) fn topup_fails(context: &mut StoryContext<'_>) {
    let id = ask(context);
    context.update("topup.failed", &id, |topup| {
        topup["failure_code"] = json!("insufficient_funds");
        topup["failure_message"] = json!("The bank account has insufficient funds.");
        topup["status"] = json!("failed");
    });
    context.wait(DAY_S);
    context.somebody_acts();
    let amount = context.amount() * 10;
    let (second, topup) = transfers::topup(context, amount);
    context.create("topup.created", &second, topup);
    context.wait(600);
    context.update("topup.canceled", &second, |topup| {
        topup["status"] = json!("canceled");
    });
}

/// A top-up, five days after it was requested. Returns its id.
fn ask(context: &mut StoryContext<'_>) -> String {
    let amount = context.amount() * 10;
    let (id, topup) = transfers::topup(context, amount);
    context.create("topup.created", &id, topup);
    context.wait(5 * DAY_S);
    context.stripe_acts();
    id
}
