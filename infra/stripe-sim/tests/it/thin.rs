//! Thin events, changes with two events, and events that Stripe fails to generate.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_stripe_sim::api::{Answer, Request, Terms, answer};
use sluice_stripe_sim::delivery::{Endpoint, EventsFrom, Mix, Payload, plan};
use sluice_stripe_sim::world::{GENERATION_FAILURE, METER_ERRORS};
use sluice_stripe_sim::{ApiVersion, Options, Scope, Story, World};

use crate::{full_world, played};

fn get_with(world: &World, target: &str, headers: &[(&str, &str)]) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    let terms = Terms {
        events_kept_s: None,
        ..Terms::default()
    };
    answer(world, &terms, world.end(), &request)
}

/// Live, as API v2 wants it.
fn get(world: &World, target: &str) -> Answer {
    let headers = [
        ("authorization", "Bearer sk_live_Sluice"),
        ("stripe-version", "2025-11-17.clover"),
    ];
    get_with(world, target, &headers)
}

fn ids(list: &Value) -> Vec<String> {
    let data = list["data"].as_array().expect("a list").iter();
    data.map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// Every page, found by the URL of the next.
fn walk(world: &World, first: &str) -> Vec<String> {
    let (mut walked, mut target) = (Vec::new(), first.to_owned());
    loop {
        let page = get(world, &target);
        assert_eq!(page.status, 200, "{}", page.body);
        walked.extend(ids(&page.body));
        match page.body["next_page_url"].as_str() {
            Some(next) => next.clone_into(&mut target),
            None => return walked,
        }
    }
}

#[test]
fn every_event_has_a_thin_form_that_names_the_object_and_carries_nothing_of_it() {
    let world = full_world(1);
    let mut seen = BTreeSet::new();
    for event in world.events() {
        let thin = world.thin(event);
        assert_eq!(thin["object"], "v2.core.event");
        assert_eq!(thin["type"], format!("v1.{}", event.kind));
        assert_eq!(thin["livemode"], event.object.scope.livemode);
        let id = thin["id"].as_str().expect("an id").to_owned();
        let prefix = if event.object.scope.livemode {
            "evt_65"
        } else {
            "evt_test_65"
        };
        assert!(id.starts_with(prefix), "{id}");
        assert!(seen.insert(id), "unique");
        assert!(!world.events().iter().any(|other| thin["id"] == other.id));
        let context = thin.get("context").and_then(Value::as_str);
        assert_eq!(context, event.object.scope.account.as_deref());
        assert!(thin.get("data").is_none() && thin.get("snapshot_event").is_none());
        assert_eq!(world.thin_fetched(event)["snapshot_event"], event.id);
    }
}

#[test]
fn the_path_of_every_thin_event_leads_to_its_object() {
    let mut world = full_world(2);
    world.add_second_events(5);
    let mut followed = BTreeSet::new();
    for event in world.events() {
        let thin = world.thin(event);
        let Some(url) = thin["related_object"]["url"].as_str() else {
            // The application that an account has connected to has no path in the API.
            assert_eq!(world.kind(&event.object), Some("application"));
            continue;
        };
        if !followed.insert(event.object.clone()) {
            continue;
        }
        let key = if event.object.scope.livemode {
            "live"
        } else {
            "test"
        };
        let key = format!("Bearer sk_{key}_Sluice");
        let mut headers = vec![("authorization", key.as_str())];
        headers.extend(
            thin.get("context")
                .and_then(Value::as_str)
                .map(|it| ("stripe-context", it)),
        );
        let served = get_with(&world, url, &headers);
        let end = sluice_stripe_sim::Moment::End;
        if world.is_deleted(&event.object, end) {
            let gone = served.status == 404 || served.body["deleted"] == true;
            assert!(gone, "{url}");
        } else if served.body["object"] != "list" {
            let truth = world.object_at(&event.object, ApiVersion::V2025_09_30, end);
            assert_eq!(Some(served.body), truth, "{url}");
        }
    }
    assert!(followed.len() > 100);
}

#[test]
fn the_list_of_thin_events_is_walked_by_its_own_urls_newest_first() {
    let world = full_world(1);
    let own = world.events().iter();
    let own: BTreeSet<_> = own
        .filter(|event| event.object.scope == Scope::platform(true))
        .map(sluice_stripe_sim::Occurrence::thin_id)
        .collect();
    for limit in [7, 100] {
        let walked = walk(&world, &format!("/v2/core/events?limit={limit}"));
        assert_eq!(walked.len(), own.len());
        assert_eq!(walked.iter().cloned().collect::<BTreeSet<_>>(), own);
    }
    let first = get(&world, "/v2/core/events?limit=3").body;
    assert!(first["previous_page_url"].is_null());
    let second = get(&world, first["next_page_url"].as_str().expect("more")).body;
    let back = get(
        &world,
        second["previous_page_url"].as_str().expect("a way back"),
    )
    .body;
    assert_eq!(ids(&back), ids(&first));
    let created = |list: &Value| -> Vec<String> {
        let data = list["data"].as_array().expect("a list").iter();
        data.map(|one| one["created"].as_str().expect("a time").to_owned())
            .collect()
    };
    let page = get(&world, "/v2/core/events?limit=100").body;
    assert!(created(&page).is_sorted_by(|newer, older| newer >= older));
}

#[test]
fn thin_events_are_filtered_by_object_type_and_time() {
    let world = full_world(1);
    let event = world
        .events()
        .iter()
        .find(|event| event.kind == "payout.paid" && event.object.scope == Scope::platform(true))
        .expect("a payout");
    let of_object = walk(
        &world,
        &format!("/v2/core/events?limit=2&object_id={}", event.object.id),
    );
    let expected: BTreeSet<_> = world
        .events()
        .iter()
        .filter(|other| other.object == event.object)
        .map(sluice_stripe_sim::Occurrence::thin_id)
        .collect();
    assert_eq!(of_object.into_iter().collect::<BTreeSet<_>>(), expected);

    let page = get(
        &world,
        "/v2/core/events?types[]=v1.payout.paid&types[]=v1.payout.failed&limit=100",
    );
    let data = page.body["data"].as_array().expect("a list");
    assert!(data.iter().all(|one| {
        ["v1.payout.paid", "v1.payout.failed"].contains(&one["type"].as_str().expect("a type"))
    }));
    assert!(ids(&page.body).contains(&event.thin_id()));

    let at = world.thin(event)["created"]
        .as_str()
        .expect("a time")
        .to_owned();
    let within = |filter: &str| {
        walk(
            &world,
            &format!("/v2/core/events?limit=100&created[{filter}]={at}"),
        )
        .contains(&event.thin_id())
    };
    assert!(within("gte") && within("lte"));
    assert!(!within("gt") && !within("lt"));
}

#[test]
fn what_cannot_be_asked_of_the_list_is_refused() {
    let world = played(Story::Purchase);
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("created[gte]=1767603600", "created"),
        ("created[around]=2026-01-05T09:00:00Z", "created[around]"),
        ("page=nowhere", "page"),
        ("starting_after=evt_1", "starting_after"),
    ] {
        let refused = get(&world, &format!("/v2/core/events?{query}"));
        assert_eq!(refused.status, 400, "{query}");
        assert_eq!(refused.body["error"]["param"], param, "{query}");
    }
    let many: String = (0..21).map(|n| format!("types[]=v1.a{n}&")).collect();
    assert_eq!(get(&world, &format!("/v2/core/events?{many}")).status, 400);
    assert_eq!(get(&world, "/v2/core/events/evt_none").status, 404);
    // An older version lists the events of one object, and has no filters.
    let older = |query: &str| {
        let headers = [
            ("authorization", "Bearer sk_live_Sluice"),
            ("stripe-version", "2025-09-30.clover"),
        ];
        let answer = get_with(&world, &format!("/v2/core/events?{query}"), &headers);
        (answer.status, answer.body["error"]["param"].clone())
    };
    assert_eq!(older("limit=5"), (400, json!("object_id")));
    for filter in [
        "types[]=v1.payout.paid",
        "created[gte]=2026-01-05T09:00:00Z",
    ] {
        let (status, param) = older(&format!("object_id=po_1&{filter}"));
        assert_eq!(status, 400, "{filter}");
        assert!(filter.starts_with(param.as_str().expect("a name")));
    }
    assert_eq!(older("object_id=po_1").0, 200);
    // Unlike v1, v2 asks for a version.
    let key = [("authorization", "Bearer sk_live_Sluice")];
    assert_eq!(get_with(&world, "/v2/core/events", &key).status, 400);
}

