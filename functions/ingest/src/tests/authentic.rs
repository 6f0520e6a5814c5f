//! An authentic event is never refused: events that the endpoint's configuration doesn't expect, trial clicks, and
//! which account owns an event.

use super::*;

fn as_json(body: &str) -> Value {
    serde_json::from_str(body).expect("JSON")
}

fn with(body: &str, fields: &[(&str, Value)]) -> String {
    let mut event = as_json(body);
    for (name, value) in fields {
        event[*name] = value.clone();
    }
    event.to_string()
}

#[tokio::test]
async fn what_the_configuration_does_not_expect_is_stored_with_its_reason_and_answered_200() {
    let world = world();
    let account = ("account", json!("acct_1"));
    let test = ("livemode", json!(false));
    for (id, path, secret, fields, reason) in [
        (
            "evt_1",
            "/webhooks/stripe",
            PLATFORM,
            vec![account.clone()],
            "endpoint.unexpected_account",
        ),
        (
            "evt_2",
            "/webhooks/stripe",
            PLATFORM,
            vec![test.clone()],
            "endpoint.wrong_mode",
        ),
        (
            "evt_3",
            "/webhooks/stripe/connect",
            CONNECT,
            vec![],
            "endpoint.account_missing",
        ),
        (
            "evt_4",
            "/webhooks/stripe/connect",
            CONNECT,
            vec![account, test],
            "test_event_at_live_endpoint",
        ),
    ] {
        let body = with(&charge(id), &fields);
        assert_eq!(
            world.post(path, secret, &body).await,
            ok("accepted"),
            "{id}"
        );
        let standing = world.ingest.ledger.entry(id).expect("an entry").standing;
        assert_eq!(standing.ledger_only.as_deref(), Some(reason));
        assert_eq!(
            world.post(path, secret, &body).await,
            ok("duplicate"),
            "{id}"
        );
    }
    assert_eq!(world.published(), 0);
}

#[tokio::test]
async fn an_event_that_waits_for_the_configuration_is_published_by_a_delivery_after_it_was_corrected()
 {
    let mut world = world();
    let body = with(&charge("evt_1"), &[("context", json!("org_1/acct_own"))]);
    assert_eq!(world.deliver(PLATFORM, &body).await, ok("accepted"));
    assert_eq!(world.published(), 0);
    let platform = world.ingest.endpoints.get_mut("platform");
    platform.expect("configured").account = Some("acct_own".to_owned());
    assert_eq!(world.deliver(PLATFORM, &body).await, ok("accepted"));
    assert_eq!(world.published(), 1);
    assert_eq!(
        world.ingest.bus.details()[0]["sluice"]["account"],
        Value::Null
    );
    let entry = world.ingest.ledger.entry("evt_1").expect("an entry");
    assert_eq!(
        (entry.origin.account, entry.standing.ledger_only),
        (None, None)
    );
}

#[test]
fn only_the_first_acceptance_of_a_waiting_event_has_its_reason_as_code() {
    let accepted = |unmarked| DeliveryOutcome::Accepted {
        claim_age_ms: None,
        unmarked,
    };
    for (taken, reason, code) in [
        (
            accepted(false),
            Some("endpoint.wrong_mode"),
            Some("endpoint.wrong_mode"),
        ),
        (accepted(false), Some("test_event_at_live_endpoint"), None),
        (accepted(false), None, None),
        (
            accepted(true),
            Some("endpoint.wrong_mode"),
            Some("mark.failed"),
        ),
        (
            DeliveryOutcome::Duplicate,
            Some("endpoint.wrong_mode"),
            None,
        ),
    ] {
        assert_eq!(
            Answer::from(taken)
                .or_waiting(reason)
                .code
                .map(Code::as_str),
            code
        );
    }
}

