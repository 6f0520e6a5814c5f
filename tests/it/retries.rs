//! When a failed message comes back, and what it leaves behind when it no longer does.
//!
//! Times are read from the functions' own log lines, and only checked to be "not before": a slow machine is not a
//! failure.

use serde_json::{Value, json};
use sluice_local::follow::{Follower, Line};
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::server::{Refusal, Server};
use sluice_stripe_sim::{Options, Scope, Story, World as Stripe};

use crate::consumers::message;
use crate::truth::world_with_key;
use crate::world::{World, eventually, intent, now_s, unique};

/// The most by which two log lines may be closer together than the delay between them: a line is written before the
/// delay is set, and the emulator dates it, to the millisecond.
const CLOCK_MS: i64 = 50;

/// A simulated Stripe, and a payment intent that it has.
fn stripe_with_a_payment() -> (Server, String) {
    let mut stripe = Stripe::new(11, Options::default());
    stripe.play(Story::Purchase, &Scope::platform(false));
    let paid = stripe
        .events()
        .iter()
        .find(|event| event.kind == "payment_intent.succeeded");
    let id = paid.expect("a purchase is paid").object.id.clone();
    let end = stripe.end();
    let server = Server::start(stripe, Terms::default(), 0).expect("a port");
    server.set_now(Some(end + 60));
    (server, id)
}

/// A thin event of it: it can't be applied without asking Stripe.
fn thin(event: &str, intent: &str) -> String {
    json!({
        "id": event, "object": "v2.core.event", "type": "v1.payment_intent.succeeded", "livemode": false,
        "created": "2026-01-01T00:00:00.000Z",
        "related_object": { "id": intent, "type": "payment_intent", "url": format!("/v1/payment_intents/{intent}") },
    })
    .to_string()
}

/// What a domain's function logged about an event, up to its outcome.
fn lines_of(world: &World, domain: &str, event: &str) -> Vec<Line> {
    let mut lines = Follower::of(world.info());
    let mut own = Vec::new();
    eventually("the event's last line", || {
        own.extend(lines.poll().expect("readable"));
        own.retain(|line| line.function == domain && line.fields["event"] == event);
        let last = own.last()?.text("outcome")?;
        (last != "failed").then_some(())
    });
    own
}

/// Asserts each failure line's delay: the next line doesn't come before it.
fn came_back_not_before(lines: &[Line]) {
    for pair in lines.windows(2) {
        let delay_s = pair[0].fields["delay_s"].as_i64().expect("a delay");
        let after_ms = pair[1].at_ms - pair[0].at_ms;
        assert!(
            after_ms + CLOCK_MS >= delay_s * 1_000,
            "{} s were set, and it came back after {after_ms} ms",
            delay_s
        );
    }
}

#[test]
fn who_was_rate_limited_comes_back_after_what_stripe_said_and_an_outage_backs_off() {
    let (server, id) = stripe_with_a_payment();
    let world = world_with_key(&server, |_| {});

    let limited = unique("evt");
    server.refuse_next(1, &Refusal::rate_limited(4, "global-rate"));
    assert_eq!(world.deliver(&thin(&limited, &id)).words(), "accepted");
    let lines = lines_of(&world, "payments", &limited);
    assert_eq!(lines[0].text("code"), Some("stripe.rate_limited"));
    assert!(lines[0].fields["delay_s"].as_i64() >= Some(4), "{lines:?}");
    came_back_not_before(&lines);
    assert_eq!(
        lines.last().and_then(|line| line.text("outcome")),
        Some("applied")
    );

    let outage = unique("evt");
    server.refuse_next(3, &Refusal::broken(503));
    assert_eq!(world.deliver(&thin(&outage, &id)).words(), "accepted");
    let lines = lines_of(&world, "payments", &outage);
    came_back_not_before(&lines);
    let failed = &lines[..lines.len() - 1];
    assert_eq!(failed.len(), 3, "{lines:?}");
    for (line, longest) in failed.iter().zip([2, 4, 8]) {
        assert_eq!(line.text("code"), Some("stripe.unavailable"));
        assert!(line.fields["delay_s"].as_i64() <= Some(longest), "{line:?}");
    }
    let receives: Vec<_> = failed
        .iter()
        .map(|line| line.fields["receives"].clone())
        .collect();
    assert_eq!(receives, [1, 2, 3]);
}

