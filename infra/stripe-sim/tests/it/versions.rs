//! The shapes of API versions.

use serde_json::Value;
use sluice_stripe_sim::{ApiVersion, Moment, Story, World};

use crate::{full_world, played};

const OLD: ApiVersion = ApiVersion::V2020_08_27;
const NEW: ApiVersion = ApiVersion::V2025_09_30;

fn first(world: &World, prefix: &str, version: ApiVersion) -> Value {
    let key = world.objects().find(|key| key.id.starts_with(prefix));
    let key = key.expect("an object");
    world
        .object_at(key, version, Moment::End)
        .expect("it exists")
}

#[test]
fn a_subscriptions_period_lies_on_the_subscription_before_basil_and_on_the_items_since() {
    let world = played(Story::RenewalRecovered);
    for version in [OLD, ApiVersion::V2023_10_16, ApiVersion::V2024_06_20] {
        let subscription = first(&world, "sub_", version);
        assert!(
            subscription["current_period_end"].is_i64()
                || subscription["current_period_end"].is_u64()
        );
        assert!(
            subscription["items"]["data"][0]
                .get("current_period_end")
                .is_none()
        );
    }
    let subscription = first(&world, "sub_", NEW);
    assert!(subscription.get("current_period_end").is_none());
    assert!(!subscription["items"]["data"][0]["current_period_end"].is_null());
}

#[test]
fn a_payment_names_its_invoice_and_an_invoice_its_payment_only_before_basil() {
    let world = played(Story::RenewalRecovered);
    let before = ApiVersion::V2024_06_20;
    let invoice = first(&world, "in_", before);
    assert!(invoice["payment_intent"].is_string());
    assert!(invoice["charge"].is_string());
    assert!(invoice["subscription"].is_string());
    assert!(invoice.get("parent").is_none());
    assert_eq!(invoice["paid"], true);
    let line = &invoice["lines"]["data"][0];
    assert_eq!(line["type"], "subscription");
    assert_eq!(line["price"]["object"], "price");
    assert_eq!(line["plan"]["object"], "plan");
    assert!(first(&world, "pi_", before)["invoice"].is_string());
    assert!(first(&world, "ch_", before)["invoice"].is_string());

    let invoice = first(&world, "in_", NEW);
    for gone in ["payment_intent", "charge", "subscription", "paid", "tax"] {
        assert!(invoice.get(gone).is_none(), "{gone}");
    }
    assert!(invoice["parent"]["subscription_details"]["subscription"].is_string());
    assert!(first(&world, "pi_", NEW).get("invoice").is_none());
}

#[test]
fn charges_lie_inside_intents_and_refunds_inside_charges_before_2022_11_15() {
    let world = played(Story::TwoEqualRefunds);
    let intent = first(&world, "pi_", OLD);
    assert!(intent.get("latest_charge").is_none());
    let charge = &intent["charges"]["data"][0];
    assert_eq!(charge["refunds"]["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(charge["refunds"]["total_count"], 2);
    assert!(
        first(&world, "pi_", ApiVersion::V2023_10_16)
            .get("charges")
            .is_none()
    );
    assert!(
        first(&world, "ch_", ApiVersion::V2023_10_16)
            .get("refunds")
            .is_none()
    );
}

#[test]
fn an_event_shows_what_lies_inside_as_it_was_then() {
    let world = played(Story::TwoEqualRefunds);
    let counts: Vec<_> = world
        .events()
        .iter()
        .filter(|event| event.kind == "charge.refunded")
        .map(|event| world.shown(event, OLD)["refunds"]["total_count"].clone())
        .collect();
    assert_eq!(counts, [1, 2]);
    let paid = world.events().iter();
    let paid: Vec<_> = paid
        .filter(|event| event.kind == "payment_intent.succeeded")
        .collect();
    let charge = &world.shown(paid[0], OLD)["charges"]["data"][0];
    assert_eq!(charge["refunds"]["total_count"], 0);
    assert_eq!(charge["status"], "succeeded");
}

#[test]
fn no_hidden_key_is_ever_shown() {
    fn hidden(value: &Value) -> bool {
        match value {
            Value::Object(map) => map
                .iter()
                .any(|(key, value)| key.starts_with('~') || hidden(value)),
            Value::Array(list) => list.iter().any(hidden),
            _ => false,
        }
    }
    let world = full_world(1);
    for version in ApiVersion::TESTED {
        for event in world.events() {
            assert!(!hidden(&world.event(event, version)), "{}", event.kind);
        }
    }
}

#[test]
fn a_session_paid_in_the_customers_currency_is_shown_in_the_shops_own_only_since_basil() {
    let world = played(Story::AdaptivePricing);
    let (old, new) = (first(&world, "cs_", OLD), first(&world, "cs_", NEW));
    assert_eq!(
        (&new["currency"], &old["currency"]),
        (&"usd".into(), &"eur".into())
    );
    assert_eq!(
        new["presentment_details"]["presentment_amount"],
        old["amount_total"]
    );
    assert_eq!(
        old["currency_conversion"]["amount_total"],
        new["amount_total"]
    );
    assert_eq!(old["currency_conversion"]["source_currency"], "usd");
    assert!(old.get("presentment_details").is_none());
}
