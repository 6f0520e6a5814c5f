//! Projections rebuilt after a bug, objects imported before their first event, and levels that such writes owe.

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_harness::build::{arrival, message_in};
use sluice_harness::bus::Script;
use sluice_harness::reconcile::MemoryNotes;
use sluice_harness::stripe::MemoryStripe;
use sluice_kernel::bus::detail::EmitMode;
use sluice_kernel::consumer::fetch::{Objects, WithoutKey};
use sluice_kernel::consumer::projection::{Projections, key, scope_and_object};
use sluice_kernel::delivery::ledger::Ledger;
use sluice_kernel::domain::NoSettings;
use sluice_kernel::event::{Event, Scope};
use sluice_kernel::fault::Fault;
use sluice_kernel::outcome::Outcome;
use sluice_kernel::rebuild::{Change, Mode, Ports, Rebuilt, Shown, import, rebuild};
use sluice_kernel::reconcile::Notes;

use crate::code;
use crate::consume::{Lamps, World, lamp};

const KEY: &str = "platform#live#lamp_1";

fn scope() -> Scope {
    Scope {
        account: None,
        livemode: true,
    }
}

/// Keeps the event's body in the ledger, as ingest would.
async fn keep(world: &World, event: &Event) {
    let message = message_in(EmitMode::Normal, event);
    let mut message: Value = serde_json::from_str(&message).expect("JSON");
    // The leading key is the bus's, and not Stripe's.
    let detail = message["detail"].as_object_mut().expect("an event");
    detail.remove("sluice");
    let body = message["detail"].to_string();
    let arrival = arrival(&event.id, "attempt", body.as_bytes());
    world.ledger.claim(&arrival).await.expect("claimed");
}

/// The item as a bug would have left it: broken for good, and dark.
async fn damage(world: &World) {
    let stored = world.projections.items()[KEY].clone();
    let mut document: Value = serde_json::from_str(&stored.document).expect("JSON");
    document["state"] = json!(0);
    document["terminal"] = json!(true);
    let written = world
        .projections
        .put(KEY, stored.version, &document.to_string(), None)
        .await;
    assert_eq!(written, Ok(true));
}

async fn rebuilt(world: &World, objects: &impl Objects, mode: Mode) -> Rebuilt {
    let ports = Ports {
        projections: &world.projections,
        bus: &world.bus,
        bodies: &world.ledger,
        objects,
        outcomes: &world.outcomes,
        settings: &NoSettings {},
    };
    let rebuilt = rebuild::<Lamps>(&ports, &world.clock, KEY, mode).await;
    rebuilt.expect("rebuilt").expect("an item")
}

async fn imported(
    world: &World,
    objects: &impl Objects,
    shown: &Shown,
    is_dry: bool,
) -> Result<Rebuilt, Fault> {
    let ports = Ports {
        projections: &world.projections,
        bus: &world.bus,
        bodies: &world.ledger,
        objects,
        outcomes: &world.outcomes,
        settings: &NoSettings {},
    };
    import::<Lamps>(&ports, &world.clock, &scope(), shown, is_dry).await
}

/// The lamp as a page of Stripe's list shows it.
fn shown(light: i64, date_s: i64) -> Shown {
    Shown {
        object: json!({ "id": "lamp_1", "object": "lamp", "light": light }),
        api_version: None,
        date_s,
        took_ms: 0,
    }
}

async fn damaged_world() -> World {
    let world = World::default();
    for event in [
        lamp("evt_1", "lamp.lit", 10, 5),
        lamp("evt_2", "lamp.dimmed", 20, 3),
    ] {
        keep(&world, &event).await;
        world.deliver(&event).await.expect("applied");
    }
    damage(&world).await;
    world
}

