//! Messages that fail: what becomes of them, and what is recorded.

use super::*;
use crate::code;

#[tokio::test]
async fn a_poison_message_is_recorded_and_the_others_of_its_batch_go_on() {
    let world = World::default();
    let good = message(&lamp("evt_1", "lamp.lit", 10, 5));
    let no_light = message(&event(
        "evt_2",
        "lamp.lit",
        10,
        json!({ "id": "lamp_2", "object": "lamp" }),
    ));
    let handled = world
        .handle(&[
            received("poison".to_owned(), 1),
            received(good, 1),
            received(no_light, 1),
            received(String::new(), 1),
        ])
        .await;
    let outcomes: Vec<_> = handled
        .iter()
        .map(|handled| handled.result.clone())
        .collect();
    use Outcome::{Applied, Rejected};
    assert_eq!(
        outcomes,
        [Ok(Rejected), Ok(Applied), Ok(Rejected), Ok(Rejected)]
    );
    let recorded = world.outcomes.recorded();
    let codes: Vec<_> = recorded
        .iter()
        .map(|rejection| (rejection.code, rejection.subject.as_str()))
        .collect();
    assert_eq!(codes[1], (code::OBJECT_FIELD_MISSING, "evt_2"));
    assert!(codes[0].1.starts_with("message-") && codes[0].0 == code::MESSAGE_NOT_JSON);
}

#[tokio::test]
async fn a_rejection_that_can_not_be_recorded_brings_the_message_back() {
    let world = World::default();
    world.outcomes.set_failing(true);
    let handled = world.handle(&[received("poison".to_owned(), 1)]).await;
    assert_eq!(
        handled[0].result.as_ref().expect_err("not recorded").code,
        code::OUTCOME_UNAVAILABLE
    );
}

#[tokio::test]
async fn a_panic_is_retried_twice_and_then_rejected() {
    let world = World::default();
    let panics = message(&lamp("evt_1", "lamp.panics", 10, 5));
    for receives in 1..PANIC_RECEIVES_MAX {
        let handled = world.handle(&[received(panics.clone(), receives)]).await;
        assert_eq!(
            handled[0].result.as_ref().expect_err("back").code,
            code::DOMAIN_PANICKED
        );
    }
    let handled = world.handle(&[received(panics, PANIC_RECEIVES_MAX)]).await;
    assert_eq!(handled[0].result, Ok(Outcome::Rejected));
    assert_eq!(world.outcomes.recorded()[0].code, code::DOMAIN_PANICKED);
}

#[tokio::test]
async fn a_message_that_fails_goes_back_with_the_delay_of_its_fault_and_its_receives() {
    let world = World::default();
    let lit = message(&lamp("evt_1", "lamp.lit", 10, 5));
    for receives in [1, 4, 400] {
        world.bus.script([Script::Later]);
        let handled = world.handle(&[received(lit.clone(), receives)]).await;
        let fault = handled[0].result.as_ref().expect_err("not emitted");
        let expected = backoff::delay_s(fault, "m", receives);
        assert_eq!(
            (handled[0].delay_s, handled[0].receives),
            (Some(expected), receives)
        );
    }
    let handled = world.handle(&[received(lit, 5)]).await;
    assert_eq!(
        (&handled[0].result, handled[0].delay_s),
        (&Ok(Outcome::Duplicate), None)
    );
    assert!(
        world.outcomes.recorded().is_empty(),
        "it was never near its last receive"
    );
}

#[tokio::test]
async fn a_message_near_its_last_receive_leaves_why_it_fails_and_what_became_of_it_after_all() {
    let world = World::default();
    let lit = message(&lamp("evt_1", "lamp.lit", 10, 5));
    let fail = async |receives| {
        world.bus.script([Script::Later]);
        world.handle(&[received(lit.clone(), receives)]).await
    };
    fail(RECEIVES_MAX - FAILING_RECEIVES).await;
    assert!(world.outcomes.recorded().is_empty(), "too early");
    fail(RECEIVES_MAX - FAILING_RECEIVES + 1).await;
    fail(RECEIVES_MAX).await;
    let recorded = world.outcomes.recorded();
    let noted: Vec<_> = recorded
        .iter()
        .map(|record| (record.word, record.code, record.receives))
        .collect();
    // The record before the last receive replaced nothing.
    let code = code::EFFECT_NOT_PUBLISHED;
    assert_eq!(
        noted,
        [
            (
                RecordKind::Failing,
                code,
                RECEIVES_MAX - FAILING_RECEIVES + 1
            ),
            (RecordKind::Failing, code, RECEIVES_MAX)
        ]
    );
    let last = &recorded[1];
    assert_eq!((&*last.subject, &*last.message_id), ("evt_1", "m"));
    assert_eq!(last.kind.as_deref(), Some("lamp.lit"));

    // The queue's count is an estimate: the message may come once more, and succeed.
    world.handle(&[received(lit, RECEIVES_MAX)]).await;
    let recorded = world.outcomes.recorded();
    let end = recorded.last().expect("there");
    assert_eq!(
        (end.word, end.code),
        (
            RecordKind::Ended(Outcome::Duplicate),
            code::MESSAGE_RECOVERED
        )
    );
}

#[tokio::test]
async fn a_last_receive_that_never_ends_has_left_a_record_before() {
    let world = World::default();
    let panics = message(&lamp("evt_1", "lamp.panics", 10, 5));
    // The record alone only shows that a function that dies never reports again.
    world.handle(&[received(panics, RECEIVES_MAX)]).await;
    let recorded = world.outcomes.recorded();
    assert_eq!(
        (recorded[0].word, recorded[0].code),
        (RecordKind::Failing, code::MESSAGE_UNANSWERED)
    );
    assert_eq!(recorded[1].word, RecordKind::Rejected);
}

#[tokio::test]
async fn a_queue_with_few_receives_records_no_message_that_ends_well_at_once() {
    let world = World::default();
    let ports = Ports {
        projections: &world.projections,
        bus: &world.bus,
        bodies: &world.ledger,
        objects: &world.stripe,
        settings: &NoSettings {},
    };
    let run = BatchRun {
        deadline_ms: world.clock.now_ms() + 30_000,
        receives_max: 2,
    };
    let messages = [received(message(&lamp("evt_1", "lamp.lit", 10, 5)), 1)];
    let handled =
        batch::handle::<Lamps>(&ports, &world.outcomes, &world.clock, &messages, run).await;
    assert_eq!(handled[0].result, Ok(Outcome::Applied));
    assert!(world.outcomes.recorded().is_empty());
}

#[tokio::test]
async fn a_record_that_can_not_be_written_changes_nothing_about_a_failing_message() {
    let world = World::default();
    world.outcomes.set_failing(true);
    world.bus.script([Script::Later]);
    let lit = message(&lamp("evt_1", "lamp.lit", 10, 5));
    let handled = world.handle(&[received(lit.clone(), RECEIVES_MAX)]).await;
    let fault = handled[0].result.as_ref().expect_err("not emitted");
    assert_eq!(
        (fault.code, handled[0].note),
        (code::EFFECT_NOT_PUBLISHED, Some(code::OUTCOME_UNAVAILABLE))
    );
    let handled = world.handle(&[received(lit, RECEIVES_MAX)]).await;
    assert_eq!(handled[0].result, Ok(Outcome::Duplicate));
}
