//! The domain over the sample events, and over the simulated Stripe's stories.

use serde_json::{Value, json};
use sluice_effects::orders;
use sluice_effects::stories::{self, Played};
use sluice_effects::{ApiVersion, check, handles_what_is_routed};
use sluice_harness::build;
use sluice_harness::samples::{as_event, sample, samples};
use sluice_kernel::domain::{Domain, NoSettings};
use sluice_kernel::effects::effect;
use sluice_kernel::event::Event;

mod accounts;

use crate::{BALANCE, Connect, Connected};

fn project(event: &Event) -> (String, bool, Connected) {
    let projected = Connect::project(event).expect("readable");
    (projected.object, projected.terminal, projected.state)
}

fn play(events: &[Event]) -> Played<Connected> {
    stories::play::<Connect>(events).expect("nothing is refused")
}

fn story(name: &str) -> Vec<Event> {
    stories::one(name, 3, ApiVersion::V2025_09_30)
}

/// An object as an event of this type shows it.
fn shown(kind: &str, object: Value) -> (String, bool, Connected) {
    project(&build::event("evt_1", kind, 1_767_603_600, object))
}

#[test]
fn every_sample_of_the_domain_can_be_projected_and_what_it_says_fits_its_schema() {
    for prefix in ["account.", "payout.", "balance."] {
        for (name, snapshot) in samples(prefix) {
            let event = as_event(&snapshot);
            assert!(Connect::handles(&event.kind), "{name}");
            let (_, _, state) = project(&event);
            for fact in Connect::facts(&event).expect(&name) {
                check(&effect::pending_fact(fact, &event, None, None)).expect(&name);
            }
            for level in Connect::levels(None, &state, &Default::default()) {
                check(&effect::pending_level(level, &event, 1, None)).expect(&name);
            }
        }
    }
}

#[test]
fn the_types_that_are_routed_here_are_handled_and_no_others() {
    handles_what_is_routed::<Connect>(&[]);
}

#[test]
fn every_object_ends_the_same_in_every_order_of_its_events_with_duplicates_and_mixed_versions() {
    let tried = orders::every_order::<Connect>();
    println!("{tried:?}");
    assert!(tried.whole > 10 && tried.orders > 1_000, "{tried:?}");
}

#[test]
fn every_story_ends_alike_in_every_order_and_api_version() {
    let kinds = stories::alike_in_every_version::<Connect>();
    let every = ["AccountReady", "PayoutFailed", "PayoutPaid"];
    assert!(kinds.iter().eq(every), "{kinds:?}");
}

#[test]
fn a_payout_that_fails_after_it_was_paid_has_failed_and_both_are_emitted() {
    let mut events = story("PayoutFailsLater");
    let played = play(&events);
    let payout = played
        .states
        .values()
        .find(|state| state.object == "payout");
    let payout = payout.expect("the payout");
    assert_eq!(
        (&*payout.status, payout.reason.as_deref()),
        ("failed", Some("account_closed"))
    );
    assert_eq!(
        (played.count("PayoutPaid"), played.count("PayoutFailed")),
        (1, 1)
    );
    events.sort_by_key(|event| event.kind == "payout.paid");
    assert_eq!(play(&events).states, played.states);
}

#[test]
fn an_account_becomes_ready_once_and_says_what_it_lacked_before() {
    let played = play(&story("Onboarding"));
    let ready: Vec<_> = played
        .levels
        .iter()
        .map(|level| &level.detail["data"]["ready"])
        .collect();
    assert_eq!(
        ready.iter().filter(|ready| ***ready == json!(true)).count(),
        1,
        "{ready:?}"
    );
    assert_eq!(ready.last(), Some(&&json!(true)));
    let seqs: Vec<_> = played
        .levels
        .iter()
        .map(|level| level.detail["seq"].as_u64())
        .collect();
    assert!(seqs.is_sorted());
}

