//! What a world guarantees about its events and states.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_stripe_sim::diff::{restore, without_nulls};
use sluice_stripe_sim::{ApiVersion, Moment, Occurrence, Options, Scope, Story, World};

use crate::{full_world, played};

fn bodies(world: &World, version: ApiVersion) -> Vec<Vec<u8>> {
    let events = world.events().iter();
    events.map(|event| world.body(event, version)).collect()
}

/// Without what older versions show inside of an object, which changes with the others, without an event.
fn without_insides(mut object: Value) -> Value {
    let fields = object.as_object_mut().expect("an object");
    for inside in ["charges", "discount", "refunds"] {
        // A fee's own refunds and a transfer's reversals have events of their own.
        if inside != "refunds" || fields["object"] == "charge" {
            fields.remove(inside);
        }
    }
    object
}

#[test]
fn a_seed_makes_the_same_bytes_again_and_another_makes_others() {
    let (one, same, other) = (full_world(11), full_world(11), full_world(12));
    for version in [ApiVersion::V2020_08_27, ApiVersion::V2025_09_30] {
        assert!(bodies(&one, version) == bodies(&same, version), "{version}");
    }
    let newest = ApiVersion::V2025_09_30;
    assert!(bodies(&one, newest) != bodies(&other, newest));
}

#[test]
fn a_story_is_not_changed_by_the_stories_played_after_it() {
    let mut short = World::new(5, Options::default());
    short.play(Story::Purchase, &Scope::platform(true));
    let mut long = World::new(5, Options::default());
    long.play(Story::Purchase, &Scope::platform(true));
    long.play_some(10, &[Scope::platform(true)]);
    let alone = bodies(&short, ApiVersion::V2025_09_30);
    let among = bodies(&long, ApiVersion::V2025_09_30);
    assert!(alone.iter().all(|body| among.contains(body)));
}

#[test]
fn previous_attributes_lead_from_the_present_to_the_former_rendering_at_every_version() {
    let world = full_world(1);
    let mut updates = 0;
    for version in ApiVersion::TESTED {
        for event in world.events() {
            let body = world.event(event, version);
            let previous = &body["data"]["previous_attributes"];
            let Some(before) = world.shown_before(event, version) else {
                assert!(previous.is_null(), "{}", event.kind);
                continue;
            };
            assert!(event.kind.ends_with(".updated"), "{}", event.kind);
            assert_eq!(
                without_nulls(&restore(&body["data"]["object"], previous)),
                without_nulls(&before),
                "{} at {version}",
                event.kind
            );
            updates += 1;
        }
    }
    assert!(
        updates > 100,
        "{updates} updates are too few to prove anything"
    );
}

#[test]
fn the_former_rendering_of_an_update_is_what_the_event_before_it_showed() {
    // So the updates of an object form a chain, except for other objects that it carries inside.
    let world = full_world(2);
    for version in &ApiVersion::TESTED[1..] {
        for events in world.histories().values() {
            // A notice shows a state that no change made.
            let is_change = |event: &&&Occurrence| !event.kind.ends_with("trial_will_end");
            let changes: Vec<_> = events.iter().filter(is_change).collect();
            for pair in changes.windows(2) {
                if let Some(before) = world.shown_before(pair[1], *version) {
                    // Two events of one change show the same state.
                    let shown = without_insides(world.shown(pair[0], *version));
                    let next = without_insides(world.shown(pair[1], *version));
                    assert!(
                        shown == without_insides(before) || shown == next,
                        "{} {}",
                        pair[1].kind,
                        pair[1].id
                    );
                }
            }
        }
    }
}

#[test]
fn every_objects_last_event_shows_the_truth() {
    let world = full_world(4);
    for version in &ApiVersion::TESTED {
        for (key, events) in world.histories() {
            let last = events.last().expect("a history has events");
            let shown = without_insides(world.shown(last, *version));
            let truth = world.object_at(key, *version, Moment::End);
            let truth = without_insides(truth.expect("it exists"));
            assert_eq!(shown, truth, "{} at {version}", last.kind);
        }
    }
}

#[test]
fn event_ids_are_unique_and_seconds_are_whole_and_never_go_back_within_an_object() {
    let world = full_world(6);
    let ids: BTreeSet<_> = world.events().iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), world.events().len());
    for events in world.histories().values() {
        assert!(events.is_sorted_by_key(|event| event.created));
    }
    let body = world.event(&world.events()[0], ApiVersion::V2025_09_30);
    assert!(body["created"].is_i64() || body["created"].is_u64());
}

#[test]
fn ties_within_a_second_are_common() {
    let world = full_world(8);
    let mut tied = 0;
    for events in world.histories().values() {
        tied += events
            .windows(2)
            .filter(|pair| pair[0].created == pair[1].created)
            .count();
    }
    assert!(tied > 50, "{tied}");
}

#[test]
fn an_event_carries_its_account_and_mode() {
    let world = full_world(1);
    for event in world.events() {
        let body = world.event(event, ApiVersion::V2025_09_30);
        assert_eq!(body["livemode"], event.object.scope.livemode);
        let account = body.get("account").and_then(Value::as_str);
        assert_eq!(account, event.object.scope.account.as_deref());
    }
}

#[test]
fn accounts_can_have_equal_object_ids_and_never_equal_event_ids() {
    let mut world = World::new(9, Options::default());
    let accounts = [
        world.connect(true),
        world.connect(true),
        world.connect(true),
    ];
    let before = world.events().len();
    let made = world.play_alike(Story::RefundFailsLater, &accounts);
    let ids: Vec<Vec<_>> = made
        .iter()
        .map(|keys| keys.iter().map(|key| &key.id).collect())
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[1], ids[2]);
    let events: BTreeSet<_> = world.events().iter().map(|event| &event.id).collect();
    assert_eq!(events.len(), world.events().len());
    assert!(world.events().len() > before);
}

#[test]
fn an_object_can_be_asked_for_as_it_was() {
    let world = played(Story::RefundFailsLater);
    let refund = world.objects().find(|key| key.id.starts_with("re_"));
    let refund = refund.expect("a refund").clone();
    let status = |second| {
        let object = world.object_at(&refund, ApiVersion::V2025_09_30, Moment::Second(second));
        object.map(|object| object["status"].clone())
    };
    let first = world.histories()[&refund][0].created;
    assert_eq!(status(first - 1), None);
    assert_eq!(status(first).unwrap(), "succeeded");
    assert_eq!(status(world.end()).unwrap(), "failed");
}
