//! What a click on "send test webhook" in Stripe's dashboard posts: an event that never happened.
//!
//! Its id is `evt_00000000000000` for every type and every click, its second lies in 2012, and its object's id has the
//! same form. It is signed like any other event. No list of events contains it, and the API has no such object.

use serde_json::{Value, json};

use crate::templates::template;
use crate::version::ApiVersion;

/// The id of every such event.
pub const CLICK_ID: &str = "evt_00000000000000";

/// The second (Unix) of every such event.
pub const CLICK_CREATED: i64 = 1_326_853_478;

/// For each beginning of a type: the object's template, and the beginning of the object's id.
const OBJECTS: [(&str, &str, &str); 15] = [
    ("account.application.", "application", "ca"),
    ("account.updated", "account", "acct"),
    ("charge.dispute.", "dispute", "dp"),
    ("charge.", "charge", "ch"),
    ("checkout.session.", "checkout_session", "cs"),
    ("customer.subscription.", "subscription", "sub"),
    ("customer.", "customer", "cus"),
    ("invoice.", "invoice", "in"),
    ("payment_intent.", "payment_intent", "pi"),
    ("payout.", "payout", "po"),
    ("price.", "price", "price"),
    ("product.", "product", "prod"),
    ("refund.", "refund", "re"),
    ("topup.", "topup", "tu"),
    ("transfer.", "transfer", "tr"),
];

/// The bytes that a click for this type posts, in the newest shape that the simulation knows. `None` if the simulation
/// lacks the type's object.
#[must_use]
pub fn click_body(kind: &str) -> Option<Vec<u8>> {
    let (_, name, prefix) = OBJECTS.iter().find(|(begin, ..)| kind.starts_with(begin))?;
    let mut object = template(name);
    if let Value::Object(fields) = &mut object {
        fields.retain(|field, _| !field.starts_with('~'));
        let id = json!(format!("{prefix}_00000000000000"));
        fields.insert("id".to_owned(), id);
    }
    let event = json!({
        "created": CLICK_CREATED,
        "livemode": false,
        "id": CLICK_ID,
        "type": kind,
        "object": "event",
        "request": null,
        "pending_webhooks": 1,
        "api_version": ApiVersion::V2025_09_30.name(),
        "data": { "object": object },
    });
    serde_json::to_vec_pretty(&event).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clicked(kind: &str) -> Value {
        let body = click_body(kind).expect("an object that is known here");
        serde_json::from_slice(&body).expect("JSON")
    }

    #[test]
    fn every_click_has_the_same_id_and_second_and_an_object_of_the_types_own_kind() {
        let kinds = [
            ("charge.succeeded", "ch_00000000000000", "charge"),
            ("charge.dispute.created", "dp_00000000000000", "dispute"),
            (
                "customer.subscription.updated",
                "sub_00000000000000",
                "subscription",
            ),
            ("customer.created", "cus_00000000000000", "customer"),
            (
                "account.application.deauthorized",
                "ca_00000000000000",
                "application",
            ),
        ];
        for (kind, id, object) in kinds {
            let event = clicked(kind);
            assert_eq!(
                (&event["id"], &event["type"]),
                (&json!(CLICK_ID), &json!(kind))
            );
            assert_eq!(event["created"], CLICK_CREATED);
            assert_eq!(
                (&event["livemode"], &event["pending_webhooks"]),
                (&json!(false), &json!(1))
            );
            assert!(event["request"].is_null() && event.get("account").is_none());
            assert_eq!(event["data"]["object"]["id"], id);
            assert_eq!(event["data"]["object"]["object"], object);
        }
        assert_eq!(click_body("issuing_card.created"), None);
    }

    #[test]
    fn every_template_that_is_named_is_there_and_nothing_hidden_is_shown() {
        for (begin, ..) in OBJECTS {
            let event = clicked(begin);
            let fields = event["data"]["object"].as_object().expect("an object");
            assert!(fields.keys().all(|key| !key.starts_with('~')), "{begin}");
        }
    }
}
