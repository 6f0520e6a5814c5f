//! Lists, page by page: against a simulated Stripe that knows the truth, and against a server with scripted answers.

use std::collections::BTreeSet;
use std::time::Duration;

use sluice_kernel::delivery::endpoint::Payload;
use sluice_kernel::event::{Scope as Whose, Shape};
use sluice_kernel::fault::{Class, Fault};
use sluice_kernel::reconcile::ungenerated::PAGE_MAX;
use sluice_kernel::reconcile::{Ask, AskUngenerated, Listed, Listing as _};
use sluice_stripe::client::{Client, EVENTS_API_VERSION};
use sluice_stripe::event::parse_head;
use sluice_stripe_sim::{Occurrence, Options, Scope, Story, World};

use crate::simulation::serve;
use crate::stub::{Reply, Stub};
use crate::{LIVE, client, client_with, keys, runtime};

/// A page, and where the next one begins. The largest budget gives one token per millisecond.
fn page<T, F>(ask: impl Fn() -> F) -> (Vec<T>, Option<String>)
where
    F: Future<Output = Result<Listed<T>, Fault>>,
{
    loop {
        match runtime().block_on(ask()).expect("an answer") {
            Listed::Page { items, next } => return (items, next),
            Listed::Spent { .. } => {}
            Listed::NoKey => panic!("no key"),
        }
    }
}

fn failures(livemode: bool, from_s: i64, to_s: i64, after: Option<String>) -> AskUngenerated {
    AskUngenerated {
        livemode,
        from_s,
        to_s,
        after,
        within_ms: 60_000,
    }
}

/// A request for live events of this payload.
fn events(account: Option<&str>, payload: Payload, types: &[&str]) -> Ask {
    Ask {
        scope: Whose {
            account: account.map(str::to_owned),
            livemode: true,
        },
        payload,
        from_s: 0,
        to_s: 4_000_000_000,
        after: None,
        types: types.iter().map(|one| (*one).to_owned()).collect(),
    }
}

/// Every page of it.
fn all(client: &Client, mut ask: Ask) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let (items, next) = page(|| client.events(&ask));
        all.extend(items);
        ask.after = next;
        if ask.after.is_none() {
            return all;
        }
    }
}

#[test]
fn what_stripe_says_it_failed_to_make_is_listed_with_type_account_and_object() {
    let mut world = World::new(5, Options::default());
    let scopes = [Scope::platform(true), world.connect(true)];
    for scope in &scopes {
        world.play(Story::Purchase, scope);
    }
    let lost: Vec<Occurrence> = scopes
        .iter()
        .map(|scope| {
            let events = world.events().iter();
            let mut paid = events.filter(|event| {
                event.kind == "payment_intent.succeeded" && event.object.scope == *scope
            });
            paid.next().expect("a payment").clone()
        })
        .collect();
    for event in &lost {
        world.fail_to_generate(&event.id, 60).expect("it is there");
    }
    let server = serve(world);
    let client = client(&server.url());
    let list = |livemode, from_s, to_s| {
        let ask = failures(livemode, from_s, to_s, None);
        page(|| client.ungenerated(&ask))
    };
    let mut noticed_s: Vec<i64> = lost.iter().map(|event| event.created + 60).collect();
    noticed_s.sort_unstable();
    let (first_s, last_s) = (noticed_s[0], noticed_s[1]);
    assert!(first_s < last_s, "two seconds");
    let (items, next) = list(true, first_s, last_s);
    assert_eq!((items.len(), next), (2, None));
    for event in &lost {
        let account = &event.object.scope.account;
        let found = items.iter().find(|one| one.scope.account == *account);
        let found = found.expect("a notice");
        assert_eq!(found.kind, event.kind);
        assert_eq!(found.object.as_deref(), Some(&*event.object.id));
        assert_eq!(found.object_kind.as_deref(), Some("payment_intent"));
        assert_eq!(found.noticed_s, event.created + 60);
    }
    // Both ends are included, and nothing beyond them; the other mode has no events.
    let ids = |from_s, to_s| list(true, from_s, to_s).0.len();
    assert_eq!(ids(first_s, first_s), 1);
    assert_eq!(ids(first_s - 10, first_s - 1), 0);
    assert_eq!(ids(first_s + 1, last_s), 1);
    assert!(list(false, first_s, last_s).0.is_empty());
}

