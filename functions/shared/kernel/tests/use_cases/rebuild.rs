//! Projections made anew after a bug, and objects taken in before their first event.

use serde_json::{Value, json};
use sluice_harness::build::{arrival, message_in};
use sluice_harness::stripe::MemoryStripe;
use sluice_kernel::consume::Event;
use sluice_kernel::detail::Manner;
use sluice_kernel::domain::NoSettings;
use sluice_kernel::effect::Scope;
use sluice_kernel::fault::Fault;
use sluice_kernel::fetch::{Objects, WithoutKey};
use sluice_kernel::ledger::Ledger;
use sluice_kernel::outcome::Outcome;
use sluice_kernel::projection::{Projections, key, scope_and_object};
use sluice_kernel::rebuild::{Change, Ports, Rebuilt, Shown, import, rebuild};

use crate::consume::{Lamps, World, lamp};

const KEY: &str = "platform#live#lamp_1";

fn scope() -> Scope {
    Scope {
        account: None,
        livemode: true,
    }
}

/// Keeps the event's body in the ledger, as the door would.
async fn keep(world: &World, event: &Event) {
    let message = message_in(Manner::Plain, event);
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

async fn rebuilt(world: &World, objects: &impl Objects, is_dry: bool) -> Rebuilt {
    let ports = Ports {
        projections: &world.projections,
        bodies: &world.ledger,
        objects,
        settings: &NoSettings {},
    };
    let rebuilt = rebuild::<Lamps>(&ports, &world.clock, KEY, is_dry).await;
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
        bodies: &world.ledger,
        objects,
        settings: &NoSettings {},
    };
    import::<Lamps>(&ports, &world.clock, &scope(), shown, is_dry).await
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
async fn a_state_that_was_wrongly_taken_for_the_last_is_mended_from_the_ledger_and_nobody_is_told()
{
    let world = damaged_world().await;
    // What a replay alone can't do: it is added to what is known, and what is known says that it is over.
    let again = lamp("evt_3", "lamp.dimmed", 30, 3);
    assert_eq!(world.deliver(&again).await, Ok(Outcome::Stale));
    let told = world.bus.details().len();

    let plan = rebuilt(&world, &MemoryStripe::without_key(), true).await;
    assert_eq!(
        (plan.change, &plan.before, &plan.after),
        (Change::Changed, &json!(0), &json!(3))
    );
    assert_eq!(world.item()["state"], 0, "a plan writes nothing");
    let done = rebuilt(&world, &MemoryStripe::without_key(), false).await;
    assert_eq!(done, plan);
    assert_eq!(world.item()["state"], 3);
    assert_eq!(world.bus.details().len(), told);
    let once_more = rebuilt(&world, &MemoryStripe::without_key(), false).await;
    assert_eq!(once_more.change, Change::Same);

    // It goes on from there: facts that were told aren't told again, and levels tell the difference.
    world
        .deliver(&lamp("evt_1", "lamp.lit", 10, 5))
        .await
        .expect("taken");
    assert_eq!(world.bus.details().len(), told);
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
    let done = rebuilt(&world, &stripe, false).await;
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
    let done = rebuilt(&world, &MemoryStripe::without_key(), false).await;
    assert_eq!(done.change, Change::Unfounded);
    assert_eq!(world.projections.items(), before);
}

#[tokio::test]
async fn an_imported_object_tells_nothing_until_an_event_changes_it() {
    let world = World::default();
    let shown = Shown {
        object: json!({ "id": "lamp_1", "object": "lamp", "light": 5 }),
        api_version: None,
        date_s: 30,
        took_ms: 0,
    };
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
    // An event from before the import changes nothing; one from after it tells the difference.
    let earlier = world.deliver(&lamp("evt_1", "lamp.dimmed", 20, 2)).await;
    assert_eq!(earlier, Ok(Outcome::Stale));
    assert!(world.bus.details().is_empty());
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
    assert_eq!(refused.expect_err("refused").code, "stripe.key_wrong_mode");
    assert!(world.projections.items().is_empty());
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
