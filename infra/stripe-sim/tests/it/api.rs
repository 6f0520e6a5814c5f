//! Answers to requests, without a socket.

use serde_json::Value;
use sluice_stripe_sim::api::{Answer, Request, Terms, answer};
use sluice_stripe_sim::{ApiVersion, Options, Scope, Story, World};

use crate::{full_world, played};

const LIVE: (&str, &str) = ("authorization", "Bearer sk_live_Sluice");
const TEST: (&str, &str) = ("authorization", "Bearer sk_test_Sluice");

fn everything() -> Terms {
    Terms {
        events_kept_s: None,
        ..Terms::default()
    }
}

fn get(world: &World, target: &str, headers: &[(&str, &str)]) -> Answer {
    get_at(world, world.end(), target, headers)
}

fn get_at(world: &World, second: i64, target: &str, headers: &[(&str, &str)]) -> Answer {
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
    answer(world, &everything(), second, &request)
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let data = answer.body["data"].as_array().expect("a list");
    data.iter()
        .map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// The ids of the live platform's events, newest first.
fn events_of_the_platform(world: &World) -> Vec<String> {
    let events = world.events().iter().rev();
    events
        .filter(|event| event.object.scope == Scope::platform(true))
        .map(|event| event.id.clone())
        .collect()
}

#[test]
fn paging_forwards_and_backwards_walks_all_events_exactly_once() {
    let world = full_world(1);
    let expected = events_of_the_platform(&world);
    for limit in [1, 7, 100] {
        let mut walked = Vec::new();
        loop {
            let after = walked
                .last()
                .map_or(String::new(), |last| format!("&starting_after={last}"));
            let page = get(&world, &format!("/v1/events?limit={limit}{after}"), &[LIVE]);
            walked.extend(ids(&page));
            if page.body["has_more"] == false {
                break;
            }
        }
        assert_eq!(walked, expected, "by {limit}");

        let mut back = vec![expected.last().unwrap().clone()];
        loop {
            let first = &back[0];
            let page = get(
                &world,
                &format!("/v1/events?limit={limit}&ending_before={first}"),
                &[LIVE],
            );
            let mut page_ids = ids(&page);
            page_ids.append(&mut back);
            back = page_ids;
            if page.body["has_more"] == false {
                break;
            }
        }
        assert_eq!(back, expected, "back by {limit}");
    }
}

#[test]
fn events_are_filtered_by_type_and_second() {
    let world = full_world(1);
    let kinds = |target: &str| -> Vec<String> {
        let page = get(&world, target, &[LIVE]);
        let data = page.body["data"].as_array().expect("a list").clone();
        data.iter()
            .map(|one| one["type"].as_str().unwrap().to_owned())
            .collect()
    };
    let one = kinds("/v1/events?limit=100&type=charge.failed");
    assert!(!one.is_empty() && one.iter().all(|kind| kind == "charge.failed"));
    let wild = kinds("/v1/events?limit=100&type=charge.dispute.*");
    assert!(!wild.is_empty() && wild.iter().all(|kind| kind.starts_with("charge.dispute.")));
    let two = kinds("/v1/events?limit=100&types[]=payout.paid&types%5B%5D=payout.failed");
    assert!(two.contains(&"payout.paid".to_owned()) && two.contains(&"payout.failed".to_owned()));
    assert!(two.iter().all(|kind| kind.starts_with("payout.")));

    let seconds = |target: &str| -> Vec<i64> {
        let page = get(&world, target, &[LIVE]);
        let data = page.body["data"].as_array().expect("a list").clone();
        data.iter()
            .map(|one| one["created"].as_i64().unwrap())
            .collect()
    };
    let all = seconds("/v1/events?limit=100");
    let middle = all[50];
    let query = |filter: &str| seconds(&format!("/v1/events?limit=100&created[{filter}]={middle}"));
    assert!(query("gt").iter().all(|second| *second > middle));
    assert!(query("gte").contains(&middle));
    assert!(query("lt").iter().all(|second| *second < middle));
    assert!(query("lte").contains(&middle));
    let exact = seconds(&format!("/v1/events?limit=100&created={middle}"));
    assert!(!exact.is_empty() && exact.iter().all(|second| *second == middle));
}

#[test]
fn events_are_filtered_by_whether_every_endpoint_took_them() {
    let mut world = played(Story::Purchase);
    let events = events_of_the_platform(&world);
    // Two endpoints: both acknowledge the first event, one the second, none the third.
    for event in &events[..3] {
        world.set_pending_webhooks(event, 2);
    }
    for (event, delivered) in [(0, true), (1, true), (1, false), (0, true), (2, false)] {
        world.note_delivery(&events[event], delivered);
    }
    let pending: Vec<_> = events.iter().map(|id| world.pending_webhooks(id)).collect();
    assert_eq!(pending[..4], [0, 1, 2, 1]);
    let shown = get(&world, &format!("/v1/events/{}", events[2]), &[LIVE]);
    assert_eq!(shown.body["pending_webhooks"], 2);

    let taken = get(
        &world,
        "/v1/events?delivery_success=true&limit=100",
        &[LIVE],
    );
    assert_eq!(ids(&taken), events[..1]);
    let others = get(
        &world,
        "/v1/events?delivery_success=false&limit=100",
        &[LIVE],
    );
    assert_eq!(ids(&others), events[1..]);
}

#[test]
fn what_cannot_be_filtered_is_refused_rather_than_ignored() {
    let world = played(Story::Purchase);
    for (target, param) in [
        ("/v1/events?delivery_success=maybe", "delivery_success"),
        ("/v1/events?limit=0", "limit"),
        ("/v1/events?limit=101", "limit"),
        ("/v1/events?created[gte]=soon", "created"),
        ("/v1/events?type=a&types[]=b", "types"),
        ("/v1/events?starting_after=evt_none", "starting_after"),
        ("/v1/charges?amount=5", "amount"),
    ] {
        let answer = get(&world, target, &[LIVE]);
        assert_eq!(answer.status, 400, "{target}");
        assert_eq!(answer.body["error"]["param"], param, "{target}");
    }
    let many: String = (0..21).map(|n| format!("types[]=charge.{n}&")).collect();
    assert_eq!(
        get(&world, &format!("/v1/events?{many}"), &[LIVE]).status,
        400
    );
}

#[test]
fn events_older_than_thirty_days_are_gone() {
    let world = full_world(1);
    let request = Request {
        method: "GET".to_owned(),
        path: "/v1/events".to_owned(),
        query: "limit=100".to_owned(),
        headers: vec![(LIVE.0.to_owned(), LIVE.1.to_owned())],
    };
    let now = world.end();
    let page = answer(&world, &Terms::default(), now, &request);
    let data = page.body["data"].as_array().expect("a list");
    assert!(!data.is_empty());
    assert!(
        data.iter()
            .all(|event| event["created"].as_i64().unwrap() >= now - 30 * 86_400)
    );
    let first = &events_of_the_platform(&world)[..];
    let oldest = Request {
        path: format!("/v1/events/{}", first.last().unwrap()),
        query: String::new(),
        ..request
    };
    assert_eq!(answer(&world, &Terms::default(), now, &oldest).status, 404);
}

#[test]
fn every_object_of_a_served_kind_is_served_as_it_is() {
    let world = full_world(1);
    let paths = [
        ("application_fee", "application_fees"),
        ("charge", "charges"),
        ("checkout.session", "checkout/sessions"),
        ("coupon", "coupons"),
        ("credit_note", "credit_notes"),
        ("customer", "customers"),
        ("dispute", "disputes"),
        ("invoice", "invoices"),
        ("invoice_payment", "invoice_payments"),
        ("invoiceitem", "invoiceitems"),
        ("payment_intent", "payment_intents"),
        ("payment_method", "payment_methods"),
        ("payout", "payouts"),
        ("price", "prices"),
        ("product", "products"),
        ("quote", "quotes"),
        ("radar.early_fraud_warning", "radar/early_fraud_warnings"),
        ("refund", "refunds"),
        ("review", "reviews"),
        ("setup_intent", "setup_intents"),
        ("subscription", "subscriptions"),
        ("subscription_schedule", "subscription_schedules"),
        ("topup", "topups"),
        ("transfer", "transfers"),
    ];
    for (kind, path) in paths {
        let mut served = 0;
        for key in world.objects().filter(|key| world.kind(key) == Some(kind)) {
            let bearer = if key.scope.livemode { LIVE } else { TEST };
            let account = key.scope.account.clone().unwrap_or_default();
            let mut headers = vec![bearer];
            if !account.is_empty() {
                headers.push(("stripe-account", &account));
            }
            let is_deleted = world.is_deleted(key, sluice_stripe_sim::Moment::End);
            for version in ApiVersion::TESTED {
                headers.push(("stripe-version", version.name()));
                let answer = get(&world, &format!("/v1/{path}/{}", key.id), &headers);
                let truth = world.object_at(key, version, sluice_stripe_sim::Moment::End);
                if is_deleted {
                    // Some objects stay and are marked as deleted, most aren't found any more.
                    let gone = answer.status == 404 || answer.body["deleted"] == true;
                    assert!(gone, "{path} at {version}");
                } else {
                    assert_eq!(Some(answer.body), truth, "{path} at {version}");
                }
                headers.pop();
            }
            served += 1;
        }
        assert!(served > 0, "{path}");
        let list = get(&world, &format!("/v1/{path}?limit=100&status=all"), &[LIVE]);
        assert_eq!(list.status, 200);
    }
}

#[test]
fn what_lies_under_another_object_is_served_there_and_an_account_that_left_is_closed() {
    let mut world = World::new(4, Options::default());
    let account = world.connect(true);
    world.play(Story::FeeRefunded, &Scope::platform(true));
    let id = account.account.clone().expect("connected");
    let of_kind = |world: &World, kind: &str| {
        let key = world.objects().find(|key| world.kind(key) == Some(kind));
        key.expect("one of the kind").id.clone()
    };
    let person = of_kind(&world, "person");
    let path = format!("/v1/accounts/{id}/persons/{person}");
    let served = get(&world, &path, &[LIVE]);
    assert_eq!(served.body["verification"]["status"], "verified");
    let (fee, refund) = (
        of_kind(&world, "application_fee"),
        of_kind(&world, "fee_refund"),
    );
    let path = format!("/v1/application_fees/{fee}/refunds/{refund}");
    assert_eq!(get(&world, &path, &[LIVE]).body["fee"], fee);

    let acting = [LIVE, ("stripe-account", id.as_str())];
    assert_eq!(get(&world, "/v1/balance", &acting).status, 404);
    world.reconnect(&account);
    let of_account = |world: &World, kind: &str| {
        let mut events = world.events().iter();
        events
            .rfind(|event| event.kind == kind)
            .expect("one of the type")
            .created
    };
    let left = of_account(&world, "account.application.deauthorized");
    let asked = |second| get_at(&world, second, "/v1/balance", &acting).status;
    assert_eq!([left - 1, left, left + 86_400].map(asked), [404, 403, 403]);
    assert_eq!(
        asked(of_account(&world, "account.application.authorized")),
        404
    );

    world.advance(50 * 86_400);
    world.disconnect(&account);
    let refused = get(&world, "/v1/balance", &acting);
    assert_eq!(refused.status, 403);
    assert_eq!(refused.body["error"]["code"], "account_invalid");
}

#[test]
fn a_missing_object_is_404_and_a_key_of_the_wrong_mode_gets_an_answer_that_says_so() {
    let world = played(Story::Purchase);
    let intent = world
        .objects()
        .find(|key| key.id.starts_with("pi_"))
        .unwrap();
    let missing = get(&world, "/v1/payment_intents/pi_none", &[LIVE]);
    assert_eq!(missing.status, 404);
    assert_eq!(missing.body["error"]["code"], "resource_missing");
    assert_eq!(
        missing.body["error"]["message"],
        "No such payment_intent: 'pi_none'"
    );
    assert_eq!(missing.body["error"]["param"], "intent");

    let wrong_mode = get(
        &world,
        &format!("/v1/payment_intents/{}", intent.id),
        &[TEST],
    );
    assert_eq!(wrong_mode.status, 404);
    assert_eq!(wrong_mode.body["error"]["code"], "resource_missing");
    let message = wrong_mode.body["error"]["message"].as_str().unwrap();
    assert!(message.ends_with(
        "a similar object exists in live mode, but a test mode key was used to make this request."
    ));
    // An id of another kind isn't found in this collection.
    assert_eq!(
        get(&world, &format!("/v1/charges/{}", intent.id), &[LIVE]).status,
        404
    );
    assert_eq!(get(&world, "/v1/nothing", &[LIVE]).status, 404);
}

#[test]
fn keys_accounts_and_versions_that_are_unknown_are_refused_as_stripe_does() {
    let world = played(Story::Purchase);
    let status = |headers: &[(&str, &str)]| {
        let answer = get(&world, "/v1/events", headers);
        (answer.status, answer.body["error"]["code"].clone())
    };
    assert_eq!(status(&[]), (401, Value::Null));
    assert_eq!(
        status(&[("authorization", "Bearer sk_test_none")]),
        (401, Value::Null)
    );
    let stranger = [LIVE, ("stripe-account", "acct_none")];
    assert_eq!(status(&stranger), (403, "account_invalid".into()));
    assert_eq!(status(&[LIVE, ("stripe-version", "2011-01-01")]).0, 400);
    // Basic, as curl sends it: the key and no password.
    assert_eq!(
        status(&[("authorization", "Basic c2tfbGl2ZV9TbHVpY2U6")]).0,
        200
    );
}

#[test]
fn a_connected_accounts_objects_are_seen_only_on_its_behalf() {
    let mut world = World::new(1, Options::default());
    let scope = world.connect(true);
    let account = scope.account.clone().unwrap();
    let made = world.play(Story::PayoutPaid, &scope);
    let payout = made.iter().find(|key| key.id.starts_with("po_")).unwrap();
    let target = format!("/v1/payouts/{}", payout.id);
    assert_eq!(get(&world, &target, &[LIVE]).status, 404);
    assert_eq!(
        get(&world, &target, &[LIVE, ("stripe-account", &account)]).status,
        200
    );
    let context = format!("org_none/{account}");
    assert_eq!(
        get(&world, &target, &[LIVE, ("stripe-context", &context)]).status,
        200
    );
    let events = get(
        &world,
        "/v1/events?limit=100",
        &[LIVE, ("stripe-account", &account)],
    );
    assert!(ids(&events).len() > 5);
    assert!(ids(&get(&world, "/v1/events", &[LIVE])).is_empty());
    // The account itself belongs to the platform's scope.
    let listed = ids(&get(&world, "/v1/accounts", &[LIVE]));
    assert_eq!(listed, std::slice::from_ref(&account));
    assert!(ids(&get(&world, "/v1/accounts", &[TEST])).is_empty());
    let one = get(&world, &format!("/v1/accounts/{account}"), &[LIVE]);
    assert_eq!(one.body["charges_enabled"], true);
    let capability = format!("/v1/accounts/{account}/capabilities/transfers");
    assert_eq!(get(&world, &capability, &[LIVE]).body["status"], "active");
}

#[test]
fn what_has_no_id_is_served_where_stripe_serves_it() {
    let payout = played(Story::PayoutPaid);
    assert_eq!(
        get(&payout, "/v1/balance", &[LIVE]).body["object"],
        "balance"
    );
    for (story, entitled) in [(Story::BusySecond, 1), (Story::RenewalLost, 0)] {
        let world = played(story);
        let customer = world
            .objects()
            .find(|key| key.id.starts_with("cus_"))
            .unwrap();
        let target = format!(
            "/v1/entitlements/active_entitlements?customer={}",
            customer.id
        );
        assert_eq!(
            ids(&get(&world, &target, &[LIVE])).len(),
            entitled,
            "{story:?}"
        );
    }
}

#[test]
fn a_deleted_customer_is_served_as_deleted() {
    let world = played(Story::CustomerDeleted);
    let customer = world
        .objects()
        .find(|key| key.id.starts_with("cus_"))
        .unwrap();
    let answer = get(&world, &format!("/v1/customers/{}", customer.id), &[LIVE]);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["deleted"], true);
    assert!(ids(&get(&world, "/v1/customers", &[LIVE])).is_empty());
}

