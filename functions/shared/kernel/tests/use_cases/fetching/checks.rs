//! Checks: an object is fetched and compared with its projection.

use super::parts::parts;
use super::*;
use crate::code;

/// The state stays, and each check reports the answer that contradicts it.
#[tokio::test]
async fn a_check_says_that_stripe_contradicts_a_terminal_state_and_leaves_it() {
    let world = world(MemoryStripe::at(NOW_S + 61));
    let deleted = json!({ "id": "door_1", "object": "door", "deleted": true });
    let gone = event("evt_1", "door.deleted", NOW_S, deleted);
    world.handle(message(&gone)).await.result.expect("applied");
    world.stripe.put(&scope(), door("open"));
    for _ in 0..2 {
        let handled = world.handle(check()).await;
        assert_eq!(handled.note, Some(code::CHECK_TERMINAL_CONTRADICTED));
        assert_eq!(world.item()["state"], "gone");
    }
    let remarks = world.outcomes.remarks();
    let is_drift = |remark: &Finding| matches!(remark, Finding::Drift(_));
    assert_eq!(remarks.iter().filter(|remark| is_drift(remark)).count(), 2);
}

pub(crate) fn check() -> String {
    let scope = scope();
    let check = detail::Check {
        scope: &scope,
        event: "evt_a",
        kind: "door.painted",
        object: "door_1",
        object_kind: "door",
        parent: None,
    };
    let outgoing = detail::check(&check, "reconcile", START_MS, TRACEPARENT);
    let detail: Value = serde_json::from_str(&outgoing.detail).expect("JSON");
    json!({ "source": outgoing.source, "detail-type": outgoing.detail_type, "detail": detail })
        .to_string()
}

#[tokio::test]
async fn a_check_corrects_what_has_drifted_says_so_and_emits_no_fact() {
    let stripe = MemoryStripe::at(NOW_S + 60);
    stripe.put(&scope(), door("shut"));
    let world = world(stripe);
    world.handle(message(&tie()[0])).await;
    let handled = world.handle(check()).await;
    assert_eq!(handled.note, Some(code::CHECK_DRIFTED));
    assert_eq!(world.item()["state"], "shut");
    assert_eq!(
        world.bus.taken(),
        [],
        "the event's type says nothing of the object as it is by now"
    );
    let drifts = || {
        let remarks = world.outcomes.remarks().into_iter();
        let drifts = remarks.filter_map(|remark| match remark {
            Finding::Drift(drift) => Some(drift.object),
            _ => None,
        });
        drifts.collect::<Vec<_>>()
    };
    assert_eq!(drifts(), ["door_1"]);
    // Compared with its current state, nothing has drifted.
    let again = world.handle(check()).await;
    assert_eq!((again.note, drifts().len()), (None, 1));
}

/// When Stripe said that it failed to make an event.
const SAID_S: i64 = NOW_S - 600;

/// A check of an object whose event Stripe failed to make.
fn check_ungenerated() -> String {
    let scope = scope();
    let check = detail::Check {
        scope: &scope,
        event: "evt_notice",
        kind: "door.painted",
        object: "door_1",
        object_kind: "door",
        parent: None,
    };
    let outgoing = detail::check_ungenerated(&check, SAID_S, "reconcile", START_MS, TRACEPARENT);
    let detail: Value = serde_json::from_str(&outgoing.detail).expect("JSON");
    json!({ "source": outgoing.source, "detail-type": outgoing.detail_type, "detail": detail })
        .to_string()
}

#[tokio::test]
async fn a_check_for_an_event_that_was_never_made_emits_what_that_would_have_emitted_once() {
    let stripe = MemoryStripe::at(NOW_S + 60);
    stripe.put(&scope(), door("shut"));
    let world = world(stripe);
    let handled = world.handle(check_ungenerated()).await;
    assert_eq!(handled.note, Some(code::CHECK_DRIFTED));
    assert_eq!(world.item()["state"], "shut");
    let emitted = world.bus.taken().len();
    assert!(emitted > 0, "the fact of its type");
    let asked = world.stripe.take_asked();
    assert_eq!(asked[0].proof, Some(Proof::Thin("evt_notice".to_owned())));
    assert_eq!(
        world.bus.details()[0]["created"],
        SAID_S,
        "not when the object was fetched"
    );
    world.stripe.set_date(NOW_S + 120);
    world.handle(check_ungenerated()).await;
    assert_eq!(world.bus.taken().len(), emitted, "and once");
}

