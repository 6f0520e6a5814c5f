//! The seq of levels over a restore and a second table, and facts without end.

use serde_json::{Value, json};
use sluice_harness::receipts::MemoryReceipts;
use sluice_kernel::bus::detail::EmitMode::Normal;
use sluice_kernel::clock::Clock;
use sluice_kernel::consumer::projection::{FACTS_OF_KIND_MAX, Projections};
use sluice_kernel::effects::receive::{self, Attempt, Receipt, Receipts};
use sluice_kernel::outcome::Outcome;

use crate::code;
use crate::consume::{World, lamp};

const KEY: &str = "platform#live#lamp_1";

/// Which of these levels a receiver that keeps receipts carries out, in this order.
async fn carried_out(receipts: &MemoryReceipts, levels: &[Value], now_ms: i64) -> Vec<Value> {
    let mut done = Vec::new();
    for level in levels.iter().filter(|level| level["class"] == "level") {
        let effect = receive::read(&json!({ "detail-type": "Light", "detail": level }).to_string())
            .expect("an effect");
        let attempt = Attempt {
            name: "attempt",
            lapses_at_ms: now_ms + 1_000,
            expires_at_s: now_ms / 1_000 + 86_400,
        };
        if receipts.claim(&effect, attempt, now_ms).await == Ok(Receipt::Mine) {
            receipts.mark(&effect, attempt).await.expect("marked");
            done.push(level["data"].clone());
        }
    }
    done
}

#[tokio::test]
async fn a_level_is_carried_out_after_its_item_was_restored_from_a_backup() {
    let (world, receipts) = (World::default(), MemoryReceipts::default());
    let mut backup = None;
    for n in 1..=9 {
        let event = lamp(&format!("evt_{n}"), "lamp.dimmed", 10 * n, n);
        world.deliver(&event).await.expect("applied");
        world.clock.advance_ms(1_000);
        if n == 2 {
            backup = Some(world.projections.items()[KEY].clone());
        }
    }
    let before = world.bus.details();
    let now_ms = world.clock.now_ms();
    let done = carried_out(&receipts, &before, now_ms).await;
    assert_eq!(done.len(), 9);

    let restored = World {
        clock: world.clock.clone(),
        ..World::default()
    };
    let backup = backup.expect("saved");
    for version in 0..backup.version {
        let (projections, document) = (&restored.projections, &backup.document);
        let put = projections.put(KEY, version, document, None).await;
        assert_eq!(put, Ok(true));
    }
    let event = lamp("evt_10", "lamp.dimmed", 100, 3);
    assert_eq!(restored.deliver(&event).await, Ok(Outcome::Applied));
    let after = restored.bus.details();
    assert_eq!(carried_out(&receipts, &after, now_ms).await, [json!(3)]);
}

#[tokio::test]
async fn a_seq_grows_with_each_level_though_the_clock_stands_still_or_goes_back() {
    let world = World::default();
    for n in 1..=4 {
        let event = lamp(&format!("evt_{n}"), "lamp.dimmed", 10 * n, n);
        world.deliver(&event).await.expect("applied");
        world.clock.advance_ms(if n == 2 { -5_000 } else { 0 });
    }
    let details = world.bus.details();
    let seqs: Vec<_> = details.iter().filter_map(|it| it["seq"].as_i64()).collect();
    let first = seqs[0];
    assert_eq!(seqs, [first, first + 1, first + 2, first + 3]);
}

/// Card testing on one payment: each declined attempt is a fact, and the payment succeeds in the end.
#[tokio::test]
async fn facts_beyond_the_bound_of_their_kind_cost_neither_the_state_nor_facts_of_another_kind() {
    let world = World::default();
    let bound = i64::try_from(FACTS_OF_KIND_MAX).expect("small");
    for n in 0..bound {
        let event = lamp(&format!("evt_{n}"), "lamp.lit", 10 + n, n);
        world.deliver(&event).await.expect("applied");
    }
    let count = |kind: &str| {
        let details = world.bus.details();
        let of_kind =
            |detail: &&Value| detail["id"].as_str().is_some_and(|id| id.starts_with(kind));
        details.iter().filter(of_kind).count()
    };
    assert_eq!(count("LampLit"), FACTS_OF_KIND_MAX);
    let one_more = lamp("evt_more", "lamp.lit", 5_000, 5_000);
    for outcome in [Outcome::Applied, Outcome::Duplicate] {
        let handled = world.handle_one(Normal, &one_more).await;
        assert_eq!(handled.result, Ok(outcome));
        assert_eq!(handled.note, Some(code::PROJECTION_TOO_MANY_FACTS));
    }
    assert_eq!(world.item()["state"], 5_000);
    assert_eq!(count("LampLit"), FACTS_OF_KIND_MAX);
    // A fact that was emitted is still known.
    let known = world
        .handle_one(Normal, &lamp("evt_again", "lamp.lit", 11, 1))
        .await;
    assert_eq!((known.result, known.note), (Ok(Outcome::Stale), None));
    let sold = lamp("evt_sold", "lamp.sold", 6_000, 6_000);
    let handled = world.handle_one(Normal, &sold).await;
    assert_eq!((handled.result, handled.note), (Ok(Outcome::Applied), None));
    assert_eq!(count("LampSold"), 1);
}
