//! Sample events: read from `tests/events/stripe`, made fresh, otherwise unchanged byte for byte.
//!
//! A fresh event has a new id and is created now. Only those two values are replaced: an event's numbers, escapes,
//! duplicate keys and order of keys are part of what is tested.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sluice_stripe_sim::iso;

use crate::problem::Problem;

/// An event ready to be signed and posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// `evt_…`.
    pub id: String,
    /// Stripe's type.
    pub kind: String,
    /// The account, if the event is a connected account's.
    pub account: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Sample {
    /// The sample of this name, `<type>` or `<type>.<variant>`, unchanged.
    ///
    /// # Errors
    /// When there is none; the error lists similar names.
    pub fn named(root: &Path, name: &str) -> Result<Self, Problem> {
        let folder = root.join("tests/events/stripe");
        let path = folder.join(format!("{name}.json"));
        if !path.is_file() {
            return Err(Problem::file(
                &path,
                format!("there is no such sample; {}", alike(&folder, name)),
            ));
        }
        Self::of_file(&path)
    }

    /// An event in a file, unchanged.
    ///
    /// # Errors
    /// When the file isn't an event.
    pub fn of_file(path: &Path) -> Result<Self, Problem> {
        let body = fs::read(path).map_err(|error| Problem::file(path, error))?;
        Self::of_body(body).map_err(|what| Problem::file(path, what))
    }

    /// An event from these bytes, unchanged.
    ///
    /// # Errors
    /// Why the bytes aren't an event.
    pub fn of_body(body: Vec<u8>) -> Result<Self, String> {
        let fields: Fields = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let text = |name: &str| fields.text(name);
        let id = text("id").ok_or("has no id")?;
        let kind = text("type").ok_or("has no type")?;
        // A thin event names its account as the last part of its context.
        let context =
            text("context").and_then(|context| Some(context.rsplit('/').next()?.to_owned()));
        let account = text("account").or(context);
        Ok(Self {
            id,
            kind,
            account,
            body,
        })
    }

    /// The same event under a new id, created `at`.
    ///
    /// # Errors
    /// When the body isn't an event any more.
    pub fn fresh(&self, at: SystemTime) -> Result<Self, String> {
        let mut fields: Fields =
            serde_json::from_slice(&self.body).map_err(|error| error.to_string())?;
        let id = fresh_id(&self.id);
        for (name, value) in &mut fields.0 {
            let new = match name.as_str() {
                "id" => format!("{id:?}"),
                // Thin events have it as a date, snapshots in seconds.
                "created" if value.get().starts_with('"') => {
                    format!("\"{}\"", iso::written(millis(at)))
                }
                "created" => seconds(at).to_string(),
                _ => continue,
            };
            *value = RawValue::from_string(new).map_err(|error| error.to_string())?;
        }
        Ok(Self {
            id,
            body: fields.to_string().into_bytes(),
            ..self.clone()
        })
    }
}

/// Unix seconds.
#[must_use]
pub fn seconds(at: SystemTime) -> i64 {
    millis(at) / 1_000
}

fn millis(at: SystemTime) -> i64 {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn fresh_id(old: &str) -> String {
    let prefix = if old.starts_with("evt_test_") {
        "evt_test_"
    } else {
        "evt_"
    };
    let letters = (0..24).map(|_| fastrand::alphanumeric());
    format!("{prefix}{}", letters.collect::<String>())
}

fn alike(folder: &Path, name: &str) -> String {
    let area = name.split('.').next().unwrap_or(name);
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let names =
        files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".json")?.to_owned()));
    let mut names: Vec<_> = names.collect();
    names.sort();
    let near: Vec<_> = names
        .iter()
        .filter(|other| other.starts_with(area))
        .cloned()
        .collect();
    format!(
        "there are: {}",
        if near.is_empty() { names } else { near }.join(", ")
    )
}

/// An object's members in their order, duplicates included, each value as it was written.
struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        serde_json::from_str(value.get()).ok()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event, which is an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Fields(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "{\n  ";
        for (name, value) in &self.0 {
            write!(
                f,
                "{separator}{}: {value}",
                serde_json::Value::from(name.as_str())
            )?;
            separator = ",\n  ";
        }
        f.write_str("\n}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::from_millis(1_800_000_000_500);

    fn at() -> SystemTime {
        SystemTime::UNIX_EPOCH + AT
    }

    #[test]
    fn a_fresh_event_differs_in_id_and_created_only() {
        let body =
            br#"{"id":"evt_1Old","b":1.0e+2,"a":[ 1,1 ],"a":"\u00e9","created":17,"type":"x.y"}"#;
        let sample = Sample::of_body(body.to_vec()).expect("it is an event");
        let fresh = sample.fresh(at()).expect("it is an event");
        assert_ne!(fresh.id, sample.id);
        assert_eq!((fresh.id.len(), fresh.kind.as_str()), (28, "x.y"));
        let expected = format!(
            "{{\n  \"id\": \"{}\",\n  \"b\": 1.0e+2,\n  \"a\": [ 1,1 ],\n  \"a\": \"\\u00e9\",\n  \
             \"created\": 1800000000,\n  \"type\": \"x.y\"\n}}",
            fresh.id
        );
        assert_eq!(String::from_utf8(fresh.body).expect("it is text"), expected);
    }

    #[test]
    fn a_thin_event_keeps_its_kind_of_id_and_of_date_and_names_its_account_in_the_context() {
        let body = br#"{"id":"evt_test_1","type":"v1.x","created":"2026-01-05T09:00:00.000Z","context":"org_1/acct_2"}"#;
        let fresh = Sample::of_body(body.to_vec())
            .and_then(|sample| sample.fresh(at()))
            .expect("it is an event");
        assert!(fresh.id.starts_with("evt_test_"));
        assert_eq!(fresh.account.as_deref(), Some("acct_2"));
        assert!(
            String::from_utf8_lossy(&fresh.body)
                .contains("\"created\": \"2027-01-15T08:00:00.500Z\"")
        );
    }

    #[test]
    fn a_sample_that_does_not_exist_is_answered_with_those_that_are_alike() {
        let problem =
            Sample::named(&crate::stack::root(), "refund.exploded").expect_err("there is none");
        assert!(problem.to_string().contains("refund.created"), "{problem}");
        assert!(!problem.to_string().contains("payout.paid"), "{problem}");
    }

    #[test]
    fn what_is_not_an_event_is_refused() {
        assert_eq!(Sample::of_body(b"{}".to_vec()), Err("has no id".to_owned()));
        assert!(Sample::of_body(b"[]".to_vec()).is_err());
    }
}
