//! The domain over the sample events.

use serde_json::json;
use sluice_harness::samples::{as_event, sample, samples};
use sluice_kernel::domain::Domain;

use crate::{PREFIX, Subscription, Subscriptions};

fn project(name: &str) -> Subscription {
    Subscriptions::project(&sample(name))
        .expect("readable")
        .state
}

#[test]
fn every_sample_of_the_domain_can_be_projected_in_every_api_version() {
    for (name, snapshot) in samples(PREFIX) {
        let event = as_event(&snapshot);
        let projected = Subscriptions::project(&event).expect(&name);
        assert_eq!(json!(projected.object), event.object["id"], "{name}");
        assert!(projected.state.current_period_end.is_some(), "{name}");
        assert!(
            projected
                .state
                .items
                .iter()
                .all(|item| item.product.is_some()),
            "{name}"
        );
        assert!(Subscriptions::facts(&event).expect("none").is_empty());
    }
}

#[test]
fn access_is_granted_when_it_becomes_active_and_revoked_when_it_ends() {
    let created = project("customer.subscription.created");
    let active = project("customer.subscription.updated");
    let ended = project("customer.subscription.deleted");
    assert_eq!(
        (created.status.as_str(), active.status.as_str()),
        ("incomplete", "active")
    );
    let granted = Subscriptions::levels(Some(&created), &active);
    assert_eq!(
        granted[0].data["products"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(granted[0].until, active.current_period_end);
    let revoked = Subscriptions::levels(Some(&active), &ended);
    assert_eq!(
        (&revoked[0].data["products"], revoked[0].until),
        (&json!([]), None)
    );
    assert_eq!(Subscriptions::levels(Some(&active), &active), []);
}

#[test]
fn a_canceled_subscription_is_at_its_end() {
    assert!(
        Subscriptions::project(&sample("customer.subscription.deleted"))
            .expect("readable")
            .terminal
    );
    assert!(
        !Subscriptions::project(&sample("customer.subscription.updated"))
            .expect("readable")
            .terminal
    );
}

#[test]
fn the_period_end_is_read_from_the_items_and_from_the_older_place() {
    for name in [
        "customer.subscription.created",
        "customer.subscription.created.2020-08-27",
    ] {
        assert!(
            project(name)
                .current_period_end
                .is_some_and(|end| end > 1_700_000_000),
            "{name}"
        );
    }
}

#[test]
fn a_state_written_today_reads_back() {
    let state = project("customer.subscription.updated");
    let text = serde_json::to_string(&state).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Subscription>(&text).expect("readable"),
        state
    );
}
