//! Under which subject an outcome is recorded: a check by its object, an event by its id even if the rest of it can't
//! be read.

use serde_json::{Value, json};
use sluice_harness::build::{TRACEPARENT, arrival, message};
use sluice_harness::clock::START_MS;
use sluice_harness::stripe::MemoryStripe;
use sluice_kernel::delivery::ledger::Ledger;
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::{Outcome, Record, RecordKind};

use super::fetching::checks::check;
use super::fetching::{NOW_S, RECEIVES_MAX, World, scope, tie, world};
use crate::code::{self, Code};

impl World {
    /// Each record's subject, what it says, and its code.
    fn records(&self) -> Vec<(String, RecordKind, Code)> {
        let said = |record: Record| (record.subject, record.word, record.code);
        self.outcomes.recorded().into_iter().map(said).collect()
    }
}

fn of_check(word: RecordKind, code: Code) -> (String, RecordKind, Code) {
    ("check-platform#live#door_1".to_owned(), word, code)
}

#[tokio::test]
async fn a_check_that_is_rejected_is_recorded_by_its_object_and_its_event_stays_applied() {
    let world = world(MemoryStripe::at(NOW_S + 60));
    let event = &tie()[0];
    let applied = world.handle(message(event)).await;
    assert_eq!(applied.result, Ok(Outcome::Applied));
    // Stripe's object lacks what the domain reads. The check names the event that was applied.
    let no_state = json!({ "id": "door_1", "object": "door" });
    world.stripe.put(&scope(), no_state);
    let handled = world.handle(check()).await;
    assert_eq!(handled.result, Ok(Outcome::Rejected));
    let rejected = of_check(RecordKind::Rejected, code::OBJECT_FIELD_MISSING);
    assert_eq!(world.records(), [rejected]);
    assert_eq!(
        (handled.event, handled.check.as_deref()),
        (None, Some("door_1")),
        "nor does the log name the event"
    );
}

#[tokio::test]
async fn a_check_that_fails_until_its_last_receive_is_recorded_by_its_object() {
    let world = world(MemoryStripe::at(NOW_S));
    let down = || Err(Fault::retry(code::STRIPE_UNAVAILABLE, "scripted"));
    world.stripe.then(down());
    let near_last = world.handle_received(check(), RECEIVES_MAX - 1, 60_000);
    near_last.await.result.expect_err("back to the queue");
    world.stripe.then(down());
    let last = world.handle_received(check(), RECEIVES_MAX, 60_000);
    last.await.result.expect_err("back to the queue");
    let failing = of_check(RecordKind::Failing, code::STRIPE_UNAVAILABLE);
    assert_eq!(world.records(), [failing.clone(), failing]);
}

/// An event with a value that a reader of whole JSON documents refuses.
fn odd_bodies() -> [String; 3] {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    [&*deep, "1e999", r#""\ud800""#].map(|odd| {
        format!(
            r#"{{"id":"evt_a","object":"event","type":"door.moved","livemode":true,"created":{NOW_S},"data":{{"object":{{"id":"door_1","object":"door","state":"open","odd":{odd}}}}}}}"#
        )
    })
}

#[tokio::test]
async fn an_event_with_a_value_that_can_not_be_read_is_recorded_under_its_id() {
    for body in odd_bodies() {
        let tag = json!({
            "account": "acct_1", "endpoint": "connect", "livemode": true, "created": NOW_S, "received_at_ms": START_MS,
            "traceparent": TRACEPARENT, "body": "inline",
        });
        let text = format!(r#"{{"detail":{{"sluice":{tag},{}}}"#, &body[1..]);
        let world = world(MemoryStripe::without_key());
        let handled = world.handle(text).await;
        assert_eq!(handled.result, Ok(Outcome::Rejected));
        assert_eq!(handled.event.as_deref(), Some("evt_a"));
        let record = world.outcomes.recorded().remove(0);
        assert_eq!(
            (&*record.subject, record.word, record.code),
            ("evt_a", RecordKind::Rejected, code::EVENT_NOT_JSON)
        );
        assert_eq!(
            (record.kind.as_deref(), record.account.as_deref()),
            (Some("door.moved"), Some("acct_1"))
        );
    }
}

#[tokio::test]
async fn such_an_event_that_travels_as_a_pointer_is_recorded_under_its_id_too() {
    for body in odd_bodies() {
        let world = world(MemoryStripe::without_key());
        let stored = arrival("evt_a", "delivery", body.as_bytes());
        world.ledger.claim(&stored).await.expect("claimed");
        let mut pointer: Value = serde_json::from_str(&message(&tie()[0])).expect("JSON");
        pointer["detail"]["sluice"]["body"] = json!("ledger");
        let handled = world.handle(pointer.to_string()).await;
        assert_eq!(handled.result, Ok(Outcome::Rejected));
        let rejected = (
            "evt_a".to_owned(),
            RecordKind::Rejected,
            code::EVENT_NOT_JSON,
        );
        assert_eq!(world.records(), [rejected]);
    }
}