#[test]
fn the_endpoints_that_stripe_delivers_to_are_listed_by_mode_over_all_pages() {
    let mut world = World::new(5, Options::default());
    for n in 0..101 {
        world.add_endpoint(true, &format!("https://example.com/{n}"), &["charge.*"]);
    }
    let other = world.add_endpoint(false, "https://example.com/test", &["*"]);
    world.change_endpoint(&other, |endpoint| endpoint.is_enabled = false);
    let server = serve(world);
    let client = client(&server.url());
    let list = |livemode, after: Option<&str>| page(|| client.webhook_endpoints(livemode, after));
    let (first, next) = list(true, None);
    assert_eq!(first.len(), 100);
    let (rest, next) = list(true, next.as_deref());
    assert_eq!((rest.len(), next), (1, None));
    assert_eq!(rest[0].url, "https://example.com/0");
    let (of_test, _) = list(false, None);
    assert_eq!(of_test[0].status, "disabled");
    assert_eq!(of_test[0].enabled_events, ["*"]);
}

#[test]
fn failures_of_one_second_are_listed_to_their_end_and_so_is_what_is_older() {
    let mut world = World::new(5, Options::default());
    while world.events().len() < PAGE_MAX + 5 {
        world.play(Story::Purchase, &Scope::platform(true));
    }
    // In one second Stripe says for all of them that it failed to make them.
    let noticed_s = world.end() + 7_200;
    let lost: Vec<Occurrence> = world.events()[..PAGE_MAX + 5].to_vec();
    for (n, event) in lost.iter().enumerate() {
        let hour = if n == 0 { 3_600 } else { 0 };
        let after_s = u32::try_from(noticed_s - event.created - hour).expect("later");
        world
            .fail_to_generate(&event.id, after_s)
            .expect("it is there");
    }
    let server = serve(world);
    server.set_now(Some(noticed_s));
    let client = client(&server.url());
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let ask = failures(true, noticed_s - 7_200, noticed_s, after.take());
        let (items, next) = page(|| client.ungenerated(&ask));
        found.extend(items);
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(found.len(), lost.len());
    let ids: BTreeSet<_> = found.iter().map(|one| &one.notice_id).collect();
    assert_eq!(ids.len(), lost.len());
    assert_eq!(
        found.iter().map(|one| one.noticed_s).min(),
        Some(noticed_s - 3_600)
    );
}

#[test]
fn thin_events_are_listed_by_account_and_type_over_all_pages() {
    let mut world = World::new(5, Options::default());
    let scopes = [Scope::platform(true), world.connect(true)];
    for scope in &scopes {
        for _ in 0..30 {
            world.play(Story::Purchase, scope);
        }
    }
    let server = serve(world);
    let client = client(&server.url());
    for scope in &scopes {
        let account = scope.account.as_deref();
        for (types, kind) in [
            (&[][..], None),
            (&["*"], None),
            (
                &["payout.paid", "v1.charge.succeeded"],
                Some("charge.succeeded"),
            ),
        ] {
            let listed = all(&client, events(account, Payload::Thin, types));
            let heads = listed
                .iter()
                .map(|body| parse_head(body).expect("an event"));
            let ids: Vec<_> = heads
                .inspect(|head| {
                    assert_eq!(head.shape, Shape::Thin);
                    assert_eq!(head.account.as_deref(), account);
                })
                .map(|head| head.id.to_string())
                .collect();
            let world = server.world();
            let of_scope = world
                .events()
                .iter()
                .filter(|event| event.object.scope == *scope);
            let wanted = of_scope.filter(|event| kind.is_none_or(|kind| event.kind == kind));
            let wanted: BTreeSet<_> = wanted.map(Occurrence::thin_id).collect();
            assert_eq!(ids.len(), wanted.len());
            assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), wanted);
            assert!(kind.is_some() || wanted.len() > 100, "more than a page");
        }
    }
}

fn answer(body: &str) -> Reply {
    Reply::Answer(200, vec![], body.to_owned())
}

