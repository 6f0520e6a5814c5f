//! Parts of a JSON document as raw text, however odd the rest of it is.
//!
//! Only the syntax is checked, to the document's end. Numbers such as `1e999`, lone surrogates, duplicate keys and any
//! depth of nesting are no errors here. [`serde_json::Value`] has a largest number and accepts only valid Unicode and
//! 127 levels. Reading is iterative, so depth costs no stack. If a key occurs twice, the last one counts, as in
//! JavaScript, Python, Go and the bus. Keys are compared after their escapes are resolved.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The text of the last value under each of `keys` in a JSON object; `None` for a key that isn't there.
///
/// # Errors
/// If the text is no JSON object from its first to its last byte, ignoring white space.
pub fn last_values<'a, const N: usize>(
    json: &'a str,
    keys: [&str; N],
) -> Result<[Option<&'a str>; N], serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let values = deserializer.deserialize_map(LastValues { keys })?;
    deserializer.end()?;
    Ok(values)
}

/// [`last_values`] of a value that was already found to be JSON; `None` if it is no object.
pub fn last_values_of<'a, const N: usize>(
    json: &'a str,
    keys: [&str; N],
) -> Option<[Option<&'a str>; N]> {
    is_object(json).then(|| last_values(json, keys).ok())?
}

/// Whether a JSON document is an object, judged by its beginning.
pub fn is_object(json: &str) -> bool {
    json.trim_start_matches([' ', '\t', '\n', '\r'])
        .starts_with('{')
}

/// A JSON value's text as a string; `None` for other types and for lone surrogates.
pub fn string(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(value).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

struct LastValues<'k, const N: usize> {
    keys: [&'k str; N],
}

impl<'de, const N: usize> Visitor<'de> for LastValues<'_, N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        // Keys are read raw as well: one that isn't valid Unicode must not spoil the rest.
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            let slot = string(key.get())
                .and_then(|key| self.keys.iter().position(|&wanted| wanted == key));
            match slot {
                Some(slot) => values[slot] = Some(map.next_value::<&'de RawValue>()?.get()),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(values)
    }
}
