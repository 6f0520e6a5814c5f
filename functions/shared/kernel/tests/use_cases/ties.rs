//! Ties as reconcile sees them: recorded while a state is a guess or partial, and kept until a domain resolves them.

use serde_json::json;
use sluice_harness::build::{TRACEPARENT, event, message};
use sluice_harness::clock::START_MS;
use sluice_harness::reconcile::MemoryNotes;
use sluice_harness::stripe::MemoryStripe;
use sluice_kernel::bus::detail::{self, Check};
use sluice_kernel::clock::Clock;
use sluice_kernel::consumer::fetch::Fetched;
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::{Finding, Outcome, Outcomes, Tie};
use sluice_kernel::reconcile::{NotedTie, Notes};

use super::fetching::checks::check;
use super::fetching::parts::{parts, repainted};
use super::fetching::{NOW_S, World, door, scope, tie, world};
use crate::code;

impl World {
    /// The objects that have a tie.
    async fn ties(&self) -> Vec<String> {
        let notes = MemoryNotes::of(self.outcomes.noted());
        let ties = notes.ties(100).await.expect("read").into_iter();
        ties.map(|NotedTie { tie, .. }| tie.object).collect()
    }

    /// A tie of the object, found at the test's start.
    async fn note(&self) {
        let left = Tie {
            scope: scope(),
            domain: "doors".to_owned(),
            object: "door_1".to_owned(),
            object_kind: "door".to_owned(),
            parent: None,
            event: "evt_a".to_owned(),
            kind: "door.moved".to_owned(),
            at_ms: START_MS,
        };
        let noted = self.outcomes.remark(&Finding::Tie(left)).await;
        noted.expect("noted");
    }
}

/// A world without a key in which two events of one second have left a tie.
async fn tied() -> World {
    let world = world(MemoryStripe::without_key());
    for event in &tie() {
        world.handle(message(event)).await;
    }
    assert_eq!(world.ties().await, ["door_1"]);
    world
}

/// A world in which the last event has decided the state.
async fn decided() -> World {
    let world = world(MemoryStripe::without_key());
    let last = event("evt_c", "door.moved", NOW_S + 1, door("shut"));
    world.handle(message(&last)).await;
    world
}

#[tokio::test]
async fn the_event_that_decides_a_state_resolves_its_tie() {
    let world = tied().await;
    let last = event("evt_c", "door.moved", NOW_S + 1, door("shut"));
    let handled = world.handle(message(&last)).await;
    assert_eq!(handled.result, Ok(Outcome::Applied));
    assert_eq!(world.ties().await, [""; 0]);
}

#[tokio::test]
async fn an_event_of_an_object_that_has_no_tie_notes_nothing() {
    let world = decided().await;
    for (id, after_s) in [("evt_c", 1), ("evt_d", 2), ("evt_b", 0)] {
        let event = event(id, "door.moved", NOW_S + after_s, door("open"));
        world.handle(message(&event)).await;
    }
    assert_eq!(world.outcomes.remarks(), []);
}

#[tokio::test]
async fn a_check_that_finds_the_state_decided_resolves_a_tie_whose_resolution_was_lost() {
    let world = decided().await;
    world.note().await;
    world.stripe.then(Ok(Fetched::Found {
        object: door("shut"),
        whole: None,
        api_version: None,
        date_s: NOW_S + 60,
        took_ms: 0,
    }));
    let handled = world.handle(check()).await;
    assert_eq!((handled.note, world.ties().await.len()), (None, 0));
}

#[tokio::test]
async fn an_object_that_can_not_be_asked_for_keeps_its_tie_until_an_event_decides_its_state() {
    let refused = |code| Err(Fault::retry(code, "scripted"));
    for (answer, note) in [
        (Ok(Fetched::NoKey), code::THIN_NO_KEY),
        (Ok(Fetched::NoPath), code::THIN_NO_PATH),
        (
            refused(code::STRIPE_DELETION_UNPROVEN),
            code::STRIPE_DELETION_UNPROVEN,
        ),
        (
            refused(code::STRIPE_ACCOUNT_UNREACHABLE),
            code::STRIPE_ACCOUNT_UNREACHABLE,
        ),
        (
            Err(Fault::reject(code::STRIPE_REQUEST_REFUSED, "scripted")),
            code::STRIPE_REQUEST_REFUSED,
        ),
    ] {
        let world = tied().await;
        world.stripe.then(answer.clone());
        let handled = world.handle(check()).await;
        // The message doesn't come back: as long as there is a tie, reconcile asks again.
        assert_eq!(handled.result, Ok(Outcome::Ignored), "{note}");
        assert_eq!(handled.note, Some(note));
        assert_eq!(world.ties().await, ["door_1"], "{note}");

        // The object is gone for good, and the resolution that its last event brought was lost.
        let mut gone = door("shut");
        gone["deleted"] = json!(true);
        let last = event("evt_c", "door.removed", NOW_S + 1, gone);
        world.handle(message(&last)).await;
        world.note().await;
        world.stripe.then(answer);
        world.handle(check()).await;
        assert_eq!(world.ties().await, [""; 0], "{note}");
    }
}

