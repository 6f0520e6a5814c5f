//! The domain over the sample events, and over the simulated Stripe's stories.

use std::collections::BTreeSet;

use serde_json::json;
use sluice_effects::orders;
use sluice_effects::stories::{self, Played};
use sluice_effects::{ApiVersion, check, handles_what_is_routed};
use sluice_harness::samples::{as_event, sample, samples};
use sluice_kernel::domain::Domain;
use sluice_kernel::effects::effect;
use sluice_kernel::event::Event;

use crate::{Payment, Payments};

mod attempts;
mod disputes;
mod money;
mod never_made;
mod orders_paid;
mod overtaken;
mod refunds;

fn project(event: &Event) -> (String, bool, Payment) {
    let projected = Payments::project(event).expect("readable");
    (projected.object, projected.terminal, projected.state)
}

/// Kind, object and discriminator of each.
fn facts(event: &Event) -> Vec<(&'static str, String, Option<String>)> {
    let facts = Payments::facts(event).expect("readable");
    facts
        .into_iter()
        .map(|fact| (fact.kind, fact.object, fact.discriminator))
        .collect()
}

fn play(events: &[Event]) -> Played<Payment> {
    stories::play::<Payments>(events).expect("nothing is refused")
}

fn story(name: &str) -> Vec<Event> {
    stories::one(name, 3, ApiVersion::V2025_09_30)
}

/// The states of this kind of object.
fn of_kind<'a>(played: &'a Played<Payment>, object: &str) -> Vec<&'a Payment> {
    let states = played.states.values();
    states.filter(|state| state.object == object).collect()
}

#[test]
fn every_sample_of_the_domain_can_be_projected_and_what_it_says_fits_its_schema() {
    for (name, snapshot) in samples("") {
        let kind = snapshot["type"].as_str().unwrap_or_default();
        if name.starts_with("v1.") || !Payments::handles(kind) {
            continue;
        }
        let event = as_event(&snapshot);
        let (object, _, state) = project(&event);
        assert_eq!(json!(object), event.object["id"], "{name}");
        assert_eq!(json!(state.object), event.object["object"], "{name}");
        for fact in Payments::facts(&event).expect(&name) {
            check(&effect::pending_fact(fact, &event, None, None)).expect(&name);
        }
    }
}

#[test]
fn the_types_that_are_routed_here_are_handled_and_no_others() {
    handles_what_is_routed::<Payments>(&[]);
}

#[test]
fn every_object_ends_the_same_in_every_order_of_its_events_with_duplicates_and_mixed_versions() {
    let tried = orders::every_order::<Payments>();
    println!("{tried:?}");
    assert!(tried.whole > 10 && tried.orders > 1_000, "{tried:?}");
}

#[test]
fn every_story_ends_alike_in_every_order_and_api_version() {
    let mut kinds = BTreeSet::new();
    for (name, versions) in stories::judge::<Payments>() {
        let (_, newest) = versions.last().expect("the newest");
        kinds.extend(newest.effects().map(|effect| effect.kind.clone()));
        for (version, played) in &versions {
            let at = format!("{name} at {version}");
            assert!(played.states.keys().eq(newest.states.keys()), "{at}");
            for (key, state) in &played.states {
                let mut state = state.clone();
                let newest = &newest.states[key];
                // Since 2025-03-31 neither a payment intent nor a charge says that an invoice called for it.
                if matches!(&*state.object, "payment_intent" | "charge") {
                    state.invoice = None;
                }
                if state.object == "payment_intent" && newest.unclaimed.is_none() {
                    assert!(
                        state.unclaimed.is_none_or(|unclaimed| !unclaimed),
                        "{at}: {key}"
                    );
                    state.unclaimed = None;
                }
                assert_eq!(state, *newest, "{at}: {key}");
            }
            assert_eq!(played.facts_said(), newest.facts_said(), "{at}");
            assert_eq!(played.last_levels(), newest.last_levels(), "{at}");
        }
    }
    let every = [
        "AuthorizationReleased",
        "Dispute",
        "DisputeClosed",
        "DisputeOpened",
        "InquiryOpened",
        "OrderPaid",
        "PaymentFailed",
        "PaymentSucceeded",
        "RefundFailed",
        "Refunded",
    ];
    assert!(kinds.iter().eq(every), "{kinds:?}");
}

#[test]
fn a_purchase_emits_each_fact_once_by_its_owner() {
    let session = sample("checkout.session.completed");
    let intent = sample("payment_intent.succeeded");
    let charge = sample("charge.succeeded");
    assert_eq!(facts(&session), [("OrderPaid", project(&session).0, None)]);
    assert_eq!(
        facts(&intent),
        [("PaymentSucceeded", project(&intent).0, None)]
    );
    assert_eq!(facts(&charge), []);
    let (_, terminal, state) = project(&intent);
    assert!(terminal);
    assert_eq!(
        (state.amount, state.currency.as_deref()),
        (intent.object["amount"].as_i64(), Some("usd"))
    );
    assert_eq!(project(&session).2.payment_intent, Some(project(&intent).0));
}

#[test]
fn two_event_ids_for_one_change_are_one_fact() {
    let mut events = story("Purchase");
    let second_events: Vec<_> = events
        .iter()
        .cloned()
        .map(|event| Event {
            id: format!("{}_second", event.id),
            ..event
        })
        .collect();
    let once = play(&events);
    events.extend(second_events);
    let twice = play(&events);
    assert_eq!(once.facts_said(), twice.facts_said());
    assert_eq!(once.states, twice.states);
}

#[test]
fn a_review_is_open_then_closed_and_a_warning_is_settled() {
    let played = play(&story("Review"));
    let review = of_kind(&played, "review")[0];
    assert_eq!(
        (&*review.status, review.reason.as_deref()),
        ("closed", Some("approved"))
    );
    let warning = of_kind(&played, "radar.early_fraud_warning")[0];
    assert_eq!(warning.status, "settled");
    assert!(warning.charge.is_some());
}

#[test]
fn a_field_that_is_needed_and_missing_is_named() {
    let mut event = sample("payment_intent.succeeded");
    event
        .object
        .as_object_mut()
        .expect("an object")
        .remove("status");
    let fault = Payments::project(&event).expect_err("rejected");
    assert_eq!(
        (fault.code.as_str(), fault.cause.as_str()),
        ("object.field_missing", "no text at status")
    );
}

#[test]
fn what_stripe_no_longer_has_is_at_its_end() {
    let mut event = sample("payment_intent.succeeded");
    event.object = json!({ "id": "pi_1", "object": "payment_intent", "deleted": true });
    let (object, terminal, state) = project(&event);
    assert_eq!(
        (&*object, terminal, &*state.status),
        ("pi_1", true, "deleted")
    );
    assert_eq!(facts(&event), []);
}

#[test]
fn a_state_of_the_first_version_reads_as_one_of_this() {
    let least = r#"{"object":"charge","status":"succeeded"}"#;
    let state: Payment = serde_json::from_str(least).expect("readable");
    assert_eq!((state.amount, state.unclaimed), (None, Some(false)));
}