#[tokio::test]
async fn a_state_that_was_wrongly_taken_for_the_last_is_rebuilt_from_the_ledger_and_its_level_owed()
{
    let world = damaged_world().await;
    // A replay alone can't do this: it is added to what is known, and what is known says that the lamp is broken.
    let again = lamp("evt_3", "lamp.dimmed", 30, 3);
    assert_eq!(world.deliver(&again).await, Ok(Outcome::Stale));
    let emitted = world.bus.details().len();

    let plan = rebuilt(
        &world,
        &MemoryStripe::without_key(),
        Mode::Plan { reopens: false },
    )
    .await;
    assert_eq!(
        (plan.change, &plan.before, &plan.after),
        (Change::Changed, &json!(0), &json!(3))
    );
    assert_eq!(world.item()["state"], 0, "a plan writes nothing");
    let done = rebuilt(&world, &MemoryStripe::without_key(), Mode::Suppress).await;
    assert_eq!(done, plan);
    assert_eq!(world.item()["state"], 3);
    assert_eq!(world.bus.details().len(), emitted);
    let once_more = rebuilt(&world, &MemoryStripe::without_key(), Mode::Suppress).await;
    assert_eq!(once_more.change, Change::Same);

    // The next message emits the level that is owed, once, and no fact again.
    for _ in 0..2 {
        let again = world.deliver(&lamp("evt_1", "lamp.lit", 10, 5)).await;
        assert_eq!(again, Ok(Outcome::Duplicate));
        assert_eq!(world.bus.details().len(), emitted + 1);
        assert_eq!(world.received_effects().1, Some(json!(3)));
    }
    let brighter = lamp("evt_4", "lamp.dimmed", 40, 4);
    assert_eq!(world.deliver(&brighter).await, Ok(Outcome::Applied));
    assert_eq!(world.received_effects().1, Some(json!(4)));
}

#[tokio::test]
async fn with_a_key_the_object_is_as_stripe_has_it_whatever_the_ledger_lacks() {
    let world = damaged_world().await;
    let stripe = MemoryStripe::at(50);
    let lamp_now = json!({ "id": "lamp_1", "object": "lamp", "light": 9 });
    stripe.put(&scope(), lamp_now);
    let done = rebuilt(&world, &stripe, Mode::Suppress).await;
    assert!(done.is_fetched);
    assert_eq!(
        (done.change, world.item()["state"].clone()),
        (Change::Changed, json!(9))
    );
}

#[tokio::test]
async fn an_object_of_which_nothing_can_be_had_again_is_left_as_it_is() {
    let world = World::default();
    world
        .deliver(&lamp("evt_1", "lamp.lit", 10, 5))
        .await
        .expect("applied");
    let before = world.projections.items();
    let done = rebuilt(&world, &MemoryStripe::without_key(), Mode::Suppress).await;
    assert_eq!(done.change, Change::Unfounded);
    assert_eq!(world.projections.items(), before);
}

#[tokio::test]
async fn an_import_emits_nothing_and_the_object_s_first_event_emits_its_level() {
    let world = World::default();
    let shown = shown(5, 30);
    let plan = imported(&world, &WithoutKey, &shown, true).await;
    assert_eq!(plan.expect("planned").change, Change::Made);
    assert!(
        world.projections.items().is_empty(),
        "a plan writes nothing"
    );
    for change in [Change::Made, Change::Same] {
        let done = imported(&world, &WithoutKey, &shown, false).await;
        assert_eq!(done.expect("imported").change, change);
    }
    assert_eq!(world.item()["state"], 5);
    assert!(world.bus.details().is_empty());
    // The event may be the one of the change that the import has seen.
    let earlier = world.deliver(&lamp("evt_1", "lamp.dimmed", 20, 2)).await;
    assert_eq!(earlier, Ok(Outcome::Stale));
    assert_eq!(world.received_effects(), (Vec::new(), Some(json!(5))));
    let later = world.deliver(&lamp("evt_2", "lamp.dimmed", 40, 1)).await;
    assert_eq!(later, Ok(Outcome::Applied));
    assert_eq!(world.received_effects(), (Vec::new(), Some(json!(1))));
}