#[test]
fn a_page_of_thin_events_is_asked_for_on_behalf_of_an_account_and_goes_on_where_it_says() {
    let more = r#"{"data":[{"id":"evt_1"}],"next_page_url":"/v2/core/events?page=cGFnZQ"}"#;
    let stub = Stub::replying([answer(more), answer(r#"{"data":[],"next_page_url":null}"#)]);
    let client = client(&stub.url);
    let ask = events(
        Some("acct_1"),
        Payload::Thin,
        &["v1.payout.paid", "v2.core.account.closed"],
    );
    assert_eq!(all(&client, ask), [br#"{"id":"evt_1"}"#]);
    let [first, second] = &stub.asked()[..] else {
        panic!("two requests")
    };
    assert!(first.head.contains(
        "get /v2/core/events?limit=100&types%5b0%5d=v1.payout.paid&types%5b1%5d=v2.core.account.closed&created%5bgte%5d="
    ));
    assert!(second.has("get /v2/core/events?page=cgfnzq http/1.1"));
    for asked in [first, second] {
        assert!(asked.has("stripe-context: acct_1"));
        assert!(asked.has(&format!("stripe-version: {EVENTS_API_VERSION}")));
        assert!(!asked.head.contains("stripe-account"));
    }
}

#[test]
fn a_next_page_at_another_place_is_never_asked_for() {
    let elsewhere = r#"{"data":[],"next_page_url":"https://example.com/v1/charges?page=1"}"#;
    let stub = Stub::replying([answer(elsewhere)]);
    let client = client(&stub.url);
    let ask = events(None, Payload::Thin, &[]);
    let fault = runtime()
        .block_on(client.events(&ask))
        .expect_err("a fault");
    assert_eq!(
        (fault.class, fault.code.as_str()),
        (Class::Retry, "stripe.answer_unreadable")
    );
    // A place that a cursor has kept, and that isn't in the list: no request is made.
    let ask = failures(true, 0, 5, Some("1767225600".to_owned()));
    let fault = loop {
        match runtime().block_on(client.ungenerated(&ask)) {
            Ok(Listed::Spent { .. }) => {}
            other => break other.expect_err("a fault"),
        }
    };
    assert_eq!(
        (fault.class, fault.code.as_str()),
        (Class::Reject, "stripe.bad_reference")
    );
    assert_eq!(stub.asked().len(), 1);
}

#[test]
fn a_page_of_snapshots_goes_on_after_its_last_id_though_its_event_can_not_be_read() {
    let unreadable = r#"{"data":[{"id":"evt_1"},{"id":"evt_2","type":5}],"has_more":true}"#;
    let last = r#"{"data":[{"id":"evt_3"}],"has_more":false}"#;
    let stub = Stub::replying([answer(unreadable), answer(last)]);
    let listed = all(&client(&stub.url), events(None, Payload::Snapshot, &[]));
    assert_eq!(listed.len(), 3);
    assert!(stub.asked()[1].head.contains("&starting_after=evt_2"));
}

#[test]
fn a_page_of_failures_takes_no_longer_than_it_may_though_each_of_its_requests_does_less() {
    let notice = r#"{"id":"evt_1","created":"2026-01-05T09:00:00Z","data":null}"#;
    let page = format!(r#"{{"data":[{notice}],"next_page_url":null}}"#);
    // The list is answered, but the event's data isn't.
    let stub = Stub::replying([answer(&page), Reply::Silence]);
    let client = client_with(&stub.url, keys(Some(LIVE), None), |settings| {
        settings.total_timeout = Duration::from_secs(3_600);
    });
    let mut ask = failures(true, 0, 5, None);
    ask.within_ms = 300;
    let fault = runtime()
        .block_on(client.ungenerated(&ask))
        .expect_err("a fault");
    assert_eq!(
        (fault.class, fault.code.as_str()),
        (Class::Retry, "stripe.unavailable")
    );
    assert_eq!(stub.asked().len(), 2);
}

#[test]
fn an_account_that_is_not_there_is_unreachable_in_either_list() {
    let missing = r#"{"error":{"code":"resource_missing","type":"invalid_request_error"}}"#;
    for payload in [Payload::Snapshot, Payload::Thin] {
        for (account, code) in [
            (Some("acct_1"), "stripe.account_unreachable"),
            (None, "stripe.request_refused"),
        ] {
            let stub = Stub::replying([Reply::Answer(404, vec![], missing.to_owned())]);
            let listed =
                runtime().block_on(client(&stub.url).events(&events(account, payload, &[])));
            assert_eq!(listed.expect_err("a fault").code, code);
        }
    }
}
