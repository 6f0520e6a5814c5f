//! The formats in which items have been written, and how each is read as a current item.
//!
//! | schema | what was different |
//! |---|---|
//! | 1 | `evidence` had one event (`created`, `event`, `terminal`), `tie_unresolved` if another shared its second |
//! | 2 | the current one: a set of candidates for the newest second (`second`, `members`), with digests |
//!
//! Guarantee: an item of any format up to [`SCHEMA`] is read. The next event that changes it writes it in the current
//! format, so nothing has to be migrated. A later format is refused with `projection.newer`: reading the known part and
//! writing that back would lose the rest. Messages wait in their queue until code that knows the format is deployed
//! again.
//!
//! A domain's own state has no version number: fields are added with `#[serde(default)]`.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Item, SCHEMA};
use crate::code;
use crate::consumer::order::candidate::{Before, Candidate, Source};
use crate::consumer::order::digest::Digest;
use crate::consumer::order::evidence::Evidence;
use crate::effects::effect::Pending;
use crate::fault::Fault;

/// What every format has.
#[derive(Deserialize)]
struct Numbered {
    schema: u32,
}

/// Format 1.
#[derive(Deserialize)]
struct First<S> {
    state: S,
    evidence: OneEvent,
    history: Vec<String>,
    #[serde(default)]
    facts: BTreeSet<String>,
    #[serde(default)]
    pending: Vec<Pending>,
}

#[derive(Deserialize)]
struct OneEvent {
    terminal: bool,
    created: i64,
    event: String,
    #[serde(default)]
    tie_unresolved: bool,
}

impl<S: Clone + PartialEq> From<First<S>> for Item<S> {
    fn from(first: First<S>) -> Self {
        let rests_on = first.evidence;
        let evidence = Evidence::of(Candidate {
            source: Source::Event {
                created: rests_on.created,
                id: rests_on.event,
            },
            terminal: rests_on.terminal,
            notice: false,
            closing: false,
            // No digest was kept. Without an API version the candidate links to no other, so its digest is never
            // compared.
            api_version: None,
            before: Before::Unknown,
            after: Digest::of(&Value::Null),
            state: first.state,
        });
        let evidence = match rests_on.tie_unresolved {
            true => evidence.incomplete(),
            false => evidence,
        };
        Self {
            schema: SCHEMA,
            evidence,
            derived: None,
            levels_owed: false,
            emitted: None,
            seq: 0,
            history: first.history,
            facts: first.facts,
            pending: first.pending,
            generations: Vec::new(),
        }
    }
}

/// Reads a stored item of any format.
///
/// # Errors
/// `Retry`, not `Reject`, since other code may be able to read it: `projection.newer` if later code wrote it,
/// `projection.unreadable` if it is no item.
pub fn read<S>(document: &str) -> Result<Item<S>, Fault>
where
    S: DeserializeOwned + Serialize + Clone + PartialEq,
{
    let Numbered { schema } = parsed(document)?;
    match schema {
        1 => parsed::<First<S>>(document).map(Item::from),
        SCHEMA => parsed(document),
        newer => Err(Fault::retry(
            code::PROJECTION_NEWER,
            format!("the stored item has form {newer}, and this code knows up to {SCHEMA}"),
        )),
    }
}

fn parsed<T: DeserializeOwned>(document: &str) -> Result<T, Fault> {
    serde_json::from_str(document).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Fault::retry(
            code::PROJECTION_UNREADABLE,
            format!("at line {line} column {column} of the stored item"),
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn first(evidence: &Value) -> String {
        json!({
            "schema": 1, "state": 7, "evidence": evidence, "history": ["evt_0", "evt_1"], "facts": ["Lit#1"],
        })
        .to_string()
    }

    #[test]
    fn an_item_of_the_first_form_is_read_with_all_that_it_holds_and_written_in_todays() {
        let old = first(&json!({ "terminal": true, "created": 5, "event": "evt_1" }));
        let item = read::<i64>(&old).expect("readable");
        assert_eq!(
            (item.evidence.terminal(), item.evidence.second()),
            (true, 5)
        );
        assert_eq!(*item.evidence.head().state(), 7);
        assert!(item.evidence.head().is_decided());
        assert_eq!(item.history, ["evt_0", "evt_1"]);
        assert!(item.facts.contains("Lit#1") && item.pending.is_empty());

        let written = serde_json::to_string(&item).expect("JSON");
        assert!(written.contains(r#""schema":2"#), "{written}");
        assert_eq!(read::<i64>(&written), Ok(item));
    }

    #[test]
    fn a_guess_of_the_first_form_stays_one_until_a_later_second() {
        let evidence =
            json!({ "terminal": false, "created": 5, "event": "evt_1", "tie_unresolved": true });
        let item = read::<i64>(&first(&evidence)).expect("readable");
        assert!(!item.evidence.head().is_decided());
        let of = |id: &str, created: i64| Candidate {
            source: Source::Event {
                created,
                id: id.to_owned(),
            },
            terminal: false,
            notice: false,
            closing: false,
            api_version: Some("2025-09-30.clover".to_owned()),
            before: Before::Unknown,
            after: Digest::of(&json!(created)),
            state: created,
        };
        let same_second = item.evidence.add(of("evt_2", 5));
        assert!(!same_second.head().is_decided());
        let later = item.evidence.add(of("evt_3", 6));
        assert!(later.head().is_decided());
        assert_eq!(*later.head().state(), 6);
    }

    #[test]
    fn an_item_of_a_later_form_waits_for_the_code_that_knows_it() {
        let newer =
            json!({ "schema": SCHEMA + 1, "state": 7, "second": 5, "members": [], "history": [] });
        let fault = read::<i64>(&newer.to_string()).expect_err("unknown");
        assert_eq!(fault.code, "projection.newer");
        let none = read::<i64>("{}").expect_err("no item");
        assert_eq!(none.code, "projection.unreadable");
    }
}