#[tokio::test]
async fn an_object_of_the_other_mode_is_not_imported() {
    let world = World::default();
    let shown = Shown {
        object: json!({ "id": "lamp_1", "object": "lamp", "light": 5, "livemode": false }),
        api_version: None,
        date_s: 30,
        took_ms: 0,
    };
    let refused = imported(&world, &WithoutKey, &shown, false).await;
    assert_eq!(
        refused.expect_err("refused").code,
        code::STRIPE_KEY_WRONG_MODE
    );
    assert!(world.projections.items().is_empty());
}

/// The event of a change that an import or a rebuild has seen comes late, and is stale.
#[tokio::test]
async fn a_level_that_a_rebuild_suppressed_is_emitted_by_the_late_event_of_that_change() {
    let world = World::default();
    let lit = lamp("evt_1", "lamp.lit", 10, 5);
    keep(&world, &lit).await;
    world.deliver(&lit).await.expect("applied");
    let stripe = MemoryStripe::at(50);
    stripe.put(
        &scope(),
        json!({ "id": "lamp_1", "object": "lamp", "light": 1 }),
    );
    rebuilt(&world, &stripe, Mode::Suppress).await;
    assert_eq!(world.received_effects().1, Some(json!(5)), "suppressed");
    let late = world.deliver(&lamp("evt_2", "lamp.dimmed", 25, 1)).await;
    assert_eq!(late, Ok(Outcome::Stale));
    assert_eq!(world.received_effects().1, Some(json!(1)));
    assert!(world.item().get("levels_owed").is_none());
    assert!(world.item().get("emitted").is_none());
}

/// After a gap in reconcile no event comes any more: the import itself emits, like a check.
#[tokio::test]
async fn an_import_of_a_known_object_emits_the_level_that_it_changes() {
    let world = World::default();
    let lit = lamp("evt_1", "lamp.lit", 10, 5);
    world.deliver(&lit).await.expect("applied");
    let done = imported(&world, &WithoutKey, &shown(1, 30), false).await;
    assert_eq!(done.expect("imported").change, Change::Changed);
    assert_eq!(world.received_effects().1, Some(json!(1)));
    assert!(world.item().get("pending").is_none());
    // And its event changes nothing more.
    let count = world.bus.details().len();
    let late = world.deliver(&lamp("evt_2", "lamp.dimmed", 25, 1)).await;
    assert_eq!(
        (late, world.bus.details().len()),
        (Ok(Outcome::Stale), count)
    );
}

/// The objects that have a tie.
async fn ties(world: &World) -> Vec<String> {
    let notes = MemoryNotes::of(world.outcomes.noted());
    let ties = notes.ties(100).await.expect("read").into_iter();
    ties.map(|noted| noted.tie.object).collect()
}

#[tokio::test]
async fn a_guess_that_an_import_leaves_is_noted_as_a_tie_also_if_the_run_before_could_not_note_it()
{
    let world = World::default();
    world
        .deliver(&lamp("evt_1", "lamp.lit", 10, 5))
        .await
        .expect("applied");
    let stripe = MemoryStripe::without_key();
    // A list of the event's own second, which shows another light: before the event, or after it.
    let shown = shown(7, 10);
    let plan = imported(&world, &stripe, &shown, true).await;
    assert!(plan.expect("a plan").is_guess);
    assert_eq!(ties(&world).await, [""; 0], "a plan notes nothing");

    world.outcomes.set_failing(true);
    let failed = imported(&world, &stripe, &shown, false).await;
    assert_eq!(
        failed.map_err(|fault| fault.code),
        Err(code::OUTCOME_UNAVAILABLE)
    );
    assert_eq!(world.item()["tie_unresolved"], true);
    world.outcomes.set_failing(false);
    let again = imported(&world, &stripe, &shown, false).await;
    assert_eq!(again.expect("imported").change, Change::Same);
    assert_eq!(ties(&world).await, ["lamp_1"]);
}