#[test]
fn a_second_event_reports_the_same_change_under_another_id() {
    let mut world = played(Story::Purchase);
    let before = world.events().len();
    let event = world.events()[2].clone();
    let second_event = world
        .add_second_event(&event.id)
        .expect("there is such an event");
    assert_eq!(world.add_second_event("evt_none"), None);
    assert_eq!(world.events().len(), before + 1);
    let newest = ApiVersion::V2025_09_30;
    let shown = |id: &str| {
        let event = world.events().iter().find(|event| event.id == id);
        let mut shown = world.event(event.expect("it is there"), newest);
        assert_eq!(shown["id"].take(), id);
        shown
    };
    assert_ne!(second_event, event.id);
    assert_eq!(shown(&second_event), shown(&event.id));
    let made = world.add_second_events(100);
    assert_eq!(made, before + 1);
    assert_eq!(world.events().len(), 2 * made);
}

#[test]
fn an_event_that_is_not_generated_is_nowhere_and_reported_later() {
    let mut world = World::new(5, Options::default());
    let account = world.connect(true);
    world.play(Story::PayoutFailsLater, &account);
    let lost = world
        .events()
        .iter()
        .find(|event| event.kind == "payout.failed");
    let lost = lost.expect("it failed").clone();
    let truth = world.object(account.account.as_deref(), true, &lost.object.id);
    let notice = world
        .fail_to_generate(&lost.id, 7_200)
        .expect("there is such an event");
    assert_eq!(world.fail_to_generate(&lost.id, 7_200), None);
    // The change itself remains.
    assert_eq!(
        world.object(account.account.as_deref(), true, &lost.object.id),
        truth
    );
    assert_eq!(truth.expect("a payout")["status"], "failed");

    let acting = [
        ("authorization", "Bearer sk_live_Sluice"),
        ("stripe-version", "2025-09-30.clover"),
        (
            "stripe-account",
            account.account.as_deref().expect("connected"),
        ),
    ];
    for path in [
        format!("/v1/events/{}", lost.id),
        format!("/v2/core/events/{}", lost.thin_id()),
    ] {
        assert_eq!(get_with(&world, &path, &acting).status, 404, "{path}");
    }
    let notice_shown = get(&world, &format!("/v2/core/events/{notice}")).body;
    assert_eq!(notice_shown["type"], GENERATION_FAILURE);
    let impact = &notice_shown["data"]["impact"];
    assert_eq!(impact["event_type"], "payout.failed");
    assert_eq!(
        impact["context"],
        account.account.as_deref().expect("connected")
    );
    assert_eq!(impact["related_object"]["id"], lost.object.id);
    let listed = get(
        &world,
        &format!("/v2/core/events?types[]={GENERATION_FAILURE}"),
    )
    .body;
    assert_eq!(ids(&listed), [notice.as_str()]);

    // Only thin endpoints of the platform receive it, and then without its data.
    let endpoint = |payload, events_from| Endpoint {
        url: String::new(),
        secrets: Vec::new(),
        events_from,
        livemode: true,
        api_version: ApiVersion::V2025_09_30,
        payload,
        types: Vec::new(),
    };
    let delivered =
        |payload, events_from| plan(&world, &endpoint(payload, events_from), Mix::PLAIN);
    let delivered_notices = delivered(Payload::Thin, EventsFrom::Platform);
    let body: Value = serde_json::from_slice(&delivered_notices[0].body).expect("JSON");
    assert_eq!(
        (delivered_notices.len(), delivered_notices[0].event.as_str()),
        (1, notice.as_str())
    );
    assert!(body.get("data").is_none() && body["related_object"].is_null());
    assert!(delivered(Payload::Snapshot, EventsFrom::Platform).is_empty());
    let thin = delivered(Payload::Thin, EventsFrom::Connect);
    assert_eq!(
        thin.len(),
        delivered(Payload::Snapshot, EventsFrom::Connect).len()
    );
    assert!(thin.iter().all(|one| one.kind.starts_with("v1.")));
}

