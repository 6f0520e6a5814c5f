//! Whether a body fulfils conditions. It is read as Stripe sent it: no tree is built, and a number stays its text.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::condition::{Condition, Conditions, Segment, Test, Value};
use super::number::Decimal;

/// What a body is to conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All hold.
    Matches,
    /// One doesn't.
    Differs,
    /// It isn't JSON, or not in UTF-8.
    NotJson,
}

impl Conditions {
    /// Looks at a body.
    pub fn judge(&self, body: &[u8]) -> Verdict {
        let Ok(whole) = serde_json::from_slice::<&RawValue>(body) else {
            return Verdict::NotJson;
        };
        let mut search = Search {
            conditions: self.all(),
            holds: vec![false; self.all().len()],
        };
        let paths = self.all().iter().enumerate();
        let paths: Vec<_> = paths.map(|(at, one)| (at, one.path.as_slice())).collect();
        match search.look(whole.get(), &paths) {
            Err(_) => Verdict::NotJson,
            Ok(()) if search.holds.iter().all(|holds| *holds) => Verdict::Matches,
            Ok(()) => Verdict::Differs,
        }
    }
}

/// A condition's index, and what is left of its path.
type Left<'c> = (usize, &'c [Segment]);

struct Search<'c> {
    conditions: &'c [Condition],
    holds: Vec<bool>,
}

impl<'c> Search<'c> {
    /// Looks at the JSON text of a value that these paths have led to.
    fn look(&mut self, json: &str, paths: &[Left<'c>]) -> Result<(), serde_json::Error> {
        let mut further = Vec::new();
        for (condition, path) in paths {
            match path {
                [] => self.holds[*condition] |= self.conditions[*condition].test.holds(json),
                _ if !self.holds[*condition] => further.push((*condition, *path)),
                _ => {}
            }
        }
        let inside = Inside {
            search: self,
            paths: further,
        };
        if inside.paths.is_empty() {
            return Ok(());
        }
        let mut deserializer = serde_json::Deserializer::from_str(json);
        match json.as_bytes().first() {
            Some(b'{') => deserializer.deserialize_map(inside),
            Some(b'[') => deserializer.deserialize_seq(inside),
            _ => Ok(()),
        }
    }
}

/// Goes through an object or an array, and into those of its values that a path names.
struct Inside<'s, 'c> {
    search: &'s mut Search<'c>,
    paths: Vec<Left<'c>>,
}

impl<'c> Inside<'_, 'c> {
    /// What is left of the paths that go on here.
    fn through(&self, is_on_path: impl Fn(&Segment) -> bool) -> Vec<Left<'c>> {
        let paths = self.paths.iter().filter_map(|(condition, path)| {
            let (first, rest) = path.split_first()?;
            is_on_path(first).then_some((*condition, rest))
        });
        paths.collect()
    }
}

/// A name, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Inside<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let paths = self.through(|first| matches!(first, Segment::Name(one) if *one == name));
            if paths.is_empty() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: &RawValue = map.next_value()?;
            self.search
                .look(value.get(), &paths)
                .map_err(A::Error::custom)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut at = 0;
        while let Some(value) = seq.next_element::<&RawValue>()? {
            let paths = self.through(|first| match first {
                Segment::Any => true,
                Segment::Index(index) => *index == at,
                Segment::Name(_) => false,
            });
            if !paths.is_empty() {
                self.search
                    .look(value.get(), &paths)
                    .map_err(A::Error::custom)?;
            }
            at += 1;
        }
        Ok(())
    }
}

impl Test {
    /// Whether it holds for a value, by its JSON text.
    fn holds(&self, json: &str) -> bool {
        match self {
            Self::Exists => true,
            Self::Equal(value) => value.is(json),
            Self::Differs(value) => !value.is(json),
            Self::Contains(value) => text(json).is_some_and(|text| text.contains(value.text())),
            Self::Less(number) => Decimal::read(json).is_some_and(|it| it < number.decimal),
            Self::More(number) => Decimal::read(json).is_some_and(|it| it > number.decimal),
        }
    }
}

