//! What leaves Sluice: the schemas of its effects, and the means to hold the domains to them.
//!
//! The schemas are the files beside this crate, `<kind>.json`, one for each kind of effect, for people and programs
//! that know nothing of Rust; `README.md` has the catalogue. This crate is for tests: it checks an effect against its
//! schema ([`check`]), tells which event types are a domain's ([`routed`]), and plays the simulated Stripe's stories
//! through a domain ([`stories`]), in every order of each object's events ([`orders`]).

pub mod orders;
pub mod stories;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;
use sluice_kernel::bus::route::{self, Route, Shape};
use sluice_kernel::domain::Domain;
use sluice_kernel::effects::effect::Pending;
/// What stories are told in.
pub use sluice_stripe_sim::ApiVersion;

/// `include_str!` for every schema.
macro_rules! schemas {
    ($($kind:literal),* $(,)?) => {
        /// Every kind of effect with its schema, as JSON.
        pub const SCHEMAS: &[(&str, &str)] = &[
            $(($kind, include_str!(concat!("../", $kind, ".json")))),*
        ];
    };
}

schemas![
    "Access",
    "AccountReady",
    "AuthorizationReleased",
    "Dispute",
    "DisputeClosed",
    "DisputeOpened",
    "InquiryOpened",
    "InvoiceOverdue",
    "InvoicePaid",
    "InvoicePaymentFailed",
    "OrderPaid",
    "PaymentFailed",
    "PaymentSucceeded",
    "PayoutFailed",
    "PayoutPaid",
    "RefundFailed",
    "Refunded",
    "TrialEnding",
];

/// Checks an effect as it goes on the bus against its kind's schema.
///
/// # Errors
/// What is wrong with it, for people.
///
/// # Panics
/// Where a schema isn't one, which a test rules out.
pub fn check(effect: &Pending) -> Result<(), String> {
    let validator = validators()
        .get(&*effect.kind)
        .ok_or_else(|| format!("no schema of {}", effect.kind))?;
    let errors = validator.iter_errors(&effect.detail);
    let errors: Vec<_> = errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    match &*errors {
        [] => Ok(()),
        errors => Err(format!("{}: {}", effect.id, errors.join("; "))),
    }
}

fn validators() -> &'static BTreeMap<&'static str, Validator> {
    static VALIDATORS: OnceLock<BTreeMap<&str, Validator>> = OnceLock::new();
    VALIDATORS.get_or_init(|| {
        let compile = |(kind, text): &(&'static str, &str)| {
            let schema: Value = serde_json::from_str(text).expect("a schema is JSON");
            (
                *kind,
                jsonschema::draft202012::new(&schema).expect("a schema"),
            )
        };
        SCHEMAS.iter().map(compile).collect()
    })
}

/// The event types that are this domain's, as the domain sees them: without the `v1.` of thin ones.
pub fn routed(domain: &str) -> Vec<&'static str> {
    types()
        .filter(|(.., place)| *place == domain)
        .map(|(kind, ..)| kind.strip_prefix("v1.").unwrap_or(kind))
        .collect()
}

/// Where a type goes, written as Stripe writes it (with the `v1.` of thin ones): a domain, or `ledger`. `None` for a type
/// that the table doesn't have.
pub fn place_of(kind: &str) -> Option<&'static str> {
    let mut types = types();
    types
        .find(|(known, ..)| *known == kind)
        .map(|(.., place)| place)
}

/// Every type with its shape (`snapshot` or `thin`) and its place.
pub fn types() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    route::rows().map(|(kind, shape, to)| {
        let shape = match shape {
            Shape::Snapshot => "snapshot",
            Shape::Thin => "thin",
        };
        match to {
            Route::Domain(domain) => (kind, shape, domain),
            Route::LedgerOnly(_) | Route::Unrouted => (kind, shape, "ledger"),
        }
    })
}

