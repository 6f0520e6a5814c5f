//! Publishing what is due.

use sluice_harness::build::arrival;
use sluice_harness::bus::{MemoryBus, Script};
use sluice_harness::clock::TestClock;
use sluice_harness::ledger::MemoryLedger;
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::ledger::{Deferred, DueLedger, Ledger};
use sluice_kernel::delivery::sweep::{FAILED_BATCHES_MAX, POSTPONE_MS_FIRST, Swept, sweep};

const SMALL: &[u8] = br#"{"id":"evt_1","type":"charge.succeeded"}"#;

struct World {
    clock: TestClock,
    ledger: MemoryLedger,
    bus: MemoryBus,
}

async fn world_with_due(count: usize) -> World {
    let clock = TestClock::default();
    let world = World {
        ledger: MemoryLedger::new(clock.clone()),
        bus: MemoryBus::default(),
        clock,
    };
    for n in 0..count {
        let id = format!("evt_{n:03}");
        let arrival = arrival(&id, "a", SMALL);
        world.ledger.claim(&arrival).await.expect("claimed");
        assert_eq!(
            world.ledger.defer(&arrival, world.clock.now_ms()).await,
            Ok(Deferred::Due)
        );
    }
    world
}

impl World {
    async fn sweep(&self, entries_max: usize) -> Swept {
        sweep(&self.ledger, &self.bus, &self.clock, entries_max, i64::MAX)
            .await
            .expect("swept")
    }

    async fn due(&self) -> usize {
        self.ledger
            .due(i64::MAX, usize::MAX)
            .await
            .expect("read")
            .len()
    }
}

#[tokio::test]
async fn a_run_publishes_what_is_due_up_to_its_bound() {
    let world = world_with_due(25).await;
    assert_eq!(
        world.sweep(20).await,
        Swept {
            published: 20,
            more: true,
            ..Swept::default()
        }
    );
    assert_eq!(
        world.sweep(20).await,
        Swept {
            published: 5,
            ..Swept::default()
        }
    );
    assert_eq!(world.sweep(20).await, Swept::default());
    assert_eq!(world.bus.taken().len(), 25);
}

#[tokio::test]
async fn a_refused_entry_moves_forward_and_the_rest_goes_on() {
    let world = world_with_due(3).await;
    world
        .bus
        .script([Script::Take, Script::Later, Script::Take]);
    assert_eq!(
        world.sweep(10).await,
        Swept {
            published: 2,
            refused: 1,
            ..Swept::default()
        }
    );
    assert_eq!(world.sweep(10).await, Swept::default());
    world.clock.advance_ms(POSTPONE_MS_FIRST);
    assert_eq!(
        world.sweep(10).await,
        Swept {
            published: 1,
            oldest_ms: POSTPONE_MS_FIRST,
            ..Swept::default()
        }
    );
}

#[tokio::test]
async fn an_entry_refused_for_its_form_goes_as_a_pointer_from_then_on() {
    let world = world_with_due(1).await;
    world.bus.script([Script::Form]);
    assert_eq!(
        world.sweep(10).await,
        Swept {
            refused: 1,
            ..Swept::default()
        }
    );
    world.clock.advance_ms(POSTPONE_MS_FIRST);
    assert_eq!(world.sweep(10).await.published, 1);
    assert_eq!(world.bus.details()[0]["sluice"]["body"], "ledger");
}

#[tokio::test]
async fn a_bus_that_is_down_ends_the_run_and_keeps_everything_due() {
    let world = world_with_due(100).await;
    world.bus.set_down(true);
    let swept = world.sweep(1_000).await;
    assert_eq!(swept.refused, 10 * FAILED_BATCHES_MAX as usize);
    assert!(swept.more);
    assert_eq!(world.due().await, 100);
    world.bus.set_down(false);
    assert_eq!(world.sweep(1_000).await.published, 70);
    world.clock.advance_ms(POSTPONE_MS_FIRST);
    assert_eq!(world.sweep(1_000).await.published, 30);
    assert_eq!(world.due().await, 0);
}

#[tokio::test]
async fn a_body_that_is_not_whole_is_never_published_but_counted() {
    let clock = TestClock::default();
    let ledger = MemoryLedger::new(clock.clone());
    let body = sluice_harness::build::noise_body("evt_1", 300_000);
    let arrival = arrival("evt_1", "a", &body);
    ledger.claim(&arrival).await.expect("claimed");
    // The protocol never does this: parts come before due.
    assert_eq!(
        ledger.defer(&arrival, clock.now_ms()).await,
        Ok(Deferred::Due)
    );
    let world = World {
        clock,
        ledger,
        bus: MemoryBus::default(),
    };
    assert_eq!(
        world.sweep(10).await,
        Swept {
            torn: 1,
            ..Swept::default()
        }
    );
    assert_eq!((world.bus.taken().len(), world.due().await), (0, 1));
}

#[tokio::test]
async fn a_run_begins_no_batch_after_its_time() {
    let world = world_with_due(30).await;
    let swept = sweep(
        &world.ledger,
        &world.bus,
        &world.clock,
        100,
        world.clock.now_ms(),
    )
    .await
    .expect("swept");
    assert_eq!(
        swept,
        Swept {
            more: true,
            ..Swept::default()
        }
    );
    assert_eq!(world.due().await, 30);
}
