//! Endpoints that are sent thin events.

use super::*;
use crate::code;

impl World {
    fn add_endpoint(&mut self, name: &str, scope: endpoint::AccountScope, payload: Payload) {
        let endpoint = Endpoint {
            payload,
            ..Endpoint::of(scope, true)
        };
        self.endpoints.insert(name.to_owned(), endpoint);
    }

    /// A change for which Stripe makes a snapshot and a thin event.
    fn made_twice(&self, scope: &Scope, id: &str, after_s: i64) {
        self.made(scope, id, after_s);
        let thin = event(&format!("{id}_thin"), "v1.charge.succeeded", after_s);
        self.lists.add_to(scope, Payload::Thin, thin);
    }
}

async fn begun(endpoints: &[(&str, endpoint::AccountScope, Payload)]) -> World {
    let mut world = World::new(endpoint::AccountScope::Platform);
    world.endpoints.clear();
    for (name, scope, payload) in endpoints {
        world.add_endpoint(name, *scope, *payload);
    }
    world.lists.set_accounts(&["acct_1"]);
    world.run("run-0").await;
    world.an_hour_later();
    world
}

#[tokio::test]
async fn an_endpoint_of_thin_events_is_compared_with_the_list_of_those_and_no_snapshot_comes_in() {
    let world = begun(&[("thin", endpoint::AccountScope::Both, Payload::Thin)]).await;
    world.made_twice(&platform(), "evt_1", 60);
    world.made_twice(&account("acct_1"), "evt_2", 60);
    let report = world.run("run-1").await;
    assert_eq!((report.missing, report.recovered), (2, 2));
    for id in ["evt_1", "evt_2"] {
        assert_eq!(world.published(id), 0, "{id}");
        assert_eq!(world.published(&format!("{id}_thin")), 1, "{id}");
    }
    let origin = world.ledger.entry("evt_2_thin").expect("an entry").origin;
    assert_eq!(origin.account.as_deref(), Some("acct_1"));
    assert_eq!(origin.endpoint, "thin");
    let asked = world.lists.take_asked();
    assert!(asked.iter().all(|ask| ask.payload == Payload::Thin));
    // It is there by now.
    assert_eq!(world.run("run-2").await.missing, 0);
}

#[tokio::test]
async fn endpoints_of_both_payloads_are_compared_with_both_lists_each_by_its_own_cursor() {
    let mut world = begun(&[
        ("main", endpoint::AccountScope::Both, Payload::Snapshot),
        ("thin", endpoint::AccountScope::Both, Payload::Thin),
    ])
    .await;
    world.made_twice(&platform(), "evt_1", 60);
    world.made_twice(&account("acct_1"), "evt_2", 61);
    let report = world.run("run-1").await;
    assert_eq!((report.recovered, report.scopes_whole), (4, 4));
    for key in [
        "platform#live",
        "platform#live#thin",
        "acct_1#live",
        "acct_1#live#thin",
    ] {
        let cursor = world.notes.cursor_of(key).expect(key);
        assert!(cursor.through_s > START_MS / 1_000, "{key}");
    }
    // A scope that fails is named with its list.
    world.an_hour_later();
    world.endpoints.remove("main");
    let refused = Fault::retry(code::STRIPE_KEY_REFUSED, "no permission for API v2");
    world.lists.refuse(&platform(), Some(refused));
    let report = world.run("run-2").await;
    assert_eq!(report.failures[0].scope, "platform#live#thin");
}

#[tokio::test]
async fn thin_types_are_subscribed_to_by_their_own_names() {
    let mut world = begun(&[
        ("main", endpoint::AccountScope::Platform, Payload::Snapshot),
        ("thin", endpoint::AccountScope::Platform, Payload::Thin),
    ])
    .await;
    world.types = vec!["charge.*".to_owned(), "v2.core.*".to_owned()];
    world.made_twice(&platform(), "evt_1", 60);
    let other = event("evt_2", "v2.core.account.updated", 70);
    world.lists.add_to(&platform(), Payload::Thin, other);
    let report = world.run("run-1").await;
    assert_eq!((report.seen, report.recovered), (2, 2));
    assert_eq!(world.published("evt_1"), 1);
    assert_eq!(world.published("evt_1_thin"), 0);
    assert_eq!(world.published("evt_2"), 1);
}

#[tokio::test]
async fn an_endpoint_of_thin_events_that_is_added_later_looks_for_nothing_of_before() {
    let mut world = begun(&[("main", endpoint::AccountScope::Both, Payload::Snapshot)]).await;
    world.made_twice(&platform(), "evt_1", 60);
    world.made_twice(&account("acct_1"), "evt_2", 60);
    world.add_endpoint("thin", endpoint::AccountScope::Both, Payload::Thin);
    world.run("run-1").await;
    world.an_hour_later();
    world.made_twice(&account("acct_1"), "evt_3", 3_600 + 60);
    let report = world.run("run-2").await;
    assert_eq!(
        world.published("evt_1_thin") + world.published("evt_2_thin"),
        0
    );
    assert_eq!((report.recovered, world.published("evt_3_thin")), (2, 1));
}
