//! A connected account's way to charges and payouts, and away again.

use serde_json::{Value, json};

use super::DAY_S;
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

    let (application_id, application) = connect::application(stage);
    stage.create(
        "account.application.authorized",
        &application_id,
        application,
    );
    stage.wait(100);
    let (person_id, person) = connect::person(stage, &id);
    stage.create("person.created", &person_id, person);

    stage.wait(300);
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

    stage.update("person.updated", &person_id, |person| {
        person["requirements"]["currently_due"] = json!([]);
        person["requirements"]["pending_verification"] = json!(["verification.document"]);
        person["verification"]["status"] = json!("pending");
    });

    stage.wait(1_800);
    stage.stripe_acts();
    stage.update("person.updated", &person_id, |person| {
        person["requirements"]["pending_verification"] = json!([]);
        person["verification"]["status"] = json!("verified");
    });
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

/// The account takes its things back and leaves the platform. What it was made with is found by its kind.
pub(crate) fn offboarding(stage: &mut Stage<'_>) {
    let Some(id) = stage.scope().account.clone() else {
        return;
    };
    stage.wait(30 * DAY_S);
    if let Some(bank) = stage.first_of("bank_account") {
        stage.update("account.external_account.updated", &bank, |bank| {
            bank["status"] = json!("verification_failed");
        });
        stage.wait(3_600);
        stage.delete("account.external_account.deleted", &bank);
        stage.update("account.updated", &id, |account| {
            account["external_accounts"]["data"] = json!([]);
            account["external_accounts"]["total_count"] = json!(0);
            account["payouts_enabled"] = json!(false);
            account["requirements"]["currently_due"] = json!(["external_account"]);
        });
    }
    stage.wait(DAY_S);
    if let Some(person) = stage.first_of("person") {
        stage.delete("person.deleted", &person);
    }
    stage.wait(DAY_S);
    if let Some(application) = stage.first_of("application") {
        // The application is what it was.
        stage.emit("account.application.deauthorized", &application);
    }
}