#[test]
fn ids_are_expanded_on_request() {
    let world = played(Story::Purchase);
    let intent = world
        .objects()
        .find(|key| key.id.starts_with("pi_"))
        .unwrap();
    let target = format!("/v1/payment_intents/{}?expand[]=latest_charge", intent.id);
    let answer = get(&world, &target, &[LIVE]);
    assert_eq!(answer.body["latest_charge"]["object"], "charge");
    let target = format!("/v1/payment_intents/{}?expand[]=nonsense", intent.id);
    assert_eq!(get(&world, &target, &[LIVE]).status, 400);
}

#[test]
fn an_event_is_served_in_the_accounts_version_whatever_the_request_says() {
    let world = played(Story::Purchase);
    let event = &world.events()[0];
    let version = ("stripe-version", ApiVersion::V2020_08_27.name());
    let answer = get(
        &world,
        &format!("/v1/events/{}", event.id),
        &[LIVE, version],
    );
    assert_eq!(answer.body, world.event(event, ApiVersion::V2025_09_30));
}

#[test]
fn a_charge_lists_its_refunds_if_that_is_asked_for_and_under_its_own_path() {
    let world = played(Story::TwoEqualRefunds);
    let charge = world.objects().find(|key| key.id.starts_with("ch_"));
    let path = format!("/v1/charges/{}", charge.expect("a charge").id);
    let newest = ("stripe-version", "2025-09-30.clover");
    assert!(
        get(&world, &path, &[LIVE, newest])
            .body
            .get("refunds")
            .is_none()
    );
    let expanded = get(
        &world,
        &format!("{path}?expand%5B%5D=refunds"),
        &[LIVE, newest],
    );
    let refunds = &expanded.body["refunds"];
    assert_eq!(refunds["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(refunds["has_more"], false);

    let listed = get(&world, &format!("{path}/refunds?limit=1"), &[LIVE, newest]);
    assert_eq!(listed.body["data"][0], refunds["data"][0]);
    assert_eq!(listed.body["has_more"], true);
    let target = format!("{path}/refunds?starting_after={}", ids(&listed)[0]);
    let rest = get(&world, &target, &[LIVE, newest]);
    assert_eq!(rest.body["data"][0], refunds["data"][1]);
    let none = get(&world, "/v1/charges/ch_none/refunds", &[LIVE, newest]);
    assert_eq!(none.status, 404);
}
