//! What is left of a customer once `sluice erase` has run, as the deployed tables and queues have it.

use serde_json::{Value, json};

use crate::consumers::message;
use crate::replay::sluice;
use crate::world::{World, eventually, intent, now_s, unique};

const EMAIL: &str = "ada@example.com";

/// Every item and message of a stack as text, but for what is compressed.
fn everything(world: &World) -> String {
    let mut all = String::new();
    for table in world.info().tables.values() {
        let scanned = world.stack(|stack| {
            let input = json!({ "TableName": table });
            stack.aws().json("DynamoDB_20120810.Scan", &input)
        });
        all.push_str(&scanned.expect("scanned").to_string());
    }
    all
}

/// A payment intent of a customer, with a charge of its own.
fn of_customer(event: &str, object: &str, customer: &str, charge: &str, noise: usize) -> Value {
    let mut body = intent(event, object, "succeeded", now_s(), "succeeded");
    let fields = &mut body["data"]["object"];
    fields["customer"] = json!(customer);
    fields["receipt_email"] = json!(EMAIL);
    fields["latest_charge"] = json!(charge);
    // Noise that no compression makes small: the body goes into parts of its own.
    let mut seed = 7_u64;
    let text = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{seed:016x}")
    });
    fields["description"] = json!(text.take(noise / 16).collect::<String>());
    body
}

fn refund(event: &str, object: &str, charge: &str) -> Value {
    json!({
        "id": event, "object": "event", "type": "refund.created", "livemode": false, "created": now_s(),
        "api_version": "2025-09-30.clover", "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
        "data": { "object": {
            "id": object, "object": "refund", "status": "succeeded", "amount": 100, "currency": "usd", "charge": charge,
            "instructions_email": EMAIL,
        } },
    })
}

#[test]
fn an_erased_customer_leaves_ids_and_hashes_and_nobody_else_loses_anything() {
    let world = &World::own(|_| {});
    let (customer, charge) = (unique("cus"), unique("ch"));
    let [paid, large, refunded, other] = [(); 4].map(|()| unique("evt"));
    let [intent_1, intent_2, refund_1, intent_3] = ["pi", "pi", "re", "pi"].map(unique);
    let first = of_customer(&paid, &intent_1, &customer, &charge, 0).to_string();
    let bodies = [
        // Before the charge that it names is known to be the customer's: found on a later pass.
        refund(&refunded, &refund_1, &charge).to_string(),
        first.clone(),
        of_customer(&large, &intent_2, &customer, &unique("ch"), 900_000).to_string(),
        of_customer(&other, &intent_3, &unique("cus"), &unique("ch"), 0).to_string(),
    ];
    for body in &bodies {
        assert_eq!(world.deliver(body).words(), "accepted");
    }
    let charged = json!({
        "id": unique("evt"), "object": "event", "type": "charge.succeeded", "livemode": false, "created": now_s(),
        "api_version": "2025-09-30.clover", "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
        "data": { "object": {
            "id": charge, "object": "charge", "status": "succeeded", "amount": 4_200, "amount_refunded": 0, "currency": "usd",
            "customer": customer, "billing_details": { "email": EMAIL },
        } },
    });
    assert_eq!(world.deliver(&charged.to_string()).words(), "accepted");
    for object in [&intent_1, &intent_2, &refund_1, &intent_3, &charge] {
        world.settled("payments", object);
    }
    let parsed = |body: &str| -> Value { serde_json::from_str(body).expect("JSON") };
    let letters = [
        message(&parsed(&first)),
        message(&parsed(&bodies[3])),
        // No message of Sluice's, and yet about the customer.
        json!({ "detail": { "data": { "object": { "customer": customer } } } }).to_string(),
    ];
    world.enqueue("payments_dead_letters", &letters);
    let before = world.story(&paid).expect("an entry").summary;

    let (plan, code) = sluice(world, &["erase", &customer]);
    assert_eq!(code, 0);
    let wanted =
        json!({ "erased": false, "bodies": 4, "projections": 4, "dead_letters": 2, "waits": [] });
    assert_eq!(plan, [wanted]);
    assert!(
        world.story(&paid).expect("an entry").body.is_some(),
        "a plan does nothing"
    );

    let (done, code) = sluice(world, &["erase", &customer, "--yes"]);
    assert_eq!(
        (done[0]["erased"].clone(), done[0]["bodies"].clone(), code),
        (json!(true), json!(4), 0)
    );
    for event in [&paid, &large, &refunded] {
        let story = world.story(event).expect("ids stay");
        assert_eq!(
            (story.body, &story.summary["state"]),
            (None, &json!("published"))
        );
    }
    assert_eq!(
        world.story(&paid).expect("an entry").summary["sha256"],
        before["sha256"]
    );
    for object in [&intent_1, &intent_2, &refund_1, &charge] {
        let document = world.projection("payments", object).expect("a tombstone")["doc"].clone();
        assert_eq!(
            (&document["state"]["status"], &document["terminal"]),
            (&json!("deleted"), &json!(true))
        );
        assert!(
            document["second"].is_i64() && document["history"].is_array(),
            "{document}"
        );
    }
    let left = everything(world);
    assert!(!left.contains(EMAIL) && !left.contains(&customer), "{left}");
    assert!(
        !left.contains("part#"),
        "the large body's parts are deleted"
    );
    eventually("the other's dead letter alone", || {
        (world.depth("payments_dead_letters") == 1).then_some(())
    });

    // The other customer's are as they were, and again there is nothing to do.
    assert_eq!(
        world.story(&other).expect("an entry").body.as_deref(),
        Some(bodies[3].as_bytes())
    );
    assert_eq!(
        world.settled("payments", &intent_3)["state"]["status"],
        "succeeded"
    );
    let (again, _) = sluice(world, &["erase", &customer, "--yes"]);
    assert_eq!(
        (&again[0]["bodies"], &again[0]["projections"]),
        (&json!(0), &json!(0))
    );

    // A duplicate is still one, and an event that comes late doesn't bring the object back.
    assert_eq!(world.deliver(&first).words(), "duplicate");
    let (late, marker) = (unique("evt"), unique("pi"));
    let mut body = intent(&late, &intent_1, "processing", now_s() + 60, "processing");
    body["data"]["object"]["customer"] = json!(customer);
    assert_eq!(world.deliver(&body.to_string()).words(), "accepted");
    let marked = intent(&unique("evt"), &marker, "succeeded", now_s(), "succeeded").to_string();
    assert_eq!(world.deliver(&marked).words(), "accepted");
    world.settled("payments", &marker);
    eventually("the late event at its domain", || {
        (world.depth("payments") == 0).then_some(())
    });
    assert_eq!(
        world.settled("payments", &intent_1)["state"]["status"],
        "deleted"
    );
    assert!(world.story(&paid).expect("an entry").body.is_none());
}
