//! What subscriptions give, and what that adds up to for a customer.

use serde_json::{Value, json};
use sluice_effects::check;
use sluice_harness::samples::sample;
use sluice_kernel::consumer::projection::Stored;
use sluice_kernel::domain::Domain;

use super::{DAY_S, levels, of, only, play, project, story, subscription, summary};
use crate::access::{RENEWAL_LEEWAY_S, given};
use crate::customer::{Until, of_customer, of_stored};
use crate::{
    FEATURES_KEY, Item, Kept, LatestInvoice, PausedCollection, Settings, Subscription,
    Subscriptions,
};

/// The period of [`of`] begins in this second, and ends at 1,000,000.
const START: i64 = 1_000_000 - 30 * DAY_S;

/// The end of the first product that it gives, and whether that is assumed.
fn end_of(subscription: &Subscription, settings: &Settings) -> (Option<i64>, bool) {
    let given = given(&Kept::Subscription(subscription.clone()), settings).expect("it gives");
    (
        given.products.first().and_then(|one| one.until),
        given.assumed,
    )
}

fn invoice(reason: &str, created: i64, paid: bool) -> Option<LatestInvoice> {
    Some(LatestInvoice {
        reason: reason.to_owned(),
        created,
        paid,
    })
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
    let end = active.items[0].end.expect("a period");
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
fn what_is_announced_to_end_ends_then_and_without_leeway() {
    let mut ending = of("sub_1", "prod_1", "active");
    ending.cancel_at_period_end = true;
    assert_eq!(levels(None, &ending)[0].until, Some(1_000_000));
    ending.cancel_at = Some(999_000);
    assert_eq!(levels(None, &ending)[0].until, Some(999_000));
    let mut endless = of("sub_1", "prod_1", "active");
    endless.items[0].end = None;
    assert_eq!(levels(None, &endless)[0].until, None);
}

#[test]
fn a_customers_access_is_the_sum_of_their_subscriptions_until_the_later_end() {
    let team = of("sub_1", "prod_team", "active");
    let mut longer = of("sub_2", "prod_team", "active");
    longer.items[0].end = Some(2_000_000);
    let unpaid = of("sub_3", "prod_other", "unpaid");
    let kept: Vec<_> = [team, longer, unpaid].map(Kept::Subscription).into();
    let access = of_customer(&kept, &Settings::default(), 900_000);
    let until = Until::Second(2_000_000 + RENEWAL_LEEWAY_S);
    assert_eq!(access.until("prod_team"), Some(until));
    assert_eq!(access.until("prod_other"), None);
    let backwards = of_customer(kept.iter().rev(), &Settings::default(), 900_000);
    assert_eq!(access, backwards);
    assert_eq!(
        of_customer(&kept, &Settings::default(), 3_000_000).until("prod_team"),
        None
    );
    assert_eq!(
        of_customer(&kept, &Settings::default(), 2_000_000 + RENEWAL_LEEWAY_S).until("prod_team"),
        None
    );
}

#[test]
fn entitled_features_end_with_the_last_subscription_and_stand_alone_where_none_is_known() {
    let team = Kept::Subscription(of("sub_1", "prod_team", "active"));
    let entitled = summary(&["export", "api"]);
    let both = of_customer([&entitled, &team], &Settings::default(), 900_000);
    assert_eq!(
        both.until("export"),
        Some(Until::Second(1_000_000 + RENEWAL_LEEWAY_S))
    );
    assert_eq!(
        of_customer([&entitled, &team], &Settings::default(), 2_000_000).until("export"),
        None
    );
    assert_eq!(
        of_customer([&entitled], &Settings::default(), 2_000_000).until("api"),
        Some(Until::Open)
    );
    assert_eq!(
        of_customer([&summary(&[]), &team], &Settings::default(), 900_000).until("export"),
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
    let end = subscription.items[0].end.expect("a period") + RENEWAL_LEEWAY_S;
    assert_eq!(
        levels(None, &subscription)[0].data["features"],
        json!([{ "feature": "api", "until": end }, { "feature": "export", "until": end }])
    );
    let kept = Kept::Subscription(subscription);
    assert!(
        of_customer([&kept], &Settings::default(), event.created)
            .until("export")
            .is_some()
    );
}

#[test]
fn a_deleted_customer_has_nothing_in_whichever_form_it_comes() {
    let projected = project(&sample("customer.deleted"));
    let mut fetched = sample("customer.updated");
    fetched.object = json!({ "id": projected.object, "object": "customer", "deleted": true });
    assert_eq!(projected, project(&fetched));
    assert!(projected.terminal);
    assert_eq!(
        Subscriptions::owner(&projected.state),
        Some(projected.object)
    );
    let team = Kept::Subscription(of("sub_1", "prod_team", "active"));
    assert!(
        of_customer([&team, &projected.state], &Settings::default(), 900_000)
            .uses
            .is_empty()
    );
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
fn a_summary_of_entitlements_is_kept_by_its_customer_and_emitted_as_access() {
    let played = play(&story("Subscription"));
    let key = played
        .states
        .keys()
        .find(|key| key.contains("#entitlements:cus_"));
    assert!(key.is_some(), "{:?}", played.states.keys());
    let data = played.levels.iter().map(|level| &level.detail["data"]);
    let entitled = data.filter(|data| data["status"] == "entitled");
    let features: Vec<_> = entitled.map(|data| data["features"].clone()).collect();
    let named = |name: &str| json!([{ "feature": name, "until": null }]);
    assert_eq!(features, [named("team"), named("business"), json!([])]);
}

#[test]
fn a_paused_subscription_gives_nothing_until_it_is_resumed_and_one_that_is_not_collected_gives_all()
{
    let products = |name: &str| -> Vec<usize> {
        let played = play(&story(name));
        let levels = played.levels.iter();
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
    // A pause of payments was agreed on; access continues as before.
    assert_eq!(products("CollectionPaused").last(), Some(&1));
}

#[test]
fn an_upgrade_gives_its_product_when_it_is_paid_for_and_not_before() {
    let product = |name: &str| {
        let played = play(&story(name));
        only(&played).items[0].product.clone()
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
fn a_failed_renewal_keeps_access_for_the_grace_and_no_longer_than_its_period() {
    let mut renewal = of("sub_1", "prod_1", "past_due");
    renewal.invoice = invoice("subscription_cycle", START + 5, false);
    let settings = Settings::default();
    assert_eq!(
        end_of(&renewal, &settings),
        (Some(START + 14 * DAY_S), false)
    );
    let short = Settings {
        grace_days: 3,
        ..settings.clone()
    };
    assert_eq!(end_of(&renewal, &short).0, Some(START + 3 * DAY_S));
    renewal.days_until_due = Some(10);
    assert_eq!(end_of(&renewal, &settings).0, Some(START + 24 * DAY_S));
    renewal.days_until_due = Some(60);
    assert_eq!(end_of(&renewal, &settings).0, Some(1_000_000));

    // Without the invoice: within the grace it counts as a renewal.
    renewal.days_until_due = None;
    renewal.invoice = None;
    renewal.seen = Some(START + 2 * DAY_S);
    assert_eq!(
        end_of(&renewal, &settings),
        (Some(START + 14 * DAY_S), false)
    );
}

#[test]
fn a_declined_upgrade_in_mid_period_ends_nothing_that_was_paid_for() {
    let settings = Settings::default();
    let mut upgrade = of("sub_1", "prod_1", "past_due");
    let middle = START + 20 * DAY_S;
    for (known, seen, assumed) in [
        (invoice("subscription_update", middle, false), None, false),
        // This early, a failed renewal may be behind it.
        (
            invoice("subscription_update", START + 2 * DAY_S, false),
            None,
            true,
        ),
        (None, Some(middle), true),
    ] {
        upgrade.invoice = known;
        upgrade.seen = seen;
        assert_eq!(end_of(&upgrade, &settings), (Some(1_000_000), assumed));
        assert_eq!(levels(None, &upgrade)[0].data["assumed"], assumed);
    }
    // If Stripe marks it unpaid after its retries, the invoice has to be known.
    let mut unpaid = of("sub_1", "prod_1", "unpaid");
    assert_eq!(end_of(&unpaid, &settings).0, None);
    unpaid.invoice = invoice("subscription_update", middle, false);
    assert_eq!(end_of(&unpaid, &settings), (Some(1_000_000), false));
    unpaid.invoice = invoice("subscription_cycle", START + 5, false);
    assert_eq!(end_of(&unpaid, &settings).0, None);
    // An upgrade that restarted the period has paid for nothing of it.
    upgrade.invoice = invoice("subscription_update", START, false);
    assert_eq!(end_of(&upgrade, &settings).0, Some(START + 14 * DAY_S));
}

#[test]
fn of_mixed_intervals_the_unpaid_renewal_ends_its_own_item_only() {
    let mut mixed = of("sub_1", "prod_year", "active");
    mixed.items[0].end = Some(START + 365 * DAY_S);
    mixed.items.push(Item {
        product: Some("prod_month".to_owned()),
        start: Some(START),
        end: Some(START + 30 * DAY_S),
        ..mixed.items[0].clone()
    });
    let ends = |subscription: &Subscription| -> Vec<_> {
        let given = given(
            &Kept::Subscription(subscription.clone()),
            &Settings::default(),
        );
        let products = given.expect("it gives").products.into_iter();
        products.map(|one| (one.product, one.until)).collect()
    };
    let pair = |product: &str, until: i64| (product.to_owned(), Some(until));
    assert_eq!(
        ends(&mixed),
        [
            pair("prod_month", START + 30 * DAY_S + RENEWAL_LEEWAY_S),
            pair("prod_year", START + 365 * DAY_S + RENEWAL_LEEWAY_S),
        ]
    );
    // Five months later the month isn't paid for.
    let month = START + 150 * DAY_S;
    (mixed.items[1].start, mixed.items[1].end) = (Some(month), Some(month + 30 * DAY_S));
    mixed.status = "past_due".to_owned();
    mixed.invoice = invoice("subscription_cycle", month + 9, false);
    assert_eq!(
        ends(&mixed),
        [
            pair("prod_month", month + 14 * DAY_S),
            pair("prod_year", START + 365 * DAY_S)
        ]
    );
    assert_eq!(levels(None, &mixed)[0].until, Some(START + 365 * DAY_S));
}

#[test]
fn no_seat_gives_nothing_and_a_change_of_seats_is_a_change_of_access() {
    let mut seats = of("sub_1", "prod_seat", "active");
    seats.items[0].quantity = Some(0);
    assert_eq!(levels(None, &seats)[0].data["products"], json!([]));
    let mut five = seats.clone();
    five.items[0].quantity = Some(5);
    let change = levels(Some(&seats), &five);
    assert_eq!(change[0].data["products"][0]["quantity"], 5);
    // Two lines of one product and period count as one.
    five.items.push(Item {
        quantity: Some(2),
        ..five.items[0].clone()
    });
    assert_eq!(levels(None, &five)[0].data["products"][0]["quantity"], 7);
    let access = of_customer([&Kept::Subscription(five)], &Settings::default(), START);
    assert_eq!(access.uses["prod_seat"].quantity, Some(7));
    // A metered price has no quantity, and gives its product.
    seats.items[0].quantity = None;
    assert_eq!(
        levels(None, &seats)[0].data["products"][0]["quantity"],
        Value::Null
    );
}

#[test]
fn a_paused_collection_shows_and_ends_access_with_the_paid_period_where_that_is_wanted() {
    let ends = Settings {
        paused_collection: PausedCollection::EndsAccess,
        ..Settings::default()
    };
    let mut paused = of("sub_1", "prod_1", "active");
    paused.collection_paused = Some("void".to_owned());
    paused.seen = Some(START + 9 * DAY_S);
    assert_eq!(levels(None, &paused)[0].data["collection_paused"], "void");
    let leeway = 1_000_000 + RENEWAL_LEEWAY_S;
    assert_eq!(end_of(&paused, &Settings::default()), (Some(leeway), false));
    assert_eq!(end_of(&paused, &ends), (Some(1_000_000), true));
    // The period that begins while it is paused isn't paid for.
    paused.seen = Some(START + 60);
    assert_eq!(end_of(&paused, &ends), (None, false));
    paused.seen = None;
    for (latest, until) in [
        (
            invoice("subscription_cycle", START + 30, true),
            Some(1_000_000),
        ),
        (invoice("subscription_cycle", START + 30, false), None),
        (invoice("manual", START + 9 * DAY_S, false), Some(1_000_000)),
    ] {
        paused.invoice = latest;
        assert_eq!(
            end_of(&paused, &ends),
            (until, false),
            "{:?}",
            paused.invoice
        );
    }
}

#[test]
fn what_decides_an_access_and_is_not_in_the_event_is_asked_for() {
    use sluice_kernel::domain::Lacks;
    let mut event = sample("customer.subscription.updated");
    event.object["latest_invoice"] = json!("in_1");
    assert_eq!(Subscriptions::lacks(&event), Lacks::Nothing);
    event.object["status"] = json!("past_due");
    assert_eq!(Subscriptions::lacks(&event), Lacks::State);
    assert_eq!(subscription(&event).seen, Some(event.created));
    event.object["latest_invoice"] = json!({ "id": "in_1", "object": "invoice", "created": 5,
        "billing_reason": "subscription_update", "status": "open" });
    assert_eq!(Subscriptions::lacks(&event), Lacks::Nothing);
    let read = subscription(&event);
    assert_eq!(
        (read.seen, read.invoice),
        (None, invoice("subscription_update", 5, false))
    );
    event.object["status"] = json!("active");
    assert_eq!(subscription(&event).invoice, None, "it decides nothing");
    event.object["items"]["has_more"] = json!(true);
    assert_eq!(Subscriptions::lacks(&event), Lacks::State);
    assert_eq!(levels(None, &subscription(&event))[0].data["partial"], true);
}

#[test]
fn an_access_is_stored_as_it_was_derived_and_read_without_arithmetic() {
    let state = Kept::Subscription(of("sub_1", "prod_1", "active"));
    let derived = Subscriptions::derived(&state, &Settings::default());
    let stored = |derived: &Option<Value>| Stored {
        version: 1,
        document: json!({ "schema": 2, "state": state, "derived": derived }).to_string(),
    };
    let access = of_stored(&[stored(&derived)], START).expect("readable");
    let computed = of_customer([&state], &Settings::default(), START);
    assert_eq!(access, computed);
    assert_eq!(
        access.until("prod_1"),
        Some(Until::Second(1_000_000 + RENEWAL_LEEWAY_S))
    );
    // The stored value counts, not what the state would give by now.
    let end = json!({ "products": [{ "product": "prod_1", "quantity": 1, "until": START + 1 }] });
    let access = of_stored(&[stored(&Some(end))], START).expect("readable");
    assert_eq!(access.until("prod_1"), Some(Until::Second(START + 1)));
    let foreign = Stored {
        version: 1,
        document: json!({ "state": { "object": "galaxy" } }).to_string(),
    };
    let fault = of_stored([&foreign], 1).expect_err("unreadable");
    assert_eq!(fault.code, "projection.unreadable");
}

#[test]
fn an_announced_end_of_a_trial_says_if_the_trial_is_over_by_now() {
    let mut trial = sample("customer.subscription.trial_will_end");
    let fact = Subscriptions::facts(&trial).expect("readable").remove(0);
    let overtaken = |event: &sluice_kernel::event::Event| {
        Subscriptions::overtaken(&fact, &project(event).state)
    };
    assert_eq!(overtaken(&trial), None);
    trial.object["status"] = json!("canceled");
    assert_eq!(overtaken(&trial).as_deref(), Some("canceled"));
    assert_eq!(
        Subscriptions::facts(&trial),
        Ok(Vec::new()),
        "a fetched one that is over announces nothing"
    );
    let story = story("TrialCanceled");
    let notice = story
        .iter()
        .find(|event| event.kind.ends_with("trial_will_end"));
    let end = story
        .iter()
        .find(|event| event.kind.ends_with("subscription.deleted"));
    let (notice, end) = (
        notice.expect("it is emitted").clone(),
        end.expect("it is emitted").clone(),
    );
    let played = play(&[end, notice]);
    let fact = played.facts.values().next().expect("the notice");
    assert_eq!(fact.detail["overtaken"]["status"], "canceled");
    check(fact).expect("by its schema");
}