#[test]
fn what_a_meter_refused_is_said_by_api_v2_alone() {
    let world = played(Story::MeterErrors);
    let kinds: Vec<_> = world.events().iter().map(|event| &event.kind).collect();
    assert_eq!(kinds, ["billing.meter.created"]);
    let [notice] = world.notices() else {
        panic!("one report")
    };
    let delivered = world.notice(notice);
    assert_eq!(delivered["type"], METER_ERRORS);
    assert!(delivered.get("data").is_none() && delivered.get("context").is_none());
    let meter = &delivered["related_object"];
    let served = get(&world, meter["url"].as_str().expect("a path"));
    assert_eq!((served.status, &served.body["id"]), (200, &meter["id"]));

    let fetched = get(&world, &format!("/v2/core/events/{}", notice.id)).body;
    assert_eq!(fetched["data"]["reason"]["error_count"], 1);
    assert!(fetched["context"].is_null());
    let id = meter["id"].as_str().expect("an id");
    let of_meter = walk(&world, &format!("/v2/core/events?object_id={id}"));
    assert_eq!(
        of_meter.len(),
        2,
        "its creation's thin event, and the report"
    );
    assert!(of_meter.contains(&notice.id));
}

#[test]
fn so_many_events_are_not_generated() {
    let mut world = full_world(3);
    let before = world.events().len();
    assert_eq!(world.fail_to_generate_some(5, 60), 5);
    assert_eq!(world.events().len(), before - 5);
    assert_eq!(world.notices().len(), 5);
    let mut small = played(Story::PayoutPaid);
    let all = small.events().len();
    assert_eq!(small.fail_to_generate_some(1_000, 60), all);
}
