//! Runs over many objects, page by page: rebuilds and imports, dead letters, reconcile.
//!
//! | `pk` | `sk` | attributes |
//! |---|---|---|
//! | `<kind>#<run>` | `run` | `doc` S: [`BulkRun`] as JSON; `expires_at` N s |
//!
//! A record has no version: it is written if the stored document is the one that was read. If two programs resume the
//! same run, one stops.

use std::collections::BTreeMap;

use aws_types::SdkConfig;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use sluice_kernel::fault::Fault;

use super::{DAY_S, Only, Place, RunKind, RunStore, State, Summary};
use crate::code;
use crate::entry::{Item, number, text};

/// A run over many objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BulkRun {
    /// Its name: its kind, what it runs over, and when it was begun.
    pub name: String,
    /// Who began it.
    pub who: String,
    /// Why; earlier versions lost it in a resumed run.
    pub why: Option<String>,
    /// What was asked for, in the run's own form, so that it can be resumed without being asked for again; `null` if the
    /// program that began it didn't record it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub asked: Value,
    /// The position to resume from, in the run's own form; `null` at the beginning.
    pub at: Value,
    /// When it was written last, in Unix milliseconds.
    pub at_ms: i64,
    /// The number of objects read.
    pub looked: usize,
    /// The number of these that failed.
    pub failed: usize,
    /// The number of each outcome, by its name.
    pub counts: BTreeMap<String, usize>,
    /// Its state.
    #[serde(
        rename = "standing",
        serialize_with = "write",
        deserialize_with = "read"
    )]
    pub state: State,
}

fn write<S: Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match state {
        State::Running => "running",
        State::Done => "done",
        State::Stopped(reason) => reason,
    })
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
    let word = String::deserialize(deserializer)?;
    Ok(match word.as_str() {
        "running" => State::Running,
        "done" => State::Done,
        _ => State::Stopped(word),
    })
}

/// A record as stored in the table: a program that holds it may write the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held(String);

/// The runs of one kind.
#[derive(Debug, Clone)]
pub struct BulkRuns {
    store: RunStore,
    kind: RunKind,
    keep_days: u32,
}

impl BulkRuns {
    /// Uses the outcomes table of this name; a record is kept for this many days after it was written last.
    pub fn new(config: &SdkConfig, table: String, kind: RunKind, keep_days: u32) -> Self {
        Self {
            store: RunStore::new(config, table),
            kind,
            keep_days,
        }
    }

    /// Records a new run, and lists it.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached, `Held` with `run.taken` if there is a run of this name.
    pub async fn begin(&self, run: &BulkRun, plan: Option<String>) -> Result<Held, Fault> {
        let place = Place {
            kind: self.kind,
            name: run.name.clone(),
            plan,
            began_ms: run.at_ms,
        };
        self.store.enlist(&place, self.expires_at_s(run)).await?;
        self.write(run, Only::IfNew).await
    }

    /// A run and its record; `None` if there is none of this name.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached or the record can't be read.
    pub async fn find(&self, name: &str) -> Result<Option<(BulkRun, Held)>, Fault> {
        let [pk, sk] = self.kind.record(name, 0);
        let Some(item) = self.store.item(&pk, &sk).await? else {
            return Ok(None);
        };
        let unreadable = || Fault::retry(code::RUN_UNREADABLE, "the run's record can't be read");
        let run = document(&item).ok_or_else(unreadable)?;
        let held = item.get("doc").and_then(|doc| doc.as_s().ok());
        let held = held.cloned().ok_or_else(unreadable)?;
        Ok(Some((run, Held(held))))
    }

    /// Writes a run's progress.
    ///
    /// # Errors
    /// `Retry` if the table can't be reached, `Held` with `run.taken` if another program has written it since.
    pub async fn save(&self, run: &BulkRun, held: &Held) -> Result<Held, Fault> {
        self.write(run, Only::If("doc", &text(&held.0))).await
    }

    async fn write(&self, run: &BulkRun, only: Only<'_>) -> Result<Held, Fault> {
        // As a JSON value, with its fields in the order of their names.
        let document = json!(run).to_string();
        let [pk, sk] = self.kind.record(&run.name, 0);
        let item = Item::from([
            ("pk".to_owned(), text(pk)),
            ("sk".to_owned(), text(sk)),
            ("doc".to_owned(), text(&document)),
            ("expires_at".to_owned(), number(self.expires_at_s(run))),
        ]);
        match self.store.put(item, only).await? {
            true => Ok(Held(document)),
            false => Err(Fault::held(
                code::RUN_TAKEN,
                "another program has resumed this run",
            )),
        }
    }

    fn expires_at_s(&self, run: &BulkRun) -> i64 {
        run.at_ms / 1_000 + i64::from(self.keep_days) * DAY_S
    }
}

fn document(item: &Item) -> Option<BulkRun> {
    serde_json::from_str(item.get("doc")?.as_s().ok()?).ok()
}

pub(super) fn summary(place: Place, record: &Item) -> Option<Summary> {
    let run = document(record)?;
    Some(Summary {
        kind: place.kind,
        name: place.name,
        who: run.who,
        why: run.why.unwrap_or_default(),
        plan: place.plan,
        began_ms: place.began_ms,
        at_ms: run.at_ms,
        state: run.state,
        done: run.looked,
        total: None,
        failed: run.failed,
        counts: run.counts,
        versions: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_record_is_the_one_that_earlier_versions_wrote() {
        let written = r#"{"at":{"after":"k","over":false},"at_ms":7,"counts":{"changed":1},"failed":0,"looked":3,"name":"rebuild-billing-1","standing":"running","who":"me","why":"fixed"}"#;
        let run: BulkRun = serde_json::from_str(written).expect("it is read");
        assert_eq!((run.looked, &run.state), (3, &State::Running));
        assert_eq!(json!(run).to_string(), written);
        for (word, state) in [
            ("done", State::Done),
            (
                "3 of 20 failed, more than 10 %",
                State::Stopped("3 of 20 failed, more than 10 %".to_owned()),
            ),
        ] {
            let mut document: Value = serde_json::from_str(written).expect("JSON");
            document["standing"] = json!(word);
            document["why"] = Value::Null;
            let run: BulkRun = serde_json::from_value(document.clone()).expect("it is read");
            assert_eq!((&run.state, &run.why), (&state, &None));
            assert_eq!(json!(run), document);
        }
    }
}
