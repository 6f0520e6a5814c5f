//! Digests of objects: what a candidate keeps of an object, for comparison with another's.
//!
//! Two objects have the same digest if they say the same. The order of keys doesn't count, and a key whose value is
//! `null` counts as absent, because `previous_attributes` says `null` for a key that was not there before.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Half of a SHA-256: enough to distinguish objects, which can't be forged because events are signed.
const BYTES: usize = 16;

/// The digest of an object: equal for equal objects. It has 16 bytes, written as 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; BYTES]);

impl Digest {
    /// The digest of an object as it is.
    pub fn of(object: &Value) -> Self {
        let mut hash = Sha256::new();
        feed(&mut hash, object);
        let mut digest = [0; BYTES];
        digest.copy_from_slice(&hash.finalize()[..BYTES]);
        Self(digest)
    }

    /// The digest of an object as it was before the change that `previous` describes. `previous` is Stripe's
    /// `previous_attributes`, which names every changed attribute with its earlier value. Nested objects are given by
    /// their changed keys, lists as a whole.
    ///
    /// If `previous` leaves a changed attribute out, this is the digest of an object that never existed: it links to
    /// nothing.
    pub fn before(object: &Value, previous: &Value) -> Self {
        let mut object = object.clone();
        undo(&mut object, previous);
        Self::of(&object)
    }
}

fn undo(object: &mut Value, previous: &Value) {
    match (object, previous) {
        (Value::Object(object), Value::Object(previous)) => {
            for (key, value) in previous {
                undo(object.entry(key).or_insert(Value::Null), value);
            }
        }
        (object, previous) => *object = previous.clone(),
    }
}

/// Each value is hashed with its kind and length, so no two values are hashed as the same bytes.
fn feed(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Null => hash.update(b"n"),
        Value::Bool(value) => hash.update(if *value { b"t" } else { b"f" }),
        Value::Number(value) => feed_text(hash, b'd', &value.to_string()),
        Value::String(value) => feed_text(hash, b's', value),
        Value::Array(values) => {
            feed_length(hash, b'l', values.len());
            for value in values {
                feed(hash, value);
            }
        }
        Value::Object(object) => {
            let mut entries: Vec<_> = object
                .iter()
                .filter(|(_, value)| !value.is_null())
                .collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            feed_length(hash, b'o', entries.len());
            for (key, value) in entries {
                feed_text(hash, b'k', key);
                feed(hash, value);
            }
        }
    }
}

fn feed_text(hash: &mut Sha256, kind: u8, text: &str) {
    feed_length(hash, kind, text.len());
    hash.update(text);
}

fn feed_length(hash: &mut Sha256, kind: u8, length: usize) {
    hash.update([kind]);
    hash.update(u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
}

impl Serialize for Digest {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        serializer.collect_str(&format_args!("{:032x}", u128::from_be_bytes(self.0)))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.len() == 2 * BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u128::from_str_radix(&text, 16)
            .ok()
            .filter(|_| digits)
            .map(|number| Self(number.to_be_bytes()))
            .ok_or_else(|| T::Error::custom("a digest is 32 hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn neither_the_order_of_keys_nor_a_null_makes_a_difference() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":{"c":"x"},"d":null}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b":{"e":null,"c":"x"},"a":1}"#).unwrap();
        assert_eq!(Digest::of(&one), Digest::of(&other));
    }

    #[test]
    fn whatever_is_said_otherwise_makes_a_difference() {
        let values = [
            json!({"a": 1}),
            json!({"a": "1"}),
            json!({"a": true}),
            json!({"a": [1]}),
            json!({"a": [[1]]}),
            json!({"a": {"1": 1}}),
            json!({"a": [null]}),
            json!({"a": []}),
            json!({"a": {}}),
            json!({"a": ["b", "c"]}),
            json!({"a": ["bc"]}),
            json!({"ab": 1}),
            json!({}),
        ];
        let digests: std::collections::BTreeSet<_> = values.iter().map(Digest::of).collect();
        assert_eq!(digests.len(), values.len());
    }

    #[test]
    fn previous_attributes_lead_back_to_the_object_that_was() {
        let was = json!({
            "status": "incomplete",
            "metadata": {"plan": "a", "gone": "y"},
            "items": {"object": "list", "data": [{"id": "si_1", "quantity": 1}]},
            "discount": {"id": "di_1", "coupon": {"id": "c"}},
            "cancel_at": null,
        });
        let is = json!({
            "status": "active",
            "metadata": {"plan": "b", "new": "x"},
            "items": {"object": "list", "data": [{"id": "si_1", "quantity": 2}, {"id": "si_2", "quantity": 1}]},
            "discount": null,
            "cancel_at": 1_700_000_000,
        });
        let previous = json!({
            "status": "incomplete",
            "metadata": {"plan": "a", "new": null, "gone": "y"},
            "items": {"data": [{"id": "si_1", "quantity": 1}]},
            "discount": {"id": "di_1", "coupon": {"id": "c"}},
            "cancel_at": null,
        });
        assert_eq!(Digest::before(&is, &previous), Digest::of(&was));
        assert_ne!(
            Digest::before(&is, &json!({"status": "incomplete"})),
            Digest::of(&was)
        );
    }

    #[test]
    fn a_digest_is_read_as_it_was_written_and_nothing_else_is() {
        let digest = Digest::of(&json!({"a": 1}));
        let written = serde_json::to_string(&digest).unwrap();
        assert_eq!(written.len(), 34);
        assert_eq!(serde_json::from_str::<Digest>(&written).unwrap(), digest);
        for wrong in ["\"\"", "\"+0000000000000000000000000000000\"", "\"00\""] {
            assert!(serde_json::from_str::<Digest>(wrong).is_err(), "{wrong}");
        }
    }
}
