//! The domain over the sample events, and over the simulated Stripe's stories.

use serde_json::{Value, json};
use sluice_effects::orders;
use sluice_effects::stories::{self, Told};
use sluice_effects::{ApiVersion, check, handles_what_is_routed};
use sluice_harness::build;
use sluice_harness::samples::{as_event, sample, samples};
use sluice_kernel::consume::Event;
use sluice_kernel::domain::{Domain, Projected};
use sluice_kernel::effect::{self, Level};
use sluice_kernel::order::candidate::Candidate;
use sluice_kernel::order::evidence::Evidence;
use sluice_kernel::projection::Stored;

use crate::access::{PAST_DUE_GRACE_S, RENEWAL_LEEWAY_S, Until, of_customer, of_stored};
use crate::{FEATURES_KEY, Kept, Subscription, Subscriptions};

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

fn play(events: &[Event]) -> Told<Kept> {
    stories::play::<Subscriptions>(events).expect("nothing is refused")
}

fn story(name: &str) -> Vec<Event> {
    stories::one(name, 3, ApiVersion::V2025_09_30)
}

/// The only subscription of a story.
fn only(told: &Told<Kept>) -> &Subscription {
    let mut kept = told.states.values();
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
    subscription.current_period_start = Some(1_000_000 - 30 * DAY_S);
    subscription.current_period_end = Some(1_000_000);
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
        assert!(projected.owner.is_some(), "{name}");
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
fn every_story_is_told_alike_in_every_order_and_api_version() {
    let kinds = stories::alike_in_every_version::<Subscriptions>();
    let every = ["Access", "TrialEnding"];
    assert!(kinds.iter().eq(every), "{kinds:?}");
}

#[test]
fn access_is_granted_when_it_becomes_active_and_revoked_when_it_ends() {
    let created = subscription(&sample("customer.subscription.created"));
    let active = subscription(&sample("customer.subscription.updated"));
    let ended = subscription(&sample("customer.subscription.deleted"));
    assert_eq!(
        (&*created.status, &*active.status),
        ("incomplete", "active")
    );
    let granted = levels(Some(&created), &active);
    assert_eq!(
        granted[0].data["products"].as_array().map(Vec::len),
        Some(1)
    );
    let end = active.current_period_end.expect("a period");
    assert_eq!(granted[0].until, Some(end + RENEWAL_LEEWAY_S));
    let revoked = levels(Some(&active), &ended);
    assert_eq!(
        (&revoked[0].data["products"], revoked[0].until),
        (&json!([]), None)
    );
    assert_eq!(levels(Some(&active), &active), []);
    assert_eq!(granted[0].key, revoked[0].key);
}

#[test]
fn an_update_after_the_deletion_and_an_incomplete_after_the_activation_change_nothing() {
    let mut events = story("Subscription");
    let told = play(&events);
    assert_eq!(only(&told).status, "canceled");
    // The deletion first, the creation last.
    events.sort_by_key(|event| match &*event.kind {
        "customer.subscription.deleted" => 0,
        "customer.subscription.created" => 2,
        _ => 1,
    });
    let late = play(&events);
    assert_eq!(late.states, told.states);
    assert_eq!(late.last_levels(), told.last_levels());

    let mut recovered = story("RenewalRecovered");
    recovered.sort_by_key(|event| event.kind == "customer.subscription.created");
    let told = play(&recovered);
    assert_eq!(only(&told).status, "active");
}

#[test]
fn a_trials_end_is_told_once_also_after_the_cancelation_which_stands() {
    let mut events = story("TrialCanceled");
    events.sort_by_key(|event| event.kind == "customer.subscription.trial_will_end");
    let last = events.last().expect("the notice").clone();
    assert_eq!(last.kind, "customer.subscription.trial_will_end");
    events.push(last.clone());
    let told = play(&events);
    assert_eq!(only(&told).status, "canceled");
    assert_eq!(told.count("TrialEnding"), 1);

    // A trial that is prolonged ends anew.
    let mut prolonged = last;
    prolonged.object["trial_end"] = json!(1_900_000_000);
    events.push(prolonged);
    assert_eq!(play(&events).count("TrialEnding"), 2);
}

#[test]
fn a_failed_renewal_keeps_access_for_the_grace_period_and_no_longer() {
    let events = story("RenewalRecovered");
    let past_due = events
        .iter()
        .find(|event| event.object["status"] == "past_due");
    let past_due = subscription(past_due.expect("it was"));
    let start = past_due.current_period_start.expect("a period");
    let level = &levels(None, &past_due)[0];
    assert_eq!(level.until, Some(start + PAST_DUE_GRACE_S));
    assert_eq!(level.data["products"].as_array().map(Vec::len), Some(1));

    let mut sent = past_due.clone();
    sent.days_until_due = Some(10);
    assert_eq!(
        levels(None, &sent)[0].until,
        Some(start + 10 * DAY_S + PAST_DUE_GRACE_S)
    );
    sent.days_until_due = Some(60);
    assert_eq!(levels(None, &sent)[0].until, past_due.current_period_end);

    let recovered = play(&events);
    let end = only(&recovered).current_period_end.expect("a period");
    let until = recovered
        .last_levels()
        .values()
        .map(|(_, until)| (*until).clone())
        .max_by_key(Value::as_i64);
    assert_eq!(until, Some(json!(end + RENEWAL_LEEWAY_S)));
}

#[test]
fn what_is_announced_to_end_ends_then_and_without_leeway() {
    let mut ending = of("sub_1", "prod_1", "active");
    ending.cancel_at_period_end = true;
    assert_eq!(levels(None, &ending)[0].until, Some(1_000_000));
    ending.cancel_at = Some(999_000);
    assert_eq!(levels(None, &ending)[0].until, Some(999_000));
    let mut endless = of("sub_1", "prod_1", "active");
    endless.current_period_end = None;
    assert_eq!(levels(None, &endless)[0].until, None);
}

#[test]
fn a_customers_access_is_the_sum_of_their_subscriptions_until_the_later_end() {
    let team = of("sub_1", "prod_team", "active");
    let mut longer = of("sub_2", "prod_team", "active");
    longer.current_period_end = Some(2_000_000);
    let unpaid = of("sub_3", "prod_other", "unpaid");
    let kept: Vec<_> = [team, longer, unpaid].map(Kept::Subscription).into();
    let access = of_customer(&kept, 900_000);
    let until = Until::Second(2_000_000 + RENEWAL_LEEWAY_S);
    assert_eq!(access.until("prod_team"), Some(until));
    assert_eq!(access.until("prod_other"), None);
    let backwards = of_customer(kept.iter().rev(), 900_000);
    assert_eq!(access, backwards);
    assert_eq!(of_customer(&kept, 3_000_000).until("prod_team"), None);
    assert_eq!(
        of_customer(&kept, 2_000_000 + RENEWAL_LEEWAY_S).until("prod_team"),
        None
    );
}

#[test]
fn entitled_features_end_with_the_last_subscription_and_stand_alone_where_none_is_known() {
    let team = Kept::Subscription(of("sub_1", "prod_team", "active"));
    let entitled = summary(&["export", "api"]);
    let both = of_customer([&entitled, &team], 900_000);
    assert_eq!(
        both.until("export"),
        Some(Until::Second(1_000_000 + RENEWAL_LEEWAY_S))
    );
    assert_eq!(
        of_customer([&entitled, &team], 2_000_000).until("export"),
        None
    );
    assert_eq!(
        of_customer([&entitled], 2_000_000).until("api"),
        Some(Until::Open)
    );
    assert_eq!(
        of_customer([&summary(&[]), &team], 900_000).until("export"),
        None
    );
}

#[test]
fn features_that_a_price_lists_are_given_with_its_subscription() {
    let mut event = sample("customer.subscription.updated");
    event.object["items"]["data"][0]["price"]["metadata"] =
        json!({ FEATURES_KEY: "api, export,," });
    let subscription = subscription(&event);
    assert_eq!(subscription.items[0].features, ["api", "export"]);
    assert_eq!(
        levels(None, &subscription)[0].data["features"],
        json!(["api", "export"])
    );
    let kept = Kept::Subscription(subscription);
    assert!(
        of_customer([&kept], event.created)
            .until("export")
            .is_some()
    );
}

#[test]
fn a_deleted_customer_has_nothing_however_it_is_told() {
    let told = project(&sample("customer.deleted"));
    let mut fetched = sample("customer.updated");
    fetched.object = json!({ "id": told.object, "object": "customer", "deleted": true });
    assert_eq!(told, project(&fetched));
    assert!(told.terminal);
    assert_eq!(told.owner, Some(told.object));
    let team = Kept::Subscription(of("sub_1", "prod_team", "active"));
    assert!(of_customer([&team, &told.state], 900_000).uses.is_empty());
}

#[test]
fn a_subscription_that_is_gone_takes_its_access_back_from_the_customer_who_had_it() {
    let active = sample("customer.subscription.updated");
    let mut gone = active.clone();
    gone.object = json!({ "id": active.object["id"], "object": "subscription", "deleted": true });
    let (before, after) = (project(&active), project(&gone));
    assert_eq!((before.object, after.terminal), (after.object, true));
    let levels = Subscriptions::levels(Some(&before.state), &after.state, &Default::default());
    assert_eq!(levels[0].data["customer"], active.object["customer"]);
    assert_eq!(levels[0].data["products"], json!([]));
    assert_eq!(
        Subscriptions::levels(None, &after.state, &Default::default()),
        []
    );

    let kind = "entitlements.active_entitlement_summary";
    gone.object = json!({ "id": "cus_1", "object": kind, "deleted": true });
    let after = project(&gone);
    assert_eq!(after.object, "entitlements:cus_1");
    let levels = Subscriptions::levels(Some(&summary(&["api"])), &after.state, &Default::default());
    assert_eq!(
        (&*levels[0].key, &levels[0].data["features"]),
        ("entitlements:cus_1", &json!([]))
    );
}

#[test]
fn a_summary_of_entitlements_is_kept_by_its_customer_and_told_as_access() {
    let told = play(&story("Subscription"));
    let key = told
        .states
        .keys()
        .find(|key| key.contains("#entitlements:cus_"));
    assert!(key.is_some(), "{:?}", told.states.keys());
    let data = told.levels.iter().map(|level| &level.detail["data"]);
    let entitled = data.filter(|data| data["status"] == "entitled");
    let features: Vec<_> = entitled.map(|data| data["features"].clone()).collect();
    assert_eq!(features, [json!(["team"]), json!(["business"]), json!([])]);
}

#[test]
fn a_quantity_that_changes_twice_in_a_second_ends_at_the_last_in_any_order() {
    let events = story("BusySecond");
    let told = play(&events);
    let last = events
        .iter()
        .rfind(|event| event.object["object"] == "subscription");
    assert_eq!(*only(&told), subscription(last.expect("an update")));
}

#[test]
fn discounts_and_schedules_are_kept() {
    let discount = json!({ "id": "di_1", "object": "discount", "customer": "cus_1", "subscription": null,
        "source": { "coupon": "c", "type": "coupon" }, "end": 5 });
    let event = build::event("evt_1", "customer.discount.created", 1, discount.clone());
    let newest = project(&event);
    assert!(!newest.terminal && newest.owner.is_none());
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
        (fault.code, fault.cause.as_str()),
        ("object.field_missing", "no id at customer")
    );
    let mut stranger = event;
    stranger.object["object"] = json!("galaxy");
    let fault = Subscriptions::project(&stranger).expect_err("rejected");
    assert_eq!(fault.code, "subscriptions.unknown_object");
}

