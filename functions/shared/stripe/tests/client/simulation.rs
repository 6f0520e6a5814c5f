//! Tests against a simulated Stripe that knows the truth.

use std::collections::BTreeSet;

use sluice_kernel::consumer::fetch::{Fetch, Fetched, Proof};
use sluice_kernel::event::{Event, Scope as Whose};
use sluice_kernel::fault::Class;
use sluice_stripe_sim::api::{ApiKey, Terms};
use sluice_stripe_sim::server::{Refusal, Server};
use sluice_stripe_sim::world::OWN_ACCOUNT;
use sluice_stripe_sim::{ApiVersion, Key, Moment, Occurrence, Options, Scope, Story, World};

use crate::{LIVE, TEST, budget, client, client_with, code, fetch, keys, of, runtime};

pub(crate) fn serve(world: World) -> Server {
    Server::start(world, Terms::default(), 0).expect("a free port")
}

fn played(story: Story) -> Server {
    let mut world = World::new(3, Options::default());
    world.play(story, &Scope::platform(true));
    serve(world)
}

/// The consumer's event of an occurrence.
fn event(world: &World, occurrence: &Occurrence, version: ApiVersion) -> Event {
    let shown = world.event(occurrence, version);
    let Scope { account, livemode } = occurrence.object.scope.clone();
    Event {
        id: occurrence.id.clone(),
        kind: occurrence.kind.clone(),
        scope: Whose { account, livemode },
        created: occurrence.created,
        api_version: Some(version.name().to_owned()),
        request: None,
        object: shown["data"]["object"].clone(),
        previous_attributes: shown["data"].get("previous_attributes").cloned(),
    }
}

/// The object of each event of the world, once, at this version, with its key.
fn requests(world: &World, version: ApiVersion) -> Vec<(Key, Fetch)> {
    let mut seen = BTreeSet::new();
    let objects = world.events().iter().rev();
    let new = objects.filter(|occurrence| seen.insert(occurrence.object.clone()));
    new.map(|occurrence| {
        let event = event(world, occurrence, version);
        let request = Fetch::of_snapshot(&event).expect("it says what it is");
        let mut key = occurrence.object.clone();
        // For an application, the request is for the account that connects to it.
        if request.kind == "account" {
            key.id = request.id.clone().unwrap_or_default();
        }
        (key, request)
    })
    .collect()
}

fn request(server: &Server, kind: &str) -> Fetch {
    let requests = requests(&server.world(), ApiVersion::V2024_06_20);
    let mut of_kind = requests
        .into_iter()
        .filter(|(_, request)| request.kind == kind);
    of_kind.next().expect("one of the kind").1
}

/// The same request for an object that never existed.
fn gone(request: Fetch) -> Fetch {
    Fetch {
        id: Some("none_1".to_owned()),
        ..request
    }
}