impl Value {
    fn is(&self, json: &str) -> bool {
        match (self, text(json)) {
            (Self::Word { text, .. } | Self::Text(text), Some(found)) => *text == found,
            (Self::Text(_), None) => false,
            (Self::Word { text, number }, None) => match number {
                Some(number) => Decimal::read(json).as_ref() == Some(number),
                None => matches!(text.as_str(), "true" | "false" | "null") && text == json,
            },
        }
    }
}

/// A text, without its escapes; none for another value.
fn text(json: &str) -> Option<Cow<'_, str>> {
    let is_text = json.starts_with('"');
    let name = is_text.then(|| serde_json::from_str::<Name<'_>>(json).ok())??;
    Some(name.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::*;

    const BODY: &str = r#"{ "id":"evt_1", "big":9007199254740993, "exact":0.10, "none":null, "live":false,
        "data":{"object":{"amount":1e3,"metadata":{"order":"1234","my key":"Gr\u00fc\u00dfe, \"Ann\"","n\u0061me":"x","":"e"},
        "lines":{"data":[{"price":{"id":"price_1"},"tags":["a","b"]},{"price":{"id":"price_2"},"tags":[]}]}}} }"#;

    fn judge(condition: &str, body: &[u8]) -> Verdict {
        let conditions = condition.parse::<Conditions>();
        conditions
            .unwrap_or_else(|wrong| panic!("{condition}: {wrong}"))
            .judge(body)
    }

    #[test]
    fn a_body_is_found_by_what_is_at_a_path() {
        for (condition, is_found) in [
            ("data.object.metadata.order = 1234", true),
            (r#"data.object.metadata.order = "1234""#, true),
            ("data.object.metadata.order = 1234.0", false),
            ("data.object.metadata.order > 1000", false),
            (r#"data.object.metadata."my key" ~ Grüße"#, true),
            (r#"data.object.metadata."my key" ~ "\"Ann\"""#, true),
            ("data.object.metadata.name = x", true),
            (r#"data.object.metadata."" = e"#, true),
            ("big = 9007199254740993", true),
            ("big = 9007199254740992", false),
            ("big > 9007199254740992", true),
            ("big < 9007199254740993", false),
            ("exact = 0.1", true),
            (r#"exact = "0.10""#, false),
            ("data.object.amount = 1000", true),
            ("data.object.amount != 1000", false),
            ("live = false", true),
            (r#"live = "false""#, false),
            ("none = null", true),
            ("none exists", true),
            ("none != 1", true),
            ("missing != 1", false),
            ("missing exists", false),
            ("id ~ evt", true),
            ("id ~ EVT", false),
            ("data.object.lines.data[*].price.id = price_2", true),
            ("data.object.lines.data[0].price.id = price_2", false),
            ("data.object.lines.data[1].price.id = price_2", true),
            ("data.object.lines.data[*].tags[*] = b", true),
            ("data.object.lines.data[1].tags[*] exists", false),
            ("data.object.lines.data[*].tags[*] != a", true),
            ("data.object.lines.data[2] exists", false),
            ("data.object.lines.data.price exists", false),
            ("data.object[0] exists", false),
            ("id.x exists", false),
            ("data.object exists and id = evt_1 and live = false", true),
            ("data.object exists and id = evt_2", false),
        ] {
            let expected = match is_found {
                true => Verdict::Matches,
                false => Verdict::Differs,
            };
            assert_eq!(judge(condition, BODY.as_bytes()), expected, "{condition}");
        }
    }

    #[test]
    fn what_is_not_json_is_said_and_never_matches() {
        for body in [
            &b""[..],
            b"name=Ann",
            b"{\"a\":",
            b"{\"a\":1} x",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":01}",
        ] {
            assert_eq!(judge("a exists", body), Verdict::NotJson);
        }
        assert_eq!(judge("a exists", b"7"), Verdict::Differs);
    }

    #[test]
    fn a_body_nested_deeper_than_any_stack_is_looked_at() {
        let deep = format!(
            "{{\"a\":{}1{},\"b\":2}}",
            "[".repeat(500_000),
            "]".repeat(500_000)
        );
        assert_eq!(judge("b = 2", deep.as_bytes()), Verdict::Matches);
        assert_eq!(
            judge("a[0][0][*] exists", deep.as_bytes()),
            Verdict::Matches
        );
    }

    /// The same by the book, over a tree: for bodies whose numbers are integers.
    fn naive(condition: &Condition, body: &Json) -> bool {
        let mut found = vec![body.clone()];
        for segment in &condition.path {
            let step = |value: Json| -> Vec<Json> {
                match (segment, value) {
                    (Segment::Name(name), Json::Object(mut map)) => {
                        map.remove(name).into_iter().collect()
                    }
                    (Segment::Index(index), Json::Array(all)) => {
                        all.get(*index).cloned().into_iter().collect()
                    }
                    (Segment::Any, Json::Array(all)) => all,
                    _ => Vec::new(),
                }
            };
            found = found.into_iter().flat_map(step).collect();
        }
        let is = |value: &Value, json: &Json| match value {
            Value::Text(text) => json == text.as_str(),
            Value::Word { text, .. } => {
                json == text.as_str()
                    || serde_json::from_str::<Json>(text).is_ok_and(|it| it == *json)
            }
        };
        found.iter().any(|json| match &condition.test {
            Test::Exists => true,
            Test::Equal(value) => is(value, json),
            Test::Differs(value) => !is(value, json),
            Test::Contains(value) => json.as_str().is_some_and(|it| it.contains(value.text())),
            Test::Less(number) => json
                .as_i64()
                .is_some_and(|it| it < number.text.parse().expect("an integer")),
            Test::More(number) => json
                .as_i64()
                .is_some_and(|it| it > number.text.parse().expect("an integer")),
        })
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            (-3_i64..4).prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            "[0-3ab\"\\\\é\n]{0,2}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map("[ab\"\\\\é ]{0,1}", inner, 0..4)
                    .prop_map(Json::from_iter),
            ]
        })
    }

    fn condition() -> impl Strategy<Value = String> {
        let segment = prop_oneof![
            Just("[*]".to_owned()),
            (0_usize..3).prop_map(|index| format!("[{index}]")),
            "[ab\"\\\\é ]{0,1}".prop_map(|name| format!(".{}", Json::from(name))),
        ];
        let test = prop_oneof![
            Just("exists".to_owned()),
            (
                "(=|!=|~)",
                "(0|1|-2|a|b|true|null|\"1\"|\"é\"|\"\\\\\\\\\"|\"\")"
            )
                .prop_map(|(op, value)| format!("{op} {value}")),
            ("(<|>)", -3_i64..4).prop_map(|(op, value)| format!("{op} {value}")),
        ];
        let path = prop::collection::vec(segment, 1..4);
        (path, test).prop_map(|(path, test)| {
            let path = path.concat();
            format!("{} {test}", path.strip_prefix('.').unwrap_or(&path))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_body_is_judged_as_a_tree_of_it_is(body in json(), condition in condition(), is_pretty: bool) {
            let conditions: Conditions = condition.parse().expect("a condition");
            let text = match is_pretty {
                true => serde_json::to_string_pretty(&body),
                false => serde_json::to_string(&body),
            };
            let found = conditions.judge(text.expect("JSON").as_bytes());
            let expected = match naive(&conditions.all()[0], &body) {
                true => Verdict::Matches,
                false => Verdict::Differs,
            };
            prop_assert_eq!(found, expected, "{} {}", condition, body);
        }
    }
}
