//! Claim → publish → mark, with every call failing or losing its answer.

use sluice_harness::build::{LAPSE_MS, arrival, noise_body};
use sluice_harness::bus::{MemoryBus, Script};
use sluice_harness::clock::TestClock;
use sluice_harness::faults::{Call, Fate, FaultyLedger};
use sluice_harness::ledger::MemoryLedger;
use sluice_kernel::bus::{Bus, Outgoing, PublishRefusal};
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::{Arrival, Claimed, Ledger};
use sluice_kernel::delivery::record::{DeliveryOutcome, record_and_publish};
use sluice_kernel::delivery::sweep::sweep;
use sluice_kernel::fault::Class;

const SMALL: &[u8] = br#"{"id":"evt_1","type":"charge.succeeded"}"#;
const ACCEPTED: DeliveryOutcome = DeliveryOutcome::Accepted {
    claim_age_ms: None,
    unmarked: false,
};

struct World {
    clock: TestClock,
    ledger: FaultyLedger<MemoryLedger>,
    bus: MemoryBus,
}

fn world(script: &[(Call, Fate)]) -> World {
    let clock = TestClock::default();
    let ledger = FaultyLedger::new(MemoryLedger::new(clock.clone()));
    let ledger = script
        .iter()
        .fold(ledger, |ledger, (call, fate)| ledger.then(*call, *fate));
    World {
        clock,
        ledger,
        bus: MemoryBus::default(),
    }
}

impl World {
    async fn deliver(&self, attempt: &str, body: &[u8]) -> Result<DeliveryOutcome, Class> {
        let mut arrival = arrival("evt_1", attempt, body);
        arrival.lapses_at_ms = self.clock.now_ms() + LAPSE_MS;
        self.take(&arrival).await
    }

    async fn take(&self, arrival: &Arrival<'_>) -> Result<DeliveryOutcome, Class> {
        record_and_publish(&self.ledger, &self.bus, &self.clock, arrival)
            .await
            .map_err(|fault| fault.class)
    }

    fn published(&self) -> usize {
        self.bus.taken().len()
    }
}

#[tokio::test]
async fn the_first_delivery_is_accepted_and_the_rest_are_duplicates() {
    let world = world(&[]);
    assert_eq!(world.deliver("a", SMALL).await, Ok(ACCEPTED));
    for attempt in ["b", "c", "d"] {
        assert_eq!(
            world.deliver(attempt, SMALL).await,
            Ok(DeliveryOutcome::Duplicate)
        );
    }
    assert_eq!(world.published(), 1);
    assert!(
        world
            .ledger
            .inner()
            .entry("evt_1")
            .expect("an entry")
            .standing
            .published_at_ms
            .is_some()
    );
}

#[tokio::test]
async fn a_refusing_bus_leaves_the_event_to_sweep() {
    let world = world(&[]);
    world.bus.set_down(true);
    assert!(matches!(
        world.deliver("a", SMALL).await,
        Ok(DeliveryOutcome::Queued { cause: Some(_), .. })
    ));
    assert_eq!(
        world.deliver("b", SMALL).await,
        Ok(DeliveryOutcome::Queued {
            cause: None,
            claim_age_ms: None
        })
    );
    world.bus.set_down(false);
    let swept = sweep(
        world.ledger.inner(),
        &world.bus,
        &world.clock,
        100,
        i64::MAX,
    )
    .await
    .expect("swept");
    assert_eq!((swept.published, world.published()), (1, 1));
    assert_eq!(
        world.deliver("c", SMALL).await,
        Ok(DeliveryOutcome::Duplicate)
    );
}

#[tokio::test]
async fn a_lost_answer_of_the_bus_publishes_twice_and_loses_nothing() {
    let world = world(&[]);
    world.bus.script([Script::TakeAndLose]);
    assert!(matches!(
        world.deliver("a", SMALL).await,
        Ok(DeliveryOutcome::Queued { .. })
    ));
    sweep(
        world.ledger.inner(),
        &world.bus,
        &world.clock,
        100,
        i64::MAX,
    )
    .await
    .expect("swept");
    assert_eq!(world.published(), 2);
}

#[tokio::test]
async fn a_refused_form_goes_as_a_pointer_at_once() {
    let world = world(&[]);
    world.bus.script([Script::Form, Script::Take]);
    assert_eq!(world.deliver("a", SMALL).await, Ok(ACCEPTED));
    assert_eq!(world.bus.details()[0]["sluice"]["body"], "ledger");
}