#[test]
fn an_event_that_can_not_be_applied_is_rejected_recorded_and_acknowledged() {
    let world = crate::world::shared();
    let mut poison = intent(
        &unique("evt"),
        &unique("pi"),
        "succeeded",
        now_s(),
        "succeeded",
    );
    poison["data"]["object"]["status"] = Value::Null;
    let event = poison["id"].as_str().expect("an id").to_owned();
    assert_eq!(world.deliver(&poison.to_string()).words(), "accepted");
    let record = eventually("a record", || world.rejections(&event).pop());
    for (name, value) in [
        ("outcome", "rejected"),
        ("code", "object.field_missing"),
        ("sk", "payments"),
        ("type", "payment_intent.succeeded"),
    ] {
        assert_eq!(record[name]["S"], value);
    }
    assert_eq!(record["digest"]["S"].as_str().map(str::len), Some(12));
    assert_eq!(record["receives"]["N"], "1");
    let lines = lines_of(world, "payments", &event);
    assert_eq!(lines.len(), 1, "it was acknowledged: {lines:?}");
    // The field by which the alarm's metric counts.
    assert_eq!(
        (lines[0].text("outcome"), lines[0].text("function")),
        (Some("rejected"), Some("payments"))
    );
    assert_eq!(world.depth("payments_dead_letters"), 0);
}

#[test]
fn a_delay_that_can_not_be_set_leaves_the_queues_own_and_loses_nothing() {
    let world = World::breakable(100);
    world.break_wire(json!([
        { "service": "sqs", "operation": "ChangeMessageVisibilityBatch", "error": { "code": "InternalFailure", "status": 500 } },
        {
            "service": "dynamodb", "operation": "PutItem", "resource": world.info().tables["payments"],
            "error": { "code": "InternalServerError", "status": 500 }, "times": sluice_adapters::aws::ATTEMPTS_MAX,
        },
    ]));
    let mut lines = Follower::of(world.info());
    let object = unique("pi");
    let event = intent(&unique("evt"), &object, "succeeded", now_s(), "succeeded");
    world.enqueue("payments", &[message(&event)]);
    assert_eq!(
        world.settled("payments", &object)["state"]["status"],
        "succeeded"
    );
    let said = lines.poll().expect("readable");
    let not_set = said
        .iter()
        .find(|line| line.text("code") == Some("queue.delay_not_set"));
    assert_eq!(
        not_set.map(|line| &line.fields["messages"]),
        Some(&json!(1))
    );
}

#[test]
fn what_fails_in_one_domain_leaves_why_among_its_dead_letters_and_the_others_untouched() {
    let world = World::breakable(3);
    world.break_wire(json!([{
        "service": "dynamodb", "operation": "PutItem", "resource": world.info().tables["payments"],
        "error": { "code": "InternalServerError", "status": 500 },
    }]));
    let never = unique("pi");
    let failing = intent(&unique("evt"), &never, "succeeded", now_s(), "succeeded");
    let event = failing["id"].as_str().expect("an id").to_owned();
    world.enqueue("payments", &[message(&failing)]);

    let customer = unique("cus");
    let elsewhere = unique("evt");
    let body = json!({
        "id": elsewhere, "object": "event", "type": "customer.updated", "livemode": false, "created": now_s(),
        "data": { "object": { "id": customer, "object": "customer", "delinquent": false } },
    });
    assert_eq!(world.deliver(&body.to_string()).words(), "accepted");
    world.settled("subscriptions", &customer);
    let lines = lines_of(&world, "subscriptions", &elsewhere);
    assert_eq!(lines.len(), 1, "applied at once: {lines:?}");

    eventually("a dead letter", || {
        (world.depth("payments_dead_letters") == 1).then_some(())
    });
    let record = world.rejections(&event).pop().expect("it left a record");
    for (name, value) in [
        ("outcome", "failing"),
        ("code", "projection.unavailable"),
        ("cause", "PutItem: InternalServerError"),
    ] {
        assert_eq!(record[name]["S"], value);
    }
    assert_eq!(record["receives"]["N"], "3");
    // By the message's id a dead letter finds its record.
    let dead = world.first_message("payments_dead_letters");
    assert_eq!(record["message"]["S"], dead);
    assert!(world.projection("payments", &never).is_none());
    for queue in [
        "subscriptions_dead_letters",
        "billing_dead_letters",
        "connect_dead_letters",
    ] {
        assert_eq!(world.depth(queue), 0);
    }

    world.restore_wire();
    // When moved back, it is applied, as if nothing had happened.
    world.enqueue("payments", &[message(&failing)]);
    assert_eq!(
        world.settled("payments", &never)["state"]["status"],
        "succeeded"
    );
}
