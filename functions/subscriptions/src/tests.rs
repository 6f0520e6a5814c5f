//! The domain over the sample events, and over the simulated Stripe's stories.

use serde_json::{Value, json};
use sluice_effects::orders;
use sluice_effects::stories::{self, Played};
use sluice_effects::{ApiVersion, check, handles_what_is_routed};
use sluice_harness::build;
use sluice_harness::samples::{as_event, sample, samples};
use sluice_kernel::domain::{Domain, Projected};
use sluice_kernel::effects::effect::{self, Level};
use sluice_kernel::event::Event;

use crate::{Kept, Subscription, Subscriptions};

mod access;

const DAY_S: i64 = 86_400;

fn project(event: &Event) -> Projected<Kept> {
    Subscriptions::project(event).expect("readable")
}

fn subscription(event: &Event) -> Subscription {
    match project(event).state {
        Kept::Subscription(subscription) => subscription,
        other => panic!("not a subscription: {other:?}"),
    }
}

fn levels(before: Option<&Subscription>, after: &Subscription) -> Vec<Level> {
    let kept = |one: &Subscription| Kept::Subscription(one.clone());
    Subscriptions::levels(before.map(kept).as_ref(), &kept(after), &Default::default())
}

fn play(events: &[Event]) -> Played<Kept> {
    stories::play::<Subscriptions>(events).expect("nothing is refused")
}

fn story(name: &str) -> Vec<Event> {
    stories::one(name, 3, ApiVersion::V2025_09_30)
}

/// The only subscription of a story.
fn only(played: &Played<Kept>) -> &Subscription {
    let mut kept = played.states.values();
    let one = kept.find_map(|kept| match kept {
        Kept::Subscription(one) => Some(one),
        _ => None,
    });
    one.expect("a subscription")
}

/// A subscription to this product, in the middle of a month that ends at second 1,000,000.
fn of(id: &str, product: &str, status: &str) -> Subscription {
    let mut subscription = subscription(&sample("customer.subscription.updated"));
    subscription.id = id.to_owned();
    subscription.customer = "cus_1".to_owned();
    subscription.status = status.to_owned();
    subscription.items[0].product = Some(product.to_owned());
    subscription.items[0].start = Some(1_000_000 - 30 * DAY_S);
    subscription.items[0].end = Some(1_000_000);
    subscription
}

fn summary(features: &[&str]) -> Kept {
    let data: Vec<Value> = features
        .iter()
        .map(|key| json!({ "id": "ent_1", "lookup_key": key }))
        .collect();
    let object = json!({ "object": "entitlements.active_entitlement_summary", "customer": "cus_1",
        "entitlements": { "object": "list", "data": data, "has_more": false } });
    let kind = "entitlements.active_entitlement_summary.updated";
    project(&build::event("evt_1", kind, 900_000, object)).state
}

#[test]
fn every_sample_of_the_domain_can_be_projected_and_what_it_says_fits_its_schema() {
    for (name, snapshot) in samples("customer.") {
        let event = as_event(&snapshot);
        let projected = project(&event);
        assert_eq!(json!(projected.object), event.object["id"], "{name}");
        assert!(Subscriptions::owner(&projected.state).is_some(), "{name}");
        for fact in Subscriptions::facts(&event).expect(&name) {
            check(&effect::pending_fact(fact, &event, None, None)).expect(&name);
        }
        for level in Subscriptions::levels(None, &projected.state, &Default::default()) {
            check(&effect::pending_level(level, &event, 1, None)).expect(&name);
        }
    }
}

#[test]
fn the_types_that_are_routed_here_are_handled_and_no_others() {
    handles_what_is_routed::<Subscriptions>(&[]);
}

#[test]
fn every_object_ends_the_same_in_every_order_of_its_events_with_duplicates_and_mixed_versions() {
    let tried = orders::every_order::<Subscriptions>();
    println!("{tried:?}");
    assert!(tried.whole > 10 && tried.orders > 1_000, "{tried:?}");
}

#[test]
fn every_story_ends_alike_in_every_order_and_api_version() {
    let kinds = stories::alike_in_every_version::<Subscriptions>();
    let every = ["Access", "TrialEnding"];
    assert!(kinds.iter().eq(every), "{kinds:?}");
}

#[test]
fn an_update_after_the_deletion_and_an_incomplete_after_the_activation_change_nothing() {
    let mut events = story("Subscription");
    let played = play(&events);
    assert_eq!(only(&played).status, "canceled");
    // The deletion first, the creation last.
    events.sort_by_key(|event| match &*event.kind {
        "customer.subscription.deleted" => 0,
        "customer.subscription.created" => 2,
        _ => 1,
    });
    let late = play(&events);
    assert_eq!(late.states, played.states);
    assert_eq!(late.last_levels(), played.last_levels());

    let mut recovered = story("RenewalRecovered");
    recovered.sort_by_key(|event| event.kind == "customer.subscription.created");
    let played = play(&recovered);
    assert_eq!(only(&played).status, "active");
}

