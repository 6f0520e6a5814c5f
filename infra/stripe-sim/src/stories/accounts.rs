//! A connected account's onboarding up to charges and payouts, and its offboarding.

use serde_json::{Value, json};

use super::DAY_S;
use crate::objects::connect;
use crate::story_context::Stage;

/// The scope's account submits a bank account and a document, is checked, and may then do what it requests. An account
/// that doesn't request card payments has accepted the recipient agreement, and never charges.
pub(crate) fn onboarding(stage: &mut Stage<'_>, requested: &[&str]) {
    // Only connected accounts are onboarded.
    let Some(id) = stage.scope().account.clone() else {
        return;
    };
    let charges = requested.contains(&"card_payments");
    let mut account = connect::account(stage, &id);
    account["capabilities"] = capabilities(requested, "inactive");
    if !charges {
        account["tos_acceptance"]["service_agreement"] = json!("recipient");
    }
    // The platform made it by a request of its own: there is no event for that.
    stage.put(&id, account);
    for name in requested {
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
        account["capabilities"] = capabilities(requested, "pending");
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
    for name in requested {
        stage.update("capability.updated", name, |capability| {
            capability["status"] = json!("active");
        });
        stage.update("account.updated", &id, |account| {
            account["capabilities"][*name] = json!("active");
        });
    }
    stage.breathe();
    stage.update("account.updated", &id, |account| {
        account["charges_enabled"] = json!(charges);
        account["payouts_enabled"] = json!(true);
        account["requirements"]["pending_verification"] = json!([]);
        account["requirements"]["disabled_reason"] = Value::Null;
    });
}

/// The capabilities that an account requested, all with this status.
fn capabilities(requested: &[&str], status: &str) -> Value {
    requested.iter().map(|name| (*name, status)).collect()
}

/// Stripe asks for a document, with a deadline; it comes late, and the account is disabled until it is there.
pub(crate) fn restricted(stage: &mut Stage<'_>) {
    const ASKED: &str = "individual.verification.additional_document";
    let Some(id) = stage.scope().account.clone() else {
        return;
    };
    let of_capability = |stage: &mut Stage<'_>, name: &str, status: &str| {
        stage.update("capability.updated", name, |capability| {
            capability["status"] = json!(status);
        });
    };
    stage.wait(20 * DAY_S);
    stage.stripe_acts();
    let deadline = stage.now() + 14 * DAY_S;
    // Everything else continues meanwhile.
    stage.update("account.updated", &id, |account| {
        account["requirements"]["currently_due"] = json!([ASKED]);
        account["requirements"]["eventually_due"] = json!([ASKED]);
        account["requirements"]["current_deadline"] = json!(deadline);
    });
    let before = stage.get(&id).clone();
    let active = before["capabilities"].as_object().into_iter().flatten();
    let active: Vec<_> = active.map(|(name, _)| name.as_str()).collect();

    stage.wait(14 * DAY_S);
    for name in &active {
        of_capability(stage, name, "inactive");
    }
    stage.update("account.updated", &id, |account| {
        account["requirements"]["past_due"] = json!([ASKED]);
        account["requirements"]["current_deadline"] = Value::Null;
        account["requirements"]["disabled_reason"] = json!("requirements.past_due");
        account["capabilities"] = capabilities(&active, "inactive");
        account["charges_enabled"] = json!(false);
        account["payouts_enabled"] = json!(false);
    });

    stage.wait(2 * DAY_S);
    stage.stripe_acts();
    for name in &active {
        of_capability(stage, name, "active");
    }
    stage.update("account.updated", &id, |account| {
        let deadline = account["requirements"]["current_deadline"].clone();
        *account = before.clone();
        account["requirements"]["currently_due"] = json!([]);
        account["requirements"]["eventually_due"] = json!([]);
        account["requirements"]["current_deadline"] = deadline;
    });
}

/// The account's owner withdraws the platform's access, and gives it back. The account itself doesn't change.
pub(crate) fn reconnecting(stage: &mut Stage<'_>) {
    stage.wait(40 * DAY_S);
    let Some(application) = stage.first_of("application") else {
        return;
    };
    stage.emit("account.application.deauthorized", &application);
    stage.wait(3 * DAY_S);
    stage.emit("account.application.authorized", &application);
}

/// The account removes its objects and leaves the platform. The objects that it was made with are found by their kind.
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
        // The application is unchanged.
        stage.emit("account.application.deauthorized", &application);
    }
}
