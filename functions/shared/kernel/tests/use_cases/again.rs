//! Events that are published again: under a generation, or suppressed; redelivered, crashed and resumed.

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_harness::bus::Script;
use sluice_kernel::bus::detail::EmitMode::{self, Forced, Normal, Suppressed};
use sluice_kernel::consumer::projection::GENERATIONS_MAX;
use sluice_kernel::event::Event;
use sluice_kernel::outcome::Outcome;

use crate::consume::{World, history, lamp};

const FACT: &str = "LampLit#platform#live#lamp_1#5";

/// Ids of all that was put on the bus, in order, repetitions included.
fn emitted(world: &World) -> Vec<String> {
    let details = world.bus.details();
    let id = |detail: &Value| detail["id"].as_str().expect("an id").to_owned();
    details.iter().map(id).collect()
}

/// Delivers as the queue does: until the message is acknowledged.
async fn until_acknowledged(world: &World, mode: EmitMode<'_>, event: &Event) -> Outcome {
    for _ in 0..100 {
        if let Ok(outcome) = world.deliver_in(mode, event).await {
            return outcome;
        }
    }
    panic!("never acknowledged");
}

#[tokio::test]
async fn a_forced_replay_emits_facts_again_by_its_name_and_current_levels_at_a_new_seq_once() {
    let world = World::default();
    let lit = lamp("evt_1", "lamp.lit", 10, 5);
    world.deliver(&lit).await.expect("applied");
    world
        .deliver(&lamp("evt_2", "lamp.dimmed", 20, 1))
        .await
        .expect("applied");
    let before = emitted(&world).len();
    let seq = |detail: &Value| detail["seq"].as_u64().unwrap_or_default();
    let highest = world.bus.details().iter().map(seq).max();
    for _ in 0..3 {
        assert_eq!(
            world.deliver_in(Forced("run-1"), &lit).await,
            Ok(Outcome::Duplicate)
        );
    }
    let again = &world.bus.details()[before..];
    assert_eq!(again.len(), 2, "{again:?}");
    assert_eq!(again[0]["id"], format!("{FACT}#run-1"));
    assert_eq!(again[1]["data"], 1, "the level that is current");
    assert!(Some(seq(&again[1])) > highest, "a new seq");
    assert!(again.iter().all(|effect| effect["generation"] == "run-1"));
    assert_eq!(world.item()["state"], 1, "the state doesn't go back");
}

#[tokio::test]
async fn each_generation_emits_once_and_a_plain_replay_emits_nothing() {
    let world = World::default();
    let lit = lamp("evt_1", "lamp.lit", 10, 5);
    for mode in [
        Normal,
        Forced("a"),
        Forced("b"),
        Forced("a"),
        Normal,
        Forced("b"),
        Suppressed,
    ] {
        world.deliver_in(mode, &lit).await.expect("taken in");
    }
    let facts: Vec<_> = emitted(&world)
        .into_iter()
        .filter(|id| id.starts_with("LampLit"))
        .collect();
    assert_eq!(
        facts,
        [FACT.to_owned(), format!("{FACT}#a"), format!("{FACT}#b")]
    );
}

#[tokio::test]
async fn two_events_for_one_change_are_one_fact_of_a_generation_too() {
    let world = World::default();
    let (one, two) = (
        lamp("evt_1", "lamp.lit", 10, 5),
        lamp("evt_2", "lamp.lit", 10, 5),
    );
    for event in [&one, &two] {
        world.deliver(event).await.expect("applied");
    }
    let before = emitted(&world).len();
    for event in [&two, &one, &two] {
        world
            .deliver_in(Forced("run"), event)
            .await
            .expect("taken in");
    }
    let again = emitted(&world).split_off(before);
    assert_eq!(again.len(), 2, "one fact and one level: {again:?}");
}

#[tokio::test]
async fn what_was_never_emitted_is_emitted_by_a_forced_replay_for_the_first_time_and_not_again() {
    let world = World::default();
    let lit = lamp("evt_1", "lamp.lit", 10, 5);
    for _ in 0..2 {
        world
            .deliver_in(Forced("run"), &lit)
            .await
            .expect("taken in");
    }
    world.deliver(&lit).await.expect("taken in");
    let (facts, level) = world.received_effects();
    assert_eq!((facts, level), (vec![FACT.to_owned()], Some(json!(5))));
}

#[tokio::test]
async fn a_forced_replay_that_crashes_after_its_write_is_resumed_by_the_redelivery() {
    for script in [Script::Later, Script::TakeAndLose] {
        let world = World::default();
        let lit = lamp("evt_1", "lamp.lit", 10, 5);
        world.deliver(&lit).await.expect("applied");
        world.bus.script([script]);
        world
            .deliver_in(Forced("run"), &lit)
            .await
            .expect_err("not emitted");
        assert_eq!(world.item()["pending"].as_array().map(Vec::len), Some(2));
        // The next message emits it, even if it is another event's.
        world.deliver(&lit).await.expect("taken in");
        world
            .deliver_in(Forced("run"), &lit)
            .await
            .expect("taken in");
        let mut facts: Vec<_> = emitted(&world);
        facts.retain(|id| id.starts_with("LampLit"));
        facts.dedup();
        assert_eq!(facts, [FACT.to_owned(), format!("{FACT}#run")]);
        assert!(world.item().get("pending").is_none());
    }
}