#[test]
fn a_trials_end_is_emitted_once_also_after_the_cancelation_which_stands() {
    let mut events = story("TrialCanceled");
    events.sort_by_key(|event| event.kind == "customer.subscription.trial_will_end");
    let last = events.last().expect("the notice").clone();
    assert_eq!(last.kind, "customer.subscription.trial_will_end");
    events.push(last.clone());
    let played = play(&events);
    assert_eq!(only(&played).status, "canceled");
    assert_eq!(played.count("TrialEnding"), 1);

    // A trial that is extended ends a second time.
    let mut prolonged = last;
    prolonged.object["trial_end"] = json!(1_900_000_000);
    events.push(prolonged);
    assert_eq!(play(&events).count("TrialEnding"), 2);
}

#[test]
fn a_quantity_that_changes_twice_in_a_second_ends_at_the_last_in_any_order() {
    let events = story("BusySecond");
    let played = play(&events);
    let last = events
        .iter()
        .rfind(|event| event.object["object"] == "subscription");
    assert_eq!(*only(&played), subscription(last.expect("an update")));
}

#[test]
fn discounts_and_schedules_are_kept() {
    let discount = json!({ "id": "di_1", "object": "discount", "customer": "cus_1", "subscription": null,
        "source": { "coupon": "c", "type": "coupon" }, "end": 5 });
    let event = build::event("evt_1", "customer.discount.created", 1, discount.clone());
    let newest = project(&event);
    assert!(!newest.terminal && Subscriptions::owner(&newest.state).is_none());
    let mut old = discount.clone();
    old["source"] = json!(null);
    old["coupon"] = json!({ "id": "c", "object": "coupon" });
    let event = build::event("evt_2", "customer.discount.updated", 2, old);
    assert_eq!(project(&event).state, newest.state);
    let event = build::event("evt_3", "customer.discount.deleted", 3, discount);
    assert!(project(&event).terminal);

    let schedule = json!({ "id": "sub_sched_1", "object": "subscription_schedule", "status": "released",
        "customer": "cus_1", "subscription": null, "released_subscription": "sub_1" });
    let event = build::event("evt_4", "subscription_schedule.released", 4, schedule);
    let released = project(&event);
    assert!(released.terminal);
    assert!(
        matches!(released.state, Kept::Schedule(one) if one.subscription.as_deref() == Some("sub_1"))
    );
}

#[test]
fn a_field_that_is_needed_and_missing_is_named() {
    let mut event = sample("customer.subscription.updated");
    event.object["customer"] = json!(null);
    let fault = Subscriptions::project(&event).expect_err("rejected");
    assert_eq!(
        (fault.code.as_str(), fault.cause.as_str()),
        ("object.field_missing", "no id at customer")
    );
    let mut stranger = event;
    stranger.object["object"] = json!("galaxy");
    let fault = Subscriptions::project(&stranger).expect_err("rejected");
    assert_eq!(fault.code, "subscriptions.unknown_object");
}

#[test]
fn a_schedule_ends_as_stripe_says_and_leaves_its_subscription_where_that_goes_on() {
    for (name, status, goes_on) in [
        ("ScheduleCompleted", "completed", Some("canceled")),
        ("ScheduleReleased", "released", Some("active")),
        ("ScheduleCanceled", "canceled", None),
        ("ScheduleAborted", "canceled", Some("canceled")),
    ] {
        let played = play(&story(name));
        let schedules: Vec<_> = played
            .states
            .values()
            .filter_map(|kept| match kept {
                Kept::Schedule(schedule) => Some(schedule),
                _ => None,
            })
            .collect();
        assert_eq!(schedules.len(), 1, "{name}");
        assert_eq!(schedules[0].status, status, "{name}");
        assert_eq!(
            schedules[0].subscription.is_some(),
            goes_on.is_some(),
            "{name}"
        );
        if let Some(goes_on) = goes_on {
            assert_eq!(only(&played).status, goes_on, "{name}");
        }
    }
}

#[test]
fn a_discount_without_an_id_is_kept_under_whose_it_is_and_leaves_its_place_to_the_next() {
    let old = |kind: &str, created: i64, subscription: Value| {
        let object = json!({ "object": "discount", "coupon": { "id": "WELCOME" }, "customer": "cus_1",
            "end": null, "subscription": subscription });
        build::event(&format!("evt_{created}"), kind, created, object)
    };
    let created = old("customer.discount.created", 1, json!(null));
    let deleted = old("customer.discount.deleted", 2, json!(null));
    let again = old("customer.discount.created", 3, json!(null));
    let other = old("customer.discount.created", 3, json!("sub_1"));
    assert_eq!(project(&created).object, "discount:cus_1");
    assert_eq!(project(&other).object, "discount:sub_1");
    assert_eq!(
        (
            project(&deleted).object.as_str(),
            project(&deleted).terminal
        ),
        ("discount:cus_1", false)
    );
    let state = |events: &[Event]| {
        let played = play(events);
        played.states["platform#live#discount:cus_1"].clone()
    };
    assert!(matches!(
        state(&[deleted.clone(), created.clone()]),
        Kept::Gone { .. }
    ));
    assert!(
        matches!(state(&[again, deleted, created]), Kept::Discount(one) if one.coupon.as_deref() == Some("WELCOME"))
    );
    let mut nobodys = other;
    nobodys.object["customer"] = json!(null);
    nobodys.object["subscription"] = json!(null);
    let fault = Subscriptions::project(&nobodys).expect_err("rejected");
    assert_eq!(fault.code, "object.field_missing");
}
