//! A bus that refuses, a Lambda that runs nothing, answers that are lost, a connection that is cut, an AWS that
//! freezes, a secret that is rolled.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::{World, eventually, now_s, paid};

/// Every acknowledged event has to be on the bus and applied, regardless of what was broken meanwhile.
fn nothing_acknowledged_is_lost(world: &World, acknowledged: &[(String, String)]) {
    for (event, object) in acknowledged {
        eventually(&format!("{event} on the bus"), || {
            if world.published(event) == 0 {
                world.sweep();
            }
            (world.published(event) > 0).then_some(())
        });
        assert_eq!(
            world.settled("payments", object)["state"]["status"],
            "succeeded"
        );
        let facts = world.projection("payments", object).expect("applied")["doc"]["facts"].clone();
        assert_eq!(facts.as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn while_the_bus_refuses_deliveries_are_queued_and_sweep_publishes_each_once_it_is_back() {
    let world = World::breakable(100);
    world.break_wire(json!([
        { "service": "events", "operation": "PutEvents", "error": { "code": "ThrottlingException", "status": 400 } },
    ]));
    let mut queued = Vec::new();
    for _ in 0..12 {
        let (event, object, body) = paid();
        let answer = world.deliver(&body);
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (200, r#"{"status":"queued"}"#)
        );
        assert_eq!(world.deliver(&body).text, r#"{"status":"queued"}"#);
        assert_eq!(world.state(&event).as_deref(), Some("due"));
        queued.push((event, object));
    }
    assert_eq!(world.sweep()["published"], 0);
    world.restore_wire();
    // Refused once by the sweep above, entries are due again half a minute later.
    eventually("everything swept", || {
        world.sweep();
        queued
            .iter()
            .all(|(event, _)| world.state(event).as_deref() == Some("published"))
            .then_some(())
    });
    for (event, object) in &queued {
        world.settled("payments", object);
        // Once, unless the schedule's sweep overlaps with one of these.
        assert!(world.published(event) > 0);
    }
}

/// On AWS each wait uses up a receive, one per 190 s (developer guide, "Handling errors for an SQS event source"), so
/// that 500 of them are a day; the local AWS doesn't receive messages that it can't deliver.
#[test]
fn what_waits_while_lambda_runs_no_copy_of_a_domain_is_applied_when_it_does_again() {
    let world = World::own(|_| {});
    let reserve = |copies: Option<u32>| {
        let name = &world.info().functions["payments"];
        world
            .stack(|stack| stack.aws().reserve(name, copies))
            .expect("set");
    };
    reserve(Some(0));
    let mut acknowledged = Vec::new();
    for _ in 0..12 {
        let (event, object, body) = paid();
        assert_eq!(world.deliver(&body).words(), "accepted");
        acknowledged.push((event, object));
    }
    world.see_all_of_the_bus();
    let waiting = acknowledged
        .iter()
        .filter(|(_, object)| world.projection("payments", object).is_none());
    assert_eq!((waiting.count(), world.depth("payments")), (12, 12));
    reserve(None);
    nothing_acknowledged_is_lost(&world, &acknowledged);
    assert_eq!(world.depth("payments_dead_letters"), 0);
}

#[test]
fn lost_answers_lose_no_event_and_apply_none_twice() {
    let world = World::breakable(100);
    let lost = |service: &str, operation: &str, resource: &str| {
        json!({ "service": service, "operation": operation, "resource": resource, "response": { "abort_frac": 0.0 },
            "times": 1 })
    };
    let ledger = world.info().tables["ledger"].clone();
    let payments = world.info().tables["payments"].clone();
    let mut acknowledged = Vec::new();
    for rule in [
        lost("dynamodb", "PutItem", &ledger),
        lost("events", "PutEvents", ""),
        lost("dynamodb", "UpdateItem", &ledger),
        lost("dynamodb", "PutItem", &payments),
    ] {
        world.break_wire(json!([rule]));
        let (event, object, body) = paid();
        world.deliver_until_acknowledged(&body);
        acknowledged.push((event, object));
        nothing_acknowledged_is_lost(&world, &acknowledged);
        world.restore_wire();
    }
}

#[test]
fn a_wire_that_is_cut_under_load_and_restored_loses_nothing_that_was_acknowledged() {
    let world = World::breakable(100);
    let acknowledged = under_load(&world, || {
        for _ in 0..3 {
            std::thread::sleep(Duration::from_secs(1));
            world.break_wire(json!([{ "service": "*", "reset": true }]));
            std::thread::sleep(Duration::from_secs(2));
            world.restore_wire();
        }
    });
    nothing_acknowledged_is_lost(&world, &acknowledged);
}

#[test]
fn freezing_aws_under_load_loses_nothing_that_was_acknowledged() {
    let world = World::own(|_| {});
    let acknowledged = under_load(&world, || {
        for _ in 0..2 {
            std::thread::sleep(Duration::from_secs(1));
            world.stack(|stack| stack.freeze()).expect("frozen");
            std::thread::sleep(Duration::from_secs(4));
            world.stack(|stack| stack.thaw()).expect("thawed");
        }
    });
    nothing_acknowledged_is_lost(&world, &acknowledged);
}

/// The least number of acknowledgements before a load ends.
const LOAD: usize = 12;

/// Disturbs while four senders deliver, and for a second after, or until there is enough to judge; returns what was
/// acknowledged.
fn under_load(world: &World, disturb: impl FnOnce()) -> Vec<(String, String)> {
    let (over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let load: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| keep_delivering(world, &over, &count)))
            .collect();
        disturb();
        std::thread::sleep(Duration::from_secs(1));
        let until = Instant::now() + LOAD_MAX;
        while count.load(Ordering::Relaxed) < LOAD && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
        over.store(true, Ordering::Relaxed);
        let acknowledged: Vec<_> = load
            .into_iter()
            .flat_map(|thread| thread.join().expect("a thread ends"))
            .collect();
        assert!(acknowledged.len() >= LOAD, "{acknowledged:?}");
        acknowledged
    })
}

/// The longest load.
const LOAD_MAX: Duration = Duration::from_secs(120);

/// Delivers new events until it is over; returns those that were answered 200. The others are Stripe's to repeat.
fn keep_delivering(world: &World, over: &AtomicBool, count: &AtomicUsize) -> Vec<(String, String)> {
    let mut acknowledged = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let (event, object, body) = paid();
        if world
            .try_deliver(&body)
            .is_some_and(|answer| answer.status == 200)
        {
            acknowledged.push((event, object));
            count.fetch_add(1, Ordering::Relaxed);
        }
        // Enough load to be in the middle of something at any break, and few enough to check one by one.
        std::thread::sleep(Duration::from_millis(100));
    }
    acknowledged
}

#[test]
fn rolling_a_secret_loses_nothing() {
    let world = World::own(|_| {});
    let old = world.info().webhook_secret.clone();
    let deliver = |secret: &str| {
        let (_, _, body) = paid();
        world.deliver_signed("platform", body.as_bytes(), secret, now_s())
    };
    assert_eq!(deliver(&old).words(), "accepted");
    world.put_secrets(&["whsec_new", &old]);
    // Each environment of ingest finds the new secret itself, at once.
    for secret in ["whsec_new", &old, "whsec_new"] {
        assert_eq!(deliver(secret).words(), "accepted");
    }
    world.put_secrets(&["whsec_new"]);
    assert_eq!(deliver("whsec_new").words(), "accepted");
}
