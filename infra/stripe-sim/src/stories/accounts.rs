//! A connected account's way to charges and payouts.

use serde_json::{Value, json};

use crate::objects::connect;
use crate::stage::Stage;

/// The account whose scope this is hands in a bank account and a document, is checked, and may charge.
pub(crate) fn onboarding(stage: &mut Stage<'_>) {
    // Only a connected account has a way to go.
    let Some(id) = stage.scope().account.clone() else {
        return;
    };
    let account = connect::account(stage, &id);
    // The platform made it by a request of its own: no event tells of that.
    stage.put(&id, account);
    for name in ["card_payments", "transfers"] {
        let capability = connect::capability(stage, &id, name);
        stage.put(name, capability);
    }

    stage.wait(400);
    let (bank_id, bank) = connect::bank_account(stage, &id);
    stage.create("account.external_account.created", &bank_id, bank.clone());
    stage.update("account.updated", &id, |account| {
        account["external_accounts"]["data"] = json!([bank]);
        account["external_accounts"]["total_count"] = json!(1);
        account["requirements"]["currently_due"] = json!(["individual.verification.document"]);
    });

    // The document and the terms come within one second: two updates share it.
    stage.wait(120);
    let now = stage.now();
    stage.update("account.updated", &id, |account| {
        account["tos_acceptance"]["date"] = json!(now);
    });
    stage.update("account.updated", &id, |account| {
        account["details_submitted"] = json!(true);
        account["requirements"]["currently_due"] = json!([]);
        account["requirements"]["pending_verification"] =
            json!(["individual.verification.document"]);
        account["requirements"]["disabled_reason"] = json!("requirements.pending_verification");
        account["capabilities"] = json!({ "card_payments": "pending", "transfers": "pending" });
    });

    stage.wait(1_800);
    stage.stripe_acts();
    for name in ["card_payments", "transfers"] {
        stage.update("capability.updated", name, |capability| {
            capability["status"] = json!("active");
        });
        stage.update("account.updated", &id, |account| {
            account["capabilities"][name] = json!("active");
        });
    }
    stage.breathe();
    stage.update("account.updated", &id, |account| {
        account["charges_enabled"] = json!(true);
        account["payouts_enabled"] = json!(true);
        account["requirements"]["pending_verification"] = json!([]);
        account["requirements"]["disabled_reason"] = Value::Null;
    });
}