#[tokio::test]
async fn a_guess_that_a_rebuild_leaves_is_noted_as_a_tie() {
    for mode in [Mode::Suppress, Mode::Emit] {
        let world = World::default();
        let lit = lamp("evt_1", "lamp.lit", 10, 5);
        keep(&world, &lit).await;
        world.deliver(&lit).await.expect("applied");
        let stripe = MemoryStripe::at(10);
        let lamp_now = json!({ "id": "lamp_1", "object": "lamp", "light": 7 });
        stripe.put(&scope(), lamp_now);
        assert!(rebuilt(&world, &stripe, mode).await.is_guess);
        assert_eq!(ties(&world).await, ["lamp_1"], "{mode:?}");
    }
}

#[tokio::test]
async fn what_a_rebuild_owes_is_emitted_by_an_import_or_a_rebuild_that_emits_if_no_event_comes() {
    for by_import in [true, false] {
        let world = World::default();
        let lit = lamp("evt_1", "lamp.lit", 10, 5);
        keep(&world, &lit).await;
        world.deliver(&lit).await.expect("applied");
        let stripe = MemoryStripe::at(50);
        stripe.put(
            &scope(),
            json!({ "id": "lamp_1", "object": "lamp", "light": 1 }),
        );
        rebuilt(&world, &stripe, Mode::Suppress).await;
        let count = world.bus.details().len();
        for _ in 0..2 {
            match by_import {
                true => drop(imported(&world, &stripe, &shown(1, 60), false).await),
                false => drop(rebuilt(&world, &stripe, Mode::Emit).await),
            }
            assert_eq!(world.received_effects().1, Some(json!(1)));
            assert_eq!(world.bus.details().len(), count + 1, "once");
        }
    }
}

/// An import that dies between its write and the bus leaves the effect pending, and its next run emits it.
#[tokio::test]
async fn an_import_that_could_not_emit_is_made_up_for_by_its_next_run() {
    let world = World::default();
    let lit = lamp("evt_1", "lamp.lit", 10, 5);
    world.deliver(&lit).await.expect("applied");
    world.bus.script([Script::Later]);
    let failed = imported(&world, &WithoutKey, &shown(1, 30), false).await;
    assert_eq!(
        failed.expect_err("not published").code,
        code::EFFECT_NOT_PUBLISHED
    );
    let again = imported(&world, &WithoutKey, &shown(1, 30), false).await;
    assert_eq!(again.expect("imported").change, Change::Same);
    assert_eq!(world.received_effects().1, Some(json!(1)));
    assert!(world.item().get("pending").is_none());
}

/// Stripe's later answer contradicts a terminal state: this is reported, and an operator may accept the answer.
#[tokio::test]
async fn a_terminal_state_that_stripe_contradicts_is_reopened_by_an_operator_and_stays_so() {
    let world = World::default();
    let broken = lamp("evt_2", "lamp.broken", 20, 0);
    for event in [&lamp("evt_1", "lamp.lit", 10, 5), &broken] {
        keep(&world, event).await;
        world.deliver(event).await.expect("applied");
    }
    assert_eq!(world.item()["terminal"], true);
    let stripe = MemoryStripe::at(500);
    stripe.put(
        &scope(),
        json!({ "id": "lamp_1", "object": "lamp", "light": 7 }),
    );
    for mode in [Mode::Plan { reopens: false }, Mode::Suppress, Mode::Emit] {
        let done = rebuilt(&world, &stripe, mode).await;
        assert_eq!(
            done.note,
            Some(code::CHECK_TERMINAL_CONTRADICTED),
            "{mode:?}"
        );
        assert_eq!(world.item()["state"], 0, "{mode:?}");
    }
    let plan = rebuilt(&world, &stripe, Mode::Plan { reopens: true }).await;
    assert_eq!(
        (&plan.after, &world.item()["state"]),
        (&json!(7), &json!(0))
    );
    let done = rebuilt(&world, &stripe, Mode::Reopen).await;
    assert_eq!((done.change, done.note), (Change::Changed, None));
    assert_eq!(world.received_effects().1, Some(json!(7)));
    // The event that was wrong comes again, and a rebuild reads it again: the answer stays.
    assert_eq!(world.deliver(&broken).await, Ok(Outcome::Duplicate));
    rebuilt(&world, &MemoryStripe::without_key(), Mode::Suppress).await;
    assert_eq!(world.item()["state"], 7);
    // Later events are applied as usual, and a later terminal one is the last.
    let events = [
        ("evt_3", "lamp.dimmed", 600, 3),
        ("evt_4", "lamp.broken", 700, 0),
        ("evt_5", "lamp.dimmed", 800, 9),
    ];
    for (id, kind, created, light) in events {
        let event = lamp(id, kind, created, light);
        world.deliver(&event).await.expect("taken in");
    }
    assert_eq!(world.received_effects().1, Some(json!(0)));
}