#[test]
fn items_are_read_as_they_are_stored_now_and_as_the_first_version_stored_them() {
    let event = sample("customer.subscription.updated");
    let candidate = Candidate::of_event::<Subscriptions>(&event, project(&event));
    let now = json!({ "schema": 2, "history": [event.id], "members": [], "second": 1,
        "state": Evidence::of(candidate).head().state() });
    let old = json!({ "schema": 1, "history": [], "evidence": { "terminal": false, "created": 1, "event": "evt_1" },
        "state": { "id": "sub_1", "customer": "cus_1", "status": "active", "cancel_at_period_end": false,
            "items": [{ "price": "price_1", "product": "prod_1" }], "current_period_end": event.created + 1 } });
    let stored = |document: Value| Stored {
        version: 1,
        document: document.to_string(),
    };
    let items = [stored(now), stored(old)];
    let access = of_stored(&items, event.created).expect("readable");
    assert_eq!(access.uses.len(), 2);
    assert!(access.until("prod_1").is_some());
    let foreign = stored(json!({ "state": { "object": "galaxy" } }));
    let fault = of_stored([&foreign], 1).expect_err("unreadable");
    assert_eq!(fault.code, "projection.unreadable");
}

#[test]
fn a_subscription_of_the_first_version_reads_as_one_of_this_and_gives_the_same() {
    let old = json!({ "id": "sub_1", "customer": "cus_1", "status": "active", "cancel_at_period_end": false,
        "items": [{ "price": "price_1", "product": "prod_1" }], "current_period_end": 1_000_000 });
    let read: Kept = serde_json::from_value(old).expect("readable");
    assert!(matches!(read, Kept::Untagged(_)));
    assert!(of_customer([&read], 900_000).until("prod_1").is_some());
    assert_eq!(
        Subscriptions::levels(None, &read, &Default::default())[0].key,
        "sub_1"
    );
}