#[test]
fn every_object_that_an_event_names_is_found_as_it_is_in_the_events_version() {
    let mut world = World::new(1, Options::default());
    let mut scopes = vec![Scope::platform(true), Scope::platform(false)];
    scopes.push(world.connect(true));
    for story in Story::ALL {
        for scope in &scopes {
            world.play(story, scope);
        }
    }
    // Events never expire here, so that every deletion can be proven, at any age.
    let terms = Terms {
        events_kept_s: None,
        ..Terms::default()
    };
    let server = Server::start(world, terms, 0).expect("a free port");
    let client = client(&server.url());
    let mut kinds = BTreeSet::new();
    let mut larger = 0;
    for version in [ApiVersion::V2020_08_27, ApiVersion::V2025_09_30] {
        let world = server.world();
        let requests = requests(&world, version);
        let end = world.end();
        let truth = |key: &Key| {
            let truth = world.object_at(key, version, Moment::End).expect("it was");
            let whole = world.whole_at(key, version, Moment::End).expect("it was");
            (truth, whole, world.is_deleted(key, Moment::End))
        };
        let expected: Vec<_> = requests.iter().map(|(key, _)| truth(key)).collect();
        drop(world);
        for ((_, request), (truth, whole_truth, deleted)) in requests.iter().zip(expected) {
            kinds.insert(request.kind.clone());
            match fetch(&client, request).expect("an answer") {
                Fetched::Found {
                    object,
                    whole,
                    api_version,
                    date_s,
                    took_ms,
                } if !deleted => {
                    // The list of entitlements has a URL that its summary hasn't.
                    let comparable = |mut object: serde_json::Value| {
                        if let Some(list) = object.get_mut("entitlements") {
                            list["url"].take();
                        }
                        object
                    };
                    larger += usize::from(whole.is_some());
                    let whole = whole.unwrap_or_else(|| object.clone());
                    assert_eq!(comparable(object), comparable(truth));
                    assert_eq!(comparable(whole), comparable(whole_truth));
                    assert_eq!(api_version.as_deref(), Some(version.name()));
                    assert_eq!(date_s, end);
                    assert!(took_ms < 4_000);
                }
                Fetched::Deleted { .. } if deleted => {}
                // Stripe serves neither kind by its id.
                Fetched::NoPath if ["application", "discount"].contains(&&*request.kind) => {}
                other => panic!("{request:?}: {other:?}"),
            }
        }
    }
    assert!(kinds.len() > 15, "{kinds:?}");
    assert!(
        larger > 10,
        "{larger} objects are more than their events show"
    );
}

