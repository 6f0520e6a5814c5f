//! The response to a delivery, and what the delivery leaves behind.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::world::{eventually, intent, now_s, paid, shared, unique};

#[test]
fn a_good_delivery_is_accepted_published_and_applied() {
    let world = shared();
    let (event, object, body) = paid();
    let answer = world.deliver(&body);
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, r#"{"status":"accepted"}"#)
    );
    assert_eq!(world.state(&event).as_deref(), Some("published"));
    let on_bus = world.on_bus(&event);
    assert_eq!(on_bus["detail-type"], "payment_intent.succeeded");
    assert_eq!(on_bus["detail"]["sluice"]["endpoint"], "platform");
    assert_eq!(on_bus["detail"]["data"]["object"]["id"], object);
    let document = world.settled("payments", &object);
    assert_eq!(document["state"]["status"], "succeeded");
    let effects = eventually("the fact", || {
        Some(world.effects(&object)).filter(|effects| !effects.is_empty())
    });
    assert_eq!(effects.len(), 1);
    assert_eq!(effects[0]["detail-type"], "PaymentSucceeded");
    assert_eq!(effects[0]["detail"]["data"]["amount"], 4_200);
}

#[test]
fn three_repetitions_are_duplicates_and_change_nothing() {
    let world = shared();
    let (event, object, body) = paid();
    assert_eq!(world.deliver(&body).words(), "accepted");
    for _ in 0..3 {
        let answer = world.deliver(&body);
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (200, r#"{"status":"duplicate"}"#)
        );
    }
    let document = world.settled("payments", &object);
    assert_eq!(document["history"], json!([event]));
    assert_eq!(
        (world.published(&event), world.effects(&object).len()),
        (1, 1)
    );
}

#[test]
fn of_twenty_parallel_deliveries_one_is_accepted_and_the_event_is_published_and_applied_once() {
    let world = shared();
    let (event, object, body) = paid();
    let start = Arc::new(std::sync::Barrier::new(20));
    let deliveries: Vec<_> = (0..20)
        .map(|_| {
            let (start, body) = (start.clone(), body.clone());
            std::thread::spawn(move || {
                start.wait();
                shared().deliver(&body)
            })
        })
        .collect();
    let answers: Vec<_> = deliveries
        .into_iter()
        .map(|delivery| delivery.join().expect("an answer"))
        .collect();
    let count = |status: u16, words: &str| {
        answers
            .iter()
            .filter(|answer| answer.status == status && answer.words() == words)
            .count()
    };
    let accepted = count(200, "accepted");
    let rest = count(200, "duplicate") + count(409, "held claim.held");
    assert_eq!((accepted, rest), (1, 19), "{answers:?}");
    let document = world.settled("payments", &object);
    assert_eq!(document["history"], json!([event]));
    eventually("the fact", || {
        (world.effects(&object).len() == 1).then_some(())
    });
    assert_eq!(world.published(&event), 1);
}

#[test]
fn a_strangers_delivery_is_refused_and_leaves_nothing() {
    let world = shared();
    let (event, _, body) = paid();
    let now = now_s();
    let secret = &world.info().webhook_secrets["platform"];
    let other = &world.info().webhook_secrets["connect"];
    for (secret, t, words) in [
        ("whsec_forged", now, "refused signature.no_match"),
        (other, now, "refused signature.no_match"),
        (secret, now - 400, "refused signature.too_old"),
        (secret, now + 400, "refused signature.too_new"),
    ] {
        let answer = world.deliver_signed("platform", body.as_bytes(), secret, t);
        assert_eq!((answer.status, answer.words().as_str()), (400, words));
    }
    let changed = body.replace("4200", "9900");
    let signature = sluice_stripe::signature::sign(body.as_bytes(), secret, now);
    for (body, signature, words) in [
        (
            changed.as_str(),
            Some(signature.as_str()),
            "refused signature.no_match",
        ),
        (body.as_str(), None, "refused signature.missing"),
        (
            body.as_str(),
            Some("nonsense"),
            "refused signature.malformed",
        ),
    ] {
        let sender = sluice_local::post::Sender::to(world.info());
        let answer = sender
            .post("platform", body.as_bytes(), signature)
            .expect("an answer");
        assert_eq!((answer.status, answer.words().as_str()), (400, words));
    }
    assert!(world.story(&event).is_none());
    assert_eq!(world.published(&event), 0);
}

