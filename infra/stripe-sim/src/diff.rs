//! `previous_attributes`: what Stripe shows of an object's state before an update, and its inverse.

use serde_json::{Map, Value};

/// The old value of each changed key: for hashes only their changed keys, for lists the whole list, null for a key that
/// did not exist.
#[must_use]
pub fn previous_attributes(before: &Value, after: &Value) -> Value {
    let nothing = Map::new();
    let old = before.as_object().unwrap_or(&nothing);
    let new = after.as_object().unwrap_or(&nothing);
    let mut previous = Map::new();
    for key in old
        .keys()
        .chain(new.keys().filter(|key| !old.contains_key(*key)))
    {
        let was = old.get(key).unwrap_or(&Value::Null);
        let is = new.get(key).unwrap_or(&Value::Null);
        if was == is {
            continue;
        }
        let shown = if was.is_object() && is.is_object() {
            previous_attributes(was, is)
        } else {
            was.clone()
        };
        previous.insert(key.clone(), shown);
    }
    Value::Object(previous)
}

/// The object as it was before the update: the inverse of [`previous_attributes`], except for nulls, which may stand
/// for an absent key.
#[must_use]
pub fn restore(after: &Value, previous: &Value) -> Value {
    match (after, previous) {
        (Value::Object(now), Value::Object(then)) => {
            let mut restored = now.clone();
            for (key, was) in then {
                let is = now.get(key).unwrap_or(&Value::Null);
                restored.insert(key.clone(), restore(is, was));
            }
            Value::Object(restored)
        }
        _ => previous.clone(),
    }
}

/// The value without null members, so that "null" and "absent" compare equal.
#[must_use]
pub fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(_, member)| !member.is_null())
                .map(|(key, member)| (key.clone(), without_nulls(member)))
                .collect(),
        ),
        Value::Array(list) => Value::Array(list.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hashes_are_shown_by_changed_keys_and_lists_as_a_whole() {
        let before =
            json!({ "status": "open", "same": 1, "list": [1, 2], "hash": { "a": 1, "b": 2 } });
        let after = json!({ "status": "paid", "same": 1, "list": [1, 3], "hash": { "a": 1, "b": 3, "c": 4 } });
        let previous = previous_attributes(&before, &after);
        assert_eq!(
            previous,
            json!({ "status": "open", "list": [1, 2], "hash": { "b": 2, "c": null } })
        );
        assert_eq!(without_nulls(&restore(&after, &previous)), before);
    }

    #[test]
    fn a_hash_that_comes_or_goes_is_shown_as_a_whole() {
        let without = json!({ "error": null });
        let with = json!({ "error": { "code": "declined" } });
        for (before, after) in [(&without, &with), (&with, &without)] {
            let previous = previous_attributes(before, after);
            assert_eq!(&previous, before);
            assert_eq!(&restore(after, &previous), before);
        }
    }
}