#[test]
fn a_charge_is_found_with_all_of_its_refunds_beside_what_an_event_shows_of_it() {
    let server = played(Story::TwoEqualRefunds);
    let found = fetch(&client(&server.url()), &request(&server, "charge")).expect("found");
    let Fetched::Found { object, whole, .. } = found else {
        panic!("{found:?}")
    };
    assert!(object.get("refunds").is_none());
    let refunds = whole.expect("more than an event shows")["refunds"].take();
    assert_eq!(refunds["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(refunds["has_more"], false);
}

#[test]
fn without_a_version_the_accounts_own_is_answered_and_named() {
    let server = played(Story::Purchase);
    let request = Fetch {
        api_version: None,
        ..request(&server, "charge")
    };
    let fetched = fetch(&client(&server.url()), &request).expect("found");
    let Fetched::Found { api_version, .. } = fetched else {
        panic!("{fetched:?}")
    };
    assert_eq!(api_version.as_deref(), Some("2025-09-30.clover"));
}

#[test]
fn equal_ids_in_three_accounts_are_three_objects() {
    let mut world = World::new(1, Options::default());
    let scopes = [
        world.connect(true),
        world.connect(true),
        world.connect(true),
    ];
    let made = world.play_alike(Story::PayoutPaid, &scopes);
    let payout = made[0].iter().find(|key| key.id.starts_with("po_"));
    let id = payout.expect("a payout").id.clone();
    // One of them continues.
    let server = serve(world);
    let client = client(&server.url());
    for scope in &scopes {
        let mut request = of("payout", &id);
        request.scope.account.clone_from(&scope.account);
        let fetched = fetch(&client, &request).expect("an answer");
        let Fetched::Found { object, .. } = fetched else {
            panic!("{fetched:?}")
        };
        let account = scope.account.as_deref();
        assert_eq!(server.world().object(account, true, &id), Some(object));
    }
    let accounts: Vec<_> = { server.take_asked().into_iter() }
        .map(|asked| asked.account)
        .collect();
    assert_eq!(accounts, scopes.map(|scope| scope.account));
}

#[test]
fn a_customer_that_was_deleted_is_shown_as_deleted() {
    let server = played(Story::CustomerDeleted);
    let request = request(&server, "customer");
    let fetched = fetch(&client(&server.url()), &request).expect("an answer");
    let Fetched::Deleted {
        object: Some(object),
        date_s,
        ..
    } = fetched
    else {
        panic!("{fetched:?}")
    };
    assert_eq!(object["deleted"], true);
    assert_eq!(date_s, server.world().end());
    assert_eq!(server.take_asked().len(), 1);
}

#[test]
fn what_is_missing_is_deleted_where_the_same_key_is_shown_the_event() {
    let server = played(Story::Purchase);
    let request = gone(request(&server, "charge"));
    let fetched = fetch(&client(&server.url()), &request).expect("proven");
    let Fetched::Deleted {
        object: None,
        date_s,
        ..
    } = fetched
    else {
        panic!("{fetched:?}")
    };
    assert_eq!(date_s, server.world().end());
    let targets: Vec<_> = { server.take_asked().into_iter() }
        .map(|asked| (asked.target, asked.status))
        .collect();
    let Some(Proof::Snapshot(event)) = &request.proof else {
        panic!("a proof")
    };
    assert_eq!(
        targets,
        [
            ("/v1/charges/none_1?expand%5B%5D=refunds".to_owned(), 404),
            (format!("/v1/events/{event}"), 200)
        ]
    );
}

#[test]
fn what_is_missing_is_not_deleted_without_an_event_or_with_one_that_is_too_old_or_unknown() {
    let server = played(Story::Purchase);
    let request = gone(request(&server, "charge"));
    let client = client(&server.url());
    for proof in [None, Some(Proof::Snapshot("evt_none".to_owned()))] {
        let unproven = Fetch {
            proof,
            ..request.clone()
        };
        let result = code(fetch(&client, &unproven));
        assert_eq!(result, (Class::Retry, "stripe.deletion_unproven"));
    }
    let later = server.world().end() + 31 * 86_400;
    server.set_now(Some(later));
    let result = code(fetch(&client, &request));
    assert_eq!(result, (Class::Retry, "stripe.deletion_unproven"));
}

#[test]
fn a_key_of_the_wrong_mode_is_never_sent_so_its_404_is_no_deletion() {
    let server = played(Story::Purchase);
    let client = client_with(&server.url(), keys(Some(TEST), None), |_| {});
    let result = code(fetch(&client, &request(&server, "charge")));
    assert_eq!(result, (Class::Retry, "stripe.key_wrong_mode"));
    assert!(server.take_asked().is_empty());
}

#[test]
fn a_404_from_a_key_of_another_account_or_mode_that_looks_right_is_no_deletion() {
    let mut world = World::new(3, Options::default());
    world.play(Story::Purchase, &Scope::platform(true));
    // The key's text says live, and it opens a mode that doesn't have the charge.
    let elsewhere = ApiKey {
        text: LIVE.to_owned(),
        livemode: false,
    };
    let terms = Terms {
        keys: vec![elsewhere],
        ..Terms::default()
    };
    let server = Server::start(world, terms, 0).expect("a free port");
    let result = code(fetch(&client(&server.url()), &request(&server, "charge")));
    assert_eq!(result, (Class::Retry, "stripe.deletion_unproven"));
}

#[test]
fn an_account_that_cannot_be_reached_is_no_deletion() {
    let server = played(Story::Purchase);
    let client = client(&server.url());
    let mut charge = request(&server, "charge");
    charge.scope.account = Some("acct_gone".to_owned());
    let mut context = charge.clone();
    context.context = Some("org_1/acct_gone".to_owned());
    for request in [charge, context] {
        let result = code(fetch(&client, &request));
        assert_eq!(result, (Class::Retry, "stripe.account_unreachable"));
    }
}

#[test]
fn a_429_is_a_fault_with_stripes_delay_and_nothing_more_is_asked_until_then() {
    let server = played(Story::Purchase);
    let client = client(&server.url());
    let request = request(&server, "charge");
    server.refuse_next(1, &Refusal::rate_limited(3, "endpoint-rate"));
    let fault = fetch(&client, &request).expect_err("a 429");
    assert_eq!(
        (fault.class, fault.code.as_str()),
        (Class::Retry, "stripe.rate_limited")
    );
    assert_eq!(fault.after_ms, Some(3_000));
    assert!(
        fault
            .cause
            .contains("stripe-rate-limited-reason endpoint-rate"),
        "{fault}"
    );
    let fetched = fetch(&client, &request).expect("an answer");
    let Fetched::Spent { wait_ms } = fetched else {
        panic!("{fetched:?}")
    };
    assert!((1..=3_000).contains(&wait_ms), "{wait_ms}");
    assert_eq!(server.take_asked().len(), 1);
}

#[test]
fn stripes_own_faults_may_be_asked_again_at_once() {
    let server = played(Story::Purchase);
    let client = client(&server.url());
    let request = request(&server, "charge");
    for status in [500, 502, 503, 409] {
        server.refuse_next(1, &Refusal::broken(status));
        let fault = fetch(&client, &request).expect_err("Stripe's fault");
        assert_eq!(
            (fault.class, fault.code.as_str()),
            (Class::Retry, "stripe.unavailable")
        );
        assert_eq!(fault.after_ms, None);
    }
    assert!(matches!(
        fetch(&client, &request),
        Ok(Fetched::Found { .. })
    ));
}

#[test]
fn a_refused_key_waits_for_an_operator_who_may_replace_it() {
    let server = played(Story::Purchase);
    let client = client_with(&server.url(), keys(Some("sk_live_revoked"), None), |_| {});
    let request = request(&server, "charge");
    let fault = fetch(&client, &request).expect_err("unknown to Stripe");
    assert_eq!(
        (fault.class, fault.code.as_str()),
        (Class::Retry, "stripe.key_refused")
    );
    assert!(!fault.cause.contains("revoked"), "{fault}");
    client.set_keys(keys(Some(LIVE), None));
    assert!(matches!(
        fetch(&client, &request),
        Ok(Fetched::Found { .. })
    ));
}

#[test]
fn a_version_that_stripe_does_not_know_is_rejected() {
    let server = played(Story::Purchase);
    let unknown = Fetch {
        api_version: Some("2011-01-01".to_owned()),
        ..request(&server, "charge")
    };
    let result = code(fetch(&client(&server.url()), &unknown));
    assert_eq!(result, (Class::Reject, "stripe.request_refused"));
}

#[test]
fn without_a_key_a_path_or_a_token_nothing_is_asked() {
    let server = played(Story::Purchase);
    let charge = request(&server, "charge");
    let only_test = client_with(&server.url(), keys(Some(" "), Some(TEST)), |_| {});
    assert_eq!(fetch(&only_test, &charge), Ok(Fetched::NoKey));
    let client = client_with(&server.url(), keys(Some(LIVE), None), |settings| {
        settings.budget = budget(1, 60);
    });
    assert_eq!(fetch(&client, &of("discount", "di_1")), Ok(Fetched::NoPath));
    assert!(server.take_asked().is_empty());
    for _ in 0..2 {
        assert!(matches!(fetch(&client, &charge), Ok(Fetched::Found { .. })));
    }
    let fetched = fetch(&client, &charge).expect("an answer");
    let Fetched::Spent { wait_ms } = fetched else {
        panic!("{fetched:?}")
    };
    assert!((30_000..=60_000).contains(&wait_ms), "{wait_ms}");
    assert_eq!(server.take_asked().len(), 2);
}

#[test]
fn the_account_that_a_key_belongs_to_says_its_id() {
    let server = serve(World::new(5, Options::default()));
    let client = client(&server.url());
    for livemode in [true, false] {
        let own = runtime().block_on(client.own_account(livemode));
        assert_eq!(own, Ok(Some(OWN_ACCOUNT.to_owned())));
    }
}