#[test]
fn a_change_that_is_no_matter_to_readiness_is_not_emitted() {
    let (_, _, account) = project(&sample("account.updated"));
    let mut renamed = sample("account.updated");
    renamed.object["business_profile"]["name"] = json!("Another Name");
    assert_eq!(
        Connect::levels(Some(&account), &project(&renamed).2, &Default::default()),
        []
    );
    assert_eq!(
        Connect::levels(None, &account, &Default::default()).len(),
        1
    );

    let mut disabled = renamed;
    disabled.object["charges_enabled"] = json!(false);
    disabled.object["requirements"]["disabled_reason"] = json!("rejected.fraud");
    disabled.object["requirements"]["currently_due"] = json!(["external_account"]);
    let levels = Connect::levels(Some(&account), &project(&disabled).2, &Default::default());
    let data = &levels[0].data;
    assert_eq!(
        (&data["ready"], &data["currently_due"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(data["disabled_reason"], "rejected.fraud");
}

#[test]
fn an_account_that_is_gone_may_do_nothing() {
    let (id, _, account) = project(&sample("account.updated"));
    let gone = json!({ "id": id, "object": "account", "deleted": true });
    let (_, terminal, state) = shown("account.updated", gone);
    assert!(terminal);
    let levels = Connect::levels(Some(&account), &state, &Default::default());
    assert_eq!(
        (&*levels[0].key, &levels[0].data["ready"]),
        (&*id, &json!(false))
    );
    assert_eq!(
        Connect::levels(Some(&state), &state, &Default::default()),
        []
    );
}

#[test]
fn the_balance_is_kept_by_its_name_and_currencies() {
    let (object, terminal, state) = project(&sample("balance.available"));
    assert_eq!((&*object, terminal), (BALANCE, false));
    assert_eq!(state.available[0].currency, "usd");
}

#[test]
fn equal_ids_in_three_accounts_are_three_objects() {
    let capability = json!({ "id": "card_payments", "object": "capability", "status": "active", "account": "acct_x" });
    let mut events = Vec::new();
    for account in ["acct_1", "acct_2", "acct_3"] {
        let mut event = build::event(
            account,
            "capability.updated",
            1_767_603_600,
            capability.clone(),
        );
        event.scope.account = Some(account.to_owned());
        events.push(event);
    }
    assert_eq!(play(&events).states.len(), 3);
}

#[test]
fn money_that_moves_is_kept_with_what_came_back_of_it() {
    let transfer = json!({ "id": "tr_1", "object": "transfer", "amount": 900, "amount_reversed": 300, "currency": "usd",
        "destination": "acct_1" });
    let (_, _, state) = shown("transfer.updated", transfer.clone());
    assert_eq!(
        (&*state.status, state.destination.as_deref()),
        ("partly_reversed", Some("acct_1"))
    );
    let mut whole = transfer;
    whole["amount_reversed"] = json!(900);
    assert_eq!(shown("transfer.reversed", whole).2.status, "reversed");

    let fee = json!({ "id": "fee_1", "object": "application_fee", "amount": 50, "amount_refunded": 0, "currency": "usd" });
    assert_eq!(shown("application_fee.created", fee).2.status, "complete");
    let refund = json!({ "id": "fr_1", "object": "fee_refund", "amount": 50, "currency": "usd", "fee": "fee_1" });
    assert_eq!(
        shown("application_fee.refund.updated", refund).2.amount,
        Some(50)
    );

    let topup = json!({ "id": "tu_1", "object": "topup", "amount": 50, "currency": "usd", "status": "failed",
        "failure_code": "insufficient_funds" });
    let (_, terminal, state) = shown("topup.failed", topup);
    assert!(terminal && state.reason.as_deref() == Some("insufficient_funds"));
}

#[test]
fn what_belongs_to_an_account_is_kept_without_anything_personal() {
    let person = json!({ "id": "person_1", "object": "person", "account": "acct_1", "first_name": "Ada",
        "verification": { "status": "verified" } });
    let (_, _, state) = shown("person.updated", person.clone());
    assert_eq!(state.status, "verified");
    assert!(!format!("{state:?}").contains("Ada"));
    assert!(shown("person.deleted", person).1);

    let card = json!({ "id": "card_1", "object": "card", "account": "acct_1", "currency": "usd" });
    assert_eq!(shown("account.external_account.created", card).0, "card_1");

    // Without an account it is the platform's own.
    let application = json!({ "id": "ca_1", "object": "application", "name": "An App" });
    let (_, _, state) = shown("account.application.deauthorized", application.clone());
    assert_eq!(state.status, "deauthorized");
    assert_eq!(Connect::levels(None, &state, &NoSettings {}), []);
    let (object, terminal, state) = shown("account.application.authorized", application);
    assert!(!terminal && state.status == "authorized" && object == "ca_1");
}

#[test]
fn a_field_that_is_needed_and_missing_is_named() {
    let mut event = sample("payout.paid");
    event.object["amount"] = json!(null);
    let fault = Connect::project(&event).expect_err("rejected");
    assert_eq!(
        (fault.code.as_str(), fault.cause.as_str()),
        ("object.field_missing", "no whole number at amount")
    );
}

#[test]
fn money_that_comes_back_in_parts_is_counted_until_all_is_back() {
    for (name, kind, status) in [
        ("TransferReversed", "transfer", "reversed"),
        ("FeeRefunded", "application_fee", "reversed"),
        ("TopUpReversed", "topup", "reversed"),
    ] {
        let played = play(&story(name));
        let state = played.states.values().find(|state| state.object == kind);
        let state = state.expect("one of the kind");
        assert_eq!(state.status, status, "{name}");
        if kind != "topup" {
            assert_eq!(state.amount_reversed, state.amount, "{name}");
        }
    }
    let played = play(&story("TopUpFails"));
    let mut ends: Vec<_> = played.states.values().map(|state| &*state.status).collect();
    ends.sort_unstable();
    assert_eq!(ends, ["canceled", "failed"]);
}

#[test]
fn an_account_that_leaves_is_not_ready_and_its_things_are_gone() {
    let played = play(&story("Offboarding"));
    let status = |kind: &str| {
        let state = played.states.values().find(|state| state.object == kind);
        state.expect("one of the kind").status.clone()
    };
    assert_eq!(status("account"), "deauthorized");
    assert_eq!(status("bank_account"), "deleted");
    assert_eq!(status("person"), "deleted");
}