#[test]
fn an_endpoint_takes_its_own_secret_and_its_own_scope() {
    let world = shared();
    let (event, object, body) = paid();
    let secret = &world.info().webhook_secrets["connect"];
    let (misplaced, _, body_of_own) = paid();
    let answer = world.deliver_signed("connect", body_of_own.as_bytes(), secret, now_s());
    assert_eq!((answer.status, answer.words().as_str()), (200, "accepted"));
    let story = world.story(&misplaced).expect("an entry");
    let ledger_only = story.entry.ledger_only.as_deref();
    assert_eq!(ledger_only, Some("endpoint.account_missing"));
    let mut connected: Value = serde_json::from_str(&body).expect("JSON");
    connected["account"] = json!("acct_1");
    let connected = connected.to_string();
    assert_eq!(world.deliver(&connected).words(), "accepted");
    let story = world.story(&event).expect("an entry");
    let ledger_only = story.entry.ledger_only.as_deref();
    assert_eq!(ledger_only, Some("endpoint.unexpected_account"));
    assert_eq!(
        (world.published(&misplaced), world.published(&event)),
        (0, 0)
    );
    // The endpoint that it is for publishes the event that the other one only stored.
    let answer = world.deliver_signed("connect", connected.as_bytes(), secret, now_s());
    assert_eq!(answer.words(), "accepted");
    assert_eq!(
        world.on_bus(&event)["detail"]["sluice"]["account"],
        "acct_1"
    );
    // Keyed by account: the platform's object of that id is a different one.
    assert!(world.projection("payments", &object).is_none());
}

#[test]
fn other_methods_and_endpoints_get_an_answer_that_says_so() {
    let world = shared();
    let sender = sluice_local::post::Sender::to(world.info());
    let answer = sender.post("nobody", b"{}", None).expect("an answer");
    assert_eq!(
        (answer.status, answer.words().as_str()),
        (404, "refused endpoint.unknown")
    );
    let answer = sender.get(&world.info().webhook_url).expect("an answer");
    assert_eq!(
        (answer.status, answer.words().as_str()),
        (405, "refused request.not_post")
    );
    let elsewhere = world
        .info()
        .webhook_url
        .replace("/webhooks/stripe", "/elsewhere");
    assert_eq!(sender.get(&elsewhere).expect("an answer").status, 404);
}

#[test]
fn another_event_under_a_known_id_is_kept_beside_it_and_answered_409() {
    let world = shared();
    let (event, _, body) = paid();
    assert_eq!(world.deliver(&body).words(), "accepted");
    let other = intent(&event, &unique("pi"), "succeeded", now_s(), "succeeded").to_string();
    let answer = world.deliver(&other);
    assert_eq!(
        (answer.status, answer.words().as_str()),
        (409, "conflict claim.conflict")
    );
    let story = world.story(&event).expect("an entry");
    assert_eq!(story.others.len(), 1);
    assert_eq!(story.body.as_deref(), Some(body.as_bytes()));
    // Other bytes of the same event are no conflict: Stripe counts `pending_webhooks` down.
    assert_eq!(
        world
            .deliver(&body.replace(r#""pending_webhooks":1"#, r#""pending_webhooks":0"#))
            .words(),
        "duplicate"
    );
}

#[test]
fn events_out_of_order_end_in_the_newest_state() {
    let world = shared();
    let object = unique("pi");
    let now = now_s();
    for (kind, created, status) in [
        ("succeeded", now, "succeeded"),
        ("created", now - 60, "requires_payment_method"),
        ("payment_failed", now - 30, "requires_payment_method"),
        // A terminal state stays, even if an event of a later second differs.
        ("processing", now + 30, "processing"),
    ] {
        let body = intent(&unique("evt"), &object, kind, created, status).to_string();
        assert_eq!(world.deliver(&body).words(), "accepted");
    }
    eventually("an empty queue", || {
        (world.depth("payments") == 0).then_some(())
    });
    assert_eq!(
        world.settled("payments", &object)["state"]["status"],
        "succeeded"
    );
    assert_eq!(world.effects(&object).len(), 1);
}

#[test]
fn a_trial_click_of_the_dashboard_is_answered_200_and_leaves_nothing() {
    let world = shared();
    let (_, object, body) = paid();
    let mut click: Value = serde_json::from_str(&body).expect("JSON");
    click["id"] = json!("evt_00000000000000");
    for kind in ["payment_intent.succeeded", "invoice.paid"] {
        click["type"] = json!(kind);
        let answer = world.deliver(&click.to_string());
        assert_eq!((answer.status, answer.words().as_str()), (200, "test"));
    }
    assert!(world.story("evt_00000000000000").is_none());
    assert!(world.projection("payments", &object).is_none());
}
