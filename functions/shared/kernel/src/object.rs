//! Reading fields of Stripe's objects.
//!
//! Shapes differ by API version, and a domain ignores fields that it doesn't use: it names the fields that it needs,
//! one by one. If a needed field is missing, the fault is a `Reject` that names the field; the value itself is never
//! quoted.

use serde_json::Value;

use crate::code;
use crate::fault::Fault;

/// A Stripe object, to be read field by field. Paths are JSON pointers without the leading slash: `price/id`.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    value: &'a Value,
}

impl<'a> Fields<'a> {
    /// Reads from this object.
    pub fn of(value: &'a Value) -> Self {
        Self { value }
    }

    /// The field, unless it is absent or null.
    pub fn get(self, path: &str) -> Option<&'a Value> {
        let found = path
            .split('/')
            .try_fold(self.value, |value, key| value.get(key));
        found.filter(|value| !value.is_null())
    }

    /// Whether the object has the field at all, null or not: newer shapes leave out fields of older ones.
    pub fn has(self, path: &str) -> bool {
        let found = path
            .split('/')
            .try_fold(self.value, |value, key| value.get(key));
        found.is_some()
    }

    /// A text.
    ///
    /// # Errors
    /// `Reject` with `object.field_missing`.
    pub fn text(self, path: &str) -> Result<&'a str, Fault> {
        self.optional_text(path)
            .ok_or_else(|| missing(path, "text"))
    }

    /// A text that may be absent.
    pub fn optional_text(self, path: &str) -> Option<&'a str> {
        self.get(path)?.as_str()
    }

    /// A text that may be null but must be present: an object without the field is another kind of object.
    ///
    /// # Errors
    /// `Reject` with `object.field_missing`.
    pub fn nullable_text(self, path: &str) -> Result<Option<&'a str>, Fault> {
        match self.has(path) && self.get(path).is_none() {
            true => Ok(None),
            false => self.text(path).map(Some),
        }
    }

    /// A whole number: an amount in minor units, a time in Unix seconds.
    ///
    /// # Errors
    /// `Reject` with `object.field_missing`.
    pub fn integer(self, path: &str) -> Result<i64, Fault> {
        self.optional_integer(path)
            .ok_or_else(|| missing(path, "whole number"))
    }

    /// A whole number that may be absent.
    pub fn optional_integer(self, path: &str) -> Option<i64> {
        self.get(path)?.as_i64()
    }

    /// A flag; absent is false.
    pub fn flag(self, path: &str) -> bool {
        self.get(path).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The id of another object, whether the field holds the id or the object itself (Stripe expands fields).
    pub fn optional_id(self, path: &str) -> Option<&'a str> {
        let value = self.get(path)?;
        value.as_str().or_else(|| value.get("id")?.as_str())
    }

    /// The elements of a list, whether the field is an array or Stripe's list object.
    pub fn list(self, path: &str) -> impl Iterator<Item = Fields<'a>> {
        let list = self
            .get(path)
            .and_then(|list| list.as_array().or_else(|| list.get("data")?.as_array()));
        list.into_iter().flatten().map(Fields::of)
    }
}

fn missing(path: &str, what: &str) -> Fault {
    Fault::reject(code::OBJECT_FIELD_MISSING, format!("no {what} at {path}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missing_field_is_named_and_a_wrong_value_is_not_quoted() {
        let object = json!({ "status": 7, "amount": "secret", "nothing": null });
        let fields = Fields::of(&object);
        assert_eq!(
            fields.text("status").unwrap_err().cause,
            "no text at status"
        );
        assert_eq!(
            fields.integer("amount").unwrap_err().cause,
            "no whole number at amount"
        );
        assert!(fields.get("nothing").is_none() && !fields.flag("nothing"));
        assert!(fields.has("nothing") && !fields.has("status/nothing"));
        assert_eq!(fields.nullable_text("nothing"), Ok(None));
        assert!(fields.nullable_text("absent").is_err());
    }

    #[test]
    fn an_id_is_read_from_an_expanded_field_too() {
        let object = json!({ "a": "cus_1", "b": { "id": "cus_2" }, "items": { "data": [{ "price": { "id": "p" } }] } });
        let fields = Fields::of(&object);
        assert_eq!(
            (fields.optional_id("a"), fields.optional_id("b")),
            (Some("cus_1"), Some("cus_2"))
        );
        let prices: Vec<_> = fields
            .list("items")
            .map(|item| item.optional_id("price"))
            .collect();
        assert_eq!(prices, [Some("p")]);
    }
}