#[tokio::test]
async fn a_claim_without_an_answer_promises_nothing_and_is_carried_on_later() {
    for fate in [Fate::DropBefore, Fate::DropAfter] {
        let world = world(&[(Call::Claim, fate)]);
        assert_eq!(world.deliver("a", SMALL).await, Err(Class::Retry));
        assert_eq!(world.published(), 0);
        world.clock.advance_ms(LAPSE_MS);
        assert!(matches!(
            world.deliver("b", SMALL).await,
            Ok(DeliveryOutcome::Accepted { .. })
        ));
        assert_eq!(world.published(), 1);
    }
}

#[tokio::test]
async fn a_lost_mark_still_answers_200_and_asks_sweep() {
    for fate in [Fate::DropBefore, Fate::DropAfter] {
        let world = world(&[(Call::Mark, fate)]);
        assert_eq!(world.deliver("a", SMALL).await, Ok(ACCEPTED));
        let standing = world
            .ledger
            .inner()
            .entry("evt_1")
            .expect("an entry")
            .standing;
        assert!(
            standing.due_at_ms.is_some() || standing.published_at_ms.is_some(),
            "{standing:?}"
        );
    }
}

#[tokio::test]
async fn an_event_that_can_not_be_marked_nor_deferred_is_accepted_and_said_to_be_unmarked() {
    let world = world(&[
        (Call::Mark, Fate::DropBefore),
        (Call::Defer, Fate::DropBefore),
    ]);
    assert_eq!(
        world.deliver("a", SMALL).await,
        Ok(DeliveryOutcome::Accepted {
            claim_age_ms: None,
            unmarked: true
        })
    );
    assert_eq!(world.published(), 1);
}

#[tokio::test]
async fn a_failed_defer_is_no_promise() {
    for (fate, next) in [(Fate::DropBefore, "held"), (Fate::DropAfter, "queued")] {
        let world = world(&[(Call::Defer, fate)]);
        world.bus.set_down(true);
        assert_eq!(world.deliver("a", SMALL).await, Err(Class::Retry));
        let second = world.deliver("b", SMALL).await;
        match next {
            "held" => assert_eq!(second, Ok(DeliveryOutcome::Held)),
            _ => assert_eq!(
                second,
                Ok(DeliveryOutcome::Queued {
                    cause: None,
                    claim_age_ms: None
                })
            ),
        }
    }
}

#[tokio::test]
async fn an_attempt_that_died_after_its_claim_is_taken_over_with_the_first_body() {
    let world = world(&[]);
    let first = br#"{"id":"evt_1","type":"charge.succeeded","pending_webhooks":1}"#;
    let claimed = world
        .ledger
        .inner()
        .claim(&arrival("evt_1", "dead", first))
        .await;
    assert_eq!(claimed, Ok(Claimed::Won { complete: true }));
    assert_eq!(world.deliver("b", SMALL).await, Ok(DeliveryOutcome::Held));
    world.clock.advance_ms(LAPSE_MS);
    let taken = world.deliver("c", SMALL).await;
    assert!(
        matches!(
            taken,
            Ok(DeliveryOutcome::Accepted {
                claim_age_ms: Some(_),
                unmarked: false
            })
        ),
        "{taken:?}"
    );
    assert_eq!(world.bus.details()[0]["pending_webhooks"], 1);
}

#[tokio::test]
async fn a_delivery_that_meets_a_live_attempt_looks_again_for_a_second() {
    let world = world(&[]);
    assert_eq!(
        world
            .ledger
            .inner()
            .claim(&arrival("evt_1", "a", SMALL))
            .await,
        Ok(Claimed::Won { complete: true })
    );
    let before_ms = world.clock.now_ms();
    assert_eq!(world.deliver("b", SMALL).await, Ok(DeliveryOutcome::Held));
    assert_eq!(world.clock.now_ms() - before_ms, 1_000);
    // The other attempt ends while the delivery looks.
    let ending = async {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        world
            .ledger
            .inner()
            .mark(&arrival("evt_1", "a", SMALL), world.clock.now_ms())
            .await
    };
    let (taken, marked) = tokio::join!(world.deliver("c", SMALL), ending);
    assert_eq!((taken, marked), (Ok(DeliveryOutcome::Duplicate), Ok(true)));
}