#[tokio::test]
async fn an_object_that_no_proof_shows_to_be_deleted_is_left_as_it_is_by_such_a_check() {
    let world = world(MemoryStripe::at(NOW_S));
    let unproven = Fault::retry(code::STRIPE_DELETION_UNPROVEN, "asked for an account");
    world.stripe.then(Err(unproven));
    let handled = world.handle(check_ungenerated()).await;
    assert_eq!(handled.result, Ok(Outcome::Ignored));
    assert_eq!(handled.note, Some(code::STRIPE_DELETION_UNPROVEN));
}

#[tokio::test]
async fn a_tie_that_stays_is_noted_until_a_check_settles_it() {
    let world = world(MemoryStripe::without_key());
    for event in &tie() {
        world.handle(message(event)).await;
    }
    let noted = world.outcomes.remarks();
    assert!(
        matches!(&noted[..], [Finding::Tie(tie)] if (&*tie.object, &*tie.object_kind) == ("door_1", "door"))
    );
    // A delivery that finds the same records it again: the one before may have died in between.
    world.handle(message(&tie()[0])).await;
    assert_eq!(world.outcomes.remarks().len(), 2);
    let found = Fetched::Found {
        object: door("open"),
        whole: None,
        api_version: None,
        date_s: NOW_S + 60,
        took_ms: 0,
    };
    world.stripe.then(Ok(found));
    world.handle(check()).await;
    let state = world.item();
    assert_eq!(
        (&state["state"], state.get("tie_unresolved")),
        (&json!("open"), None)
    );
    world.handle(message(&tie()[1])).await;
    let ties = world.outcomes.remarks().into_iter();
    assert_eq!(
        ties.filter(|remark| matches!(remark, Finding::Tie(_)))
            .count(),
        2
    );
}

#[tokio::test]
async fn a_tie_that_can_not_be_noted_brings_the_message_back() {
    let world = world(MemoryStripe::without_key());
    world.handle(message(&tie()[0])).await;
    world.outcomes.set_failing(true);
    let handled = world.handle(message(&tie()[1])).await;
    assert_eq!(
        handled.result.map_err(|fault| fault.code),
        Err(code::OUTCOME_UNAVAILABLE)
    );
    world.outcomes.set_failing(false);
    let again = world.handle(message(&tie()[1])).await;
    assert_eq!(again.result, Ok(Outcome::Duplicate));
    assert_eq!(world.outcomes.remarks().len(), 1);
}

#[tokio::test]
async fn a_check_that_completes_what_was_known_in_part_is_no_drift() {
    let (part, _) = parts();
    for (shown, drifts) in [(part, false), (door("open"), true)] {
        let world = world(MemoryStripe::without_key());
        world
            .handle(message(&event("evt_a", "door.moved", NOW_S, shown)))
            .await;
        world.stripe.then(Ok(Fetched::Found {
            object: door("whole"),
            whole: None,
            api_version: None,
            date_s: NOW_S + 60,
            took_ms: 0,
        }));
        let checked = world.handle(check()).await;
        assert_eq!(world.item()["state"], "whole");
        assert_eq!(checked.note == Some(code::CHECK_DRIFTED), drifts);
        let remarks = world.outcomes.remarks();
        let is_drift = |remark: &Finding| matches!(remark, Finding::Drift(_));
        assert_eq!(remarks.iter().any(is_drift), drifts);
    }
}

#[tokio::test]
async fn a_check_is_proven_by_its_event_in_the_list_that_has_it() {
    for (kind, proof) in [
        ("door.painted", Proof::Snapshot("evt_a".to_owned())),
        ("v1.door.painted", Proof::Thin("evt_a".to_owned())),
    ] {
        let stripe = MemoryStripe::at(NOW_S + 60);
        stripe.put(&scope(), door("shut"));
        let world = world(stripe);
        world.handle(check().replace("door.painted", kind)).await;
        let asked = world.stripe.take_asked();
        assert_eq!(asked[0].proof, Some(proof), "{kind}");
    }
}
