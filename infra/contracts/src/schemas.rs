//! The schemas, and the check of effects against them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;
use sluice_kernel::effects::effect::Pending;

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

/// Checks an effect, as it is put on the bus, against its kind's schema.
///
/// # Errors
/// What is wrong with it, for people.
///
/// # Panics
/// If a schema file isn't a valid schema; a test rules that out.
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
    fn what_a_forced_replay_emits_again_names_it() {
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
