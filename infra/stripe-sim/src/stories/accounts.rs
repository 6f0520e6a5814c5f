//! A connected account's onboarding up to charges and payouts, and its offboarding.

use serde_json::{Value, json};

use super::DAY_S;
use crate::objects::connect;
use crate::story_context::StoryContext;

/// The scope's account submits a bank account and a document, is checked, and may then do what it requests. An account
/// that doesn't request card payments has accepted the recipient agreement, and never charges.
pub(crate) fn onboarding(context: &mut StoryContext<'_>, requested: &[&str]) {
    // Only connected accounts are onboarded.
    let Some(id) = context.scope().account.clone() else {
        return;
    };
    let charges = requested.contains(&"card_payments");
    let mut account = connect::account(context, &id);
    account["capabilities"] = capabilities(requested, "inactive");
    if !charges {
        account["tos_acceptance"]["service_agreement"] = json!("recipient");
    }
    // The platform made it by a request of its own: there is no event for that.
    context.put(&id, account);
    for name in requested {
        let capability = connect::capability(context, &id, name);
        context.put(name, capability);
    }

    let (application_id, application) = connect::application(context);
    context.create(
        "account.application.authorized",
        &application_id,
        application,
    );
    context.wait(100);
    let (person_id, person) = connect::person(context, &id);
    context.create("person.created", &person_id, person);

    context.wait(300);
    let (bank_id, bank) = connect::bank_account(context, &id);
    context.create("account.external_account.created", &bank_id, bank.clone());
    context.update("account.updated", &id, |account| {
        account["external_accounts"]["data"] = json!([bank]);
        account["external_accounts"]["total_count"] = json!(1);
        account["requirements"]["currently_due"] = json!(["individual.verification.document"]);
    });

    // The document and the terms come within one second: two updates share it.
    context.wait(120);
    let now = context.now();
    context.update("account.updated", &id, |account| {
        account["tos_acceptance"]["date"] = json!(now);
    });
    context.update("account.updated", &id, |account| {
        account["details_submitted"] = json!(true);
        account["requirements"]["currently_due"] = json!([]);
        account["requirements"]["pending_verification"] =
            json!(["individual.verification.document"]);
        account["requirements"]["disabled_reason"] = json!("requirements.pending_verification");
        account["capabilities"] = capabilities(requested, "pending");
    });

    context.update("person.updated", &person_id, |person| {
        person["requirements"]["currently_due"] = json!([]);
        person["requirements"]["pending_verification"] = json!(["verification.document"]);
        person["verification"]["status"] = json!("pending");
    });

    context.wait(1_800);
    context.stripe_acts();
    context.update("person.updated", &person_id, |person| {
        person["requirements"]["pending_verification"] = json!([]);
        person["verification"]["status"] = json!("verified");
    });
    for name in requested {
        context.update("capability.updated", name, |capability| {
            capability["status"] = json!("active");
        });
        context.update("account.updated", &id, |account| {
            account["capabilities"][*name] = json!("active");
        });
    }
    context.breathe();
    context.update("account.updated", &id, |account| {
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
pub(crate) fn restricted(context: &mut StoryContext<'_>) {
    const ASKED: &str = "individual.verification.additional_document";
    let Some(id) = context.scope().account.clone() else {
        return;
    };
    let of_capability = |context: &mut StoryContext<'_>, name: &str, status: &str| {
        context.update("capability.updated", name, |capability| {
            capability["status"] = json!(status);
        });
    };
    context.wait(20 * DAY_S);
    context.stripe_acts();
    let deadline = context.now() + 14 * DAY_S;
    // Everything else continues meanwhile.
    context.update("account.updated", &id, |account| {
        account["requirements"]["currently_due"] = json!([ASKED]);
        account["requirements"]["eventually_due"] = json!([ASKED]);
        account["requirements"]["current_deadline"] = json!(deadline);
    });
    let before = context.get(&id).clone();
    let active = before["capabilities"].as_object().into_iter().flatten();
    let active: Vec<_> = active.map(|(name, _)| name.as_str()).collect();

    context.wait(14 * DAY_S);
    for name in &active {
        of_capability(context, name, "inactive");
    }
    context.update("account.updated", &id, |account| {
        account["requirements"]["past_due"] = json!([ASKED]);
        account["requirements"]["current_deadline"] = Value::Null;
        account["requirements"]["disabled_reason"] = json!("requirements.past_due");
        account["capabilities"] = capabilities(&active, "inactive");
        account["charges_enabled"] = json!(false);
        account["payouts_enabled"] = json!(false);
    });

    context.wait(2 * DAY_S);
    context.stripe_acts();
    for name in &active {
        of_capability(context, name, "active");
    }
    context.update("account.updated", &id, |account| {
        let deadline = account["requirements"]["current_deadline"].clone();
        *account = before.clone();
        account["requirements"]["currently_due"] = json!([]);
        account["requirements"]["eventually_due"] = json!([]);
        account["requirements"]["current_deadline"] = deadline;
    });
}

/// The account's owner withdraws the platform's access, and gives it back. The account itself doesn't change.
pub(crate) fn reconnecting(context: &mut StoryContext<'_>) {
    context.wait(40 * DAY_S);
    let Some(application) = context.first_of("application") else {
        return;
    };
    context.emit("account.application.deauthorized", &application);
    context.wait(3 * DAY_S);
    context.emit("account.application.authorized", &application);
}

/// The account removes its objects and leaves the platform. The objects that it was made with are found by their kind.
pub(crate) fn offboarding(context: &mut StoryContext<'_>) {
    let Some(id) = context.scope().account.clone() else {
        return;
    };
    context.wait(30 * DAY_S);
    if let Some(bank) = context.first_of("bank_account") {
        context.update("account.external_account.updated", &bank, |bank| {
            bank["status"] = json!("verification_failed");
        });
        context.wait(3_600);
        context.delete("account.external_account.deleted", &bank);
        context.update("account.updated", &id, |account| {
            account["external_accounts"]["data"] = json!([]);
            account["external_accounts"]["total_count"] = json!(0);
            account["payouts_enabled"] = json!(false);
            account["requirements"]["currently_due"] = json!(["external_account"]);
        });
    }
    context.wait(DAY_S);
    if let Some(person) = context.first_of("person") {
        context.delete("person.deleted", &person);
    }
    context.wait(DAY_S);
    if let Some(application) = context.first_of("application") {
        // The application is unchanged.
        context.emit("account.application.deauthorized", &application);
    }
}