#[test]
fn a_paused_subscription_gives_nothing_until_it_is_resumed_and_one_that_is_not_collected_gives_all()
{
    let products = |name: &str| -> Vec<usize> {
        let told = play(&story(name));
        let levels = told.levels.iter();
        let of_subscription = levels.filter(|level| {
            let key = level.detail["key"].as_str().expect("a key");
            key.contains("#sub_")
        });
        of_subscription
            .map(|level| {
                level.detail["data"]["products"]
                    .as_array()
                    .map_or(0, Vec::len)
            })
            .collect()
    };
    let paused = products("PausedAndResumed");
    assert!(paused.contains(&0), "{paused:?}");
    assert_eq!((paused.first(), paused.last()), (Some(&1), Some(&1)));
    // What nobody pays for a while was agreed on; it is served as before.
    assert_eq!(products("CollectionPaused").last(), Some(&1));
}

#[test]
fn an_upgrade_gives_its_product_when_it_is_paid_for_and_not_before() {
    let product = |name: &str| {
        let told = play(&story(name));
        only(&told).items[0].product.clone()
    };
    let first = |name: &str| {
        let events = story(name);
        let created = events
            .iter()
            .find(|event| event.kind == "customer.subscription.created");
        subscription(created.expect("it was created")).items[0]
            .product
            .clone()
    };
    assert_ne!(
        product("PendingUpdateApplied"),
        first("PendingUpdateApplied")
    );
    assert_eq!(
        product("PendingUpdateExpired"),
        first("PendingUpdateExpired")
    );
}

#[test]
fn a_schedule_ends_as_stripe_says_and_leaves_its_subscription_where_that_goes_on() {
    for (name, status, goes_on) in [
        ("ScheduleCompleted", "completed", Some("canceled")),
        ("ScheduleReleased", "released", Some("active")),
        ("ScheduleCanceled", "canceled", None),
        ("ScheduleAborted", "canceled", Some("canceled")),
    ] {
        let told = play(&story(name));
        let schedules: Vec<_> = told
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
            assert_eq!(only(&told).status, goes_on, "{name}");
        }
    }
}