#[tokio::test]
async fn a_large_body_is_whole_before_it_is_published() {
    let body = noise_body("evt_1", 300_000);
    for fate in [Fate::DropBefore, Fate::DropAfter] {
        let world = world(&[(Call::Complete, fate)]);
        assert_eq!(world.deliver("a", &body).await, Err(Class::Retry));
        assert_eq!(world.published(), 0);
        world.clock.advance_ms(LAPSE_MS);
        assert!(matches!(
            world.deliver("b", &body).await,
            Ok(DeliveryOutcome::Accepted {
                claim_age_ms: Some(_),
                ..
            })
        ));
        assert_eq!(world.bus.details()[0]["sluice"]["body"], "ledger");
        assert_eq!(
            sluice_kernel::delivery::ledger::Bodies::body(
                world.ledger.inner(),
                "evt_1",
                world.clock.now_ms()
            )
            .await,
            Ok(Some(body.clone()))
        );
    }
}

#[tokio::test]
async fn a_ledger_only_event_is_stored_and_never_published() {
    let world = world(&[]);
    let mut test_event = arrival("evt_1", "a", SMALL);
    test_event.ledger_only = Some("test_event_at_live_endpoint");
    assert_eq!(world.take(&test_event).await, Ok(ACCEPTED));
    test_event.attempt = "b";
    assert_eq!(
        world.take(&test_event).await,
        Ok(DeliveryOutcome::Duplicate)
    );
    assert_eq!(world.published(), 0);
    assert!(
        world
            .ledger
            .inner()
            .entry("evt_1")
            .expect("an entry")
            .standing
            .ledger_only
            .is_some()
    );
}

#[tokio::test]
async fn another_event_under_a_known_id_is_kept_and_answered_conflict() {
    let world = world(&[]);
    assert_eq!(world.deliver("a", SMALL).await, Ok(ACCEPTED));
    let mut other = arrival("evt_1", "b", b"{\"other\":1}");
    other.head.kind = "charge.failed".into();
    assert_eq!(world.take(&other).await, Ok(DeliveryOutcome::Conflict));
    assert_eq!(
        world.ledger.inner().others("evt_1"),
        [b"{\"other\":1}".to_vec()]
    );
    assert_eq!(world.published(), 1);
}

#[tokio::test]
async fn of_twenty_parallel_deliveries_one_is_accepted_and_one_is_published() {
    let world = world(&[]);
    let world = std::sync::Arc::new(world);
    let mut deliveries = tokio::task::JoinSet::new();
    for n in 0..20 {
        let world = world.clone();
        deliveries.spawn(async move { world.deliver(&format!("attempt-{n}"), SMALL).await });
    }
    let taken = deliveries.join_all().await;
    let accepted = taken.iter().filter(|taken| **taken == Ok(ACCEPTED)).count();
    let others = taken
        .iter()
        .filter(|taken| {
            matches!(
                taken,
                Ok(DeliveryOutcome::Duplicate | DeliveryOutcome::Held)
            )
        })
        .count();
    assert_eq!(
        (accepted, others, world.published()),
        (1, 19, 1),
        "{taken:?}"
    );
}

/// A bus that takes long to refuse, so that the claim lapses and another attempt takes over.
struct SlowRefusal<'a> {
    world: &'a World,
}

impl Bus for SlowRefusal<'_> {
    async fn publish(&self, entries: &[Outgoing]) -> Vec<Result<(), PublishRefusal>> {
        self.world.clock.advance_ms(LAPSE_MS);
        let mut other = arrival("evt_1", "other", SMALL);
        other.lapses_at_ms = self.world.clock.now_ms() + LAPSE_MS;
        let claimed = self.world.ledger.inner().claim(&other).await;
        assert!(matches!(claimed, Ok(Claimed::TookOver { .. })));
        let refusal = PublishRefusal::Later {
            cause: "scripted".to_owned(),
        };
        vec![Err(refusal); entries.len()]
    }
}

#[tokio::test]
async fn an_attempt_that_lost_its_claim_while_the_bus_refused_promises_nothing() {
    let world = world(&[]);
    let bus = SlowRefusal { world: &world };
    let taken = record_and_publish(
        &world.ledger,
        &bus,
        &world.clock,
        &arrival("evt_1", "a", SMALL),
    )
    .await;
    assert_eq!(taken, Ok(DeliveryOutcome::Held));
    let standing = world
        .ledger
        .inner()
        .entry("evt_1")
        .expect("an entry")
        .standing;
    assert_eq!(
        (standing.attempt.as_str(), standing.due_at_ms),
        ("other", None)
    );
}
