//! The domain over the sample events.

use serde_json::json;
use sluice_harness::samples::{as_event, sample, samples};
use sluice_kernel::consume::Event;
use sluice_kernel::domain::Domain;

use crate::{PREFIXES, Payment, Payments};

fn project(event: &Event) -> (String, bool, Payment) {
    let projected = Payments::project(event).expect("readable");
    (projected.object, projected.terminal, projected.state)
}

fn facts(event: &Event) -> Vec<(&'static str, String)> {
    let facts = Payments::facts(event).expect("readable");
    facts
        .into_iter()
        .map(|fact| (fact.kind, fact.object))
        .collect()
}

#[test]
fn every_sample_of_the_domain_can_be_projected_in_every_api_version() {
    for prefix in PREFIXES {
        for (name, snapshot) in samples(prefix) {
            let event = as_event(&snapshot);
            assert!(Payments::handles(&event.kind), "{name}");
            let (object, _, state) = project(&event);
            assert_eq!(json!(object), event.object["id"], "{name}");
            assert_eq!(json!(state.object), event.object["object"], "{name}");
            Payments::facts(&event).expect(&name);
        }
    }
}

#[test]
fn a_purchase_tells_each_fact_once_by_its_owner() {
    let session = sample("checkout.session.completed");
    let intent = sample("payment_intent.succeeded");
    let charge = sample("charge.succeeded");
    assert_eq!(facts(&session), [("OrderPaid", project(&session).0)]);
    assert_eq!(facts(&intent), [("PaymentSucceeded", project(&intent).0)]);
    assert_eq!(facts(&charge), []);
    let (_, terminal, state) = project(&intent);
    assert!(terminal);
    assert_eq!(
        (state.amount, state.currency.as_deref()),
        (Some(4_200), Some("usd"))
    );
    assert_eq!(project(&session).2.payment_intent, Some(project(&intent).0));
}

#[test]
fn a_refund_is_a_fact_once_it_has_succeeded_and_can_still_fail() {
    assert_eq!(facts(&sample("refund.created")), []);
    let mut succeeded = sample("refund.updated");
    succeeded.object["status"] = json!("succeeded");
    let (id, terminal, state) = project(&succeeded);
    assert_eq!(facts(&succeeded), [("Refunded", id)]);
    assert!(!terminal && state.charge.is_some());
    assert!(project(&sample("refund.failed")).1);
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
        (fault.code, fault.cause.as_str()),
        ("object.field_missing", "no text at status")
    );
}

#[test]
fn a_state_written_today_reads_back() {
    let state = project(&sample("charge.refunded")).2;
    let text = serde_json::to_string(&state).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Payment>(&text).expect("readable"),
        state
    );
    let least = r#"{"object":"charge","status":"succeeded"}"#;
    assert_eq!(
        serde_json::from_str::<Payment>(least)
            .expect("readable")
            .amount,
        None
    );
}