#[test]
fn a_key_is_taken_apart_as_it_was_made() {
    let connected = Scope {
        account: Some("acct_1".to_owned()),
        livemode: false,
    };
    for (scope, object) in [(scope(), "lamp_1"), (connected, "entitlements:cus_1#a")] {
        let made = key(&scope, object);
        assert_eq!(scope_and_object(&made), Some((scope, object)));
    }
    for bad in [
        "",
        "lamp_1",
        "platform#live#",
        "platform#prod#lamp_1",
        "#live#a",
    ] {
        assert_eq!(scope_and_object(bad), None, "{bad}");
    }
}

/// What happens to a lamp that was changed every ten seconds.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The event of this change comes, emitting or suppressed.
    Deliver(usize, bool),
    /// An import sees the lamp as it was after this change.
    Import(usize),
    /// So does a rebuild.
    Rebuild(usize, Mode),
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..ProptestConfig::default() })]

    /// Any mix of imports, rebuilds and suppressed events while events are on their way: once any message of the lamp
    /// has come after it, receivers have the lamp's level, and nothing is owed.
    #[test]
    fn no_suppressed_write_swallows_a_level(
        lights in proptest::collection::vec(0..3_i64, 1..6),
        steps in proptest::collection::vec((0..6_usize, 0..6_u8), 0..12),
        last in 0..6_usize,
    ) {
        let events: Vec<_> = lights.iter().enumerate().map(|(n, light)| {
            let created = 10 * i64::try_from(n).expect("small") + 10;
            lamp(&format!("evt_{n}"), "lamp.dimmed", created, *light)
        }).collect();
        let steps = steps.into_iter().map(|(n, kind)| {
            let n = n % lights.len();
            match kind {
                0 | 1 => Step::Deliver(n, true),
                2 => Step::Deliver(n, false),
                3 => Step::Import(n),
                4 => Step::Rebuild(n, Mode::Suppress),
                _ => Step::Rebuild(n, Mode::Emit),
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let world = World::default();
            for event in &events {
                keep(&world, event).await;
            }
            for step in steps {
                match step {
                    Step::Deliver(n, true) => drop(world.deliver(&events[n]).await),
                    Step::Deliver(n, false) => drop(world.deliver_in(EmitMode::Suppressed, &events[n]).await),
                    Step::Import(n) => {
                        let shown = shown(lights[n], events[n].created + 5);
                        imported(&world, &WithoutKey, &shown, false).await.expect("imported");
                    }
                    Step::Rebuild(n, mode) => {
                        let stripe = MemoryStripe::at(events[n].created + 5);
                        stripe.put(&scope(), json!({ "id": "lamp_1", "object": "lamp", "light": lights[n] }));
                        if !world.projections.items().is_empty() {
                            rebuilt(&world, &stripe, mode).await;
                        }
                    }
                }
            }
            let last = &events[last % events.len()];
            world.deliver(last).await.expect("taken in");
            let item = world.item();
            assert_eq!(world.received_effects().1.as_ref(), Some(&item["state"]));
            assert!(item.get("levels_owed").is_none() && item.get("pending").is_none());
        });
    }
}