#[tokio::test]
async fn trial_clicks_of_the_dashboard_are_answered_200_and_leave_nothing() {
    let world = world();
    for kind in ["invoice.paid", "customer.created", "invoice.paid"] {
        let body = with(&charge("evt_00000000000000"), &[("type", json!(kind))]);
        // This holds for any purpose of the endpoint: the click shows that it is reached.
        let body = with(&body, &[("livemode", json!(false))]);
        assert_eq!(world.deliver(PLATFORM, &body).await, ok("test"));
    }
    assert_eq!(world.published(), 0);
    assert!(world.ingest.ledger.entry("evt_00000000000000").is_none());
    assert_eq!(Answer::trial().code, Some(code::EVENT_TRIAL));
    let body = charge("evt_00000000000000");
    let forged = world.deliver("whsec_wrong", &body).await;
    assert_eq!(forged, refused(400, "signature.no_match"));
}

#[tokio::test]
async fn an_own_event_is_keyed_alike_through_an_organizations_destination_and_the_accounts_endpoint()
 {
    let mut world = world();
    for endpoint in world.ingest.endpoints.values_mut() {
        endpoint.account = Some("acct_own".to_owned());
    }
    let both = Endpoint {
        account: Some("acct_own".to_owned()),
        ..Endpoint::of(AccountScope::Both, true)
    };
    world.ingest.endpoints.insert("bare".to_owned(), both);
    world
        .store
        .hold(&[("platform", &[PLATFORM]), ("bare", &["whsec_org"])]);
    let org = "/webhooks/stripe/bare";
    for (id, context, account) in [
        ("evt_1", json!("acct_own"), Value::Null),
        ("evt_2", json!("org_1/acct_own"), Value::Null),
        ("evt_3", json!("acct_2"), json!("acct_2")),
        ("evt_4", json!("acct_own/acct_3"), json!("acct_3")),
        ("evt_5", json!("org_1"), Value::Null),
    ] {
        let body = with(&charge(id), &[("context", context)]);
        assert_eq!(
            world.post(org, "whsec_org", &body).await,
            ok("accepted"),
            "{id}"
        );
        let published = world.ingest.bus.details().pop().expect("published");
        assert_eq!(
            (&published["id"], &published["sluice"]["account"]),
            (&json!(id), &account)
        );
    }
    // The account's own endpoint sends the same event without a context.
    assert_eq!(
        world.deliver(PLATFORM, &charge("evt_1")).await,
        ok("duplicate")
    );
    // A thin event has the scope of the snapshot of the same change.
    let thin = json!({
        "id": "evt_6", "object": "v2.core.event", "type": "v1.charge.succeeded", "livemode": true,
        "created": "2026-01-01T00:00:00.000Z", "context": "acct_own",
        "related_object": { "id": "ch_1", "type": "charge", "url": "/v1/charges/ch_1" },
    });
    assert_eq!(
        world.post(org, "whsec_org", &thin.to_string()).await,
        ok("accepted")
    );
    let published = world.ingest.bus.details().pop().expect("published");
    assert_eq!(published["sluice"]["account"], Value::Null);
}

#[tokio::test]
async fn a_stored_secret_with_a_line_break_verifies_and_a_blank_one_verifies_nothing() {
    let world = world();
    let pasted = format!(" {PLATFORM}\r\n");
    world
        .store
        .hold(&[("platform", &[&pasted]), ("bare", &[" \n"])]);
    assert_eq!(
        world.deliver(PLATFORM, &charge("evt_1")).await,
        ok("accepted")
    );
    let body = charge("evt_2");
    let blank = world.post("/webhooks/stripe/bare", "", &body).await;
    let failed = json!({ "status": "failed", "code": "secret.missing" });
    assert_eq!(blank, (503, failed));
}

#[tokio::test]
async fn blanks_around_the_entries_of_the_signature_header_are_a_proxys() {
    let world = world();
    let body = charge("evt_1");
    let signature = sign(body.as_bytes(), PLATFORM, world.now_s());
    let spaced = format!("{}, v0={}", signature.replace(',', ", "), "0".repeat(64));
    let request = http("POST", "/webhooks/stripe", Some(&spaced), &body, false);
    assert_eq!(world.send(request).await, ok("accepted"));
}