#[tokio::test]
async fn a_suppressed_event_is_recorded_and_its_level_is_emitted_by_the_next_message_and_no_fact() {
    let world = World::default();
    let lit = lamp("evt_1", "lamp.lit", 10, 5);
    for outcome in [Outcome::Applied, Outcome::Duplicate] {
        assert_eq!(world.deliver_in(Suppressed, &lit).await, Ok(outcome));
        assert_eq!(emitted(&world), [] as [String; 0]);
    }
    for _ in 0..2 {
        world.deliver(&lit).await.expect("taken in");
        assert_eq!(world.received_effects(), (Vec::new(), Some(json!(5))));
        assert_eq!(emitted(&world).len(), 1);
    }
    assert_eq!(
        (&world.item()["state"], &world.item()["facts"][0]),
        (&json!(5), &json!(FACT))
    );
    // A change after it is emitted as usual, at a seq that comes after every one before.
    world
        .deliver(&lamp("evt_2", "lamp.dimmed", 20, 1))
        .await
        .expect("applied");
    assert_eq!(world.received_effects().1, Some(json!(1)));
    // A forced replay also emits what was suppressed.
    world
        .deliver_in(Forced("run"), &lit)
        .await
        .expect("taken in");
    assert_eq!(world.received_effects().0, [format!("{FACT}#run")]);
}

#[tokio::test]
async fn a_suppressed_change_under_a_pending_level_emits_what_is_so_after_what_no_longer_is() {
    let world = World::default();
    world.bus.script([Script::Later]);
    let lit = lamp("evt_1", "lamp.lit", 10, 5);
    world.deliver(&lit).await.expect_err("not emitted");
    world
        .deliver_in(Suppressed, &lamp("evt_2", "lamp.dimmed", 20, 1))
        .await
        .expect("taken in");
    assert_eq!(
        world.received_effects(),
        (vec![FACT.to_owned()], Some(json!(1)))
    );
    assert!(world.item().get("pending").is_none());
}

#[tokio::test]
async fn an_item_remembers_a_bounded_number_of_generations() {
    let world = World::default();
    let lit = lamp("evt_1", "lamp.lit", 10, 5);
    for n in 0..3 * GENERATIONS_MAX {
        let run = format!("run-{n}");
        world
            .deliver_in(Forced(&run), &lit)
            .await
            .expect("taken in");
    }
    let item = world.item();
    let kept = item["generations"].as_array().expect("a list");
    assert_eq!(kept.len(), GENERATIONS_MAX);
    assert_eq!(
        kept.last().expect("one")["id"],
        format!("run-{}", 3 * GENERATIONS_MAX - 1)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A replay is safe after everything has come once. It may be plain, forced or suppressed, in any order and with
    /// refusals of the bus. The state, its evidence and the facts stay, and so does what levels say.
    #[test]
    fn after_everything_has_come_once_no_replay_changes_state_facts_or_levels(
        (history, again) in history().prop_flat_map(|history| {
            let mode = prop_oneof![Just(Normal), Just(Forced("a")), Just(Forced("b")), Just(Suppressed)];
            let again = proptest::collection::vec((0..history.len(), mode), 0..8);
            (Just(history), again)
        }),
        refusals in proptest::collection::vec(prop_oneof![Just(Script::Take), Just(Script::Later), Just(Script::TakeAndLose)], 0..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let world = World::default();
        runtime.block_on(async {
            for event in &history {
                world.deliver(event).await.expect("applied");
            }
        });
        let (item, (facts, level)) = (world.item(), world.received_effects());
        world.bus.script(refusals);
        runtime.block_on(async {
            for (index, mode) in &again {
                until_acknowledged(&world, *mode, &history[*index]).await;
            }
        });
        let after = world.item();
        for kept in ["state", "tie_unresolved", "second", "members", "facts"] {
            prop_assert_eq!(&after[kept], &item[kept]);
        }
        prop_assert!(after.get("pending").is_none());
        let (all_facts, last_level) = world.received_effects();
        prop_assert_eq!(last_level, level);
        // Each generation that a fact's event was replayed under has emitted it once by its own name, and there is no
        // other.
        let mut expected = facts.clone();
        for (index, mode) in &again {
            if let (Forced(generation), "lamp.lit") = (mode, &*history[*index].kind) {
                let light = &history[*index].object["light"];
                expected.push(format!("LampLit#platform#live#lamp_1#{light}#{generation}"));
            }
        }
        expected.sort();
        expected.dedup();
        prop_assert_eq!(all_facts, expected);
    }
}