/// Holds a domain's `handles` to the table: what is routed to it is handled, but for the types named in `but`, and what is
/// routed elsewhere isn't.
///
/// # Panics
/// Where they differ, with the type.
pub fn handles_what_is_routed<D: Domain>(but: &[&str]) {
    let ours = routed(D::NAME);
    assert!(!ours.is_empty(), "{} has no types in the table", D::NAME);
    for kind in &ours {
        assert_eq!(D::handles(kind), !but.contains(kind), "{kind}");
    }
    // A thin twin may stay in the ledger, because its object has no address of its own: it doesn't come here.
    for (kind, _, place) in types().filter(|(.., place)| *place != D::NAME) {
        let kind = kind.strip_prefix("v1.").unwrap_or(kind);
        assert!(ours.contains(&kind) || !D::handles(kind), "{kind}: {place}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn effect(kind: &str, detail: Value) -> Pending {
        Pending {
            id: "an id".to_owned(),
            kind: kind.to_owned(),
            event: "evt_1".to_owned(),
            detail,
        }
    }

    fn refunded() -> Value {
        json!({
            "id": "Refunded#platform#live#re_1", "class": "fact", "account": null, "livemode": true,
            "object": "re_1", "event": "evt_1", "created": 1_767_603_600,
            "data": { "amount": 1200, "currency": "usd", "charge": "ch_1", "payment_intent": null },
        })
    }

    #[test]
    fn a_whole_effect_is_accepted_and_one_that_may_grow_too() {
        assert_eq!(check(&effect("Refunded", refunded())), Ok(()));
        let mut grown = refunded();
        grown["more"] = json!("later");
        assert_eq!(check(&effect("Refunded", grown)), Ok(()));
    }

    #[test]
    fn what_a_forced_replay_tells_again_names_it() {
        let mut again = refunded();
        again["id"] = json!("Refunded#platform#live#re_1#replay-1");
        again["generation"] = json!("replay-1");
        assert_eq!(check(&effect("Refunded", again.clone())), Ok(()));
        again["generation"] = json!("a#b");
        assert!(check(&effect("Refunded", again)).is_err());
    }

    #[test]
    fn what_is_missing_misspelt_or_a_fraction_is_refused() {
        let wrong = [
            ("id", json!("Refunded#re_1")),
            ("class", json!("level")),
            ("account", json!("re_1")),
            (
                "data",
                json!({ "amount": 1200, "currency": "usd", "charge": "ch_1" }),
            ),
            (
                "data",
                json!({ "amount": 12.5, "currency": "usd", "charge": "ch_1", "payment_intent": null }),
            ),
            (
                "data",
                json!({ "amount": 1200, "currency": "USD", "charge": "ch_1", "payment_intent": null }),
            ),
            (
                "data",
                json!({ "amount": 1, "currency": "usd", "charge": null, "payment_intent": null, "more": 1 }),
            ),
        ];
        for (field, value) in wrong {
            let mut detail = refunded();
            detail[field] = value;
            assert!(check(&effect("Refunded", detail)).is_err(), "{field}");
        }
        assert!(check(&effect("Nothing", refunded())).is_err());
    }

    #[test]
    fn every_schema_says_the_same_of_what_effects_have_in_common() {
        let mut envelopes: BTreeMap<String, Value> = BTreeMap::new();
        for (kind, text) in SCHEMAS {
            let mut schema: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(schema["title"], *kind);
            assert!(schema["description"].is_string(), "{kind}");
            let data = &schema["properties"]["data"];
            assert_eq!(data["additionalProperties"], false, "{kind}");
            let class = schema["properties"]["class"]["const"]
                .as_str()
                .expect("a class")
                .to_owned();
            for own in ["title", "description"] {
                schema[own] = Value::Null;
            }
            schema["properties"]["data"] = Value::Null;
            let envelope: Value =
                serde_json::from_str(&schema.to_string().replace(kind, "Kind")).expect("JSON");
            let first = envelopes.entry(class).or_insert_with(|| envelope.clone());
            assert_eq!(*first, envelope, "{kind}");
        }
        assert_eq!(envelopes.len(), 2);
    }
}