#[tokio::test]
async fn a_check_that_finds_nothing_out_leaves_the_tie_noted_again() {
    let world = tied().await;
    // Stripe's state within the ties' own second, which says nothing about what came last.
    for _ in 0..2 {
        world.stripe.then(Ok(Fetched::Found {
            object: door("ajar"),
            whole: None,
            api_version: None,
            date_s: NOW_S,
            took_ms: 0,
        }));
    }
    world.clock.advance_ms(5);
    world.handle(check()).await;
    let notes = MemoryNotes::of(world.outcomes.noted());
    let noted = notes.ties(1).await.expect("read").remove(0);
    assert_eq!(noted.waits_since_ms, START_MS);
    assert!(noted.tie.at_ms >= START_MS + 5, "{noted:?}");
}

#[tokio::test]
async fn the_check_of_an_object_that_lies_under_another_asks_for_it_by_that() {
    let world = tied().await;
    let scope = scope();
    let asked = Check {
        scope: &scope,
        event: "evt_a",
        kind: "door.moved",
        object: "door_1",
        object_kind: "door",
        parent: Some("house_1"),
    };
    let sent = detail::check(&asked, "reconcile", START_MS, TRACEPARENT);
    let text = format!(r#"{{"detail":{}}}"#, sent.detail);
    world.handle(text).await;
    let fetches = world.stripe.take_asked();
    let last = fetches.last().expect("asked");
    assert_eq!(
        (last.id.as_deref(), last.parent.as_deref()),
        (Some("door_1"), Some("house_1"))
    );
}

#[tokio::test]
async fn a_fault_that_passes_brings_the_check_back_and_leaves_the_tie() {
    let world = tied().await;
    let down = Fault::retry(code::STRIPE_UNAVAILABLE, "scripted");
    world.stripe.then(Err(down.clone()));
    let handled = world.handle(check()).await;
    assert_eq!(handled.result, Err(down));
    assert_eq!(world.ties().await, ["door_1"]);
}

#[tokio::test]
async fn a_part_is_noted_until_an_event_or_a_check_shows_the_whole() {
    let (part, whole) = parts();
    let spent = || {
        let stripe = MemoryStripe::at(NOW_S + 60);
        stripe.then(Ok(Fetched::Spent { wait_ms: 5 }));
        stripe
    };
    for by_check in [true, false] {
        let world = world(spent());
        let shown = event("evt_a", "door.moved", NOW_S, part.clone());
        world.handle(message(&shown)).await;
        // Neither a second delivery nor an older event adds anything.
        for (id, before_s) in [("evt_a", 0), ("evt_0", 9)] {
            let again = event(id, "door.moved", NOW_S - before_s, part.clone());
            world.handle(message(&again)).await;
            assert_eq!(world.ties().await, ["door_1"], "{id}");
        }
        if by_check {
            world.stripe.put(&scope(), whole.clone());
            world.handle(check()).await;
        } else {
            let next = event("evt_b", "door.moved", NOW_S + 1, whole.clone());
            world.handle(message(&next)).await;
        }
        assert_eq!(world.ties().await, [""; 0], "{by_check}");
    }
}

#[tokio::test]
async fn an_event_that_decides_and_lacks_facts_resolves_the_tie_though_its_second_step_finds_none()
{
    let world = tied().await;
    let mut whole = door("shut");
    whole["coats"] = json!([{ "id": "red" }]);
    world.stripe.then(Ok(Fetched::Found {
        object: door("shut"),
        whole: Some(whole),
        api_version: None,
        date_s: NOW_S + 30,
        took_ms: 20,
    }));
    let mut later = repainted();
    later.id = "evt_c".to_owned();
    later.created = NOW_S + 1;
    world.handle(message(&later)).await;
    assert_eq!(world.ties().await, [""; 0]);
}

#[tokio::test]
async fn a_tie_is_dated_after_its_write_and_a_resolution_before_its_read() {
    let world = world(MemoryStripe::without_key());
    // Each read and each write of the table takes a while.
    const WHILE_MS: i64 = 7;
    world.projections.take_ms(&world.clock, WHILE_MS);
    for event in &tie() {
        world.handle(message(event)).await;
    }
    let written_ms = world.clock.now_ms();
    let last = event("evt_c", "door.moved", NOW_S + 1, door("shut"));
    world.handle(message(&last)).await;
    let remarks = world.outcomes.remarks();
    let [Finding::Tie(tie), Finding::Resolved(resolved)] = &remarks[..] else {
        panic!("{remarks:?}");
    };
    assert_eq!(tie.at_ms, written_ms);
    assert_eq!(resolved.before_ms, written_ms, "before it was read");
}
