//! Large, odd and thin bodies.

use serde_json::{Value, json};
use sluice_harness::build::noise_body;

use crate::replay::sluice;
use crate::world::{eventually, now_s, shared, unique};

/// A payment event with this number of bytes of noise, which don't compress well.
fn large(event: &str, object: &str, bytes: usize) -> String {
    let noise: Value = serde_json::from_slice(&noise_body(event, bytes)).expect("JSON");
    let mut body = crate::world::intent(event, object, "succeeded", now_s(), "succeeded");
    body["data"]["object"]["description"] = noise["data"]["object"]["description"].clone();
    body.to_string()
}

#[test]
fn bodies_of_300_kb_and_900_kb_are_stored_byte_for_byte_and_applied() {
    let world = shared();
    for bytes in [300_000, 900_000] {
        let (event, object) = (unique("evt"), unique("pi"));
        let body = large(&event, &object, bytes);
        assert_eq!(world.deliver(&body).words(), "accepted");
        let on_bus = world.on_bus(&event);
        assert_eq!(on_bus["detail"]["sluice"]["body"], "ledger");
        assert_eq!(
            on_bus["detail"]["data"]["object"],
            json!({ "id": object, "object": "payment_intent" })
        );
        assert_eq!(
            world.story(&event).expect("an entry").body.as_deref(),
            Some(body.as_bytes())
        );
        assert_eq!(world.settled("payments", &object)["state"]["amount"], 4_200);
        assert_eq!(world.deliver(&body).words(), "duplicate");
    }
}

#[test]
fn a_body_over_the_limit_is_answered_413() {
    let world = shared();
    let event = unique("evt");
    let body = large(&event, &unique("pi"), 4 * 1024 * 1024);
    let answer = world.deliver(&body);
    assert_eq!(
        (answer.status, answer.words().as_str()),
        (413, "refused body.too_large")
    );
    assert!(world.story(&event).is_none());
}

#[test]
fn an_unknown_type_and_an_odd_shape_are_stored_and_published_and_reach_no_domain() {
    let world = shared();
    let event = unique("evt");
    let body = format!(
        r#"{{ "id":"{event}", "type":"galaxy.moved", "livemode":false, "by":123456789012345678901234567890,
        "by":1e2, "exact":0.10, "data":7 }}"#
    );
    assert_eq!(world.deliver(&body).words(), "accepted");
    assert_eq!(world.on_bus(&event)["detail-type"], "galaxy.moved");
    // The ledger has byte for byte what a bus rewrites.
    assert_eq!(
        world.story(&event).expect("an entry").body.as_deref(),
        Some(body.as_bytes())
    );
}

#[test]
fn an_event_with_a_value_that_no_domain_can_read_is_shown_as_rejected_under_its_id() {
    let world = shared();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    // With Sluice's reserved key the event travels as a pointer: the local bus would turn this number into invalid
    // JSON.
    for (odd, as_pointer) in [
        (&*deep, false),
        (&*deep, true),
        (r#""\ud800""#, false),
        ("1e999", true),
    ] {
        let (event, object) = (unique("evt"), unique("pi"));
        let mut body = crate::world::intent(&event, &object, "succeeded", now_s(), "succeeded");
        if as_pointer {
            body["sluice"] = json!(1);
        }
        let body = body.to_string().replace("4200", odd);
        assert_eq!(world.deliver(&body).words(), "accepted");
        let outcome = eventually("a record under the event's id", || {
            let (lines, _) = sluice(world, &["event", "show", &event]);
            let outcomes = lines[0]["outcomes"].as_array()?;
            outcomes.first().cloned()
        });
        assert_eq!(
            (&outcome["sk"], &outcome["outcome"], &outcome["code"]),
            (
                &json!("payments"),
                &json!("rejected"),
                &json!("event.not_json")
            )
        );
        assert_eq!(outcome["type"], "payment_intent.succeeded");
        // The ledger has byte for byte what Stripe sent.
        assert_eq!(
            world.story(&event).expect("an entry").body.as_deref(),
            Some(body.as_bytes())
        );
    }
}

#[test]
fn a_thin_event_is_stored_and_published() {
    let world = shared();
    let event = unique("evt_test");
    let body = json!({
        "id": event, "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered", "livemode": false,
        "created": "2026-01-01T00:00:00.123Z", "context": null,
        "related_object": { "id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1" },
    });
    assert_eq!(world.deliver(&body.to_string()).words(), "accepted");
    let entry = world.story(&event).expect("an entry").entry;
    assert_eq!(
        (entry.state, entry.object_id.as_deref()),
        ("published", Some("mtr_1"))
    );
    assert_eq!(entry.created, Some(1_767_225_600));
    assert_eq!(
        world.on_bus(&event)["detail"]["related_object"]["id"],
        "mtr_1"
    );
}

#[test]
fn a_verified_body_that_is_no_event_is_refused() {
    let world = shared();
    for (body, words) in [
        ("", "refused event.not_json"),
        ("nonsense", "refused event.not_json"),
        (r#"{"type":"charge.succeeded"}"#, "refused event.no_id"),
    ] {
        let answer = world.deliver(body);
        assert_eq!((answer.status, answer.words().as_str()), (400, words));
    }
}

#[test]
fn a_subscription_grants_and_revokes_access() {
    let world = shared();
    let object = unique("sub");
    let now = now_s();
    let event = |kind: &str, created: i64, status: &str| {
        json!({
            "id": unique("evt"), "object": "event", "type": format!("customer.subscription.{kind}"), "livemode": false,
            "created": created,
            "data": { "object": {
                "id": object, "object": "subscription", "status": status, "customer": "cus_1",
                "items": { "object": "list", "data": [
                    { "price": { "id": "price_1", "product": "prod_1" }, "quantity": 1, "current_period_end": now + 86_400 },
                ] },
            } },
        })
        .to_string()
    };
    // The deletion arrives first: the late `active` must not bring it back.
    for (kind, created, status) in [
        ("deleted", now, "canceled"),
        ("updated", now - 10, "active"),
    ] {
        assert_eq!(
            world.deliver(&event(kind, created, status)).words(),
            "accepted"
        );
    }
    eventually("an empty queue", || {
        (world.depth("subscriptions") == 0).then_some(())
    });
    assert_eq!(
        world.settled("subscriptions", &object)["state"]["status"],
        "canceled"
    );
}
