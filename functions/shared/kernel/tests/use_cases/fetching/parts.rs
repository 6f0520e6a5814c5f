//! What an event leaves out is fetched: partial states, and facts.

use super::*;
use crate::code;

/// An object of which an event shows a part, and the whole of it.
pub(crate) fn parts() -> (Value, Value) {
    let mut part = door("half");
    part["has_more"] = json!(true);
    (part, door("whole"))
}

#[tokio::test]
async fn an_object_that_an_event_shows_in_part_is_fetched_whole() {
    let world = world(MemoryStripe::at(NOW_S + 30));
    let (part, whole) = parts();
    world.stripe.then(Ok(Fetched::Found {
        object: part.clone(),
        whole: Some(whole),
        api_version: None,
        date_s: NOW_S + 30,
        took_ms: 20,
    }));
    let handled = world
        .handle(message(&event("evt_a", "door.moved", NOW_S, part.clone())))
        .await;
    assert_eq!((handled.result, handled.note), (Ok(Outcome::Applied), None));
    assert_eq!(world.item()["state"], "whole");
    // A second delivery asks for nothing, and an older event that is partial too changes nothing.
    for (id, created) in [("evt_a", NOW_S), ("evt_0", NOW_S - 9)] {
        world.stripe.take_asked();
        world
            .handle(message(&event(id, "door.moved", created, part.clone())))
            .await;
        assert!(world.stripe.take_asked().is_empty(), "{id}");
        assert_eq!(world.item()["state"], "whole");
    }
}

#[tokio::test]
async fn an_object_in_part_stands_flagged_without_a_key_and_waits_for_nothing() {
    let (part, _) = parts();
    let budget = MemoryStripe::at(NOW_S);
    budget.then(Ok(Fetched::Spent { wait_ms: 5 }));
    for (stripe, is_noted) in [(MemoryStripe::without_key(), false), (budget, true)] {
        let world = world(stripe);
        let handled = world
            .handle(message(&event("evt_a", "door.moved", NOW_S, part.clone())))
            .await;
        assert_eq!(handled.result, Ok(Outcome::Applied));
        assert_eq!(handled.note, Some(code::OBJECT_PARTIAL));
        assert_eq!(world.item()["state"], "half");
        // Reconcile asks later, if anything can be asked.
        let noted = world.outcomes.remarks();
        assert_eq!(
            matches!(&noted[..], [Finding::Tie(_)]),
            is_noted,
            "{noted:?}"
        );
    }
}

pub(crate) fn repainted() -> Event {
    event("evt_a", "door.repainted", NOW_S, door("shut"))
}

#[tokio::test]
async fn facts_that_an_event_does_not_show_are_read_from_the_fetched_object_once_each() {
    let world = world(MemoryStripe::at(NOW_S + 30));
    let mut whole = door("shut");
    whole["coats"] = json!([{ "id": "red" }, { "id": "blue" }]);
    for _ in 0..2 {
        world.stripe.then(Ok(Fetched::Found {
            object: door("shut"),
            whole: Some(whole.clone()),
            api_version: None,
            date_s: NOW_S + 30,
            took_ms: 20,
        }));
        let handled = world.handle(message(&repainted())).await;
        assert_eq!(handled.note, None);
    }
    let emitted: Vec<_> = world
        .bus
        .details()
        .iter()
        .map(|it| it["id"].clone())
        .collect();
    assert_eq!(
        emitted,
        [
            "Painted#platform#live#door_1#red",
            "Painted#platform#live#door_1#blue"
        ]
    );
}

#[tokio::test]
async fn facts_wait_for_the_budget_and_without_a_key_the_event_goes_through_and_says_so() {
    let stripe = MemoryStripe::at(NOW_S);
    stripe.then(Ok(Fetched::Spent { wait_ms: 5 }));
    let waits = world(stripe);
    let waiting = waits.handle(message(&repainted())).await;
    assert_eq!(
        waiting.result.expect_err("waits").code,
        code::STRIPE_BUDGET_SPENT
    );
    // What the event itself says doesn't wait.
    assert_eq!(waits.item()["state"], "shut");

    // The message waits neither for an account that can't be reached any more nor for a key that may not read it all.
    let gone = MemoryStripe::at(NOW_S);
    gone.then(Err(Fault::retry(
        code::STRIPE_ACCOUNT_UNREACHABLE,
        "it left",
    )));
    let hidden = MemoryStripe::at(NOW_S);
    hidden.put(&scope(), door("shut"));
    for stripe in [gone, hidden] {
        let world = world(stripe);
        let handled = world.handle(message(&repainted())).await;
        assert_eq!(handled.result, Ok(Outcome::Applied));
        assert_eq!(handled.note, Some(code::OBJECT_FACTS_LACKING));
    }

    let world = world(MemoryStripe::without_key());
    let handled = world.handle(message(&repainted())).await;
    assert_eq!(handled.result, Ok(Outcome::Applied));
    assert_eq!(handled.note, Some(code::OBJECT_FACTS_LACKING));
    assert!(world.bus.details().is_empty());
    assert_eq!(world.item()["state"], "shut");
}
