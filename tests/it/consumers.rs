//! Messages at a domain: poison among good ones, handlers that fail for a while, and permanently.

use serde_json::{Value, json};
use sluice_harness::build::TRACEPARENT;
use sluice_kernel::outcome::subject_of_message;

use crate::world::{World, eventually, intent, now_s, paid, shared, unique};

/// A queue message as the rule writes it.
pub(crate) fn message(event: &Value) -> String {
    let mut detail = event.clone();
    detail["sluice"] = json!({
        "account": null, "endpoint": "platform", "livemode": false, "received_at_ms": now_s() * 1_000,
        "traceparent": TRACEPARENT, "body": "inline",
    });
    json!({ "version": "0", "source": "sluice.stripe", "detail-type": event["type"], "detail": detail }).to_string()
}

fn succeeded(object: &str) -> Value {
    intent(&unique("evt"), object, "succeeded", now_s(), "succeeded")
}

#[test]
fn a_poison_message_in_a_batch_is_recorded_and_the_good_ones_are_applied() {
    let world = shared();
    let objects: Vec<_> = (0..3).map(|_| unique("pi")).collect();
    let mut messages: Vec<_> = objects
        .iter()
        .map(|object| message(&succeeded(object)))
        .collect();
    let nonsense = unique("nonsense");
    let mut no_status = succeeded(&unique("pi"));
    no_status["data"]["object"]["status"] = Value::Null;
    messages.insert(1, nonsense.clone());
    messages.insert(2, message(&no_status));
    world.enqueue("payments", &messages);
    for object in &objects {
        assert_eq!(
            world.settled("payments", object)["state"]["status"],
            "succeeded"
        );
    }
    let code = |subject: &str| {
        let recorded = world.rejections(subject);
        recorded.first().map(|rejection| {
            rejection["code"]["S"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
    };
    let of_nonsense = eventually("a rejection", || code(&subject_of_message(&nonsense)));
    let of_no_status = eventually("a rejection", || code(no_status["id"].as_str()?));
    assert_eq!(
        (of_nonsense.as_str(), of_no_status.as_str()),
        ("message.not_json", "object.field_missing")
    );
    eventually("an empty queue", || {
        (world.depth("payments") == 0).then_some(())
    });
    assert_eq!(world.depth("payments_dead_letters"), 0);
}

#[test]
fn a_handler_that_fails_twice_works_the_third_time_and_one_that_always_fails_ends_in_the_dead_letters()
 {
    let world = World::breakable(3);
    let table = &world.info().tables["payments"];
    let write = |times: Option<u32>| {
        let mut rule = json!({
            "service": "dynamodb", "operation": "PutItem", "resource": table,
            "error": { "code": "InternalServerError", "status": 500 },
        });
        if let Some(times) = times {
            rule["times"] = json!(times);
        }
        json!([rule])
    };
    // Three tries by the SDK make one failure of the handler.
    world.break_wire(write(Some(2 * sluice_adapters::aws::ATTEMPTS_MAX)));
    let twice = unique("pi");
    world.enqueue("payments", &[message(&succeeded(&twice))]);
    assert_eq!(
        world.settled("payments", &twice)["state"]["status"],
        "succeeded"
    );
    let fired = world
        .stack(|stack| stack.faults().expect("breakable").fired())
        .expect("readable");
    assert_eq!(fired.as_array().map(Vec::len), Some(6), "{fired}");

    world.break_wire(write(None));
    let never = unique("pi");
    world.enqueue("payments", &[message(&succeeded(&never))]);
    eventually("a dead letter", || {
        (world.depth("payments_dead_letters") == 1).then_some(())
    });
    world.restore_wire();
    assert!(world.projection("payments", &never).is_none());
    // The others continue.
    let (_, object, body) = paid();
    assert_eq!(world.deliver(&body).words(), "accepted");
    world.settled("payments", &object);
}

#[test]
fn effects_that_were_not_emitted_are_made_up_for_and_nothing_stays_pending() {
    let world = World::breakable(3);
    let lost = json!([{ "service": "events", "operation": "PutEvents", "error": { "code": "InternalFailure", "status": 500 },
        "times": sluice_adapters::aws::ATTEMPTS_MAX }]);
    world.break_wire(lost);
    let object = unique("pi");
    world.enqueue("payments", &[message(&succeeded(&object))]);
    let document = world.settled("payments", &object);
    assert_eq!(document["facts"].as_array().map(Vec::len), Some(1));
    eventually("the fact", || {
        (world.effects(&object).len() == 1).then_some(())
    });
}

#[test]
fn an_item_that_the_first_version_wrote_is_read_kept_and_written_in_todays_form() {
    let world = shared();
    let (object, earlier) = (unique("pi"), unique("evt"));
    let fact = format!("PaymentSucceeded#platform#test#{object}");
    let old = json!({
        "schema": 1, "state": { "object": "payment_intent", "status": "processing", "amount": 1, "currency": "usd" },
        "evidence": { "terminal": false, "created": now_s() - 60, "event": earlier }, "history": [earlier], "facts": [fact],
    });
    let item = json!({
        "pk": { "S": format!("platform#test#{object}") }, "version": { "N": "3" }, "doc": { "S": old.to_string() },
    });
    let put = json!({ "TableName": world.info().tables["payments"], "Item": item });
    world
        .stack(|stack| stack.aws().json("DynamoDB_20120810.PutItem", &put))
        .expect("it is put");
    world.enqueue("payments", &[message(&succeeded(&object))]);
    let found = eventually("today's form", || {
        world
            .projection("payments", &object)
            .filter(|found| found["doc"]["schema"] == sluice_kernel::consumer::projection::SCHEMA)
    });
    let document = &found["doc"];
    assert_eq!(
        (&found["version"], &document["state"]["status"]),
        (&json!(4), &json!("succeeded"))
    );
    assert_eq!(
        document["facts"],
        json!([fact]),
        "emitted before, and not again"
    );
    world.see_all_of_the_bus();
    assert!(world.effects(&object).is_empty());
}
